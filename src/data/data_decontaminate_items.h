/* data_decontaminate_items.h - the problems of evaluation files, which no document may repeat.
 *
 *   {"prompt", "canonical_solution"}            HumanEval: one part, a program
 *   {"text", "code"} or {"prompt", "code"}      MBPP: two parts, the second a program
 *   {"text"}                                    one part
 *   the fields that the caller names            a part each, those that an item has
 *
 * Files of JSON lines, or one list of objects (.json).
 */
#ifndef DATA_DATA_DECONTAMINATE_ITEMS_H
#define DATA_DATA_DECONTAMINATE_ITEMS_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define DATA_DECONTAMINATE_PARTS 16

struct data_decontaminate_part {
    char *text;
    size_t length; /* bytes */
};

struct data_decontaminate_item {
    const char *path; /* borrowed */
    uint64_t number;  /* line of the file, or place in the list, from 1 */
    char *name;       /* its "task_id"; NULL: none */
    struct data_decontaminate_part parts[DATA_DECONTAMINATE_PARTS];
    size_t part_count;
};

struct data_decontaminate_items {
    struct data_decontaminate_item *items;
    size_t count, room;
};

/* PRIMER_EFORMAT, naming file and line, for what is no such item; a file without one is an error. */
primer_status data_decontaminate_items_read(struct data_decontaminate_items *items,
                                            const char *const *paths, size_t count,
                                            const char *const *fields, size_t field_count,
                                            primer_error *error);
void data_decontaminate_items_free(struct data_decontaminate_items *items);

#endif
