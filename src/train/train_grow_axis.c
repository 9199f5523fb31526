/* train_grow_axis.c - axes from the maps of a summary.
 *
 * Factors of queries (method spread). A score is q . k / sqrt(D), D dimensions of a head. Where
 * dimensions are repeated, m(t) copies of one, and a head has D' of them,
 *
 *   q'[t] = q[s(t)] / m(t) * sqrt(D' / D),   k'[t] = k[s(t)]
 *   q' . k' / sqrt(D') = q . k / sqrt(D)
 *
 * where RoPE turns all copies of a dimension alike, as it does those that it doesn't turn.
 */
#include "train/train_grow_axis.h"

#include <math.h>

#include "base/memory.h"

static primer_status allocate(struct train_grow_axis *axis, size_t count, size_t source_count,
                              primer_error *error)
{
    axis->sources = memory_allocate(count, sizeof *axis->sources);
    axis->repeats = memory_allocate(count, sizeof *axis->repeats);
    axis->copies = memory_allocate(source_count, sizeof *axis->copies);
    if (axis->sources == NULL || axis->repeats == NULL || axis->copies == NULL)
        return memory_failure(error, "an axis of growth", count * sizeof *axis->sources);
    axis->count = count;
    axis->source_count = source_count;
    return PRIMER_OK;
}

static void place(struct train_grow_axis *axis, size_t index, size_t source)
{
    axis->sources[index] = (uint32_t)source;
    axis->repeats[index] = axis->copies[source]++ > 0;
}

static primer_status plain(struct train_grow_axis *axis, const primer_grow_map *map,
                           size_t source_count, primer_error *error)
{
    FORWARD(allocate(axis, map->count, source_count, error));
    for (size_t i = 0; i < map->count; i++)
        place(axis, i, map->sources[i]);
    return PRIMER_OK;
}

static primer_status identity(struct train_grow_axis *axis, size_t count, primer_error *error)
{
    FORWARD(allocate(axis, count, count, error));
    for (size_t i = 0; i < count; i++)
        place(axis, i, i);
    return PRIMER_OK;
}

/* heads times dimensions. */
static primer_status product(struct train_grow_axis *axis, const primer_grow_map *heads,
                             const primer_grow_map *dimensions, size_t source_heads,
                             size_t source_dimensions, primer_error *error)
{
    FORWARD(
        allocate(axis, heads->count * dimensions->count, source_heads * source_dimensions, error));
    for (size_t i = 0; i < axis->count; i++)
        place(axis, i,
              heads->sources[i / dimensions->count] * source_dimensions +
                  dimensions->sources[i % dimensions->count]);
    return PRIMER_OK;
}

static primer_status query_factors(struct train_grow_axes *axes, const primer_grow_summary *summary,
                                   primer_error *error)
{
    const primer_grow_map *map = &summary->maps[PRIMER_GROW_HEAD_DIMENSIONS];
    const size_t from = summary->from.head_dimensions, to = map->count;
    struct train_grow_axis *queries = &axes->of[MODEL_QUERIES], *fused = &axes->of[MODEL_FUSED];
    queries->factors = memory_allocate(queries->count, sizeof *queries->factors);
    fused->factors = memory_allocate(fused->count, sizeof *fused->factors);
    size_t *copies = memory_allocate(from, sizeof *copies);
    if (queries->factors == NULL || fused->factors == NULL || copies == NULL) {
        memory_free(copies);
        return memory_failure(error, "an axis of growth", fused->count * sizeof *fused->factors);
    }
    for (size_t t = 0; t < to; t++)
        copies[map->sources[t]]++;
    for (size_t i = 0; i < fused->count; i++)
        fused->factors[i] = 1.0;
    for (size_t i = 0; i < queries->count; i++) {
        queries->factors[i] =
            sqrt((double)to / (double)from) / (double)copies[map->sources[i % to]];
        fused->factors[i] = queries->factors[i];
    }
    memory_free(copies);
    return PRIMER_OK;
}

