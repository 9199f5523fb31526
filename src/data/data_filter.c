/* data_filter.c - learning from ratings, then scoring a corpus in rounds. Declared in
 * data_filter.h.
 *
 *   source --samples--> | slot slot ... |  --pool--> score and line --in order--> kept, rejected
 *
 * A round fills slots until they hold ROUND_BYTES; each slot is embedded by the session of the
 * thread that takes it. The result doesn't depend on the threads. Of several processes each embeds its
 * part of the ratings and of the slots (data_share.h), all learn the same, and the first one writes.
 */
#include "data/data_filter.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/data_embed.h"
#include "data/data_filter_features.h"
#include "data/data_filter_file.h"
#include "data/data_filter_learn.h"
#include "data/data_filter_source.h"
#include "data/data_rate_file.h"
#include "data/data_share.h"

#define SLOTS       256
#define ROUND_BYTES ((size_t)4 << 20)
#define KEEP_BYTES  ((size_t)1 << 20) /* a slot that grew beyond gives its memory back */

struct slot {
    struct data_filter_sample sample;
    struct buffer line; /* of the output */
    float *values;      /* [dimensions + features] */
    double score;
    bool empty;
    primer_status status;
    primer_error error;
};

struct filtering {
    const struct data_filter_options *options;
    struct data_filter_summary *summary;
    struct pool *pool;
    struct data_share share;
    struct data_embed embed;
    struct data_filter_file filter;
    struct data_filter_source source;
    struct slot *slots; /* [SLOTS] */
    size_t filled;
    struct file_writer writers[2]; /* rejected, kept */
    struct file_writer told;       /* the report */
    enum data_filter_phase phase;  /* and how far, as was reported last */
    uint64_t done, all;
    /* While learning: */
    const struct data_rate_file *ratings;
    struct data_filter_set set;
    size_t embedded, some;          /* ratings: done, and in this round */
    size_t fits, all_fits, columns; /* columns: those of the filter's fit */
    primer_status *results;         /* a rating's */
};

static primer_status report(struct filtering *filtering, enum data_filter_phase phase,
                            uint64_t done, uint64_t all, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    filtering->phase = phase;
    filtering->done = done;
    filtering->all = all;
    if (options->progress == NULL || options->progress(options->context, phase, done, all))
        return PRIMER_OK;
    return error_set(error, PRIMER_ECANCELED, "stopped");
}

/* What vectors and scores depend on. `ratings` NULL: the filter was loaded. */
static primer_status begin_journal(struct filtering *filtering,
                                   const struct data_rate_file *ratings, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    const struct data_filter_file *const filter = &filtering->filter;
    const uint64_t numbers[] = {filter->tokens,  filter->lines,     filter->features,
                                options->linear, options->trees,    options->folds,
                                options->seed,   options->hold_out, ratings == NULL};
    uint64_t key = 0;
    data_share_key_text(&key, "filter 1");
    data_share_key_text(&key, options->field);
    data_share_key_text(&key, options->separator);
    data_share_key_real(&key, filter->threshold);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        data_share_key_number(&key, numbers[i]);
    for (size_t i = 0; ratings != NULL && i < ratings->count; i++) {
        data_share_key_number(&key, ratings->rows[i].text == NULL ? 0 : ratings->rows[i].id);
        data_share_key_real(&key, ratings->rows[i].rating);
    }
    FORWARD(data_share_key_file(&key, options->load, error));
    FORWARD(data_share_key_file(&key, options->model, error));
    FORWARD(data_share_key_files(&key, (const char *const *)filtering->source.paths,
                                 filtering->source.count, error));
    return data_share_journal(&filtering->share, options->output, key, options->tell,
                              options->context, error);
}

/* ---- vectors --------------------------------------------------------------------------------- */

