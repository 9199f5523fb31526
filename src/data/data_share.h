/* data_share.h - the work of a verb, shared by the processes that a launcher started together.
 *
 *   input     every process reads all of it
 *   round     | task 0 | task 1 | task 2 | task 3 | task 4 | ...     task t: by process t mod N
 *   results   as bytes, from each process to all, which go on alike
 *   outputs   the first process writes them, and tells
 *   OUT.work  the results so far (data_journal.h), also by the first process
 *
 * What comes out are the same bytes for any number of processes and threads. Without a launcher
 * there is one process, which does everything. Every process takes part in the same rounds in the
 * same order; one that fails by itself ends the others (ranks/ranks.h).
 */
#ifndef DATA_DATA_SHARE_H
#define DATA_DATA_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/pool.h"
#include "data/data_journal.h"
#include "ranks/ranks.h"

/* Begins as DATA_SHARE_ALONE: one process, which does everything. */
struct data_share {
    struct ranks ranks;
    struct buffer own, all; /* results of a round: this process's, everybody's */
    size_t *ends;           /* [ranks.count] where each process's end in `all` */
    struct data_journal journal;
    struct buffer record; /* of the journal */
    bool journals;        /* finished rounds are kept */
    bool replays;         /* the next round may be there from an earlier run */
    void (*tell)(void *context, const char *line); /* NULL: none */
    void *context;
};
#define DATA_SHARE_ALONE                                                                           \
    {                                                                                              \
        .ranks = {.rank = 0, .count = 1 }                                                          \
    }

/* What a verb is to write against what it reads, and against each other (file_check_outputs); the first
 * output has the work so far beside it, OUT.work. */
primer_status data_share_check_outputs(const char *const *outputs, size_t output_count,
                                       const char *const *inputs, size_t input_count,
                                       primer_error *error);
/* Joins the others, where there are some. *rank: which one this is. */
primer_status data_share_begin(struct data_share *share, size_t *rank, primer_error *error);
/* Every round from here on is kept beside the output `path`, until the end; such that an earlier run
 * with this key has left are taken from there. `tell` (NULL: nobody) hears of it, in the first
 * process. */
primer_status data_share_journal(struct data_share *share, const char *path, uint64_t key,
                                 void (*tell)(void *context, const char *line), void *context,
                                 primer_error *error);
/* A status other than PRIMER_OK: the others are to end, too. The journal goes where the work is done,
 * or failed in its first round. */
void data_share_end(struct data_share *share, primer_status status);
/* Before the end: where `status` is PRIMER_ECANCELED, the message becomes one line of how far the work
 * was, `done` of `all` of what `of` names ("the input"), and whether the same call goes on with it. */
void data_share_stopped(const struct data_share *share, primer_status status, const char *of,
                        uint64_t done, uint64_t all, primer_error *error);
bool data_share_is_first(const struct data_share *share);
bool data_share_owns(const struct data_share *share, size_t task);

struct data_share_round {
    void *context;
    size_t count; /* tasks */
    /* Does the tasks that this process owns. */
    primer_status (*work)(void *context, primer_error *error);
    /* A task's result to bytes, and what another process made of it back. */
    primer_status (*save)(void *context, size_t task, struct buffer *out, primer_error *error);
    primer_status (*load)(void *context, size_t task, struct cursor *in, primer_error *error);
};

/* Afterwards every process has the results of all tasks. */
primer_status data_share_run(struct data_share *share, const struct data_share_round *round,
                             primer_error *error);
/* pool_run for the tasks that this process owns, of `count`. */
void data_share_pool(const struct data_share *share, struct pool *pool, pool_task *task,
                     void *context, size_t count);
/* What all have come to, `own` being this process's part (ranks_agree). */
primer_status data_share_agree(const struct data_share *share, primer_status own,
                               primer_error *error);

/* ---- keys ------------------------------------------------------------------------------------ */

/* A hash of all that results depend on, piece by piece; NULL is another text than "". */
void data_share_key_text(uint64_t *key, const char *text);
void data_share_key_number(uint64_t *key, uint64_t number);
void data_share_key_real(uint64_t *key, double number);
/* Its name, size and time; NULL: nothing. */
primer_status data_share_key_file(uint64_t *key, const char *path, primer_error *error);
primer_status data_share_key_files(uint64_t *key, const char *const *paths, size_t count,
                                   primer_error *error);

/* ---- results as bytes ------------------------------------------------------------------------ */

primer_status data_share_put(struct buffer *out, uint64_t value, primer_error *error);
primer_status data_share_put_real(struct buffer *out, double value, primer_error *error);
/* A status, and where it isn't PRIMER_OK the message. */
primer_status data_share_put_status(struct buffer *out, primer_status status,
                                    const primer_error *what, primer_error *error);
primer_status data_share_take_status(struct cursor *in, primer_status *status, primer_error *what,
                                     primer_error *error);

#endif
