/* data_review_draw.c - drawing lessons. Declared in data_review_draw.h.
 *
 * A reservoir by random keys: a lesson's key is a hash of the seed and its id, and the N lowest
 * keys are the sample. So it depends neither on the file's order nor on how often a lesson stands in
 * it, and a larger N has the smaller's lessons, which come first.
 *
 *   first reading    every line -> id, key -> the stratum's heap of N keys, the highest on top
 *   shares           one for each stratum, the rest by their sizes (largest remainders)
 *   second reading   the lines of the chosen keys -> lessons
 */
#include "data/data_review_draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/memory.h"
#include "data/data.h"
#include "data/data_overlap_table.h"
#include "data/data_read.h"
#include "data/data_review_lesson.h"

#define SAMPLE      200
#define SAMPLE_MOST 1000000
#define KINDS_MOST  1024

struct key {
    uint64_t key, id, line;
};

struct stratum {
    char *kind;
    struct key *keys; /* [capacity], a heap of the `held` lowest; sorted once all is read */
    size_t held, capacity;
    uint64_t lessons;
    size_t share;
};

struct drawing {
    const char *path;
    const struct data_review_options *options;
    struct data_review_summary *summary;
    uint64_t bytes;   /* of the file */
    size_t most;      /* lessons to draw */
    struct key *keys; /* [count] those drawn */
    size_t count;
    struct stratum *strata; /* [stratum_count] */
    size_t stratum_count, stratum_capacity;
    struct data_overlap_table ids;
};

static void free_drawing(struct drawing *drawing)
{
    for (size_t i = 0; i < drawing->stratum_count; i++) {
        memory_free(drawing->strata[i].kind);
        memory_free(drawing->strata[i].keys);
    }
    memory_free(drawing->strata);
    memory_free(drawing->keys);
    data_overlap_table_free(&drawing->ids);
}

void data_review_sample_free(struct data_review_sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        data_review_lesson_free(&sample->lessons[i]);
    memory_free(sample->lessons);
    *sample = (struct data_review_sample){0};
}

/* Keys are unique: of equal ones the lower id is first. */
static int compare_keys(const void *a, const void *b)
{
    const struct key *const x = a, *const y = b;
    const int order = (x->key > y->key) - (x->key < y->key);
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

static int compare_lines(const void *a, const void *b)
{
    const struct key *const x = a, *const y = b;
    return (x->line > y->line) - (x->line < y->line);
}

/* ---- the heap -------------------------------------------------------------------------------- */

static void rise(struct key *keys, size_t at)
{
    const struct key moved = keys[at];
    for (; at > 0 && compare_keys(&keys[(at - 1) / 2], &moved) < 0; at = (at - 1) / 2)
        keys[at] = keys[(at - 1) / 2];
    keys[at] = moved;
}

static void sink(struct key *keys, size_t count)
{
    const struct key moved = keys[0];
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && compare_keys(&keys[child], &keys[child + 1]) < 0)
            child++;
        if (compare_keys(&keys[child], &moved) <= 0)
            break;
        keys[at] = keys[child];
        at = child;
    }
    keys[at] = moved;
}

static primer_status push(struct stratum *stratum, size_t most, struct key key, primer_error *error)
{
    if (stratum->held == most) {
        if (compare_keys(&key, &stratum->keys[0]) < 0) {
            stratum->keys[0] = key;
            sink(stratum->keys, most);
        }
        return PRIMER_OK;
    }
    if (stratum->held == stratum->capacity) {
        const size_t capacity = 2 * stratum->capacity + 64;
        struct key *const grown = memory_resize(stratum->keys, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "the sample's keys", capacity * sizeof *grown);
        stratum->keys = grown;
        stratum->capacity = capacity;
    }
    stratum->keys[stratum->held++] = key;
    rise(stratum->keys, stratum->held - 1);
    return PRIMER_OK;
}

/* ---- the first reading ----------------------------------------------------------------------- */

static primer_status find_stratum(struct drawing *drawing, const char *kind, size_t *found,
                                  primer_error *error)
{
    size_t at = 0;
    while (at < drawing->stratum_count && strcmp(drawing->strata[at].kind, kind) != 0)
        at++;
    *found = at;
    if (at < drawing->stratum_count)
        return PRIMER_OK;
    if (at == KINDS_MOST)
        return error_set(error, PRIMER_ELIMIT, "more than %d kinds", KINDS_MOST);
    if (at == drawing->stratum_capacity) {
        const size_t capacity = 2 * at + 4;
        struct stratum *const grown = memory_resize(drawing->strata, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "kinds", capacity * sizeof *grown);
        drawing->strata = grown;
        drawing->stratum_capacity = capacity;
    }
    drawing->strata[at] = (struct stratum){.kind = memory_copy_text(kind)};
    if (drawing->strata[at].kind == NULL)
        return memory_failure(error, "a kind", strlen(kind) + 1);
    drawing->stratum_count++;
    return PRIMER_OK;
}

