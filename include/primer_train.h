/* primer_train.h - making and teaching models: a trainer, tokenizers, growth.
 *
 * A trainer runs a recipe: a text file of `name = value` lines ('#' begins a comment), whose names
 * primer_recipe_fields lists. It sees tokens and loss marks alone (shards, docs/shards.md); text is
 * made to shards, and samples are generated, by the caller.
 */
#ifndef PRIMER_TRAIN_H
#define PRIMER_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "primer_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- recipes --------------------------------------------------------------------------------- */

#define PRIMER_RECIPE_SOURCES_MOST 64

typedef struct primer_recipe_source {
    char *path;    /* a shard, a text (.txt) or JSON lines (.jsonl); relative to the recipe */
    double weight; /* of the mixture, by tokens */
} primer_recipe_source;

/* Every field has a default but those marked required. */
typedef struct primer_recipe {
    /* what is trained: a new model of a shape, or a file */
    char *model;        /* a GGUF to go on from (fine-tuning); NULL: a new model of the shape */
    char *architecture; /* "phi2" or "llama" */
    char *tokenizer;    /* a GGUF or tokenizer.json (required for a new model) */
    size_t layers, embedding, heads, kv_heads, feed_forward, rotary, context;
    bool tied;
    double initial_deviation;
    /* data */
    primer_recipe_source sources[PRIMER_RECIPE_SOURCES_MOST];
    size_t source_count;
    primer_recipe_source evaluation[PRIMER_RECIPE_SOURCES_MOST];
    size_t evaluation_count;
    char *template_name; /* for conversations; NULL: the model's own */
    bool whole;          /* documents aren't cut between rows */
    /* steps */
    size_t batch, accumulate, length; /* rows of `length` tokens; batches a step */
    uint64_t steps, seed;
    double rate, final_rate, beta_1, beta_2, epsilon, decay, clip, dropout;
    char *schedule; /* "cosine", "linear", "constant", "stable" */
    uint64_t warm_up, decay_steps;
    char *precision; /* "f32" or "bf16" */
    bool recompute;
    /* a teacher */
    char *teacher;
    double temperature, mix;
    /* adapters */
    size_t lora_rank;
    double lora_alpha, lora_dropout;
    char *lora_targets; /* "attn_q,attn_v", ...; "all" */
    /* what is written */
    char *folder;       /* checkpoints and the log (required) */
    char *output;       /* the trained model; NULL: FOLDER/model.gguf */
    char *output_type;  /* "F16", "F32", "BF16" */
    uint64_t log_every, evaluate_every, checkpoint_every, sample_every;
    size_t evaluate_rows, keep;
    char *sample_prompt;
    size_t sample_tokens;
} primer_recipe;

/* Reads a recipe; an error names file, line, field, what was found and what was expected. Every
 * path in it is made relative to the recipe's folder. `overrides`: "name=value" texts that replace
 * lines, or NULL. */
primer_status primer_recipe_read(const char *path, const char *const *overrides,
                                 size_t override_count, primer_recipe **recipe,
                                 primer_error *error);
void primer_recipe_free(primer_recipe *recipe);

typedef struct primer_recipe_field {
    const char *name, *kind, *standard, *about; /* "steps", "integer", "1000", "steps to take" */
} primer_recipe_field;
/* NULL past the last. */
const primer_recipe_field *primer_recipe_field_at(size_t index);

/* ---- the trainer ----------------------------------------------------------------------------- */

typedef struct primer_trainer primer_trainer;

typedef struct primer_train_plan {
    uint64_t parameters, steps, tokens_per_step, tokens;
    uint64_t data_tokens;           /* of the sources, once */
    double operations_per_token;    /* 6 * parameters without the embedding table, and attention */
    double tokens_per_second;       /* measured; 0: not measured */
    double operations_per_second;   /* of the trainer */
    double peak_operations_per_second; /* f32 multiply-adds counted twice, measured */
    double seconds;                 /* of the whole run */
    uint64_t memory_bytes, memory_available;
    uint64_t weight_bytes, gradient_bytes, optimizer_bytes, activation_bytes;
} primer_train_plan;

