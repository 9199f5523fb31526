/*
 * The reference on tiny models made here: what llama.cpp computes for the same files, and what must
 * hold between two computations whatever the weights are.
 */
#include "tiny_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reference/reference.h"
#include "reference/reference_math.h"

enum { COUNT = 48 };

static const tiny_model phi = {
    .architecture = "phi2", .layers = 2, .heads = 4, .key_heads = 4, .rotary = 8};
static const tiny_model llama = {
    .architecture = "llama", .layers = 2, .heads = 8, .key_heads = 2, .rotary = 8};
static const float factors[8] = {1, 1, 1.5F, 2, 4, 8, 8, 8};

/* Writes a model to a temporary file and opens it; false with the reference's message. */
static bool try_open(const tiny_model *tiny, reference_model **model, reference_error *error)
{
    char path[] = "/tmp/tiny-model-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_true(tiny_model_write(tiny, path));
    const bool opened = reference_open(path, model, error);
    unlink(path);
    return opened;
}

static void fill_ids(uint32_t *ids)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        ids[i] = (i * i * 7 + i * 13 + 5) % TINY_VOCABULARY;
    }
}

/* Log-probabilities [n][TINY_VOCABULARY] of the first n ids; the caller frees them. */
static double *evaluate_ids(const tiny_model *tiny, const reference_self_extend *extend,
                            const uint32_t *ids, size_t n)
{
    reference_model *model = NULL;
    reference_error error = {""};
    double *rows = calloc(n, TINY_VOCABULARY * sizeof *rows);
    assert_non_null(rows);
    if (!try_open(tiny, &model, &error) ||
        !reference_evaluate(model, extend, ids, n, rows, &error)) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(reference_vocabulary(model), TINY_VOCABULARY);
    reference_log_softmax(rows, n, TINY_VOCABULARY);
    reference_free(model);
    return rows;
}

static double *evaluate(const tiny_model *tiny, const reference_self_extend *extend, size_t n)
{
    uint32_t ids[COUNT];
    fill_ids(ids);
    return evaluate_ids(tiny, extend, ids, n);
}

/* The largest difference between two rows; 0 means the same bits, as all of them are finite. */
static double distance(const double *a, const double *b)
{
    double largest = 0;
    for (size_t v = 0; v < TINY_VOCABULARY; v++) {
        assert_true(isfinite(a[v]) && isfinite(b[v]));
        largest = fmax(largest, fabs(a[v] - b[v]));
    }
    return largest;
}

static const double *row(const double *rows, size_t t)
{
    return rows + t * TINY_VOCABULARY;
}

/* The rows in which two computations of n tokens differ: the first, or n if none does. */
static size_t first_difference(const double *a, const double *b, size_t n)
{
    size_t t = 0;
    while (t < n && distance(row(a, t), row(b, t)) == 0) {
        t++;
    }
    return t;
}

/* Compares two computations and frees them. */
static size_t compare(double *a, double *b, size_t n)
{
    const size_t t = first_difference(a, b, n);
    free(a);
    free(b);
    return t;
}

/*
 * What llama.cpp (node-llama-cpp 3.22.1; no flash attention, keys and values in f32) says after the
 * 48th id: its four most probable tokens and their log-probabilities. It computes in f32, and looks
 * Phi's gelu up in a table of f16, which is what the tolerances leave room for.
 */
static void agrees_with_llama(const tiny_model *tiny, const uint32_t *ids, const double *expected,
                              double tolerance)
{
    double *rows = evaluate(tiny, NULL, COUNT);
    const double *last = row(rows, COUNT - 1);
    for (size_t i = 0; i < 4; i++) {
        size_t above = 0;
        for (size_t v = 0; v < TINY_VOCABULARY; v++) {
            above += last[v] > last[ids[i]];
        }
        assert_int_equal(above, i);
        if (!(fabs(last[ids[i]] - expected[i]) <= tolerance)) {
            fail_msg("token %u: %.6f, expected %.6f", ids[i], last[ids[i]], expected[i]);
        }
    }
    free(rows);
}

static void phi2_agrees_with_llama_cpp(void **state)
{
    (void)state;
    agrees_with_llama(&phi, (const uint32_t[]){235, 151, 4, 182},
                      (const double[]){-2.385088, -2.669654, -2.750762, -3.107967}, 1e-3);
}

static void llama_agrees_with_llama_cpp(void **state)
{
    (void)state;
    agrees_with_llama(&llama, (const uint32_t[]){154, 164, 125, 6},
                      (const double[]){-1.973953, -2.197331, -2.255109, -2.597659}, 2e-5);
}

static void frequency_factors_agree_with_llama_cpp(void **state)
{
    (void)state;
    tiny_model tiny = llama;
    tiny.heads = 4;
    tiny.rotary = 16;
    tiny.factors = factors;
    tiny.own_head = true;
    agrees_with_llama(&tiny, (const uint32_t[]){192, 45, 88, 244},
                      (const double[]){-2.522959, -3.170202, -3.275151, -3.401958}, 2e-5);
}

