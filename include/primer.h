/* primer.h - the one header to learn: run a small language model in your program.
 *
 *   primer_model    read-only, mapped from its file, shared by any number of sessions and threads
 *   primer_session  one timeline of tokens with its KV cache; one thread at a time uses a session
 *
 * A caller hands over the whole token prefix it wants (primer_session_sync); the session reuses,
 * extends or rebuilds what it holds. The same model, adapters, session options and prefix give the
 * same logits, bit for bit, whatever the batch, the chunks, the threads, the cache or the processor
 * (docs/NUMERICS.md).
 *
 *   primer_model *model; primer_session *session; primer_error error;
 *   if (primer_model_open("phi-2.Q4_0.gguf", NULL, &model, &error)) { ... error.message ... }
 *   primer_session_create(model, NULL, &session, &error);
 *   primer_tokenize(model, "Once upon a time", 16, PRIMER_TEXT_BOS, &ids, &count, &error);
 *   primer_session_sync(session, ids, count, NULL, NULL, &error);
 *   primer_generate(session, &options, &result, &error);
 *
 * Ownership: what a call hands out by pointer-to-pointer is the caller's, to be given back with the
 * matching _free (primer_free for plain arrays and texts); `const` pointers are borrowed.
 * _free(NULL) is legal. Every struct of options may be zeroed: zero means the default, which each
 * field names.
 */
#ifndef PRIMER_H
#define PRIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "primer_error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PRIMER_VERSION "0.1.0"

typedef struct primer_model primer_model;
typedef struct primer_session primer_session;
typedef struct primer_sampler primer_sampler;
typedef struct primer_adapter primer_adapter;

void primer_free(void *block);

/* ---- models ---------------------------------------------------------------------------------- */

typedef struct primer_model_options {
    size_t threads;       /* 0: physical cores within the affinity mask and the cgroup's quota */
    bool ignore_memory;   /* load even where weights + KV cache exceed the memory there is */
    bool no_prefix_cache; /* sessions that begin alike share nothing, finished ones leave nothing */
    size_t prefix_cache_bytes; /* for KV that no session holds any more, for each KV format in use;
                                  0: an eighth of the memory, at most 1 GiB */
    const char *prefix_folder; /* keeps beginnings of 256 tokens and more on disk, for later
                                  processes too; made if missing; NULL or "": not kept. What can't
                                  be read or written there is computed, without an error */
    uint64_t prefix_folder_bytes; /* 0: the lesser of 8 GiB and a quarter of the free space */
    bool vocabulary_only; /* for text and tokens: a GGUF without weights or a tokenizer.json will do,
                             and sessions are refused */
} primer_model_options;

/* Maps and checks a GGUF file. Errors: PRIMER_EIO, PRIMER_EFORMAT (names file, tensor or key,
 * found, expected), PRIMER_EUNSUPPORTED (architecture, type), PRIMER_ENOMEM. `options` may be NULL.
 */
primer_status primer_model_open(const char *path, const primer_model_options *options,
                                primer_model **model, primer_error *error);
/* A model file already in memory, borrowed without a copy for the model's life; aligned to 64
 * bytes. */
primer_status primer_model_open_memory(const void *bytes, size_t size, const char *name,
                                       const primer_model_options *options, primer_model **model,
                                       primer_error *error);
/* The model stays alive until its last session is freed. */
void primer_model_free(primer_model *model);

typedef struct primer_model_information {
    const char *path, *name, *architecture;        /* name: general.name or the file's base name */
    const char *type;                              /* what most of the weights are, e.g. "Q4_K" */
    const char *chat_template;                     /* the file's own template, or NULL */
    const char *tool_template;                     /* that for conversations with tools, or NULL */
    const char *level;                             /* instruction level in use, e.g. "avx512" */
    uint64_t parameters, file_bytes, weight_bytes; /* weight_bytes: read once per generated token */
    size_t vocabulary, context, embedding, layers, heads, kv_heads, head_dimension, feed_forward;
    size_t sliding_window; /* 0: none */
    size_t threads;
    uint64_t vocabulary_hash; /* of all tokens' bytes */
} primer_model_information;
/* Borrowed for the model's life. */
const primer_model_information *primer_model_info(const primer_model *model);

