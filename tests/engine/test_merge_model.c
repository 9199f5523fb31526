/* Merging: the model that is written answers as the adapted one, within the rounding of the type
 * merged into, which is what another model of that type differs by. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_maker.h"
#include "convert/merge_model.h"
#include "format/gguf.h"

enum { TOKENS = 40 };

static const struct model_maker_options models[] = {
    {.architecture = "phi2", .type = "F32"},
    {.architecture = "phi2", .type = "F32", .split_qkv = true},
    {.architecture = "llama", .type = "F32", .kv_heads = 2, .tied = true},
};

/* What rounding alone may do to logits of these models. For the last two the bytes say more: they
 * are those of the F32 model that was merged, quantized. */
static const struct {
    const char *type;
    double most;
} types[] = {{"F32", 2e-5}, {"F16", 2e-3}, {"Q8_0", 0.15}, {"Q4_K", 1}};

static void assert_same_tensors(const char *path, const char *other)
{
    struct gguf *a = NULL, *b = NULL;
    must(gguf_open(&a, path, error));
    must(gguf_open(&b, other, error));
    assert_int_equal(gguf_tensor_count(a), gguf_tensor_count(b));
    for (size_t i = 0; i < gguf_tensor_count(a); i++) {
        assert_int_equal(gguf_tensor_at(a, i)->bytes, gguf_tensor_at(b, i)->bytes);
        assert_memory_equal(gguf_tensor_at(a, i)->data, gguf_tensor_at(b, i)->data,
                            gguf_tensor_at(a, i)->bytes);
    }
    gguf_free(a);
    gguf_free(b);
}

static void merged_is_adapted(void **state)
{
    (void)state;
    char path[160], one[160], two[160], merged[160], first[160];
    snprintf(first, sizeof first, "%s", fixture_path("first.gguf"));
    snprintf(one, sizeof one, "%s", fixture_path("one.gguf"));
    snprintf(two, sizeof two, "%s", fixture_path("two.gguf"));
    snprintf(merged, sizeof merged, "%s", fixture_path("merged.gguf"));
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        size_t vocabulary = 0;
        snprintf(path, sizeof path, "%s", fixture_model(&models[m], 0));
        /* with attn_qkv in the model, one adapter is of the same, the other of the split ones */
        adapter_maker_write(path, one, 8, 16, 3, NULL, false);
        adapter_maker_write(path, two, 3, 6, 4, "attn_output ffn_up", true);
        const struct merge_model_adapter merges[] = {{one, 0.75}, {two, -0.5}};
        float *adapted = adapter_maker_logits(path, TOKENS, merges, 2, &vocabulary);
        float *plain = adapter_maker_logits(path, TOKENS, NULL, 0, &vocabulary);
        assert_true(adapter_maker_distance(adapted, plain, vocabulary) > 0.35);
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            struct quantize_summary summary;
            size_t matrices = 0;
            const struct quantize_options options = {.target = types[t].type, .threads = 2};
            must(merge_model_write(path, merges, 2, t == 0 ? first : merged, &options, &summary,
                                   &matrices, error));
            if (t > 0) {
                must(quantize_file(first, fixture_path("quantized.gguf"), &options, NULL, error));
                assert_same_tensors(merged, fixture_path("quantized.gguf"));
            }
            assert_int_equal(matrices, 2 * (m == 0 ? 4 : m == 1 ? 6 : 7));
            float *logits =
                adapter_maker_logits(t == 0 ? first : merged, TOKENS, NULL, 0, &vocabulary);
            const double found = adapter_maker_distance(adapted, logits, vocabulary);
            if (!(found < types[t].most))
                fail_msg("model %zu, %s: %g, at most %g expected", m, types[t].type, found,
                         types[t].most);
            free(logits);
        }
        free(adapted);
        free(plain);
    }
}

