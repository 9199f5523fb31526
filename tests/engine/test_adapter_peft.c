/* Adapters as PEFT keeps them: written and read back to the same bits, the order of rows, what
 * adapter_config.json says, and what is refused. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_maker.h"
#include "format/peft_config.h"
#include "format/safetensors.h"

static const struct model_maker_options models[] = {
    {.architecture = "phi2", .type = "F32", .split_qkv = true},
    {.architecture = "llama", .type = "F32", .kv_heads = 2},
};

static const struct adapter_tensor *tensor_named(const struct adapter_data *data, const char *name)
{
    for (size_t i = 0; i < data->count; i++)
        if (strcmp(data->tensors[i].name, name) == 0)
            return &data->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void assert_equal_data(const struct adapter_data *a, const struct adapter_data *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct adapter_tensor *x = &a->tensors[i], *y = tensor_named(b, x->name);
        assert_int_equal(x->rank, y->rank);
        assert_int_equal(x->rows, y->rows);
        assert_int_equal(x->columns, y->columns);
        assert_true(fabs(x->factor - y->factor) <= 1e-15 * fabs(x->factor));
        assert_memory_equal(x->a, y->a, x->rank * x->columns * sizeof(float));
        assert_memory_equal(x->b, y->b, x->rows * x->rank * sizeof(float));
    }
}

struct open_model {
    struct gguf *gguf;
    struct model *model;
};

static struct open_model open_model(const char *path)
{
    struct open_model open = {0};
    must(gguf_open(&open.gguf, path, error));
    must(model_create(&open.model, open.gguf, error));
    return open;
}

static void close_model(struct open_model *open)
{
    model_free(open->model);
    gguf_free(open->gguf);
}

/* The first tensor, put by its layer and role. */
static void assert_put_is_the_same(const struct adapter_data *data)
{
    struct adapter_data made = *data;
    const struct adapter_tensor *const t = tensor_named(data, "blk.1.attn_k.weight");
    primer_error refused = {0};
    made.tensors = NULL;
    made.count = 0;
    must(adapter_data_put(&made, 1, MODEL_KEY, t->rank, t->rows, t->columns, t->factor, t->a, t->b,
                          error));
    struct adapter_data expected = *data;
    expected.tensors = data->tensors + (t - data->tensors);
    expected.count = 1;
    assert_equal_data(&expected, &made);
    assert_int_equal(adapter_data_put(&made, 0, MODEL_ROLES, 1, 1, 1, 1, t->a, t->b, &refused),
                     PRIMER_EINVAL);
    adapter_data_free(&made);
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2; m++) {
        char path[160], folder[160], name[200];
        struct adapter_data data, read;
        snprintf(path, sizeof path, "%s", fixture_model(&models[m], 0));
        snprintf(folder, sizeof folder, "%s%zu", fixture_path("peft"), m);
        struct open_model open = open_model(path);
        adapter_maker_fill(&data, path, 6, 9, 3, NULL, false);
        assert_put_is_the_same(&data);
        must(adapter_write_gguf(&data, fixture_path("a.gguf"), "a", error));
        must(adapter_read(&read, open.model, fixture_path("a.gguf"), error));
        assert_equal_data(&data, &read);
        adapter_data_free(&read);
        must(adapter_write_peft(&data, folder, "some/model", error));
        must(adapter_read(&read, open.model, folder, error));
        assert_equal_data(&data, &read);
        adapter_data_free(&read);
        snprintf(name, sizeof name, "%s/adapter_model.safetensors", folder);
        must(adapter_read(&read, open.model, name, error));
        assert_equal_data(&data, &read);
        adapter_data_free(&read);
        adapter_data_free(&data);
        close_model(&open);
    }
}