static void linear_scaling_and_biases_agree_with_llama_cpp(void **state)
{
    (void)state;
    tiny_model tiny = llama;
    tiny.stretch = 4;
    tiny.biased = true;
    agrees_with_llama(&tiny, (const uint32_t[]){112, 138, 276, 24},
                      (const double[]){-1.696548, -3.290471, -3.347507, -3.566824}, 2e-5);
}

/* A token's row has nothing of the tokens after it. */
static void looks_back_only(void **state)
{
    (void)state;
    assert_int_equal(compare(evaluate(&phi, NULL, COUNT), evaluate(&phi, NULL, 20), 20), 20);
    assert_int_equal(compare(evaluate(&llama, NULL, COUNT), evaluate(&llama, NULL, 20), 20), 20);
}

/* One tensor of queries, keys and values is the same as three; with shared keys too. */
static void fused_is_split(void **state)
{
    (void)state;
    tiny_model split = phi;
    split.key_heads = 2;
    tiny_model fused = split;
    fused.fused = true;
    assert_int_equal(compare(evaluate(&fused, NULL, COUNT), evaluate(&split, NULL, COUNT), COUNT),
                     COUNT);
}

static void tied_head_is_the_embedding(void **state)
{
    (void)state;
    tiny_model own = llama;
    own.own_head = true;
    assert_int_equal(compare(evaluate(&own, NULL, COUNT), evaluate(&llama, NULL, COUNT), COUNT),
                     COUNT);
}

/* Stretching positions by 2 is dividing every frequency by 2; the first token has no past. */
static void stretching_divides_frequencies(void **state)
{
    static const float twos[4] = {2, 2, 2, 2};
    (void)state;
    tiny_model stretched = llama;
    stretched.stretch = 2;
    tiny_model divided = llama;
    divided.factors = twos;
    assert_int_equal(
        compare(evaluate(&stretched, NULL, COUNT), evaluate(&divided, NULL, COUNT), COUNT), COUNT);
    assert_int_equal(
        compare(evaluate(&stretched, NULL, COUNT), evaluate(&llama, NULL, COUNT), COUNT), 1);
}

/* A key is seen while i - j < window: the first token to miss one is the window's length. */
static void window_hides_far_keys(void **state)
{
    (void)state;
    tiny_model sliding = llama;
    sliding.window = 7;
    assert_int_equal(compare(evaluate(&sliding, NULL, COUNT), evaluate(&llama, NULL, COUNT), COUNT),
                     7);
}

/* With a window of 1 a token sees itself alone, wherever it stands. */
static void window_of_one_sees_one(void **state)
{
    (void)state;
    uint32_t ids[COUNT];
    tiny_model sliding = llama;
    sliding.window = 1;
    fill_ids(ids);
    double *rows = evaluate(&sliding, NULL, COUNT);
    for (size_t t = 0; t < COUNT; t += 5) {
        double *alone = evaluate_ids(&sliding, NULL, &ids[t], 1);
        assert_true(distance(row(rows, t), alone) < 1e-11);
        free(alone);
    }
    free(rows);
}

static void check_extend(const tiny_model *tiny, size_t group, size_t window, size_t first)
{
    const reference_self_extend extend = {.group = group, .window = window};
    const size_t t = compare(evaluate(tiny, &extend, COUNT), evaluate(tiny, NULL, COUNT), COUNT);
    if (t != first) {
        fail_msg("%s, G=%zu W=%zu: token %zu is the first to differ from plain attention, "
                 "expected %zu",
                 tiny->architecture, group, window, t, first);
    }
}

/*
 * Self-Extend is plain attention for texts no longer than W, and for any text with G = 1. At G = 2
 * query 4 is the first to see a far key of W = 4, at a distance of 4 / 2 + 4 - 4 / 2 = 4, as
 * before; query 5 sees key 0 at 4 instead of 5. Where W is no multiple of G the shift is rounded
 * down.
 */
static void self_extend_begins_at_the_window(void **state)
{
    (void)state;
    const tiny_model *const families[] = {&phi, &llama};
    for (size_t f = 0; f < 2; f++) {
        check_extend(families[f], 4, COUNT, COUNT);
        check_extend(families[f], 1, 8, COUNT);
        check_extend(families[f], 2, 4, 5);
        check_extend(families[f], 3, 5, 6);
        check_extend(families[f], 4, 16, 17);
        check_extend(families[f], 8, 16, 17);
    }
}

/*
 * With W = 1 and G at least the text's length all keys but a query's own are at a distance of 1:
 * for a single layer the order of the past is lost, which plain attention would not lose.
 */
