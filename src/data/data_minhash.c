/* data_minhash.c - signatures of minima and their index. Declared in data_minhash.h.
 *
 * A permutation is x -> (a x + b) >> 32 over 64-bit hashes, a odd (Dietzfelbinger's multiply-shift).
 * An index grows by blocks of entries, which never move; only its tables of heads are made anew.
 */
#include "data/data_minhash.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"

#define BLOCK ((size_t)4096) /* entries */

/* ---- signatures ------------------------------------------------------------------------------ */

void data_minhash_functions(struct data_minhash_functions *functions)
{
    struct random random;
    random_seed(&random, 0x6D696E68617368ULL);
    for (size_t i = 0; i < DATA_MINHASH_SIZE; i++) {
        functions->factor[i] = random_u64(&random) | 1;
        functions->term[i] = random_u64(&random);
    }
}

void data_minhash_start(struct data_minhash_signature *signature)
{
    memset(signature, 0xFF, sizeof *signature);
}

void data_minhash_add(const struct data_minhash_functions *functions,
                      struct data_minhash_signature *signature, uint64_t shingle)
{
    for (size_t i = 0; i < DATA_MINHASH_SIZE; i++) {
        const uint64_t mixed = functions->factor[i] * shingle + functions->term[i];
        const uint32_t value = (uint32_t)(mixed >> 32);
        signature->minima[i] = value < signature->minima[i] ? value : signature->minima[i];
    }
}

double data_minhash_similarity(const struct data_minhash_signature *a,
                               const struct data_minhash_signature *b)
{
    uint32_t equal = 0;
    for (size_t i = 0; i < DATA_MINHASH_SIZE; i++)
        equal += a->minima[i] == b->minima[i];
    return equal / (double)DATA_MINHASH_SIZE;
}

/* ---- bands ----------------------------------------------------------------------------------- */

static double power(double base, size_t exponent)
{
    double product = 1;
    for (size_t i = 0; i < exponent; i++)
        product *= base;
    return product;
}

double data_minhash_found(struct data_minhash_bands bands, double similarity)
{
    return 1 - power(1 - power(similarity, bands.rows), bands.bands);
}

struct data_minhash_bands data_minhash_bands(double similarity)
{
    struct data_minhash_bands best = {DATA_MINHASH_SIZE, 1};
    for (size_t rows = 2; rows <= DATA_MINHASH_SIZE; rows++) {
        const struct data_minhash_bands tried = {DATA_MINHASH_SIZE / rows, rows};
        if (data_minhash_found(tried, similarity) >= 0.99)
            best = tried;
    }
    return best;
}

/* ---- the index ------------------------------------------------------------------------------- */

void data_minhash_index_create(struct data_minhash_index *index, struct data_minhash_bands shape)
{
    *index = (struct data_minhash_index){.shape = shape};
}

void data_minhash_index_free(struct data_minhash_index *index)
{
    for (size_t i = 0; i < index->blocks; i++) {
        memory_free(index->signatures[i]);
        memory_free(index->next[i]);
    }
    memory_free(index->signatures);
    memory_free(index->next);
    memory_free(index->heads);
    *index = (struct data_minhash_index){0};
}

static const struct data_minhash_signature *entry(const struct data_minhash_index *index, size_t i)
{
    return &index->signatures[i / BLOCK][i % BLOCK];
}

static uint32_t *links(const struct data_minhash_index *index, size_t i)
{
    return index->next[i / BLOCK] + i % BLOCK * index->shape.bands;
}

/* Where the band's chain begins. */
static uint32_t *head(const struct data_minhash_index *index,
                      const struct data_minhash_signature *signature, size_t band)
{
    const size_t rows = index->shape.rows;
    const uint64_t hash =
        hash_bytes(signature->minima + band * rows, rows * sizeof signature->minima[0], band);
    return index->heads + band * index->capacity + (size_t)(hash & (index->capacity - 1));
}