/* Ranks and alphas that differ come back as patterns, or within B for a GGUF. */
static void ranks_and_alphas_differ(void **state)
{
    (void)state;
    char path[160];
    struct adapter_data data, read;
    struct adapter_tensor *t = NULL;
    snprintf(path, sizeof path, "%s", fixture_model(&models[0], 0));
    struct open_model open = open_model(path);
    data = adapter_data_for(open.model);
    static const double factors[] = {0.5, 3};
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%zu.ffn_up.weight", i);
        must(adapter_data_add(&data, name, 2 + i, 512, 256, factors[i], &t, error));
        for (size_t k = 0; k < t->rank * t->columns; k++)
            t->a[k] = (float)k;
        for (size_t k = 0; k < t->rows * t->rank; k++)
            t->b[k] = (float)k + 1;
    }
    must(adapter_write_peft(&data, fixture_path("ranks"), NULL, error));
    must(adapter_read(&read, open.model, fixture_path("ranks"), error));
    assert_equal_data(&data, &read);
    adapter_data_free(&read);
    must(adapter_write_gguf(&data, fixture_path("ranks.gguf"), NULL, error));
    must(adapter_read(&read, open.model, fixture_path("ranks.gguf"), error));
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < read.tensors[i].rows * read.tensors[i].rank; k++) {
            const double wanted = data.tensors[i].factor * (double)data.tensors[i].b[k];
            assert_true(fabs(read.tensors[i].factor * (double)read.tensors[i].b[k] - wanted) <=
                        1e-6 * wanted);
        }
    adapter_data_free(&read);
    adapter_data_free(&data);
    close_model(&open);
}

/* Hugging Face's rows [head][half 0 or 1][i] are rows [head][i][half] of a GGUF. */
static void rows_of_queries_and_keys(void **state)
{
    (void)state;
    char path[160], name[200];
    struct adapter_data data;
    struct safetensors *file = NULL;
    snprintf(path, sizeof path, "%s", fixture_model(&models[1], 0));
    adapter_maker_fill(&data, path, 3, 3, 4, NULL, false);
    must(adapter_write_peft(&data, fixture_path("rows"), NULL, error));
    snprintf(name, sizeof name, "%s/adapter_model.safetensors", fixture_path("rows"));
    must(safetensors_open(&file, name, error));
    static const struct {
        const char *theirs, *ours;
        size_t heads;
    } pairs[] = {{"self_attn.q_proj", "attn_q", 4},
                 {"self_attn.k_proj", "attn_k", 2},
                 {"self_attn.v_proj", "attn_v", 0},
                 {"mlp.down_proj", "ffn_down", 0}};
    for (size_t p = 0; p < 4; p++) {
        char key[160];
        snprintf(key, sizeof key, "base_model.model.model.layers.1.%s.lora_B.weight",
                 pairs[p].theirs);
        const struct safetensors_tensor *b = safetensors_named(file, key);
        assert_non_null(b);
        snprintf(key, sizeof key, "blk.1.%s.weight", pairs[p].ours);
        const struct adapter_tensor *t = tensor_named(&data, key);
        if (pairs[p].heads == 0)
            assert_memory_equal(b->data, t->b, b->bytes);
        for (size_t head = 0; head < pairs[p].heads; head++)
            for (size_t half = 0; half < 2; half++)
                for (size_t i = 0; i < 32; i++)
                    assert_memory_equal(b->data + (head * 64 + half * 32 + i) * 3 * sizeof(float),
                                        t->b + (head * 64 + 2 * i + half) * 3, 3 * sizeof(float));
    }
    safetensors_free(file);
    adapter_data_free(&data);
}

/* A fused matrix is three modules there, which share A; and the names of Phi-2's first code, where
 * it is one. */
static void fused_and_old_names(void **state)
{
    (void)state;
    const struct model_maker_options options = {.architecture = "phi2", .type = "F32"};
    char path[160], name[200];
    struct adapter_data data, read;
    struct safetensors_output old[4];
    snprintf(path, sizeof path, "%s", fixture_model(&options, 0));
    struct open_model open = open_model(path);
    adapter_maker_fill(&data, path, 3, 6, 4, "blk.1.attn_", false);
    assert_int_equal(data.count, 2);
    const struct adapter_tensor *fused = tensor_named(&data, "blk.1.attn_qkv.weight"),
                                *dense = tensor_named(&data, "blk.1.attn_output.weight");
    must(adapter_write_peft(&data, fixture_path("fused"), NULL, error));
    must(adapter_read(&read, open.model, fixture_path("fused"), error));
    assert_int_equal(read.count, 4);
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "blk.1.attn_%c.weight", "qkv"[i]);
        const struct adapter_tensor *t = tensor_named(&read, name);
        assert_int_equal(t->rows, 256);
        assert_memory_equal(t->a, fused->a, 3 * 256 * sizeof(float));
        assert_memory_equal(t->b, fused->b + i * 256 * 3, 256 * 3 * sizeof(float));
        assert_true(t->factor == 2);
    }
    adapter_data_free(&read);
