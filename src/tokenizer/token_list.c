/* token_list.c - a growing list of ids. Declared in tokenizer.h. */
#include "tokenizer/tokenizer_internal.h"

#include "base/memory.h"

void token_list_free(struct token_list *list)
{
    memory_free(list->ids);
    *list = (struct token_list){0};
}

primer_status token_list_reserve(struct token_list *list, size_t more, primer_error *error)
{
    if (more <= list->capacity - list->count)
        return PRIMER_OK;
    size_t wanted, capacity = list->capacity < 64 ? 64 : 2 * list->capacity;
    if (!memory_sum(list->count, more, &wanted))
        return memory_failure(error, "a list of tokens", more);
    if (capacity < wanted)
        capacity = wanted;
    int32_t *const ids = memory_resize(list->ids, capacity, sizeof *ids);
    if (ids == NULL)
        return memory_failure(error, "a list of tokens", capacity * sizeof *ids);
    list->ids = ids;
    list->capacity = capacity;
    return PRIMER_OK;
}

primer_status token_list_append(struct token_list *list, int32_t id, primer_error *error)
{
    FORWARD(token_list_reserve(list, 1, error));
    list->ids[list->count++] = id;
    return PRIMER_OK;
}
