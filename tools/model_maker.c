/* model_maker.c - the list of a model's tensors is made first, then metadata, declarations and data
 * are written from it, so shape and fill of a tensor stand in one line.
 */
#include "model_maker.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "convert/mixes.h"
#include "format/gguf.h"
#include "model_blocks.h"
#include "model_vocabulary.h"

#define LOGIT_DEVIATION 2.5

enum {
    NAME_MOST = 64,
    TENSORS_PER_LAYER = 16,
    TENSORS_BESIDE = 8,
    LAYERS_MOST = 4096,
    CHUNK_WEIGHTS = 1 << 20
};

enum fill { FILL_MATRIX, FILL_NORM, FILL_BIAS, FILL_FACTORS };

struct tensor {
    char name[NAME_MOST];
    size_t dimensions, shape[2];
    enum fill fill;
    double deviation; /* of FILL_MATRIX */
    const struct quant_format *format;
};

struct plan {
    struct model_maker_options o; /* with the defaults filled in */
    bool phi;
    double linear; /* rope scaling factor, 0: none */
    bool factors;
    struct tensor *tensors; /* [capacity] */
    size_t count, capacity;
};

/* ---- options ---- */

static void set_default(size_t *field, size_t value)
{
    if (*field == 0)
        *field = value;
}

static primer_status resolve_rope(struct plan *plan, primer_error *error)
{
    const char *rope = plan->o.rope, *own = plan->phi ? "neox" : "norm";
    if (!rope || strcmp(rope, own) == 0)
        return PRIMER_OK;
    if (strncmp(rope, "linear:", 7) == 0) {
        char *end;
        plan->linear = strtod(rope + 7, &end);
        if (*end != '\0' || !(plan->linear >= 1.0) || !(plan->linear <= 1024.0))
            return error_set(error, PRIMER_EINVAL, "rope '%s': expected linear:F, F from 1 to 1024",
                             rope);
        return PRIMER_OK;
    }
    if (strcmp(rope, "factors") == 0 && !plan->phi) {
        plan->factors = true;
        return PRIMER_OK;
    }
    return error_set(error, PRIMER_EINVAL, "rope '%s' for %s: expected %s, linear:F%s", rope,
                     plan->o.architecture, own, plan->phi ? "" : " or factors");
}

static primer_status check_options(const struct model_maker_options *o, bool phi,
                                   primer_error *error)
{
    if (o->layers > LAYERS_MOST)
        return error_set(error, PRIMER_EINVAL, "%zu layers, at most %d", o->layers, LAYERS_MOST);
    if (o->head_dimension == 0 || o->heads % o->kv_heads != 0)
        return error_set(error, PRIMER_EINVAL, "%zu heads of %zu with %zu of keys and values",
                         o->heads, o->head_dimension, o->kv_heads);
    if (o->rotary == 0 || o->rotary % 2 != 0 || o->rotary > o->head_dimension)
        return error_set(error, PRIMER_EINVAL,
                         "%zu rotary dimensions, expected an even number up to the head's %zu",
                         o->rotary, o->head_dimension);
    if (phi && (o->heads * o->head_dimension != o->dimension || o->window || o->tied))
        return error_set(error, PRIMER_EINVAL,
                         "phi2 has heads * head-dim = dim, its own output matrix, "
                         "and no window");
    if (!phi && o->split_qkv)
        return error_set(error, PRIMER_EINVAL, "llama has no fused QKV to be split");
    return PRIMER_OK;
}

static primer_status resolve(struct plan *plan, primer_error *error)
{
    struct model_maker_options *o = &plan->o;
    if (!o->architecture)
        o->architecture = "phi2";
    plan->phi = strcmp(o->architecture, "phi2") == 0;
    if (!plan->phi && strcmp(o->architecture, "llama") != 0)
        return error_set(error, PRIMER_EINVAL, "architecture '%s', expected phi2 or llama",
                         o->architecture);
    if (!o->type)
        o->type = "F32";
    if (!o->tokenizer)
        o->tokenizer = plan->phi ? "bpe" : "spm";
    set_default(&o->layers, 2);
    set_default(&o->dimension, 256);
    set_default(&o->heads, 4);
    set_default(&o->kv_heads, o->heads);
    set_default(&o->head_dimension, o->dimension / o->heads);
    set_default(&o->ffn, 2 * o->dimension);
    set_default(&o->context, 512);
    set_default(&o->rotary, plan->phi ? o->head_dimension / 4 * 2 : o->head_dimension);
    FORWARD(check_options(o, plan->phi, error));
    FORWARD(resolve_rope(plan, error));
    struct model_vocabulary_options vocabulary = {o->tokenizer, NULL, o->vocabulary, o->seed};
    return model_vocabulary_size(&vocabulary, &o->vocabulary, error);
}

