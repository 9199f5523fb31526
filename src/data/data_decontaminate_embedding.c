/* data_decontaminate_embedding.c - distances of embeddings. Declared in
 * data_decontaminate_embedding.h. */
#include "data/data_decontaminate_embedding.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

primer_status data_decontaminate_embedding_open(struct data_decontaminate_embedding *embedding,
                                                const char *path, size_t threads, size_t items,
                                                primer_error *error)
{
    const primer_model_options options = {.threads = threads, .no_prefix_cache = true};
    FORWARD(primer_model_open(path, &options, &embedding->model, error));
    const primer_model_information *const about = primer_model_info(embedding->model);
    embedding->width = about->embedding;
    embedding->tokens =
        about->context < DATA_DECONTAMINATE_TOKENS ? about->context : DATA_DECONTAMINATE_TOKENS;
    embedding->item_count = items;
    embedding->document = memory_allocate(embedding->width, sizeof(float));
    embedding->items = memory_allocate(items, sizeof *embedding->items);
    if (embedding->document == NULL || embedding->items == NULL)
        return memory_failure(error, "embeddings", embedding->width * sizeof(float));
    const primer_session_options session = {.context = embedding->tokens};
    return primer_session_create(embedding->model, &session, &embedding->session, error);
}

void data_decontaminate_embedding_close(struct data_decontaminate_embedding *embedding)
{
    for (size_t i = 0; embedding->items != NULL && i < embedding->item_count; i++)
        memory_free(embedding->items[i]);
    memory_free(embedding->items);
    memory_free(embedding->document);
    primer_session_free(embedding->session);
    primer_model_free(embedding->model);
    buffer_free(&embedding->text);
    *embedding = (struct data_decontaminate_embedding){0};
}

/* *any: there was a token. */
static primer_status embed(struct data_decontaminate_embedding *embedding, const char *text,
                           size_t length, float *out, bool *any, primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(primer_tokenize(embedding->model, text, length, PRIMER_TEXT_BOS, &ids, &count, error));
    *any = count > 0;
    const size_t read = count < embedding->tokens ? count : embedding->tokens;
    const primer_status status =
        read == 0 ? PRIMER_OK
                  : primer_session_embed(embedding->session, ids, read, PRIMER_POOL_MEAN, true, out,
                                         NULL, NULL, error);
    primer_free(ids);
    return status;
}

static primer_status embed_item(struct data_decontaminate_embedding *embedding,
                                const struct data_decontaminate_items *items, size_t number,
                                primer_error *error)
{
    const struct data_decontaminate_item *const item = &items->items[number];
    bool any = false;
    buffer_clear(&embedding->text);
    for (size_t i = 0; i < item->part_count; i++) {
        FORWARD(buffer_append(&embedding->text, item->parts[i].text, item->parts[i].length, error));
        FORWARD(buffer_text(&embedding->text, "\n", error));
    }
    float *const out = memory_allocate(embedding->width, sizeof *out);
    if (out == NULL)
        return memory_failure(error, "an embedding", embedding->width * sizeof *out);
    const primer_status status =
        embed(embedding, embedding->text.bytes, embedding->text.length, out, &any, error);
    if (status == PRIMER_OK)
        embedding->items[number] = out;
    else
        memory_free(out);
    return status;
}

primer_status data_decontaminate_embedding_distance(struct data_decontaminate_embedding *embedding,
                                                    const struct data_decontaminate_items *items,
                                                    size_t item, const char *text, size_t length,
                                                    double *distance, primer_error *error)
{
    bool any = false;
    if (embedding->items[item] == NULL)
        FORWARD(embed_item(embedding, items, item, error));
    FORWARD(embed(embedding, text, length, embedding->document, &any, error));
    double sum = 0;
    for (size_t i = 0; i < embedding->width; i++) {
        const double apart = (double)embedding->document[i] - (double)embedding->items[item][i];
        sum += apart * apart;
    }
    *distance = any ? sqrt(sum) : 2;
    return PRIMER_OK;
}
