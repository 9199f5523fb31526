/* test_grown.c - grown models in the engine: clones give the logits of what they were made of, and
 * every method gives a file that runs. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "primer_train.h"

static const char *made(struct model_maker_options options)
{
    if (options.dimension == 0)
        options.dimension = 64;
    if (options.heads == 0)
        options.heads = 4;
    if (options.ffn == 0)
        options.ffn = 96;
    return fixture_model(&options, 0);
}

static const char *grown(const char *small, primer_grow_options options)
{
    const char *path = fixture_path("large.gguf");
    options.threads = 1;
    must(primer_grow(small, &options, path, NULL, error));
    return path;
}

enum { TOKENS = 48, EVERY = 12 };

/* Logits after 12, 24, 36, 48 tokens; the caller frees. */
static float *logits_of(const char *path, size_t *count)
{
    primer_error error = {0};
    primer_model *model = NULL;
    primer_session *session = NULL;
    int32_t ids[TOKENS];
    const primer_model_options how = {.threads = 1, .no_prefix_cache = true};
    const primer_session_options options = {.context = 64, .kv_format = PRIMER_KV_F32};
    if (primer_model_open(path, &how, &model, &error) != PRIMER_OK ||
        primer_session_create(model, &options, &session, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    const size_t vocabulary = primer_model_info(model)->vocabulary;
    float *logits = malloc(TOKENS / EVERY * vocabulary * sizeof *logits);
    assert_non_null(logits);
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)((i * i * 31 + i * 7 + 5) % vocabulary);
    for (size_t i = 0; i < TOKENS / EVERY; i++) {
        if (primer_session_sync(session, ids, (i + 1) * EVERY, NULL, NULL, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        memcpy(logits + i * vocabulary, primer_session_logits(session),
               vocabulary * sizeof *logits);
    }
    *count = TOKENS / EVERY * vocabulary;
    primer_session_free(session);
    primer_model_free(model);
    return logits;
}

/* The largest difference of logits, as a part of their deviation. */
static double difference(const char *a, const char *b)
{
    size_t count = 0, other = 0;
    float *x = logits_of(a, &count), *y = logits_of(b, &other);
    double most = 0, sum = 0, squares = 0;
    assert_int_equal(count, other);
    for (size_t i = 0; i < count; i++) {
        const double apart = fabs((double)x[i] - (double)y[i]);
        most = apart > most ? apart : most;
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    free(x);
    free(y);
    const double mean = sum / (double)count;
    return most / sqrt(squares / (double)count - mean * mean);
}

/* ---- clones ---- */

static const struct {
    const char *what;
    struct model_maker_options small;
    primer_grow_options large;
} CLONES[] = {
    {"phi2 width 2", {.split_qkv = true}, {.embedding = 128}},
    {"phi2 width 3", {.split_qkv = true}, {.embedding = 192}},
    {"phi2 depth", {.split_qkv = true}, {.layers = 5}},
    {"phi2 fused, width 2, depth", {.layers = 3}, {.embedding = 128, .layers = 4}},
    {"phi2 width 3, depth, noise",
     {.split_qkv = true},
     {.embedding = 192, .layers = 3, .noise = 0.3, .seed = 5}},
    {"phi2 fused, width 2, noise", {.rotary = 8}, {.embedding = 128, .noise = 0.3}},
    {"phi2 feed-forward alone, noise", {.layers = 2}, {.feed_forward = 250, .noise = 0.3}},
    {"llama width 2", {.architecture = "llama"}, {.embedding = 128}},
    {"llama grouped, width 3, depth, noise",
     {.architecture = "llama", .kv_heads = 2},
     {.embedding = 192, .layers = 4, .noise = 0.3}},
    {"llama grouped, more heads to a key",
     {.architecture = "llama", .kv_heads = 2},
     {.embedding = 128, .heads = 8, .kv_heads = 2, .noise = 0.1}},
    {"llama grouped, fewer heads to a key",
     {.architecture = "llama", .kv_heads = 1},
     {.embedding = 128, .heads = 8, .kv_heads = 4, .noise = 0.1}},
    {"llama, heads copied unequally often",
     {.architecture = "llama", .kv_heads = 2},
     {.embedding = 128, .heads = 6, .noise = 0.1}},
    {"llama tied, width 3, depth, noise",
     {.architecture = "llama", .tied = true},
     {.embedding = 192, .layers = 3, .noise = 0.3}},
    {"llama biases, factors, width 2, noise",
     {.architecture = "llama", .bias = true, .rope = "factors", .kv_heads = 2},
     {.embedding = 128, .noise = 0.3}},
    {"phi2 spread, heads of 16 -> 32, noise", /* exact: the embedding's factor is whole */
     {.rotary = 8, .layers = 3},
     {.method = "spread", .embedding = 128, .layers = 4, .noise = 0.3}},
    {"phi2 spread, split, heads of 16 -> 20 alone",
     {.rotary = 8, .split_qkv = true},
     {.method = "spread", .embedding = 64, .head_dimensions = 20, .noise = 0.3}},
    {"llama long heads, window",
     {.architecture = "llama", .head_dimension = 32, .window = 16},
     {.embedding = 128, .layers = 3, .noise = 0.3}},
};

static void test_clones_compute_the_same(void **state)
{
    (void)state;
    double most = 0;
    for (size_t i = 0; i < sizeof CLONES / sizeof *CLONES; i++) {
        const char *small = made(CLONES[i].small);
        primer_grow_options options = CLONES[i].large;
        if (options.method == NULL)
            options.method = "clone";
        const char *large = grown(small, options);
        const double apart = difference(small, large);
        print_message("%-40s %.2g\n", CLONES[i].what, apart);
        /* A layer deeper is the same sums. */
        const bool wider = options.embedding != 0 || options.feed_forward != 0;
        if (!(wider ? apart < 1e-5 : apart == 0.0))
            fail_msg("%s: logits differ by %g of their deviation", CLONES[i].what, apart);
        most = apart > most ? apart : most;
        unlink(small);
        unlink(large);
    }
    assert_true(most > 0); /* something was compared */
}

/* Every architecture and method gives a file that the engine runs. */
static void test_methods_run(void **state)
{
    (void)state;
    static const struct model_maker_options MODELS[] = {
        {.split_qkv = true},
        {.architecture = "llama", .kv_heads = 2, .tied = true},
        {.architecture = "llama", .bias = true, .rope = "factors"},
    };
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++)
        for (size_t m = 0; m < 2; m++) {
            const char *small = made(MODELS[i]);
            const primer_grow_options options = {.layers = 3,
                                                 .embedding = 96,
                                                 .feed_forward = 100,
                                                 .method = m == 0 ? "tile" : "reuse"};
            const char *large = grown(small, options);
            size_t count = 0;
            free(logits_of(large, &count));
            assert_true(difference(small, large) > 0.1); /* not the function */
            unlink(small);
            unlink(large);
        }
}

/* Phi-1.5 to Phi-2 in small: 4 heads of 16 -> 20; what a quarter of the embedding's copies does to
 * the norms is small beside what tiles without division do. */
static void test_spread_is_near(void **state)
{
    (void)state;
    static const struct model_maker_options MODELS[] = {
        {.rotary = 8}, {.architecture = "llama", .kv_heads = 2, .tied = true}};
    for (size_t i = 0; i < 2; i++) {
        const char *small = made(MODELS[i]);
        primer_grow_options options = {
            .layers = 3, .embedding = 80, .feed_forward = 120, .method = "spread", .noise = 0.3};
        const double spread = difference(small, grown(small, options));
        options.noise = 0;
        options.method = "tile";
        const double tile = difference(small, grown(small, options));
        print_message("spread %.2g, tile %.2g\n", spread, tile);
        assert_true(spread > 1e-3 && tile > 2 * spread);
        assert_true(i == 1 || spread < 0.6); /* llama: every pair has another angle too */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clones_compute_the_same),
        cmocka_unit_test(test_methods_run),
        cmocka_unit_test(test_spread_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
