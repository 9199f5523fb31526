/* Adapters that are wrong: each is refused with one line that names file, tensor, found, expected. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapter_maker.h"
#include "format/gguf.h"

static const struct model_maker_options split = {.architecture = "phi2",
                                                 .type = "F32",
                                                 .split_qkv = true},
                                        fused = {.architecture = "phi2", .type = "F32"},
                                        llama = {
                                            .architecture = "llama", .type = "F32", .kv_heads = 2};

static primer_adapter *open_adapter(primer_model *model, const char *path)
{
    primer_adapter *adapter = NULL;
    must(primer_adapter_open(model, path, &adapter, error));
    return adapter;
}

static void assert_refused(primer_model *model, const char *path, primer_status status,
                           const char *part)
{
    primer_adapter *adapter = NULL;
    primer_error error = {0};
    assert_int_equal(primer_adapter_open(model, path, &adapter, &error), status);
    assert_null(adapter);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
}

static void wrong_files(void **state)
{
    (void)state;
    struct model_maker_options wide = llama, deep = llama;
    wide.dimension = 512;
    deep.layers = 3;
    primer_model *model = NULL;
    char path[512]; /* the fixture's paths last for a few calls */
    snprintf(path, sizeof path, "%s", fixture_model(&llama, 0));
    must(primer_model_open(path, NULL, &model, error));
    adapter_maker_write(fixture_model(&wide, 1), fixture_path("w.gguf"), 4, 8, 1, NULL, false);
    assert_refused(model, fixture_path("w.gguf"), PRIMER_EFORMAT,
                   "blk.0.attn_q.weight.lora_a has shape [512, 4], expected [256, 4]");
    wide = llama;
    wide.ffn = 640;
    adapter_maker_write(fixture_model(&wide, 1), fixture_path("w.gguf"), 4, 8, 1, "ffn_up", false);
    assert_refused(model, fixture_path("w.gguf"), PRIMER_EFORMAT,
                   "blk.0.ffn_up.weight.lora_b has shape [4, 640], expected [4, 512]");
    adapter_maker_write(fixture_model(&deep, 1), fixture_path("w.gguf"), 4, 8, 1, NULL, false);
    assert_refused(model, fixture_path("w.gguf"), PRIMER_EUNSUPPORTED, "blk.2.attn_q.weight");
    adapter_maker_write(fixture_model(&split, 1), fixture_path("w.gguf"), 4, 8, 1, NULL, false);
    assert_refused(model, fixture_path("w.gguf"), PRIMER_EFORMAT, "\"phi2\", expected \"llama\"");
    assert_refused(model, path, PRIMER_EFORMAT, "not an adapter");
    assert_refused(model, fixture_path("absent.gguf"), PRIMER_EIO, "absent.gguf");
    primer_model_free(model);
}

/* An adapter in llama.cpp's form, as told: one pair of matrices, and what else there may be. */
struct told {
    float alpha; /* NAN: no such key */
    const char *type, *key;
    const char *names[4];
    size_t columns[4], rows[4], count;
    float value; /* of every weight */
};

static const struct told well = {
    .alpha = 8,
    .type = "lora",
    .names = {"blk.1.ffn_up.weight.lora_a", "blk.1.ffn_up.weight.lora_b"},
    .columns = {256, 4},
    .rows = {4, 512},
    .count = 2,
    .value = 0.25F};

static const char *write_told(const struct told *told)
{
    static float values[4 * 512];
    const char *path = fixture_path("told.gguf");
    struct gguf_writer *writer = NULL;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = told->value;
    must(gguf_writer_create(&writer, path, error));
    must(gguf_write_string(writer, "general.type", "adapter", error));
    must(gguf_write_string(writer, "general.architecture", "llama", error));
    must(gguf_write_string(writer, "adapter.type", told->type, error));
    if (!isnan(told->alpha))
        must(gguf_write_f32(writer, "adapter.lora.alpha", told->alpha, error));
    if (told->key != NULL)
        must(gguf_write_string(writer, told->key, "1", error));
    for (size_t i = 0; i < told->count; i++) {
        const size_t shape[] = {told->columns[i], told->rows[i]};
        must(gguf_declare_tensor(writer, told->names[i], 2, shape, quant_format_of(QUANT_F32),
                                 error));
    }
    for (size_t i = 0; i < told->count; i++)
        must(gguf_write_data(writer, values, told->columns[i] * told->rows[i] * sizeof *values,
                             error));
    must(gguf_writer_finish(writer, error));
    gguf_writer_free(writer);
    return path;
}

