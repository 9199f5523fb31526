/* data_decontaminate.c - documents that repeat a problem of an evaluation are left out. Declared in
 * data.h.
 *
 *   items ----> index of word grams, index of syntax trees
 *   pass 1      a sample of the documents, drawn evenly: how common is each word, each gram?
 *   pass 2      record --threads--> words in common?
 *                      --sandbox--> trees --threads--> alike?  --in order--> written or reported
 *
 * Of several processes each draws the whole sample, judges its records (data_share.h), and the first one
 * writes.
 *
 * Memory: the indexes, the sample (SAMPLE documents of at most SAMPLE_BYTES) and a round.
 */
#include "data/data.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/random.h"
#include "data/data_decontaminate_code.h"
#include "data/data_decontaminate_embedding.h"
#include "data/data_decontaminate_items.h"
#include "data/data_decontaminate_trees.h"
#include "data/data_decontaminate_words.h"
#include "data/data_overlap_rounds.h"
#include "data/data_share.h"
#include "sandbox/sandbox.h"

#define SLOTS        4096
#define ROUND_BYTES  ((size_t)8 << 20)
#define SAMPLE       8192
#define SAMPLE_BYTES ((size_t)32 << 10)
/* Nats, as data_overlap_weight.h weighs. Chosen on planted copies (docs/dedup.md). */
#define LEAST_WEIGHT    12.0 /* of a gram of words */
#define LEAST_WHOLE     9.0  /* of one that is all of an item's part */
#define LEAST_EVIDENCE  10.0 /* of a match of trees */
#define LEAST_SUM       45.0 /* of that and of the words that the two texts share */
#define LEAST_CONTAINED 0.5  /* of the item's tree */
#define LEAST_NODES     8    /* of the item's tree */
#define SHOWN_WORDS     64   /* of a run, in the report */

_Static_assert(DATA_WORDS_MOST == DATA_DECONTAMINATE_LONGEST, "one limit");

/* What is found out about a record. */
struct verdict {
    struct data_decontaminate_run run;
    struct data_decontaminate_match match; /* item SIZE_MAX: none */
    bool sure;                             /* that it is no accident, by trees and words */
    double shared_words;                   /* nats: what weigh the words shared with its item */
    struct buffer shared;                  /* the run's words */
    bool parsed;                           /* it has a syntax tree */
    bool embedded;                         /* the model was asked */
    double distance;                       /* as it says */
    size_t unread; /* of all texts that its process judged in this round; of its first one alone */
    primer_status status;
    primer_error error;
};

struct decontamination {
    const struct data_decontaminate_options *options;
    struct data_decontaminate_summary *summary;
    const char *const *inputs;
    struct data_decontaminate_items items;
    struct data_decontaminate_words words;
    struct data_decontaminate_code code;
    struct data_decontaminate_trees trees;
    struct data_decontaminate_reader *readers;   /* [threads] */
    struct data_decontaminate_matcher *matchers; /* [threads] */
    const struct data_overlap_record *records;   /* of the round */
    struct data_decontaminate_text *texts;       /* [SLOTS] */
    struct verdict *verdicts;                    /* [SLOTS] */
    struct buffer *sample;                       /* [SAMPLE] */
    size_t sampled;
    uint64_t seen; /* documents the sample was drawn from */
    struct random random;
    struct sandbox *sandbox; /* NULL: no syntax trees */
    struct pool *pool;
    struct data_decontaminate_embedding embedding;
    struct data_share share;
    struct file_writer out, report;
    struct buffer line;
    bool second;        /* the second pass */
    uint64_t done, all; /* as was reported last */
};

static size_t threads_of(const struct decontamination *work)
{
    return pool_size(work->pool);
}

/* ---- the items ------------------------------------------------------------------------------- */

/* Python's parser is asked only about what could be a program. */
static bool may_be_program(const char *text)
{
    return text != NULL && (strstr(text, "def ") != NULL || strstr(text, "class ") != NULL);
}

