/* data_decontaminate_words.h - runs of words that a document has in common with an evaluation item.
 *
 *   item       write a function to add two numbers and give back what came out   (letters alone)
 *   grams      [write ............................. back] [a function ... what] ...   N words each
 *
 * A part of fewer than N words is one gram, where it has DATA_DECONTAMINATE_LEAST. A gram of more
 * than DATA_DECONTAMINATE_COMMON items says nothing about any of them. A gram weighs what its
 * different words weigh (data_overlap_weight.h): runs of common words are no evidence.
 */
#ifndef DATA_DATA_DECONTAMINATE_WORDS_H
#define DATA_DATA_DECONTAMINATE_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "data/data_decontaminate_items.h"
#include "data/data_overlap_table.h"
#include "data/data_overlap_text.h"
#include "data/data_overlap_weight.h"

#define DATA_DECONTAMINATE_LEAST   8
#define DATA_DECONTAMINATE_COMMON  6
#define DATA_DECONTAMINATE_LONGEST 64 /* words of a gram */

struct data_decontaminate_gram {
    uint32_t items[DATA_DECONTAMINATE_COMMON]; /* ascending */
    uint32_t count;                            /* DATA_DECONTAMINATE_COMMON + 1: more */
};

struct data_decontaminate_words {
    size_t words; /* N */
    struct data_overlap_table grams, vocabulary;
    struct data_decontaminate_gram *of; /* [room], of the grams */
    size_t room;
    struct data_overlap_frequency frequency; /* of the vocabulary */
    uint32_t *words_of;                      /* different words of item after item */
    size_t *first_word;                      /* [items + 1] in words_of */
    size_t words_length, words_room, item_count;
    unsigned char lengths[DATA_DECONTAMINATE_LONGEST + 1]; /* 1: there are grams of this length */
};

/* Scratch of one thread; zero-initialise. */
struct data_decontaminate_reader {
    struct buffer folded;
    struct data_overlap_word *words; /* [count] */
    uint64_t *hashes, *prefix;       /* [count], [count + 1] */
    size_t count, room;
    unsigned char *marks; /* [vocabulary] 1: a word of the text that was marked last */
    size_t mark_count;
};
void data_decontaminate_reader_free(struct data_decontaminate_reader *reader);

/* What was found in a document. */
struct data_decontaminate_run {
    size_t item;          /* SIZE_MAX: nothing */
    size_t grams;         /* how many are the item's */
    double weight;        /* the greatest */
    size_t first, length; /* words of the run around the first: reader->words */
};

primer_status data_decontaminate_words_create(struct data_decontaminate_words *index,
                                              const struct data_decontaminate_items *items,
                                              size_t words, primer_error *error);
void data_decontaminate_words_free(struct data_decontaminate_words *index);
/* Counts a document's words; after the last _finish is called, and then the others, by several
 * threads. */
primer_status data_decontaminate_words_count(struct data_decontaminate_words *index,
                                             struct data_decontaminate_reader *reader,
                                             const char *text, size_t length, primer_error *error);
void data_decontaminate_words_finish(struct data_decontaminate_words *index);
primer_status data_decontaminate_words_find(const struct data_decontaminate_words *index,
                                            struct data_decontaminate_reader *reader,
                                            const char *text, size_t length, double least,
                                            double least_whole, struct data_decontaminate_run *run,
                                            primer_error *error);
/* Marks the words of a text; then: what those weigh together that an item has too. */
primer_status data_decontaminate_words_mark(const struct data_decontaminate_words *index,
                                            struct data_decontaminate_reader *reader,
                                            const char *text, size_t length, primer_error *error);
double data_decontaminate_words_shared(const struct data_decontaminate_words *index,
                                       const struct data_decontaminate_reader *reader, size_t item);

#endif
