/* fuzz_adapter.c - any bytes as an adapter of a small model: they are refused with a message, or
 * its matrices have the model's shapes and finite numbers.
 *
 *   a GGUF                                  llama.cpp's form
 *   {adapter_config.json} 0x00 safetensors  PEFT's form
 *
 * The architecture is phi2 where the input's last byte is even, llama where it is odd.
 */
#include <math.h>
#include <string.h>

#include "format/gguf.h"
#include "format/peft_config.h"
#include "format/safetensors.h"
#include "fuzz_driver.h"
#include "model/adapter.h"

/* What binding an adapter asks of a model: no weights. */
static struct model small_model(bool odd)
{
    return (struct model){.architecture = model_architecture_at(odd ? 1 : 0),
                          .vocabulary = 32,
                          .embedding = 8,
                          .layer_count = 2,
                          .heads = 2,
                          .kv_heads = odd ? 1 : 2,
                          .head_dimensions = 4,
                          .feed_forward = 16};
}

static void check_pair(const struct model *model, const struct adapter_pair *pair,
                       enum model_role role)
{
    const struct model_part *const part = model_architecture_part(model->architecture, role);
    fuzz_check(part != NULL, "an adapter adds to what the model has");
    fuzz_check(pair->rows == model_extent_of(model, part->rows), "rows are the model's");
    fuzz_check(pair->columns == model_extent_of(model, part->columns), "columns are the model's");
    for (size_t i = 0; i < pair->rank * pair->columns; i++)
        fuzz_check(isfinite(pair->a[i]) != 0, "A is finite");
    for (size_t i = 0; i < pair->rows * pair->rank; i++)
        fuzz_check(isfinite(pair->b[i]) != 0, "B is finite");
    fuzz_check(isfinite(pair->factor) != 0, "alpha / rank is finite");
}

static void bind(const struct model *model, struct adapter_data *data)
{
    static const enum model_role roles[] = {
        MODEL_QUERY, MODEL_KEY, MODEL_VALUE, MODEL_ATTENTION_OUTPUT,
        MODEL_GATE,  MODEL_UP,  MODEL_DOWN};
    struct adapter adapter = {0};
    primer_error error = {0};
    size_t pairs = 0;
    const primer_status status = adapter_create(&adapter, model, data, "input", &error);
    fuzz_status(status, &error);
    if (status != PRIMER_OK)
        return;
    for (size_t layer = 0; layer < model->layer_count; layer++)
        for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
            const struct adapter_pair *const pair = adapter_pair_of(&adapter, layer, roles[i]);
            if (pair != NULL)
                check_pair(model, pair, roles[i]);
            pairs += pair != NULL;
        }
    fuzz_check(pairs >= adapter.data.count, "no tensor is dropped");
    adapter_free(&adapter);
}

static void read_gguf(const struct model *model, const uint8_t *bytes, size_t size)
{
    struct gguf *gguf = NULL;
    struct adapter_data data = {0};
    primer_error error = {0};
    primer_status status = gguf_open_memory(&gguf, bytes, size, "input", &error);
    if (status == PRIMER_OK)
        status = adapter_gguf_take(&data, model, gguf, &error);
    fuzz_status(status, &error);
    if (status == PRIMER_OK)
        bind(model, &data);
    adapter_data_free(&data);
    gguf_free(gguf);
}

static void read_peft(const struct model *model, const uint8_t *bytes, size_t size)
{
    struct peft_config *config = NULL;
    struct safetensors *file = NULL;
    struct adapter_data data = {0};
    primer_error error = {0};
    const uint8_t *const mark = size > 0 ? memchr(bytes, 0, size) : NULL;
    const size_t text = mark != NULL ? (size_t)(mark - bytes) : size,
                 rest = mark != NULL ? size - text - 1 : 0;
    primer_status status =
        peft_config_read_text(&config, (const char *)bytes, text, "input", &error);
    if (status == PRIMER_OK)
        status = safetensors_open_memory(&file, bytes + size - rest, rest, "input", &error);
    if (status == PRIMER_OK)
        status = adapter_peft_take(&data, model, config, file, &error);
    fuzz_status(status, &error);
    if (status == PRIMER_OK)
        bind(model, &data);
    adapter_data_free(&data);
    safetensors_free(file);
    peft_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct model model = small_model(size > 0 && data[size - 1] % 2 == 1);
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0)
        read_gguf(&model, data, size);
    else
        read_peft(&model, data, size);
    return 0;
}
