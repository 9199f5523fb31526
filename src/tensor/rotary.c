/* rotary.c - see rotary.h. */
#include "tensor/rotary.h"

#include "base/memory.h"
#include "base/real.h"

primer_status rotary_create(struct rotary *rotary, size_t dimensions, double base, double scale,
                            const float *factors, size_t group, size_t window, primer_error *error)
{
    const size_t pairs = dimensions / 2;
    double *frequencies = memory_allocate(pairs, sizeof *frequencies);
    if (frequencies == NULL)
        return memory_failure(error, "rotary frequencies", pairs * sizeof *frequencies);
    for (size_t i = 0; i < pairs; i++) {
        const double exponent = -2.0 * (double)i / (double)dimensions;
        frequencies[i] = real_power(base, exponent) / scale;
        if (factors != NULL)
            frequencies[i] /= (double)factors[i];
    }
    *rotary = (struct rotary){pairs, frequencies, group, window};
    return PRIMER_OK;
}

void rotary_free(struct rotary *rotary)
{
    memory_free(rotary->frequencies);
    rotary->frequencies = NULL;
}

void rotary_angles(const struct rotary *rotary, size_t position, float *cosine, float *sine)
{
    for (size_t i = 0; i < rotary->pairs; i++) {
        double s, c;
        real_sine_cosine((double)position * rotary->frequencies[i], &s, &c);
        cosine[i] = (float)c;
        sine[i] = (float)s;
    }
}
