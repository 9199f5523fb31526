/* word_cache.c - making and freeing a cache of words. See word_cache.h. */
#include "tokenizer/word_cache.h"

#include "base/memory.h"

#ifdef PRIMER_STRESS
enum { TEXT_LEAST = 16, CAPACITY_MOST = 4 };
#else
enum { TEXT_LEAST = 512, CAPACITY_MOST = 8192 };
#endif

primer_status word_cache_create(struct word_cache *cache, size_t text_length, primer_error *error)
{
    *cache = (struct word_cache){0};
    if (text_length < TEXT_LEAST)
        return PRIMER_OK;
    size_t capacity = 2;
    while (capacity < CAPACITY_MOST && capacity < text_length / 8)
        capacity *= 2;
    cache->entries = memory_allocate(capacity, sizeof *cache->entries);
    if (cache->entries == NULL)
        return memory_failure(error, "the cache of words", capacity * sizeof *cache->entries);
    cache->capacity = capacity;
    return PRIMER_OK;
}

void word_cache_free(struct word_cache *cache)
{
    memory_free(cache->entries);
    *cache = (struct word_cache){0};
}
