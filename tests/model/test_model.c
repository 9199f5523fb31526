/* Binding: whatever is missing, misshapen, of the wrong type or unknown is named before anything is
 * multiplied; and a NaN in the weights is found in the layer where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/engine.h"
#include "format/gguf.h"
#include "tools/model_maker.h"

static char folder[] = "/tmp/primer-model-XXXXXX";
static char source[64], changed[64];

/* What is done to a file on its way through. */
struct change {
    const char *drop_tensor, *rename_tensor, *to_name;
    const char *reshape_tensor; /* its last dimension loses one */
    const char *retype_tensor;  /* becomes F32 where it wasn't, Q8_0 where it was */
    const char *drop_key, *set_key;
    uint32_t set_value;
    const char *set_text; /* instead of set_value */
    const char *poison;   /* a NaN in this tensor's data */
};

static bool is(const struct gguf_string *name, const char *text)
{
    return text != NULL && strlen(text) == name->length &&
           memcmp(text, name->bytes, name->length) == 0;
}

static void copy_keys(const struct gguf *in, struct gguf_writer *out, const struct change *c)
{
    for (size_t i = 0; i < gguf_value_count(in); i++) {
        const struct gguf_value *v = gguf_value_at(in, i);
        if (is(&v->key, c->drop_key) || is(&v->key, c->set_key))
            continue;
        assert_int_equal(gguf_write_value(out, v, NULL), PRIMER_OK);
    }
    if (c->set_text != NULL)
        assert_int_equal(gguf_write_string(out, c->set_key, c->set_text, NULL), PRIMER_OK);
    else if (c->set_key != NULL)
        assert_int_equal(gguf_write_u32(out, c->set_key, c->set_value, NULL), PRIMER_OK);
}

/* The tensor as the changed file declares it. */
static struct gguf_tensor altered(const struct gguf_tensor *t, const struct change *c)
{
    struct gguf_tensor a = *t;
    if (is(&t->name, c->reshape_tensor))
        a.shape[t->dimensions - 1]--;
    if (is(&t->name, c->retype_tensor))
        a.format = quant_format_of(t->format->type == QUANT_F32 ? QUANT_Q8_0 : QUANT_F32);
    size_t count = a.shape[0] * a.shape[1];
    assert_true(quant_bytes(a.format, count, &a.bytes));
    return a;
}

static void change_file(const char *from, const struct change *c)
{
    struct gguf *in = NULL;
    struct gguf_writer *out = NULL;
    assert_int_equal(gguf_open(&in, from, NULL), PRIMER_OK);
    assert_int_equal(gguf_writer_create(&out, changed, NULL), PRIMER_OK);
    copy_keys(in, out, c);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < gguf_tensor_count(in); i++) {
            const struct gguf_tensor *t = gguf_tensor_at(in, i);
            const struct gguf_tensor a = altered(t, c);
            char name[128];
            snprintf(name, sizeof name, "%.*s", (int)t->name.length, t->name.bytes);
            if (is(&t->name, c->drop_tensor))
                continue;
            if (pass == 0) {
                const char *as = is(&t->name, c->rename_tensor) ? c->to_name : name;
                assert_int_equal(
                    gguf_declare_tensor(out, as, a.dimensions, a.shape, a.format, NULL), PRIMER_OK);
                continue;
            }
            unsigned char *bytes = calloc(1, a.bytes > t->bytes ? a.bytes : t->bytes);
            memcpy(bytes, t->data, t->bytes);
            if (is(&t->name, c->poison)) {
                assert_int_equal(t->format->type, QUANT_F32);
                const float nan = NAN;
                memcpy(bytes, &nan, sizeof nan);
            }
            assert_int_equal(gguf_write_data(out, bytes, a.bytes, NULL), PRIMER_OK);
            free(bytes);
        }
    primer_error why = {0};
    if (gguf_writer_finish(out, &why) != PRIMER_OK)
        fail_msg("%s", why.message);
    gguf_writer_free(out);
    gguf_free(in);
}

