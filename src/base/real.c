/* real.c - argument reduction and Taylor series, see real.h.
 *
 *   exp  x = n ln2 + r, |r| <= ln2/2, 14 terms
 *   log  x = 2^e m, sqrt(1/2) <= m < sqrt(2); log m = 2 artanh((m-1)/(m+1)), 13 odd terms
 *   sin, cos  x = k pi/2 + r, |r| <= pi/4; pi/2 in three parts of 33 bits (as in fdlibm's
 * rem_pio2), so that k times the first two is exact for k < 2^20 and nearly so beyond
 */
#include "base/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static double scale_by_power_of_two(double x, int n)
{
    /* Two steps, so that results near the ends of the range are rounded once. */
    for (int step = 0; step < 2; step++) {
        const int part = step == 0 ? n / 2 : n - n / 2;
        const uint64_t bits = (uint64_t)(int64_t)(part + 1023) << 52;
        double factor;
        memcpy(&factor, &bits, sizeof factor);
        x *= factor;
    }
    return x;
}

double real_exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.79)
        return HUGE_VAL;
    if (x < -745.2)
        return 0;
    const double n = nearbyint(x * 1.4426950408889634);
    const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double sum = 1.0 / 87178291200.0; /* 1/14! */
    static const double inverse_factorial[14] = {1.0,
                                                 1.0,
                                                 1.0 / 2,
                                                 1.0 / 6,
                                                 1.0 / 24,
                                                 1.0 / 120,
                                                 1.0 / 720,
                                                 1.0 / 5040,
                                                 1.0 / 40320,
                                                 1.0 / 362880,
                                                 1.0 / 3628800,
                                                 1.0 / 39916800,
                                                 1.0 / 479001600,
                                                 1.0 / 6227020800.0};
    for (int i = 13; i >= 0; i--)
        sum = sum * r + inverse_factorial[i];
    return scale_by_power_of_two(sum, (int)n);
}

double real_log(double x)
{
    if (x != x || x < 0)
        return NAN;
    if (x == 0)
        return -HUGE_VAL;
    if (x > 1.7976931348623157e308)
        return x;
    int exponent = 0;
    double mantissa = frexp(x, &exponent); /* exact: [1/2, 1) */
    if (mantissa < 0.70710678118654752) {
        mantissa *= 2;
        exponent--;
    }
    const double s = (mantissa - 1) / (mantissa + 1), s2 = s * s;
    double sum = 1.0 / 25;
    for (int i = 23; i >= 1; i -= 2)
        sum = sum * s2 + 1.0 / i;
    return exponent * 6.93147180369123816490e-01 +
           (exponent * 1.90821492927058770002e-10 + 2 * s * sum);
}

double real_power(double base, double exponent)
{
    return real_exp(exponent * real_log(base));
}

void real_sine_cosine(double x, double *sine, double *cosine)
{
    const double k = nearbyint(x * 0.63661977236758134);
    double r = x - k * 1.57079632673412561417e+00;
    r -= k * 6.07710050630396597660e-11;
    r -= k * 2.02226624879595063154e-21;
    const double r2 = r * r;
    double s = 0, c = 0;
    for (int i = 9; i >= 1; i--) { /* nested: 1 - r2/(2i(2i+1)) (1 - ...) */
        s = -(1 + s) * r2 / (2.0 * i * (2.0 * i + 1.0));
        c = -(1 + c) * r2 / (2.0 * i * (2.0 * i - 1.0));
    }
    s = r + r * s;
    c = 1 + c;
    switch ((int64_t)k & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
        break;
    }
}
