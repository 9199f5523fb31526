/*
 * Writes tiny GGUF files (version 3), the bytes of the file one after the other:
 *
 *     "GGUF" 3 | tensors | fields | fields' bytes | tensors' descriptions | padding to 32 | data
 *
 * Tensors are listed first, so that counts and offsets are known. Numbers are a linear congruential
 * sequence seeded by a hash of the tensor's name, scaled so that attention is neither flat nor a
 * single key's. The vocabulary is one that llama.cpp's SentencePiece reader accepts.
 */
#include "tiny_model.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TENSORS = 96, MOST_PARTS = 3 };

/* A tensor is its parts' rows one after the other: attn_qkv holds what attn_q, _k and _v would. */
typedef struct {
    char name[64];
    char seeds[MOST_PARTS][64];
    unsigned part_rows[MOST_PARTS];
    unsigned parts;
    unsigned rows; /* 0: a vector, its length in columns */
    unsigned columns;
    bool is_scale; /* of a norm: about 1 */
} tensor;

typedef struct {
    const tiny_model *model;
    tensor tensors[MOST_TENSORS];
    unsigned count;
    FILE *out;
} writer;

static void put_u32(writer *w, uint32_t value)
{
    fwrite(&value, sizeof value, 1, w->out);
}

static void put_u64(writer *w, uint64_t value)
{
    fwrite(&value, sizeof value, 1, w->out);
}

static void put_float(writer *w, float value)
{
    fwrite(&value, sizeof value, 1, w->out);
}

static void put_text(writer *w, const char *text)
{
    put_u64(w, strlen(text));
    fputs(text, w->out);
}

static void put_key(writer *w, const char *key, uint32_t kind)
{
    put_text(w, key);
    put_u32(w, kind);
}

/* A key after the architecture's name. */
static void put_own_key(writer *w, const char *key, uint32_t kind)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", w->model->architecture, key);
    put_key(w, name, kind);
}

static void put_size(writer *w, const char *key, uint32_t value)
{
    put_own_key(w, key, 4);
    put_u32(w, value);
}

static void put_piece(writer *w, unsigned id)
{
    static const char *const first[] = {"<unk>", "<s>", "</s>"};
    char text[8];
    if (id < 3) {
        put_text(w, first[id]);
    } else if (id < 259) {
        snprintf(text, sizeof text, "<0x%02X>", (id - 3) & 255);
        put_text(w, text);
    } else {
        snprintf(text, sizeof text, "%c", 'A' + (int)(id - 259));
        put_text(w, text);
    }
}

static unsigned put_vocabulary(writer *w)
{
    put_key(w, "tokenizer.ggml.model", 8);
    put_text(w, "llama");
    put_key(w, "tokenizer.ggml.tokens", 9);
    put_u32(w, 8);
    put_u64(w, TINY_VOCABULARY);
    for (unsigned id = 0; id < TINY_VOCABULARY; id++) {
        put_piece(w, id);
    }
    put_key(w, "tokenizer.ggml.scores", 9);
    put_u32(w, 6);
    put_u64(w, TINY_VOCABULARY);
    for (unsigned id = 0; id < TINY_VOCABULARY; id++) {
        put_float(w, -(float)id);
    }
    put_key(w, "tokenizer.ggml.token_type", 9);
    put_u32(w, 5);
    put_u64(w, TINY_VOCABULARY);
    for (unsigned id = 0; id < TINY_VOCABULARY; id++) {
        put_u32(w, id == 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1);
    }
    put_key(w, "tokenizer.ggml.bos_token_id", 4);
    put_u32(w, 1);
    put_key(w, "tokenizer.ggml.eos_token_id", 4);
    put_u32(w, 2);
    return 6;
}

