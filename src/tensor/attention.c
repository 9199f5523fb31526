/* attention.c - rotation, the KV cache and softmax attention over its pages.
 *
 * Step 1, a task per token: keys and queries are rotated, queries scaled and laid out by KV head,
 * keys and values encoded into the page that holds the token's position:
 *
 *   rotated   [kv head][row][query head of the group][dimension]
 *   key tile  [dimension][16 keys]: the token is one lane of it
 *
 * Step 2, a task per (sequence, KV head, block of rows): the queries of a block (up to 128: rows x
 * heads of the group, contiguous in `rotated`) go over the pages in order of position; each page's
 * maximum, sum and output are joined to the running ones (docs/NUMERICS.md, Attention). A page some
 * queries don't see (causality, sliding window) is given to the contiguous run that does.
 */
#include "tensor/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/tensor.h"

#define QUERIES 128 /* most queries in a block, unless one row alone has more */

static size_t most_queries(size_t group)
{
    return group > QUERIES ? group : QUERIES;
}

static size_t rounded(size_t count)
{
    return (count + 15) / 16 * 16;
}

/* The scratch of one thread, carved: partial and running results, then the kernel's own. */
struct scratch {
    float *maximum, *sum, *output; /* of one page: [queries], [queries], [queries][dimensions] */
    float *running_m, *running_l, *running_o;
    uint8_t *first, *last, *split; /* [queries] */
    float *kernel;
};

static size_t carve(float *base, size_t dimensions, size_t group, struct scratch *scratch)
{
    const size_t queries = rounded(most_queries(group));
    size_t at = 0;
    struct scratch s;
    memset(&s, 0, sizeof s);
    float **parts[] = {&s.maximum, &s.sum, &s.running_m, &s.running_l};
    for (size_t i = 0; i < 4; i++, at += queries)
        *parts[i] = base + at;
    s.output = base + at;
    at += queries * rounded(dimensions);
    s.running_o = base + at;
    at += queries * rounded(dimensions);
    uint8_t *bytes = (uint8_t *)(base + at);
    s.first = bytes;
    s.last = bytes + queries;
    s.split = bytes + 2 * queries;
    at += rounded(queries * 3 / sizeof(float) + 1);
    s.kernel = base + at;
    *scratch = s;
    return at + rounded(kernel_attention_scratch(dimensions, most_queries(group)));
}

/* Step 1 uses the same memory: angles of three positions, one key, its encoded bytes. */
static size_t store_floats(size_t dimensions)
{
    return 6 * rounded(dimensions) + 3 * rounded(dimensions);
}

size_t attention_scratch(size_t dimensions, size_t group)
{
    struct scratch scratch;
    float base[1];
    const size_t attend = carve(base, dimensions, group, &scratch);
    const size_t store = store_floats(dimensions);
    return attend > store ? attend : store;
}

struct job {
    struct workspace *workspace;
    const struct attention *a;
    size_t rows, group, block_rows;
    float query_scale;
};

static const struct attention_sequence *sequence_of_row(const struct attention *a, size_t row)
{
    const struct attention_sequence *s = a->sequences;
    while (row >= s->first_row + s->tokens)
        s++;
    return s;
}

/* Puts one encoded key into its lane of a tile, and its scales into theirs. */
static void scatter_key(const struct kv_geometry *g, size_t dimensions, size_t slot,
                        const void *encoded, const uint16_t *scales, unsigned char *keys,
                        uint16_t *key_scales)
{
    const size_t tile = slot / KV_TILE_TOKENS, lane = slot % KV_TILE_TOKENS;
    const size_t at = tile * dimensions * KV_TILE_TOKENS + lane;
    const unsigned char *from = encoded;
    if (g->element == 2)
        for (size_t d = 0; d < dimensions; d++)
            memcpy(keys + (at + d * KV_TILE_TOKENS) * 2, from + d * 2, 2);
    else if (g->element == 4)
        for (size_t d = 0; d < dimensions; d++)
            memcpy(keys + (at + d * KV_TILE_TOKENS) * 4, from + d * 4, 4);
    else
        for (size_t d = 0; d < dimensions; d++)
            keys[at + d * KV_TILE_TOKENS] = from[d];
    const size_t blocks = kv_scale_blocks(dimensions);
    if (g->format == QUANT_Q8_0)
        for (size_t b = 0; b < blocks; b++)
            key_scales[(tile * blocks + b) * KV_TILE_TOKENS + lane] = scales[b];
}