static primer_status add_programs(struct decontamination *work, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct data_decontaminate_items *const items = &work->items;
    const size_t most = items->count * DATA_DECONTAMINATE_PARTS;
    struct data_decontaminate_text *const texts = memory_allocate(most, sizeof *texts);
    uint32_t *const of = memory_allocate(most, sizeof *of);
    size_t count = 0;
    if (texts == NULL || of == NULL) {
        status = memory_failure(error, "programs of items", most * sizeof *texts);
        goto cleanup;
    }
    for (size_t i = 0; i < items->count; i++)
        for (size_t k = 0; k < items->items[i].part_count; k++) {
            const struct data_decontaminate_part *const part = &items->items[i].parts[k];
            if (!may_be_program(part->text))
                continue;
            texts[count] = (struct data_decontaminate_text){part->text, part->length};
            of[count++] = (uint32_t)i;
        }
    if (count == 0)
        goto cleanup;
    status = data_decontaminate_trees_open(threads_of(work), &work->sandbox, error);
    if (status == PRIMER_EUNSUPPORTED)
        error_prefix(error, "syntax trees are compared in a sandbox (--words-only does without)");
    TRY(status);
    TRY(data_decontaminate_trees_read(&work->trees, work->sandbox, threads_of(work), texts, count,
                                      error));
    TRY(data_decontaminate_code_create(&work->code, &work->trees, of, count, error));
    for (size_t i = 0; i < count; i++)
        work->summary->programs += work->trees.first[i + 1] > work->trees.first[i];
cleanup:
    memory_free(texts);
    memory_free(of);
    return status;
}

/* ---- pass 1: a sample ------------------------------------------------------------------------ */

static primer_status look_at_nothing(void *context, struct data_overlap_record *record, size_t slot,
                                     size_t thread, primer_error *error)
{
    (void)context, (void)record, (void)slot, (void)thread, (void)error;
    return PRIMER_OK;
}

/* Vitter's algorithm R: each document is as likely as any other to be in the sample. */
static primer_status draw(void *context, struct data_overlap_record *record, size_t slot,
                          primer_error *error)
{
    struct decontamination *const work = context;
    (void)slot;
    const uint64_t place =
        work->seen < SAMPLE ? work->seen : random_below(&work->random, work->seen + 1);
    work->seen++;
    if (place >= SAMPLE)
        return PRIMER_OK;
    if (work->sampled < SAMPLE && place == work->sampled)
        work->sampled++;
    struct buffer *const kept = &work->sample[place];
    const size_t length = record->text.length < SAMPLE_BYTES ? record->text.length : SAMPLE_BYTES;
    buffer_clear(kept);
    return length == 0 ? PRIMER_OK : buffer_append(kept, record->text.bytes, length, error);
}

static primer_status count_sample(struct decontamination *work, primer_error *error)
{
    for (size_t from = 0; from < work->sampled; from += SLOTS) {
        const size_t count = work->sampled - from < SLOTS ? work->sampled - from : SLOTS;
        for (size_t i = 0; i < count; i++) {
            const struct buffer *const text = &work->sample[from + i];
            FORWARD(data_decontaminate_words_count(&work->words, &work->readers[0],
                                                   text->length > 0 ? text->bytes : "",
                                                   text->length, error));
            work->texts[i] = (struct data_decontaminate_text){0};
            if (may_be_program(text->bytes))
                work->texts[i] = (struct data_decontaminate_text){text->bytes, text->length};
        }
        if (work->sandbox == NULL)
            continue;
        FORWARD(data_decontaminate_trees_read(&work->trees, work->sandbox, threads_of(work),
                                              work->texts, count, error));
        for (size_t i = 0; i < count; i++)
            FORWARD(data_decontaminate_code_count(
                &work->code, &work->matchers[0], work->trees.trees + work->trees.first[i],
                work->trees.first[i + 1] - work->trees.first[i], error));
    }
    data_decontaminate_words_finish(&work->words);
    if (work->sandbox != NULL)
        data_decontaminate_code_finish(&work->code);
    return PRIMER_OK;
}

/* ---- pass 2: judging ------------------------------------------------------------------------- */

