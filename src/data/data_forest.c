/* data_forest.c - growing trees and asking them. Declared in data_forest.h.
 *
 * A tree is grown from a list of sample numbers that is parted in place, as in quicksort:
 *
 *   | samples of node 1: left ones   | right ones                | samples of node 2 ...
 *     begin                            middle                 end
 */
#include "data/data_forest.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"

#define LEAF     2
#define SMALLEST 1e-9 /* impurity that is one, and not a rounding */
#define DEEPEST  40   /* questions in a row: a node that deep is a leaf */

struct pair {
    float value;
    unsigned char label;
};

struct split {
    size_t feature;
    float threshold;
    double impurity; /* times the samples */
};

struct growing {
    const struct data_table *table;
    struct random random;
    size_t leaf, tried; /* features tried at a node */
    size_t *samples;    /* row numbers */
    size_t *features;   /* a permutation of all columns, shuffled further at each node */
    struct pair *pairs; /* of one node and one feature */
    struct data_forest_tree *tree;
};

struct job {
    struct data_forest *forest;
    const struct data_table *table;
    const size_t *rows;
    size_t count, leaf;
    uint64_t seed;
    primer_status *results; /* a tree's */
};

static int compare_pairs(const void *a, const void *b)
{
    const float x = ((const struct pair *)a)->value, y = ((const struct pair *)b)->value;
    return (x > y) - (x < y);
}

/* Gini impurity times the samples: 2 * p * (1 - p) * n. */
static double impurity_of(double labelled, double count)
{
    return 2 * labelled * (count - labelled) / count;
}

/* A number that parts the two, a < b, and is the same on every machine. */
static float between(float a, float b)
{
    const float middle = a + (b - a) / 2;
    return middle < b ? middle : a;
}

static void try_feature(struct growing *growing, size_t feature, size_t begin, size_t end,
                        struct split *best)
{
    const struct data_table *const table = growing->table;
    const size_t count = end - begin;
    double all = 0, left = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t row = growing->samples[begin + i];
        growing->pairs[i] =
            (struct pair){table->values[row * table->stride + feature], table->labels[row]};
        all += table->labels[row];
    }
    qsort(growing->pairs, count, sizeof *growing->pairs, compare_pairs);
    for (size_t i = 1; i < count; i++) {
        left += growing->pairs[i - 1].label;
        if (growing->pairs[i - 1].value >= growing->pairs[i].value || i < growing->leaf ||
            count - i < growing->leaf)
            continue;
        const double impurity =
            impurity_of(left, (double)i) + impurity_of(all - left, (double)(count - i));
        if (impurity < best->impurity)
            *best = (struct split){
                feature, between(growing->pairs[i - 1].value, growing->pairs[i].value), impurity};
    }
}

/* The best of some features drawn at random; false: none makes the node purer. */
static bool find_split(struct growing *growing, size_t begin, size_t end, double impurity,
                       struct split *best)
{
    const size_t width = growing->table->width;
    *best = (struct split){.impurity = impurity - SMALLEST};
    const double before = best->impurity;
    for (size_t i = 0; i < width && (i < growing->tried || best->impurity >= before); i++) {
        const size_t other = i + (size_t)random_below(&growing->random, width - i);
        const size_t feature = growing->features[other];
        growing->features[other] = growing->features[i];
        growing->features[i] = feature;
        try_feature(growing, feature, begin, end, best);
    }
    return best->impurity < before;
}

/* Samples that answer yes come first; how many. */
static size_t part(struct growing *growing, size_t begin, size_t end, const struct split *split)
{
    const struct data_table *const table = growing->table;
    size_t middle = begin;
    for (size_t i = begin; i < end; i++) {
        const size_t row = growing->samples[i];
        if (table->values[row * table->stride + split->feature] > split->threshold)
            continue;
        growing->samples[i] = growing->samples[middle];
        growing->samples[middle++] = row;
    }
    return middle;
}

/* Returns the node's number. There is room: a tree of n leaves has 2 n - 1 nodes. */
static int32_t grow_node(struct growing *growing, size_t begin, size_t end, size_t depth)
{
    struct data_forest_tree *const tree = growing->tree;
    const size_t node = tree->count++;
    struct split split;
    double labelled = 0;
    for (size_t i = begin; i < end; i++)
        labelled += growing->table->labels[growing->samples[i]];
    const double count = (double)(end - begin), impurity = impurity_of(labelled, count);
    tree->nodes[node] = (struct data_forest_node){-1, 0, 0, (float)(labelled / count)};
    if (depth == DEEPEST || impurity < SMALLEST || end - begin < 2 * growing->leaf ||
        !find_split(growing, begin, end, impurity, &split))
        return (int32_t)node;
    const size_t middle = part(growing, begin, end, &split);
    const int32_t left = grow_node(growing, begin, middle, depth + 1);
    const int32_t right = grow_node(growing, middle, end, depth + 1);
    tree->nodes[node] =
        (struct data_forest_node){(int32_t)split.feature, left, right, split.threshold};
    return (int32_t)node;
}

