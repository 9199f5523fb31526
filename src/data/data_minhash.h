/* data_minhash.h - how alike two sets are, from signatures of 128 minima, and an index that finds
 * the like ones (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3).
 *
 *   set of shingles  {h1, h2, ...}                        Jaccard J(A, B) = |A and B| / |A or B|
 *   signature        | min p1(h) | min p2(h) | ... 128 |  equal places / 128 estimates J
 *   bands            | rows rows | rows rows | ...        a candidate shares a whole band:
 *                                                         P = 1 - (1 - J^rows)^bands
 *
 * The estimate's standard error is sqrt(J (1 - J) / 128): 0.035 at J = 0.8.
 */
#ifndef DATA_DATA_MINHASH_H
#define DATA_DATA_MINHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define DATA_MINHASH_SIZE 128 /* permutations */

struct data_minhash_functions {
    uint64_t factor[DATA_MINHASH_SIZE], term[DATA_MINHASH_SIZE];
};
void data_minhash_functions(struct data_minhash_functions *functions);

struct data_minhash_signature {
    uint32_t minima[DATA_MINHASH_SIZE];
};
void data_minhash_start(struct data_minhash_signature *signature); /* of the empty set */
void data_minhash_add(const struct data_minhash_functions *functions,
                      struct data_minhash_signature *signature, uint64_t shingle);
double data_minhash_similarity(const struct data_minhash_signature *a,
                               const struct data_minhash_signature *b);

struct data_minhash_bands {
    size_t bands, rows;
};
/* The most rows (fewest candidates) that still find 99 % of the pairs at this similarity. */
struct data_minhash_bands data_minhash_bands(double similarity);
/* The probability of being a candidate. */
double data_minhash_found(struct data_minhash_bands bands, double similarity);

/* Signatures by number, and those like one. An entry costs 512 bytes, and 4 + 4..8 for each band. */
struct data_minhash_index {
    struct data_minhash_bands shape;
    size_t count;
    struct data_minhash_signature **signatures; /* [blocks][BLOCK] */
    uint32_t **next;                            /* [blocks][BLOCK][bands], number + 1; 0: none */
    size_t blocks, room;
    uint32_t *heads; /* [bands][capacity], number + 1 */
    size_t capacity; /* a power of two */
};
void data_minhash_index_create(struct data_minhash_index *index, struct data_minhash_bands shape);
void data_minhash_index_free(struct data_minhash_index *index);
primer_status data_minhash_index_add(struct data_minhash_index *index,
                                     const struct data_minhash_signature *signature,
                                     primer_error *error);
/* The entry that is most like it, at least `least`, the first of equals; SIZE_MAX: none. In each
 * band the last DATA_MINHASH_DEPTH entries are looked at. */
#define DATA_MINHASH_DEPTH 1024
size_t data_minhash_index_find(const struct data_minhash_index *index,
                               const struct data_minhash_signature *signature, double least,
                               double *similarity);

#endif
