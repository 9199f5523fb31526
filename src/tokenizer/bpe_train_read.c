/* bpe_train_read.c - from files to counted pieces.
 *
 *   file    |.......<|endoftext|>....................................|
 *   parts   |    0                  |     1       |     2    | ...        a round: PARTS of them
 *
 * One thread lays the parts' borders, all threads count the parts into tables of their own, the
 * tables are joined, and the next round begins. A border lies behind a special token, or between a
 * letter and a space where the pattern allows it (bpe_train_pattern.h), so that every part is cut
 * as it would be in the whole text. Parts and rounds don't depend on the number of threads, nor,
 * therefore, does what is forgotten when the joined table is full.
 */
#include "tokenizer/bpe_train_read.h"

#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "tokenizer/added.h"

#ifdef PRIMER_STRESS
enum { PARTS = 3, PART_BYTES = 64 };
#else
enum { PARTS = 64, PART_BYTES = 1 << 19 };
#endif

#define PIECES_MOST ((size_t)1 << 23)
#define BYTES_MOST  ((uint64_t)1 << 28)

struct part {
    size_t begin, end; /* in the file */
};

struct worker {
    struct bpe_train_counts counts;
    uint64_t pieces;
    primer_status status;
    primer_error error;
};

struct reader {
    const struct bpe_train_options *options;
    struct bpe_trained *trained;
    struct bpe_train_counts *counts;
    struct bpe_train_dropped dropped;
    struct unicode_class_map classes;
    struct added special;
    struct pool *pool;
    struct worker *workers; /* [pool_size(pool)] */
    uint64_t done, all;     /* bytes */
    /* the file that is read */
    const char *text;
    size_t length, at;
    size_t next_begin, next_end; /* the first special token at or after `at`; length: none */
    struct part parts[PARTS];
    size_t part_count;
};

/* ---- borders --------------------------------------------------------------------------------- */

static void find_special(struct reader *reader, size_t from)
{
    const struct added_text where = {reader->text, NULL, reader->length, true};
    reader->next_begin = reader->next_end = reader->length;
    added_search(&reader->special, &where, from, &reader->next_begin, &reader->next_end);
}

/* Whether text[at] is a space or a line feed and text[from..at) ends with a letter. Only the basic
 * plane's letters count: about those PCRE2's tables and ours agree. */
static bool is_border(const struct reader *reader, size_t from, size_t at)
{
    if (reader->text[at] != ' ' && reader->text[at] != '\n')
        return false;
    size_t start = at, width;
    do {
        if (start == from)
            return false;
        start--;
    } while (((unsigned char)reader->text[start] & 0xC0) == 0x80 && at - start < 3);
    return unicode_class_at(&reader->classes, reader->text, at, start, &width) == UNICODE_LETTER &&
           start + width == at;
}

/* The first border at or after `from` inside text[begin..end); `end`: none. */
static size_t border_in(const struct reader *reader, size_t begin, size_t from, size_t end)
{
    if (!reader->options->characters && !reader->trained->pattern.parts)
        return end;
    for (size_t at = from; at < end; at++) {
        if (is_border(reader, begin, at))
            return at;
    }
    return end;
}

/* Where the part that begins at reader->at ends: its size, and on to the next border. */
static size_t part_end(struct reader *reader)
{
    const size_t size = reader->options->part == 0 ? PART_BYTES : reader->options->part;
    if (reader->length - reader->at <= size)
        return reader->length;
    const size_t target = reader->at + size;
    for (size_t begin = reader->at;;) {
        if (reader->next_begin > target) {
            const size_t from = begin > target ? begin : target;
            const size_t end = border_in(reader, begin, from, reader->next_begin);
            if (end < reader->next_begin)
                return end;
        }
        begin = reader->next_end;
        if (begin == reader->length)
            return begin;
        find_special(reader, begin);
        if (begin >= target)
            return begin;
    }
}

static void lay_parts(struct reader *reader)
{
    for (reader->part_count = 0; reader->part_count < PARTS && reader->at < reader->length;
         reader->part_count++) {
        const size_t end = part_end(reader);
        reader->parts[reader->part_count] = (struct part){reader->at, end};
        reader->at = end;
    }
}

/* ---- counting -------------------------------------------------------------------------------- */

static primer_status count_piece(void *context, const char *piece, size_t length, size_t readable,
                                 primer_error *error)
{
    struct worker *const worker = context;
    worker->pieces++;
    return bpe_train_counts_add(&worker->counts, piece, length, readable, 1, error);
}

/* Characters, and bytes that are none. */
static primer_status count_characters(struct worker *worker, const char *text, size_t length,
                                      primer_error *error)
{
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        size_t width = utf8_decode(text + at, length - at, &code_point);
        if (width == 0)
            width = 1;
        FORWARD(count_piece(worker, text + at, width, length - at, error));
        at += width;
    }
    return PRIMER_OK;
}

static primer_status count_text(const struct reader *reader, struct worker *worker,
                                const char *text, size_t length, primer_error *error)
{
    if (reader->options->characters)
        return count_characters(worker, text, length, error);
    return pattern_split(&reader->trained->pattern.pattern, &reader->classes, text, length,
                         count_piece, worker, error);
}

