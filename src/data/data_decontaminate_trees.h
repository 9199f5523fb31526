/* data_decontaminate_trees.h - syntax trees of Python programs, made by Python's own parser in a
 * sandbox; data_decontaminate_trees.py has the format. The programs are read, never run. */
#ifndef DATA_DATA_DECONTAMINATE_TREES_H
#define DATA_DATA_DECONTAMINATE_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

struct sandbox;

enum { DATA_DECONTAMINATE_OWN = 1, DATA_DECONTAMINATE_CONSTANT = 2 }; /* bits of a symbol */

struct data_decontaminate_node {
    uint32_t symbol, value;
};
struct data_decontaminate_tree {
    const struct data_decontaminate_node *nodes; /* [count] */
    size_t count;
};

/* Trees of many texts; zero-initialise, used again and again. */
struct data_decontaminate_trees {
    struct data_decontaminate_tree *trees; /* [tree_count] */
    size_t *first;                         /* [texts + 1] where each text's trees begin */
    size_t tree_count, tree_room, text_room;
    struct data_decontaminate_node **blocks; /* what the nodes lie in */
    size_t block_count, block_room;
    bool (*progress)(void *context, size_t done, size_t all); /* as sandbox_run's; NULL: none */
    void *context;
    size_t unread; /* texts whose programs ended the interpreter, or were too long */
};
void data_decontaminate_trees_free(struct data_decontaminate_trees *trees);

struct data_decontaminate_text {
    const char *bytes;
    size_t length;
};
/* A text without a program that Python can parse has no trees. */
primer_status data_decontaminate_trees_read(struct data_decontaminate_trees *trees,
                                            struct sandbox *sandbox, size_t workers,
                                            const struct data_decontaminate_text *texts,
                                            size_t count, primer_error *error);
/* One that reads programs of this program's own; PRIMER_EUNSUPPORTED says what is missing. */
primer_status data_decontaminate_trees_open(size_t workers, struct sandbox **sandbox,
                                            primer_error *error);

/* In data_decontaminate_script.c. */
extern const char data_decontaminate_script_text[];

#endif