/* The same weights as the slow way gives, up to the last bit but one. */
static void weights(void **state)
{
    (void)state;
    char path[160], adapter[160], fast[160], slow[160];
    struct gguf *a = NULL, *b = NULL;
    snprintf(path, sizeof path, "%s", fixture_model(&models[2], 0));
    snprintf(adapter, sizeof adapter, "%s", fixture_path("one.gguf"));
    snprintf(fast, sizeof fast, "%s", fixture_path("fast.gguf"));
    snprintf(slow, sizeof slow, "%s", fixture_path("slow.gguf"));
    adapter_maker_write(path, adapter, 5, 7, 8, NULL, false);
    adapter_maker_merge(path, adapter, 1.5, slow);
    must(merge_model_write(path, &(struct merge_model_adapter){adapter, 1.5}, 1, fast,
                           &(struct quantize_options){.target = "F32"}, NULL, NULL, error));
    must(gguf_open(&a, fast, error));
    must(gguf_open(&b, slow, error));
    assert_int_equal(gguf_tensor_count(a), gguf_tensor_count(b));
    for (size_t i = 0; i < gguf_tensor_count(a); i++) {
        const struct gguf_tensor *x = gguf_tensor_at(a, i), *y = gguf_tensor_at(b, i);
        const float *left = (const float *)(const void *)x->data,
                    *right = (const float *)(const void *)y->data;
        assert_int_equal(x->bytes, y->bytes);
        for (size_t k = 0; k < x->bytes / sizeof *left; k++)
            if (fabsf(left[k] - right[k]) > 1.2e-7F * fabsf(right[k]))
                fail_msg("tensor %zu, weight %zu: %g and %g", i, k, (double)left[k],
                         (double)right[k]);
    }
    gguf_free(a);
    gguf_free(b);
}

/* A quantized source is decoded, changed and encoded again, also into its own type; what no adapter
 * names keeps its bytes. */
static void quantized_source(void **state)
{
    (void)state;
    const struct model_maker_options options = {
        .architecture = "llama", .type = "Q8_0", .kv_heads = 2};
    char path[160], adapter[160], merged[160];
    struct gguf *a = NULL, *b = NULL;
    size_t same = 0, vocabulary = 0;
    snprintf(path, sizeof path, "%s", fixture_model(&options, 0));
    snprintf(adapter, sizeof adapter, "%s", fixture_path("one.gguf"));
    snprintf(merged, sizeof merged, "%s", fixture_path("merged.gguf"));
    adapter_maker_write(path, adapter, 8, 16, 8, "ffn_up attn_k", false);
    must(merge_model_write(path, &(struct merge_model_adapter){adapter, 1}, 1, merged,
                           &(struct quantize_options){.target = "Q8_0"}, NULL, NULL, error));
    must(gguf_open(&a, path, error));
    must(gguf_open(&b, merged, error));
    for (size_t i = 0; i < gguf_tensor_count(a); i++)
        same += memcmp(gguf_tensor_at(a, i)->data, gguf_tensor_at(b, i)->data,
                       gguf_tensor_at(a, i)->bytes) == 0;
    assert_int_equal(same, gguf_tensor_count(a) - 4);
    gguf_free(a);
    gguf_free(b);
    float *adapted = adapter_maker_logits(path, TOKENS, &(struct merge_model_adapter){adapter, 1},
                                          1, &vocabulary);
    float *plain = adapter_maker_logits(path, TOKENS, NULL, 0, &vocabulary);
    float *logits = adapter_maker_logits(merged, TOKENS, NULL, 0, &vocabulary);
    assert_true(adapter_maker_distance(adapted, logits, vocabulary) < 3e-2);
    assert_true(adapter_maker_distance(adapted, plain, vocabulary) > 0.1);
    free(adapted);
    free(plain);
    free(logits);
}

static void refused(void **state)
{
    (void)state;
    const struct quantize_options options = {.target = "F16"};
    char path[160], adapter[160];
    primer_error error = {0};
    snprintf(path, sizeof path, "%s", fixture_model(&models[2], 0));
    snprintf(adapter, sizeof adapter, "%s", fixture_path("one.gguf"));
    adapter_maker_write(fixture_model(&models[0], 1), adapter, 5, 7, 8, NULL, false);
    assert_int_equal(merge_model_write(path, &(struct merge_model_adapter){adapter, 1}, 1,
                                       fixture_path("no.gguf"), &options, NULL, NULL, &error),
                     PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "general.architecture"));
    adapter_maker_write(path, adapter, 5, 7, 8, NULL, false);
    assert_int_equal(merge_model_write(path, &(struct merge_model_adapter){adapter, NAN}, 1,
                                       fixture_path("no.gguf"), &options, NULL, NULL, &error),
                     PRIMER_EINVAL);
    assert_int_equal(merge_model_write(path, &(struct merge_model_adapter){adapter, 1}, 1, path,
                                       &options, NULL, NULL, &error),
                     PRIMER_EINVAL);
    assert_int_equal(merge_model_write(path, &(struct merge_model_adapter){adapter, 1e9}, 1,
                                       fixture_path("no.gguf"), &options, NULL, NULL, &error),
                     PRIMER_ENUMERIC);
    assert_non_null(strstr(error.message, "too large for F16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_is_adapted),
        cmocka_unit_test(weights),
        cmocka_unit_test(quantized_source),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
