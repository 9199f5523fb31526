/* ollama_list.c - GET /api/tags: the models there are. GET /api/ps: those that are loaded. */
#include "server/endpoints.h"

#include "base/clock.h"
#include "base/memory.h"
#include "server/ollama_details.h"
#include "server/ollama_time.h"
#include "server/state.h"

static primer_status append(json_t *models, json_t *listed, primer_error *error)
{
    return json_array_append_new(models, listed) == 0
               ? PRIMER_OK
               : memory_failure(error, "a list of models", 0);
}

static primer_status answer(struct exchange *exchange, json_t *models, primer_error *error)
{
    return exchange_answer_json(exchange, 200, json_pack("{s:O}", "models", models), error);
}

static json_t *tagged(const struct catalog_entry *entry)
{
    char modified[OLLAMA_TIME_BYTES];
    json_t *const listed = ollama_details_listed(entry, entry->file_bytes);
    ollama_time_plain(entry->modified, clock_wall_seconds(), modified);
    if (listed != NULL)
        json_object_set_new(listed, "modified_at", json_string(modified));
    return listed;
}

primer_status ollama_list_tags(struct exchange *exchange, primer_error *error)
{
    const struct catalog *const catalog = exchange_server(exchange)->catalog;
    const struct catalog_entry *entry = NULL;
    json_t *const models = json_array();
    primer_status status = PRIMER_OK;
    if (models == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a list of models");
    for (size_t i = 0; (entry = catalog_at(catalog, i)) != NULL; i++)
        TRY(append(models, tagged(entry), error));
    TRY(answer(exchange, models, error));
cleanup:
    json_decref(models);
    return status;
}

/* size_vram: nothing lies in a graphics card's memory. */
static json_t *loaded(const struct catalog_state *state)
{
    char expires[OLLAMA_TIME_BYTES];
    const size_t context = state->context > 0 ? state->context : state->entry->context;
    json_t *const listed = ollama_details_listed(state->entry, state->bytes);
    ollama_time_plain(state->expires, clock_wall_seconds(), expires);
    if (listed != NULL) {
        json_object_set_new(listed, "expires_at", json_string(expires));
        json_object_set_new(listed, "size_vram", json_integer(0));
        json_object_set_new(listed, "context_length", json_integer((json_int_t)context));
    }
    return listed;
}

primer_status ollama_list_ps(struct exchange *exchange, primer_error *error)
{
    struct catalog *const catalog = exchange_server(exchange)->catalog;
    struct catalog_state state;
    json_t *const models = json_array();
    primer_status status = PRIMER_OK;
    if (models == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a list of models");
    for (size_t i = 0; catalog_loaded(catalog, i, &state); i++)
        TRY(append(models, loaded(&state), error));
    TRY(answer(exchange, models, error));
cleanup:
    json_decref(models);
    return status;
}
