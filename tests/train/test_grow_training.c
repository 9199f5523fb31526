/* test_grow_training.c - grown models under the trainer: a clone has the loss of what it was made
 * of, copies of a clone with noise are taught different things, and without it the same. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train_fixture.h"

#include "format/gguf.h"
#include "primer_train.h"
#include "tools/model_maker.h"

enum { WIDTH = 64, HEADS = 4, ROWS = 2, LENGTH = 16 };

static char small_path[64], large_path[64];

static int make_names(void **state)
{
    (void)state;
    snprintf(small_path, sizeof small_path, "/tmp/primer-grow-%ld-small.gguf", (long)getpid());
    snprintf(large_path, sizeof large_path, "/tmp/primer-grow-%ld-large.gguf", (long)getpid());
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(small_path);
    unlink(large_path);
    return 0;
}

static void make_small(const char *architecture, bool tied)
{
    const struct model_maker_options options = {.architecture = architecture,
                                                .dimension = WIDTH,
                                                .heads = HEADS,
                                                .kv_heads = tied ? 2 : HEADS,
                                                .ffn = 96,
                                                .tied = tied,
                                                .split_qkv = !tied};
    must(model_maker_write(&options, small_path, error));
}

static void load(struct train_model *model, const char *path)
{
    struct gguf *gguf = NULL;
    must(gguf_open(&gguf, path, error));
    must(train_model_load(model, gguf, error));
    gguf_free(gguf);
}

/* The mean loss; gradients [model->floats] where asked for. */
static double taught(const struct train_model *model, float *gradients)
{
    struct train_fixture_batch batch;
    struct train_pass *pass = NULL;
    struct pool *pool = NULL;
    struct train_result result = {0};
    const struct train_pass_options options = {.rows = ROWS, .length = LENGTH};
    train_fixture_batch(&batch, model->shape.vocabulary, ROWS, LENGTH);
    must(pool_create(&pool, 1, error));
    must(train_pass_create(&pass, &model->shape, &options, pool, error));
    if (gradients != NULL)
        must(train_pass_backward(pass, model, &batch.batch, 1.0F / (ROWS * LENGTH), 0, NULL,
                                 gradients, &result, error));
    else
        must(train_pass_loss(pass, model, &batch.batch, &result, error));
    train_pass_free(pass);
    pool_free(pool);
    train_fixture_batch_free(&batch);
    return result.loss / result.weight;
}

static void test_clones_have_the_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct train_model small = {0}, large = {0};
        make_small(i == 0 ? "phi2" : "llama", i == 1);
        const primer_grow_options options = {
            .method = "clone", .embedding = 2 * WIDTH, .layers = 3, .noise = 0.2};
        must(primer_grow(small_path, &options, large_path, NULL, error));
        load(&small, small_path);
        load(&large, large_path);
        const double before = taught(&small, NULL), after = taught(&large, NULL);
        if (!(fabs(before - after) < 2e-6 * before))
            fail_msg("loss %.9g became %.9g", before, after);
        train_model_free(&small);
        train_model_free(&large);
    }
}

/* How far the gradient of a matrix's second half of rows is from that of the first, whose copies
 * they are. */
static double apart(const primer_grow_options *options, const char *name)
{
    struct train_model model = {0};
    must(primer_grow(small_path, options, large_path, NULL, error));
    load(&model, large_path);
    float *gradients = calloc(model.floats, sizeof *gradients);
    assert_non_null(gradients);
    taught(&model, gradients);
    const struct train_tensor *tensor = train_model_tensor(&model, name);
    assert_non_null(tensor);
    const size_t half = tensor->rows / 2 * tensor->columns;
    const double distance =
        train_fixture_distance(gradients + tensor->offset + half, gradients + tensor->offset, half);
    free(gradients);
    train_model_free(&model);
    return distance;
}

static void test_noise_breaks_symmetry(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"blk.0.attn_q.weight", "blk.0.attn_v.weight",
                                        "blk.1.ffn_up.weight", "blk.0.ffn_down.weight"};
    make_small("phi2", false);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        primer_grow_options options = {.method = "clone", .embedding = 2 * WIDTH};
        const double equal = apart(&options, NAMES[i]);
        options.noise = 0.2;
        const double noisy = apart(&options, NAMES[i]);
        const primer_grow_options tile = {
            .embedding = 2 * WIDTH, .heads = 2 * HEADS, .feed_forward = 192, .method = "tile"};
        const double tiled = apart(&tile, NAMES[i]);
        print_message("%-22s clone %.2g, with noise %.2g; tile %.2g\n", NAMES[i], equal, noisy,
                      tiled);
        assert_true(equal < 1e-4 && tiled < 1e-4);
        assert_true(noisy > 0.02);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clones_have_the_loss),
        cmocka_unit_test(test_noise_breaks_symmetry),
    };
    return cmocka_run_group_tests(tests, make_names, remove_files);
}