/* A filter that was learned and looks at counts alone needs no embedding. */
static primer_status values_of(struct filtering *filtering, size_t thread, const char *text,
                               size_t length, float *values, primer_error *error)
{
    if (filtering->filter.fit.columns.from < filtering->embed.dimensions)
        FORWARD(data_embed_text(&filtering->embed, thread, text, length, values, error));
    if (filtering->filter.features > 0)
        data_filter_features(text, length, values + filtering->embed.dimensions);
    return PRIMER_OK;
}

static void embed_rating(void *context, size_t task, size_t thread)
{
    struct filtering *const filtering = context;
    const size_t row = filtering->embedded + task;
    struct data_filter_set *const set = &filtering->set;
    const struct data_rate_row *const rating = &filtering->ratings->rows[row];
    if (rating->text != NULL)
        filtering->results[row] =
            values_of(filtering, thread, rating->text, rating->length,
                      set->values + row * (set->dimensions + set->features), NULL);
}

static primer_status embed_own_ratings(void *context, primer_error *error)
{
    struct filtering *const filtering = context;
    (void)error;
    data_share_pool(&filtering->share, filtering->pool, embed_rating, filtering, filtering->some);
    return PRIMER_OK;
}

static primer_status save_rating(void *context, size_t task, struct buffer *out,
                                 primer_error *error)
{
    const struct filtering *const filtering = context;
    const struct data_filter_set *const set = &filtering->set;
    const size_t row = filtering->embedded + task, width = set->dimensions + set->features;
    FORWARD(data_share_put(out, (uint64_t)filtering->results[row], error));
    return buffer_append(out, set->values + row * width, width * sizeof *set->values, error);
}

static primer_status load_rating(void *context, size_t task, struct cursor *in, primer_error *error)
{
    struct filtering *const filtering = context;
    const struct data_filter_set *const set = &filtering->set;
    const size_t row = filtering->embedded + task, width = set->dimensions + set->features;
    const unsigned char *values = NULL;
    uint64_t result = 0;
    FORWARD(cursor_u64(in, "status", &result, error));
    FORWARD(cursor_bytes(in, "values", width * sizeof *set->values, &values, error));
    filtering->results[row] = (primer_status)result;
    memcpy(set->values + row * width, values, width * sizeof *set->values);
    return PRIMER_OK;
}

/* Rows without a text go; the others move up. */
static void close_gaps(struct filtering *filtering)
{
    const struct data_rate_file *const ratings = filtering->ratings;
    struct data_filter_set *const set = &filtering->set;
    const size_t stride = set->dimensions + set->features;
    const double threshold = filtering->filter.threshold;
    set->count = 0;
    for (size_t i = 0; i < ratings->count; i++) {
        if (ratings->rows[i].text == NULL)
            continue;
        memmove(set->values + set->count * stride, set->values + i * stride,
                stride * sizeof *set->values);
        set->ids[set->count] = ratings->rows[i].id;
        set->ratings[set->count] = ratings->rows[i].rating;
        set->labels[set->count] = ratings->rows[i].rating >= threshold;
        filtering->summary->labelled += set->labels[set->count];
        set->count++;
    }
}

static primer_status allocate_set(struct filtering *filtering, size_t count, primer_error *error)
{
    struct data_filter_set *const set = &filtering->set;
    size_t cells = 0;
    set->dimensions = filtering->embed.dimensions;
    set->features = filtering->filter.features;
    if (!memory_product(count, set->dimensions + set->features, &cells))
        return memory_failure(error, "embeddings", SIZE_MAX);
    set->values = memory_allocate(cells, sizeof *set->values);
    set->ratings = memory_allocate(count, sizeof *set->ratings);
    set->labels = memory_allocate(count, 1);
    set->ids = memory_allocate(count, sizeof *set->ids);
    filtering->results = memory_allocate(count, sizeof *filtering->results);
    return set->values != NULL && set->ratings != NULL && set->labels != NULL && set->ids != NULL &&
                   filtering->results != NULL
               ? PRIMER_OK
               : memory_failure(error, "embeddings", cells * sizeof *set->values);
}