/* One thing wrong at a time. */
static void wrong_contents(void **state)
{
    (void)state;
    primer_model *model = NULL;
    struct told told = well;
    must(primer_model_open(fixture_model(&llama, 0), NULL, &model, error));
    primer_adapter_free(open_adapter(model, write_told(&well)));
    told.value = NAN;
    assert_refused(model, write_told(&told), PRIMER_ENUMERIC,
                   "blk.1.ffn_up.weight.lora_a: value 0 is nan");
    told.value = -INFINITY;
    assert_refused(model, write_told(&told), PRIMER_ENUMERIC, "value 0 is -inf");
    told = well;
    told.type = "alora";
    assert_refused(model, write_told(&told), PRIMER_EFORMAT, "adapter.type is \"alora\"");
    told = well;
    told.key = "adapter.alora.invocation_tokens";
    assert_refused(model, write_told(&told), PRIMER_EUNSUPPORTED, "invocation_tokens");
    told = well;
    told.count = 1;
    assert_refused(model, write_told(&told), PRIMER_EFORMAT,
                   "blk.1.ffn_up.weight.lora_b is missing");
    told.names[0] = "blk.1.ffn_up.weight.lora_b";
    assert_refused(model, write_told(&told), PRIMER_EFORMAT,
                   "blk.1.ffn_up.weight.lora_a is missing");
    told.names[0] = "blk.1.attn_norm.weight";
    assert_refused(model, write_told(&told), PRIMER_EUNSUPPORTED, "neither a .lora_a nor");
    told.count = 0;
    assert_refused(model, write_told(&told), PRIMER_EFORMAT, "no tensor in the adapter");
    told = well;
    told.columns[1] = 3;
    assert_refused(model, write_told(&told), PRIMER_EFORMAT,
                   "lora_b has shape [3, 512], expected [4, rows], the rank of lora_a");
    told = well;
    told.alpha = 3e38F;
    primer_adapter_free(open_adapter(model, write_told(&told))); /* finite still */
    static const char *const others[] = {"token_embd.weight", "output.weight",
                                         "blk.0.ffn_xy.weight", "blk.00.ffn_up.weight",
                                         "blk.0.attn_norm.weight"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char a[64], b[64];
        told = well;
        snprintf(a, sizeof a, "%s.lora_a", others[i]);
        snprintf(b, sizeof b, "%s.lora_b", others[i]);
        told.names[0] = a;
        told.names[1] = b;
        assert_refused(model, write_told(&told), PRIMER_EUNSUPPORTED, others[i]);
    }
    primer_model_free(model);
}

/* Without alpha, or with one of 0, B (A x) counts as it is. */
static void alpha_may_be_missing(void **state)
{
    (void)state;
    static const float alphas[] = {NAN, 0, 2, -6};
    static const double factors[] = {1, 1, 0.5, -1.5}; /* of rank 4 */
    struct gguf *gguf = NULL;
    struct model *model = NULL;
    must(gguf_open(&gguf, fixture_model(&llama, 0), error));
    must(model_create(&model, gguf, error));
    for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++) {
        struct told told = well;
        struct adapter_data data = {0};
        told.alpha = alphas[i];
        must(adapter_read(&data, model, write_told(&told), error));
        assert_int_equal(data.count, 1);
        assert_true(data.tensors[0].factor == factors[i]);
        adapter_data_free(&data);
    }
    model_free(model);
    gguf_free(gguf);
}

/* A fused matrix and one of its parts; and a file that ends anywhere. */
static void twice_and_torn(void **state)
{
    (void)state;
    const char *path = fixture_model(&fused, 0);
    struct adapter_data data;
    struct open_file {
        char bytes[4096];
        size_t size;
    } file;
    primer_model *model = NULL;
    must(primer_model_open(path, NULL, &model, error));
    adapter_maker_fill(&data, path, 4, 4, 9, "attn_qkv", false);
    must(adapter_data_put(&data, 1, MODEL_KEY, 4, 256, 256, 1, data.tensors[0].a, data.tensors[0].b,
                          error));
    must(adapter_write_gguf(&data, fixture_path("twice.gguf"), NULL, error));
    assert_refused(model, fixture_path("twice.gguf"), PRIMER_EFORMAT,
                   "another tensor adds to already");
    adapter_data_free(&data);
    adapter_maker_write(path, fixture_path("whole.gguf"), 1, 1, 3, "blk.0.attn_output", false);
    FILE *in = fopen(fixture_path("whole.gguf"), "rb");
    file.size = fread(file.bytes, 1, sizeof file.bytes, in);
    fclose(in);
    assert_in_range(file.size, 1024, sizeof file.bytes - 1);
    for (size_t size = 0; size < file.size; size += size < 600 ? 7 : 331) {
        FILE *out = fopen(fixture_path("torn.gguf"), "wb");
        fwrite(file.bytes, 1, size, out);
        fclose(out);
        assert_refused(model, fixture_path("torn.gguf"), PRIMER_EFORMAT, "torn.gguf");
    }
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(wrong_contents),
        cmocka_unit_test(alpha_may_be_missing),
        cmocka_unit_test(twice_and_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
