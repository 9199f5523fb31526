/* random.h - xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64: the same numbers on
 * every machine. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
double random_unit(struct random *random);                     /* [0, 1), 53 bits */
uint64_t random_below(struct random *random, uint64_t limit);  /* [0, limit), unbiased; limit > 0 */
/* Normal deviates by summing 12 uniforms: exact in its arithmetic on every machine, tails cut at
 * 6 sigma. */
double random_normal(struct random *random);

#endif