static primer_status embed_ratings(struct filtering *filtering, primer_error *error)
{
    const size_t count = filtering->ratings->count;
    FORWARD(allocate_set(filtering, count, error));
    while (filtering->embedded < count) {
        const size_t left = count - filtering->embedded, some = left < SLOTS ? left : SLOTS;
        const struct data_share_round round = {filtering, some, embed_own_ratings, save_rating,
                                               load_rating};
        filtering->some = some;
        const primer_status own =
            report(filtering, DATA_FILTER_EMBEDDING, filtering->embedded, count, error);
        FORWARD(data_share_agree(&filtering->share, own, error));
        FORWARD(data_share_run(&filtering->share, &round, error));
        for (size_t i = filtering->embedded; i < filtering->embedded + some; i++)
            if (filtering->results[i] != PRIMER_OK)
                return error_set(error, filtering->results[i],
                                 "the rated text %016" PRIx64 " can't be embedded",
                                 filtering->ratings->rows[i].id);
        filtering->embedded += some;
    }
    close_gaps(filtering);
    return PRIMER_OK;
}

/* ---- learning -------------------------------------------------------------------------------- */

static bool count_fit(void *context)
{
    struct filtering *const filtering = context;
    return report(filtering, DATA_FILTER_LEARNING, filtering->fits++, filtering->all_fits, NULL) ==
           PRIMER_OK;
}

static struct data_filter_learn_options learn_options(struct filtering *filtering, bool linear,
                                                      size_t columns)
{
    const struct data_filter_options *const options = filtering->options;
    const size_t dimensions = filtering->set.dimensions, features = filtering->set.features;
    const struct data_filter_columns choices[] = {
        {0, dimensions}, {dimensions, features}, {0, dimensions + features}};
    return (struct data_filter_learn_options){
        .method = linear ? DATA_FILTER_LINEAR : DATA_FILTER_FOREST,
        .columns = choices[columns],
        .trees = options->trees,
        .folds = options->folds == 0 ? DATA_FILTER_FOLDS : options->folds,
        .seed = options->seed,
        .pool = filtering->pool,
        .go_on = count_fit,
        .context = filtering};
}

/* One method on some of the numbers: how good it is, and its fit. */
static primer_status learn_row(struct filtering *filtering, bool linear, size_t columns,
                               struct data_filter_fit *fit, primer_error *error)
{
    static const char *const names[] = {"embedding", "counts", "both"};
    struct data_filter_summary *const summary = filtering->summary;
    const struct data_filter_set *const set = &filtering->set;
    const struct data_filter_learn_options options = learn_options(filtering, linear, columns);
    struct data_filter_row *const row = &summary->rows[summary->row_count++];
    row->method = linear ? "linear" : "forest";
    row->columns = names[columns];
    FORWARD(data_filter_learn_cross(set, set->training_count, &options, &row->cross, error));
    FORWARD(data_filter_learn_fit(set, &options, fit, error));
    return set->held_count > 0 ? data_filter_learn_judge(set, fit, &row->held, error) : PRIMER_OK;
}

/* The fit of the wanted method that ranks best, by folds, is the filter's. */
static primer_status learn_rows(struct filtering *filtering, size_t columns, primer_error *error)
{
    struct data_filter_summary *const summary = filtering->summary;
    struct data_filter_row *best = NULL;
    for (size_t i = 0; i < 2 * columns; i++) {
        const bool linear = i % 2 == 1;
        struct data_filter_row *const row = &summary->rows[i];
        struct data_filter_fit fit = {0};
        const primer_status status = learn_row(filtering, linear, i / 2, &fit, error);
        if (status == PRIMER_OK && linear == filtering->options->linear &&
            (best == NULL || row->cross.order > best->cross.order)) {
            data_filter_fit_free(&filtering->filter.fit);
            filtering->filter.fit = fit;
            filtering->columns = i / 2;
            best = row;
            continue;
        }
        data_filter_fit_free(&fit);
        FORWARD(status);
    }
    best->chosen = true;
    summary->curve[DATA_FILTER_CURVE - 1] = best->cross;
    return PRIMER_OK;
}