static primer_status enter(struct drawing *drawing, const struct data_review_lesson *lesson,
                           primer_error *error)
{
    size_t number = 0, at = 0;
    const size_t before = drawing->ids.count;
    FORWARD(data_overlap_table_enter(&drawing->ids, lesson->id, &number, error));
    if (number < before) {
        drawing->summary->same++;
        return PRIMER_OK;
    }
    drawing->summary->lessons++;
    FORWARD(find_stratum(drawing, drawing->options->by_kind ? lesson->kind : "", &at, error));
    drawing->strata[at].lessons++;
    const struct key key = {.key =
                                hash_bytes(&lesson->id, sizeof lesson->id, drawing->options->seed),
                            .id = lesson->id,
                            .line = lesson->line};
    return push(&drawing->strata[at], drawing->most, key, error);
}

static primer_status take_line(struct drawing *drawing, const struct buffer *record, uint64_t line,
                               bool too_long, primer_error *error)
{
    primer_error problem = {0};
    struct data_review_lesson lesson = {0};
    primer_status status =
        too_long ? error_set(&problem, PRIMER_ELIMIT,
                             "a line of more than %zu bytes, expected %zu "
                             "at most",
                             DATA_LINE_MOST, DATA_REVIEW_LESSON_MOST)
                 : data_review_lesson_read(&lesson, record->bytes, record->length, line, &problem);
    if (status == PRIMER_OK)
        status = enter(drawing, &lesson, &problem);
    else if (drawing->options->skip_bad && status != PRIMER_ENOMEM) {
        error_prefix(&problem, "%s:%llu", drawing->path, (unsigned long long)line);
        if (drawing->summary->bad++ == 0)
            snprintf(drawing->summary->first_bad, sizeof drawing->summary->first_bad, "%.500s",
                     problem.message);
        return PRIMER_OK;
    }
    data_review_lesson_free(&lesson);
    if (status == PRIMER_OK)
        return PRIMER_OK;
    return error_set(error, status, "%s:%llu: %s", drawing->path, (unsigned long long)line,
                     problem.message);
}

static primer_status read_all(struct drawing *drawing, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct data_review_options *const options = drawing->options;
    struct data_reader reader = {.descriptor = -1};
    struct buffer record = {0};
    struct stat facts;
    bool more = true, too_long = false;
    uint64_t line = 0;
    FORWARD(data_reader_open(&reader, drawing->path, DATA_SEPARATOR, error));
    drawing->bytes =
        stat(drawing->path, &facts) == 0 && facts.st_size > 0 ? (uint64_t)facts.st_size : 0;
    if (!reader.json)
        FAIL(PRIMER_EINVAL, "%s: expected lines of JSON, a .jsonl or .ndjson", drawing->path);
    while (more) {
        TRY(data_reader_next(&reader, &record, &line, &too_long, &more, error));
        if (more)
            TRY(take_line(drawing, &record, line, too_long, error));
        if (options->progress != NULL &&
            !options->progress(options->context, reader.done, drawing->bytes))
            FAIL(PRIMER_ECANCELED, "%s: stopped", drawing->path);
    }
    if (drawing->summary->lessons == 0)
        FAIL(PRIMER_EINVAL, "%s: there is no lesson in it", drawing->path);
cleanup:
    buffer_free(&record);
    data_reader_close(&reader);
    return status;
}

/* ---- shares ---------------------------------------------------------------------------------- */

static double part_of(const struct drawing *drawing, const struct stratum *stratum, size_t whole)
{
    return (double)whole * (double)stratum->lessons / (double)drawing->summary->lessons;
}

/* The stratum that is furthest below its part; ties: the first. SIZE_MAX: all lessons are taken. */
static size_t neediest(const struct drawing *drawing)
{
    size_t best = SIZE_MAX;
    double most = 0;
    for (size_t i = 0; i < drawing->stratum_count; i++) {
        const struct stratum *const stratum = &drawing->strata[i];
        const double lack = part_of(drawing, stratum, drawing->most) - (double)stratum->share;
        if (stratum->share < stratum->held && (best == SIZE_MAX || lack > most)) {
            best = i;
            most = lack;
        }
    }
    return best;
}