static void link_entry(struct data_minhash_index *index, size_t i)
{
    uint32_t *const next = links(index, i);
    for (size_t band = 0; band < index->shape.bands; band++) {
        uint32_t *const first = head(index, entry(index, i), band);
        next[band] = *first;
        *first = (uint32_t)i + 1;
    }
}

static primer_status grow_heads(struct data_minhash_index *index, primer_error *error)
{
    const size_t capacity = index->capacity == 0 ? BLOCK : 2 * index->capacity;
    size_t count = 0;
    uint32_t *heads = NULL;
    if (memory_product(capacity, index->shape.bands, &count))
        heads = memory_allocate(count, sizeof *heads);
    if (heads == NULL)
        return memory_failure(error, "the table of signatures", count * sizeof *heads);
    memory_free(index->heads);
    index->heads = heads;
    index->capacity = capacity;
    for (size_t i = 0; i < index->count; i++)
        link_entry(index, i);
    return PRIMER_OK;
}

static primer_status grow_lists(struct data_minhash_index *index, primer_error *error)
{
    const size_t room = index->room == 0 ? 16 : 2 * index->room;
    struct data_minhash_signature **const signatures =
        memory_resize(index->signatures, room, sizeof *signatures);
    if (signatures == NULL)
        return memory_failure(error, "blocks of signatures", room * sizeof *signatures);
    index->signatures = signatures;
    uint32_t **const next = memory_resize(index->next, room, sizeof *next);
    if (next == NULL)
        return memory_failure(error, "blocks of signatures", room * sizeof *next);
    index->next = next;
    index->room = room;
    return PRIMER_OK;
}

static primer_status grow_blocks(struct data_minhash_index *index, primer_error *error)
{
    if (index->blocks == index->room)
        FORWARD(grow_lists(index, error));
    struct data_minhash_signature *const signatures = memory_allocate(BLOCK, sizeof *signatures);
    uint32_t *const next = memory_allocate(BLOCK * index->shape.bands, sizeof *next);
    if (signatures == NULL || next == NULL) {
        memory_free(signatures);
        memory_free(next);
        return memory_failure(error, "a block of signatures", BLOCK * sizeof *signatures);
    }
    index->signatures[index->blocks] = signatures;
    index->next[index->blocks++] = next;
    return PRIMER_OK;
}

primer_status data_minhash_index_add(struct data_minhash_index *index,
                                     const struct data_minhash_signature *signature,
                                     primer_error *error)
{
    if (index->count >= UINT32_MAX - 1)
        return error_set(error, PRIMER_ELIMIT, "more than %zu different documents", index->count);
    if (index->count == index->blocks * BLOCK)
        FORWARD(grow_blocks(index, error));
    if (index->count == index->capacity)
        FORWARD(grow_heads(index, error));
    index->signatures[index->count / BLOCK][index->count % BLOCK] = *signature;
    link_entry(index, index->count++);
    return PRIMER_OK;
}

size_t data_minhash_index_find(const struct data_minhash_index *index,
                               const struct data_minhash_signature *signature, double least,
                               double *similarity)
{
    const size_t rows = index->shape.rows;
    size_t best = SIZE_MAX;
    for (size_t band = 0; index->count > 0 && band < index->shape.bands; band++) {
        const size_t from = band * rows;
        uint32_t number = *head(index, signature, band);
        for (size_t depth = 0; number != 0 && depth < DATA_MINHASH_DEPTH; depth++) {
            const size_t i = number - 1;
            const struct data_minhash_signature *const other = entry(index, i);
            number = links(index, i)[band];
            if (i == best || memcmp(other->minima + from, signature->minima + from,
                                    rows * sizeof signature->minima[0]) != 0)
                continue;
            const double found = data_minhash_similarity(signature, other);
            if (found < least ||
                (best != SIZE_MAX && (found < *similarity || (found == *similarity && i > best))))
                continue;
            best = i;
            *similarity = found;
        }
    }
    return best;
}
