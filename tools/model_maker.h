/* model_maker.h - a GGUF of any size with seeded random weights, for tests and benchmarks.
 *
 * Random weights say nothing of a model's wit, but the file has the shapes, types, metadata and
 * tokenizer of a real one. The same options give the same bytes on every machine. Activations stay
 * near 1 (weights' deviation is 1/sqrt(columns)), and logits spread by about 2.5, so that
 * distributions are not flat.
 */
#ifndef TOOLS_MODEL_MAKER_H
#define TOOLS_MODEL_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Zero (NULL, false) means the default that stands behind each field. */
struct model_maker_options {
    const char *architecture; /* "phi2" (default) or "llama" */
    const char *type;         /* block format of the matrices; F32. With `mix`: a target */
    const char *output_type;  /* block format of output.weight; the same */
    bool mix;                 /* choose each tensor's format as the quantizer does for `type` */
    size_t layers;            /* 2 */
    size_t dimension;         /* 256 */
    size_t heads;             /* 4 */
    size_t kv_heads;          /* as many as heads */
    size_t head_dimension;    /* dimension / heads */
    size_t ffn;               /* 2 * dimension */
    size_t vocabulary;        /* 512, or as many as the tokenizer's file has */
    size_t context;           /* 512 */
    size_t rotary;            /* phi2: half of a head; llama: all of it */
    const char *rope;         /* "neox" (phi2's, by halves), "norm" (llama's, by pairs), "linear:F"
                               * (positions divided by F), "factors" (llama 3's) */
    size_t window;            /* llama: keys seen by a query, 0 = all */
    bool tied;                /* llama: no output.weight */
    bool split_qkv;           /* phi2: attn_q, attn_k, attn_v instead of attn_qkv */
    bool bias;                /* llama: biases on q, k, v and the attention's output */
    const char *tokenizer;    /* "bpe" (phi2's default), "spm" (llama's), or a GGUF's path */
    uint64_t seed;
};

/* PRIMER_EINVAL for options that contradict each other; no file is left on failure. */
primer_status model_maker_write(const struct model_maker_options *options, const char *path,
                                primer_error *error);

/* The shapes that exist: "phi2", "phi1" (Phi-1 and 1.5), "tiny"; PRIMER_EINVAL for another name.
 * Sets the sizes and leaves the rest as it is. */
primer_status model_maker_shape(struct model_maker_options *options, const char *name,
                                primer_error *error);

#endif
