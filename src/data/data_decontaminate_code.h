/* data_decontaminate_code.h - programs of documents against programs of evaluation items, by their
 * syntax trees.
 *
 *   tree     FunctionDef* arg* For Name* Name* AugAssign Add Name* Name* Return Name*    * own names
 *   grams    four nodes each, in order; own names are numbered within the gram, other names and
 *            constants count as they are: renaming changes nothing
 *   weight   of a gram: data_overlap_weight.h
 *
 *   evidence    sum of the weights of the grams that a tree and an item's tree share
 *   contained   evidence / weight of all of the item's tree's grams
 *   match rate  1 - edit distance / length of the longer, of the sequences of node types, with names
 *               that aren't the program's own, without constants (Gunasekar et al. 2023, section 5)
 *
 * Small programs of common parts are alike by nature: they have a high rate and little evidence.
 */
#ifndef DATA_DATA_DECONTAMINATE_CODE_H
#define DATA_DATA_DECONTAMINATE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "data/data_decontaminate_trees.h"
#include "data/data_overlap_table.h"
#include "data/data_overlap_weight.h"

struct data_decontaminate_unit {
    uint32_t item;
    uint32_t *symbols; /* [count] for the edit distance */
    size_t count;
    size_t first_gram, gram_count; /* in grams_of */
    double weight;                 /* of all its grams */
};

struct data_decontaminate_code {
    struct data_decontaminate_unit *units;
    size_t unit_count, unit_room;
    struct data_overlap_table grams;
    uint32_t *grams_of; /* [grams_length] numbers of grams, unit after unit */
    size_t grams_length, grams_room;
    struct data_overlap_frequency frequency; /* of the grams */
    size_t *posting_begins;                  /* [grams.count + 1] */
    uint32_t *postings;                      /* [grams_length] units that have the gram */
};

/* Scratch of one thread; zero-initialise. */
struct data_decontaminate_matcher {
    uint64_t *grams;
    uint32_t *symbols, *costs;
    size_t room;
    float *evidence;   /* [units] 0 where nothing was met */
    uint32_t *touched; /* [units] */
    size_t unit_room;
};
void data_decontaminate_matcher_free(struct data_decontaminate_matcher *matcher);

#define DATA_DECONTAMINATE_MATCHES 16

/* What a document's tree has in common with an item's. */
struct data_decontaminate_match {
    size_t item;
    double rate, contained, evidence;
    size_t nodes; /* of the item's tree */
};

/* Trees of the items: those of `text_items[i]` are trees->first[i] .. first[i + 1]. */
primer_status data_decontaminate_code_create(struct data_decontaminate_code *code,
                                             const struct data_decontaminate_trees *trees,
                                             const uint32_t *text_items, size_t texts,
                                             primer_error *error);
void data_decontaminate_code_free(struct data_decontaminate_code *code);
/* Counts the grams of a document; _finish follows the last. */
primer_status data_decontaminate_code_count(struct data_decontaminate_code *code,
                                            struct data_decontaminate_matcher *matcher,
                                            const struct data_decontaminate_tree *trees,
                                            size_t count, primer_error *error);
void data_decontaminate_code_finish(struct data_decontaminate_code *code);
/* The matches of at least these values, DATA_DECONTAMINATE_MATCHES at most, those of the most
 * evidence times rate, best first; *found says how many. By several threads, each with its own
 * matcher. */
primer_status data_decontaminate_code_find(const struct data_decontaminate_code *code,
                                           struct data_decontaminate_matcher *matcher,
                                           const struct data_decontaminate_tree *trees,
                                           size_t count, double rate, double evidence,
                                           struct data_decontaminate_match *matches, size_t *found,
                                           primer_error *error);

#endif