static void grouped_keys_share_a_position(void **state)
{
    (void)state;
    const tiny_model *const families[] = {&phi, &llama};
    const reference_self_extend extend = {.group = COUNT, .window = 1};
    for (size_t f = 0; f < 2; f++) {
        tiny_model shallow = *families[f];
        shallow.layers = 1;
        uint32_t ids[COUNT];
        uint32_t turned[COUNT];
        fill_ids(ids);
        for (size_t i = 0; i < COUNT; i++) {
            turned[i] = i + 1 < COUNT ? ids[COUNT - 2 - i] : ids[i];
        }
        double *a = evaluate_ids(&shallow, &extend, ids, COUNT);
        double *b = evaluate_ids(&shallow, &extend, turned, COUNT);
        assert_true(distance(row(a, COUNT - 1), row(b, COUNT - 1)) < 1e-11);
        free(a);
        free(b);
        a = evaluate_ids(&shallow, NULL, ids, COUNT);
        b = evaluate_ids(&shallow, NULL, turned, COUNT);
        assert_true(distance(row(a, COUNT - 1), row(b, COUNT - 1)) > 1e-3);
        free(a);
        free(b);
    }
}

/* The probabilities after every token add up to one. */
static void rows_are_distributions(void **state)
{
    (void)state;
    double *rows = evaluate(&phi, NULL, COUNT);
    for (size_t t = 0; t < COUNT; t++) {
        double sum = 0;
        for (size_t v = 0; v < TINY_VOCABULARY; v++) {
            sum += exp(row(rows, t)[v]);
        }
        assert_true(fabs(sum - 1) < 1e-12);
    }
    free(rows);
}

/*
 * The tanh form of the gelu, not the error function's, which is 0.8413 at 1: a difference too small
 * to show beside the table of f16 that llama.cpp reads.
 */
static void gelu_is_the_tanh_form(void **state)
{
    (void)state;
    double x[] = {1, -0.5, 3, 0};
    const double expected[] = {0.8411919906082768, -0.15428599017485606, 2.996362607918227, 0};
    reference_math_gelu(x, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(x[i] - expected[i]) < 1e-14);
    }
}

static void expect_message(const tiny_model *tiny, const char *part)
{
    reference_model *model = NULL;
    reference_error error = {""};
    assert_false(try_open(tiny, &model, &error));
    assert_null(model);
    if (strstr(error.message, part) == NULL) {
        fail_msg("'%s' doesn't say '%s'", error.message, part);
    }
}

static void refusals_name_the_tensor(void **state)
{
    (void)state;
    tiny_model tiny = phi;
    tiny.without = "blk.1.ffn_up.bias";
    expect_message(&tiny, "tensor blk.1.ffn_up.bias is missing");
    tiny = llama;
    tiny.misshapen = "blk.0.ffn_gate.weight";
    expect_message(&tiny, "tensor blk.0.ffn_gate.weight is [97][64], expected [96][64]");
    tiny = llama;
    tiny.architecture = "gpt2";
    expect_message(&tiny, "general.architecture");
}

static void unknown_ids_are_refused(void **state)
{
    (void)state;
    reference_model *model = NULL;
    reference_error error = {""};
    static double rows[2 * TINY_VOCABULARY];
    assert_true(try_open(&llama, &model, &error));
    assert_int_equal(reference_context(model), 256);
    assert_false(
        reference_evaluate(model, NULL, (const uint32_t[]){1, TINY_VOCABULARY}, 2, rows, &error));
    assert_non_null(strstr(error.message, "token 1 is 288"));
    reference_free(model);
}

/* A file cut short anywhere is refused; nothing behind its end is read (the sanitizers watch). */
static void cut_files_are_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/tiny-model-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_true(tiny_model_write(&llama, path));
    const off_t size = lseek(file, 0, SEEK_END);
    assert_true(size > 100000);
    for (off_t length = size - 1; length > 0;
         length = length > 9000 ? length - 7919 : length - 97) {
        reference_model *model = NULL;
        reference_error error = {""};
        assert_int_equal(ftruncate(file, length), 0);
        assert_false(reference_open(path, &model, &error));
        assert_non_null(strstr(error.message, path));
    }
    close(file);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phi2_agrees_with_llama_cpp),
        cmocka_unit_test(llama_agrees_with_llama_cpp),
        cmocka_unit_test(frequency_factors_agree_with_llama_cpp),
        cmocka_unit_test(linear_scaling_and_biases_agree_with_llama_cpp),
        cmocka_unit_test(looks_back_only),
        cmocka_unit_test(fused_is_split),
        cmocka_unit_test(tied_head_is_the_embedding),
        cmocka_unit_test(stretching_divides_frequencies),
        cmocka_unit_test(window_hides_far_keys),
        cmocka_unit_test(window_of_one_sees_one),
        cmocka_unit_test(self_extend_begins_at_the_window),
        cmocka_unit_test(grouped_keys_share_a_position),
        cmocka_unit_test(rows_are_distributions),
        cmocka_unit_test(gelu_is_the_tanh_form),
        cmocka_unit_test(refusals_name_the_tensor),
        cmocka_unit_test(unknown_ids_are_refused),
        cmocka_unit_test(cut_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