/* How good it is with fewer ratings; a quarter may be too little for folds, and stays empty. */
static primer_status learn_curve(struct filtering *filtering, primer_error *error)
{
    const struct data_filter_set *const set = &filtering->set;
    const struct data_filter_learn_options options =
        learn_options(filtering, filtering->options->linear, filtering->columns);
    for (size_t i = 0; i + 1 < DATA_FILTER_CURVE; i++) {
        const size_t count = set->training_count * (i + 1) / DATA_FILTER_CURVE;
        const primer_status status =
            data_filter_learn_cross(set, count, &options, &filtering->summary->curve[i], error);
        if (status != PRIMER_OK && status != PRIMER_EINVAL)
            return status;
    }
    return PRIMER_OK;
}

static primer_status learn_all(struct filtering *filtering, primer_error *error)
{
    struct data_filter_summary *const summary = filtering->summary;
    struct data_filter_set *const set = &filtering->set;
    const size_t columns = set->features > 0 ? 3 : 1;
    const size_t folds =
        filtering->options->folds == 0 ? DATA_FILTER_FOLDS : filtering->options->folds;
    const size_t cross = folds * (folds + 1);
    filtering->all_fits = 2 * columns * (cross + folds + 1) + (DATA_FILTER_CURVE - 1) * cross;
    FORWARD(data_filter_learn_divide(set, filtering->options->hold_out, error));
    summary->training = set->training_count;
    summary->held = set->held_count;
    FORWARD(learn_rows(filtering, columns, error));
    return learn_curve(filtering, error);
}

static primer_status learn(struct filtering *filtering, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct data_filter_options *const options = filtering->options;
    struct data_filter_summary *const summary = filtering->summary;
    struct data_rate_file ratings = {0};
    const uint64_t begun = clock_nanoseconds();
    TRY(data_rate_file_read(&ratings, options->ratings, false, options->skip_bad, error));
    TRY(data_rate_file_find_texts(&ratings, options->field, options->separator, &summary->missing,
                                  error));
    summary->ratings = ratings.count;
    if (ratings.count == summary->missing)
        FAIL(PRIMER_EINVAL,
             "%s: found %zu ratings and none of their texts: they have no \"text\", and the files "
             "at \"path\" aren't here or have changed",
             options->ratings, ratings.count);
    filtering->ratings = &ratings;
    TRY(begin_journal(filtering, &ratings, error));
    TRY(embed_ratings(filtering, error));
    summary->seconds[DATA_FILTER_EMBEDDING] = clock_seconds_since(begun);
    const uint64_t learning = clock_nanoseconds();
    TRY(learn_all(filtering, error));
    summary->seconds[DATA_FILTER_LEARNING] = clock_seconds_since(learning);
cleanup:
    filtering->ratings = NULL;
    data_rate_file_free(&ratings);
    if (status == PRIMER_EINVAL || status == PRIMER_ENUMERIC)
        error_prefix(error, "%s", options->ratings);
    return status;
}

/* ---- scoring --------------------------------------------------------------------------------- */

static bool is_blank(const struct buffer *text)
{
    return strspn(text->bytes, " \t\r\n\f") == text->length; /* NUL-terminated */
}

/* jansson passes over what fails in a member's name; so it is noted here. */
struct dump {
    struct buffer *line;
    bool failed;
};

static int append_piece(const char *bytes, size_t length, void *context)
{
    struct dump *const dump = context;
    dump->failed = dump->failed || buffer_append(dump->line, bytes, length, NULL) != PRIMER_OK;
    return dump->failed ? -1 : 0;
}

