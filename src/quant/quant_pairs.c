/* quant_pairs.c - the twelve bytes of six-bit pairs; drawn in quant_pairs.h. */
#include "quant/quant_pairs.h"

void quant_pairs_get(const uint8_t *bytes, int scales[QUANT_PAIRS_PARTS],
                     int minima[QUANT_PAIRS_PARTS])
{
    const uint8_t *first = bytes + 4, *second = bytes + 8, *third = bytes + 12;
    for (size_t i = 0; i < 4; i++) {
        scales[i] = first[i] & 63;
        minima[i] = second[i] & 63;
        scales[i + 4] = (third[i] & 15) | first[i] >> 6 << 4;
        minima[i + 4] = third[i] >> 4 | second[i] >> 6 << 4;
    }
}

void quant_pairs_put(uint8_t *bytes, const int scales[QUANT_PAIRS_PARTS],
                     const int minima[QUANT_PAIRS_PARTS])
{
    uint8_t *first = bytes + 4, *second = bytes + 8, *third = bytes + 12;
    for (size_t i = 0; i < 4; i++) {
        first[i] = (uint8_t)(scales[i] | scales[i + 4] >> 4 << 6);
        second[i] = (uint8_t)(minima[i] | minima[i + 4] >> 4 << 6);
        third[i] = (uint8_t)((scales[i + 4] & 15) | (minima[i + 4] & 15) << 4);
    }
}