static primer_status find_words(void *context, struct data_overlap_record *record, size_t slot,
                                size_t thread, primer_error *error)
{
    struct decontamination *const work = context;
    struct verdict *const verdict = &work->verdicts[slot];
    struct data_decontaminate_reader *const reader = &work->readers[thread];
    buffer_clear(&verdict->shared);
    verdict->match.item = SIZE_MAX;
    verdict->sure = verdict->parsed = verdict->embedded = false;
    verdict->unread = 0;
    FORWARD(data_decontaminate_words_find(
        &work->words, reader, record->text.length > 0 ? record->text.bytes : "",
        record->text.length, LEAST_WEIGHT, LEAST_WHOLE, &verdict->run, error));
    if (verdict->run.item == SIZE_MAX)
        return PRIMER_OK;
    for (size_t i = 0; i < verdict->run.length && i < SHOWN_WORDS; i++) {
        const struct data_overlap_word *const word = &reader->words[verdict->run.first + i];
        if (i > 0)
            FORWARD(buffer_text(&verdict->shared, " ", error));
        FORWARD(buffer_append(&verdict->shared, reader->folded.bytes + word->begin, word->length,
                              error));
    }
    return PRIMER_OK;
}

/* Whether a match of trees is no accident. Its match rate is high enough already. */
static bool is_sure(const struct data_decontaminate_match *match, double shared_words)
{
    return match->nodes >= LEAST_NODES && match->contained >= LEAST_CONTAINED &&
           match->evidence + shared_words >= LEAST_SUM;
}

static primer_status judge_trees(struct decontamination *work, size_t slot, size_t thread,
                                 primer_error *error)
{
    struct verdict *const verdict = &work->verdicts[slot];
    struct data_decontaminate_match matches[DATA_DECONTAMINATE_MATCHES];
    const struct buffer *const text = &work->records[slot].text;
    const size_t first = work->trees.first[slot], trees = work->trees.first[slot + 1] - first;
    size_t found = 0;
    double best = 0;
    verdict->sure = false;
    FORWARD(data_decontaminate_code_find(
        &work->code, &work->matchers[thread], work->trees.trees + first, trees,
        work->summary->similarity, LEAST_EVIDENCE, matches, &found, error));
    if (found > 0)
        FORWARD(data_decontaminate_words_mark(&work->words, &work->readers[thread], text->bytes,
                                              text->length, error));
    for (size_t i = 0; i < found; i++) {
        const double shared =
            data_decontaminate_words_shared(&work->words, &work->readers[thread], matches[i].item);
        const double sum = matches[i].rate * matches[i].evidence + shared;
        const bool sure = is_sure(&matches[i], shared);
        if (sure < verdict->sure || (sure == verdict->sure && sum <= best))
            continue;
        best = sum;
        verdict->sure = sure;
        verdict->match = matches[i];
        verdict->shared_words = shared;
    }
    return PRIMER_OK;
}

static void find_trees(void *context, size_t task, size_t thread)
{
    struct decontamination *const work = context;
    struct verdict *const verdict = &work->verdicts[task];
    verdict->match.item = SIZE_MAX;
    verdict->status = PRIMER_OK;
    if (work->trees.first[task + 1] > work->trees.first[task])
        verdict->status = judge_trees(work, task, thread, &verdict->error);
}

/* The trees of this process's texts, and what they are like. */
static primer_status find_own_trees(struct decontamination *work,
                                    const struct data_overlap_record *records, size_t count,
                                    primer_error *error)
{
    bool told = false;
    for (size_t i = 0; i < count; i++) {
        const struct buffer *const text = &records[i].text;
        work->texts[i] = (struct data_decontaminate_text){0};
        if (data_share_owns(&work->share, i) && records[i].status == PRIMER_OK &&
            may_be_program(text->bytes))
            work->texts[i] = (struct data_decontaminate_text){text->bytes, text->length};
    }
    FORWARD(data_decontaminate_trees_read(&work->trees, work->sandbox, threads_of(work),
                                          work->texts, count, error));
    work->records = records;
    data_share_pool(&work->share, work->pool, find_trees, work, count);
    for (size_t i = 0; i < count; i++) {
        struct verdict *const verdict = &work->verdicts[i];
        if (!data_share_owns(&work->share, i) || records[i].status != PRIMER_OK)
            continue;
        if (verdict->status != PRIMER_OK)
            return error_set(error, verdict->status, "%s", verdict->error.message);
        verdict->parsed = work->trees.first[i + 1] > work->trees.first[i];
        verdict->unread = told ? 0 : work->trees.unread;
        told = true;
    }
    return PRIMER_OK;
}

