/* synth_measure.c - repetitions and likeness. Declared in synth_measure.h. */
#include "data/synth_measure.h"

#include <ctype.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

#define TRIGRAMS_MOST ((size_t)1 << 24) /* counted; what comes later changes the share little */

/* ---- sets ------------------------------------------------------------------------------------ */

static size_t place(const struct synth_set *set, uint64_t hash)
{
    size_t at = (size_t)hash & (set->capacity - 1);
    while (set->slots[at] != 0 && set->slots[at] != hash)
        at = (at + 1) & (set->capacity - 1);
    return at;
}

static primer_status enlarge(struct synth_set *set, primer_error *error)
{
    struct synth_set larger = {.capacity = set->capacity == 0 ? 1024 : 2 * set->capacity};
    larger.slots = memory_allocate(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL)
        return memory_failure(error, "a set of hashes", larger.capacity * sizeof *larger.slots);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != 0)
            larger.slots[place(&larger, set->slots[i])] = set->slots[i];
    larger.count = set->count;
    memory_free(set->slots);
    *set = larger;
    return PRIMER_OK;
}

primer_status synth_set_add(struct synth_set *set, uint64_t hash, bool *fresh, primer_error *error)
{
    hash = hash == 0 ? 1 : hash;
    if (set->count * 2 >= set->capacity)
        FORWARD(enlarge(set, error));
    const size_t at = place(set, hash);
    *fresh = set->slots[at] == 0;
    set->slots[at] = hash;
    set->count += *fresh ? 1 : 0;
    return PRIMER_OK;
}

bool synth_set_has(const struct synth_set *set, uint64_t hash)
{
    hash = hash == 0 ? 1 : hash;
    return set->capacity > 0 && set->slots[place(set, hash)] != 0;
}

void synth_set_free(struct synth_set *set)
{
    memory_free(set->slots);
    *set = (struct synth_set){0};
}

/* ---- measures -------------------------------------------------------------------------------- */

/* Hashes of the text's words, lower case. */
static size_t words_of(const char *text, size_t length, uint64_t words[SYNTH_MEASURE_WORDS])
{
    size_t count = 0;
    for (size_t i = 0; i < length && count < SYNTH_MEASURE_WORDS;) {
        uint64_t hash = 0;
        size_t end = i;
        for (; end < length && isalnum((unsigned char)text[end]); end++) {
            const char c = (char)tolower((unsigned char)text[end]);
            hash = hash_bytes(&c, 1, hash + 1);
        }
        if (end > i)
            words[count++] = hash;
        i = end == i ? i + 1 : end;
    }
    return count;
}

/* Each word once, in the order of first appearance; gives how many. */
static size_t unique(uint64_t *words, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < kept && words[j] != words[i])
            j++;
        if (j == kept)
            words[kept++] = words[i];
    }
    return kept;
}

static void compare(struct synth_measure *measure, const uint64_t *words, size_t count)
{
    size_t common = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < measure->before_count; j++)
            common += words[i] == measure->before[j] ? 1 : 0;
    const size_t all = count + measure->before_count - common;
    if (measure->before_count > 0 && count > 0) {
        measure->likeness += (double)common / (double)all;
        measure->pairs++;
    }
    memcpy(measure->before, words, count * sizeof *words);
    measure->before_count = count;
}

primer_status synth_measure_add(struct synth_measure *measure, const char *text, size_t length,
                                primer_error *error)
{
    uint64_t words[SYNTH_MEASURE_WORDS];
    const size_t count = words_of(text, length, words);
    for (size_t i = 0; i + 2 < count && measure->trigrams.count < TRIGRAMS_MOST; i++) {
        bool fresh;
        FORWARD(synth_set_add(&measure->trigrams, hash_bytes(words + i, 3 * sizeof *words, 7),
                              &fresh, error));
        measure->trigram_count++;
    }
    compare(measure, words, unique(words, count));
    return PRIMER_OK;
}

double synth_measure_distinct(const struct synth_measure *measure)
{
    return measure->trigram_count == 0
               ? 1.0
               : (double)measure->trigrams.count / (double)measure->trigram_count;
}

double synth_measure_similar(const struct synth_measure *measure)
{
    return measure->pairs == 0 ? 0.0 : measure->likeness / (double)measure->pairs;
}

void synth_measure_free(struct synth_measure *measure)
{
    synth_set_free(&measure->trigrams);
    *measure = (struct synth_measure){0};
}