/* The angles of one token, and where its encoded key goes meanwhile. */
struct token_angles {
    float *cosine, *sine, *key_cosine, *key_sine, *query_cosine,
        *query_sine; /* key_, query_: grouped */
    float *vector;
    void *encoded;
    uint16_t *scales;
};

static struct token_angles angles_of(const struct job *job, const struct attention_sequence *s,
                                     size_t position, float *base)
{
    const size_t n = rounded(job->a->dimensions);
    struct token_angles t = {base,         base + n,     base + 2 * n,
                             base + 3 * n, base + 4 * n, base + 5 * n,
                             base + 6 * n, base + 7 * n, (uint16_t *)(base + 8 * n)};
    rotary_angles(s->rotary, position, t.cosine, t.sine);
    if (s->rotary->group > 1) {
        rotary_angles(s->rotary, rotary_grouped_key(s->rotary, position), t.key_cosine, t.key_sine);
        rotary_angles(s->rotary, rotary_grouped_query(s->rotary, position), t.query_cosine,
                      t.query_sine);
    }
    return t;
}

static void store_head(const struct job *job, const struct attention_sequence *s, size_t row,
                       size_t head, const struct token_angles *t)
{
    const struct attention *a = job->a;
    const struct kernel *kernel = job->workspace->kernel;
    const struct kv_geometry *g = kv_pool_geometry(s->cache->pool);
    const size_t position = s->start + row - s->first_row, slot = position % KV_PAGE_TOKENS;
    const size_t blocks = kv_scale_blocks(a->dimensions), pairs = s->rotary->pairs;
    const struct kv_parts parts =
        kv_page_parts(g, s->cache->pages[position / KV_PAGE_TOKENS], a->layer, head);
    const float *key = a->key + row * a->kv_stride + head * a->dimensions;
    const float *value = a->value + row * a->kv_stride + head * a->dimensions;

    memcpy(t->vector, key, a->dimensions * sizeof *key);
    kernel->rotate(t->vector, t->cosine, t->sine, pairs, a->interleaved);
    kernel->encode(g->format, t->vector, a->dimensions, t->encoded, t->scales);
    scatter_key(g, a->dimensions, slot, t->encoded, t->scales, parts.keys, parts.key_scales);
    if (s->rotary->group > 1) {
        memcpy(t->vector, key, 2 * pairs * sizeof *key);
        kernel->rotate(t->vector, t->key_cosine, t->key_sine, pairs, a->interleaved);
        kernel->encode(g->format, t->vector, 2 * pairs, t->encoded, t->scales);
        scatter_key(g, 2 * pairs, slot, t->encoded, t->scales, parts.grouped, parts.grouped_scales);
    }
    kernel->encode(g->format, value, a->dimensions,
                   parts.values + slot * a->dimensions * g->element,
                   parts.value_scales + slot * blocks);
}

static void rotate_query(const struct job *job, const struct attention_sequence *s, size_t row,
                         size_t head, const struct token_angles *t)
{
    const struct attention *a = job->a;
    const struct kernel *kernel = job->workspace->kernel;
    const size_t kv_head = head / job->group, pairs = s->rotary->pairs;
    const size_t place = (kv_head * job->rows + row) * job->group + head % job->group;
    const float *query = a->query + row * a->query_stride + head * a->dimensions;
    float *to = a->rotated + place * a->dimensions;
    memcpy(to, query, a->dimensions * sizeof *query);
    kernel->rotate(to, t->cosine, t->sine, pairs, a->interleaved);
    kernel->scale(to, job->query_scale, a->dimensions);
    if (s->rotary->group > 1) {
        float *grouped = a->grouped + place * 2 * pairs;
        memcpy(grouped, query, 2 * pairs * sizeof *query);
        kernel->rotate(grouped, t->query_cosine, t->query_sine, pairs, a->interleaved);
        kernel->scale(grouped, job->query_scale, 2 * pairs);
    }
}

