/* limits_x86.c - loops of AVX-512 and AVX2 in assembly, so that no compiler takes them apart:
 * twelve independent accumulators, two operands, nothing from memory. 32 or 64 lanes of bytes, 8 or
 * 16 of f32.
 */
#include "command/limits_x86.h"

#include "base/cpu.h"

#if defined(__x86_64__)

#define ACCUMULATORS 12
#define CLOBBERS                                                                                   \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "cc", "memory"
/* The twelve instructions, each with its accumulator as destination. */
#define TWELVE(op, w)                                                                              \
    op " %%" w "12,%%" w "13,%%" w "0\n\t" op " %%" w "12,%%" w "13,%%" w "1\n\t" op " %%" w       \
       "12,%%" w "13,%%" w "2\n\t" op " %%" w "12,%%" w "13,%%" w "3\n\t" op " %%" w "12,%%" w     \
       "13,%%" w "4\n\t" op " %%" w "12,%%" w "13,%%" w "5\n\t" op " %%" w "12,%%" w "13,%%" w     \
       "6\n\t" op " %%" w "12,%%" w "13,%%" w "7\n\t" op " %%" w "12,%%" w "13,%%" w "8\n\t" op    \
       " %%" w "12,%%" w "13,%%" w "9\n\t" op " %%" w "12,%%" w "13,%%" w "10\n\t" op " %%" w      \
       "12,%%" w "13,%%" w "11\n\t"
#define CLEAR "vpxor %%xmm12,%%xmm12,%%xmm12\n\tvpxor %%xmm13,%%xmm13,%%xmm13\n\t"

#define COMPUTE(name, op, w, lanes)                                                                \
    static uint64_t name(uint64_t rounds)                                                          \
    {                                                                                              \
        uint64_t left = rounds;                                                                    \
        __asm__ volatile(CLEAR "1:\n\t" TWELVE(op, w) "dec %0\n\tjnz 1b\n\tvzeroupper"             \
                         : "+r"(left)                                                              \
                         :                                                                         \
                         : CLOBBERS);                                                              \
        return rounds * ACCUMULATORS * (lanes)*2;                                                  \
    }

COMPUTE(int8_avx512, "vpdpbusd", "zmm", 64)
COMPUTE(f32_avx512, "vfmadd231ps", "zmm", 16)
COMPUTE(int8_avx_vnni, "%{vex%} vpdpbusd", "ymm", 32)
COMPUTE(int8_avx512_vl, "vpdpbusd", "ymm", 32) /* the same with the longer encoding */
COMPUTE(f32_avx2, "vfmadd231ps", "ymm", 8)

/* Without a dot product: multiply pairs, join pairs, add. */
#define STEP_INT8(n)                                                                               \
    "vpmaddubsw %%ymm12,%%ymm13,%%ymm14\n\tvpmaddwd %%ymm12,%%ymm14,%%ymm14\n\tvpaddd "            \
    "%%ymm14,%%ymm" n ",%%ymm" n "\n\t"
static uint64_t int8_avx2(uint64_t rounds)
{
    uint64_t left = rounds;
    __asm__ volatile(CLEAR "1:\n\t" STEP_INT8("0") STEP_INT8("1") STEP_INT8("2") STEP_INT8("3")
                         STEP_INT8("4") STEP_INT8("5") STEP_INT8("6")
                             STEP_INT8("7") "dec %0\n\tjnz 1b\n\tvzeroupper"
                     : "+r"(left)
                     :
                     : CLOBBERS);
    return rounds * 8 * 32 * 2;
}

#define AHEAD                                                                                      \
    "prefetcht0 4096(%0)\n\tprefetcht0 4160(%0)\n\tprefetcht0 4224(%0)\n\tprefetcht0 4288(%0)\n\t"
#define READ_512                                                                                   \
    "vpxorq (%0),%%zmm0,%%zmm0\n\tvpxorq 64(%0),%%zmm1,%%zmm1\n\tvpxorq 128(%0),%%zmm2,%%zmm2\n\t" \
    "vpxorq 192(%0),%%zmm3,%%zmm3\n\t"
#define READ_256                                                                                   \
    "vpxor (%0),%%ymm0,%%ymm0\n\tvpxor 32(%0),%%ymm1,%%ymm1\n\tvpxor 64(%0),%%ymm2,%%ymm2\n\t"     \
    "vpxor 96(%0),%%ymm3,%%ymm3\n\tvpxor 128(%0),%%ymm4,%%ymm4\n\tvpxor 160(%0),%%ymm5,%%ymm5\n\t" \
    "vpxor 192(%0),%%ymm6,%%ymm6\n\tvpxor 224(%0),%%ymm7,%%ymm7\n\t"

#define READ(name, loads)                                                                          \
    static uint64_t name(const unsigned char *bytes, size_t size)                                  \
    {                                                                                              \
        const unsigned char *at = bytes, *end = bytes + size;                                      \
        __asm__ volatile("1:\n\t" loads "add $256,%0\n\tcmp %1,%0\n\tjb 1b\n\tvzeroupper"          \
                         : "+r"(at)                                                                \
                         : "r"(end)                                                                \
                         : CLOBBERS);                                                              \
        return (uint64_t)(end - at);                                                               \
    }

READ(read_512, READ_512)
READ(ahead_512, AHEAD READ_512)
READ(read_256, READ_256)
READ(ahead_256, AHEAD READ_256)

static bool has_avx512(void)
{
    return cpu_has(CPU_AVX512);
}

static bool has_avx512_vl(void)
{
    return cpu_has(CPU_AVX2_VNNI) && !cpu_has_avx_vnni();
}

static bool has_avx2(void)
{
    return cpu_has(CPU_AVX2);
}

static const struct {
    bool (*has)(void);
    struct limits_loops loops;
} table[] = {
    {has_avx512, {"avx512", read_512, ahead_512, int8_avx512, f32_avx512}},
    {cpu_has_avx_vnni, {"avx_vnni", read_256, ahead_256, int8_avx_vnni, f32_avx2}},
    {has_avx512_vl, {"avx512_vl", read_256, ahead_256, int8_avx512_vl, f32_avx2}},
    {has_avx2, {"avx2", read_256, ahead_256, int8_avx2, f32_avx2}},
};

const struct limits_loops *limits_x86_at(size_t index)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].has() && index-- == 0)
            return &table[i].loops;
    return NULL;
}

#else

const struct limits_loops *limits_x86_at(size_t index)
{
    (void)index;
    return NULL;
}

#endif