static size_t root_of(size_t width)
{
    size_t root = 1;
    while ((root + 1) * (root + 1) <= width)
        root++;
    return root;
}

static void grow_tree(void *context, size_t task, size_t thread)
{
    struct job *const job = context;
    const size_t width = job->table->width;
    struct data_forest_tree *const tree = &job->forest->trees[task];
    struct growing growing = {
        .table = job->table, .leaf = job->leaf, .tried = root_of(width), .tree = tree};
    (void)thread;
    random_seed(&growing.random, hash_bytes(&task, sizeof task, job->seed));
    growing.samples = memory_allocate(job->count, sizeof *growing.samples);
    growing.features = memory_allocate(width, sizeof *growing.features);
    growing.pairs = memory_allocate(job->count, sizeof *growing.pairs);
    tree->nodes = memory_allocate(2 * job->count, sizeof *tree->nodes);
    if (growing.samples == NULL || growing.features == NULL || growing.pairs == NULL ||
        tree->nodes == NULL) {
        job->results[task] = PRIMER_ENOMEM;
    } else {
        for (size_t i = 0; i < job->count; i++)
            growing.samples[i] = job->rows[random_below(&growing.random, job->count)];
        for (size_t i = 0; i < width; i++)
            growing.features[i] = i;
        grow_node(&growing, 0, job->count, 0);
    }
    memory_free(growing.samples);
    memory_free(growing.features);
    memory_free(growing.pairs);
}

primer_status data_forest_grow(struct data_forest *forest, const struct data_table *table,
                               const size_t *rows, size_t count,
                               const struct data_forest_options *options, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *forest = (struct data_forest){
        .count = options->trees == 0 ? DATA_FOREST_TREES : options->trees, .width = table->width};
    if (count == 0 || count > INT32_MAX / 2 || table->width == 0 || table->width > INT32_MAX)
        return error_set(error, PRIMER_EINVAL, "a forest: found %zu samples of %zu numbers", count,
                         table->width);
    struct job job = {.forest = forest,
                      .table = table,
                      .rows = rows,
                      .count = count,
                      .leaf = options->leaf == 0 ? LEAF : options->leaf,
                      .seed = options->seed};
    forest->trees = memory_allocate(forest->count, sizeof *forest->trees);
    job.results = memory_allocate(forest->count, sizeof *job.results);
    if (forest->trees == NULL || job.results == NULL)
        status = memory_failure(error, "trees", forest->count * sizeof *forest->trees);
    else
        pool_run(options->pool, grow_tree, &job, forest->count);
    for (size_t i = 0; status == PRIMER_OK && i < forest->count; i++)
        if (job.results[i] != PRIMER_OK)
            status = memory_failure(error, "a tree", count * sizeof(struct data_forest_node));
    memory_free(job.results);
    if (status != PRIMER_OK)
        data_forest_free(forest);
    return status;
}

void data_forest_free(struct data_forest *forest)
{
    for (size_t i = 0; forest->trees != NULL && i < forest->count; i++)
        memory_free(forest->trees[i].nodes);
    memory_free(forest->trees);
    *forest = (struct data_forest){0};
}

double data_forest_score(const struct data_forest *forest, const float *x)
{
    double sum = 0;
    for (size_t i = 0; i < forest->count; i++) {
        const struct data_forest_node *const nodes = forest->trees[i].nodes;
        const struct data_forest_node *node = nodes;
        while (node->feature >= 0)
            node = &nodes[x[node->feature] <= node->threshold ? node->left : node->right];
        sum += (double)node->threshold;
    }
    return sum / (double)forest->count;
}

primer_status data_forest_check(const struct data_forest *forest, primer_error *error)
{
    for (size_t i = 0; i < forest->count; i++) {
        const struct data_forest_tree *const tree = &forest->trees[i];
        if (tree->count == 0)
            return error_set(error, PRIMER_EFORMAT, "tree %zu has no node", i);
        for (size_t n = 0; n < tree->count; n++) {
            const struct data_forest_node *const node = &tree->nodes[n];
            const bool leaf = node->feature == -1;
            const bool good =
                isfinite(node->threshold) &&
                (leaf || (node->feature >= 0 && (size_t)node->feature < forest->width &&
                          node->left > (int64_t)n && (size_t)node->left < tree->count &&
                          node->right > (int64_t)n && (size_t)node->right < tree->count));
            if (!good)
                return error_set(error, PRIMER_EFORMAT,
                                 "tree %zu, node %zu: found feature %d, left %d, right %d, "
                                 "expected less than %zu features and nodes behind it, less than "
                                 "%zu",
                                 i, n, node->feature, node->left, node->right, forest->width,
                                 tree->count);
        }
    }
    return PRIMER_OK;
}