static void store_token(void *context, size_t row, size_t thread)
{
    const struct job *job = context;
    const struct attention *a = job->a;
    const struct attention_sequence *s = sequence_of_row(a, row);
    const struct token_angles t =
        angles_of(job, s, s->start + row - s->first_row, job->workspace->threads[thread].attention);
    for (size_t head = 0; head < a->kv_heads; head++)
        store_head(job, s, row, head, &t);
    for (size_t head = 0; head < a->heads; head++)
        rotate_query(job, s, row, head, &t);
}

/* A block of rows of one sequence and KV head. */
struct block {
    const struct attention_sequence *s;
    size_t head, row, rows; /* row: in the pass */
    size_t first_page;      /* the first that any of them sees */
};

static size_t blocks_of(const struct job *job, const struct attention_sequence *s)
{
    return (s->tokens + job->block_rows - 1) / job->block_rows * job->a->kv_heads;
}

static struct block block_of_task(const struct job *job, size_t task)
{
    const struct attention_sequence *s = job->a->sequences;
    while (task >= blocks_of(job, s)) {
        task -= blocks_of(job, s);
        s++;
    }
    const size_t offset = task / job->a->kv_heads * job->block_rows;
    const size_t left = s->tokens - offset;
    return (struct block){.s = s,
                          .head = task % job->a->kv_heads,
                          .row = s->first_row + offset,
                          .rows = left < job->block_rows ? left : job->block_rows};
}

/* Fills first, last, split of the block's queries for one page; returns the run [*from, *to) that
 * sees it. */
static void visible(const struct job *job, const struct block *b, size_t page_start,
                    struct scratch *scratch, size_t *from, size_t *to)
{
    const size_t group = job->group, window = job->a->window;
    *from = *to = 0;
    for (size_t r = 0; r < b->rows; r++) {
        const size_t position = b->s->start + b->row - b->s->first_row + r;
        const size_t oldest = window != 0 && position + 1 > window ? position + 1 - window : 0;
        const size_t first = oldest > page_start ? oldest - page_start : 0;
        if (position < page_start || first >= KV_PAGE_TOKENS)
            continue;
        const size_t ahead = position + 1 - page_start;
        const size_t reach =
            b->s->rotary->window + page_start; /* keys below position + 1 - W are grouped */
        const size_t split = position + 1 > reach ? position + 1 - reach : 0;
        if (*to == *from)
            *from = r * group;
        for (size_t q = r * group; q < (r + 1) * group; q++) {
            scratch->first[q] = (uint8_t)first;
            scratch->last[q] = (uint8_t)(ahead < KV_PAGE_TOKENS ? ahead : KV_PAGE_TOKENS);
            scratch->split[q] = (uint8_t)(split < KV_PAGE_TOKENS ? split : KV_PAGE_TOKENS);
        }
        *to = (r + 1) * group;
    }
}

/* Where a thread probably reads next: the same head's next page, or the next head's first. */
static const void *keys_ahead(const struct job *job, const struct block *b, size_t page)
{
    const struct attention *a = job->a;
    const struct kv_cache *cache = b->s->cache;
    const bool last = (page + 1) * KV_PAGE_TOKENS >= b->s->start + b->s->tokens;
    const size_t head = last ? b->head + 1 : b->head;
    if (head == a->kv_heads)
        return NULL;
    return kv_page_parts(kv_pool_geometry(cache->pool),
                         cache->pages[last ? b->first_page : page + 1], a->layer, head)
        .keys;
}

