/* data_overlap_weight.h - how much it says that two documents share a feature: a word, a gram.
 *
 *   p = max((c + e) / (C + E + 1000), (e - 1) / E)   c of C documents, e of E items have it
 *   weight = -ln p                               in nats; 0 for what everybody has
 *
 * The 1000 stand for documents that weren't seen: what a few documents share needn't be common. The
 * second term leaves one item out: what several items share says little about each of them, even
 * where the documents are of another kind. Weights of features that are independent add up to how
 * surprising they are together.
 */
#ifndef DATA_DATA_OVERLAP_WEIGHT_H
#define DATA_DATA_OVERLAP_WEIGHT_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct data_overlap_frequency {
    uint32_t *documents, *items; /* [count] */
    float *weights;              /* [count], after _finish */
    size_t count, document_count, item_count;
};

primer_status data_overlap_weight_create(struct data_overlap_frequency *frequency, size_t count,
                                         primer_error *error);
void data_overlap_weight_finish(struct data_overlap_frequency *frequency);
void data_overlap_weight_free(struct data_overlap_frequency *frequency);

#endif
