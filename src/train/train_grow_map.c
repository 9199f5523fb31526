/* train_grow_map.c - the index arithmetic of growth.
 *
 * Depth. New layer i of L' copies old layer round(i L / L') of L: the map in the slides of Phi-2's
 * authors, who take it from Rae et al. 2021 (arXiv 2112.11446). Halves are rounded up here. The
 * result would be L, which there isn't, for the last layers when L' >= 2 L: they copy layer L - 1.
 * Steps are at most 1, so no layer is left out.
 *
 * Width. Unit j copies unit j mod n: whole copies of the small one, the last one cut.
 *
 *   tile, 4 -> 6    rows and columns      0 1 2 3 | 0 1        the corner is the small matrix
 *                                         ------------- repeats
 *
 * Heads. r = H / G query heads share a key/value head. Query head u of group g in the new model
 * copies query head (r' floor(g / G) + u) mod r of group g mod G, so that a head always meets the
 * keys and values it was trained with, whatever r' is. For r' = r this is h mod H. Where r' < r the
 * copies of a group together have all of its query heads, if there are enough of them.
 *
 * Dimensions of a head's queries and keys. RoPE turns pair i of the first R dimensions by the
 * angle position * base^(-i / (R / 2)); a pair's dimensions lie at (i, i + R / 2) or at
 * (2 i, 2 i + 1). A pair must stay a pair, so pairs are mapped, and dimensions after them. Where R
 * grows, new pair i copies the one whose angle is nearest, round(i R / R'): a wrapped copy would
 * give a pair that was trained to see the neighbouring token an angle of thousands of tokens.
 * Halves are rounded down, so that for R' = 2 R pair 2 i, whose angle is the same, is the first
 * that copies i. Dimensions past R aren't turned: they are wrapped among themselves.
 *
 *   Phi-1.5 to Phi-2: k 64 -> 80, R 32    0 .. 31 | 32 .. 63 | 32 .. 47
 *                                         turned    not turned, wrapped
 *
 * Values aren't turned: dimension t copies t mod k.
 */
#include "train/train_grow_map.h"

#include <string.h>

#include "base/memory.h"
#include "base/suggest.h"

#define MOST_LAYERS     4096 /* as the engine reads them (model.c) */
#define MOST_WIDTH      ((size_t)1 << 24)
#define MOST_DIMENSIONS 4096

/* ---- methods ---- */

static const char *const methods[] = {
    [TRAIN_GROW_TILE] = "tile",
    [TRAIN_GROW_REUSE] = "reuse",
    [TRAIN_GROW_SPREAD] = "spread",
    [TRAIN_GROW_CLONE] = "clone",
};

const char *primer_grow_method(size_t index)
{
    return index < sizeof methods / sizeof *methods ? methods[index] : NULL;
}

primer_status train_grow_map_method(const char *name, enum train_grow_method *method,
                                    primer_error *error)
{
    char shown[64];
    if (name == NULL)
        name = methods[TRAIN_GROW_TILE];
    struct suggest nearest = suggest_for(name);
    for (size_t i = 0; primer_grow_method(i) != NULL; i++) {
        if (strcmp(name, methods[i]) == 0) {
            *method = (enum train_grow_method)i;
            return PRIMER_OK;
        }
        suggest_consider(&nearest, methods[i]);
    }
    error_printable(name, strlen(name), shown, sizeof shown);
    if (nearest.best != NULL)
        return error_set(
            error, PRIMER_EINVAL,
            "method: found \"%s\", expected tile, reuse, spread or clone; did you mean %s?", shown,
            nearest.best);
    return error_set(error, PRIMER_EINVAL,
                     "method: found \"%s\", expected tile, reuse, spread or clone", shown);
}

/* ---- shapes ---- */

static primer_status expect_range(const char *name, size_t found, size_t least, size_t most,
                                  primer_error *error)
{
    if (found < least)
        return error_set(error, PRIMER_EINVAL,
                         "%s: found %zu, expected at least %zu, as many as the source has", name,
                         found, least);
    if (found > most)
        return error_set(error, PRIMER_ELIMIT, "%s: found %zu, expected at most %zu", name, found,
                         most);
    return PRIMER_OK;
}

