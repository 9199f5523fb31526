/* data_overlap_rounds.c - rounds of records over threads. Declared in data_overlap_rounds.h. */
#include "data/data_overlap_rounds.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/data.h"
#include "data/data_overlap_text.h"
#include "data/data_read.h"
#include "data/data_share.h"

#define KEEP_BYTES ((size_t)1 << 20) /* a record that grew beyond gives its memory back */

struct running {
    struct data_overlap_rounds *rounds;
    struct data_reader reader;
    struct data_overlap_record *records; /* [slots] */
    size_t file, filled, slots, bytes;
    uint64_t before; /* bytes of the files that are done */
    uint64_t *sizes; /* [rounds->count] of the files */
};

/* ---- one record ------------------------------------------------------------------------------ */

static primer_status read_text(const struct running *running, struct data_overlap_record *record)
{
    const struct data_overlap_rounds *const rounds = running->rounds;
    primer_error *const error = &record->error;
    buffer_clear(&record->text);
    if (record->too_long)
        return error_set(error, PRIMER_ELIMIT, "%s:%llu: a line of more than %zu bytes",
                         record->path, (unsigned long long)record->line, DATA_LINE_MOST);
    if (record->json)
        return data_overlap_text_of_json(record->bytes.bytes, record->bytes.length, rounds->field,
                                         record->path, record->line, &record->text, error);
    FORWARD(data_read_check_text(record->bytes.bytes, record->bytes.length, record->path,
                                 record->line, error));
    return buffer_append(&record->text, record->bytes.bytes, record->bytes.length, error);
}

static void work(void *context, size_t task, size_t thread)
{
    struct running *const running = context;
    struct data_overlap_rounds *const rounds = running->rounds;
    struct data_overlap_record *const record = &running->records[task];
    record->status = read_text(running, record);
    if (record->status == PRIMER_OK)
        record->status = rounds->work(rounds->context, record, task, thread, &record->error);
}

/* Whether a failure is the record's own. */
static bool is_bad_record(primer_status status)
{
    return status == PRIMER_EFORMAT || status == PRIMER_EUNSUPPORTED || status == PRIMER_ELIMIT ||
           status == PRIMER_EINVAL;
}

static primer_status take(struct running *running, size_t slot, primer_error *error)
{
    struct data_overlap_rounds *const rounds = running->rounds;
    struct data_overlap_record *const record = &running->records[slot];
    rounds->records++;
    if (record->status == PRIMER_OK)
        return rounds->take(rounds->context, record, slot, error);
    if (!rounds->skip_bad || !is_bad_record(record->status))
        return error_set(error, record->status, "%s", record->error.message);
    if (rounds->bad++ == 0)
        snprintf(rounds->first_bad, sizeof rounds->first_bad, "%.500s", record->error.message);
    return PRIMER_OK;
}

