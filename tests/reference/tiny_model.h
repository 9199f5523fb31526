/*
 * Tiny models for the reference's tests: two families, random weights from a tensor's name alone,
 * so that two files with the same tensor hold the same numbers. Vocabulary 288, width 64, two
 * layers or as many as asked, feed-forward 96, all F32.
 */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include <stdbool.h>
#include <stddef.h>

enum { TINY_VOCABULARY = 288, TINY_WIDTH = 64, TINY_FORWARD = 96 };

typedef struct {
    const char *architecture; /* "phi2" or "llama" */
    unsigned layers;
    unsigned heads;
    unsigned key_heads;
    unsigned rotary;
    unsigned window;       /* attention.sliding_window; 0: not written */
    float stretch;         /* rope.scaling.factor, linear; 0: not written */
    const float *factors;  /* rope_freqs.weight [rotary / 2]; NULL: not written */
    bool fused;            /* phi2: attn_qkv instead of attn_q, attn_k, attn_v */
    bool biased;           /* llama: biases on q, k, v and the attention's output */
    bool own_head;         /* llama: output.weight, with the embedding's numbers */
    const char *without;   /* this tensor is left out */
    const char *misshapen; /* this tensor gets one row too many */
} tiny_model;

/* Writes the file; false if it can't be written. */
bool tiny_model_write(const tiny_model *model, const char *path);

#endif