static void make_source(const struct model_maker_options *options)
{
    primer_error why = {0};
    if (model_maker_write(options, source, &why) != PRIMER_OK)
        fail_msg("%s", why.message);
}

/* Opening the changed file must fail with this status, naming all of these. */
static void refused(const struct change *c, primer_status status, const char *const *says,
                    size_t count)
{
    struct gguf *gguf = NULL;
    struct model *model = NULL;
    primer_error why = {0};
    change_file(source, c);
    assert_int_equal(gguf_open(&gguf, changed, &why), PRIMER_OK);
    const primer_status found = model_create(&model, gguf, &why);
    if (found != status)
        fail_msg("status %d, expected %d: %s", found, status, why.message);
    for (size_t i = 0; i < count; i++)
        if (strstr(why.message, says[i]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.message, says[i]);
    gguf_free(gguf);
}

/* One change to a small model of the architecture, and how it is refused. */
struct refusal {
    const char *architecture;
    struct change change;
    primer_status status;
    const char *says[3];
};

static void each_is_refused(const struct refusal *cases, size_t count)
{
    const char *made = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(made, cases[i].architecture) != 0)
            make_source(&(struct model_maker_options){.architecture = cases[i].architecture,
                                                      .type = "Q8_0"});
        made = cases[i].architecture;
        refused(&cases[i].change, cases[i].status, cases[i].says, 3);
    }
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"phi2",
         {.drop_tensor = "blk.1.ffn_up.weight"},
         PRIMER_EFORMAT,
         {"blk.1.ffn_up.weight", "missing", "phi2"}},
        {"phi2",
         {.drop_tensor = "blk.0.attn_qkv.weight"},
         PRIMER_EFORMAT,
         {"blk.0.attn_q.weight", "missing", ""}},
        {"phi2",
         {.drop_tensor = "blk.1.ffn_down.bias"},
         PRIMER_EFORMAT,
         {"blk.1.ffn_down.bias", "missing", ""}},
        {"phi2", {.drop_tensor = "output_norm.bias"}, PRIMER_EFORMAT, {"output_norm.bias", "", ""}},
        {"llama",
         {.drop_tensor = "blk.0.ffn_norm.weight"},
         PRIMER_EFORMAT,
         {"blk.0.ffn_norm.weight", "missing", "llama"}},
        {"llama",
         {.drop_tensor = "token_embd.weight"},
         PRIMER_EFORMAT,
         {"token_embd.weight", "missing", ""}},
    };
    each_is_refused(cases, sizeof cases / sizeof *cases);
}

static void a_wrong_shape_or_type_is_named(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"phi2",
         {.reshape_tensor = "blk.0.ffn_up.weight"},
         PRIMER_EFORMAT,
         {"blk.0.ffn_up.weight", "[256, 511", "[256, 512]"}},
        {"phi2", {.reshape_tensor = "output.bias"}, PRIMER_EFORMAT, {"output.bias", "511", "512"}},
        {"phi2",
         {.retype_tensor = "blk.0.attn_norm.weight"},
         PRIMER_EFORMAT,
         {"blk.0.attn_norm.weight", "Q8_0", "F32"}},
    };
    each_is_refused(cases, sizeof cases / sizeof *cases);
}

static void a_tensor_without_a_place_is_refused(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"phi2",
         {.rename_tensor = "blk.0.ffn_up.weight", .to_name = "blk.0.ffn_upp.weight"},
         PRIMER_EFORMAT,
         {"blk.0.ffn_up.weight", "", ""}},
        {"llama",
         {.rename_tensor = "output.weight", .to_name = "blk.0.attn_q_norm.weight"},
         PRIMER_EUNSUPPORTED,
         {"blk.0.attn_q_norm.weight", "no place", ""}},
        {"llama",
         {.set_key = "llama.block_count", .set_value = 1},
         PRIMER_EUNSUPPORTED,
         {"blk.1.", "no place", ""}},
    };
    each_is_refused(cases, sizeof cases / sizeof *cases);
}