enum {
    PRIMER_DESCRIBE_ARRAYS = 1, /* arrays whole; else those of more than 5 elements are null */
    PRIMER_DESCRIBE_TENSORS = 2 /* "tensors" too */
};
/* What a file says of itself, as a JSON object; nothing of it is loaded or run.
 *
 *   {"path", "version": of GGUF, "file_bytes", "modified": seconds since 1970, "parameters",
 *    "type": as above, "identity": 16 hexadecimal digits, of the header and samples of the weights,
 *    "metadata": {"general.architecture": "phi2", ...}    every key of the file
 *    "tensors": [{"name", "type", "shape": [fastest dimension first], "bytes"}]} */
primer_status primer_model_describe(const primer_model *model, unsigned flags, char **json,
                                    size_t *length, primer_error *error);
primer_status primer_file_describe(const char *path, unsigned flags, char **json, size_t *length,
                                   primer_error *error);

/* ---- text and tokens ------------------------------------------------------------------------- */

enum {
    PRIMER_TEXT_SPECIAL = 1, /* special tokens written in the text become their ids; else text */
    PRIMER_TEXT_BOS = 2,     /* begin with the beginning-of-sequence id if the file asks for one */
    PRIMER_TEXT_CONTINUE = 4 /* the text continues another: its beginning is left as it is */
};

primer_status primer_tokenize(const primer_model *model, const char *text, size_t length,
                              unsigned flags, int32_t **ids, size_t *count, primer_error *error);
/* The same, where nothing becomes a special token in bytes whose mark in `outside` [length] isn't 0:
 * what people wrote, inside a template's text. */
primer_status primer_tokenize_marked(const primer_model *model, const char *text,
                                     const unsigned char *outside, size_t length, unsigned flags,
                                     int32_t **ids, size_t *count, primer_error *error);
/* `text` is NUL-terminated besides its length; it may hold NULs and invalid UTF-8, as the tokens
 * do. */
primer_status primer_detokenize(const primer_model *model, const int32_t *ids, size_t count,
                                unsigned flags, char **text, size_t *length, primer_error *error);
/* The bytes of one token inside a text; borrowed, not NUL-terminated; NULL outside the vocabulary.
 */
const char *primer_token_bytes(const primer_model *model, int32_t id, size_t *length);
int32_t primer_token_bos(const primer_model *model); /* -1: none */
int32_t primer_token_eos(const primer_model *model); /* -1: none */
bool primer_token_ends(const primer_model *model,
                       int32_t id); /* true: a model that writes it has finished */
/* The id whose text is exactly this, special tokens included; -1: none. */
int32_t primer_token_find(const primer_model *model, const char *text, size_t length);

/* ---- adapters -------------------------------------------------------------------------------- */

/* A LoRA adapter for this model: a GGUF as llama.cpp has them, a folder of PEFT
 * (adapter_config.json and adapter_model.safetensors), or that folder's .safetensors. Errors:
 * PRIMER_EFORMAT and PRIMER_EUNSUPPORTED name file, tensor, found, expected. It serves any number of
 * sessions of the model and keeps the model alive; once freed, it lives until its last session
 * is. */
primer_status primer_adapter_open(primer_model *model, const char *path, primer_adapter **adapter,
                                  primer_error *error);
void primer_adapter_free(primer_adapter *adapter);

typedef struct primer_adapter_information {
    const char *path;    /* as it was given */
    size_t rank;         /* the largest of its matrices' */
    size_t matrices;     /* of the model that it adds to */
    uint64_t parameters; /* of its own */
} primer_adapter_information;
/* Borrowed for the adapter's life. */
const primer_adapter_information *primer_adapter_info(const primer_adapter *adapter);

/* One of a session's adapters. A scale of 0 is the same as leaving it out. */
typedef struct primer_adapter_use {
    primer_adapter *adapter;
    float scale; /* times the adapter's own alpha / rank */
} primer_adapter_use;
enum { PRIMER_ADAPTERS_MOST = 16 }; /* of one session */

/* ---- sessions -------------------------------------------------------------------------------- */

