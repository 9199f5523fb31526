/*
 * The operators of a transformer, in double precision. Rows of tokens lie one after the other;
 * a weight matrix is read row by row where it lies and decoded a piece at a time.
 */
#include "reference_math.h"

#include <math.h>

/* Elements of a row decoded at a time: a multiple of every block's length. */
enum { PIECE = 256 };

static double at(const reference_tensor *tensor, size_t i)
{
    return reference_format_at(tensor->format, tensor->data, i);
}

double reference_math_dot(const double *a, const double *b, size_t n)
{
    double sum[4] = {0}; /* four chains, so that additions need not wait for each other */
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        sum[0] += a[i] * b[i];
        sum[1] += a[i + 1] * b[i + 1];
        sum[2] += a[i + 2] * b[i + 2];
        sum[3] += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++) {
        sum[0] += a[i] * b[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

void reference_math_linear(const reference_tensor *weight, const reference_tensor *bias,
                           const double *x, size_t n, double *y)
{
    const size_t inputs = weight->columns;
    const size_t outputs = weight->rows;
    for (size_t o = 0; o < outputs; o++) {
        const double b = bias->data != NULL ? at(bias, o) : 0;
        for (size_t t = 0; t < n; t++) {
            y[t * outputs + o] = b;
        }
        for (size_t first = 0; first < inputs; first += PIECE) {
            const size_t length = inputs - first < PIECE ? inputs - first : PIECE;
            double w[PIECE];
            for (size_t i = 0; i < length; i++) {
                w[i] = at(weight, o * inputs + first + i);
            }
            for (size_t t = 0; t < n; t++) {
                y[t * outputs + o] += reference_math_dot(w, x + t * inputs + first, length);
            }
        }
    }
}

void reference_math_row(const reference_tensor *matrix, size_t row, double *x)
{
    for (size_t i = 0; i < matrix->columns; i++) {
        x[i] = at(matrix, row * matrix->columns + i);
    }
}

void reference_math_layer_norm(const reference_tensor *weight, const reference_tensor *bias,
                               double epsilon, const double *x, size_t n, double *y)
{
    const size_t d = weight->columns;
    for (size_t t = 0; t < n; t++, x += d, y += d) {
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < d; i++) {
            mean += x[i];
        }
        mean /= (double)d;
        for (size_t i = 0; i < d; i++) {
            variance += (x[i] - mean) * (x[i] - mean);
        }
        variance /= (double)d;
        const double scale = 1 / sqrt(variance + epsilon);
        for (size_t i = 0; i < d; i++) {
            y[i] = (x[i] - mean) * scale * at(weight, i) + at(bias, i);
        }
    }
}

void reference_math_rms_norm(const reference_tensor *weight, double epsilon, const double *x,
                             size_t n, double *y)
{
    const size_t d = weight->columns;
    for (size_t t = 0; t < n; t++, x += d, y += d) {
        const double square = reference_math_dot(x, x, d) / (double)d;
        const double scale = 1 / sqrt(square + epsilon);
        for (size_t i = 0; i < d; i++) {
            y[i] = x[i] * scale * at(weight, i);
        }
    }
}

void reference_math_gelu(double *x, size_t n)
{
    const double root = 0.79788456080286535588; /* sqrt(2 / pi) */
    for (size_t i = 0; i < n; i++) {
        const double cube = x[i] * x[i] * x[i];
        x[i] = 0.5 * x[i] * (1 + tanh(root * (x[i] + 0.044715 * cube)));
    }
}

void reference_math_swiglu(double *gate, const double *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
    }
}

void reference_math_add(double *x, const double *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] += y[i];
    }
}

void reference_math_softmax(double *x, size_t n)
{
    double largest = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = exp(x[i] - largest);
        sum += x[i];
    }
    for (size_t i = 0; i < n; i++) {
        x[i] /= sum;
    }
}