/* A match whose evidence isn't enough: a copy where the texts lie close together too. */
static primer_status ask_model(struct decontamination *work,
                               const struct data_overlap_record *record, struct verdict *verdict,
                               primer_error *error)
{
    if (verdict->run.item != SIZE_MAX || verdict->match.item == SIZE_MAX || verdict->sure)
        return PRIMER_OK;
    verdict->embedded = true;
    return data_decontaminate_embedding_distance(&work->embedding, &work->items,
                                                 verdict->match.item, record->text.bytes,
                                                 record->text.length, &verdict->distance, error);
}

static primer_status judge_round(void *context, struct data_overlap_record *records, size_t count,
                                 primer_error *error)
{
    struct decontamination *const work = context;
    if (work->sandbox == NULL)
        return PRIMER_OK;
    FORWARD(find_own_trees(work, records, count, error));
    for (size_t i = 0; work->embedding.model != NULL && i < count; i++)
        if (data_share_owns(&work->share, i) && records[i].status == PRIMER_OK)
            FORWARD(ask_model(work, &records[i], &work->verdicts[i], error));
    return PRIMER_OK;
}

/* ---- verdicts as bytes ----------------------------------------------------------------------- */

static primer_status save_verdict(void *context, size_t slot, struct buffer *out,
                                  primer_error *error)
{
    const struct decontamination *const work = context;
    const struct verdict *const verdict = &work->verdicts[slot];
    const struct data_decontaminate_run *const run = &verdict->run;
    const struct data_decontaminate_match *const match = &verdict->match;
    const uint64_t numbers[] = {run->item,
                                run->grams,
                                run->first,
                                run->length,
                                match->item,
                                match->nodes,
                                verdict->sure,
                                verdict->parsed,
                                verdict->embedded,
                                verdict->unread,
                                verdict->shared.length};
    const double reals[] = {run->weight,     match->rate,           match->contained,
                            match->evidence, verdict->shared_words, verdict->distance};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        FORWARD(data_share_put(out, numbers[i], error));
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        FORWARD(data_share_put_real(out, reals[i], error));
    return buffer_append(out, verdict->shared.bytes, verdict->shared.length, error);
}

static primer_status load_verdict(void *context, size_t slot, struct cursor *in,
                                  primer_error *error)
{
    struct decontamination *const work = context;
    struct verdict *const verdict = &work->verdicts[slot];
    uint64_t numbers[11];
    double reals[6];
    const unsigned char *shared = NULL;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        FORWARD(cursor_u64(in, "number of a verdict", &numbers[i], error));
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        FORWARD(cursor_f64(in, "number of a verdict", &reals[i], error));
    FORWARD(cursor_bytes(in, "words", numbers[10], &shared, error));
    verdict->run = (struct data_decontaminate_run){.item = (size_t)numbers[0],
                                                   .grams = (size_t)numbers[1],
                                                   .weight = reals[0],
                                                   .first = (size_t)numbers[2],
                                                   .length = (size_t)numbers[3]};
    verdict->match = (struct data_decontaminate_match){.item = (size_t)numbers[4],
                                                       .rate = reals[1],
                                                       .contained = reals[2],
                                                       .evidence = reals[3],
                                                       .nodes = (size_t)numbers[5]};
    verdict->sure = numbers[6] != 0;
    verdict->parsed = numbers[7] != 0;
    verdict->embedded = numbers[8] != 0;
    verdict->unread = (size_t)numbers[9];
    verdict->shared_words = reals[4];
    verdict->distance = reals[5];
    buffer_clear(&verdict->shared);
    return buffer_append(&verdict->shared, shared, (size_t)numbers[10], error);
}

