/* train_tokenizer.c - primer_tokenizer_train: tokenizer/bpe_train.h behind the public header. */
#include "primer_train.h"

#include <string.h>
#include "base/file.h"
#include "tokenizer/bpe_train.h"

/* What can be known to fail at the end is looked at before the texts are read: whether this kind of
 * file can name the pattern, and whether a file can be made there. */
static primer_status check_output(const primer_tokenizer_options *options, const char *path,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bpe_train_pattern pattern = {0};
    struct file_writer writer = {0};
    if (options->chat_template != NULL && !bpe_train_is_gguf(path))
        FAIL(PRIMER_EUNSUPPORTED, "%s: a chat template goes into a .gguf alone", path);
    TRY(bpe_train_pattern_create(&pattern, options->pattern, options->split_digits, error));
    TRY(bpe_train_pattern_check(&pattern, !bpe_train_is_gguf(path), error));
    TRY(file_writer_open(&writer, path, error));
cleanup:
    file_writer_abandon(&writer);
    bpe_train_pattern_free(&pattern);
    return status;
}

static void fill_summary(const struct bpe_trained *trained, primer_tokenizer_summary *summary)
{
    *summary = (primer_tokenizer_summary){
        .vocabulary = bpe_train_vocabulary(trained),
        .merges = trained->merge_count,
        .text_bytes = trained->text_bytes,
        .pieces = trained->pieces,
        .distinct_pieces = trained->distinct,
        .forgotten = trained->forgotten,
        .forgotten_pieces = trained->forgotten_pieces,
        .last_count = trained->last_count,
        .counting_seconds = trained->counting_seconds,
        .merging_seconds = trained->merging_seconds,
    };
    _Static_assert(sizeof summary->pattern == sizeof trained->pattern.name, "the pattern's name");
    memcpy(summary->pattern, trained->pattern.name, sizeof summary->pattern);
}

primer_status primer_tokenizer_train(const char *const *texts, size_t count,
                                     const primer_tokenizer_options *options, const char *path,
                                     primer_tokenizer_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bpe_trained *trained = NULL;
    const struct bpe_train_options inner = {
        .vocabulary = options->vocabulary,
        .pattern = options->pattern,
        .split_digits = options->split_digits,
        .characters = options->characters,
        .least_count = options->least_count,
        .fewer = options->fewer,
        .special = options->special,
        .special_count = options->special_count,
        .special_last = options->special_last,
        .chat_template = options->chat_template,
        .threads = options->threads,
        .progress = options->progress,
        .context = options->context,
    };
    TRY(check_output(options, path, error));
    TRY(file_check_output(path, texts, count, error));
    TRY(bpe_train(texts, count, &inner, &trained, error));
    TRY(bpe_train_write(trained, path, error));
    if (summary != NULL)
        fill_summary(trained, summary);
cleanup:
    bpe_train_free(trained);
    return status;
}
