/* train_checkpoint.h - all that a run needs to go on as if it had never stopped.
 *
 *   FOLDER/checkpoint-00001200.gguf     the weights, F32: a model like any other
 *   FOLDER/checkpoint-00001200.state    optimizer, step, data position, losses; the weights' hash
 *
 * The state is written last, each under a partial name first; a checkpoint without its state, or
 * whose hashes don't fit, doesn't count. Older ones are removed only when a newer one is whole on
 * disk.
 *
 *   state   | magic | version | header bytes | header: numbers by name | mean | variance | hash |
 *           (byte by byte: train_checkpoint_files.h)
 */
#ifndef TRAIN_TRAIN_CHECKPOINT_H
#define TRAIN_TRAIN_CHECKPOINT_H

#include <stdint.h>
#include "base/error.h"
#include "train/train_data.h"
#include "train/train_model.h"
#include "train/train_optimizer.h"

struct train_state {
    uint64_t recipe; /* hash of everything in the recipe that changes the run's bits */
    uint64_t data;   /* hash of the data, and of the models it went on from or learns from */
    uint64_t step;   /* steps done */
    uint64_t tokens; /* trained on so far */
    struct train_position position;
    double loss_sum, weight_sum; /* since the last log line */
    uint64_t clipped;            /* steps since then whose gradient was */
    double best;                 /* least evaluation loss; infinity: none yet */
};

/* `tokenizer` as in train_model_save. Makes the folder (not those above it) where it is missing.
 * Keeps the newest `keep` (at least 1). After a failure the older ones are as they were. A step
 * that is there already is replaced; from its new weights to its new state it counts as torn,
 * unless the weights are the same. */
primer_status train_checkpoint_write(const char *folder, const struct train_model *model,
                                     const struct train_optimizer *optimizer,
                                     const struct train_state *state, const struct gguf *tokenizer,
                                     size_t keep, primer_error *error);
/* The newest whole one, for a model and an optimizer that were made for it; *found false: there is
 * none (status PRIMER_OK), nothing has changed. What is torn is named in *skipped, a line each
 * (`skipped` may be NULL; *skipped: NULL, or for memory_free). One that is whole but of another
 * model, or of another primer's version, is an error: a run doesn't fall back behind it. */
primer_status train_checkpoint_read(const char *folder, struct train_model *model,
                                    struct train_optimizer *optimizer, struct train_state *state,
                                    bool *found, char **skipped, primer_error *error);
/* Removes all checkpoints of a folder, for a run that begins anew. */
primer_status train_checkpoint_clear(const char *folder, primer_error *error);

#endif
