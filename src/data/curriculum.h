/* curriculum.h - a curriculum in memory: the blocks of a folder's text files.
 *
 *   keep even : number          block: kind "keep", name "even", type "number"
 *     adj   even                field: key "adj", text "even"
 *     post*3 that are even      field: key "post", weight 3
 *     code loop                 field: key "code", label "loop", text "return ..."
 *         return $x % 2 == 0
 *
 * docs/curricula.md describes the format.
 */
#ifndef DATA_CURRICULUM_H
#define DATA_CURRICULUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct curriculum_field {
    const char *key, *text;
    const char *label; /* of a text of several lines; "" without one; NULL: a text of one line */
    size_t weight;
    size_t line;
};

struct curriculum_block {
    const char *kind, *name;
    const char *type; /* behind the colon; "": none */
    const char *file;
    size_t line;
    const struct curriculum_field *fields; /* [count] in the order of the file */
    size_t count;
    size_t weight; /* the field of that name; 1 without one */
};

struct curriculum;

/* Reads every .txt file of the folders, and check.py of the first that has one. Errors name file
 * and line. */
primer_status curriculum_read(const char *const *folders, size_t count,
                              struct curriculum **curriculum, primer_error *error);
/* Of one text, which is called `name` in messages. */
primer_status curriculum_parse(const void *text, size_t length, const char *name,
                               struct curriculum **curriculum, primer_error *error);
void curriculum_free(struct curriculum *curriculum);

/* NULL: there is none. */
const struct curriculum_block *curriculum_find(const struct curriculum *curriculum,
                                               const char *kind, const char *name, size_t length);
/* The blocks of a kind, in the order of their names. */
const struct curriculum_block *curriculum_kind(const struct curriculum *curriculum,
                                               const char *kind, size_t *count);
/* Of all of these; and the one at a place below that, where each takes as many as it weighs. */
size_t curriculum_weight(const struct curriculum_block *blocks, size_t count);
const struct curriculum_block *curriculum_at_weight(const struct curriculum_block *blocks,
                                                    size_t count, size_t at);
/* All of them. */
const struct curriculum_block *curriculum_all(const struct curriculum *curriculum, size_t *count);
/* The first field of that key from *at on, which is moved behind it; NULL: none is left. */
const struct curriculum_field *curriculum_next(const struct curriculum_block *block,
                                               const char *key, size_t length, size_t *at);
/* The first one's text, or `missing`. */
const char *curriculum_text(const struct curriculum_block *block, const char *key,
                            const char *missing);
const char *curriculum_check(const struct curriculum *curriculum); /* check.py; NULL: none */
uint64_t curriculum_hash(const struct curriculum *curriculum);     /* of all that was read */

#endif