/* ---- taking ---------------------------------------------------------------------------------- */

static primer_status report_start(struct decontamination *work,
                                  const struct data_overlap_record *record, const char *rule,
                                  size_t number, primer_error *error)
{
    const struct data_decontaminate_item *const item = &work->items.items[number];
    struct buffer *const line = &work->line;
    buffer_clear(line);
    FORWARD(buffer_text(line, "{\"file\": ", error));
    FORWARD(buffer_json_string(line, record->path, strlen(record->path), error));
    FORWARD(buffer_format(line, error, ", \"line\": %" PRIu64 ", \"rule\": \"%s\", \"against\": ",
                          record->line, rule));
    FORWARD(buffer_json_string(line, item->path, strlen(item->path), error));
    FORWARD(buffer_format(line, error, ", \"item\": %" PRIu64 ", \"task\": ", item->number));
    return item->name == NULL ? buffer_text(line, "null", error)
                              : buffer_json_string(line, item->name, strlen(item->name), error);
}

static primer_status report_words(struct decontamination *work,
                                  const struct data_overlap_record *record,
                                  const struct verdict *verdict, primer_error *error)
{
    struct buffer *const line = &work->line;
    work->summary->by_words++;
    if (work->options->report == NULL)
        return PRIMER_OK;
    FORWARD(report_start(work, record, "words", verdict->run.item, error));
    FORWARD(buffer_format(line, error, ", \"score\": %zu, \"weight\": %.2f, \"words\": ",
                          verdict->run.length, verdict->run.weight));
    FORWARD(buffer_json_string(line, verdict->shared.bytes, verdict->shared.length, error));
    FORWARD(buffer_text(line, "}\n", error));
    return file_writer_write(&work->report, line->bytes, line->length, error);
}

/* `distance` below 0: by trees and words. */
static primer_status report_tree(struct decontamination *work,
                                 const struct data_overlap_record *record,
                                 const struct verdict *verdict, double distance,
                                 primer_error *error)
{
    const struct data_decontaminate_match *const match = &verdict->match;
    struct buffer *const line = &work->line;
    if (distance < 0)
        work->summary->by_tree++;
    else
        work->summary->by_embedding++;
    if (work->options->report == NULL)
        return PRIMER_OK;
    FORWARD(report_start(work, record, distance < 0 ? "tree" : "embedding", match->item, error));
    FORWARD(buffer_format(line, error,
                          ", \"score\": %.4f, \"evidence\": %.2f, \"shared_words\": %.2f, "
                          "\"contained\": %.4f, \"nodes\": %zu",
                          match->rate, match->evidence, verdict->shared_words, match->contained,
                          match->nodes));
    if (distance >= 0)
        FORWARD(buffer_format(line, error, ", \"distance\": %.4f", distance));
    FORWARD(buffer_text(line, "}\n", error));
    return file_writer_write(&work->report, line->bytes, line->length, error);
}