#define OLD(name) "base_model.model.transformer.h.1.mixer." name ".weight"
    old[0] = (struct safetensors_output){OLD("Wqkv.lora_A"), 3, 256, fused->a};
    old[1] = (struct safetensors_output){OLD("Wqkv.lora_B"), 768, 3, fused->b};
    old[2] = (struct safetensors_output){OLD("out_proj.lora_A"), 3, 256, dense->a};
    old[3] = (struct safetensors_output){OLD("out_proj.lora_B"), 256, 3, dense->b};
    snprintf(name, sizeof name, "%s/adapter_model.safetensors", fixture_path("fused"));
    must(safetensors_write(name, old, 4, error));
    must(adapter_read(&read, open.model, fixture_path("fused"), error));
    assert_equal_data(&data, &read);
    adapter_data_free(&read);
    adapter_data_free(&data);
    close_model(&open);
}

static void assert_factor(const char *text, const char *module, size_t rank, double wanted)
{
    struct peft_config *config = NULL;
    double factor = 0;
    must(peft_config_read_text(&config, text, strlen(text), "c", error));
    must(peft_config_factor(config, module, rank, &factor, error));
    if (fabs(factor - wanted) > 1e-12)
        fail_msg("%s of %s: %g, expected %g", module, text, factor, wanted);
    peft_config_free(config);
}

static void factors(void **state)
{
    (void)state;
    static const char patterns[] =
        "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"bias\":\"none\","
        "\"rank_pattern\":{\"fc1\":4,\"layers.1.mlp.fc2\":2},\"alpha_pattern\":{\"mlp.fc1\":12}}";
    assert_factor(patterns, "model.layers.0.mlp.fc1", 4, 3);
    assert_factor(patterns, "model.layers.0.mlp.fc2", 8, 2);
    assert_factor(patterns, "model.layers.1.mlp.fc2", 2, 8);
    assert_factor(patterns, "model.layers.11.mlp.xfc1", 8, 2);
    assert_factor("{\"peft_type\":\"LORA\",\"r\":16,\"lora_alpha\":8,\"use_rslora\":true}", "m", 16,
                  2);
}

static void assert_config_refused(const char *text, primer_status status, const char *part)
{
    struct peft_config *config = NULL;
    primer_error error = {0};
    const primer_status found = peft_config_read_text(&config, text, strlen(text), "c", &error);
    assert_null(config);
    if (found != status || strstr(error.message, part) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.message, part);
}

static void configurations_refused(void **state)
{
    (void)state;
    static const struct {
        const char *more, *part;
    } unsupported[] = {{"\"use_dora\":true", "DoRA"},
                       {"\"bias\":\"all\"", "bias"},
                       {"\"modules_to_save\":[\"lm_head\"]", "modules_to_save"},
                       {"\"fan_in_fan_out\":true", "fan_in_fan_out"},
                       {"\"layer_replication\":[[0,1]]", "layer_replication"},
                       {"\"init_lora_weights\":\"pissa_niter_4\"", "init_lora_weights"},
                       {"\"rank_pattern\":{\"fc[12]\":3}", "rank_pattern"}};
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,%s}",
                 unsupported[i].more);
        assert_config_refused(text, PRIMER_EUNSUPPORTED, unsupported[i].part);
    }
    assert_config_refused("{\"peft_type\":\"IA3\"}", PRIMER_EUNSUPPORTED, "IA3");
    assert_config_refused("{\"peft_type\":\"LORA\",\"r\":0,\"lora_alpha\":1}", PRIMER_EFORMAT,
                          "key r");
    assert_config_refused("{\"peft_type\":\"LORA\",\"r\":2}", PRIMER_EFORMAT, "lora_alpha");
    assert_config_refused(
        "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":1,\"alpha_pattern\":{\"a\":"
        "\"b\"}}",
        PRIMER_EFORMAT, "alpha_pattern");
    assert_config_refused("[1]", PRIMER_EFORMAT, "no JSON object");
    assert_config_refused("{", PRIMER_EFORMAT, "no JSON object");
}

