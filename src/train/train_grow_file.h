/* train_grow_file.h - a grown model's file: metadata with the new sizes, and its tensors.
 *
 * Tensors stand in the order of the architecture's list, the model's first, then layer by layer.
 * The source's are decoded row by row, so that neither model is ever in memory whole.
 */
#ifndef TRAIN_TRAIN_GROW_FILE_H
#define TRAIN_TRAIN_GROW_FILE_H

#include "base/pool.h"
#include "train/train_grow_axis.h"
#include "train/train_grow_fill.h"

struct train_grow_file {
    const struct gguf *source;
    const struct model *model; /* the source's */
    const primer_grow_options *options;
    enum train_grow_method method;
    const primer_grow_summary *summary;
    const struct train_grow_axes *axes;
    const struct quant_format *format; /* of matrices */
    struct pool *pool;
};

/* Parameters of the new model by its shape. */
uint64_t train_grow_file_parameters(const struct train_grow_file *file);
/* PRIMER_ENUMERIC names the tensor whose numbers aren't finite, or too large for the format. */
primer_status train_grow_file_write(const struct train_grow_file *file, const char *path,
                                    primer_error *error);

#endif
