/* model_adapter.c - see model_adapter.h.
 *
 *   NAME.lora_a {columns, rank}   deviation 1 / sqrt(columns)
 *   NAME.lora_b {rank, rows}      deviation 1 / sqrt(rank)
 */
#include "model_adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "format/gguf.h"

enum { NAME_LIMIT = 128 };

/* A matrix of a layer: "blk.0.attn_q.weight". */
static bool is_target(const struct gguf_tensor *tensor)
{
    static const char end[] = ".weight";
    const size_t length = tensor->name.length, tail = sizeof end - 1;
    return tensor->dimensions == 2 && length > tail && length < NAME_LIMIT &&
           memcmp(tensor->name.bytes, "blk.", 4) == 0 &&
           memcmp(tensor->name.bytes + length - tail, end, tail) == 0;
}

static primer_status declare(const struct gguf *model, struct gguf_writer *writer, size_t rank,
                             primer_error *error)
{
    const struct quant_format *const format = quant_format_of(QUANT_F32);
    for (size_t i = 0; i < gguf_tensor_count(model); i++) {
        const struct gguf_tensor *const t = gguf_tensor_at(model, i);
        const size_t a[] = {t->shape[0], rank}, b[] = {rank, t->shape[1]};
        char name[NAME_LIMIT + 8];
        if (!is_target(t))
            continue;
        snprintf(name, sizeof name, "%.*s.lora_a", (int)t->name.length, t->name.bytes);
        FORWARD(gguf_declare_tensor(writer, name, 2, a, format, error));
        snprintf(name, sizeof name, "%.*s.lora_b", (int)t->name.length, t->name.bytes);
        FORWARD(gguf_declare_tensor(writer, name, 2, b, format, error));
    }
    return PRIMER_OK;
}

static primer_status fill(struct gguf_writer *writer, struct random *random, size_t count,
                          double deviation, primer_error *error)
{
    primer_status status = PRIMER_OK;
    float *const values = memory_allocate(count, sizeof *values);
    if (values == NULL)
        return memory_failure(error, "an adapter", count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(deviation * random_normal(random));
    TRY(gguf_write_data(writer, values, count * sizeof *values, error));
cleanup:
    memory_free(values);
    return status;
}

static primer_status write_all(const struct gguf *model, struct gguf_writer *writer, size_t rank,
                               uint64_t seed, primer_error *error)
{
    char architecture[NAME_LIMIT];
    struct gguf_string name;
    struct random random;
    random_seed(&random, seed);
    FORWARD(gguf_require_string(model, "general.architecture", &name, error));
    snprintf(architecture, sizeof architecture, "%.*s", (int)name.length, name.bytes);
    FORWARD(gguf_write_string(writer, "general.type", "adapter", error));
    FORWARD(gguf_write_string(writer, "general.architecture", architecture, error));
    FORWARD(gguf_write_string(writer, "adapter.type", "lora", error));
    FORWARD(gguf_write_f32(writer, "adapter.lora.alpha", 2 * (float)rank, error));
    FORWARD(declare(model, writer, rank, error));
    for (size_t i = 0; i < gguf_tensor_count(model); i++) {
        const struct gguf_tensor *const t = gguf_tensor_at(model, i);
        if (!is_target(t))
            continue;
        FORWARD(fill(writer, &random, rank * t->shape[0], 1 / sqrt((double)t->shape[0]), error));
        FORWARD(fill(writer, &random, rank * t->shape[1], 1 / sqrt((double)rank), error));
    }
    return gguf_writer_finish(writer, error);
}

primer_status model_adapter_write(const char *model, const char *path, size_t rank, uint64_t seed,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf *gguf = NULL;
    struct gguf_writer *writer = NULL;
    TRY(gguf_open(&gguf, model, error));
    TRY(gguf_writer_create(&writer, path, error));
    TRY(write_all(gguf, writer, rank, seed, error));
cleanup:
    gguf_writer_free(writer);
    gguf_free(gguf);
    return status;
}