/* Writes a folder with these tensors (F32, zeros) and reads it for the phi2 model. */
static void assert_tensors_refused(const struct safetensors_output *tensors, size_t count,
                                   primer_status status, const char *part)
{
    char path[160], name[200], folder[160];
    struct adapter_data data = {0};
    struct adapter adapter = {0};
    primer_error error_ = {0};
    snprintf(path, sizeof path, "%s", fixture_model(&models[0], 0));
    snprintf(folder, sizeof folder, "%s", fixture_path("refused"));
    struct open_model open = open_model(path);
    struct adapter_data some;
    adapter_maker_fill(&some, path, 2, 2, 4, "ffn_up", false);
    must(adapter_write_peft(&some, folder, NULL, error));
    adapter_data_free(&some);
    snprintf(name, sizeof name, "%s/adapter_model.safetensors", folder);
    must(safetensors_write(name, tensors, count, error));
    primer_status found = adapter_read(&data, open.model, folder, &error_);
    if (found == PRIMER_OK)
        found = adapter_create(&adapter, open.model, &data, folder, &error_);
    if (found != status || strstr(error_.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error_.message, part);
    adapter_data_free(&data);
    close_model(&open);
}

static void tensors_refused(void **state)
{
    (void)state;
    static const float zeros[2 * 1024];
#define KEY(name) "base_model.model.model.layers." name ".weight"
    const struct safetensors_output good[] = {{KEY("0.mlp.fc1.lora_A"), 2, 256, zeros},
                                              {KEY("0.mlp.fc1.lora_B"), 512, 2, zeros}};
    struct safetensors_output t[2];
    assert_tensors_refused(good, 1, PRIMER_EFORMAT, "has no lora_B");
    assert_tensors_refused(good + 1, 1, PRIMER_EFORMAT, "0 tensors lora_A and 1 lora_B");
    memcpy(t, good, sizeof t);
    t[0].rows = 1;
    assert_tensors_refused(t, 2, PRIMER_EFORMAT, "has shape [512, 2], expected [rows, 1]");
    t[1].columns = 1;
    assert_tensors_refused(t, 2, PRIMER_EFORMAT, "rank 1, expected 2");
    memcpy(t, good, sizeof t);
    t[0].columns = 128;
    assert_tensors_refused(t, 2, PRIMER_EFORMAT,
                           "blk.0.ffn_up.weight.lora_a has shape [128, 2], expected [256, 2]");
    memcpy(t, good, sizeof t);
    t[1].rows = 256;
    assert_tensors_refused(t, 2, PRIMER_EFORMAT, "expected [2, 512]");
    static const struct {
        const char *key, *part;
    } unknown[] = {{KEY("0.mlp.gate_proj.lora_A"), "no module of the model"},
                   {KEY("0.mlp.fc1.lora_magnitude_vector"), "DoRA"},
                   {"base_model.model.lm_head.lora_A.weight", "output matrix"},
                   {"base_model.model.model.embed_tokens.lora_embedding_A", "token embedding"},
                   {"base_model.model.lm_head.weight", "output matrix"},
                   {"model.layers.0.mlp.fc1.weight", "no part of a LoRA"}};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const struct safetensors_output one = {unknown[i].key, 2, 256, zeros};
        assert_tensors_refused(&one, 1, PRIMER_EUNSUPPORTED, unknown[i].part);
    }
    memcpy(t, good, sizeof t);
    t[0].name = KEY("2.mlp.fc1.lora_A");
    t[1].name = KEY("2.mlp.fc1.lora_B");
    assert_tensors_refused(t, 2, PRIMER_EUNSUPPORTED, "blk.2.ffn_up.weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(ranks_and_alphas_differ),
        cmocka_unit_test(rows_of_queries_and_keys),
        cmocka_unit_test(fused_and_old_names),
        cmocka_unit_test(factors),
        cmocka_unit_test(configurations_refused),
        cmocka_unit_test(tensors_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
