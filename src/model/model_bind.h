/* model_bind.h - how an architecture's file finds and checks its tensors.
 *
 * `name` is a format with one %zu for the layer ("blk.%zu.attn_q.weight"); `layer` is ignored where
 * it has none.
 */
#ifndef MODEL_MODEL_BIND_H
#define MODEL_MODEL_BIND_H

#include "model/model.h"

enum model_need { MODEL_REQUIRED, MODEL_OPTIONAL };

/* A matrix of [rows][columns] (GGUF shape {columns, rows}). */
primer_status model_bind_matrix(struct model *model, enum model_need need, const char *name,
                                size_t layer, size_t rows, size_t columns, struct tensor *tensor,
                                primer_error *error);
/* A vector of `count` values as f32: in place if the file has F32, else widened into
 * model->vectors. */
primer_status model_bind_vector(struct model *model, enum model_need need, const char *name,
                                size_t layer, size_t count, const float **vector,
                                primer_error *error);
/* NAME.weight and NAME.bias; the bias is optional unless `bias` says otherwise. */
primer_status model_bind_linear(struct model *model, enum model_need need, enum model_need bias,
                                const char *name, size_t layer, size_t rows, size_t columns,
                                struct model_linear *linear, primer_error *error);
/* Reads ARCHITECTURE.key into *value (within [least, most]); absent: left as it is, or an error if
 * required. */
primer_status model_bind_size(const struct model *model, enum model_need need, const char *key,
                              size_t least, size_t most, size_t *value, primer_error *error);
primer_status model_bind_real(const struct model *model, enum model_need need, const char *key,
                              double *value, primer_error *error);
/* Every tensor of the file must have been bound, or be one that is known to be computed anew. */
primer_status model_bind_finished(const struct model *model, primer_error *error);

#endif
