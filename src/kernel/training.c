/* training.c - chooses the table of training's inner loops that belongs to a level of kernel.c.
 *
 * The levels of byte products (avx2_vnni, neon_dot) add nothing to f32: they take the table of the
 * level below.
 */
#include "kernel/training.h"

#include <pthread.h>
#include "kernel/scalar/scalar.h"

#if defined(__x86_64__)
#include "kernel/avx2/avx2.h"
#include "kernel/avx512/avx512.h"
#endif
#if defined(__aarch64__)
#include "kernel/neon/neon.h"
#endif

static void (*const fills[CPU_LEVELS])(struct training_kernel *kernel) = {
    [CPU_SCALAR] = scalar_training_fill,
#if defined(__x86_64__)
    [CPU_AVX2] = avx2_training_fill,     [CPU_AVX2_VNNI] = avx2_training_fill,
    [CPU_AVX512] = avx512_training_fill,
#endif
#if defined(__aarch64__)
    [CPU_NEON] = neon_training_fill,     [CPU_NEON_DOT] = neon_training_fill,
#endif
};

static struct training_kernel tables[CPU_LEVELS];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    for (int level = 0; level < CPU_LEVELS; level++)
        if (fills[level] != NULL && cpu_has((enum cpu_level)level)) {
            fills[level](&tables[level]);
            tables[level].level = (enum cpu_level)level;
        }
}

const struct training_kernel *training_kernel_of(const struct kernel *kernel)
{
    pthread_once(&tables_once, fill_tables);
    return &tables[kernel->level];
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014) over each number in turn. */
static uint64_t mix(uint64_t key, uint64_t number)
{
    uint64_t mixed = (key ^ number) + 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

uint64_t training_key(uint64_t seed, uint64_t place, uint64_t row)
{
    return mix(mix(mix(0, seed), place), row);
}
