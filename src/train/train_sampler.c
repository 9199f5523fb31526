/* train_sampler.c - batches from a mixture of shards, in an order that a seed gives.
 *
 * A source's documents come in the order of a permutation of their numbers which is computed, not
 * kept: a Feistel network over the smallest 2k-bit square that holds them, walked on from numbers
 * that are none (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, section 5; the
 * rounds' keys come from the seed, the source and the pass):
 *
 *   | left: k bits | right: k bits |    left, right = right, left ^ mix(right, key)    ROUNDS times
 *
 * The next document is of the source whose dealt tokens are the fewest for its weight (Waldspurger
 * and Weihl, "Stride scheduling", 1995): after any number of tokens no source is further from its
 * share than about the longest document.
 *
 * State: struct train_position, and the current document's number and length, which follow from it.
 */
#include "train/train_data.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"

#define NONE   UINT64_MAX
#define ROUNDS 6

struct train_sampler {
    struct train_source sources[TRAIN_SOURCES_MOST];
    size_t count;
    uint64_t seed;
    bool whole;
    size_t length;
    struct train_position at;
    uint64_t document;    /* the current one's number in its shard */
    size_t tokens;        /* and how many it has; 0: none begun */
    unsigned char *asked; /* [length] scratch */
    uint64_t cut_documents, cut_tokens, cut_asked;
};

/* Where a row goes; NULLs where it is passed over. */
struct row {
    int32_t *inputs, *targets;
    float *weights;
    uint32_t *starts;
};

/* ---- the order ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t value, uint64_t key)
{
    const uint64_t words[2] = {value, key};
    return hash_bytes(words, sizeof words, 0);
}

static uint64_t feistel(uint64_t value, unsigned half, const uint64_t keys[ROUNDS])
{
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    uint64_t left = value >> half, right = value & mask;
    for (size_t i = 0; i < ROUNDS; i++) {
        const uint64_t next = left ^ (mix(right, keys[i]) & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

/* Which document is number `index` of a source's pass; a permutation of [0, documents). */
static uint64_t permuted(const struct train_sampler *sampler, size_t source, uint64_t pass,
                         uint64_t index)
{
    const uint64_t documents = train_shard_info(sampler->sources[source].shard)->documents;
    const uint64_t which[3] = {sampler->seed, source, pass};
    struct random random;
    uint64_t keys[ROUNDS];
    unsigned half = 1;
    while (half < 32 && documents > (uint64_t)1 << (2 * half))
        half++;
    random_seed(&random, hash_bytes(which, sizeof which, 0));
    for (size_t i = 0; i < ROUNDS; i++)
        keys[i] = random_u64(&random);
    do {
        index = feistel(index, half, keys);
    } while (index >= documents);
    return index;
}

/* Number and length of the current document, from the position. */
static primer_status look_up(struct train_sampler *sampler, primer_error *error)
{
    const struct train_position *const at = &sampler->at;
    if (at->current == NONE) {
        sampler->tokens = 0;
        return PRIMER_OK;
    }
    const struct train_shard *const shard = sampler->sources[at->current].shard;
    const uint64_t documents = train_shard_info(shard)->documents;
    const uint64_t drawn = at->drawn[at->current] - 1;
    sampler->document =
        permuted(sampler, (size_t)at->current, drawn / documents, drawn % documents);
    return train_shard_length(shard, sampler->document, &sampler->tokens, error);
}

