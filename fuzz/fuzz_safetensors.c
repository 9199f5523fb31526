/* fuzz_safetensors.c - any bytes as a file of tensors: they are refused with a message, or every
 * tensor lies in the file, alone, and can be decoded.
 */
#include <string.h>

#include "base/memory.h"
#include "format/peft_config.h"
#include "format/safetensors.h"
#include "fuzz_driver.h"

/* Decodes the first values, from wherever they lie. */
static void decode(const struct safetensors_tensor *t)
{
    float values[64];
    const size_t count = t->count < 64 ? t->count : 64;
    if (t->format == NULL || count == 0)
        return;
    fuzz_check(t->bytes / t->count == t->format->block_bytes, "bytes of a value");
    t->format->decode(t->data, values, count);
    t->format->decode(t->data + (t->count - count) * t->format->block_bytes, values, count);
}

static void walk(const struct safetensors *file, const uint8_t *data, size_t size)
{
    const struct safetensors_tensor *t;
    const unsigned char *end = NULL;
    for (size_t i = 0; (t = safetensors_at(file, i)) != NULL; i++) {
        fuzz_check(t->data >= data + 8 && t->data <= data + size &&
                       t->bytes <= (size_t)(data + size - t->data),
                   "a tensor lies in the file");
        fuzz_check(end == NULL || t->data == end, "a tensor follows the one before it");
        fuzz_check(safetensors_named(file, t->name) == t, "a name finds its own tensor");
        fuzz_check(t->dimensions <= SAFETENSORS_DIMENSIONS, "few dimensions");
        end = t->data + t->bytes;
        decode(t);
    }
    fuzz_check(end == NULL || end == data + size, "the last one ends the file");
}

/* The same bytes as a configuration. */
static void configure(const uint8_t *data, size_t size)
{
    struct peft_config *config = NULL;
    primer_error error = {0};
    double factor = 0;
    const primer_status status =
        peft_config_read_text(&config, (const char *)data, size, "input", &error);
    fuzz_status(status, &error);
    if (status != PRIMER_OK)
        return;
    fuzz_status(peft_config_factor(config, "model.layers.0.mlp.fc1", 8, &factor, &error), &error);
    peft_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors *file = NULL;
    primer_error error = {0};
    const primer_status status = safetensors_open_memory(&file, data, size, "input", &error);
    fuzz_status(status, &error);
    if (status == PRIMER_OK)
        walk(file, data, size);
    safetensors_free(file);
    configure(data, size);
    return 0;
}