/* One for each, of the rest the whole parts, and what is then left one by one. */
static void share_out(struct drawing *drawing)
{
    size_t left = drawing->most;
    for (size_t i = 0; left > 0 && i < drawing->stratum_count; i++, left--)
        drawing->strata[i].share = 1;
    const size_t rest = left;
    for (size_t i = 0; rest > 0 && i < drawing->stratum_count; i++) {
        struct stratum *const stratum = &drawing->strata[i];
        const double part = part_of(drawing, stratum, rest);
        const size_t room = stratum->held - stratum->share;
        const size_t more = part < (double)room ? (size_t)part : room;
        stratum->share += more;
        left -= more;
    }
    for (size_t at; left > 0 && (at = neediest(drawing)) != SIZE_MAX; left--)
        drawing->strata[at].share++;
}

/* The chosen keys of all strata, in their order. */
static primer_status choose(struct drawing *drawing, primer_error *error)
{
    share_out(drawing);
    for (size_t i = 0; i < drawing->stratum_count; i++)
        drawing->count += drawing->strata[i].share;
    drawing->keys = memory_allocate(drawing->count, sizeof *drawing->keys);
    if (drawing->keys == NULL)
        return memory_failure(error, "the sample", drawing->count * sizeof *drawing->keys);
    size_t at = 0;
    for (size_t i = 0; i < drawing->stratum_count; i++) {
        const struct stratum *const stratum = &drawing->strata[i];
        if (stratum->share == 0)
            continue;
        qsort(stratum->keys, stratum->held, sizeof *stratum->keys, compare_keys);
        memcpy(drawing->keys + at, stratum->keys, stratum->share * sizeof *stratum->keys);
        at += stratum->share;
    }
    return PRIMER_OK;
}

/* ---- the second reading ---------------------------------------------------------------------- */

static primer_status fetch(const struct drawing *drawing, struct data_review_sample *sample,
                           primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_reader reader = {.descriptor = -1};
    struct buffer record = {0};
    bool more = true, too_long = false;
    uint64_t line = 0;
    FORWARD(data_reader_open(&reader, drawing->path, DATA_SEPARATOR, error));
    while (more && sample->count < drawing->count) {
        const struct key *const wanted = &drawing->keys[sample->count];
        struct data_review_lesson *const lesson = &sample->lessons[sample->count];
        TRY(data_reader_next(&reader, &record, &line, &too_long, &more, error));
        if (!more || line < wanted->line)
            continue;
        if (line > wanted->line || too_long ||
            data_review_lesson_read(lesson, record.bytes, record.length, line, NULL) != PRIMER_OK)
            break;
        sample->count++;
        if (lesson->id != wanted->id)
            FAIL(PRIMER_EIO, "%s:%llu: it changed while it was read", drawing->path,
                 (unsigned long long)line);
    }
    if (sample->count < drawing->count)
        FAIL(PRIMER_EIO, "%s: it changed while it was read", drawing->path);
cleanup:
    buffer_free(&record);
    data_reader_close(&reader);
    return status;
}

/* From the file's order to that of the keys. */
static primer_status order(const struct drawing *drawing, struct data_review_sample *sample,
                           primer_error *error)
{
    struct data_review_lesson *const ordered =
        memory_allocate(drawing->count, sizeof *sample->lessons);
    if (ordered == NULL)
        return memory_failure(error, "lessons", drawing->count * sizeof *sample->lessons);
    /* sample->lessons[i] belongs to keys[i]; the keys' `line` becomes i, then they are sorted. */
    for (size_t i = 0; i < drawing->count; i++)
        drawing->keys[i].line = i;
    qsort(drawing->keys, drawing->count, sizeof *drawing->keys, compare_keys);
    for (size_t i = 0; i < drawing->count; i++)
        ordered[i] = sample->lessons[drawing->keys[i].line];
    memory_free(sample->lessons);
    sample->lessons = ordered;
    return PRIMER_OK;
}

primer_status data_review_draw(struct data_review_sample *sample, const char *path,
                               const struct data_review_options *options,
                               struct data_review_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct drawing drawing = {.path = path,
                              .options = options,
                              .summary = summary,
                              .most = options->count == 0 ? SAMPLE : options->count};
    if (drawing.most > SAMPLE_MOST)
        return error_set(error, PRIMER_ELIMIT, "a sample of %zu lessons, expected %d at most",
                         drawing.most, SAMPLE_MOST);
    TRY(read_all(&drawing, error));
    TRY(choose(&drawing, error));
    sample->lessons = memory_allocate(drawing.count, sizeof *sample->lessons);
    if (sample->lessons == NULL) {
        status = memory_failure(error, "lessons", drawing.count * sizeof *sample->lessons);
        goto cleanup;
    }
    qsort(drawing.keys, drawing.count, sizeof *drawing.keys, compare_lines);
    TRY(fetch(&drawing, sample, error));
    TRY(order(&drawing, sample, error));
    summary->drawn = sample->count;
cleanup:
    free_drawing(&drawing);
    if (status != PRIMER_OK)
        data_review_sample_free(sample);
    return status;
}
