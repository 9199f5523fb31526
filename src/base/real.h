/* real.h - exp, log, sine and cosine in binary64 that give the same bits on every machine.
 *
 * libm's differ between versions and processors; what depends on these (rotary tables, sampling,
 * log-probabilities) must not. Only +, -, *, / and rounding are used. Errors are a few units in the
 * last place, over the ranges named.
 */
#ifndef BASE_REAL_H
#define BASE_REAL_H

double real_exp(double x);                       /* any x; NaN stays NaN; +-inf as expected */
double real_log(double x);                       /* x > 0; 0 gives -inf; below 0 NaN */
double real_power(double base, double exponent); /* base > 0 */
void real_sine_cosine(double x, double *sine, double *cosine); /* |x| < 2^26 */

#endif
