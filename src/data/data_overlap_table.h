/* data_overlap_table.h - 64-bit hashes numbered 0, 1, 2 ... in the order in which they came.
 *
 *   places   | 0 | 7 | 0 | 3 | ...   number + 1, found by the hash's low bits and stepping on
 *   hashes   | h0 | h1 | h2 | ...
 */
#ifndef DATA_DATA_OVERLAP_TABLE_H
#define DATA_DATA_OVERLAP_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct data_overlap_table {
    uint32_t *places; /* [capacity], a power of two */
    uint64_t *hashes; /* [capacity / 2] */
    size_t capacity, count;
};

void data_overlap_table_free(struct data_overlap_table *table);
/* The number of a hash, which is entered where it is new. */
primer_status data_overlap_table_enter(struct data_overlap_table *table, uint64_t hash,
                                       size_t *number, primer_error *error);
/* SIZE_MAX: it isn't there. */
size_t data_overlap_table_find(const struct data_overlap_table *table, uint64_t hash);

#endif
