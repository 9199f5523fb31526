/* data_overlap_distance.h - how many symbols have to be inserted, removed or replaced to make one
 * sequence of another (Levenshtein 1966), looked at in a band around the diagonal (Ukkonen 1985). */
#ifndef DATA_DATA_OVERLAP_DISTANCE_H
#define DATA_DATA_OVERLAP_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

/* At most `most`, else SIZE_MAX. `scratch` has 2 * (length of b + 1) places. Time: (most + 1) *
 * length. */
size_t data_overlap_distance(const uint32_t *a, size_t a_length, const uint32_t *b, size_t b_length,
                             size_t most, uint32_t *scratch);

#endif