static unsigned put_sizes(writer *w)
{
    const tiny_model *m = w->model;
    const bool phi = strcmp(m->architecture, "phi2") == 0;
    unsigned fields = 9;
    put_key(w, "general.architecture", 8);
    put_text(w, m->architecture);
    put_size(w, "context_length", 256);
    put_size(w, "embedding_length", TINY_WIDTH);
    put_size(w, "feed_forward_length", TINY_FORWARD);
    put_size(w, "block_count", m->layers);
    put_size(w, "attention.head_count", m->heads);
    put_size(w, "attention.head_count_kv", m->key_heads);
    put_size(w, "rope.dimension_count", m->rotary);
    put_own_key(w, phi ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 6);
    put_float(w, 1e-5F);
    if (m->window != 0) {
        put_size(w, "attention.sliding_window", m->window);
        fields++;
    }
    if (m->stretch > 0) {
        put_own_key(w, "rope.scaling.type", 8);
        put_text(w, "linear");
        put_own_key(w, "rope.scaling.factor", 6);
        put_float(w, m->stretch);
        fields += 2;
    }
    return fields;
}

/* Lists a tensor; layer < 0 for one of the model's own. */
static tensor *add(writer *w, int layer, const char *name, unsigned rows, unsigned columns)
{
    tensor t = {.parts = 1, .rows = rows, .columns = columns};
    if (layer < 0) {
        snprintf(t.name, sizeof t.name, "%s", name);
    } else {
        snprintf(t.name, sizeof t.name, "blk.%d.%s", layer, name);
    }
    memcpy(t.seeds[0], t.name, sizeof t.name);
    t.part_rows[0] = rows;
    t.is_scale = strstr(name, "norm.weight") != NULL;
    if (w->model->misshapen != NULL && strcmp(t.name, w->model->misshapen) == 0) {
        t.rows++;
        t.part_rows[0]++;
    }
    if (w->model->without == NULL || strcmp(t.name, w->model->without) != 0) {
        w->tensors[w->count++] = t;
    }
    return &w->tensors[w->count - 1];
}

/* A linear map from `inputs` to `outputs`, and its bias. */
static void add_linear(writer *w, int layer, const char *name, unsigned outputs, unsigned inputs,
                       bool biased)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    add(w, layer, full, outputs, inputs);
    if (biased) {
        snprintf(full, sizeof full, "%s.bias", name);
        add(w, layer, full, 0, outputs);
    }
}

static void add_fused(writer *w, int layer, unsigned hq, unsigned hk, const char *kind,
                      unsigned columns)
{
    static const char *const parts[MOST_PARTS] = {"attn_q", "attn_k", "attn_v"};
    const unsigned rows[MOST_PARTS] = {hq, hk, hk};
    char full[64];
    snprintf(full, sizeof full, "attn_qkv.%s", kind);
    tensor *t =
        add(w, layer, full, columns == 0 ? 0 : hq + 2 * hk, columns == 0 ? hq + 2 * hk : columns);
    t->parts = MOST_PARTS;
    for (unsigned p = 0; p < MOST_PARTS; p++) {
        snprintf(t->seeds[p], sizeof t->seeds[p], "blk.%d.%s.%s", layer, parts[p], kind);
        t->part_rows[p] = rows[p];
    }
}

static void add_layer(writer *w, int layer)
{
    const tiny_model *m = w->model;
    const bool phi = strcmp(m->architecture, "phi2") == 0;
    const unsigned d = TINY_WIDTH;
    const unsigned hk = d / m->heads * m->key_heads;
    add(w, layer, "attn_norm.weight", 0, d);
    if (phi) {
        add(w, layer, "attn_norm.bias", 0, d);
    }
    if (m->fused) {
        add_fused(w, layer, d, hk, "weight", d);
        add_fused(w, layer, d, hk, "bias", 0);
    } else {
        add_linear(w, layer, "attn_q", d, d, phi || m->biased);
        add_linear(w, layer, "attn_k", hk, d, phi || m->biased);
        add_linear(w, layer, "attn_v", hk, d, phi || m->biased);
    }
    add_linear(w, layer, "attn_output", d, d, phi || m->biased);
    if (!phi) {
        add(w, layer, "ffn_norm.weight", 0, d);
        add_linear(w, layer, "ffn_gate", TINY_FORWARD, d, false);
    }
    add_linear(w, layer, "ffn_up", TINY_FORWARD, d, phi);
    add_linear(w, layer, "ffn_down", d, TINY_FORWARD, phi);
}

