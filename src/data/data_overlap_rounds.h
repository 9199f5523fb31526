/* data_overlap_rounds.h - records of many files, worked on by all threads, taken in their order.
 *
 *   files --reader--> | record record record ... |  --work, all threads-->  --take, in order-->
 *                       a round: `slots` records, or `bytes` of them
 *
 * Of several processes each works on its own records of a round, and has the results of all before
 * they are taken (data_share.h). A record of another process has no text, but its bytes.
 *
 * Memory depends on a round and the largest record, never on the files; results never on the
 * threads.
 */
#ifndef DATA_DATA_OVERLAP_ROUNDS_H
#define DATA_DATA_OVERLAP_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/file.h"
#include "base/pool.h"

struct data_share;

struct data_overlap_record {
    const char *path;
    size_t file;   /* which of the inputs */
    uint64_t line; /* where it begins */
    struct buffer bytes, text;
    bool json, too_long;
    primer_status status; /* of reading and of `work` */
    primer_error error;
};

struct data_overlap_rounds {
    const char *const *inputs;
    size_t count;
    const char *field, *separator; /* as data.h has them */
    bool skip_bad;
    struct pool *pool;
    size_t slots, bytes; /* of a round; 0: 512 records, 4 MiB */
    bool (*progress)(void *context, uint64_t done, uint64_t all); /* NULL: none */
    void *progress_context;
    struct data_share *share;
    /* One record, by any thread; `slot` < slots. */
    primer_status (*work)(void *context, struct data_overlap_record *record, size_t slot,
                          size_t thread, primer_error *error);
    /* NULL, or what is done with a round between the two, with the records that are this
     * process's. */
    primer_status (*round)(void *context, struct data_overlap_record *records, size_t count,
                           primer_error *error);
    primer_status (*take)(void *context, struct data_overlap_record *record, size_t slot,
                          primer_error *error);
    /* What `work` and `round` found out about a record, to bytes and back; NULL: every process does
     * all records itself. */
    primer_status (*save)(void *context, size_t slot, struct buffer *out, primer_error *error);
    primer_status (*load)(void *context, size_t slot, struct cursor *in, primer_error *error);
    void *context;
    /* what was met */
    uint64_t input_bytes, done, records, bad; /* done: bytes, as was reported last */
    char first_bad[512];
};

/* Opens nothing that isn't a regular file. A record that can't be read is an error that names file
 * and line, or with skip_bad counted and never taken. PRIMER_ECANCELED where `progress` says so. */
primer_status data_overlap_rounds_run(struct data_overlap_rounds *rounds, primer_error *error);
/* The record as a line of JSON: as it was read; a document of a text as {"text": ...}. */
primer_status data_overlap_rounds_write(const struct data_overlap_record *record,
                                        struct buffer *scratch, struct file_writer *writer,
                                        primer_error *error);

#endif
