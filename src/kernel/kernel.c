/* kernel.c - chooses the table of inner loops: what the build has, the processor allows, and the
 * knob says.
 *
 *   x86-64:  scalar <- avx2 <- avx2_vnni <- avx512        AArch64:  scalar <- neon <- neon_dot
 *
 * A level's table starts as a copy of the one to its left; its fill function replaces what it
 * improves.
 */
#include "kernel/kernel.h"

#include <pthread.h>
#include <stdatomic.h>
#include "base/knob.h"
#include "base/log.h"
#include "kernel/scalar/scalar.h"

#if defined(__x86_64__)
#include "kernel/avx2/avx2.h"
#include "kernel/avx2_vnni/avx2_vnni.h"
#include "kernel/avx512/avx512.h"
#define KERNEL_NEEDS_AVX2 true
#else
#define KERNEL_NEEDS_AVX2 false
#endif
#if defined(__aarch64__)
#include "kernel/neon/neon.h"
#include "kernel/neon_dot/neon_dot.h"
#endif

struct level {
    void (*fill)(struct kernel *kernel); /* NULL: not in this build */
    enum cpu_level below;
};

static const struct level levels[CPU_LEVELS] = {
    [CPU_SCALAR] = {scalar_fill, CPU_SCALAR},
#if defined(__x86_64__)
    [CPU_AVX2] = {avx2_fill, CPU_SCALAR},        [CPU_AVX2_VNNI] = {avx2_vnni_fill, CPU_AVX2},
    [CPU_AVX512] = {avx512_fill, CPU_AVX2_VNNI},
#endif
#if defined(__aarch64__)
    [CPU_NEON] = {neon_fill, CPU_SCALAR},        [CPU_NEON_DOT] = {neon_dot_fill, CPU_NEON},
#endif
};

static struct kernel tables[CPU_LEVELS];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* In the order of the enumeration every level comes after the one below it. */
static void fill_tables(void)
{
    for (int level = 0; level < CPU_LEVELS; level++) {
        if (levels[level].fill == NULL || !cpu_has((enum cpu_level)level))
            continue;
        tables[level] = tables[levels[level].below];
        levels[level].fill(&tables[level]);
        tables[level].level = (enum cpu_level)level;
    }
}

const struct kernel *kernel_at(enum cpu_level level)
{
    pthread_once(&tables_once, fill_tables);
    if ((unsigned)level >= CPU_LEVELS || tables[level].quantize == NULL)
        return NULL;
    return &tables[level];
}

static const struct kernel *forced_level(const char *name)
{
    enum cpu_level level;
    const struct kernel *const kernel = cpu_level_by_name(name, &level) ? kernel_at(level) : NULL;
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (kernel == NULL && !atomic_flag_test_and_set(&warned))
        log_message(LOG_WARN, "PRIMER_LEVEL=%s: no such instruction level here; using the best",
                    name);
    return kernel;
}

const struct kernel *kernel_best(void)
{
    const char *const name = knob_text(KNOB_LEVEL);
    const struct kernel *best = name != NULL && name[0] != '\0' ? forced_level(name) : NULL;
    if (best != NULL)
        return best;
    best = kernel_at(CPU_SCALAR);
    for (int level = CPU_SCALAR + 1; level < CPU_LEVELS; level++)
        if (kernel_at((enum cpu_level)level) != NULL)
            best = kernel_at((enum cpu_level)level);
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (KERNEL_NEEDS_AVX2 && best->level == CPU_SCALAR && !atomic_flag_test_and_set(&warned))
        log_message(LOG_WARN,
                    "this processor lacks AVX2, FMA or F16C: using the slow scalar level");
    return best;
}

static size_t whole_vectors(size_t count)
{
    return (count + KERNEL_TILE - 1) / KERNEL_TILE * KERNEL_TILE;
}

/* Keys, grouped keys and values of the page widened, and their scales; two scores per query
 * and key. */
size_t kernel_attention_scratch(size_t dimensions, size_t queries)
{
    const size_t padded = whole_vectors(dimensions);
    const size_t blocks = (dimensions + QUANT_BLOCK - 1) / QUANT_BLOCK;
    return 3 * KERNEL_PAGE * (padded + blocks) + queries * 2 * KERNEL_PAGE;
}
