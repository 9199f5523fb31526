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

/* Every field has a default but those marked required. One that was read is complete: what follows
 * from other fields is filled in; beside a model the shape's fields are 0 and NULL, as the model has
 * its own. */
typedef struct primer_recipe {
    /* what is trained: a new model of a shape, or a file */
    char *model;        /* a GGUF to go on from (fine-tuning); NULL: a new model of the shape */
    char *architecture; /* "phi2" or "llama" */
    char *tokenizer;    /* a GGUF (required for a new model) */
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
    char *folder;      /* checkpoints and the log (required) */
    char *output;      /* the trained model; NULL: FOLDER/model.gguf */
    char *output_type; /* "F16", "F32", "BF16" */
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
    uint64_t data_tokens;         /* of the sources, once */
    double operations_per_token;  /* 6 * parameters without the embedding table, and attention */
    double tokens_per_second;     /* measured; 0: not measured */
    double operations_per_second; /* of all processes of the run */
    uint64_t processes;           /* memory below is that of each */
    double seconds;               /* of what is left of the run; 0: not measured */
    uint64_t memory_bytes, memory_available;
    uint64_t weight_bytes, gradient_bytes, optimizer_bytes, activation_bytes;
} primer_train_plan;

typedef struct primer_train_progress {
    uint64_t step, steps, tokens; /* done */
    double loss;                  /* mean in nats since the last report; of the evaluation below */
    double rate, norm;            /* learning rate; the gradient's norm before clipping */
    double tokens_per_second, peak_share;
    double seconds, seconds_left;
    uint64_t clipped; /* steps since the last report whose gradient was clipped */
    bool evaluated;
    double evaluation_loss, bits_per_byte; /* NaN where the bytes are unknown */
    bool checkpointed, sampled;
} primer_train_progress;

typedef struct primer_train_callbacks {
    void *context;
    /* After a step that has something to say. */
    void (*progress)(void *context, const primer_train_progress *progress);
    /* `path`: a GGUF of the weights as they are (of adapters alone, where these are trained), for the
     * time of the call. */
    void (*sample)(void *context, const char *path);
    /* true: stop after this step, with a checkpoint. */
    bool (*stop)(void *context);
} primer_train_callbacks;

typedef struct primer_train_options {
    size_t threads;                    /* 0: as many as are worth using */
    double peak_operations_per_second; /* of f32 in this process, for peak_share; 0: not known */
    bool ignore_memory;                /* begin what memory doesn't seem to hold */
    bool plan_only; /* for primer_trainer_plan alone: checkpoints aren't looked at */
    bool fresh;     /* begin anew although there are checkpoints (which are then removed) */
    /* Shards of the recipe's sources and evaluation, in their order, where they aren't shards
     * themselves; NULL: all are. */
    const char *const *shards;
    const char *const *evaluation_shards;
} primer_train_options;

/* Opens data, makes or loads the model, goes on from the newest checkpoint. The recipe must outlive
 * the trainer. Errors name file and field; a folder in which another process trains is refused. */
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
/* Of several processes (mpirun -n 2 primer train ...) the first alone calls `progress` and `sample`
 * and writes files; true for it. */
bool primer_trainer_reports(const primer_trainer *trainer);
/* Where the trained model, or the adapters, will be. Borrowed. */
const char *primer_trainer_output(const primer_trainer *trainer);
/* With `whole`: how many documents of the data are longer than a row, and the tokens at their ends
 * that are never read. */
void primer_trainer_cuts(const primer_trainer *trainer, uint64_t *documents, uint64_t *tokens);
/* What was wrong with newer checkpoints that were passed over; NULL: nothing. Borrowed. */
const char *primer_trainer_skipped(const primer_trainer *trainer);

/* ---- tokenizers ------------------------------------------------------------------------------ */

