/* bpe_train_pattern.h - how a trained tokenizer cuts its texts, and what files call that.
 *
 *   asked for                            digits kept together     each digit alone
 *   gpt-2 (phi-2, mpt, olmo, ...)        its own name             starcoder
 *   llama-bpe (dbrx, smaug-bpe, ...)     its own name             qwen2
 *   starcoder, smollm, qwen2, tekken     -                        its own name
 *   another name (falcon, gpt-4o, ...)   its own name             not to be had
 *   an expression                        no name: not in a GGUF   the same, after the digits
 *
 * The names are those of `tokenizer.ggml.pre`, which llama.cpp knows too. A tokenizer.json spells
 * the expression out, which this program can for the first four rows of the families and for the
 * expression that was given.
 *
 * A long text is shared between threads where its cut can't depend on what stands on the other
 * side. In every named pattern a letter is never followed, within one piece, by a space or a line
 * feed: what matches letters ends with them. So a text may be parted between the two. Of an
 * expression nothing is known; there only special tokens part the text.
 */
#ifndef TOKENIZER_BPE_TRAIN_PATTERN_H
#define TOKENIZER_BPE_TRAIN_PATTERN_H

#include <stdbool.h>
#include "base/buffer.h"
#include "tokenizer/pattern.h"

enum bpe_train_family {
    BPE_TRAIN_GPT2,
    BPE_TRAIN_GPT2_DIGITS,  /* digits, then GPT-2's */
    BPE_TRAIN_LLAMA3,       /* one to three digits */
    BPE_TRAIN_LLAMA3_DIGIT, /* one digit: Qwen-2's */
    BPE_TRAIN_NAMED,        /* another one */
    BPE_TRAIN_EXPRESSION
};

/* Zero-initialise. */
struct bpe_train_pattern {
    struct pattern pattern;
    enum bpe_train_family family;
    char name[32];          /* tokenizer.ggml.pre; "": it has none */
    const char *expression; /* borrowed; of an expression */
    bool split_digits;      /* of an expression: a stage before it */
    bool parts;             /* a text may be parted between a letter and a space */
};

/* `wanted`: a name or an expression, NULL: gpt-2. Free it on failure too. */
primer_status bpe_train_pattern_create(struct bpe_train_pattern *made, const char *wanted,
                                       bool split_digits, primer_error *error);
void bpe_train_pattern_free(struct bpe_train_pattern *made);
/* Whether a file of this kind can say how the text is cut. */
primer_status bpe_train_pattern_check(const struct bpe_train_pattern *made, bool json,
                                      primer_error *error);
/* Appends the value of tokenizer.json's "pre_tokenizer". */
primer_status bpe_train_pattern_json(const struct bpe_train_pattern *made, struct buffer *out,
                                     primer_error *error);

#endif