static primer_status choose_widths(const primer_grow_shape *from,
                                   const primer_grow_options *options,
                                   enum train_grow_method method, primer_grow_shape *to,
                                   primer_error *error)
{
    const bool clone = method == TRAIN_GROW_CLONE;
    to->layers = options->layers != 0 ? options->layers : from->layers;
    to->embedding = options->embedding != 0 ? options->embedding : from->embedding;
    FORWARD(expect_range("layers", to->layers, from->layers, MOST_LAYERS, error));
    FORWARD(expect_range("embedding", to->embedding, from->embedding, MOST_WIDTH, error));
    if (clone && to->embedding % from->embedding != 0)
        return error_set(error, PRIMER_EINVAL,
                         "embedding: found %zu, expected a multiple of the source's %zu with "
                         "method clone",
                         to->embedding, from->embedding);
    const size_t factor = clone ? to->embedding / from->embedding : 1;
    to->heads = options->heads != 0 ? options->heads : from->heads * factor;
    to->feed_forward =
        options->feed_forward != 0 ? options->feed_forward : from->feed_forward * factor;
    FORWARD(expect_range("heads", to->heads, from->heads, MOST_WIDTH, error));
    return expect_range("feed_forward", to->feed_forward, from->feed_forward, MOST_WIDTH, error);
}

static primer_status choose_groups(const primer_grow_shape *from,
                                   const primer_grow_options *options, primer_grow_shape *to,
                                   primer_error *error)
{
    const size_t shared = from->heads / from->kv_heads;
    if (options->kv_heads == 0 && to->heads % shared != 0)
        return error_set(error, PRIMER_EINVAL,
                         "heads: found %zu, expected a multiple of %zu, the heads that share a "
                         "key/value head in the source, or kv_heads too",
                         to->heads, shared);
    to->kv_heads = options->kv_heads != 0 ? options->kv_heads : to->heads / shared;
    FORWARD(expect_range("kv_heads", to->kv_heads, from->kv_heads, MOST_WIDTH, error));
    if (to->kv_heads > to->heads || to->heads % to->kv_heads != 0)
        return error_set(error, PRIMER_EINVAL,
                         "heads: found %zu, expected a multiple of kv_heads, %zu", to->heads,
                         to->kv_heads);
    const size_t groups = to->kv_heads / from->kv_heads, each = to->heads / to->kv_heads;
    if (groups * each < shared)
        return error_set(error, PRIMER_EINVAL,
                         "heads: found %zu over %zu key/value heads, expected at least %zu heads "
                         "for each, or some of the source's %zu heads would be lost",
                         to->heads, to->kv_heads, (shared + groups - 1) / groups, from->heads);
    return PRIMER_OK;
}

static primer_status choose_dimensions(const primer_grow_shape *from,
                                       const primer_grow_options *options,
                                       enum train_grow_method method, primer_grow_shape *to,
                                       primer_error *error)
{
    const size_t k = from->head_dimensions;
    const bool own = method == TRAIN_GROW_CLONE || k * from->heads != from->embedding;
    if (options->head_dimensions != 0) {
        to->head_dimensions = options->head_dimensions;
    } else if (own) {
        to->head_dimensions = k;
    } else {
        if (to->embedding % to->heads != 0)
            return error_set(error, PRIMER_EINVAL,
                             "embedding: found %zu, expected a multiple of heads, %zu",
                             to->embedding, to->heads);
        to->head_dimensions = to->embedding / to->heads;
    }
    if (method == TRAIN_GROW_CLONE && to->head_dimensions != k)
        return error_set(error, PRIMER_EINVAL,
                         "head_dimensions: found %zu, expected the source's %zu with method clone",
                         to->head_dimensions, k);
    if (to->head_dimensions < k && options->head_dimensions == 0)
        return error_set(error, PRIMER_EINVAL,
                         "heads: found %zu, which leaves each %zu dimensions of an embedding of "
                         "%zu; expected at least the source's %zu",
                         to->heads, to->head_dimensions, to->embedding, k);
    FORWARD(expect_range("head_dimensions", to->head_dimensions, k, MOST_DIMENSIONS, error));
    if (to->heads > MOST_WIDTH / to->head_dimensions)
        return error_set(error, PRIMER_ELIMIT,
                         "heads: found %zu of %zu dimensions, expected at most %zu together",
                         to->heads, to->head_dimensions, MOST_WIDTH);
    return PRIMER_OK;
}

