/* model_vocabulary.h - the tokenizers of generated models: metadata `tokenizer.*` of a GGUF.
 *
 *   bpe   byte-level BPE as GPT-2 and Phi-2 have it: 256 bytes, merges, <|endoftext|>, and from
 *         512 tokens on the runs of spaces and tabs that Phi-2 adds; the rest is padding, [PADn]
 *   spm   SentencePiece-style BPE as Llama-2 has it: <unk> <s> </s>, 256 byte tokens, pieces
 *         with scores
 *   PATH  the tokenizer of that GGUF, padded
 *
 * Merges begin with the prefixes of common English words, so that text really merges, and go on
 * with random joins of what is there.
 */
#ifndef TOOLS_MODEL_VOCABULARY_H
#define TOOLS_MODEL_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "format/gguf.h"

struct model_vocabulary_options {
    const char *kind; /* "bpe", "spm", or a GGUF's path */
    const char *pre;  /* tokenizer.ggml.pre of bpe */
    size_t size;      /* tokens; 0: 512, or as many as the file has */
    uint64_t seed;
};

/* The number of tokens that `options` stands for. */
primer_status model_vocabulary_size(const struct model_vocabulary_options *options, size_t *size,
                                    primer_error *error);
primer_status model_vocabulary_write(struct gguf_writer *writer,
                                     const struct model_vocabulary_options *options,
                                     primer_error *error);

#endif
