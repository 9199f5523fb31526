/* allocator.h - this program's malloc counts, and can be made to fail: libraries' allocations
 * included. */
#ifndef TESTS_ENGINE_ALLOCATOR_H
#define TESTS_ENGINE_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

bool allocator_counts(void);      /* false under a sanitizer, which has its own */
size_t allocator_count(void);     /* allocations so far, all threads */
size_t allocator_live(void);      /* blocks given out and not freed */
void allocator_fail_at(size_t n); /* the n-th from now fails, once; (size_t)-1: none */

#endif
