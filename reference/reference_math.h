/* The operators of a transformer over rows of tokens, in double precision. */
#ifndef REFERENCE_MATH_H
#define REFERENCE_MATH_H

#include <stddef.h>

#include "reference_gguf.h"

/* The sum of a[i] * b[i] for i < n. */
double reference_math_dot(const double *a, const double *b, size_t n);

/* y = x W^T + b: W [outputs][inputs], b [outputs] or absent, x [n][inputs], y [n][outputs]. */
void reference_math_linear(const reference_tensor *weight, const reference_tensor *bias,
                           const double *x, size_t n, double *y);

/* One row of an embedding matrix into x [columns]. */
void reference_math_row(const reference_tensor *matrix, size_t row, double *x);

/* y = (x - mean) / sqrt(variance + epsilon) * w + b, over each row of x [n][columns of w].
 * (Ba et al., arXiv 1607.06450; the variance divides by the number of columns.) */
void reference_math_layer_norm(const reference_tensor *weight, const reference_tensor *bias,
                               double epsilon, const double *x, size_t n, double *y);

/* y = x / sqrt(mean of x^2 + epsilon) * w. (Zhang and Sennrich, arXiv 1910.07467.) */
void reference_math_rms_norm(const reference_tensor *weight, double epsilon, const double *x,
                             size_t n, double *y);

/* 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), each of n. (Hendrycks and Gimpel, arXiv
 * 1606.08415, section 2: the approximation, which is what Phi calls gelu_new.) */
void reference_math_gelu(double *x, size_t n);

/* gate = silu(gate) * up, silu(x) = x / (1 + e^-x). (Shazeer, arXiv 2002.05202.) */
void reference_math_swiglu(double *gate, const double *up, size_t n);

/* x += y, each of n. */
void reference_math_add(double *x, const double *y, size_t n);

/* x = e^x / sum of e^x. */
void reference_math_softmax(double *x, size_t n);

#endif
