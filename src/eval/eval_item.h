/* eval_item.h - a line of a file of tests: what is asked, and what is judged by.
 *
 * Texts are borrowed from `source` where nothing else is said. */
#ifndef EVAL_EVAL_ITEM_H
#define EVAL_EVAL_ITEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

enum eval_item_kind {
    EVAL_ITEM_CALLS,  /* results of a function are compared */
    EVAL_ITEM_NUMBER, /* what is printed last is compared */
    EVAL_ITEM_TESTS   /* texts of Python run through */
};

struct eval_item {
    enum eval_item_kind kind;
    size_t file, line;    /* index of the path; from 1 */
    uint64_t number;      /* of task_id, else the line */
    json_t *source;       /* the whole line */
    json_t *messages;     /* of a chat, without the answer; NULL: `prompt` goes on */
    struct buffer prompt; /* own */
    const char *entry;    /* the function's name; NULL: the first one */
    const json_t *calls;  /* [{"arguments": [...], "expected": ...}] */
    json_t *tests;        /* [text]; own */
    double answer;
};

struct eval_items {
    struct eval_item *items;
    size_t count, capacity;
};

/* Which lines of a file become items. */
struct eval_choice {
    bool raw;
    size_t limit, from, to; /* 0: no limit */
};

/* Appends a file's items; *left_out counts lines with nothing to judge by. PRIMER_EFORMAT names
 * file, line and field. */
primer_status eval_item_read(struct eval_items *items, const char *path, size_t file,
                             const struct eval_choice *choice, size_t *left_out,
                             primer_error *error);
void eval_item_free(struct eval_items *items);

#endif