static void add_all(writer *w)
{
    const tiny_model *m = w->model;
    const bool phi = strcmp(m->architecture, "phi2") == 0;
    add(w, -1, "token_embd.weight", TINY_VOCABULARY, TINY_WIDTH);
    for (unsigned i = 0; i < m->layers; i++) {
        add_layer(w, (int)i);
    }
    add(w, -1, "output_norm.weight", 0, TINY_WIDTH);
    if (phi) {
        add(w, -1, "output_norm.bias", 0, TINY_WIDTH);
        add_linear(w, -1, "output", TINY_VOCABULARY, TINY_WIDTH, true);
    } else if (m->own_head) {
        tensor *head = add(w, -1, "output.weight", TINY_VOCABULARY, TINY_WIDTH);
        snprintf(head->seeds[0], sizeof head->seeds[0], "token_embd.weight");
    }
    if (m->factors != NULL) {
        add(w, -1, "rope_freqs.weight", 0, m->rotary / 2);
    }
}

static size_t elements(const tensor *t)
{
    return (size_t)(t->rows == 0 ? 1 : t->rows) * t->columns;
}

static void put_descriptions(writer *w)
{
    uint64_t offset = 0;
    for (unsigned i = 0; i < w->count; i++) {
        const tensor *t = &w->tensors[i];
        put_text(w, t->name);
        put_u32(w, t->rows == 0 ? 1 : 2);
        put_u64(w, t->columns);
        if (t->rows != 0) {
            put_u64(w, t->rows);
        }
        put_u32(w, 0);
        put_u64(w, offset);
        offset += (elements(t) * sizeof(float) + 31) / 32 * 32;
    }
}

static void pad(writer *w)
{
    while (ftell(w->out) % 32 != 0) {
        fputc(0, w->out);
    }
}

/* FNV-1a of the name, then x' = a x + c modulo 2^64 (Knuth's MMIX); the upper bits, -1 to 1. */
static void put_part(writer *w, const tensor *t, unsigned part)
{
    uint64_t x = 14695981039346656037U;
    for (const char *c = t->seeds[part]; *c != '\0'; c++) {
        x = (x ^ (uint8_t)*c) * 1099511628211U;
    }
    const bool vector = t->rows == 0;
    const size_t columns = vector ? (t->parts == 1 ? t->columns : t->part_rows[part]) : t->columns;
    const size_t count = vector ? columns : columns * t->part_rows[part];
    const float spread = vector ? 0.2F : 3.0F / sqrtf((float)columns);
    for (size_t i = 0; i < count; i++) {
        x = x * 6364136223846793005U + 1442695040888963407U;
        const float random = (float)(int32_t)(x >> 32) * 0x1p-31F;
        put_float(w, (t->is_scale ? 1.0F : 0.0F) + spread * random);
    }
}

static void put_data(writer *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        const tensor *t = &w->tensors[i];
        pad(w);
        if (strcmp(t->name, "rope_freqs.weight") == 0) {
            fwrite(w->model->factors, sizeof(float), t->columns, w->out);
        } else {
            for (unsigned p = 0; p < t->parts; p++) {
                put_part(w, t, p);
            }
        }
    }
    pad(w);
}

bool tiny_model_write(const tiny_model *model, const char *path)
{
    static writer w;
    w = (writer){.model = model, .out = fopen(path, "wb")};
    if (w.out == NULL) {
        return false;
    }
    add_all(&w);
    fwrite("GGUF", 1, 4, w.out);
    put_u32(&w, 3);
    put_u64(&w, w.count);
    put_u64(&w, 0); /* the number of fields, once it is known */
    const unsigned fields = put_sizes(&w) + put_vocabulary(&w);
    put_descriptions(&w);
    pad(&w);
    put_data(&w);
    fseek(w.out, 16, SEEK_SET);
    put_u64(&w, fields);
    const bool failed = ferror(w.out) != 0;
    return fclose(w.out) == 0 && !failed;
}
