/* limits.h - what this machine can do at most, measured on the spot: reading memory, and
 * arithmetic.
 *
 * The best of several simple loops over several threads. A multiplication and an addition are two
 * operations.
 */
#ifndef COMMAND_LIMITS_H
#define COMMAND_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* Loops of one instruction level. */
struct limits_loops {
    const char *name;
    /* Read all of bytes[0..size); return anything that depends on it. Size is a multiple of 256. */
    uint64_t (*read)(const unsigned char *bytes, size_t size);
    uint64_t (*read_ahead)(const unsigned char *bytes, size_t size);
    /* So many rounds of multiply-add on 8-bit integers and on f32; return the operations done. */
    uint64_t (*int8)(uint64_t rounds);
    uint64_t (*f32)(uint64_t rounds);
};

/* Best first; NULL past the last. The last is plain C. */
const struct limits_loops *limits_loops_at(size_t index);

/* Bytes a second, of reading bytes[0..size) over and over for about `seconds`; 0 where size is
 * below 64 KiB. */
double limits_memory(const void *bytes, size_t size, size_t threads, double seconds);
/* Operations a second. */
double limits_int8(size_t threads, double seconds);
double limits_f32(size_t threads, double seconds);

#endif
