/* command_tokenizer.c - primer tokenizer: a byte-level BPE learned from texts.
 *
 * Ctrl-C and the signals that end a program only set a flag: the next report of progress says that
 * it is to stop, and nothing has been written by then.
 */
#include "command/command.h"

#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "primer_train.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

enum { STANDARD_VOCABULARY = 8192, TEMPLATE_MOST = 1 << 20 };

static const char *const standard_special[] = {"<|endoftext|>"};

/* Two kinds of work, one after the other, each with a line of its own. */
struct reporter {
    struct progress progress;
    const char *what;
};

static bool report(void *context, const char *what, uint64_t done, uint64_t all)
{
    struct reporter *const reporter = context;
    if (reporter->what == NULL || strcmp(reporter->what, what) != 0) {
        progress_end(&reporter->progress);
        reporter->progress = strcmp(what, "counting") == 0
                                 ? progress_begin("reading the texts", "B")
                                 : progress_begin("learning merges", "merges");
        reporter->what = what;
    }
    progress_step(&reporter->progress, done, all, NULL);
    return !interrupt_seen();
}

static primer_status write_json(const primer_tokenizer_summary *summary, const char *path,
                                struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"file\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(out, error, ",\"vocabulary\":%zu,\"merges\":%zu,\"pattern\":",
                          summary->vocabulary, summary->merges));
    FORWARD(buffer_json_string(out, summary->pattern, strlen(summary->pattern), error));
    return buffer_format(
        out, error,
        ",\"text_bytes\":%llu,\"pieces\":%llu,\"distinct_pieces\":%llu,\"forgotten\":%llu,"
        "\"forgotten_pieces\":%llu,\"last_count\":%llu,\"counting_seconds\":%.3f,"
        "\"merging_seconds\":%.3f}\n",
        (unsigned long long)summary->text_bytes, (unsigned long long)summary->pieces,
        (unsigned long long)summary->distinct_pieces, (unsigned long long)summary->forgotten,
        (unsigned long long)summary->forgotten_pieces, (unsigned long long)summary->last_count,
        summary->counting_seconds, summary->merging_seconds);
}

static primer_status write_text(const primer_tokenizer_summary *summary, const char *path,
                                bool characters, struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "%s: %s tokens, %s of them merged, from %s of text\n", path,
                          render_count(summary->vocabulary, a), render_count(summary->merges, b),
                          render_bytes(summary->text_bytes, c)));
    if (characters)
        FORWARD(buffer_format(out, error, "  %s characters, counted in %s\n",
                              render_count(summary->pieces, a),
                              render_duration(summary->counting_seconds, b)));
    else
        FORWARD(buffer_format(out, error, "  %s%s%s pieces, %s different ones, counted in %s\n",
                              summary->pattern, *summary->pattern != '\0' ? ": " : "",
                              render_count(summary->pieces, a),
                              render_count(summary->distinct_pieces, b),
                              render_duration(summary->counting_seconds, c)));
    if (!characters)
        FORWARD(buffer_format(out, error, "  merges learned in %s; the last pair occurs %s times\n",
                              render_duration(summary->merging_seconds, a),
                              render_count(summary->last_count, b)));
    if (summary->forgotten > 0)
        FORWARD(buffer_format(out, error,
                              "  the rarest pieces were not counted to the end: %s different ones, "
                              "which had been met %s times\n",
                              render_count(summary->forgotten_pieces, a),
                              render_count(summary->forgotten, b)));
    return PRIMER_OK;
}

static primer_tokenizer_options options_of(const struct settings *settings,
                                           struct reporter *reporter)
{
    const struct settings_list *const special = &settings->special_tokens;
    primer_tokenizer_options options = {
        .vocabulary = settings->vocabulary,
        .pattern = settings->pattern,
        .split_digits = settings->split_digits,
        .characters = settings->characters,
        .least_count = settings->least_count,
        .fewer = settings->fewer,
        .special = standard_special,
        .special_count = 1,
        .special_last = settings->special_last,
        .threads = settings->model.threads,
        .progress = report,
        .context = reporter,
    };
    if (options.vocabulary == 0 && !options.characters)
        options.vocabulary = STANDARD_VOCABULARY;
    if (special->count == 1 && *special->items[0] == '\0') {
        options.special_count = 0;
    } else if (special->count > 0) {
        options.special = special->items;
        options.special_count = special->count;
    }
    return options;
}

static int train(const struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    primer_tokenizer_summary summary = {0};
    struct buffer out = {0}, template = {0};
    struct reporter reporter = {.what = NULL};
    primer_tokenizer_options options = options_of(settings, &reporter);
    if (settings->template_name != NULL) {
        TRY(file_read(settings->template_name, TEMPLATE_MOST, &template, error));
        options.chat_template = template.bytes == NULL ? "" : template.bytes;
    }
    interrupt_install(NULL);
    interrupt_hold();
    status = primer_tokenizer_train(settings->arguments + 1, settings->argument_count - 1, &options,
                                    settings->output, &summary, error);
    progress_end(&reporter.progress);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    if (status != PRIMER_OK)
        goto cleanup;
    TRY(settings->json ? write_json(&summary, settings->output, &out, error)
                       : write_text(&summary, settings->output, settings->characters, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    buffer_free(&template);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

static int run(struct settings *settings)
{
    const char *const what = settings->arguments[0];
    char shown[64];
    if (strcmp(what, "train") != 0)
        return command_misused(settings->command, "found \"%s\", expected train",
                               error_printable(what, strlen(what), shown, sizeof shown));
    if (settings->argument_count < 2)
        return command_misused(settings->command, "no text was named to learn from");
    if (settings->output == NULL)
        return command_misused(settings->command, "-o FILE is missing: where to write it");
    return train(settings);
}

const struct command command_tokenizer = {
    .name = "tokenizer",
    .group = "Prepare",
    .arguments = "train TEXT...",
    .summary = "learn a byte-level BPE from texts",
    .teaching =
        "Examples\n"
        "  primer tokenizer train stories.txt -o tokenizer.gguf --vocab 4096\n"
        "  primer tokenizer train a.txt b.txt -o tokenizer.json --pattern llama-bpe "
        "--split-digits\n"
        "  primer tokenizer train shakespeare.txt -o characters.gguf --characters\n\n"
        "FILE is a GGUF of the vocabulary alone where it ends in .gguf, else a tokenizer.json. "
        "Every text is\n"
        "taken as it is, whatever its name ends in; special tokens that stand in it are borders "
        "between\n"
        "documents. Without --special there is one, <|endoftext|>; --special \"\" is none. The "
        "first one begins\n"
        "and ends texts.\n\n"
        "The pattern cuts texts into the pieces inside which pairs are merged: gpt-2, llama-bpe "
        "and other names\n"
        "of tokenizer.ggml.pre, or an expression (into a tokenizer.json alone). With "
        "--split-digits "
        "gpt-2 becomes\n"
        "starcoder and llama-bpe becomes qwen2, as llama.cpp calls these patterns.\n\n"
        "Of pairs that are equally frequent the one with the greater bytes is merged. More than "
        "eight million\n"
        "different pieces are not kept: the rarest are forgotten, and it is said how many.\n",
    .bit = COMMAND_TOKENIZER,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
