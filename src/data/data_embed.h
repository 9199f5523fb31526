/* data_embed.h - texts to vectors, by a language model, on several threads.
 *
 *   text -> its first tokens -> hidden states after the last norm -> their mean, of length 1
 *
 * Each thread has a session of its own on a model of one thread; the file is mapped once. A text's
 * vector depends on the model and the text alone.
 */
#ifndef DATA_DATA_EMBED_H
#define DATA_DATA_EMBED_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"
#include "primer.h"

#define DATA_EMBED_TOKENS 512 /* where no number was given */

struct data_embed {
    size_t threads, dimensions;
    size_t tokens;             /* read of a text at most: no more than the model's context */
    uint64_t identity;         /* of the model, as primer_model_describe has it */
    primer_model **models;     /* [threads] */
    primer_session **sessions; /* [threads] */
};

/* One session for each thread of the pool. `tokens` 0: DATA_EMBED_TOKENS. */
primer_status data_embed_open(struct data_embed *embed, const char *model, size_t tokens,
                              const struct pool *pool, primer_error *error);
void data_embed_close(struct data_embed *embed);
/* To out [dimensions], with the session of this thread; zeros for a text without a token. */
primer_status data_embed_text(struct data_embed *embed, size_t thread, const char *text,
                              size_t length, float *out, primer_error *error);

#endif
