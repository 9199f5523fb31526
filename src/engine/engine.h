/* engine.h - what is behind the two opaque types of primer.h.
 *
 *   primer_model    gguf -> model (weights bound), tokenizer, kernel table, thread pool, one pass
 *   primer_session  ids[0..count)   the timeline
 *                   cache           KV of ids[0..computed)
 *                   logits          after ids[computed - 1], when logits_valid
 *
 * Lock: the scheduler's guards the pass (and so the pool): one at a time. model->pools_lock guards the
 * list of KV pools. A session itself is used by one thread; only its `cancel` is touched by others.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include "base/clock.h"
#include "base/memory.h"
#include "format/gguf.h"
#include "kv/kv.h"
#include "engine/prefix.h"
#include "engine/scheduler.h"
#include "model/adapter.h"
#include "model/model.h"
#include "primer.h"
#include "tokenizer/tokenizer.h"

/* The version of docs/NUMERICS.md. Whoever changes a bit of any logits raises it, here and there:
 * keys and values that were kept under another version are not used. */
#define ENGINE_NUMERICS      3u
#define ENGINE_PASS_TOKENS   512 /* most tokens in one pass */
#define ENGINE_DEFAULT_CHUNK 512
#define ENGINE_DEFAULT_CONTEXT                                                                     \
    8192 /* where the model was trained with more and nothing is asked for */

/* One KV pool per geometry (format, Self-Extend). */
struct engine_pool {
    struct kv_pool *pool;
    struct prefix prefix;
    struct engine_pool *next;
};

struct primer_model {
    struct gguf *gguf;
    struct model *model;
    struct tokenizer *tokenizer;
    const struct kernel *kernel;
    struct pool *pool;
    bool ignore_memory;
    size_t prefix_budget;             /* bytes */
    struct prefix_disk *disk;         /* NULL: none */
    struct prefix_model origin;       /* of the file; zero where it isn't known */
    atomic_size_t references;         /* the model's owner and each session */
    atomic_uint_fast64_t kv_reserved; /* bytes promised to sessions */

    struct scheduler scheduler;

    pthread_mutex_t pools_lock;
    struct engine_pool *pools;

    primer_model_information information;
    pthread_mutex_t constraint_lock; /* guards the pointer below, until it is set */
    struct constraint_vocabulary *constraint_vocabulary; /* NULL until a constraint is used */

    char *name, *chat_template, *tool_template; /* owned texts of `information` */
    size_t longest_token;       /* bytes */
    uint64_t vocabulary_hash;   /* of all tokens' bytes */
    uint64_t identity;          /* hash of the metadata and of samples of the weights */
};

/* What a session adds to the model: as given, and as the pass takes it. */
struct engine_adapters {
    primer_adapter_use uses[ADAPTER_SET_MOST]; /* [count], one reference each; none of scale 0 */
    size_t count;
    struct adapter_set set;
};

struct primer_session {
    primer_model *model;
    primer_session_options options; /* with defaults filled in */
    struct engine_adapters adapters;
    struct rotary rotary;
    struct kv_cache cache;
    struct prefix *prefix; /* the cache's pool's */
    const struct prefix_root *prefix_root; /* of the options that the KV depends on */
    uint64_t *serials;     /* [pages] of the nodes of full pages */
    bool foreign;          /* restored from a file: its pages are shown to nobody */
    size_t published;      /* pages that the prefix cache knows */
    int32_t *ids;          /* [context] */
    int32_t *shortened;    /* [context] scratch of drop_oldest */
    size_t count, computed;
    float *logits; /* [vocabulary] */
    bool logits_valid;
    atomic_bool cancel;
    primer_statistics statistics;
};

/* A model of a file's vocabulary and templates alone (primer_model_options.vocabulary_only). */
primer_status engine_vocabulary_open(const char *path, primer_model **model, primer_error *error);
/* PRIMER_EINVAL for one of these, of which `what` is wanted. */
primer_status engine_vocabulary_refuse(const primer_model *model, const char *what,
                                       primer_error *error);

/* A hash of everything before the tensor data, the file's size, and 256 bytes from the beginning,
 * the middle and the end of every tensor. */
uint64_t engine_identity(const struct gguf *gguf);
/* The format that most weight bytes have. */
const char *engine_main_type(const struct gguf *gguf);

/* Weights + KV caches against the memory there is; PRIMER_ENOMEM with a remedy. */
primer_status engine_memory_check(primer_model *model, uint64_t more_kv, uint64_t scratch,
                                  size_t context, primer_error *error);

/* Computes ids[computed..count) and the logits after them. */
primer_status session_compute(primer_session *session, primer_progress *progress, void *context,
                              primer_error *error);
/* One pass over ids[computed..computed+tokens); `hidden` [tokens][embedding] gets the final rows if
 * not NULL, session->logits the last row's logits if `logits`. Advances `computed`. */
primer_status session_pass(primer_session *session, size_t tokens, float *hidden, bool logits,
                           primer_error *error);
/* Drops the oldest quarter of a full window after the first `keep` tokens; the rest is to be
 * computed anew. */
void session_drop_quarter(primer_session *session);
/* PRIMER_ECANCELED, once, after primer_session_cancel. */
primer_status session_take_cancel(primer_session *session, primer_error *error);
/* Shows the prefix cache the pages that are full. */
void session_publish(primer_session *session);
/* Forgets everything past `count`. */
void session_truncate(primer_session *session, size_t count);
/* PRIMER_EINVAL for an id outside the vocabulary. */
primer_status session_check_ids(const primer_session *session, const int32_t *ids, size_t count,
                                primer_error *error);

/* primer_sampler_next among the tokens whose bit in `allowed` [ceil(vocabulary / 64)] is set; NULL:
 * all. */
primer_status sampler_next_allowed(primer_sampler *sampler, const primer_session *session,
                                   const uint64_t *allowed, int32_t *id, primer_error *error);

/* log(sum(exp(logits))), in binary64, in order. */
double score_log_sum(const float *logits, size_t count);
/* The best `wanted` of the logits, best first, ties by lower id. */
size_t score_top(const float *logits, size_t count, double log_sum, primer_token_probability *top,
                 size_t wanted);

#endif