static primer_status choose_rotation(const primer_grow_shape *from,
                                     const primer_grow_options *options,
                                     enum train_grow_method method, primer_grow_shape *to,
                                     primer_error *error)
{
    const size_t turned = from->rotary_dimensions, k = to->head_dimensions;
    const bool all = turned == from->head_dimensions;
    const size_t most = all ? k : k - (from->head_dimensions - turned);
    const size_t least = all ? k : turned;
    const size_t chosen = options->rotary_dimensions;
    to->rotary_dimensions = chosen != 0 ? chosen : least;
    if (method == TRAIN_GROW_CLONE && to->rotary_dimensions != turned)
        return error_set(error, PRIMER_EINVAL,
                         "rotary_dimensions: found %zu, expected the source's %zu with method "
                         "clone",
                         to->rotary_dimensions, turned);
    if (to->rotary_dimensions < least || to->rotary_dimensions > most)
        return error_set(error, PRIMER_EINVAL,
                         "rotary_dimensions: found %zu, expected %zu to %zu: the source turns %zu "
                         "of a head's %zu, the new heads have %zu",
                         to->rotary_dimensions, least, most, turned, from->head_dimensions, k);
    if (to->rotary_dimensions % 2 != 0)
        return error_set(
            error, PRIMER_EINVAL, "%s: found %zu, expected an even number: RoPE turns pairs",
            chosen != 0 ? "rotary_dimensions" : "head_dimensions", to->rotary_dimensions);
    return PRIMER_OK;
}

primer_status train_grow_map_shape(const primer_grow_shape *from,
                                   const primer_grow_options *options,
                                   enum train_grow_method method, primer_grow_shape *to,
                                   primer_error *error)
{
    primer_grow_shape shape = {.vocabulary = from->vocabulary};
    FORWARD(choose_widths(from, options, method, &shape, error));
    FORWARD(choose_groups(from, options, &shape, error));
    FORWARD(choose_dimensions(from, options, method, &shape, error));
    FORWARD(choose_rotation(from, options, method, &shape, error));
    primer_grow_shape same = *from;
    same.parameters = 0;
    if (memcmp(&same, &shape, sizeof shape) == 0)
        return error_set(error, PRIMER_EINVAL,
                         "nothing is larger than in the source, whose sizes are layers %zu, "
                         "embedding %zu, heads %zu, feed_forward %zu",
                         from->layers, from->embedding, from->heads, from->feed_forward);
    *to = shape;
    return PRIMER_OK;
}

/* ---- maps ---- */

size_t train_grow_map_layer(size_t layer, size_t from, size_t to)
{
    const size_t nearest = (2 * layer * from + to) / (2 * to);
    return nearest < from ? nearest : from - 1;
}

size_t train_grow_map_pair(size_t pair, size_t from, size_t to)
{
    /* ceil(x - 1/2) of x = pair * from / to */
    const size_t doubled = 2 * pair * from;
    const size_t nearest = doubled < to ? 0 : (doubled - to + 2 * to - 1) / (2 * to);
    return nearest < from ? nearest : from - 1;
}

struct head {
    size_t pairs, dimensions;
    bool interleaved;
};

static size_t head_dimension(size_t dimension, const struct head *from, const struct head *to)
{
    if (dimension >= 2 * to->pairs)
        return 2 * from->pairs + (dimension - 2 * to->pairs) % (from->dimensions - 2 * from->pairs);
    const size_t pair = to->interleaved ? dimension / 2 : dimension % to->pairs;
    const size_t second = to->interleaved ? dimension % 2 : dimension / to->pairs;
    const size_t source = train_grow_map_pair(pair, from->pairs, to->pairs);
    return to->interleaved ? 2 * source + second : source + second * from->pairs;
}

