/* merge_adapter.h - adapters with their scales made one, in either form: how a GGUF becomes a
 * folder of PEFT, and the other way about, too.
 *
 *   factor f, scale s of each     A = | A1 |    B = | s1 f1 B1 | s2 f2 B2 |    factor 1
 *                                     | A2 |
 *
 *   attn_qkv from q, k and v      A = | Aq |    B = | Bq       |
 *                                     | Ak |        |    Bk    |
 *                                     | Av |        |       Bv |
 *
 * A matrix that one adapter alone adds to keeps its numbers, and its factor takes the scale, unless
 * that is negative. Ranks add up.
 */
#ifndef CONVERT_MERGE_ADAPTER_H
#define CONVERT_MERGE_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "convert/merge_model.h"

/* `model`: the GGUF they are of, for names and shapes. `out`: a file, as llama.cpp reads it: with
 * attn_qkv where the model has it; or, `peft`, a folder. *matrices and *rank (the largest) may be
 * NULL. PRIMER_EINVAL: nothing is left to write, as every scale is 0. */
primer_status merge_adapter_write(const char *model, const struct merge_model_adapter *adapters,
                                  size_t count, const char *out, bool peft, size_t *matrices,
                                  size_t *rank, primer_error *error);

#endif