primer_status model_maker_shape(struct model_maker_options *options, const char *name,
                                primer_error *error)
{
    struct model_maker_options *o = options;
    if (strcmp(name, "phi2") == 0) {
        o->layers = 32, o->dimension = 2560, o->heads = 32, o->ffn = 10240;
        o->rotary = 32, o->vocabulary = 51200, o->context = 2048;
    } else if (strcmp(name, "phi1") == 0) {
        o->layers = 24, o->dimension = 2048, o->heads = 32, o->ffn = 8192;
        o->rotary = 32, o->vocabulary = 51200, o->context = 2048;
    } else if (strcmp(name, "tiny") == 0) {
        o->layers = 2, o->dimension = 256, o->heads = 4, o->ffn = 512, o->vocabulary = 512;
        o->context = 512;
    } else {
        return error_set(error, PRIMER_EINVAL, "shape '%s', expected phi2, phi1 or tiny", name);
    }
    return PRIMER_OK;
}

/* ---- tensors ---- */

static void add(struct plan *plan, long layer, const char *name, enum fill fill, size_t columns,
                size_t rows)
{
    struct tensor *tensor = &plan->tensors[plan->count++];
    if (layer < 0)
        snprintf(tensor->name, sizeof tensor->name, "%s", name);
    else
        snprintf(tensor->name, sizeof tensor->name, "blk.%ld.%s", layer, name);
    tensor->dimensions = rows == 0 ? 1 : 2;
    tensor->shape[0] = columns;
    tensor->shape[1] = rows == 0 ? 1 : rows;
    tensor->fill = fill;
    tensor->deviation = 1.0 / sqrt((double)columns);
}

static void add_matrix(struct plan *plan, long layer, const char *part, size_t columns, size_t rows,
                       bool bias)
{
    char name[NAME_MOST / 2];
    snprintf(name, sizeof name, "%s.weight", part);
    add(plan, layer, name, FILL_MATRIX, columns, rows);
    if (!bias)
        return;
    snprintf(name, sizeof name, "%s.bias", part);
    add(plan, layer, name, FILL_BIAS, rows, 0);
}

static void add_phi_layer(struct plan *plan, long layer)
{
    const struct model_maker_options *o = &plan->o;
    size_t d = o->dimension, kv = o->kv_heads * o->head_dimension;
    add(plan, layer, "attn_norm.weight", FILL_NORM, d, 0);
    add(plan, layer, "attn_norm.bias", FILL_BIAS, d, 0);
    if (o->split_qkv) {
        add_matrix(plan, layer, "attn_q", d, d, true);
        add_matrix(plan, layer, "attn_k", d, kv, true);
        add_matrix(plan, layer, "attn_v", d, kv, true);
    } else {
        add_matrix(plan, layer, "attn_qkv", d, d + 2 * kv, true);
    }
    add_matrix(plan, layer, "attn_output", d, d, true);
    add_matrix(plan, layer, "ffn_up", d, o->ffn, true);
    add_matrix(plan, layer, "ffn_down", o->ffn, d, true);
}

static void add_llama_layer(struct plan *plan, long layer)
{
    const struct model_maker_options *o = &plan->o;
    size_t d = o->dimension, q = o->heads * o->head_dimension, kv = o->kv_heads * o->head_dimension;
    add(plan, layer, "attn_norm.weight", FILL_NORM, d, 0);
    add_matrix(plan, layer, "attn_q", d, q, o->bias);
    add_matrix(plan, layer, "attn_k", d, kv, o->bias);
    add_matrix(plan, layer, "attn_v", d, kv, o->bias);
    add_matrix(plan, layer, "attn_output", q, d, o->bias);
    add(plan, layer, "ffn_norm.weight", FILL_NORM, d, 0);
    add_matrix(plan, layer, "ffn_gate", d, o->ffn, false);
    add_matrix(plan, layer, "ffn_up", d, o->ffn, false);
    add_matrix(plan, layer, "ffn_down", o->ffn, d, false);
}

static primer_status list_tensors(struct plan *plan, primer_error *error)
{
    const struct model_maker_options *o = &plan->o;
    plan->capacity = o->layers * TENSORS_PER_LAYER + TENSORS_BESIDE;
    plan->tensors = memory_allocate(plan->capacity, sizeof *plan->tensors);
    if (!plan->tensors)
        return memory_failure(error, "a list of tensors", plan->capacity * sizeof *plan->tensors);
    double spread = LOGIT_DEVIATION / sqrt((double)o->dimension);
    add(plan, -1, "token_embd.weight", FILL_MATRIX, o->dimension, o->vocabulary);
    plan->tensors[0].deviation = o->tied ? spread : 1.0;
    if (plan->factors)
        add(plan, -1, "rope_freqs.weight", FILL_FACTORS, o->rotary / 2, 0);
    for (size_t layer = 0; layer < o->layers; layer++)
        (plan->phi ? add_phi_layer : add_llama_layer)(plan, (long)layer);
    add(plan, -1, "output_norm.weight", FILL_NORM, o->dimension, 0);
    if (plan->phi)
        add(plan, -1, "output_norm.bias", FILL_BIAS, o->dimension, 0);
    if (!o->tied) {
        add_matrix(plan, -1, "output", o->dimension, o->vocabulary, plan->phi);
        plan->tensors[plan->count - 1 - plan->phi].deviation = spread;
    }
    return PRIMER_OK;
}

