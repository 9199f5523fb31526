/* openai_models.c - GET /v1/models and /v1/models/NAME, with llama.cpp's `meta` besides.
 *
 *   {"object": "list",
 *    "data": [{"id", "object": "model", "created", "owned_by", "meta", "aliases"}]}
 */
#include "server/endpoints.h"

#include <string.h>

#include "server/state.h"

static json_t *names_of(const struct catalog_entry *entry)
{
    json_t *names = json_array();
    for (size_t i = 1; i < entry->name_count; i++)
        if (strcmp(entry->names[i], entry->path) != 0)
            json_array_append_new(names, json_string(entry->names[i]));
    return names;
}

static json_t *describe(const struct catalog_entry *entry)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:o, s:{s:I, s:I, s:I, s:I, s:s, s:s}}", "id",
                     entry->name, "object", "model", "created", (json_int_t)entry->modified,
                     "owned_by", "primer", "aliases", names_of(entry), "meta", "n_ctx_train",
                     (json_int_t)entry->context, "n_embd", (json_int_t)entry->embedding, "n_params",
                     (json_int_t)entry->parameters, "size", (json_int_t)entry->file_bytes,
                     "architecture", entry->architecture, "type", entry->type);
}

primer_status openai_models(struct exchange *exchange, primer_error *error)
{
    json_t *list = json_array();
    const struct catalog_entry *entry;
    for (size_t i = 0; (entry = catalog_at(exchange_server(exchange)->catalog, i)) != NULL; i++)
        json_array_append_new(list, describe(entry));
    return exchange_answer_json(exchange, 200,
                                json_pack("{s:s, s:o}", "object", "list", "data", list), error);
}

primer_status openai_models_one(struct exchange *exchange, primer_error *error)
{
    const char *name = exchange_rest(exchange);
    const struct catalog_entry *entry = catalog_find(exchange_server(exchange)->catalog, name);
    char shown[128];
    if (entry != NULL)
        return exchange_answer_json(exchange, 200, describe(entry), error);
    return problem_set(exchange_problem(exchange), 404, "model_not_found", "model", PRIMER_EINVAL,
                       error, "model '%s' not found",
                       error_printable(name, strlen(name), shown, sizeof shown));
}
