/* data_helper.h - what the tests of this folder share: a temporary folder, a vocabulary of bytes,
 * and shards as text.
 */
#ifndef TESTS_DATA_HELPER_H
#define TESTS_DATA_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/data.h"

int helper_setup(void **state);
int helper_teardown(void **state);
/* FOLDER/NAME, static. */
const char *helper_path(const char *name);
const char *helper_write(const char *name, const char *bytes, size_t length);
size_t helper_entries(void); /* files in the folder */
bool helper_has_parts(void); /* one that is being written is among them */

/* A GGUF with a vocabulary alone: a token a byte, and <|endoftext|>, <s>, </s>, <|im_start|>,
 * <|im_end|>, <think>, </think>, ... as control tokens; </s> is its end. `template`: NULL: none. */
const char *helper_gguf(const char *name, const char *template);
/* With fewer of its control tokens: another vocabulary. */
const char *helper_gguf_of(const char *name, const char *template, size_t fewer);

/* All documents as text, special tokens written out; what the loss asks for stands between '[' and
 * ']', a document ends with a line's end. Static until the next call. */
const char *helper_shown(const char *shard, const char *tokenizer);

#endif