static primer_status choose_by_mix(struct plan *plan, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct mix *mix = mixes_named(plan->o.type);
    struct mixes_tensor *tensors = memory_allocate(plan->count, sizeof *tensors);
    const struct quant_format **formats = memory_allocate(plan->count, sizeof *formats);
    if (!tensors || !formats) {
        status = memory_failure(error, "a plan of formats", plan->count * sizeof *tensors);
        goto cleanup;
    }
    if (!mix)
        FAIL(PRIMER_EINVAL, "'%s' is no quantization target", plan->o.type);
    for (size_t i = 0; i < plan->count; i++)
        tensors[i] = (struct mixes_tensor){plan->tensors[i].name, plan->tensors[i].dimensions,
                                           plan->tensors[i].shape};
    mixes_plan(mix, tensors, plan->count, formats);
    for (size_t i = 0; i < plan->count; i++)
        plan->tensors[i].format = formats[i];
cleanup:
    memory_free(tensors);
    memory_free(formats);
    return status;
}

static primer_status named_format(const char *name, const struct quant_format **format,
                                  primer_error *error)
{
    *format = quant_format_named(name);
    if (!*format)
        return error_set(error, PRIMER_EINVAL, "'%s' is no block format", name);
    return PRIMER_OK;
}

static primer_status choose_formats(struct plan *plan, primer_error *error)
{
    const struct quant_format *format = NULL, *output = NULL;
    if (plan->o.mix) {
        FORWARD(choose_by_mix(plan, error));
    } else {
        FORWARD(named_format(plan->o.type, &format, error));
        for (size_t i = 0; i < plan->count; i++)
            plan->tensors[i].format =
                plan->tensors[i].fill == FILL_MATRIX ? format : quant_format_of(QUANT_F32);
    }
    if (!plan->o.output_type)
        return PRIMER_OK;
    FORWARD(named_format(plan->o.output_type, &output, error));
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->tensors[i].name, "output.weight") == 0)
            plan->tensors[i].format = output;
    return PRIMER_OK;
}

/* ---- metadata ---- */

static primer_status put_u32(struct gguf_writer *writer, const struct plan *plan, const char *key,
                             size_t value, primer_error *error)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", plan->o.architecture, key);
    if (value > UINT32_MAX)
        return error_set(error, PRIMER_EINVAL, "%s is %zu, too large", full, value);
    return gguf_write_u32(writer, full, (uint32_t)value, error);
}

static primer_status put_f32(struct gguf_writer *writer, const struct plan *plan, const char *key,
                             double value, primer_error *error)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", plan->o.architecture, key);
    return gguf_write_f32(writer, full, (float)value, error);
}

static primer_status write_rope(struct gguf_writer *writer, const struct plan *plan,
                                primer_error *error)
{
    char key[128];
    FORWARD(put_u32(writer, plan, "rope.dimension_count", plan->o.rotary, error));
    if (!plan->phi)
        FORWARD(put_f32(writer, plan, "rope.freq_base", plan->factors ? 500000.0 : 10000.0, error));
    if (!(plan->linear > 0.0))
        return PRIMER_OK;
    snprintf(key, sizeof key, "%s.rope.scaling.type", plan->o.architecture);
    FORWARD(gguf_write_string(writer, key, "linear", error));
    return put_f32(writer, plan, "rope.scaling.factor", plan->linear, error);
}

