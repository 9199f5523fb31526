/* data_embed.c - a session a thread. Declared in data_embed.h. */
#include "data/data_embed.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

#define TOKEN_BYTES 16 /* no more of a text is tokenized than so many bytes for each token wanted */

static primer_status read_identity(struct data_embed *embed, primer_error *error)
{
    char *json = NULL;
    size_t length = 0;
    FORWARD(primer_model_describe(embed->models[0], 0, &json, &length, error));
    json_t *const object = json_loadb(json, length, 0, NULL);
    const char *const text = json_string_value(json_object_get(object, "identity"));
    const primer_status status =
        text != NULL ? PRIMER_OK : memory_failure(error, "what a model's file says", length);
    if (text != NULL)
        embed->identity = strtoull(text, NULL, 16);
    json_decref(object);
    primer_free(json);
    return status;
}

static primer_status open_sessions(struct data_embed *embed, const char *path, primer_error *error)
{
    const primer_model_options options = {.threads = 1, .no_prefix_cache = true};
    for (size_t i = 0; i < embed->threads; i++) {
        FORWARD(primer_model_open(path, &options, &embed->models[i], error));
        const primer_model_information *const about = primer_model_info(embed->models[i]);
        embed->dimensions = about->embedding;
        if (embed->tokens > about->context)
            embed->tokens = about->context;
        const primer_session_options session = {.context = embed->tokens, .chunk = embed->tokens};
        FORWARD(primer_session_create(embed->models[i], &session, &embed->sessions[i], error));
    }
    return read_identity(embed, error);
}

primer_status data_embed_open(struct data_embed *embed, const char *model, size_t tokens,
                              const struct pool *pool, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *embed = (struct data_embed){.threads = pool_size(pool),
                                 .tokens = tokens == 0 ? DATA_EMBED_TOKENS : tokens};
    embed->models = memory_allocate(embed->threads, sizeof *embed->models);
    embed->sessions = memory_allocate(embed->threads, sizeof *embed->sessions);
    if (embed->models == NULL || embed->sessions == NULL)
        status = memory_failure(error, "sessions", embed->threads * sizeof *embed->sessions);
    else
        status = open_sessions(embed, model, error);
    if (status != PRIMER_OK)
        data_embed_close(embed);
    return status;
}

void data_embed_close(struct data_embed *embed)
{
    for (size_t i = 0; i < embed->threads; i++) {
        if (embed->sessions != NULL)
            primer_session_free(embed->sessions[i]);
        if (embed->models != NULL)
            primer_model_free(embed->models[i]);
    }
    memory_free(embed->sessions);
    memory_free(embed->models);
    *embed = (struct data_embed){0};
}

primer_status data_embed_text(struct data_embed *embed, size_t thread, const char *text,
                              size_t length, float *out, primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    const size_t most = embed->tokens * TOKEN_BYTES;
    if (length > most)
        length = utf8_complete(text, most);
    FORWARD(
        primer_tokenize(embed->models[thread], text, length, PRIMER_TEXT_BOS, &ids, &count, error));
    primer_status status = PRIMER_OK;
    if (count == 0)
        memset(out, 0, embed->dimensions * sizeof *out);
    else
        status = primer_session_embed(embed->sessions[thread], ids,
                                      count < embed->tokens ? count : embed->tokens,
                                      PRIMER_POOL_MEAN, true, out, NULL, NULL, error);
    primer_free(ids);
    return status;
}
