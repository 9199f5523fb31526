/* allocator.c - malloc and its kin over glibc's own, counted; see allocator.h. */
#include "allocator.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static atomic_size_t count, live, fail_at = SIZE_MAX;

size_t allocator_count(void)
{
    return atomic_load(&count);
}

size_t allocator_live(void)
{
    return atomic_load(&live);
}

void allocator_fail_at(size_t n)
{
    atomic_store(&fail_at, n == SIZE_MAX ? SIZE_MAX : atomic_load(&count) + n);
}

#ifdef SANITIZED
bool allocator_counts(void)
{
    return false;
}
#else
/* glibc's own names behind the ones that this file takes over. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

bool allocator_counts(void)
{
    return true;
}

static void *given(void *block)
{
    if (block != NULL)
        atomic_fetch_add(&live, 1);
    return block;
}

static bool fails(void)
{
    if (atomic_fetch_add(&count, 1) != atomic_load(&fail_at))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : given(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : given(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    void *made = __libc_realloc(block, size);
    if (block == NULL)
        given(made);
    return made;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : given(__libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *made = aligned_alloc(alignment, size);
    if (made == NULL)
        return ENOMEM;
    *block = made;
    return 0;
}

void free(void *block)
{
    if (block != NULL)
        atomic_fetch_sub(&live, 1);
    __libc_free(block);
}
#endif