static primer_status write_metadata(struct gguf_writer *writer, const struct plan *plan,
                                    primer_error *error)
{
    const struct model_maker_options *o = &plan->o;
    const struct mix *mix = mixes_named(o->type);
    const char *epsilon =
        plan->phi ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    FORWARD(gguf_write_string(writer, "general.architecture", o->architecture, error));
    FORWARD(gguf_write_string(writer, "general.name", "random weights", error));
    FORWARD(gguf_write_u32(writer, "general.quantization_version", 2, error));
    if (mix)
        FORWARD(gguf_write_u32(writer, "general.file_type", mixes_file_type(mix), error));
    FORWARD(put_u32(writer, plan, "context_length", o->context, error));
    FORWARD(put_u32(writer, plan, "embedding_length", o->dimension, error));
    FORWARD(put_u32(writer, plan, "feed_forward_length", o->ffn, error));
    FORWARD(put_u32(writer, plan, "block_count", o->layers, error));
    FORWARD(put_u32(writer, plan, "attention.head_count", o->heads, error));
    FORWARD(put_u32(writer, plan, "attention.head_count_kv", o->kv_heads, error));
    FORWARD(put_f32(writer, plan, epsilon, 1e-5, error));
    FORWARD(write_rope(writer, plan, error));
    if (o->head_dimension * o->heads != o->dimension) {
        FORWARD(put_u32(writer, plan, "attention.key_length", o->head_dimension, error));
        FORWARD(put_u32(writer, plan, "attention.value_length", o->head_dimension, error));
    }
    if (o->window > 0)
        FORWARD(put_u32(writer, plan, "attention.sliding_window", o->window, error));
    if (!plan->phi)
        FORWARD(put_u32(writer, plan, "vocab_size", o->vocabulary, error));
    struct model_vocabulary_options vocabulary = {o->tokenizer, plan->phi ? "phi-2" : "gpt-2",
                                                  o->vocabulary, o->seed};
    return model_vocabulary_write(writer, &vocabulary, error);
}

/* ---- data ---- */

/* Llama 3's shape of factors: 1 for the fast half of the frequencies, 8 for the slowest. */
static float factor_at(size_t index, size_t count)
{
    size_t quarter = count / 4 > 0 ? count / 4 : 1;
    if (index < 2 * quarter)
        return 1.0F;
    if (index >= 3 * quarter)
        return 8.0F;
    return 1.0F + 7.0F * (float)(index - 2 * quarter + 1) / (float)quarter;
}

static void fill_vector(struct model_blocks *blocks, const struct tensor *tensor, float *out)
{
    for (size_t i = 0; i < tensor->shape[0]; i++) {
        if (tensor->fill == FILL_FACTORS)
            out[i] = factor_at(i, tensor->shape[0]);
        else if (tensor->fill == FILL_NORM)
            out[i] = (float)(1.0 + 0.1 * random_normal(&blocks->random));
        else
            out[i] = (float)(0.02 * random_normal(&blocks->random));
    }
}

static primer_status write_tensor(struct gguf_writer *writer, struct model_blocks *blocks,
                                  const struct tensor *tensor, void *chunk, primer_error *error)
{
    size_t left = tensor->shape[0] * tensor->shape[1]; /* fits: gguf_declare_tensor checked it */
    if (tensor->fill != FILL_MATRIX) {
        fill_vector(blocks, tensor, (float *)chunk);
        return gguf_write_data(writer, chunk, left * sizeof(float), error);
    }
    while (left > 0) {
        size_t count = left < CHUNK_WEIGHTS ? left : CHUNK_WEIGHTS, bytes = 0;
        quant_bytes(tensor->format, count, &bytes);
        model_blocks_fill(blocks, tensor->format, tensor->deviation, chunk, count);
        FORWARD(gguf_write_data(writer, chunk, bytes, error));
        left -= count;
    }
    return PRIMER_OK;
}

static primer_status write_all(struct gguf_writer *writer, const struct plan *plan,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct model_blocks *blocks = NULL;
    void *chunk = NULL;
    size_t longest = CHUNK_WEIGHTS; /* vectors are written whole */
    TRY(write_metadata(writer, plan, error));
    for (size_t i = 0; i < plan->count; i++) {
        const struct tensor *tensor = &plan->tensors[i];
        TRY(gguf_declare_tensor(writer, tensor->name, tensor->dimensions, tensor->shape,
                                tensor->format, error));
        if (tensor->fill != FILL_MATRIX && tensor->shape[0] > longest)
            longest = tensor->shape[0];
    }
    blocks = memory_allocate(1, sizeof *blocks);
    chunk = memory_allocate_aligned(longest, sizeof(float));
    if (!blocks || !chunk) {
        status = memory_failure(error, "random weights", longest * sizeof(float));
        goto cleanup;
    }
    model_blocks_seed(blocks, plan->o.seed);
    for (size_t i = 0; i < plan->count; i++)
        TRY(write_tensor(writer, blocks, &plan->tensors[i], chunk, error));
    TRY(gguf_writer_finish(writer, error));
cleanup:
    memory_free(blocks);
    memory_free(chunk);
    return status;
}

primer_status model_maker_write(const struct model_maker_options *options, const char *path,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct plan plan = {.o = *options};
    struct gguf_writer *writer = NULL;
    TRY(resolve(&plan, error));
    TRY(list_tensors(&plan, error));
    TRY(choose_formats(&plan, error));
    TRY(gguf_writer_create(&writer, path, error));
    TRY(write_all(writer, &plan, error));
cleanup:
    gguf_writer_free(writer);
    memory_free(plan.tensors);
    return status;
}
