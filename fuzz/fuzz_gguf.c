/* fuzz_gguf.c - any bytes as a GGUF: they are refused with a message, or every value and every
 * tensor can be walked, looked up by name and decoded without leaving the file.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "format/gguf.h"
#include "fuzz_driver.h"

static bool inside(const struct gguf *gguf, const void *bytes, size_t size)
{
    const struct file_map *map = gguf_map(gguf);
    const unsigned char *at = bytes;
    return at >= map->bytes && at <= map->bytes + map->size &&
           size <= (size_t)(map->bytes + map->size - at);
}

static void walk_array(const struct gguf *gguf, const struct gguf_value *value)
{
    size_t offset = 0;
    double sum = 0.0;
    if (value->element_type != GGUF_STRING) {
        for (size_t i = 0; i < value->count; i++)
            sum += gguf_array_number(value, i) + (double)gguf_array_integer(value, i);
        fuzz_check(gguf_array_integer(value, value->count) == 0, "past the end there is nothing");
        return;
    }
    for (size_t i = 0; i < value->count; i++) {
        struct gguf_string text = gguf_array_string(value, &offset);
        fuzz_check(inside(gguf, text.bytes, text.length), "a string lies in the file");
    }
    fuzz_check(offset == value->size, "the strings are all of the array");
    (void)sum;
}

static void look_up(const struct gguf *gguf, const char *key)
{
    primer_error error = {0};
    uint64_t u64 = 7;
    int64_t i64 = 7;
    double f64 = 7.0;
    bool flag = true;
    struct gguf_string text = {"", 0};
    fuzz_status(gguf_get_u64(gguf, key, &u64, &error), &error);
    fuzz_status(gguf_get_i64(gguf, key, &i64, &error), &error);
    fuzz_status(gguf_get_f64(gguf, key, &f64, &error), &error);
    fuzz_status(gguf_get_bool(gguf, key, &flag, &error), &error);
    fuzz_status(gguf_get_string(gguf, key, &text, &error), &error);
    fuzz_check(text.length == 0 || inside(gguf, text.bytes, text.length),
               "a text lies in the file");
    fuzz_check(isfinite(f64) != 0, "a number is finite");
}

static void walk_value(const struct gguf *gguf, const struct gguf_value *value)
{
    char *key = memory_copy_bytes(value->key.bytes, value->key.length);
    fuzz_check(key != NULL, "memory for a key");
    fuzz_check(inside(gguf, value->data, value->size), "a value lies in the file");
    fuzz_check(gguf_value_named(gguf, key) == value, "a key finds its own value");
    look_up(gguf, key);
    if (value->type == GGUF_ARRAY)
        walk_array(gguf, value);
    memory_free(key);
}

static void decode_rows(const struct gguf_tensor *tensor)
{
    float weights[256];
    const struct quant_format *format = tensor->format;
    size_t blocks = tensor->bytes / format->block_bytes;
    fuzz_check(blocks * format->block_bytes == tensor->bytes, "a tensor is whole blocks");
    for (size_t i = 0; i < blocks; i++)
        format->decode(tensor->data + i * format->block_bytes, weights, format->block_length);
}

static void walk_tensor(const struct gguf *gguf, const struct gguf_tensor *tensor)
{
    size_t rows = tensor->shape[1] * tensor->shape[2] * tensor->shape[3];
    char *name = memory_copy_bytes(tensor->name.bytes, tensor->name.length);
    fuzz_check(name != NULL, "memory for a name");
    fuzz_check(gguf_tensor_named(gguf, name) == tensor, "a name finds its own tensor");
    fuzz_check(tensor->bytes > 0 && inside(gguf, tensor->data, tensor->bytes), "data in the file");
    fuzz_check(rows * tensor->row_bytes == tensor->bytes, "rows make up the tensor");
    fuzz_check(tensor->shape[0] % tensor->format->block_length == 0, "a row is whole blocks");
    decode_rows(tensor);
    memory_free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    primer_error error = {0};
    struct gguf *gguf = NULL;
    void *copy = NULL; /* aligned, and not a byte longer than the input */
    if (posix_memalign(&copy, 64, size > 0 ? size : 1) != 0)
        return 0;
    memcpy(copy, data, size);
    primer_status status = gguf_open_memory(&gguf, copy, size, "input", &error);
    fuzz_status(status, &error);
    fuzz_check((gguf != NULL) == (status == PRIMER_OK), "a file is open where the status says so");
    if (gguf) {
        for (size_t i = 0; i < gguf_value_count(gguf); i++)
            walk_value(gguf, gguf_value_at(gguf, i));
        for (size_t i = 0; i < gguf_tensor_count(gguf); i++)
            walk_tensor(gguf, gguf_tensor_at(gguf, i));
        gguf_free(gguf);
    }
    free(copy);
    return 0;
}
