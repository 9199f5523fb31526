/* train_schedule.c - the learning rate of each step.
 *
 *   rate  |        ______peak                       warm_up = w
 *         |      /       \                          step w has the peak, step steps - 1 `final`
 *         |    /           \  linear, cosine
 *         |  /               \___ final             the rise: peak * (step + 1) / (w + 1), so that
 *         +--------+------------+-->                the first step moves something too
 *         0        w        steps - 1
 *
 * CONSTANT stays at the peak; STABLE does so until `decay` steps are left and falls linearly over
 * these, the first of them being below the peak already (Hu et al. 2024, arXiv 2404.06395, section
 * 4.1). The cosine is half a period (Loshchilov, Hutter 2017, arXiv 1608.03983, equation 5).
 */
#include "train/train_optimizer.h"

#include <math.h>
#include <stdbool.h>

#include "base/real.h"

static const double pi = 3.14159265358979323846;

static bool is_rate(double rate)
{
    return isfinite(rate) && rate >= 0;
}

primer_status train_schedule_check(const struct train_schedule *schedule, primer_error *error)
{
    const struct train_schedule *const s = schedule;
    if (s->kind > TRAIN_SCHEDULE_STABLE)
        return error_set(error, PRIMER_EINVAL,
                         "schedule: found kind %d, expected constant, linear, cosine or stable",
                         (int)s->kind);
    if (!is_rate(s->peak))
        return error_set(error, PRIMER_EINVAL, "rate: found %g, expected 0 or more", s->peak);
    if (s->kind != TRAIN_SCHEDULE_CONSTANT && !(is_rate(s->final) && s->final <= s->peak))
        return error_set(error, PRIMER_EINVAL, "final_rate: found %g, expected 0 to %g (rate)",
                         s->final, s->peak);
    if (s->steps == 0)
        return error_set(error, PRIMER_EINVAL, "steps: found 0, expected at least 1");
    if (s->warm_up >= s->steps)
        return error_set(error, PRIMER_EINVAL, "warm_up: found %llu, expected below %llu (steps)",
                         (unsigned long long)s->warm_up, (unsigned long long)s->steps);
    if (s->kind == TRAIN_SCHEDULE_STABLE && s->decay > s->steps - s->warm_up)
        return error_set(error, PRIMER_EINVAL,
                         "decay_steps: found %llu, expected at most %llu (steps without warm_up)",
                         (unsigned long long)s->decay, (unsigned long long)(s->steps - s->warm_up));
    return PRIMER_OK;
}

/* From the peak (0) to `final` (1), both exactly. */
static double between(const struct train_schedule *s, double share)
{
    return s->peak * (1 - share) + s->final * share;
}

/* How far step `step` is on the way from step `from` to step `to`. */
static double share_of(uint64_t step, uint64_t from, uint64_t to)
{
    return to > from ? (double)(step - from) / (double)(to - from) : 0;
}

static double stable_rate(const struct train_schedule *s, uint64_t step)
{
    const uint64_t stable = s->steps - s->decay; /* the first that falls */
    return step < stable ? s->peak : between(s, (double)(step - stable + 1) / (double)s->decay);
}

double train_schedule_rate(const struct train_schedule *schedule, uint64_t step)
{
    const struct train_schedule *const s = schedule;
    const uint64_t last = s->steps - 1;
    double sine, cosine;
    if (step > last)
        step = last;
    if (step < s->warm_up)
        return s->peak * ((double)(step + 1) / ((double)s->warm_up + 1));
    switch (s->kind) {
    case TRAIN_SCHEDULE_LINEAR:
        return between(s, share_of(step, s->warm_up, last));
    case TRAIN_SCHEDULE_COSINE:
        real_sine_cosine(pi * share_of(step, s->warm_up, last), &sine, &cosine);
        return between(s, (1 - cosine) / 2);
    case TRAIN_SCHEDULE_STABLE:
        return stable_rate(s, step);
    case TRAIN_SCHEDULE_CONSTANT:
        break;
    }
    return s->peak;
}