typedef enum primer_kv_format {
    PRIMER_KV_F16 = 0,
    PRIMER_KV_F32,
    PRIMER_KV_BF16,
    PRIMER_KV_Q8_0
} primer_kv_format;

typedef struct primer_session_options {
    size_t context; /* tokens; 0: what the model was trained with (or Self-Extend's reach) */
    primer_kv_format kv_format;
    double rope_base;          /* 0: the file's */
    double rope_scale;         /* positions are divided by it; 0: the file's */
    size_t self_extend_group;  /* G of Self-Extend; 0 or 1: off */
    size_t self_extend_window; /* W of Self-Extend, a multiple of G; the reach is (trained - W) * G
                                  + W */
    size_t chunk;              /* prompt tokens per pass; 0: 512 */
    bool drop_oldest; /* when the context is full drop its oldest quarter and read the rest anew */
    size_t keep;      /* with drop_oldest: first tokens that are never dropped */
    const primer_adapter_use *adapters; /* [adapter_count], added in this order; borrowed during the
                                           call that gets it; NULL: none */
    size_t adapter_count;
} primer_session_options;

primer_status primer_session_create(primer_model *model, const primer_session_options *options,
                                    primer_session **session, primer_error *error);
void primer_session_free(primer_session *session);
primer_model *primer_session_model(const primer_session *session); /* borrowed */

/* Called before each chunk of a prompt and after the last, from the thread that called: how many of
 * its tokens are computed, those found computed included (the first call says how many these are),
 * and how many there are. May call primer_session_cancel. */
typedef void primer_progress(void *context, size_t done, size_t total);

/* Makes the session hold exactly ids[0..count), reusing the longest common beginning, and the
 * logits after the last of them. count >= 1. Errors: PRIMER_ELIMIT when it doesn't fit (both
 * numbers named; with drop_oldest it is shortened instead, see dropped_tokens), PRIMER_EINVAL for
 * an id outside the vocabulary, PRIMER_ECANCELED (what was read stays), PRIMER_ENUMERIC (names the
 * layer). */
primer_status primer_session_sync(primer_session *session, const int32_t *ids, size_t count,
                                  primer_progress *progress, void *context, primer_error *error);
/* Appends one token: the same as sync with what is held and this. */
primer_status primer_session_append(primer_session *session, int32_t id, primer_error *error);

/* The logits after the last token [vocabulary]; borrowed until the session is used again; NULL when
 * empty, and after rewind or generate until the next sync or append. */
const float *primer_session_logits(const primer_session *session);
/* The tokens held; borrowed likewise. */
const int32_t *primer_session_tokens(const primer_session *session, size_t *count);
size_t primer_session_context(const primer_session *session); /* most tokens it can hold */

/* Keeps the first `count` tokens (<= held). The logits are recomputed by the next sync or append.
 */
primer_status primer_session_rewind(primer_session *session, size_t count, primer_error *error);
/* A second session with the same contents and options; the KV pages that are full are shared. */
primer_status primer_session_fork(primer_session *session, primer_session **fork,
                                  primer_error *error);
/* Other adapters from now on. Where these add the same as those before, the session keeps what it
 * holds; else it is empty afterwards (what it held stays in the prefix cache, for sessions with the
 * former ones). On an error nothing has changed. */
primer_status primer_session_set_adapters(primer_session *session, const primer_adapter_use *uses,
                                          size_t count, primer_error *error);
/* Contents to a file, and back to the same bits. Restoring checks that model, adapters and options
 * agree (PRIMER_EFORMAT names what doesn't) and replaces what `session` holds. */
primer_status primer_session_save(primer_session *session, const char *path, primer_error *error);
primer_status primer_session_restore(primer_session *session, const char *path,
                                     primer_error *error);
/* From any thread: the call that is running on the session (else its next one) ends with
 * PRIMER_ECANCELED. */
void primer_session_cancel(primer_session *session);

/* ---- probabilities --------------------------------------------------------------------------- */

typedef struct primer_token_probability {
    int32_t id;
    double logprob; /* natural logarithm, of the distribution before any sampler */
} primer_token_probability;

/* The `count` most probable next tokens after what the session holds, best first, ties by lower id.
 * Writes min(count, vocabulary) and returns how many; 0 when the session is empty. */
