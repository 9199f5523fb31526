/* fetching.h - fetches memory that is read next (kernel.h, kernel_ahead) a few lines at a time,
 * beside other work. The more parts there are, the less has to wait for them: processors have a
 * dozen fetches or two under way. */
#ifndef KERNEL_LANES_FETCHING_H
#define KERNEL_LANES_FETCHING_H

#include "kernel/kernel.h"
#include "kernel/lanes/unroll.h"

/* What is left to fetch; the current run from `offset` on. */
struct fetching {
    struct kernel_ahead left;
    size_t offset, lines; /* bytes; lines at a time */
};

/* To be fetched in `parts` parts. */
static inline struct fetching fetching_of(const struct kernel_ahead *ahead, size_t parts)
{
    if (ahead == NULL)
        return (struct fetching){.lines = 0};
    const size_t each = (ahead->bytes + 63) / 64 + 1; /* a run seldom begins with a line */
    return (struct fetching){.left = *ahead, .lines = ahead->rows * each / parts + 1};
}

UNROLL_INLINE void fetch_some(struct fetching *fetching)
{
    struct kernel_ahead *const left = &fetching->left;
    for (size_t i = 0; i < fetching->lines && left->rows > 0; i++) {
        __builtin_prefetch((const char *)left->base + fetching->offset, 0, 2);
        fetching->offset += 64;
        if (fetching->offset < left->bytes + 63)
            continue;
        fetching->offset = 0;
        left->base = (const char *)left->base + left->row_bytes;
        left->rows--;
    }
}

#endif