/* A line of JSON that was read whole keeps its other fields. */
static primer_status scored_record(struct slot *slot, primer_error *error)
{
    const struct buffer *const record = &slot->sample.record;
    struct dump dump = {.line = &slot->line};
    json_t *const object = json_loadb(record->bytes, record->length, JSON_ALLOW_NUL, NULL);
    const bool made =
        object != NULL && json_object_set_new(object, "score", json_real(slot->score)) == 0 &&
        json_dump_callback(object, append_piece, &dump, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0;
    json_decref(object);
    return made && !dump.failed ? buffer_text(&slot->line, "\n", error)
                                : memory_failure(error, "a line", record->length);
}

static primer_status scored_line(struct slot *slot, primer_error *error)
{
    const struct data_filter_sample *const sample = &slot->sample;
    struct buffer *const line = &slot->line;
    buffer_clear(line);
    if (sample->record.length > 0)
        return scored_record(slot, error);
    FORWARD(buffer_text(line, "{\"text\":", error));
    FORWARD(buffer_json_string(line, sample->text.bytes, sample->text.length, error));
    FORWARD(buffer_text(line, ",\"path\":", error));
    FORWARD(buffer_json_string(line, sample->path, strlen(sample->path), error));
    FORWARD(buffer_format(line, error, ",\"line\":%" PRIu64, sample->line));
    if (sample->lines > 0)
        FORWARD(buffer_format(line, error, ",\"from\":%" PRIu64 ",\"lines\":%" PRIu64, sample->from,
                              sample->lines));
    return buffer_format(line, error, ",\"score\":%.6g}\n", slot->score);
}

static primer_status score_sample(struct filtering *filtering, struct slot *slot, size_t thread)
{
    const struct data_filter_sample *const sample = &slot->sample;
    FORWARD(values_of(filtering, thread, sample->text.bytes, sample->text.length, slot->values,
                      &slot->error));
    slot->score = data_filter_fit_score(&filtering->filter.fit, slot->values);
    return PRIMER_OK;
}

static void score_slot(void *context, size_t task, size_t thread)
{
    struct filtering *const filtering = context;
    struct slot *const slot = &filtering->slots[task];
    slot->empty = slot->sample.status == PRIMER_OK && is_blank(&slot->sample.text);
    slot->status = slot->sample.status;
    if (slot->status != PRIMER_OK)
        slot->error = slot->sample.error;
    else if (!slot->empty)
        slot->status = score_sample(filtering, slot, thread);
}

static primer_status score_own(void *context, primer_error *error)
{
    struct filtering *const filtering = context;
    (void)error;
    data_share_pool(&filtering->share, filtering->pool, score_slot, filtering, filtering->filled);
    return PRIMER_OK;
}

static primer_status save_score(void *context, size_t task, struct buffer *out, primer_error *error)
{
    const struct filtering *const filtering = context;
    const struct slot *const slot = &filtering->slots[task];
    FORWARD(data_share_put_status(out, slot->status, &slot->error, error));
    FORWARD(data_share_put(out, slot->empty ? 1 : 0, error));
    return data_share_put_real(out, slot->score, error);
}

static primer_status load_score(void *context, size_t task, struct cursor *in, primer_error *error)
{
    struct filtering *const filtering = context;
    struct slot *const slot = &filtering->slots[task];
    uint64_t empty = 0;
    FORWARD(data_share_take_status(in, &slot->status, &slot->error, error));
    FORWARD(cursor_u64(in, "empty", &empty, error));
    slot->empty = empty != 0;
    return cursor_f64(in, "score", &slot->score, error);
}

/* The first process writes all lines, whoever has scored them. */
static void make_line(void *context, size_t task, size_t thread)
{
    struct filtering *const filtering = context;
    struct slot *const slot = &filtering->slots[task];
    (void)thread;
    if (slot->status == PRIMER_OK && !slot->empty)
        slot->status = scored_line(slot, &slot->error);
}

/* The examples are those with the lowest hashes: drawn at random, and the same each time. */
static primer_status consider_example(struct data_filter_summary *summary, bool kept,
                                      const struct slot *slot, primer_error *error)
{
    struct data_filter_example *const examples = summary->examples[kept];
    const struct data_filter_sample *const sample = &slot->sample;
    const uint64_t id = data_filter_sample_id(sample);
    struct data_filter_example made = {.line = sample->line + sample->from - 1,
                                       .order = hash_bytes(&id, sizeof id, 0),
                                       .score = slot->score};
    size_t *const count = &summary->example_count[kept];
    if (*count == DATA_FILTER_SHOWN && made.order >= examples[*count - 1].order)
        return PRIMER_OK;
    made.length = sample->text.length < 2000 ? sample->text.length : 2000;
    made.path = memory_copy_text(sample->path);
    made.text = memory_copy_bytes(sample->text.bytes, made.length);
    if (made.path == NULL || made.text == NULL) {
        memory_free(made.path);
        memory_free(made.text);
        return memory_failure(error, "an example", made.length);
    }
    if (*count == DATA_FILTER_SHOWN) {
        --*count;
        memory_free(examples[*count].path);
        memory_free(examples[*count].text);
    }
    size_t at = (*count)++;
    for (; at > 0 && examples[at - 1].order > made.order; at--)
        examples[at] = examples[at - 1];
    examples[at] = made;
    return PRIMER_OK;
}

static size_t bin_of(const struct data_filter_summary *summary, double score)
{
    const double share = score / summary->most;
    if (!(share > 0))
        return 0;
    return share >= 1 ? DATA_FILTER_BINS - 1 : (size_t)(share * DATA_FILTER_BINS);
}

static primer_status write_slot(struct filtering *filtering, struct slot *slot, primer_error *error)
{
    struct data_filter_summary *const summary = filtering->summary;
    if (slot->status != PRIMER_OK && slot->sample.status == slot->status &&
        filtering->options->skip_bad) {
        if (summary->bad++ == 0)
            snprintf(summary->first_bad, sizeof summary->first_bad, "%.500s", slot->error.message);
        return PRIMER_OK;
    }
    if (slot->status != PRIMER_OK) {
        if (slot->sample.status != slot->status)
            error_prefix(&slot->error, "%s:%" PRIu64, slot->sample.path, slot->sample.line);
        return error_set(error, slot->status, "%s", slot->error.message);
    }
    if (slot->empty) {
        summary->empty++;
        return PRIMER_OK;
    }
    const bool kept = slot->score >= filtering->filter.fit.cut;
    summary->samples++;
    *(kept ? &summary->kept : &summary->rejected) += 1;
    *(kept ? &summary->kept_bytes : &summary->rejected_bytes) += slot->sample.text.length;
    summary->histogram[bin_of(summary, slot->score)]++;
    FORWARD(consider_example(summary, kept, slot, error));
    if (!data_share_is_first(&filtering->share) || (!kept && filtering->options->rejected == NULL))
        return PRIMER_OK;
    return file_writer_write(&filtering->writers[kept], slot->line.bytes, slot->line.length, error);
}

static void empty_slot(struct slot *slot)
{
    data_filter_sample_free(&slot->sample);
    buffer_free(&slot->line);
}

static primer_status fill_slots(struct filtering *filtering, bool *more, primer_error *error)
{
    size_t bytes = 0;
    while (filtering->filled < SLOTS && bytes < ROUND_BYTES) {
        struct slot *const slot = &filtering->slots[filtering->filled];
        FORWARD(data_filter_source_next(&filtering->source, &slot->sample, more, error));
        if (!*more)
            break;
        filtering->filled++;
        bytes += slot->sample.text.length;
    }
    return PRIMER_OK;
}

static primer_status write_slots(struct filtering *filtering, primer_error *error)
{
    if (data_share_is_first(&filtering->share))
        pool_run(filtering->pool, make_line, filtering, filtering->filled);
    for (size_t i = 0; i < filtering->filled; i++) {
        struct slot *const slot = &filtering->slots[i];
        FORWARD(write_slot(filtering, slot, error));
        if (slot->sample.text.capacity > KEEP_BYTES || slot->line.capacity > KEEP_BYTES)
            empty_slot(slot);
    }
    filtering->filled = 0;
    return report(filtering, DATA_FILTER_SCORING, filtering->source.done, filtering->source.bytes,
                  error);
}

static primer_status score_round(struct filtering *filtering, bool *more, primer_error *error)
{
    FORWARD(fill_slots(filtering, more, error));
    const struct data_share_round round = {filtering, filtering->filled, score_own, save_score,
                                           load_score};
    primer_status status = data_share_run(&filtering->share, &round, error);
    if (status == PRIMER_OK)
        status = write_slots(filtering, error);
    return data_share_agree(&filtering->share, status, error);
}

static primer_status allocate_slots(struct filtering *filtering, primer_error *error)
{
    const size_t width = filtering->embed.dimensions + filtering->filter.features;
    filtering->slots = memory_allocate(SLOTS, sizeof *filtering->slots);
    for (size_t i = 0; filtering->slots != NULL && i < SLOTS; i++) {
        filtering->slots[i].values = memory_allocate(width, sizeof(float));
        if (filtering->slots[i].values == NULL)
            return memory_failure(error, "vectors", width * sizeof(float));
    }
    return filtering->slots != NULL
               ? PRIMER_OK
               : memory_failure(error, "samples", SLOTS * sizeof *filtering->slots);
}

static primer_status open_outputs(struct filtering *filtering, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    if (!data_share_is_first(&filtering->share))
        return PRIMER_OK;
    if (options->report != NULL)
        FORWARD(file_writer_open(&filtering->told, options->report, error));
    FORWARD(file_writer_open(&filtering->writers[1], options->output, error));
    return options->rejected == NULL
               ? PRIMER_OK
               : file_writer_open(&filtering->writers[0], options->rejected, error);
}

static primer_status commit(struct filtering *filtering, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    if (filtering->summary->samples == 0)
        return error_set(error, PRIMER_EINVAL, "%s%s: there is no document with a text",
                         filtering->source.paths[0],
                         filtering->source.count > 1 ? " and the others" : "");
    if (!data_share_is_first(&filtering->share))
        return PRIMER_OK;
    if (options->report != NULL)
        FORWARD(data_filter_report_write(filtering->summary, &filtering->told, error));
    if (options->save != NULL)
        FORWARD(data_filter_file_save(&filtering->filter, options->save, error));
    if (options->rejected != NULL)
        FORWARD(file_writer_commit(&filtering->writers[0], error));
    return file_writer_commit(&filtering->writers[1], error);
}

static primer_status score_all(struct filtering *filtering, primer_error *error)
{
    struct data_filter_summary *const summary = filtering->summary;
    const uint64_t begun = clock_nanoseconds();
    bool more = true;
    FORWARD(allocate_slots(filtering, error));
    FORWARD(open_outputs(filtering, error));
    while (more)
        FORWARD(score_round(filtering, &more, error));
    summary->files = filtering->source.count;
    summary->input_bytes = filtering->source.done;
    const primer_status status = commit(filtering, error);
    FORWARD(data_share_agree(&filtering->share, status, error));
    summary->seconds[DATA_FILTER_SCORING] = clock_seconds_since(begun);
    return PRIMER_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static primer_status check_outputs(const struct filtering *filtering, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    const char *const read[] = {options->ratings, options->load, options->model};
    const char *const written[] = {options->output, options->rejected, options->save,
                                   options->report};
    FORWARD(data_share_check_outputs(written, 4, read, 3, error));
    return data_share_check_outputs(written, 4, (const char *const *)filtering->source.paths,
                                    filtering->source.count, error);
}

/* A filter from a file says how texts are cut and read; the model must be the same. */
static primer_status take_filter(struct filtering *filtering, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    struct data_filter_file *const filter = &filtering->filter;
    if (options->load != NULL) {
        FORWARD(data_filter_file_load(filter, options->load, error));
        return PRIMER_OK;
    }
    filter->features = options->features ? DATA_FILTER_FEATURES : 0;
    filter->threshold = options->threshold < 0 ? DATA_FILTER_THRESHOLD : options->threshold;
    filter->tokens = options->tokens;
    filter->lines = options->lines;
    return PRIMER_OK;
}

static primer_status check_model(struct filtering *filtering, primer_error *error)
{
    const struct data_filter_options *const options = filtering->options;
    struct data_filter_file *const filter = &filtering->filter;
    const struct data_embed *const embed = &filtering->embed;
    if (options->load != NULL &&
        (embed->identity != filter->identity || embed->dimensions != filter->dimensions))
        return error_set(error, PRIMER_EINVAL,
                         "%s: the filter was learned on another model: found %016" PRIx64
                         " of %zu dimensions (%s), expected %016" PRIx64 " of %zu",
                         options->load, embed->identity, embed->dimensions, options->model,
                         filter->identity, filter->dimensions);
    filter->identity = embed->identity;
    filter->dimensions = embed->dimensions;
    filter->tokens = embed->tokens;
    return PRIMER_OK;
}

static void describe(struct filtering *filtering)
{
    struct data_filter_summary *const summary = filtering->summary;
    const struct data_filter_file *const filter = &filtering->filter;
    summary->identity = filter->identity;
    summary->dimensions = filter->dimensions;
    summary->tokens = filter->tokens;
    summary->lines = filter->lines;
    summary->threshold = filter->threshold;
    summary->cut = filter->fit.cut;
    summary->forest = filter->fit.method == DATA_FILTER_FOREST;
    summary->features = filter->features > 0;
    summary->most = summary->forest ? 1 : DATA_RATE_MOST;
}

static void filtering_free(struct filtering *filtering)
{
    for (size_t i = 0; filtering->slots != NULL && i < SLOTS; i++) {
        empty_slot(&filtering->slots[i]);
        memory_free(filtering->slots[i].values);
    }
    memory_free(filtering->slots);
    file_writer_abandon(&filtering->writers[0]);
    file_writer_abandon(&filtering->writers[1]);
    file_writer_abandon(&filtering->told);
    data_filter_set_free(&filtering->set);
    memory_free(filtering->results);
    data_filter_file_free(&filtering->filter);
    data_embed_close(&filtering->embed);
    data_filter_source_close(&filtering->source);
    pool_free(filtering->pool);
}

void data_filter_summary_free(struct data_filter_summary *summary)
{
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < summary->example_count[side]; i++) {
            memory_free(summary->examples[side][i].path);
            memory_free(summary->examples[side][i].text);
        }
    *summary = (struct data_filter_summary){0};
}

primer_status data_filter(const char *const *inputs, size_t count,
                          const struct data_filter_options *options,
                          struct data_filter_summary *summary, primer_error *error)
{
    static const char *const phases[] = {"the ratings", "the learning", "the scoring"};
    primer_status status = PRIMER_OK;
    size_t rank = 0;
    struct filtering filtering = {.options = options,
                                  .summary = summary,
                                  .source.reader.descriptor = -1,
                                  .share = DATA_SHARE_ALONE};
    *summary = (struct data_filter_summary){0};
    TRY(data_share_begin(&filtering.share, &summary->rank, error));
    TRY(take_filter(&filtering, error));
    TRY(data_filter_source_open(&filtering.source, inputs, count, options->field,
                                options->separator, filtering.filter.lines, error));
    TRY(check_outputs(&filtering, error));
    TRY(pool_create(&filtering.pool, options->threads, error));
    TRY(data_embed_open(&filtering.embed, options->model, filtering.filter.tokens, filtering.pool,
                        error));
    TRY(check_model(&filtering, error));
    if (options->load == NULL)
        TRY(learn(&filtering, error));
    else
        TRY(begin_journal(&filtering, NULL, error));
    describe(&filtering);
    TRY(score_all(&filtering, error));
cleanup:
    data_share_stopped(&filtering.share, status, phases[filtering.phase], filtering.done,
                       filtering.all, error);
    rank = summary->rank; /* who tells, of a failure too */
    data_share_end(&filtering.share, status);
    filtering_free(&filtering);
    if (status != PRIMER_OK)
        data_filter_summary_free(summary);
    summary->rank = rank;
    return status;
}
