/* data_decontaminate_embedding.h - how far a document lies from an evaluation item in the space of a
 * model's hidden states: the Euclidean distance of two embeddings of length 1, 0 to 2.
 *
 * An embedding is the mean over the tokens of a text, the first DATA_DECONTAMINATE_TOKENS of it. Those
 * of items are made when they are first asked for, and kept.
 */
#ifndef DATA_DATA_DECONTAMINATE_EMBEDDING_H
#define DATA_DATA_DECONTAMINATE_EMBEDDING_H

#include <stddef.h>
#include "base/buffer.h"
#include "data/data_decontaminate_items.h"
#include "primer.h"

#define DATA_DECONTAMINATE_TOKENS 512

struct data_decontaminate_embedding {
    primer_model *model; /* NULL: there is none */
    primer_session *session;
    size_t width, tokens;
    float *document; /* [width] */
    float **items;   /* [items] each [width]; NULL: not asked for yet */
    size_t item_count;
    struct buffer text;
};

primer_status data_decontaminate_embedding_open(struct data_decontaminate_embedding *embedding,
                                                const char *path, size_t threads, size_t items,
                                                primer_error *error);
void data_decontaminate_embedding_close(struct data_decontaminate_embedding *embedding);
/* By one thread at a time. A text without a token is 2 away from everything. */
primer_status data_decontaminate_embedding_distance(struct data_decontaminate_embedding *embedding,
                                                    const struct data_decontaminate_items *items,
                                                    size_t item, const char *text, size_t length,
                                                    double *distance, primer_error *error);

#endif
