/*
 * The reference: a language model's forward pass as a textbook has it.
 *
 * Everything is computed in double precision with plain loops over the weights as the file holds
 * them, so that the only error against exact arithmetic is far below what any engine makes. It is
 * the oracle of the accuracy tests, and a text to learn from; it is not fast and shares no line
 * with src/, so that a mistake there can't hide here. Reading order:
 *
 *     reference_phi2.c, reference_llama.c    the two families: a layer, drawn and computed
 *     reference_attention.c                  rotary positions, Self-Extend, softmax over keys
 *     reference_math.c                       products, norms, activations
 *     reference_format.c                     what the bits of every block format mean
 *     reference_gguf.c                       the file
 *     reference_model.c, reference.c         sizes and tensors by name; the calls below
 *
 * Files are trusted to mean well: bounds are checked, resource use is not.
 * Numbers in files are little-endian and are read on little-endian machines only.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a call returned false; one line without a line feed. */
typedef struct {
    char message[512];
} reference_error;

/* A model, open. Read-only once open: any number of threads may evaluate it. */
typedef struct reference_model reference_model;

/*
 * Self-Extend (Jin et al., arXiv 2401.01325): keys nearer than `window` tokens keep their
 * positions, farther ones share one position per `group`. A group of 0 means plain attention.
 * The limit (context - window) * group + window is not enforced here.
 */
typedef struct {
    size_t group;
    size_t window;
} reference_self_extend;

/* Opens a GGUF file of architecture phi2 or llama. The caller frees *model; untouched on failure.
 */
bool reference_open(const char *path, reference_model **model, reference_error *error);
void reference_free(reference_model *model);

/* The number of tokens in the vocabulary, padding rows included: the width of every result. */
size_t reference_vocabulary(const reference_model *model);

/* The number of positions that the file says the model was trained on. It isn't enforced. */
size_t reference_context(const reference_model *model);

/* The bytes of token `id` as the file spells it, borrowed from the model; false if there is none.
 * (SentencePiece writes a space as U+2581 and a raw byte as <0xNN>; GPT-2 remaps bytes.) */
bool reference_piece(const reference_model *model, size_t id, const char **text, size_t *length);

/*
 * The forward pass over a whole text. logits [n][vocabulary], row-major, is the caller's; row t is
 * the score of every token as the one that follows ids[0..t]. `extend` may be NULL.
 */
bool reference_evaluate(const reference_model *model, const reference_self_extend *extend,
                        const uint32_t *ids, size_t n, double *logits, reference_error *error);

/* Turns rows of logits [n][vocabulary] into natural-log probabilities, in place. */
void reference_log_softmax(double *rows, size_t n, size_t vocabulary);

#endif