typedef struct primer_tokenizer_summary {
    size_t vocabulary, merges;
    uint64_t text_bytes, pieces, distinct_pieces;
    /* Where the texts have more distinct pieces than the table takes, the rarest are forgotten:
     * occurrences, and distinct pieces. */
    uint64_t forgotten, forgotten_pieces;
    uint64_t last_count; /* occurrences of the pair merged last */
    char pattern[32];    /* its name in a GGUF; "": an expression */
    double counting_seconds, merging_seconds;
} primer_tokenizer_summary;

typedef struct primer_tokenizer_options {
    size_t vocabulary;    /* ids in all, bytes and special tokens included; 0 with characters */
    const char *pattern;  /* a name ("gpt-2", "llama-bpe", ...) or an expression; NULL: gpt-2 */
    bool split_digits;    /* each digit is a piece of its own */
    bool characters;      /* a token for each character of the texts, and no others */
    uint64_t least_count; /* of a pair that is merged; 0: 2 */
    bool fewer; /* a smaller vocabulary, where the texts have no more pairs, is no error */
    const char *const *special; /* texts of special tokens, first ids first */
    size_t special_count;
    bool special_last;         /* they have the last ids instead of the first */
    const char *chat_template; /* Jinja, for tokenizer.chat_template of a .gguf; NULL: none */
    size_t threads;            /* 0: as many as are worth using */
    /* NULL, or told of progress; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, const char *what, uint64_t done, uint64_t all);
    void *context;
} primer_tokenizer_options;

/* Learns a byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909) from the texts of files and
 * writes it: a GGUF with tokenizer.* keys alone if `path` ends in .gguf, else a tokenizer.json. The
 * first special token is the beginning and end of a text. Special tokens that stand in the texts
 * are borders. Of equally frequent pairs the one with the greater bytes joins. `summary` may be
 * NULL. */
primer_status primer_tokenizer_train(const char *const *texts, size_t count,
                                     const primer_tokenizer_options *options, const char *path,
                                     primer_tokenizer_summary *summary, primer_error *error);

/* ---- token shards ---------------------------------------------------------------------------- */

/* Documents as tokens, with a mark for each whether the loss asks for it (docs/shards.md). */
typedef struct train_shard primer_shard;
typedef struct train_shard_writer primer_shard_writer;

typedef struct primer_shard_information {
    uint64_t documents, tokens;
    uint64_t asked;      /* tokens the loss asks for; no document's first is among them */
    uint64_t text_bytes; /* of the text that the loss asks for; 0: unknown */
    uint64_t longest;    /* tokens of the longest document */
    size_t vocabulary;
    uint64_t tokenizer; /* primer_model_information.vocabulary_hash */
    uint64_t key;       /* what primer_shard_writer_key said; 0: nothing */
} primer_shard_information;

/* Maps a shard and checks its header; its data is checked where it is read. */
primer_status primer_shard_open(const char *path, primer_shard **shard, primer_error *error);
void primer_shard_free(primer_shard *shard);
void primer_shard_info(const primer_shard *shard, primer_shard_information *information);
/* Reads all of it; PRIMER_EFORMAT names what is not as it was written. */
primer_status primer_shard_verify(const primer_shard *shard, primer_error *error);
/* The same in `parts` parts, by several threads or processes; then the sum of what the parts have
 * asked for, and the longest of their longest documents. */
primer_status primer_shard_verify_part(const primer_shard *shard, size_t part, size_t parts,
                                       uint64_t *asked, uint64_t *longest, primer_error *error);
primer_status primer_shard_verify_counts(const primer_shard *shard, uint64_t asked,
                                         uint64_t longest, primer_error *error);
/* Document `index`: ids to out [capacity], 1 or 0 to asked [capacity] (NULL: not wanted); *count: its
 * tokens, which may exceed the capacity. */
primer_status primer_shard_document(const primer_shard *shard, uint64_t index, size_t capacity,
                                    int32_t *ids, unsigned char *asked, size_t *count,
                                    primer_error *error);

/* The file appears whole with primer_shard_writer_finish, or not at all. */
primer_status primer_shard_writer_create(const char *path, size_t vocabulary, uint64_t tokenizer,
                                         primer_shard_writer **writer, primer_error *error);
void primer_shard_writer_key(primer_shard_writer *writer, uint64_t key);
/* Of what was written so far. */
void primer_shard_writer_info(const primer_shard_writer *writer,
                              primer_shard_information *information);
/* A document, its end-of-text token included. asked [count], or NULL: every token but the first.
 * text_bytes: of the text that is asked for. */
primer_status primer_shard_write(primer_shard_writer *writer, const int32_t *ids,
                                 const unsigned char *asked, size_t count, uint64_t text_bytes,
                                 primer_error *error);
primer_status primer_shard_writer_finish(primer_shard_writer *writer, primer_error *error);
void primer_shard_writer_free(primer_shard_writer *writer);

/* ---- growth ---------------------------------------------------------------------------------- */

/* What a model's sizes are called, in options, messages and summaries. */
typedef struct primer_grow_shape {
    size_t vocabulary, layers, embedding, heads, kv_heads, head_dimensions, rotary_dimensions,
        feed_forward;
    uint64_t parameters;
} primer_grow_shape;

/* Sizes of 0 are chosen: layers and embedding as in the source; heads and feed_forward too, but
 * "clone" multiplies them by the embedding's factor; kv_heads such that as many heads share one as
 * in the source; head_dimensions embedding / heads ("clone": the source's); rotary_dimensions all of
 * a head where all were, else the source's. */
typedef struct primer_grow_options {
    size_t layers, embedding, heads, kv_heads, head_dimensions, rotary_dimensions, feed_forward;
    const char *method; /* of primer_grow_method; NULL: "tile" */
    double noise; /* deviation of what is added to copies to break their symmetry, as a part of that
                     of each matrix; "spread" and "clone" compute the same with it; none with
                     "reuse" */
    uint64_t seed;
    const char *output_type; /* of matrices: "F32" (NULL), "F16", "BF16" */
    size_t threads;          /* 0: as many as are worth using; the file doesn't depend on it */
    /* NULL, or told the bytes done; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
} primer_grow_options;

/* Which of the source's each of the new ones was made of. */
typedef struct primer_grow_map {
    size_t count;
    size_t *sources; /* [count] */
    bool *repeats;   /* [count] an earlier one has the same source. "reuse": it isn't a copy but
                        random. "spread", "clone" and a layer: it adds nothing to the residual
                        stream */
} primer_grow_map;

enum primer_grow_axis {
    PRIMER_GROW_LAYERS,
    PRIMER_GROW_EMBEDDING,
    PRIMER_GROW_HEADS,
    PRIMER_GROW_KV_HEADS,
    PRIMER_GROW_HEAD_DIMENSIONS,  /* of a head's queries and keys */
    PRIMER_GROW_VALUE_DIMENSIONS, /* of its values */
    PRIMER_GROW_FEED_FORWARD,
    PRIMER_GROW_AXES
};

typedef struct primer_grow_summary {
    primer_grow_shape from, to;
    const char *method; /* static */
    primer_grow_map maps[PRIMER_GROW_AXES];
} primer_grow_summary;
void primer_grow_summary_free(primer_grow_summary *summary); /* what it holds, not itself */

/* "tile" (Phi-2's), "reuse", "spread" (nearly exact), "clone" (exact); NULL past the last. */
const char *primer_grow_method(size_t index);

/* Makes a larger model of a smaller one's weights (docs/growth.md): a GGUF of any type in, one with
 * its tokenizer, template and other keys out. `summary` may be NULL. Errors name the size, what was
 * found and what was expected; the source itself is refused as the path. */
primer_status primer_grow(const char *source, const primer_grow_options *options, const char *path,
                          primer_grow_summary *summary, primer_error *error);

#ifdef __cplusplus
}
#endif
#endif
