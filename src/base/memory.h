/* memory.h - the only door to the allocator, checked products, and arenas.
 *
 * Every allocation of primer's own goes through here, so that a test can make the n-th one fail and
 * can prove that none happens while tokens are made. All functions are safe to call from several
 * threads, except those of one arena.
 *
 * An arena is one block from which pieces are carved front to back and given back all at once:
 *
 *   base                     used                 capacity
 *   | piece | pad | piece ...|   free             |
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define MEMORY_ALIGNMENT 64 /* bytes: a cache line, and the widest vector */

/* a * b without overflow: false, and *product untouched, where it doesn't fit a size_t. */
bool memory_product(size_t a, size_t b, size_t *product);
bool memory_sum(size_t a, size_t b, size_t *sum);

/* `count` items of `size` bytes, zeroed. NULL when there is no memory or the product overflows.
 * Zero bytes give a valid pointer. Free with memory_free (NULL is legal). */
void *memory_allocate(size_t count, size_t size);
/* The same, aligned to MEMORY_ALIGNMENT and not zeroed; free with memory_free. */
void *memory_allocate_aligned(size_t count, size_t size);
/* Keeps contents up to the smaller size; on failure NULL and the old block stays valid. New
 * bytes are not zeroed. */
void *memory_resize(void *block, size_t count, size_t size);
char *memory_copy_text(const char *text);                  /* NULL when out of memory */
char *memory_copy_bytes(const void *bytes, size_t length); /* NUL-terminated copy */
void memory_free(void *block);

/* error_set with a standard sentence: "no memory for WHAT (N bytes)". Returns PRIMER_ENOMEM. */
primer_status memory_failure(primer_error *error, const char *what, size_t bytes);

/* Tests: the allocation number `n` from now (0 = the next) fails, once; SIZE_MAX: none. */
void memory_fail_at(size_t n);
/* Allocations made so far by the whole process through this door. */
size_t memory_allocation_count(void);

/* Large zeroed ranges taken straight from the system, given to the process page by page as they are
 * touched (KV caches, scratch); from 2 MiB on, where the system has large pages, 2 MiB at a time. */
primer_status memory_reserve(size_t bytes, void **block, primer_error *error);
void memory_release(void *block, size_t bytes);

struct arena {
    unsigned char *base;
    size_t used, capacity; /* bytes */
};
primer_status arena_create(struct arena *arena, size_t capacity, primer_error *error);
/* NULL when it doesn't fit or count * size overflows; aligned to MEMORY_ALIGNMENT, not zeroed. */
void *arena_take(struct arena *arena, size_t count, size_t size);
void arena_reset(struct arena *arena); /* all pieces are given back, the block stays */
void arena_free(struct arena *arena);

#endif