static primer_status decide(void *context, struct data_overlap_record *record, size_t slot,
                            primer_error *error)
{
    struct decontamination *const work = context;
    const struct verdict *const verdict = &work->verdicts[slot];
    struct data_decontaminate_summary *const summary = work->summary;
    if (!data_share_is_first(&work->share)) /* which alone writes and tells */
        return PRIMER_OK;
    summary->documents++;
    summary->unread += verdict->unread;
    summary->parsed += verdict->parsed;
    summary->embedded += verdict->embedded;
    if (verdict->run.item != SIZE_MAX)
        return report_words(work, record, verdict, error);
    if (verdict->match.item != SIZE_MAX && verdict->sure)
        return report_tree(work, record, verdict, -1, error);
    if (verdict->embedded && verdict->distance <= summary->distance)
        return report_tree(work, record, verdict, verdict->distance, error);
    summary->kept++;
    return data_overlap_rounds_write(record, &work->line, &work->out, error);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status check(struct decontamination *work, primer_error *error)
{
    const struct data_decontaminate_options *const options = work->options;
    struct data_decontaminate_summary *const summary = work->summary;
    summary->words = options->words > 0 ? options->words : 13;
    summary->similarity = options->similarity > 0 ? options->similarity : 0.6;
    if (!(summary->similarity >= 0.5 && summary->similarity <= 1))
        return error_set(error, PRIMER_EINVAL, "similarity: found %g, expected 0.5 to 1",
                         summary->similarity);
    summary->distance = options->distance > 0 ? options->distance : 0.25;
    if (!(summary->distance > 0 && summary->distance < 2))
        return error_set(error, PRIMER_EINVAL, "distance: found %g, expected more than 0, below 2",
                         summary->distance);
    if (options->model != NULL && options->words_only)
        return error_set(error, PRIMER_EINVAL,
                         "a model judges matches of syntax trees, and words "
                         "alone are to be compared");
    if (options->against_count == 0)
        return error_set(error, PRIMER_EINVAL, "no evaluation file to compare with");
    return PRIMER_OK;
}

static primer_status prepare(struct decontamination *work, primer_error *error)
{
    const struct data_decontaminate_options *const options = work->options;
    FORWARD(data_decontaminate_items_read(&work->items, options->against, options->against_count,
                                          options->fields, options->field_count, error));
    work->summary->items = work->items.count;
    FORWARD(
        data_decontaminate_words_create(&work->words, &work->items, work->summary->words, error));
    FORWARD(pool_create(&work->pool, options->threads, error));
    random_seed(&work->random, 1);
    work->readers = memory_allocate(threads_of(work), sizeof *work->readers);
    work->matchers = memory_allocate(threads_of(work), sizeof *work->matchers);
    work->texts = memory_allocate(SLOTS, sizeof *work->texts);
    work->verdicts = memory_allocate(SLOTS, sizeof *work->verdicts);
    work->sample = memory_allocate(SAMPLE, sizeof *work->sample);
    if (work->readers == NULL || work->matchers == NULL || work->texts == NULL ||
        work->verdicts == NULL || work->sample == NULL)
        return memory_failure(error, "documents", SLOTS * sizeof *work->verdicts);
    if (options->model != NULL)
        FORWARD(data_decontaminate_embedding_open(&work->embedding, options->model,
                                                  options->threads, work->items.count, error));
    return options->words_only ? PRIMER_OK : add_programs(work, error);
}

static primer_status open_outputs(struct decontamination *work, size_t count, const char *path,
                                  primer_error *error)
{
    const struct data_decontaminate_options *const options = work->options;
    const char *const report = options->report;
    const char *const outputs[] = {path, report};
    FORWARD(data_share_check_outputs(outputs, 2, work->inputs, count, error));
    FORWARD(data_share_check_outputs(outputs, 2, options->against, options->against_count, error));
    FORWARD(data_share_check_outputs(outputs, 2, &options->model, 1, error));
    if (!data_share_is_first(&work->share))
        return PRIMER_OK;
    if (report != NULL)
        FORWARD(file_writer_open(&work->report, report, error));
    return file_writer_open(&work->out, path, error);
}

static primer_status commit(struct decontamination *work, primer_error *error)
{
    if (!data_share_is_first(&work->share))
        return PRIMER_OK;
    if (work->options->report != NULL)
        FORWARD(file_writer_commit(&work->report, error));
    return file_writer_commit(&work->out, error);
}

/* What the verdicts depend on. */
static primer_status begin_journal(struct decontamination *work, size_t count, const char *path,
                                   primer_error *error)
{
    const struct data_decontaminate_options *const options = work->options;
    uint64_t key = 0;
    data_share_key_text(&key, "decontaminate 1");
    data_share_key_text(&key, options->field);
    data_share_key_text(&key, options->separator);
    data_share_key_number(&key, work->summary->words);
    data_share_key_real(&key, work->summary->similarity);
    data_share_key_number(&key, options->words_only);
    for (size_t i = 0; i < options->field_count; i++)
        data_share_key_text(&key, options->fields[i]);
    FORWARD(data_share_key_file(&key, options->model, error));
    FORWARD(data_share_key_files(&key, options->against, options->against_count, error));
    FORWARD(data_share_key_files(&key, work->inputs, count, error));
    return data_share_journal(&work->share, path, key, options->tell, options->context, error);
}

static void decontamination_free(struct decontamination *work)
{
    for (size_t i = 0; work->readers != NULL && i < threads_of(work); i++)
        data_decontaminate_reader_free(&work->readers[i]);
    for (size_t i = 0; work->matchers != NULL && i < threads_of(work); i++)
        data_decontaminate_matcher_free(&work->matchers[i]);
    for (size_t i = 0; work->verdicts != NULL && i < SLOTS; i++)
        buffer_free(&work->verdicts[i].shared);
    for (size_t i = 0; work->sample != NULL && i < SAMPLE; i++)
        buffer_free(&work->sample[i]);
    memory_free(work->readers);
    memory_free(work->matchers);
    memory_free(work->texts);
    memory_free(work->verdicts);
    memory_free(work->sample);
    data_decontaminate_trees_free(&work->trees);
    data_decontaminate_code_free(&work->code);
    data_decontaminate_words_free(&work->words);
    data_decontaminate_items_free(&work->items);
    data_decontaminate_embedding_close(&work->embedding);
    sandbox_close(work->sandbox);
    pool_free(work->pool);
    file_writer_abandon(&work->out);
    file_writer_abandon(&work->report);
    buffer_free(&work->line);
}

/* The first pass only reads: about a tenth of the time. */
static bool report_progress(void *context, uint64_t done, uint64_t all)
{
    struct decontamination *const work = context;
    const struct data_decontaminate_options *const options = work->options;
    work->done = work->second ? all + 9 * done : done;
    work->all = 10 * all;
    return options->progress == NULL || options->progress(options->context, work->done, work->all);
}

/* While the parser works: as far as it was, so that it can be stopped. */
static bool report_again(void *context, size_t done, size_t all)
{
    const struct decontamination *const work = context;
    const struct data_decontaminate_options *const options = work->options;
    (void)done, (void)all;
    return options->progress == NULL || options->progress(options->context, work->done, work->all);
}

primer_status data_decontaminate(const char *const *inputs, size_t count, const char *path,
                                 const struct data_decontaminate_options *options,
                                 struct data_decontaminate_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_decontaminate_summary made = {0};
    struct decontamination work = {
        .options = options, .summary = &made, .inputs = inputs, .share = DATA_SHARE_ALONE};
    struct data_overlap_rounds rounds = {.inputs = inputs,
                                         .count = count,
                                         .field = options->field,
                                         .separator = options->separator,
                                         .skip_bad = options->skip_bad,
                                         .slots = SLOTS,
                                         .bytes = ROUND_BYTES,
                                         .progress = report_progress,
                                         .progress_context = &work,
                                         .work = look_at_nothing,
                                         .take = draw,
                                         .share = &work.share,
                                         .context = &work};
    TRY(data_share_begin(&work.share, &made.rank, error));
    summary->rank = made.rank; /* who tells, of a failure too */
    work.trees.progress = report_again;
    work.trees.context = &work;
    TRY(check(&work, error));
    TRY(open_outputs(&work, count, path, error));
    TRY(prepare(&work, error));
    rounds.pool = work.pool;
    TRY(begin_journal(&work, count, path, error));
    TRY(data_overlap_rounds_run(&rounds, error));
    TRY(count_sample(&work, error));
    work.second = true;
    rounds.work = find_words;
    rounds.round = judge_round;
    rounds.take = decide;
    rounds.save = save_verdict;
    rounds.load = load_verdict;
    TRY(data_overlap_rounds_run(&rounds, error));
    status = commit(&work, error);
    TRY(data_share_agree(&work.share, status, error));
    made.input_bytes = rounds.input_bytes;
    made.bad = rounds.bad;
    memcpy(made.first_bad, rounds.first_bad, sizeof made.first_bad);
    *summary = made;
cleanup:
    data_share_stopped(&work.share, status, "the work", work.done, work.all, error);
    data_share_end(&work.share, status);
    decontamination_free(&work);
    return status;
}
