/* unroll.h - how loops of constant length become straight code whose arrays are registers. */
#ifndef KERNEL_UNROLL_H
#define KERNEL_UNROLL_H

#define UNROLL_INLINE static inline __attribute__((always_inline))

/* In front of a loop of few rounds, whose number is constant once the function is inlined. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
