/* model_layers.h - the pieces that layers of several architectures are made of, over a pass's
 * buffers. */
#ifndef MODEL_MODEL_LAYERS_H
#define MODEL_MODEL_LAYERS_H

#include "model/model.h"

/* The form's norm of x [rows][embedding] to out, the same shape. */
void model_layers_norm(const struct model *model, struct pass *pass, const struct model_norm *norm,
                       const float *x, size_t rows, float *out);
/* Queries, keys and values of `in` [rows][embedding], and gelu(with_gelu(in)), which may be NULL,
 * to pass->wide, in one go. */
void model_layers_project(const struct model *model, struct pass *pass,
                          const struct model_layer *layer, const float *in,
                          const struct model_linear *with_gelu);
/* Rotation, cache and attention: pass->query, key, value to pass->attended. */
void model_layers_attend(const struct model *model, struct pass *pass, size_t layer);
/* The gate and up matrices of `in`, to pass->gate and pass->wide. */
void model_layers_gate(const struct model *model, struct pass *pass,
                       const struct model_layer *layer, const float *in);
/* x += linear(in). */
void model_layers_add(struct pass *pass, const struct model_linear *linear, const float *in);

#endif
