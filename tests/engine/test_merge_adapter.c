/* Adapters made one: what is written does what those given do together; one alone keeps its numbers
 * through both forms. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_maker.h"
#include "convert/merge_adapter.h"
#include "format/gguf.h"

enum { TOKENS = 30 };

static const struct model_maker_options models[] = {
    {.architecture = "phi2", .type = "F32"},
    {.architecture = "phi2", .type = "F32", .split_qkv = true},
    {.architecture = "llama", .type = "F32", .kv_heads = 2},
};
#define MODELS (sizeof models / sizeof *models)

static bool has_tensor(const char *path, const char *name)
{
    struct gguf *gguf = NULL;
    must(gguf_open(&gguf, path, error));
    const bool found = gguf_tensor_named(gguf, name) != NULL;
    gguf_free(gguf);
    return found;
}

/* Two adapters of other ranks and matrices, one of the split ones where the model is fused. */
static void joined_are_both(void **state)
{
    (void)state;
    char path[160], one[160], two[160], out[160];
    snprintf(one, sizeof one, "%s", fixture_path("one.gguf"));
    snprintf(two, sizeof two, "%s", fixture_path("two.gguf"));
    for (size_t m = 0; m < MODELS; m++) {
        size_t vocabulary = 0, matrices = 0, rank = 0;
        snprintf(path, sizeof path, "%s", fixture_model(&models[m], 0));
        adapter_maker_write(path, one, 8, 16, 3, NULL, false);
        adapter_maker_write(path, two, 3, 6, 4, "attn_v attn_k ffn_down", true);
        const struct merge_model_adapter both[] = {{one, 0.75}, {two, -0.5}};
        float *expected = adapter_maker_logits(path, TOKENS, both, 2, &vocabulary);
        float *plain = adapter_maker_logits(path, TOKENS, NULL, 0, &vocabulary);
        for (size_t peft = 0; peft < 2; peft++) {
            snprintf(out, sizeof out, "%s%zu", fixture_path(peft ? "joined" : "joined.gguf"), m);
            must(merge_adapter_write(path, both, 2, out, peft, &matrices, &rank, error));
            assert_int_equal(matrices, 2 * (m == 2 ? 7 : m == 1 || peft ? 6 : 4));
            assert_int_equal(rank, m == 0 && !peft ? 8 + 3 + 3 : 8 + 3);
            if (!peft)
                assert_int_equal(has_tensor(out, "blk.1.attn_qkv.weight.lora_a"), m == 0);
            float *logits = adapter_maker_logits(
                path, TOKENS, &(struct merge_model_adapter){out, 1}, 1, &vocabulary);
            assert_true(adapter_maker_distance(expected, plain, vocabulary) > 0.1);
            if (!(adapter_maker_distance(expected, logits, vocabulary) < 2e-5))
                fail_msg("model %zu, form %zu: %g", m, peft,
                         adapter_maker_distance(expected, logits, vocabulary));
            free(logits);
        }
        free(expected);
        free(plain);
    }
}

/* To PEFT and back: the logits' very bits, with the scale in alpha; a negative scale is in B. */
static void converted_is_the_same(void **state)
{
    (void)state;
    char path[160], one[160], folder[160], back[160];
    snprintf(one, sizeof one, "%s", fixture_path("one.gguf"));
    snprintf(back, sizeof back, "%s", fixture_path("back.gguf"));
    for (size_t m = 0; m < MODELS; m++) {
        size_t vocabulary = 0;
        snprintf(path, sizeof path, "%s", fixture_model(&models[m], 0));
        snprintf(folder, sizeof folder, "%s%zu", fixture_path("folder"), m);
        adapter_maker_write(path, one, 8, 16, 3, NULL, false);
        for (size_t i = 0; i < 2; i++) {
            const struct merge_model_adapter scaled = {one, i == 0 ? 0.5 : -0.5};
            float *expected = adapter_maker_logits(path, TOKENS, &scaled, 1, &vocabulary);
            must(merge_adapter_write(path, &scaled, 1, folder, true, NULL, NULL, error));
            const struct merge_model_adapter there = {folder, 1}, again = {back, 1};
            must(merge_adapter_write(path, &there, 1, back, false, NULL, NULL, error));
            float *logits = adapter_maker_logits(path, TOKENS, &there, 1, &vocabulary);
            float *last = adapter_maker_logits(path, TOKENS, &again, 1, &vocabulary);
            if (memcmp(expected, logits, vocabulary * sizeof *logits) != 0)
                fail_msg("model %zu, scale %g: PEFT changes it", m, scaled.scale);
            /* three A's that were one make a sum of three times as many terms, most of them 0 */
            if (m > 0 ? memcmp(expected, last, vocabulary * sizeof *last) != 0
                      : !(adapter_maker_distance(expected, last, vocabulary) < 1e-5))
                fail_msg("model %zu, scale %g: coming back changes it", m, scaled.scale);
            free(expected);
            free(logits);
            free(last);
        }
    }
}

static void refused(void **state)
{
    (void)state;
    char path[160], adapter[160];
    primer_error error = {0};
    snprintf(path, sizeof path, "%s", fixture_model(&models[2], 0));
    snprintf(adapter, sizeof adapter, "%s", fixture_path("one.gguf"));
    adapter_maker_write(path, adapter, 4, 8, 1, NULL, false);
    const struct merge_model_adapter nothing = {adapter, 0}, wrong = {adapter, NAN};
    assert_int_equal(
        merge_adapter_write(path, &nothing, 1, fixture_path("no.gguf"), false, NULL, NULL, &error),
        PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "the scale of every adapter is 0"));
    assert_int_equal(
        merge_adapter_write(path, &wrong, 1, fixture_path("no.gguf"), false, NULL, NULL, &error),
        PRIMER_EINVAL);
    adapter_maker_write(fixture_model(&models[0], 1), adapter, 4, 8, 1, NULL, false);
    const struct merge_model_adapter other = {adapter, 1};
    assert_int_equal(
        merge_adapter_write(path, &other, 1, fixture_path("no.gguf"), false, NULL, NULL, &error),
        PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "general.architecture"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_are_both),
        cmocka_unit_test(converted_is_the_same),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
