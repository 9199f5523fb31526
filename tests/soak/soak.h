/* soak.h - random clients on shared models, each compared with what it would be alone.
 *
 *   soak.c         options, the models' lives, progress, the summary
 *   soak_client.c  what a client does: stories of random calls on random sessions
 *   soak_write.c   one answer, and the same answer from a model that nobody shares
 *   soak_cancel.c  the thread that cancels calls at random moments
 *
 * Only primer.h is used, as by a program from outside, and the library is linked as installed.
 * What a client asks is decided by --seed, its number and its story's; when things happen is not.
 */
#ifndef TESTS_SOAK_SOAK_H
#define TESTS_SOAK_SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "primer.h"

#define SOAK_MODELS  3   /* that sessions are made on */
#define SOAK_CONTEXT 448 /* most tokens of a session */

/* What has to happen at least once for the run to prove anything. */
enum soak_event {
    SOAK_MODELS_OPENED,
    SOAK_SESSIONS,
    SOAK_PROMPTS,
    SOAK_ANSWERS,
    SOAK_TOKENS,
    SOAK_LOGITS, /* rows compared */
    SOAK_CANCELLED_PROMPTS,
    SOAK_CANCELLED_ANSWERS,
    SOAK_LATE_CANCELS, /* heard by the call after the one they were meant for */
    SOAK_FORKS,
    SOAK_REWINDS,
    SOAK_RESTORES,
    SOAK_REFUSED_RESTORES,
    SOAK_DROPPED_TOKENS,
    SOAK_STOP_STRINGS,
    SOAK_SCORES,
    SOAK_EMBEDDINGS,
    SOAK_LOOKUP_HITS,
    SOAK_DRAFT_HITS,
    SOAK_PREFIX_HITS,
    SOAK_PREFIX_EVICTIONS,
    SOAK_DISK_TOKENS, /* read from the prefix cache on disk */
    SOAK_JOINED_PASSES,
    SOAK_EVENTS
};
void soak_count(enum soak_event event, uint64_t more);

/* Random numbers (Steele, Lea, Flood 2014, "SplitMix"). */
struct dice {
    uint64_t state;
};
uint64_t dice_roll(struct dice *dice);
size_t dice_below(struct dice *dice, size_t count);     /* 0 .. count - 1 */
bool dice_happens(struct dice *dice, unsigned percent); /* that often */

/* One client's place in the list of calls to be cancelled. */
struct cancel_slot {
    pthread_mutex_t lock;
    primer_session *session; /* NULL: nothing to cancel */
    uint64_t when;           /* nanoseconds of the monotonic clock */
    bool fired;
    struct cancel_slot *next;
};
void soak_cancel_start(void);
void soak_cancel_stop(void);
void soak_cancel_join(struct cancel_slot *slot); /* puts it into the list */
void soak_cancel_leave(struct cancel_slot *slot);
void soak_cancel_arm(struct cancel_slot *slot, primer_session *session, uint64_t nanoseconds);
bool soak_cancel_disarm(struct cancel_slot *slot); /* true: it was cancelled */

/* One branch of a story: a session, and what it must hold. */
struct branch {
    size_t client, story; /* for messages */
    struct dice dice;
    size_t model;
    primer_session_options options;
    primer_session *session, *draft;
    primer_model *alone; /* nobody else's; opened when first needed */
    struct cancel_slot slot;
    uint64_t typical;           /* nanoseconds that the last call took */
    int32_t held[SOAK_CONTEXT]; /* what the session holds */
    size_t count;
};

struct soak {
    uint64_t seed;
    size_t seconds, clients;
    const char *paths[SOAK_MODELS];
    const char *folder;           /* of saved sessions */
    const char *prefixes;         /* the folder of the prefix cache on disk */
    pthread_rwlock_t models_lock; /* of `models`: they are exchanged for new ones now and then */
    primer_model *models[SOAK_MODELS];
    atomic_bool over;
};
extern struct soak soak;

/* Ends the program, naming client and story. */
void soak_fail(const struct branch *branch, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
#define SOAK_MUST(branch, call)                                                                    \
    do {                                                                                           \
        primer_error soak_error = {0};                                                             \
        primer_error *const error = &soak_error;                                                   \
        if ((call) != PRIMER_OK)                                                                   \
            soak_fail(branch, "%s: %s", #call, soak_error.message);                                \
    } while (0)

uint64_t soak_nanoseconds(void);
void *soak_client(void *number); /* a client's thread */

/* A session on what is now the shared model of this number. */
void soak_session(struct branch *branch, size_t model, const primer_session_options *options,
                  primer_session **session);
/* Frees what soak_session made. */
void soak_end(primer_session *session);
/* A session of the branch's options on its own model. */
primer_session *soak_alone(struct branch *branch);
/* Copies what the session holds. */
void soak_note(struct branch *branch);
/* The session must hold ids[0..count). */
void soak_holds(const struct branch *branch, const primer_session *session, const int32_t *ids,
                size_t count, const char *after);
/* Its logits must be those of a session that reads the same alone. */
void soak_same_logits(struct branch *branch, const char *after);
/* A cancel that came too late: the next call hears of it, the one after doesn't. */
void soak_hear_cancel(struct branch *branch);

/* Writes on, compares. */
void soak_write(struct branch *branch);
/* The same with sampler and append, token by token. */
void soak_write_by_hand(struct branch *branch);

#endif
