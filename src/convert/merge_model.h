/* merge_model.h - a model whose weights have had adapters added, in any block format.
 *
 *   W' = W + sum over adapters of scale * factor * B A      (model/adapter.h)
 *
 * Each weight is decoded, the sum is added in double precision, and the result is rounded to f32 and
 * encoded: nothing is lost but by the rounding of the format merged into. Tensors that no adapter
 * names are as primer quantize writes them.
 */
#ifndef CONVERT_MERGE_MODEL_H
#define CONVERT_MERGE_MODEL_H

#include <stddef.h>
#include "base/error.h"
#include "convert/quantize.h"

struct merge_model_adapter {
    const char *path;
    double scale;
};

#define MERGE_MODEL_ADAPTERS_MOST 64

/* `summary` may be NULL; *matrices (may be NULL): how many tensors were changed. `options` as for
 * quantize_file; its changes are merge's own. */
primer_status merge_model_write(const char *in, const struct merge_model_adapter *adapters,
                                size_t count, const char *out,
                                const struct quantize_options *options,
                                struct quantize_summary *summary, size_t *matrices,
                                primer_error *error);

#endif