typedef struct primer_train_progress {
    uint64_t step, steps, tokens;   /* done */
    double loss;                    /* mean in nats since the last report; of the evaluation below */
    double rate, norm;              /* learning rate; the gradient's norm before clipping */
    double tokens_per_second, peak_share;
    double seconds, seconds_left;
    bool evaluated;
    double evaluation_loss, bits_per_byte; /* NaN where the bytes are unknown */
    bool checkpointed, sampled;
} primer_train_progress;

typedef struct primer_train_callbacks {
    void *context;
    /* After a step that has something to say. */
    void (*progress)(void *context, const primer_train_progress *progress);
    /* `path`: a GGUF of the weights as they are, for the time of the call. */
    void (*sample)(void *context, const char *path);
    /* true: stop after this step, with a checkpoint. */
    bool (*stop)(void *context);
} primer_train_callbacks;

typedef struct primer_train_options {
    size_t threads;
    bool ignore_memory; /* begin what memory doesn't seem to hold */
    bool fresh;         /* begin anew although there are checkpoints (which are then removed) */
    /* Shards of the recipe's sources and evaluation, in their order, where they aren't shards
     * themselves; NULL: all are. */
    const char *const *shards;
    const char *const *evaluation_shards;
} primer_train_options;

/* Opens data, makes or loads the model, goes on from the newest checkpoint. */
primer_status primer_trainer_create(const primer_recipe *recipe,
                                    const primer_train_options *options, primer_trainer **trainer,
                                    primer_error *error);
void primer_trainer_free(primer_trainer *trainer);
/* What the run will cost; steps are measured for `seconds` (0: not), and undone. */
primer_status primer_trainer_plan(primer_trainer *trainer, double seconds, primer_train_plan *plan,
                                  primer_error *error);
/* Trains to the end, or until stopped (PRIMER_ECANCELED, after a checkpoint). A loss that isn't
 * finite, or explodes, is PRIMER_ENUMERIC with what was seen. */
primer_status primer_trainer_run(primer_trainer *trainer, const primer_train_callbacks *callbacks,
                                 primer_error *error);
/* Steps that were done before this process, by the checkpoint it goes on from. */
uint64_t primer_trainer_resumed(const primer_trainer *trainer);

/* ---- tokenizers ------------------------------------------------------------------------------ */

typedef struct primer_tokenizer_options {
    size_t vocabulary;       /* ids in all, bytes and special tokens included */
    const char *pattern;     /* a name ("gpt-2", "llama-bpe", ...) or an expression; NULL: gpt-2 */
    bool split_digits;       /* each digit is a piece of its own */
    uint64_t least_count;    /* of a pair that is merged; 0: 2 */
    const char *const *special; /* texts of special tokens, first ids first */
    size_t special_count;
    size_t threads;
    /* NULL, or told of progress; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, const char *what, uint64_t done, uint64_t all);
    void *context;
} primer_tokenizer_options;

/* Learns a byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909) from texts and writes it: a GGUF
 * with tokenizer.* keys alone if `path` ends in .gguf, else a tokenizer.json. */
primer_status primer_tokenizer_train(const char *const *texts, size_t count,
                                     const primer_tokenizer_options *options, const char *path,
                                     primer_error *error);

/* ---- growth ---------------------------------------------------------------------------------- */

typedef struct primer_grow_options {
    size_t layers, embedding, heads, kv_heads, feed_forward; /* 0: as in the source */
    const char *method; /* "tile" (Phi-2's), "reuse", "clone" (exact) */
    double noise;       /* relative deviation added to copies, to break their symmetry */
    uint64_t seed;
    const char *output_type; /* NULL: F32 */
} primer_grow_options;

/* Makes a larger model of a smaller one's weights (docs/growth.md). */
primer_status primer_grow(const char *source, const primer_grow_options *options, const char *path,
                          primer_error *error);

#ifdef __cplusplus
}
#endif
#endif
