/* scalar.h - the definition: docs/NUMERICS.md as plain loops, for every other level to be compared
 * with.
 *
 * Nothing here is tuned. fmaf is libm's, which rounds once whatever the processor.
 */
#ifndef KERNEL_SCALAR_SCALAR_H
#define KERNEL_SCALAR_SCALAR_H

#include "kernel/kernel.h"

/* Fills every pointer of the table. */
void scalar_fill(struct kernel *kernel);

/* The same of training's table. */
struct training_kernel;
void scalar_training_fill(struct training_kernel *kernel);

/* One function each of docs/NUMERICS.md, "Sixteen lanes" and "Functions". */
float scalar_vector_tree(const float lanes[16]);
float scalar_vector_exp(float x);

/* kernel.h states what each does. */
void scalar_quantize(const float *x, size_t x_stride, size_t tokens, size_t first_token,
                     const struct activation *out);
kernel_panel_product scalar_panel_product;
void scalar_float_product(enum quant_type type, const void *base, size_t row_bytes, size_t rows,
                          size_t columns, const float *x, size_t x_stride, size_t tokens,
                          float *out, size_t out_stride);
void scalar_attention(const struct kernel_attention *task);
void scalar_attention_join(size_t dimensions, float maximum, float sum, const float *output,
                           float *m, float *l, float *o);
void scalar_encode(enum quant_type format, const float *x, size_t count, void *out,
                   uint16_t *scales);
void scalar_vector_layer_norm(const float *x, const float *weight, const float *bias, float epsilon,
                              size_t count, float *out);
void scalar_vector_rms_norm(const float *x, const float *weight, float epsilon, size_t count,
                            float *out);
void scalar_vector_rotate(float *x, const float *cosine, const float *sine, size_t pairs,
                          bool interleaved);
void scalar_vector_finish(const struct kernel_finish *task);
void scalar_vector_silu_product(float *gate, const float *up, size_t count);
void scalar_vector_scale(float *x, float factor, size_t count);
bool scalar_vector_finite(const float *x, size_t count);

#endif
