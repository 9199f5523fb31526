/* cpu.c - instruction levels, and the machine's limits as the system states them.
 *
 * x86-64 (Intel, Software Developer's Manual, volume 1, chapters 14.3 and 15.2): a vector level
 * needs the CPUID bits of all its features, OSXSAVE, and in XCR0 the register states that the
 * system saves and restores:
 *
 *   XCR0 bit   1 SSE   2 AVX   | 5 opmask   6 upper halves of zmm0-15   7 zmm16-31
 *              AVX2: 1 2       | AVX-512: all of them
 *
 * AArch64: the kernel's HWCAP bits, which say both at once.
 */
#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cpu_limits.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

enum { MODEL_NAME_CAPACITY = 128 };

static pthread_once_t detected = PTHREAD_ONCE_INIT;
static bool has[CPU_LEVELS];
static bool has_avx_vnni;
static char model_name[MODEL_NAME_CAPACITY];

#if defined(__x86_64__)

static bool all_of(unsigned value, unsigned bits)
{
    return (value & bits) == bits;
}

/* XCR0, or 0 where the system doesn't let it be read. */
static unsigned saved_states(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !all_of(c, bit_OSXSAVE))
        return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static void detect_levels(void)
{
    const unsigned avx_states = 0x06, avx512_states = 0xE6;
    const unsigned vnni_vl = 1u << 31 | 1u << 16;                 /* leaf 7, EBX: VL F */
    const unsigned avx512 = vnni_vl | 1u << 30 | 1u << 17;        /*         and BW DQ */
    const unsigned avx512_vnni = 1u << 11;                        /*      ECX */
    unsigned a, b, c, d, basic, structured_b, structured_c, most;
    const unsigned states = saved_states();
    if (!__get_cpuid(1, &a, &b, &basic, &d) ||
        !__get_cpuid_count(7, 0, &most, &structured_b, &structured_c, &d))
        return;
    has[CPU_AVX2] = all_of(states, avx_states) && all_of(basic, bit_AVX | bit_FMA | bit_F16C) &&
                    all_of(structured_b, bit_AVX2);
    if (!has[CPU_AVX2])
        return;
    has_avx_vnni = most >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && all_of(a, 1u << 4);
    const bool wide = all_of(states, avx512_states) && all_of(structured_b, vnni_vl) &&
                      all_of(structured_c, avx512_vnni);
    has[CPU_AVX2_VNNI] = has_avx_vnni || wide;
    has[CPU_AVX512] = wide && all_of(structured_b, avx512);
}

/* The brand string: 48 bytes out of three leaves. */
static void detect_name(char name[MODEL_NAME_CAPACITY])
{
    unsigned words[12];
    for (unsigned i = 0; i < 3; i++) {
        unsigned *const part = words + 4 * (size_t)i;
        if (!__get_cpuid(0x80000002u + i, &part[0], &part[1], &part[2], &part[3]))
            return;
    }
    memcpy(name, words, sizeof words);
    name[sizeof words] = '\0';
}

#else

#if defined(__aarch64__)
static void detect_levels(void)
{
    const unsigned long features = getauxval(AT_HWCAP);
    has[CPU_NEON] = (features & HWCAP_ASIMD) != 0;
    has[CPU_NEON_DOT] = has[CPU_NEON] && (features & HWCAP_ASIMDDP) != 0;
}
#else
static void detect_levels(void) {}
#endif

static void detect_name(char name[MODEL_NAME_CAPACITY])
{
    cpu_limits_model_name("", name, MODEL_NAME_CAPACITY);
}

#endif

/* One space between words, none at the ends. */
static void tidy(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        const bool space = *from == ' ' || *from == '\t';
        if (!space)
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    while (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

static void detect(void)
{
    has[CPU_SCALAR] = true;
    detect_levels();
    detect_name(model_name);
    tidy(model_name);
    if (model_name[0] == '\0')
        memcpy(model_name, "unknown", sizeof "unknown");
}

bool cpu_has(enum cpu_level level)
{
    pthread_once(&detected, detect);
    return (unsigned)level < CPU_LEVELS && has[level];
}

bool cpu_has_avx_vnni(void)
{
    pthread_once(&detected, detect);
    return has_avx_vnni;
}

enum cpu_level cpu_best(void)
{
    enum cpu_level best = CPU_SCALAR;
    for (int level = 0; level < CPU_LEVELS; level++) {
        if (cpu_has((enum cpu_level)level))
            best = (enum cpu_level)level;
    }
    return best;
}

static const char *const level_names[CPU_LEVELS] = {
    [CPU_SCALAR] = "scalar", [CPU_AVX2] = "avx2", [CPU_AVX2_VNNI] = "avx2_vnni",
    [CPU_AVX512] = "avx512", [CPU_NEON] = "neon", [CPU_NEON_DOT] = "neon_dot",
};

const char *cpu_level_name(enum cpu_level level)
{
    return (unsigned)level < CPU_LEVELS ? level_names[level] : "unknown";
}

bool cpu_level_by_name(const char *name, enum cpu_level *level)
{
    for (int i = 0; i < CPU_LEVELS; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum cpu_level)i;
            return true;
        }
    }
    return false;
}

const char *cpu_model_name(void)
{
    pthread_once(&detected, detect);
    return model_name;
}

static size_t counted(bool with_siblings)
{
    cpu_set_t mask[CPU_LIMITS_SETS];
    memset(mask, 0, sizeof mask);
    if (sched_getaffinity(0, sizeof mask, mask) != 0)
        return 1;
    return cpu_limits_threads("", mask, with_siblings);
}

size_t cpu_thread_count(void)
{
    return counted(false);
}

size_t cpu_usable_count(void)
{
    return counted(true);
}

uint64_t cpu_memory_available(void)
{
    return cpu_limits_memory("");
}

uint64_t cpu_address_space_left(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    const uint64_t mapped = cpu_limits_mapped("");
    return limit.rlim_cur > mapped ? limit.rlim_cur - mapped : 0;
}

uint64_t cpu_memory_resident(void)
{
    return cpu_limits_resident("");
}
