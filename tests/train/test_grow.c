/* test_grow.c - a grown model's file: what is copied where, noise that depends on the seed alone,
 * metadata, and what is refused. The arithmetic: test_grow_map.c; that clones compute the same:
 * tests/engine/test_grown.c and test_grow_training.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "format/gguf.h"
#include "primer_train.h"
#include "tools/model_maker.h"

/* ---- files ---- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/primer-grow-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* every test removes its files */
}

static const char *path_in(const char *name)
{
    static char paths[64][128];
    static size_t next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *made(struct model_maker_options options)
{
    primer_error error = {0};
    const char *path = path_in("small.gguf");
    if (options.dimension == 0)
        options.dimension = 64;
    if (options.heads == 0)
        options.heads = 4;
    if (options.ffn == 0)
        options.ffn = 96;
    if (model_maker_write(&options, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return path;
}

static const char *grown(const char *small, primer_grow_options options, const char *name)
{
    primer_error error = {0};
    const char *path = path_in(name);
    if (primer_grow(small, &options, path, NULL, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return path;
}

static struct gguf *opened(const char *path)
{
    struct gguf *gguf = NULL;
    primer_error error = {0};
    if (gguf_open(&gguf, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return gguf;
}

static float *decoded(const struct gguf *gguf, const char *name)
{
    const struct gguf_tensor *tensor = gguf_tensor_named(gguf, name);
    if (tensor == NULL)
        fail_msg("no tensor %s", name);
    const size_t count = tensor->shape[0] * tensor->shape[1];
    float *weights = malloc(count * sizeof *weights);
    assert_non_null(weights);
    tensor->format->decode(tensor->data, weights, count);
    return weights;
}

/* ---- what is where ---- */

/* The copies of a clone with noise aren't the same numbers. */
static void test_clone_copies_differ(void **state)
{
    (void)state;
    const char *small = made((struct model_maker_options){.split_qkv = true});
    const char *large =
        grown(small, (primer_grow_options){.method = "clone", .embedding = 128, .noise = 0.3},
              "large.gguf");
    struct gguf *gguf = opened(large);
    float *w = decoded(gguf, "blk.1.attn_q.weight");
    size_t equal = 0;
    for (size_t r = 0; r < 64; r++)
        for (size_t c = 0; c < 64; c++)
            equal +=
                w[r * 128 + c] == w[r * 128 + c + 64] || w[r * 128 + c] == w[(r + 64) * 128 + c];
    assert_in_range(equal, 0, 4);
    free(w);
    gguf_free(gguf);
    unlink(small);
    unlink(large);
}

/* By the formulas, not by the maps: Phi-1.5 to Phi-2 in small, 4 heads of 16 -> 20, of which 8
 * turn. Row r of queries (part 0), keys (1) or values (2) copies this one of the same. */
static size_t head_row(size_t part, size_t r)
{
    const size_t t = r % 20, still = t < 16 ? t : t - 16, turned = t < 16 ? t : t - 8;
    return r / 20 * 16 + (part < 2 ? turned : still);
}

/* Parts that stand in one tensor from row, or place, part * 80 on (64 in the source). */
static void check_projection(const struct gguf *from, const struct gguf *to, const char *stem,
                             size_t layer, size_t source, size_t first, size_t parts)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", source, stem);
    float *x = decoded(from, name);
    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, stem);
    float *y = decoded(to, name);
    snprintf(name, sizeof name, "blk.%zu.%s.bias", source, stem);
    float *a = decoded(from, name);
    snprintf(name, sizeof name, "blk.%zu.%s.bias", layer, stem);
    float *b = decoded(to, name);
    for (size_t r = 0; r < parts * 80; r++) {
        const size_t copied = r / 80 * 64 + head_row(first + r / 80, r % 80);
        assert_true(b[r] == a[copied]);
        for (size_t c = 0; c < 80; c++)
            assert_true(y[r * 80 + c] == x[copied * 64 + c % 64]);
    }
    free(x);
    free(y);
    free(a);
    free(b);
}

static void check_tile(bool split)
{
    const char *small =
        made((struct model_maker_options){.layers = 3, .rotary = 8, .split_qkv = split});
    const primer_grow_options options = {
        .layers = 4, .embedding = 80, .feed_forward = 120, .method = "tile"};
    const char *large = grown(small, options, "large.gguf");
    struct gguf *from = opened(small), *to = opened(large);
    static const size_t LAYERS[4] = {0, 1, 2, 2}; /* i * 0.75, halves up */
    for (size_t layer = 0; layer < 4; layer++) {
        char name[64];
        if (split) {
            check_projection(from, to, "attn_q", layer, LAYERS[layer], 0, 1);
            check_projection(from, to, "attn_k", layer, LAYERS[layer], 1, 1);
            check_projection(from, to, "attn_v", layer, LAYERS[layer], 2, 1);
        } else {
            check_projection(from, to, "attn_qkv", layer, LAYERS[layer], 0, 3);
        }
        snprintf(name, sizeof name, "blk.%zu.attn_output.weight", LAYERS[layer]);
        float *x = decoded(from, name);
        snprintf(name, sizeof name, "blk.%zu.attn_output.weight", layer);
        float *y = decoded(to, name);
        for (size_t r = 0; r < 80; r++)
            for (size_t c = 0; c < 80; c++)
                assert_true(y[r * 80 + c] == x[r % 64 * 64 + head_row(2, c)]);
        free(x);
        free(y);
    }
    float *x = decoded(from, "blk.2.ffn_down.weight"), *y = decoded(to, "blk.3.ffn_down.weight");
    for (size_t r = 0; r < 80; r++)
        for (size_t c = 0; c < 120; c++)
            assert_true(y[r * 120 + c] == x[r % 64 * 96 + c % 96]);
    free(x);
    free(y);
    gguf_free(from);
    gguf_free(to);
    unlink(small);
    unlink(large);
}

static void test_tile_file(void **state)
{
    (void)state;
    check_tile(false);
    check_tile(true);
}

/* ---- the file ---- */

static char *contents(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

static bool same_bytes(const char *a, const char *b)
{
    size_t x_length = 0, y_length = 0;
    char *x = contents(a, &x_length), *y = contents(b, &y_length);
    const bool same = x_length == y_length && memcmp(x, y, x_length) == 0;
    free(x);
    free(y);
    return same;
}

static void test_same_bytes(void **state)
{
    (void)state;
    const char *small = made((struct model_maker_options){.split_qkv = true});
    static const char *const METHODS[] = {"tile", "reuse", "clone"};
    for (size_t i = 0; i < 3; i++) {
        primer_grow_options options = {.method = METHODS[i],
                                       .layers = 3,
                                       .embedding = 128,
                                       .noise = i == 1 ? 0 : 0.1,
                                       .seed = 3,
                                       .threads = 1};
        const char *first = grown(small, options, "first.gguf");
        options.threads = 3;
        const char *second = grown(small, options, "second.gguf");
        options.seed = 4;
        const char *third = grown(small, options, "third.gguf");
        assert_true(same_bytes(first, second));
        assert_false(same_bytes(first, third));
        if (i != 1) { /* without noise nothing is drawn */
            options.noise = 0;
            first = grown(small, options, "first.gguf");
            options.seed = 3;
            second = grown(small, options, "second.gguf");
            assert_true(same_bytes(first, second));
        }
        unlink(first);
        unlink(second);
        unlink(third);
    }
    unlink(small);
}

static void check_key(const struct gguf *gguf, const char *key, uint64_t expected)
{
    uint64_t value = 0;
    primer_error error = {0};
    if (gguf_require_u64(gguf, key, &value, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    if (value != expected)
        fail_msg("%s: found %llu, expected %llu", key, (unsigned long long)value,
                 (unsigned long long)expected);
}

static void test_metadata(void **state)
{
    (void)state;
    const char *small = made((struct model_maker_options){.architecture = "llama", .kv_heads = 2});
    primer_grow_summary summary = {0};
    primer_error error = {0};
    const char *large = path_in("large.gguf");
    const primer_grow_options options = {
        .method = "clone", .layers = 3, .embedding = 128, .output_type = "F16"};
    if (primer_grow(small, &options, large, &summary, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    struct gguf *from = opened(small), *to = opened(large);
    check_key(to, "llama.block_count", 3);
    check_key(to, "llama.embedding_length", 128);
    check_key(to, "llama.feed_forward_length", 192);
    check_key(to, "llama.attention.head_count", 8);
    check_key(to, "llama.attention.head_count_kv", 4);
    check_key(to, "general.file_type", 1);
    assert_int_equal(gguf_tensor_named(to, "blk.2.ffn_up.weight")->format->type, QUANT_F16);
    assert_int_equal(gguf_tensor_named(to, "blk.2.ffn_norm.weight")->format->type, QUANT_F32);
    size_t tokenizer = 0;
    for (size_t i = 0; i < gguf_value_count(from); i++) {
        const struct gguf_value *value = gguf_value_at(from, i);
        char key[128];
        snprintf(key, sizeof key, "%.*s", (int)value->key.length, value->key.bytes);
        if (strncmp(key, "tokenizer.", 10) != 0)
            continue;
        const struct gguf_value *copy = gguf_value_named(to, key);
        tokenizer++;
        assert_non_null(copy);
        assert_int_equal(copy->size, value->size);
        assert_memory_equal(copy->data, value->data, value->size);
    }
    assert_true(tokenizer > 2);
    struct gguf_string name = {NULL, 0};
    assert_int_equal(gguf_require_string(to, "general.name", &name, &error), PRIMER_OK);
    assert_non_null(memmem(name.bytes, name.length, "grown by clone to 3 layers of 128", 33));
    uint64_t parameters = 0;
    for (size_t i = 0; i < gguf_tensor_count(to); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(to, i);
        parameters += t->shape[0] * t->shape[1];
    }
    assert_int_equal(summary.to.parameters, parameters);
    assert_int_equal(summary.maps[PRIMER_GROW_LAYERS].count, 3);
    assert_true(summary.maps[PRIMER_GROW_LAYERS].repeats[2]);
    assert_string_equal(summary.method, "clone");
    primer_grow_summary_free(&summary);
    gguf_free(from);
    gguf_free(to);
    unlink(small);
    unlink(large);
}

/* What was quantized is grown from the numbers that it stands for. */
static void test_quantized_source(void **state)
{
    (void)state;
    const char *small = made((struct model_maker_options){
        .type = "Q4_K", .dimension = 256, .ffn = 512, .split_qkv = true});
    const char *large =
        grown(small, (primer_grow_options){.method = "clone", .layers = 3}, "large.gguf");
    struct gguf *from = opened(small), *to = opened(large);
    assert_int_equal(gguf_tensor_named(from, "blk.0.ffn_up.weight")->format->type, QUANT_Q4_K);
    float *x = decoded(from, "blk.0.ffn_up.weight"), *y = decoded(to, "blk.0.ffn_up.weight");
    for (size_t i = 0; i < (size_t)256 * 512; i++)
        assert_true(x[i] == y[i]);
    free(x);
    free(y);
    gguf_free(from);
    gguf_free(to);
    unlink(small);
    unlink(large);
}

/* ---- what is refused ---- */

static const struct {
    struct model_maker_options small;
    primer_grow_options large;
    primer_status status;
    const char *message;
} REFUSED[] = {
    {{0}, {.layers = 1, .embedding = 128}, PRIMER_EINVAL, "layers: found 1, expected at least 2"},
    {{0}, {.embedding = 32}, PRIMER_EINVAL, "embedding: found 32, expected at least 64"},
    {{0}, {.embedding = 128, .heads = 2}, PRIMER_EINVAL, "heads: found 2, expected at least 4"},
    {{0}, {.feed_forward = 95}, PRIMER_EINVAL, "feed_forward: found 95, expected at least 96"},
    {{0}, {.layers = 5000}, PRIMER_ELIMIT, "layers: found 5000, expected at most 4096"},
    {{0}, {.method = "tile"}, PRIMER_EINVAL, "nothing is larger than in the source"},
    {{0},
     {.method = "clone", .embedding = 96},
     PRIMER_EINVAL,
     "embedding: found 96, expected a multiple of the source's 64"},
    {{0},
     {.method = "clone", .embedding = 128, .head_dimensions = 32},
     PRIMER_EINVAL,
     "head_dimensions: found 32, expected the source's 16"},
    {{0},
     {.method = "clone", .embedding = 128, .rotary_dimensions = 16},
     PRIMER_EINVAL,
     "rotary_dimensions: found 16, expected the source's 8"},
    {{0},
     {.method = "tile", .embedding = 128, .heads = 16},
     PRIMER_EINVAL,
     "heads: found 16, which leaves each 8 dimensions"},
    {{0},
     {.method = "tile", .embedding = 130, .heads = 4},
     PRIMER_EINVAL,
     "embedding: found 130, expected a multiple of heads, 4"},
    {{0},
     {.method = "tile", .embedding = 128, .rotary_dimensions = 30},
     PRIMER_EINVAL,
     "rotary_dimensions: found 30, expected 8 to 24"},
    {{0},
     {.method = "tile", .embedding = 128, .rotary_dimensions = 11},
     PRIMER_EINVAL,
     "rotary_dimensions: found 11, expected an even number"},
    {{.architecture = "llama", .kv_heads = 2},
     {.embedding = 128, .heads = 7},
     PRIMER_EINVAL,
     "heads: found 7, expected a multiple of 2"},
    {{.architecture = "llama", .kv_heads = 2},
     {.embedding = 128, .heads = 8, .kv_heads = 3},
     PRIMER_EINVAL,
     "heads: found 8, expected a multiple of kv_heads, 3"},
    {{.architecture = "llama", .kv_heads = 2},
     {.method = "clone", .embedding = 128, .heads = 4, .kv_heads = 4, .layers = 3},
     PRIMER_OK,
     NULL},
    {{.architecture = "llama", .kv_heads = 1, .heads = 4},
     {.method = "clone", .embedding = 128, .heads = 6, .kv_heads = 3},
     PRIMER_OK,
     NULL},
    {{.architecture = "llama", .kv_heads = 2, .heads = 8},
     {.method = "clone", .embedding = 128, .heads = 9, .kv_heads = 3},
     PRIMER_EINVAL,
     "heads: found 9 over 3 key/value heads, expected at least 4"},
    {{.architecture = "llama", .kv_heads = 2},
     {.embedding = 128, .rotary_dimensions = 16},
     PRIMER_EINVAL,
     "rotary_dimensions: found 16, expected 32 to 32"},
    {{0}, {.method = "clonne", .embedding = 128}, PRIMER_EINVAL, "did you mean clone?"},
    {{0},
     {.method = "widen", .embedding = 128},
     PRIMER_EINVAL,
     "method: found \"widen\", expected tile, reuse, spread or clone"},
    {{0}, {.embedding = 128, .noise = -1}, PRIMER_EINVAL, "noise: found -1"},
    {{0}, {.embedding = 128, .noise = NAN}, PRIMER_EINVAL, "noise: found nan"},
    {{0},
     {.method = "reuse", .embedding = 128, .noise = 0.1},
     PRIMER_EINVAL,
     "noise: found 0.1, expected 0 with method reuse"},
    {{0}, {.embedding = 128, .output_type = "Q4_0"}, PRIMER_EINVAL, "type: found \"Q4_0\""},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        primer_error error = {0};
        const char *small = made(REFUSED[i].small), *large = path_in("large.gguf");
        const primer_status status = primer_grow(small, &REFUSED[i].large, large, NULL, &error);
        if (status != REFUSED[i].status)
            fail_msg("row %zu: status %d, '%s'", i, status, error.message);
        if (REFUSED[i].message != NULL && strstr(error.message, REFUSED[i].message) == NULL)
            fail_msg("row %zu: '%s' lacks '%s'", i, error.message, REFUSED[i].message);
        if (status == PRIMER_OK)
            unlink(large);
        assert_int_not_equal(access(large, F_OK), 0);
        unlink(small);
    }
}

static void test_refused_files(void **state)
{
    (void)state;
    primer_error error = {0};
    const char *small = made((struct model_maker_options){0}), *other = path_in("other.gguf");
    const primer_grow_options options = {.embedding = 128};
    /* The source itself, by another name too. */
    assert_int_equal(primer_grow(small, &options, small, NULL, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "is the input itself"));
    assert_int_equal(link(small, other), 0);
    assert_int_equal(primer_grow(small, &options, other, NULL, &error), PRIMER_EINVAL);
    unlink(other);
    assert_int_equal(primer_grow(path_in("none.gguf"), &options, other, NULL, &error), PRIMER_EIO);
    /* Another architecture. */
    struct gguf_writer *writer = NULL;
    assert_int_equal(gguf_writer_create(&writer, small, &error), PRIMER_OK);
    assert_int_equal(gguf_write_string(writer, "general.architecture", "mamba", &error), PRIMER_OK);
    assert_int_equal(gguf_writer_finish(writer, &error), PRIMER_OK);
    gguf_writer_free(writer);
    assert_int_equal(primer_grow(small, &options, other, NULL, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "mamba"));
    assert_int_not_equal(access(other, F_OK), 0);
    unlink(small);
}

static bool stop_at_half(void *context, uint64_t done, uint64_t all)
{
    *(uint64_t *)context = all;
    return done < all / 2;
}

static void test_stopped(void **state)
{
    (void)state;
    primer_error error = {0};
    uint64_t all = 0;
    const char *small = made((struct model_maker_options){0}), *large = path_in("large.gguf");
    const primer_grow_options options = {
        .embedding = 128, .progress = stop_at_half, .context = &all};
    assert_int_equal(primer_grow(small, &options, large, NULL, &error), PRIMER_ECANCELED);
    assert_true(all > 100000);
    unlink(small); /* remove_folder sees whether more was left */
}

static void test_no_memory(void **state)
{
    (void)state;
    const char *small = made((struct model_maker_options){.layers = 1}),
               *large = path_in("large.gguf");
    const primer_grow_options options = {.embedding = 128, .noise = 0.1, .threads = 2};
    primer_status status = PRIMER_ENOMEM;
    size_t tries = 0;
    for (; status != PRIMER_OK && tries < 1000; tries++) {
        primer_error error = {0};
        memory_fail_at(tries);
        status = primer_grow(small, &options, large, NULL, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK && status != PRIMER_ENOMEM)
            fail_msg("allocation %zu: %s", tries, error.message);
    }
    assert_int_equal(status, PRIMER_OK);
    assert_true(tries > 40);
    unlink(small);
    unlink(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clone_copies_differ), cmocka_unit_test(test_tile_file),
        cmocka_unit_test(test_same_bytes),          cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_quantized_source),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_files),       cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
