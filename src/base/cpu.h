/* cpu.h - what the processor and the operating system allow: instruction levels, threads, memory.
 *
 * A level is offered only where CPUID has all its features *and* the system saves the registers
 * (OSXSAVE, XCR0). Levels, each containing the one before it on the same architecture:
 *
 *   x86-64: scalar < avx2 (AVX2 FMA F16C) < avx2_vnni (AVX-VNNI, or AVX512-VNNI+VL)
 *                  < avx512 (F BW VL DQ VNNI)
 *   AArch64: scalar < neon < neon_dot (dot product)
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_level {
    CPU_SCALAR,
    CPU_AVX2,
    CPU_AVX2_VNNI,
    CPU_AVX512,
    CPU_NEON,
    CPU_NEON_DOT,
    CPU_LEVELS
};

bool cpu_has(enum cpu_level level);
/* Level avx2_vnni comes in two encodings: true where the one of AVX-VNNI is there, otherwise
 * only that of AVX512-VNNI with VL may be used. */
bool cpu_has_avx_vnni(void);
enum cpu_level cpu_best(void);
const char *cpu_level_name(enum cpu_level level);                /* "avx2_vnni" */
bool cpu_level_by_name(const char *name, enum cpu_level *level); /* false: no such name */
/* Static; "unknown" where the system doesn't tell. */
const char *cpu_model_name(void);

/* Threads worth using: the affinity mask, physical cores before their siblings (siblings not
 * counted), and no more than the cgroup's quota (v1 and v2), at least 1. */
size_t cpu_thread_count(void);
/* The same with siblings counted: more threads than this only take turns. */
size_t cpu_usable_count(void);

/* Bytes that could be had now without swapping: the smaller of MemAvailable and what the
 * cgroup's limit leaves. UINT64_MAX where the system doesn't tell. */
uint64_t cpu_memory_available(void);
uint64_t cpu_memory_resident(void); /* this process, bytes */
/* Bytes that may still be mapped under the limit on address space (ulimit -v); UINT64_MAX: none. */
uint64_t cpu_address_space_left(void);

#endif