static void a_number_that_fits_nothing_is_refused(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"llama",
         {.drop_key = "llama.block_count"},
         PRIMER_EFORMAT,
         {"llama.block_count", "missing", ""}},
        {"llama",
         {.set_key = "llama.block_count", .set_value = 3},
         PRIMER_EFORMAT,
         {"blk.2.attn_norm.weight", "missing", ""}},
        {"llama",
         {.set_key = "llama.block_count", .set_value = 4294967295u},
         PRIMER_EFORMAT,
         {"llama.block_count", "4294967295", "4096"}},
        {"llama",
         {.set_key = "llama.attention.head_count", .set_value = 0},
         PRIMER_EFORMAT,
         {"head_count", "0", ""}},
        {"llama",
         {.set_key = "llama.attention.head_count_kv", .set_value = 3},
         PRIMER_EFORMAT,
         {"multiple", "3", ""}},
        {"llama",
         {.set_key = "llama.embedding_length", .set_value = 260},
         PRIMER_EFORMAT,
         {"260", "256", "expected"}},
        {"llama",
         {.set_key = "llama.rope.dimension_count", .set_value = 7},
         PRIMER_EFORMAT,
         {"rope.dimension_count", "7", "even"}},
        {"llama",
         {.drop_key = "general.architecture"},
         PRIMER_EFORMAT,
         {"general.architecture", "", ""}},
    };
    each_is_refused(cases, sizeof cases / sizeof *cases);
}

static void what_is_not_supported_is_said(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"llama",
         {.set_key = "llama.rope.scaling.type", .set_text = "yarn"},
         PRIMER_EUNSUPPORTED,
         {"yarn", "linear", ""}},
        {"llama",
         {.set_key = "llama.expert_count", .set_value = 8},
         PRIMER_EUNSUPPORTED,
         {"expert_count", "8", ""}},
        {"llama",
         {.set_key = "general.architecture", .set_text = "mamba"},
         PRIMER_EUNSUPPORTED,
         {"mamba", "phi2", "llama"}},
    };
    each_is_refused(cases, sizeof cases / sizeof *cases);
}

static void a_nan_is_found_in_its_layer(void **state)
{
    (void)state;
    static const struct {
        const char *tensor, *says;
    } cases[] = {{"blk.1.ffn_down.weight", "layer 1"},
                 {"blk.0.attn_norm.weight", "layer 0"},
                 {"output.weight", "output"},
                 {"output_norm.weight", "final norm"}};
    make_source(&(struct model_maker_options){.architecture = "phi2", .type = "F32"});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        primer_model *model = NULL;
        primer_session *session = NULL;
        primer_error why = {0};
        const int32_t ids[] = {1, 2, 3, 4};
        change_file(source, &(struct change){.poison = cases[i].tensor});
        assert_int_equal(primer_model_open(changed, NULL, &model, &why), PRIMER_OK);
        assert_int_equal(primer_session_create(model, NULL, &session, &why), PRIMER_OK);
        assert_int_equal(primer_session_sync(session, ids, 4, NULL, NULL, &why), PRIMER_ENUMERIC);
        if (strstr(why.message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.message, cases[i].says);
        primer_session_free(session);
        primer_model_free(model);
    }
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(source, sizeof source, "%s/source.gguf", folder);
    snprintf(changed, sizeof changed, "%s/changed.gguf", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(source);
    unlink(changed);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(a_wrong_shape_or_type_is_named),
        cmocka_unit_test(a_tensor_without_a_place_is_refused),
        cmocka_unit_test(a_number_that_fits_nothing_is_refused),
        cmocka_unit_test(what_is_not_supported_is_said),
        cmocka_unit_test(a_nan_is_found_in_its_layer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