static void record_free(struct data_overlap_record *record)
{
    buffer_free(&record->bytes);
    buffer_free(&record->text);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static primer_status fill_round(struct running *running, bool *more, primer_error *error)
{
    size_t bytes = 0;
    while (running->filled < running->slots && bytes < running->bytes) {
        struct data_overlap_record *const record = &running->records[running->filled];
        record->path = running->reader.path;
        record->file = running->file;
        record->json = running->reader.json;
        FORWARD(data_reader_next(&running->reader, &record->bytes, &record->line, &record->too_long,
                                 more, error));
        if (!*more)
            break;
        running->filled++;
        bytes += record->bytes.length;
    }
    return PRIMER_OK;
}

static primer_status work_own(void *context, primer_error *error)
{
    struct running *const running = context;
    const struct data_overlap_rounds *const rounds = running->rounds;
    if (rounds->save == NULL)
        pool_run(rounds->pool, work, running, running->filled);
    else
        data_share_pool(rounds->share, rounds->pool, work, running, running->filled);
    return rounds->round == NULL
               ? PRIMER_OK
               : rounds->round(rounds->context, running->records, running->filled, error);
}

static primer_status save_record(void *context, size_t task, struct buffer *out,
                                 primer_error *error)
{
    const struct running *const running = context;
    const struct data_overlap_record *const record = &running->records[task];
    FORWARD(data_share_put_status(out, record->status, &record->error, error));
    return record->status == PRIMER_OK
               ? running->rounds->save(running->rounds->context, task, out, error)
               : PRIMER_OK;
}

static primer_status load_record(void *context, size_t task, struct cursor *in, primer_error *error)
{
    struct running *const running = context;
    struct data_overlap_record *const record = &running->records[task];
    buffer_clear(&record->text);
    FORWARD(data_share_take_status(in, &record->status, &record->error, error));
    return record->status == PRIMER_OK
               ? running->rounds->load(running->rounds->context, task, in, error)
               : PRIMER_OK;
}

static primer_status finish_round(struct running *running, primer_error *error)
{
    struct data_overlap_rounds *const rounds = running->rounds;
    const struct data_share_round round = {running, running->filled, work_own, save_record,
                                           load_record};
    if (rounds->save == NULL)
        FORWARD(work_own(running, error));
    else
        FORWARD(data_share_run(rounds->share, &round, error));
    for (size_t i = 0; i < running->filled; i++) {
        FORWARD(take(running, i, error));
        if (running->records[i].bytes.capacity > KEEP_BYTES ||
            running->records[i].text.capacity > KEEP_BYTES)
            record_free(&running->records[i]);
    }
    running->filled = 0;
    return PRIMER_OK;
}

static primer_status report(const struct running *running, primer_error *error)
{
    struct data_overlap_rounds *const rounds = running->rounds;
    rounds->done = running->before + running->reader.done;
    if (rounds->progress == NULL ||
        rounds->progress(rounds->progress_context, rounds->done, rounds->input_bytes))
        return PRIMER_OK;
    return error_set(error, PRIMER_ECANCELED, "%s: stopped", running->reader.path);
}

/* All processes go on, or none. */
static primer_status end_round(struct running *running, primer_error *error)
{
    primer_status status = finish_round(running, error);
    if (status == PRIMER_OK)
        status = report(running, error);
    return data_share_agree(running->rounds->share, status, error);
}

static primer_status read_file(struct running *running, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct data_overlap_rounds *const rounds = running->rounds;
    bool more = true;
    FORWARD(data_reader_open(&running->reader, rounds->inputs[running->file],
                             rounds->separator == NULL ? DATA_SEPARATOR : rounds->separator,
                             error));
    running->reader.least = running->sizes[running->file];
    while (more) {
        TRY(fill_round(running, &more, error));
        TRY(end_round(running, error));
    }
    running->before += running->reader.done;
cleanup:
    data_reader_close(&running->reader);
    return status;
}

primer_status data_overlap_rounds_run(struct data_overlap_rounds *rounds, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct running running = {.rounds = rounds,
                              .reader.descriptor = -1,
                              .slots = rounds->slots > 0 ? rounds->slots : 512,
                              .bytes = rounds->bytes > 0 ? rounds->bytes : (size_t)4 << 20};
    rounds->done = rounds->records = rounds->bad = 0;
    rounds->first_bad[0] = '\0';
    TRY(data_read_sizes(rounds->inputs, rounds->count, &running.sizes, &rounds->input_bytes,
                        error));
    running.records = memory_allocate(running.slots, sizeof *running.records);
    if (running.records == NULL) {
        status = memory_failure(error, "records", running.slots * sizeof *running.records);
        goto cleanup;
    }
    for (running.file = 0; running.file < rounds->count; running.file++)
        TRY(read_file(&running, error));
cleanup:
    for (size_t i = 0; running.records != NULL && i < running.slots; i++)
        record_free(&running.records[i]);
    memory_free(running.records);
    memory_free(running.sizes);
    return status;
}

primer_status data_overlap_rounds_write(const struct data_overlap_record *record,
                                        struct buffer *scratch, struct file_writer *writer,
                                        primer_error *error)
{
    if (record->json) {
        FORWARD(file_writer_write(writer, record->bytes.bytes, record->bytes.length, error));
        return file_writer_write(writer, "\n", 1, error);
    }
    buffer_clear(scratch);
    FORWARD(buffer_text(scratch, "{\"text\": ", error));
    FORWARD(buffer_json_string(scratch, record->bytes.bytes, record->bytes.length, error));
    FORWARD(buffer_text(scratch, "}\n", error));
    return file_writer_write(writer, scratch->bytes, scratch->length, error);
}
