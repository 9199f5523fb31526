/* scalar_vector.c - sums over a vector, norms, exp and what is made of it, RoPE (docs/NUMERICS.md).
 *
 * Sixteen partial sums by index modulo 16, then one tree:
 *
 *   s[0..15] -> s[j] + s[j+8] -> t8[j] + t8[j+4] -> t4[j] + t4[j+2] -> t2[0] + t2[1]
 *
 * exp: range reduction and polynomial of Cephes' expf (Moshier), every step one rounding.
 * GELU: the tanh form (Hendrycks, Gimpel 2016), written with exp. SiLU gate: Shazeer 2020, SwiGLU.
 * RMSNorm: Zhang, Sennrich 2019. RoPE: Su et al. 2021.
 */
#include "kernel/scalar/scalar.h"

#include <math.h>
#include "base/half.h"

float scalar_vector_tree(const float lanes[16])
{
    float sums[8];
    for (size_t j = 0; j < 8; j++)
        sums[j] = lanes[j] + lanes[j + 8];
    for (size_t width = 4; width >= 1; width /= 2)
        for (size_t j = 0; j < width; j++)
            sums[j] = sums[j] + sums[j + width];
    return sums[0];
}

static float power_of_two(int32_t exponent) /* -126..127 */
{
    return half_bits_to_float((uint32_t)(exponent + 127) << 23);
}

float scalar_vector_exp(float x)
{
    if (isnan(x))
        return x;
    if (x > 88.72283f)
        return INFINITY;
    if (x < -87.33654f)
        return 0.0f;
    const float n = rintf(x * 1.44269504f);
    float r = fmaf(n, -0.693359375f, x);
    r = fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = fmaf(p, r, 1.3981999507e-3f);
    p = fmaf(p, r, 8.3334519073e-3f);
    p = fmaf(p, r, 4.1665795894e-2f);
    p = fmaf(p, r, 1.6666665459e-1f);
    p = fmaf(p, r, 5.0000001201e-1f);
    const float y = fmaf(p, r * r, r) + 1.0f;
    const int32_t exponent = (int32_t)n;
    const int32_t half = exponent >= 0 ? exponent / 2 : -((1 - exponent) / 2);
    return (y * power_of_two(half)) * power_of_two(exponent - half);
}

void scalar_vector_layer_norm(const float *x, const float *weight, const float *bias, float epsilon,
                              size_t count, float *out)
{
    float sums[16] = {0}, squares[16] = {0};
    for (size_t i = 0; i < count; i++)
        sums[i % 16] = sums[i % 16] + x[i];
    const float mean = scalar_vector_tree(sums) / (float)count;
    for (size_t i = 0; i < count; i++) {
        const float d = x[i] - mean;
        squares[i % 16] = fmaf(d, d, squares[i % 16]);
    }
    const float variance = scalar_vector_tree(squares) / (float)count;
    const float r = 1.0f / sqrtf(variance + epsilon);
    for (size_t i = 0; i < count; i++) {
        const float d = x[i] - mean;
        out[i] = fmaf(d * r, weight[i], bias != NULL ? bias[i] : 0.0f);
    }
}

void scalar_vector_rms_norm(const float *x, const float *weight, float epsilon, size_t count,
                            float *out)
{
    float squares[16] = {0};
    for (size_t i = 0; i < count; i++)
        squares[i % 16] = fmaf(x[i], x[i], squares[i % 16]);
    const float square = scalar_vector_tree(squares) / (float)count;
    const float r = 1.0f / sqrtf(square + epsilon);
    for (size_t i = 0; i < count; i++)
        out[i] = (x[i] * r) * weight[i];
}

void scalar_vector_rotate(float *x, const float *cosine, const float *sine, size_t pairs,
                          bool interleaved)
{
    for (size_t i = 0; i < pairs; i++) {
        float *const first = interleaved ? x + 2 * i : x + i;
        float *const second = interleaved ? x + 2 * i + 1 : x + i + pairs;
        const float x0 = *first, x1 = *second;
        *first = fmaf(x0, cosine[i], -(x1 * sine[i]));
        *second = fmaf(x0, sine[i], x1 * cosine[i]);
    }
}

static float gelu(float x)
{
    const float u = x * fmaf(0.044715f * x, x, 1.0f) * 0.7978845608f;
    return x / (1.0f + scalar_vector_exp(-2.0f * u));
}

void scalar_vector_finish(const struct kernel_finish *task)
{
    for (size_t t = 0; t < task->tokens; t++)
        for (size_t r = 0; r < task->rows; r++) {
            const float sum = task->sums[t * task->sums_stride + r];
            const float value = task->bias != NULL ? sum + task->bias[r] : sum;
            const float curved = task->gelu ? gelu(value) : value;
            float *const out = &task->out[t * task->out_stride + r];
            *out = task->accumulate ? *out + curved : curved;
        }
}

void scalar_vector_silu_product(float *gate, const float *up, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gate[i] = gate[i] / (1.0f + scalar_vector_exp(-gate[i])) * up[i];
}

void scalar_vector_scale(float *x, float factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] * factor;
}

bool scalar_vector_finite(const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}
