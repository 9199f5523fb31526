/* constraint_memory.c - arrays grow by half, so that appending costs the same on average whatever
 * their length. */
#include "constraint/constraint_memory.h"

#include "base/memory.h"

void *constraint_grown(void *items, size_t *capacity, size_t need, size_t size)
{
    size_t wanted = *capacity + *capacity / 2 + 16;
    if (items != NULL && need <= *capacity)
        return items;
    if (wanted < need)
        wanted = need;
    void *const block = memory_resize(items, wanted, size);
    if (block != NULL)
        *capacity = wanted;
    return block;
}

primer_status constraint_scratch_failure(const struct scratch *scratch, primer_error *error)
{
    if (scratch->limited)
        return error_set(error, PRIMER_ELIMIT, "more than %zu MiB of working memory would be used",
                         CONSTRAINT_SCRATCH >> 20);
    return error_set(error, PRIMER_ENOMEM, "no memory for working on a constraint");
}
