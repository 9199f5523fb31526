/* scheduler.h - joins what sessions want computed into passes over the weights.
 *
 * Each calling thread puts one piece of work in the queue and waits. One of the waiting threads
 * leads: it gathers what is there, runs one pass for all of it, hands out the results and then the
 * lead. No thread of the scheduler's own exists; where nobody waits nothing runs.
 *
 *   queue   | decode A | decode B | prompt C (900 tokens) | decode D |
 *   pass    |    1     |    1     |   some of the 900     |    1     |    rows
 *
 * Work of few tokens (a generating session's next one) always goes whole into the next pass.
 * Prompts share what is left of it: all ENGINE_PASS_TOKENS while nobody generates, else as many
 * tokens as fit into SCHEDULER_PATIENCE at the speed measured so far, and half as many again where
 * several prompts wait; so long a generating session may wait for its turn. The prompt that is
 * over soonest gets most of them, and up to SCHEDULER_QUESTION_ROOM where little is left of it:
 * who comes with a question doesn't wait until another's book is read, and holds the others up a
 * few times only. After a pass with several sessions the leader waits a moment for those that will
 * come again.
 */
#ifndef ENGINE_SCHEDULER_H
#define ENGINE_SCHEDULER_H

#include <pthread.h>
#include <stdatomic.h>
#include "model/model.h"
#include "primer.h"

#define SCHEDULER_WIDTH         64  /* most pieces of work in one pass */
#define SCHEDULER_FEW           16  /* tokens: work up to this is served first and whole */
#define SCHEDULER_LEAST         4   /* tokens: a waiting prompt's room beside many others */
#define SCHEDULER_QUESTION      256 /* tokens left: what is so short gets more room at a time */
#define SCHEDULER_QUESTION_ROOM 64
#define SCHEDULER_PATIENCE      0.15 /* seconds that a prompt may hold up a generating session */

enum scheduler_logits { SCHEDULER_NONE, SCHEDULER_LAST, SCHEDULER_ALL };

struct scheduler_work {
    /* set by the caller */
    struct kv_cache *cache; /* prepared for [start, start + tokens) */
    const struct rotary *rotary;
    const struct adapter_set *adapters; /* NULL: none */
    const int32_t *ids;                 /* [tokens] */
    size_t start, tokens;
    size_t behind; /* tokens of the same prompt that come after these, as far as known */
    enum scheduler_logits want; /* of the last token (if all are done), or of every token done */
    float *logits;              /* [1 or tokens][vocabulary] */
    float *hidden;              /* [tokens][embedding], or NULL */
    atomic_bool *cancel;
    /* filled in */
    size_t done; /* tokens computed, >= 1 on success */
    primer_status status;
    primer_error error;
    /* the scheduler's own */
    size_t part, first_row; /* tokens in this pass */
    uint64_t arrived;       /* passes begun when it joined the queue */
    bool finished;
    pthread_cond_t turn;
    struct scheduler_work *next;
};

/* What was done since the scheduler was made. */
struct scheduler_counts {
    uint64_t passes, tokens;
    uint64_t joined_passes, joined_tokens;  /* of passes that served several pieces of work */
    uint64_t pass_sizes[PRIMER_PASS_SIZES]; /* as primer_totals has them */
    uint64_t reruns;                        /* pieces run alone because their joined pass failed */
    uint64_t longest_wait; /* passes begun from the arrival of few-token work to the end of its own:
                              1 where it is in the next one */
};

struct scheduler {
    pthread_mutex_t lock;    /* guards all below but `pass`, which belongs to the leader */
    pthread_cond_t arrived;  /* somebody joined the queue while the leader gathers */
    pthread_cond_t released; /* the lead is free: for callers of scheduler_logits */
    size_t alone;            /* how many of those wait */
    struct scheduler_work *first, **last;
    size_t waiting, expected; /* in the queue; likely to be there soon */
    bool led;                 /* somebody leads, or holds the pass */
    double seconds_per_token; /* of prompts, as measured; 0: not yet */
    double pass_seconds;      /* of the last pass */
    struct scheduler_counts counts;
    const struct model *model;
    struct pass pass;
    float *rows, *logits; /* scratch of [SCHEDULER_ROWS] rows: hidden, logits */
};

primer_status scheduler_create(struct scheduler *scheduler, const struct model *model,
                               const struct kernel *kernel, struct pool *pool, primer_error *error);
void scheduler_free(struct scheduler *scheduler);

/* Room in the pass for sessions with so many adapters, whose ranks add up to `rank`. Waits while a
 * pass runs. */
primer_status scheduler_reserve_adapters(struct scheduler *scheduler, size_t adapters, size_t rank,
                                         primer_error *error);
/* Waits for its turn and computes the next work->done >= 1 tokens of the work. */
primer_status scheduler_run(struct scheduler *scheduler, struct scheduler_work *work,
                            primer_error *error);
/* Sets the parts of [count] prompts, which it puts in order. The one that is over soonest gets
 * `room` tokens, each other one half of its even share of them besides, as far as they all fit into
 * `most`; what one doesn't need the next ones have. So a short prompt delays a long one by no more
 * than itself, and none takes more than twice its time. */
void scheduler_share(struct scheduler_work **prompts, size_t count, size_t room, size_t most);
/* How many pieces of work the last pass served, 1 at least. */
size_t scheduler_company(struct scheduler *scheduler);
/* What was done so far. */
void scheduler_count(struct scheduler *scheduler, struct scheduler_counts *counts);
/* Logits of hidden [rows][embedding] to out [rows][vocabulary], alone with the pass's memory. */
primer_status scheduler_logits(struct scheduler *scheduler, const float *hidden, size_t rows,
                               float *out, primer_error *error);

#endif