size_t primer_session_top(const primer_session *session, primer_token_probability *top,
                          size_t count);
/* Log-probability of one id as the next token; NaN when the session is empty. */
double primer_session_logprob(const primer_session *session, int32_t id);

/* One position of primer_session_score. */
typedef struct primer_score {
    size_t position; /* of `id` in the given ids */
    int32_t id;
    double next_logprob; /* of ids[position + 1] after ids[0..position]; NaN at the last position */
    const primer_token_probability *top; /* [top_count] the most probable next tokens, best first */
    size_t top_count;
} primer_score;
/* Called in order of position; return false to stop (PRIMER_ECANCELED). */
typedef bool primer_score_callback(void *context, const primer_score *score);
/* Reads ids[0..count) as sync does, from nothing, and reports every position from `from` on. */
primer_status primer_session_score(primer_session *session, const int32_t *ids, size_t count,
                                   size_t from, size_t top, primer_score_callback *callback,
                                   void *context, primer_error *error);

typedef enum primer_pooling { PRIMER_POOL_MEAN = 0, PRIMER_POOL_LAST } primer_pooling;
/* The hidden state after the final norm, pooled over the tokens, to out [embedding]; of length 1 if
 * `normalize`. Replaces what the session holds. `progress` (NULL: none) and errors as in sync; `out`
 * is written only without an error. */
primer_status primer_session_embed(primer_session *session, const int32_t *ids, size_t count,
                                   primer_pooling pooling, bool normalize, float *out,
                                   primer_progress *progress, void *context, primer_error *error);

/* ---- sampling -------------------------------------------------------------------------------- */

typedef struct primer_logit_bias {
    int32_t id;
    float bias; /* added to the logit; -INFINITY forbids */
} primer_logit_bias;

/* Use primer_sampling_default and change what you want. Steps run in the order of `order`. */
typedef struct primer_sampling {
    float temperature; /* 0.8; 0: always the most probable (ties: lower id) */
    size_t top_k;      /* 40; 0: off */
    float top_p;       /* 0.95; 1: off */
    float min_p;       /* 0.05; 0: off */
    float typical_p;   /* 1: off */
    float
        repeat_penalty; /* 1: off; divides positive and multiplies negative logits of seen tokens */
    float presence_penalty;  /* 0: off; subtracted once from the logits of seen tokens */
    float frequency_penalty; /* 0: off; subtracted once per occurrence */
    size_t penalty_window;   /* 64: last tokens that count as seen (prompt included); 0: all */
    const primer_logit_bias *bias; /* [bias_count], borrowed during the call that gets it */
    size_t bias_count;
    uint64_t seed;     /* the same seed gives the same text always */
    const char *order; /* NULL: "penalties,bias,top_k,typical_p,top_p,min_p,temperature" */
} primer_sampling;
primer_sampling primer_sampling_default(void);

/* A sampler has its own random state: the same sampling and the same logits give the same ids. */
primer_status primer_sampler_create(const primer_model *model, const primer_sampling *sampling,
                                    primer_sampler **sampler, primer_error *error);
void primer_sampler_free(primer_sampler *sampler);
/* Chooses the next token after what the session holds. */
primer_status primer_sampler_next(primer_sampler *sampler, const primer_session *session,
                                  int32_t *id, primer_error *error);

/* ---- generation ------------------------------------------------------------------------------ */

typedef enum primer_stop_reason {
    PRIMER_STOP_END = 0,  /* the model wrote an end token, or the constraint allows nothing more */
    PRIMER_STOP_STRING,   /* a stop string appeared (not part of the text) */
    PRIMER_STOP_LENGTH,   /* max_tokens were written */
    PRIMER_STOP_CONTEXT,  /* the context is full */
    PRIMER_STOP_CALLBACK, /* the callback returned false */
    PRIMER_STOP_CANCELED  /* primer_session_cancel */
} primer_stop_reason;
const char *primer_stop_reason_name(primer_stop_reason reason);