static primer_status draw(struct train_sampler *sampler, primer_error *error)
{
    struct train_position *const at = &sampler->at;
    size_t best = 0;
    double least = INFINITY;
    for (size_t i = 0; i < sampler->count; i++) {
        const double share = (double)at->dealt[i] / sampler->sources[i].weight;
        if (share < least) {
            least = share;
            best = i;
        }
    }
    at->current = best;
    at->drawn[best]++;
    at->inside = 0;
    return look_up(sampler, error);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* `count` tokens of the current document, from `inside` on, to the row from `place` on. */
static primer_status put_tokens(struct train_sampler *sampler, const struct row *row, size_t place,
                                size_t count, primer_error *error)
{
    const struct train_shard *const shard = sampler->sources[sampler->at.current].shard;
    const size_t from = (size_t)sampler->at.inside;
    const size_t later = sampler->tokens - from - 1; /* tokens behind the first of these */
    const size_t targets = count < later ? count : later;
    FORWARD(
        train_shard_slice(shard, sampler->document, from, count, row->inputs + place, NULL, error));
    FORWARD(train_shard_slice(shard, sampler->document, from + 1, targets, row->targets + place,
                              sampler->asked, error));
    for (size_t i = 0; i < count; i++) {
        row->weights[place + i] = i < targets && sampler->asked[i] != 0 ? 1.0F : 0.0F;
        row->starts[place + i] = (uint32_t)place;
    }
    if (targets < count)
        row->targets[place + targets] = 0;
    return PRIMER_OK;
}

static void put_zeros(const struct train_sampler *sampler, const struct row *row, size_t place)
{
    for (size_t i = place; i < sampler->length; i++) {
        row->inputs[i] = row->targets[i] = 0;
        row->weights[i] = 0.0F;
        row->starts[i] = (uint32_t)place;
    }
}

/* A document's last token needs no place of its own where the row ends: it is a target already. */
static bool fits(const struct train_sampler *sampler, size_t place)
{
    return sampler->tokens - 1 <= sampler->length - place;
}

/* `row` NULL: passed over. */
static primer_status deal_row(struct train_sampler *sampler, const struct row *row,
                              primer_error *error)
{
    struct train_position *const at = &sampler->at;
    size_t place = 0;
    while (place < sampler->length) {
        if (at->inside >= sampler->tokens)
            FORWARD(draw(sampler, error));
        if (sampler->whole && place > 0 && !fits(sampler, place))
            break;
        const size_t left = sampler->length - place, rest = sampler->tokens - (size_t)at->inside;
        const size_t count = rest < left ? rest : left;
        if (row != NULL)
            FORWARD(put_tokens(sampler, row, place, count, error));
        place += count;
        at->dealt[at->current] += count;
        at->inside = sampler->whole ? sampler->tokens : at->inside + count;
    }
    if (row != NULL)
        put_zeros(sampler, row, place);
    at->rows++;
    return PRIMER_OK;
}

/* After an error the position is the one before, whose document was read once already. */
static primer_status go_back(struct train_sampler *sampler, const struct train_position *before,
                             primer_status status)
{
    sampler->at = *before;
    look_up(sampler, NULL);
    return status;
}

primer_status train_sampler_next(struct train_sampler *sampler, size_t rows, int32_t *inputs,
                                 int32_t *targets, float *weights, uint32_t *starts,
                                 primer_error *error)
{
    const struct train_position before = sampler->at;
    for (size_t i = 0; i < rows; i++) {
        const size_t first = i * sampler->length;
        const struct row row = {inputs + first, targets + first, weights + first, starts + first};
        const primer_status status = deal_row(sampler, &row, error);
        if (status != PRIMER_OK)
            return go_back(sampler, &before, status);
    }
    return PRIMER_OK;
}

primer_status train_sampler_skip(struct train_sampler *sampler, uint64_t rows, primer_error *error)
{
    const struct train_position before = sampler->at;
    for (uint64_t i = 0; i < rows; i++) {
        const primer_status status = deal_row(sampler, NULL, error);
        if (status != PRIMER_OK)
            return go_back(sampler, &before, status);
    }
    return PRIMER_OK;
}

/* ---- making one ------------------------------------------------------------------------------ */

static primer_status check_source(const struct train_source *sources, size_t index,
                                  primer_error *error)
{
    const struct train_shard_information *const first = train_shard_info(sources[0].shard);
    const struct train_shard_information *const about = train_shard_info(sources[index].shard);
    if (!(sources[index].weight > 0 && isfinite(sources[index].weight)))
        return error_set(error, PRIMER_EINVAL,
                         "weight of source %zu: found %g, expected more than 0", index,
                         sources[index].weight);
    if (about->vocabulary != first->vocabulary)
        return error_set(error, PRIMER_EINVAL,
                         "source %zu has a vocabulary of %zu, source 0 one of %zu", index,
                         about->vocabulary, first->vocabulary);
    if (about->tokenizer != first->tokenizer && about->tokenizer != 0 && first->tokenizer != 0)
        return error_set(error, PRIMER_EINVAL,
                         "source %zu was made with another tokenizer than source 0: its "
                         "vocabulary's hash is %016" PRIx64 ", expected %016" PRIx64,
                         index, about->tokenizer, first->tokenizer);
    return PRIMER_OK;
}

/* Adds the targets among the `count` tokens of a document from `from` on. */
static primer_status count_asked(struct train_sampler *sampler, const struct train_shard *shard,
                                 uint64_t document, size_t from, size_t count, uint64_t *asked,
                                 primer_error *error)
{
    while (count > 0) {
        const size_t part = count < sampler->length ? count : sampler->length;
        FORWARD(train_shard_slice(shard, document, from, part, NULL, sampler->asked, error));
        for (size_t i = 0; i < part; i++)
            *asked += sampler->asked[i] != 0;
        from += part;
        count -= part;
    }
    return PRIMER_OK;
}

static primer_status count_cuts(struct train_sampler *sampler, primer_error *error)
{
    for (size_t i = 0; sampler->whole && i < sampler->count; i++) {
        const struct train_shard *const shard = sampler->sources[i].shard;
        const struct train_shard_information *const about = train_shard_info(shard);
        for (uint64_t j = 0; about->longest - 1 > sampler->length && j < about->documents; j++) {
            size_t tokens = 0;
            FORWARD(train_shard_length(shard, j, &tokens, error));
            if (tokens - 1 <= sampler->length)
                continue;
            const size_t kept = sampler->length + 1;
            sampler->cut_documents++;
            sampler->cut_tokens += tokens - kept;
            FORWARD(
                count_asked(sampler, shard, j, kept, tokens - kept, &sampler->cut_asked, error));
        }
    }
    return PRIMER_OK;
}

primer_status train_sampler_create(struct train_sampler **sampler,
                                   const struct train_source *sources, size_t count, uint64_t seed,
                                   bool whole, size_t length, primer_error *error)
{
    primer_status status = PRIMER_OK;
    if (count < 1 || count > TRAIN_SOURCES_MOST)
        return error_set(error, PRIMER_EINVAL, "sources: found %zu, expected 1 to %d", count,
                         TRAIN_SOURCES_MOST);
    if (length < 1 || length > UINT32_MAX)
        return error_set(error, PRIMER_EINVAL, "length of a row: found %zu, expected 1 to 2^32 - 1",
                         length);
    for (size_t i = 0; i < count; i++)
        FORWARD(check_source(sources, i, error));
    struct train_sampler *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a sampler", sizeof *made);
    memcpy(made->sources, sources, count * sizeof *sources);
    made->count = count;
    made->seed = seed;
    made->whole = whole;
    made->length = length;
    made->at.current = NONE;
    made->asked = memory_allocate(length, 1);
    if (made->asked == NULL) {
        status = memory_failure(error, "a sampler's row", length);
        goto cleanup;
    }
    TRY(count_cuts(made, error));
    *sampler = made;
    made = NULL;
cleanup:
    train_sampler_free(made);
    return status;
}

void train_sampler_free(struct train_sampler *sampler)
{
    if (sampler == NULL)
        return;
    memory_free(sampler->asked);
    memory_free(sampler);
}

void train_sampler_cuts(const struct train_sampler *sampler, uint64_t *documents, uint64_t *tokens)
{
    *documents = sampler->cut_documents;
    *tokens = sampler->cut_tokens;
}

uint64_t train_sampler_asked(const struct train_sampler *sampler)
{
    uint64_t asked = 0;
    for (size_t i = 0; i < sampler->count; i++)
        asked += train_shard_info(sampler->sources[i].shard)->asked;
    return asked - sampler->cut_asked;
}

/* ---- the position ---------------------------------------------------------------------------- */

const struct train_position *train_sampler_position(const struct train_sampler *sampler)
{
    return &sampler->at;
}

static bool is_beginning(const struct train_position *position)
{
    uint64_t any = position->rows | position->inside;
    for (size_t i = 0; i < TRAIN_SOURCES_MOST; i++)
        any |= position->drawn[i] | position->dealt[i];
    return any == 0;
}

static bool is_possible(const struct train_sampler *sampler, const struct train_position *position)
{
    if (position->current == NONE)
        return is_beginning(position);
    for (size_t i = 0; i < TRAIN_SOURCES_MOST; i++)
        if (i < sampler->count ? position->dealt[i] > 0 && position->drawn[i] == 0
                               : (position->drawn[i] | position->dealt[i]) != 0)
            return false;
    return position->current < sampler->count && position->drawn[position->current] > 0;
}

primer_status train_sampler_seek(struct train_sampler *sampler,
                                 const struct train_position *position, primer_error *error)
{
    const struct train_position before = sampler->at;
    if (!is_possible(sampler, position))
        return error_set(error, PRIMER_EINVAL,
                         "position of the data: it can't be one of these %zu sources",
                         sampler->count);
    sampler->at = *position;
    const primer_status status = look_up(sampler, error);
    if (status != PRIMER_OK)
        return go_back(sampler, &before, status);
    const uint64_t inside = position->inside;
    if (inside <= sampler->tokens && (!sampler->whole || inside == 0 || inside == sampler->tokens))
        return PRIMER_OK;
    const size_t tokens = sampler->tokens;
    return go_back(sampler, &before,
                   error_set(error, PRIMER_EINVAL,
                             "position of the data: %" PRIu64
                             " tokens inside a document that has %zu: the data has changed",
                             inside, tokens));
}