/* Rows of queries, keys and values in one matrix. */
static primer_status fused(struct train_grow_axes *axes, primer_error *error)
{
    const struct train_grow_axis *parts[] = {&axes->of[MODEL_QUERIES], &axes->of[MODEL_KEYS],
                                             &axes->values};
    struct train_grow_axis *axis = &axes->of[MODEL_FUSED];
    size_t count = 0, source_count = 0, at = 0, source_at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        count += parts[i]->count;
        source_count += parts[i]->source_count;
    }
    FORWARD(allocate(axis, count, source_count, error));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (size_t j = 0; j < parts[i]->count; j++)
            place(axis, at + j, source_at + parts[i]->sources[j]);
        at += parts[i]->count;
        source_at += parts[i]->source_count;
    }
    return PRIMER_OK;
}

/* Pairs' frequency factors go with the pairs. */
static primer_status pairs(struct train_grow_axis *axis, const primer_grow_summary *summary,
                           primer_error *error)
{
    const size_t from = summary->from.rotary_dimensions / 2, to = summary->to.rotary_dimensions / 2;
    FORWARD(allocate(axis, to, from, error));
    for (size_t i = 0; i < to; i++)
        place(axis, i, train_grow_map_pair(i, from, to));
    return PRIMER_OK;
}

primer_status train_grow_axis_create(struct train_grow_axes *axes,
                                     const primer_grow_summary *summary,
                                     enum train_grow_method method, primer_error *error)
{
    const primer_grow_shape *from = &summary->from;
    const primer_grow_map *maps = summary->maps, *heads = &maps[PRIMER_GROW_HEADS],
                          *kv_heads = &maps[PRIMER_GROW_KV_HEADS],
                          *turned = &maps[PRIMER_GROW_HEAD_DIMENSIONS],
                          *still = &maps[PRIMER_GROW_VALUE_DIMENSIONS];
    const size_t k = from->head_dimensions;
    struct train_grow_axis *of = axes->of;
    FORWARD(identity(&of[MODEL_ONE], 1, error));
    FORWARD(identity(&of[MODEL_VOCABULARY], from->vocabulary, error));
    FORWARD(plain(&of[MODEL_EMBEDDING], &maps[PRIMER_GROW_EMBEDDING], from->embedding, error));
    FORWARD(plain(&of[MODEL_INNER], &maps[PRIMER_GROW_FEED_FORWARD], from->feed_forward, error));
    FORWARD(product(&of[MODEL_QUERIES], heads, turned, from->heads, k, error));
    FORWARD(product(&of[MODEL_KEYS], kv_heads, turned, from->kv_heads, k, error));
    FORWARD(product(&axes->values, kv_heads, still, from->kv_heads, k, error));
    FORWARD(product(&axes->attended, heads, still, from->heads, k, error));
    FORWARD(pairs(&of[MODEL_PAIRS], summary, error));
    FORWARD(fused(axes, error));
    if (method == TRAIN_GROW_SPREAD && summary->to.head_dimensions != k)
        return query_factors(axes, summary, error);
    return PRIMER_OK;
}

static void release(struct train_grow_axis *axis)
{
    memory_free(axis->sources);
    memory_free(axis->repeats);
    memory_free(axis->copies);
    memory_free(axis->factors);
    *axis = (struct train_grow_axis){0};
}

void train_grow_axis_free(struct train_grow_axes *axes)
{
    for (size_t i = 0; i < MODEL_EXTENTS; i++)
        release(&axes->of[i]);
    release(&axes->values);
    release(&axes->attended);
}

const struct train_grow_axis *train_grow_axis_rows(const struct train_grow_axes *axes,
                                                   const struct model_part *part)
{
    return part->role == MODEL_VALUE ? &axes->values : &axes->of[part->rows];
}

const struct train_grow_axis *train_grow_axis_columns(const struct train_grow_axes *axes,
                                                      const struct model_part *part)
{
    return part->role == MODEL_ATTENTION_OUTPUT ? &axes->attended : &axes->of[part->columns];
}