typedef struct primer_generated {
    const char *text; /* new whole characters, NUL-terminated; may be empty while a character, or
                         what may become a stop string, is held back */
    size_t length;
    int32_t id;     /* the token just chosen; -1 for what was held back at the end */
    double logprob; /* of id */
    const primer_token_probability *top; /* [top_count], as many as top_logprobs asked for */
    size_t top_count;
} primer_generated;
typedef bool primer_generated_callback(void *context, const primer_generated *generated);

/* Chooses the next token from the logits [vocabulary]; an id outside the vocabulary is an error. */
typedef int32_t primer_choose(void *context, const float *logits, size_t vocabulary);

typedef struct primer_generation {
    const primer_sampling *sampling; /* NULL: primer_sampling_default */
    primer_sampler *sampler; /* instead of `sampling`: keeps its random state between calls */
    primer_choose *choose;   /* instead of both: the caller's own way, with `context` */
    bool no_speculation; /* else tokens are guessed from what stood in the text before and checked
                            several at once where that pays; the text is the same, bit for bit */
    primer_session
        *draft; /* guesses by a smaller model with the same vocabulary; its contents change */
    size_t max_tokens;        /* 0: until the model ends or the context is full */
    const char *const *stops; /* [stop_count] texts that end the answer */
    size_t stop_count;
    bool ignore_end;                      /* go on past end tokens */
    size_t top_logprobs;                  /* 0: no log-probabilities are computed */
    struct primer_constraint *constraint; /* NULL: none; what the answer may be (primer_chat.h) */
    /* It begins behind `constraint_after` ("</think>") and at most 4 bytes of white space; NULL: at
     * once. With `constraint_opening` ("<think>") that is so only where the answer begins with this
     * text, else the constraint begins at once; NULL: the prompt ends behind it. */
    const char *constraint_after, *constraint_opening;
    bool special; /* control tokens but for end tokens are part of the text */
    primer_generated_callback *callback; /* NULL: none */
    void *context;
} primer_generation;

typedef struct primer_generation_result {
    primer_stop_reason reason;
    size_t tokens;                          /* written, the end token included */
    size_t dropped_tokens;                  /* by drop_oldest, during this call */
    size_t drafted_tokens, accepted_tokens; /* guessed; and guessed right */
    double first_seconds;                   /* from the call to the first token chosen */
    double seconds;                         /* of the whole call */
    const char *stop; /* the stop string met, or NULL; borrowed from the options */
} primer_generation_result;

/* Writes on after what the session holds (at least one token). A cancelled call is PRIMER_OK with
 * PRIMER_STOP_CANCELED; the session holds what was written. */
primer_status primer_generate(primer_session *session, const primer_generation *generation,
                              primer_generation_result *result, primer_error *error);

/* ---- statistics ------------------------------------------------------------------------------ */

typedef struct primer_statistics {
    size_t tokens, context; /* held, and most */
    uint64_t prompt_tokens; /* computed by sync and score since the session was made */
    uint64_t reused_tokens; /* found by sync: in the session, or left by others that began alike: */
    uint64_t shared_tokens; /* of these, found in memory, where another session left them */
    uint64_t restored_tokens;  /* of these, read from prefix_folder */
    uint64_t generated_tokens; /* computed one by one */
    uint64_t dropped_tokens;
    double prompt_seconds, generate_seconds;
    uint64_t kv_bytes; /* of the pages in use */
    uint64_t scratch_bytes;
} primer_statistics;
void primer_session_statistics(const primer_session *session, primer_statistics *statistics);

enum { PRIMER_PASS_SIZES = 12 };
/* Of all sessions since the model was opened; from any thread. */
typedef struct primer_totals {
    uint64_t passes, tokens;                /* over the weights; tokens computed by them */
    uint64_t joined_passes, joined_tokens;  /* of passes that served several sessions at once */
    uint64_t pass_sizes[PRIMER_PASS_SIZES]; /* passes of at most 1, 2, 4, ... 1024 tokens, and of
                                               more; each counted once */
    uint64_t prefix_hits;                   /* pages of 64 tokens found that others had computed */
    uint64_t prefix_evictions;              /* pages that the prefix cache let go */
    uint64_t prefix_bytes;                  /* of the pages that only the prefix cache holds now */
} primer_totals;
void primer_model_statistics(primer_model *model, primer_totals *totals);

#ifdef __cplusplus
}
#endif
#endif
