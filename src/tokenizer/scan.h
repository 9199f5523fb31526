/* scan.h - the two families of pre-tokenizer patterns that nearly every byte-level BPE uses, by
 * hand.
 *
 * Each function gives the end of the piece that starts at text[at] (at < length); pieces tile the
 * text. A byte that is no well-formed UTF-8 is in no class: a run of such bytes is a piece, and
 * white space before it is cut as at the end of the text.
 */
#ifndef TOKENIZER_SCAN_H
#define TOKENIZER_SCAN_H

#include <stddef.h>
#include "tokenizer/unicode_class.h"

typedef size_t scan_function(const struct unicode_class_map *map, const char *text, size_t length,
                             size_t at);

/* GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
scan_function scan_gpt2;
/* Llama-3: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
 *          | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
scan_function scan_llama3;
/* Qwen-2: the same with \p{N} alone. */
scan_function scan_qwen2;
/* \p{N}, and what lies between. */
scan_function scan_numbers;

#endif
