/* pattern.h - cutting a text into the pieces inside which byte-level BPE merges.
 *
 * A pattern is a row of stages; each cuts the pieces of the stage before it. What a stage's
 * expression doesn't match is a piece too, so pieces always tile the text. A stage is a
 * hand-written scanner (scan.h) or a regular expression run by PCRE2. Bytes that are no well-formed
 * UTF-8 match nothing: a run of them is a piece, and is the end of the text for what stands before
 * it.
 *
 * A pattern is read-only after creation and shared between threads.
 */
#ifndef TOKENIZER_PATTERN_H
#define TOKENIZER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "tokenizer/scan.h"
#include "tokenizer/unicode_class.h"

#define PATTERN_STAGES      4
#define PATTERN_LENGTH_MOST 8192 /* bytes of an expression */

struct pattern_stage {
    scan_function *scan; /* or */
    void *expression;    /* compiled by PCRE2 */
};

struct pattern {
    struct pattern_stage stages[PATTERN_STAGES];
    size_t count;
    void *memory; /* PCRE2's general context */
};

/* What a file's name of a pattern (tokenizer.ggml.pre) says beside the pattern. */
struct pattern_habits {
    bool whole_words; /* a piece that is a token is taken without merging */
    bool adds_bos;
};

/* The pattern of this name; PRIMER_EUNSUPPORTED names an unknown one. */
primer_status pattern_named(struct pattern *pattern, const char *name, size_t length,
                            struct pattern_habits *habits, primer_error *error);
/* Appends a stage; free the pattern on failure too. */
primer_status pattern_add_scan(struct pattern *pattern, scan_function *scan, primer_error *error);
/* The scanner that does what the expression says where there is one, else PCRE2. */
primer_status pattern_add_expression(struct pattern *pattern, const char *expression, size_t length,
                                     primer_error *error);
void pattern_free(struct pattern *pattern);

/* `readable`: how many bytes may be read from `piece` on (it lies inside a text). */
typedef primer_status pattern_piece(void *context, const char *piece, size_t length,
                                    size_t readable, primer_error *error);
/* Gives the pieces in order; the first failure ends it. */
primer_status pattern_split(const struct pattern *pattern, const struct unicode_class_map *map,
                            const char *text, size_t length, pattern_piece *piece, void *context,
                            primer_error *error);

#endif
