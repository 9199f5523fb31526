/* memory.c - the only door to the allocator.
 *
 * Below it are calloc, aligned_alloc, realloc and mmap; free() takes the blocks of the first three,
 * so memory_free needs no header in front of a block. Two process-wide counters stand in the door:
 *
 *   made       allocations that succeeded
 *   countdown  SIZE_MAX: none fails; otherwise how many more succeed before one fails (once)
 *
 * Large aligned blocks and reserved ranges ask the system for large pages: a row of a matrix often
 * begins on a page of its own, and to look up thousands of them takes its time.
 *
 * Invariant: a request of more than PTRDIFF_MAX bytes is refused before it reaches the system, so
 * that differences of pointers into a block are always representable.
 */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cpu.h"

#ifndef MADV_HUGEPAGE
#define MADV_HUGEPAGE 14 /* Linux's; a C library may leave it out */
#endif
#define LARGE_PAGE ((size_t)2 << 20) /* of most systems; elsewhere an alignment like another */

static atomic_size_t made;
static atomic_size_t countdown = SIZE_MAX;

/* True where the next allocation must fail; counts down otherwise. */
static bool must_fail(void)
{
    size_t left = atomic_load(&countdown);
    while (left != SIZE_MAX) {
        const size_t next = left == 0 ? SIZE_MAX : left - 1;
        if (atomic_compare_exchange_weak(&countdown, &left, next))
            return left == 0;
    }
    return false;
}

/* The bytes of a request, at least 1; false where it can't be had. */
static bool request_bytes(size_t count, size_t size, size_t *bytes)
{
    size_t product;
    if (must_fail() || !memory_product(count, size, &product) || product > PTRDIFF_MAX)
        return false;
    *bytes = product == 0 ? 1 : product;
    return true;
}

static void *counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add(&made, 1);
    return block;
}

bool memory_product(size_t a, size_t b, size_t *product)
{
    size_t result;
    if (__builtin_mul_overflow(a, b, &result))
        return false;
    *product = result;
    return true;
}

bool memory_sum(size_t a, size_t b, size_t *sum)
{
    size_t result;
    if (__builtin_add_overflow(a, b, &result))
        return false;
    *sum = result;
    return true;
}

void *memory_allocate(size_t count, size_t size)
{
    size_t bytes;
    return request_bytes(count, size, &bytes) ? counted(calloc(1, bytes)) : NULL;
}

/* Not the end of the block, which would be resident whole. It is advice: any answer will do. */
static void advise_large_pages(void *block, size_t bytes)
{
    if (block != NULL && bytes >= LARGE_PAGE)
        (void)madvise(block, bytes & ~(LARGE_PAGE - 1), MADV_HUGEPAGE);
}

void *memory_allocate_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (!request_bytes(count, size, &bytes) || bytes > PTRDIFF_MAX - (LARGE_PAGE - 1))
        return NULL;
    const size_t alignment = bytes >= LARGE_PAGE ? LARGE_PAGE : MEMORY_ALIGNMENT;
    void *const block = aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
    advise_large_pages(block, bytes);
    return counted(block);
}

void *memory_resize(void *block, size_t count, size_t size)
{
    size_t bytes;
    return request_bytes(count, size, &bytes) ? counted(realloc(block, bytes)) : NULL;
}

char *memory_copy_bytes(const void *bytes, size_t length)
{
    size_t with_end;
    if (!memory_sum(length, 1, &with_end))
        return NULL;
    char *const copy = memory_allocate(with_end, 1);
    if (copy != NULL && length != 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *memory_copy_text(const char *text)
{
    return memory_copy_bytes(text, strlen(text));
}

void memory_free(void *block)
{
    free(block);
}

primer_status memory_failure(primer_error *error, const char *what, size_t bytes)
{
    const uint64_t left = cpu_address_space_left();
    if (left == UINT64_MAX)
        return error_set(error, PRIMER_ENOMEM, "no memory for %s (%zu bytes)", what, bytes);
    return error_set(error, PRIMER_ENOMEM,
                     "no memory for %s (%zu bytes; the limit on address space, ulimit -v, leaves "
                     "%llu bytes)",
                     what, bytes, (unsigned long long)left);
}

void memory_fail_at(size_t n)
{
    atomic_store(&countdown, n);
}

size_t memory_allocation_count(void)
{
    return atomic_load(&made);
}

static void *map_zeroes(size_t bytes)
{
    void *const range = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return range == MAP_FAILED ? NULL : range;
}

/* Begins at a large page where that can be had: systems often do so by themselves, and else what
 * was mapped before and behind is given back. */
static void *map_aligned(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), length = (bytes + page - 1) / page * page;
    void *const plain = map_zeroes(length);
    if (plain == NULL || (uintptr_t)plain % LARGE_PAGE == 0)
        return plain;
    unsigned char *const range = map_zeroes(length + LARGE_PAGE);
    if (range == NULL)
        return plain;
    munmap(plain, length);
    const size_t before = (LARGE_PAGE - (uintptr_t)range % LARGE_PAGE) % LARGE_PAGE;
    if (before > 0)
        munmap(range, before);
    munmap(range + before + length, LARGE_PAGE - before);
    return range + before;
}

primer_status memory_reserve(size_t bytes, void **block, primer_error *error)
{
    size_t length;
    void *range = NULL;
    if (request_bytes(bytes, 1, &length))
        range = length < LARGE_PAGE ? map_zeroes(length) : map_aligned(length);
    if (range == NULL)
        return memory_failure(error, "a reserved range", bytes);
    advise_large_pages(range, length);
    *block = counted(range);
    return PRIMER_OK;
}

void memory_release(void *block, size_t bytes)
{
    if (block != NULL)
        munmap(block, bytes == 0 ? 1 : bytes);
}