static void attend_page(const struct job *job, const struct block *b, size_t page,
                        struct scratch *scratch)
{
    const struct attention *a = job->a;
    const struct kernel *kernel = job->workspace->kernel;
    const struct kv_geometry *g = kv_pool_geometry(b->s->cache->pool);
    const struct kv_parts parts = kv_page_parts(g, b->s->cache->pages[page], a->layer, b->head);
    const bool extended = b->s->rotary->group > 1;
    const size_t rotary = 2 * b->s->rotary->pairs;
    size_t from, to;
    visible(job, b, page * KV_PAGE_TOKENS, scratch, &from, &to);
    if (to == from)
        return;
    const size_t place = (b->head * job->rows + b->row) * job->group + from;
    kernel->attention(&(struct kernel_attention){
        .format = g->format,
        .dimensions = a->dimensions,
        .rotary = rotary,
        .page = {parts.keys, parts.values, parts.key_scales, parts.value_scales,
                 extended ? parts.grouped : NULL, extended ? parts.grouped_scales : NULL},
        .queries = to - from,
        .query = a->rotated + place * a->dimensions,
        .grouped_query = extended ? a->grouped + place * rotary : NULL,
        .first = scratch->first + from,
        .last = scratch->last + from,
        .split = extended ? scratch->split + from : NULL,
        .maximum = scratch->maximum,
        .sum = scratch->sum,
        .output = scratch->output,
        .scratch = scratch->kernel,
        .ahead = keys_ahead(job, b, page),
    });
    for (size_t q = from; q < to; q++)
        kernel->attention_join(a->dimensions, scratch->maximum[q - from], scratch->sum[q - from],
                               scratch->output + (q - from) * a->dimensions, &scratch->running_m[q],
                               &scratch->running_l[q], scratch->running_o + q * a->dimensions);
}

static void attend_block(void *context, size_t task, size_t thread)
{
    const struct job *job = context;
    const struct attention *a = job->a;
    struct block b = block_of_task(job, task);
    const size_t queries = b.rows * job->group;
    const size_t start = b.s->start + b.row - b.s->first_row, end = start + b.rows;
    const size_t oldest = a->window != 0 && start + 1 > a->window ? start + 1 - a->window : 0;
    struct scratch scratch;
    carve(job->workspace->threads[thread].attention, a->dimensions, job->group, &scratch);
    for (size_t q = 0; q < queries; q++) {
        scratch.running_m[q] = -INFINITY;
        scratch.running_l[q] = 0;
    }
    memset(scratch.running_o, 0, queries * a->dimensions * sizeof(float));
    b.first_page = oldest / KV_PAGE_TOKENS;
    for (size_t page = b.first_page; page * KV_PAGE_TOKENS < end; page++)
        attend_page(job, &b, page, &scratch);
    for (size_t q = 0; q < queries; q++) {
        float *out = a->out + (b.row + q / job->group) * a->out_stride +
                     (b.head * job->group + q % job->group) * a->dimensions;
        const float *o = scratch.running_o + q * a->dimensions;
        for (size_t d = 0; d < a->dimensions; d++)
            out[d] = o[d] / scratch.running_l[q];
    }
}

void tensor_attention(struct workspace *workspace, const struct attention *attention)
{
    const struct attention *a = attention;
    struct job job = {.workspace = workspace, .a = a, .group = a->heads / a->kv_heads};
    size_t tasks = 0;
    job.query_scale = (float)(1.0 / sqrt((double)a->dimensions));
    job.block_rows = job.group >= QUERIES ? 1 : QUERIES / job.group;
    for (size_t i = 0; i < a->sequence_count; i++)
        job.rows += a->sequences[i].tokens;
    for (size_t i = 0; i < a->sequence_count; i++)
        tasks += blocks_of(&job, &a->sequences[i]);
    pool_run(workspace->pool, store_token, &job, job.rows);
    pool_run(workspace->pool, attend_block, &job, tasks);
}
