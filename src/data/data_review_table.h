/* data_review_table.h - verdicts put side by side, and what they say: shares with their intervals,
 * agreement beyond chance.
 *
 *             judge 0   judge 1   judge 2
 *   lesson 0  right     wrong     -          marks, a byte each; lessons in the order of index, id
 *   lesson 1  right     right     doubtful
 */
#ifndef DATA_DATA_REVIEW_TABLE_H
#define DATA_DATA_REVIEW_TABLE_H

#include "data/data_review_file.h"

enum { DATA_REVIEW_NONE = 255 }; /* the judge gave no verdict, or took it back */

struct data_review_entry {
    uint64_t id, index;
    const char *kind, *title; /* borrowed from the file */
    unsigned char *marks;     /* [judges] */
};

struct data_review_table {
    struct data_review_entry *entries; /* [count] lessons with a verdict */
    size_t count, judges;
    unsigned char *marks; /* [rows of the file][judges] */
    uint64_t other;       /* verdicts of lessons that weren't asked for */
};

/* `only` [only_count], sorted: the ids of the lessons that count; NULL: all. */
primer_status data_review_table_make(struct data_review_table *table,
                                     const struct data_review_file *file, const uint64_t *only,
                                     size_t only_count, primer_error *error);
void data_review_table_free(struct data_review_table *table);

/* Wilson's interval of 95 % for `hits` of `count` (Wilson 1927); count > 0. */
void data_review_table_interval(uint64_t hits, uint64_t count, double *low, double *high);

/* How two judges agree on `count` lessons: counts[mark of a][mark of b]. Kappa (Cohen 1960) is
 * (raw - chance) / (1 - chance), NaN where chance alone makes them agree: both always say the
 * same one thing; and where there is no lesson. */
struct data_review_agreement {
    uint64_t counts[DATA_REVIEW_MARKS][DATA_REVIEW_MARKS], count;
    double raw, chance, kappa;
};
/* From the counts alone. */
void data_review_table_agree(struct data_review_agreement *agreement);

#endif
