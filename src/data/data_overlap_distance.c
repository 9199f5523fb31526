/* data_overlap_distance.c - edit distance with a cut-off. Declared in data_overlap_distance.h.
 *
 *            b0 b1 b2 b3 b4        row i: cost of making a[0..i) of b[0..j), only for |i - j| <= most:
 *        a0   \  \                 what lies farther from the diagonal costs more than that.
 *        a1   \  \  \              A row whose least is above `most` ends the search.
 *        a2      \  \  \
 */
#include "data/data_overlap_distance.h"

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

size_t data_overlap_distance(const uint32_t *a, size_t a_length, const uint32_t *b, size_t b_length,
                             size_t most, uint32_t *scratch)
{
    const size_t apart = a_length > b_length ? a_length - b_length : b_length - a_length;
    const uint32_t far = UINT32_MAX / 2;
    uint32_t *above = scratch, *row = scratch + b_length + 1;
    if (apart > most)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        above[j] = j <= most ? (uint32_t)j : far;
    for (size_t i = 1; i <= a_length; i++) {
        const size_t from = i > most ? i - most : 0;
        const size_t to = most < b_length && i < b_length - most ? i + most : b_length;
        uint32_t best = far;
        for (size_t j = from; j <= to; j++) {
            uint32_t cost = far;
            if (j > 0)
                cost = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (j < i + most) /* in the band of the row above */
                cost = least(cost, above[j] + 1);
            if (j > from)
                cost = least(cost, row[j - 1] + 1);
            row[j] = cost;
            best = least(best, cost);
        }
        if (best > most)
            return SIZE_MAX;
        uint32_t *const other = above;
        above = row;
        row = other;
    }
    return above[b_length] <= most ? above[b_length] : SIZE_MAX;
}