static primer_status count_part(const struct reader *reader, struct worker *worker,
                                struct part part, primer_error *error)
{
    const struct added_text where = {reader->text + part.begin, NULL, part.end - part.begin, true};
    for (size_t at = 0; at < where.length;) {
        size_t begin = where.length, end = where.length;
        added_search(&reader->special, &where, at, &begin, &end);
        FORWARD(count_text(reader, worker, where.bytes + at, begin - at, error));
        at = end;
    }
    return PRIMER_OK;
}

static void count_task(void *context, size_t task, size_t thread)
{
    struct reader *const reader = context;
    struct worker *const worker = &reader->workers[thread];
    if (worker->status == PRIMER_OK)
        worker->status = count_part(reader, worker, reader->parts[task], &worker->error);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static primer_status tell(const struct reader *reader, primer_error *error)
{
    const struct bpe_train_options *const options = reader->options;
    if (options->progress != NULL &&
        !options->progress(options->context, "counting", reader->done, reader->all))
        return error_set(error, PRIMER_ECANCELED, "stopped while the texts were read");
    return PRIMER_OK;
}

static primer_status join_tables(struct reader *reader, primer_error *error)
{
    const struct bpe_train_options *const options = reader->options;
    const size_t pieces = options->pieces_most == 0 ? PIECES_MOST : options->pieces_most;
    const uint64_t bytes = options->bytes_most == 0 ? BYTES_MOST : options->bytes_most;
    for (size_t i = 0; i < pool_size(reader->pool); i++) {
        struct worker *const worker = &reader->workers[i];
        if (worker->status != PRIMER_OK) {
            if (error != NULL)
                *error = worker->error;
            return worker->status;
        }
        FORWARD(bpe_train_counts_join(reader->counts, &worker->counts, error));
        bpe_train_counts_clear(&worker->counts);
        reader->trained->pieces += worker->pieces;
        worker->pieces = 0;
    }
    if (reader->counts->used <= pieces && reader->counts->bytes <= bytes)
        return PRIMER_OK;
    return bpe_train_counts_prune(reader->counts, pieces / 2, bytes / 2, &reader->dropped, error);
}

static primer_status read_map(struct reader *reader, const struct file_map *map,
                              primer_error *error)
{
    reader->text = (const char *)map->bytes;
    reader->length = map->size;
    reader->at = 0;
    find_special(reader, 0);
    while (reader->at < reader->length) {
        const size_t before = reader->at;
        FORWARD(tell(reader, error));
        lay_parts(reader);
        pool_run(reader->pool, count_task, reader, reader->part_count);
        file_map_forget(map, before, reader->at - before);
        FORWARD(join_tables(reader, error));
        reader->done += reader->at - before;
    }
    return PRIMER_OK;
}

static primer_status read_file(struct reader *reader, const char *path, primer_error *error)
{
    struct file_map map;
    FORWARD(file_map_open(&map, path, error));
    const primer_status status = read_map(reader, &map, error);
    file_map_close(&map);
    if (status != PRIMER_OK && status != PRIMER_ECANCELED)
        error_prefix(error, "%s", path);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Every file can be read, before any of them is. */
static primer_status look_at_files(struct reader *reader, const char *const *paths, size_t count,
                                   primer_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct file_map map;
        FORWARD(file_map_open(&map, paths[i], error));
        reader->all += map.size;
        file_map_close(&map);
    }
    if (reader->all == 0)
        return error_set(error, PRIMER_EINVAL, "%s%s: there is no text to learn from",
                         count == 0 ? "no files" : paths[0], count > 1 ? " and the others" : "");
    return PRIMER_OK;
}

static primer_status prepare(struct reader *reader, primer_error *error)
{
    const struct bpe_train_options *const options = reader->options;
    FORWARD(unicode_class_create(&reader->classes, error));
    for (size_t i = 0; i < options->special_count; i++)
        FORWARD(added_insert(&reader->special, options->special[i], strlen(options->special[i]),
                             (int32_t)i, true, error));
    FORWARD(pool_create(&reader->pool, options->threads, error));
    reader->workers = memory_allocate(pool_size(reader->pool), sizeof *reader->workers);
    if (reader->workers == NULL)
        return memory_failure(error, "the counting threads", sizeof *reader->workers);
    return PRIMER_OK;
}

static void finish(struct reader *reader)
{
    for (size_t i = 0; reader->workers != NULL && i < pool_size(reader->pool); i++)
        bpe_train_counts_free(&reader->workers[i].counts);
    memory_free(reader->workers);
    pool_free(reader->pool);
    added_free(&reader->special);
    unicode_class_free(&reader->classes);
}

primer_status bpe_train_read(const char *const *paths, size_t count,
                             const struct bpe_train_options *options, struct bpe_trained *trained,
                             struct bpe_train_counts *counts, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct reader reader = {.options = options, .trained = trained, .counts = counts};
    TRY(look_at_files(&reader, paths, count, error));
    TRY(prepare(&reader, error));
    for (size_t i = 0; i < count; i++)
        TRY(read_file(&reader, paths[i], error));
    TRY(tell(&reader, error));
    trained->text_bytes = reader.done;
    trained->distinct = counts->used;
    trained->forgotten = reader.dropped.occurrences;
    trained->forgotten_pieces = reader.dropped.pieces;
cleanup:
    finish(&reader);
    return status;
}