static size_t query_head(size_t head, const primer_grow_shape *from, const primer_grow_shape *to)
{
    const size_t shared = from->heads / from->kv_heads, each = to->heads / to->kv_heads;
    const size_t group = head / each, copy = group / from->kv_heads;
    return group % from->kv_heads * shared + (copy * each + head % each) % shared;
}

static primer_status allocate(primer_grow_map *map, size_t count, primer_error *error)
{
    map->sources = memory_allocate(count, sizeof *map->sources);
    map->repeats = memory_allocate(count, sizeof *map->repeats);
    if (map->sources == NULL || map->repeats == NULL)
        return memory_failure(error, "a map of growth", count * sizeof *map->sources);
    map->count = count;
    return PRIMER_OK;
}

/* Sources are fewer than or as many as the map's entries. */
static primer_status mark_repeats(primer_grow_map *map, primer_error *error)
{
    bool *seen = memory_allocate(map->count, sizeof *seen);
    if (seen == NULL)
        return memory_failure(error, "a map of growth", map->count);
    for (size_t i = 0; i < map->count; i++) {
        map->repeats[i] = seen[map->sources[i]];
        seen[map->sources[i]] = true;
    }
    memory_free(seen);
    return PRIMER_OK;
}

static void fill(primer_grow_summary *summary, const struct head *from_head,
                 const struct head *to_head)
{
    const primer_grow_shape *from = &summary->from, *to = &summary->to;
    primer_grow_map *maps = summary->maps;
    for (size_t i = 0; i < to->layers; i++)
        maps[PRIMER_GROW_LAYERS].sources[i] = train_grow_map_layer(i, from->layers, to->layers);
    for (size_t i = 0; i < to->embedding; i++)
        maps[PRIMER_GROW_EMBEDDING].sources[i] = i % from->embedding;
    for (size_t i = 0; i < to->heads; i++)
        maps[PRIMER_GROW_HEADS].sources[i] = query_head(i, from, to);
    for (size_t i = 0; i < to->kv_heads; i++)
        maps[PRIMER_GROW_KV_HEADS].sources[i] = i % from->kv_heads;
    for (size_t i = 0; i < to->head_dimensions; i++) {
        maps[PRIMER_GROW_HEAD_DIMENSIONS].sources[i] = head_dimension(i, from_head, to_head);
        maps[PRIMER_GROW_VALUE_DIMENSIONS].sources[i] = i % from->head_dimensions;
    }
    for (size_t i = 0; i < to->feed_forward; i++)
        maps[PRIMER_GROW_FEED_FORWARD].sources[i] = i % from->feed_forward;
}

primer_status train_grow_map_create(primer_grow_summary *summary, bool interleaved,
                                    primer_error *error)
{
    const primer_grow_shape *from = &summary->from, *to = &summary->to;
    const size_t counts[PRIMER_GROW_AXES] = {
        [PRIMER_GROW_LAYERS] = to->layers,
        [PRIMER_GROW_EMBEDDING] = to->embedding,
        [PRIMER_GROW_HEADS] = to->heads,
        [PRIMER_GROW_KV_HEADS] = to->kv_heads,
        [PRIMER_GROW_HEAD_DIMENSIONS] = to->head_dimensions,
        [PRIMER_GROW_VALUE_DIMENSIONS] = to->head_dimensions,
        [PRIMER_GROW_FEED_FORWARD] = to->feed_forward,
    };
    const struct head from_head = {from->rotary_dimensions / 2, from->head_dimensions, interleaved};
    const struct head to_head = {to->rotary_dimensions / 2, to->head_dimensions, interleaved};
    for (size_t i = 0; i < PRIMER_GROW_AXES; i++)
        FORWARD(allocate(&summary->maps[i], counts[i], error));
    fill(summary, &from_head, &to_head);
    for (size_t i = 0; i < PRIMER_GROW_AXES; i++)
        FORWARD(mark_repeats(&summary->maps[i], error));
    return PRIMER_OK;
}

void primer_grow_summary_free(primer_grow_summary *summary)
{
    if (summary == NULL)
        return;
    for (size_t i = 0; i < PRIMER_GROW_AXES; i++) {
        memory_free(summary->maps[i].sources);
        memory_free(summary->maps[i].repeats);
        summary->maps[i] = (primer_grow_map){0};
    }
}
