/* ollama_show.c - POST /api/show: what editors read before they offer a model.
 *
 *   {model or name, verbose}
 *   -> {"license", "modelfile", "parameters", "template", "system", "details", "model_info",
 *       "tensors" (verbose), "capabilities", "modified_at"}
 *
 * model_info holds every key of the file; arrays of more than 5 elements are null unless `verbose`.
 * What programs ask for and a file may lack is filled in: general.basename (shown as the model's
 * name), general.parameter_count, ARCHITECTURE.context_length. `parameters` has lines of a name
 * padded to 30 columns and a value, texts in quotes.
 */
#include "server/endpoints.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "primer.h"
#include "server/fields.h"
#include "server/ollama_details.h"
#include "server/ollama_request.h"
#include "server/ollama_time.h"
#include "server/state.h"

struct show {
    const struct catalog_entry *entry;
    json_t *description;
    struct buffer parameters, modelfile;
    bool verbose;
};

/* ---- texts ----------------------------------------------------------------------------------- */

/* The stop strings of a loaded model's format: before it is loaded nobody knows which that is. */
static primer_status append_stops(struct show *show, struct catalog *catalog, primer_error *error)
{
    struct catalog_use use;
    size_t count = 0;
    primer_status status = PRIMER_OK;
    if (!catalog_use_loaded(catalog, show->entry, &use))
        return PRIMER_OK;
    const char *const *const stops = primer_chat_format_stops(use.format, &count);
    for (size_t i = 0; i < count; i++) {
        TRY(buffer_format(&show->parameters, error, "%s%-30s ",
                          show->parameters.length > 0 ? "\n" : "", "stop"));
        TRY(buffer_json_string(&show->parameters, stops[i], strlen(stops[i]), error));
        TRY(buffer_text(&show->modelfile, "PARAMETER stop ", error));
        TRY(buffer_json_string(&show->modelfile, stops[i], strlen(stops[i]), error));
        TRY(buffer_text(&show->modelfile, "\n", error));
    }
cleanup:
    catalog_end_use(catalog, &use, CATALOG_KEEP_UNCHANGED);
    return status;
}

static primer_status write_texts(struct show *show, struct exchange *exchange, primer_error *error)
{
    struct server *const server = exchange_server(exchange);
    const char *const template_text = show->entry->chat_template;
    FORWARD(buffer_format(&show->modelfile, error, "# %s\nFROM %s\n", show->entry->name,
                          file_base_name(show->entry->path)));
    if (template_text != NULL)
        FORWARD(buffer_format(&show->modelfile, error, "TEMPLATE \"\"\"%s\"\"\"\n", template_text));
    FORWARD(buffer_text(&show->parameters, "", error));
    if (server->options.session.context > 0)
        FORWARD(buffer_format(&show->parameters, error, "%-30s %zu", "num_ctx",
                              server->options.session.context));
    return append_stops(show, server->catalog, error);
}

/* ---- metadata -------------------------------------------------------------------------------- */

static bool set_missing(json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key) == NULL)
        return json_object_set_new(object, key, value) == 0;
    json_decref(value);
    return true;
}

/* A new reference; NULL: no memory. */
static json_t *model_info(const struct show *show)
{
    const struct catalog_entry *const entry = show->entry;
    json_t *const info = json_object_get(show->description, "metadata");
    const char *const shown = *entry->general_name != '\0' ? entry->general_name : entry->name;
    char key[160];
    snprintf(key, sizeof key, "%.100s.context_length", entry->architecture);
    return set_missing(info, "general.architecture", json_string(entry->architecture)) &&
                   set_missing(info, "general.basename", json_string(shown)) &&
                   set_missing(info, "general.parameter_count",
                               json_integer((json_int_t)entry->parameters)) &&
                   set_missing(info, key, json_integer((json_int_t)entry->context))
               ? json_incref(info)
               : NULL;
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static json_t *body_of(const struct show *show)
{
    char modified[OLLAMA_TIME_BYTES];
    const json_t *const metadata = json_object_get(show->description, "metadata");
    const char *const license = json_string_value(json_object_get(metadata, "general.license"));
    ollama_time_plain(show->entry->modified, clock_wall_seconds(), modified);
    json_t *const body = json_pack(
        "{s:s%, s:s%, s:s, s:s, s:o, s:o, s:o, s:s}", "modelfile", show->modelfile.bytes,
        show->modelfile.length, "parameters", show->parameters.bytes, show->parameters.length,
        "template", text_or_empty(show->entry->chat_template), "system", "", "details",
        ollama_details(show->entry), "model_info", model_info(show), "capabilities",
        ollama_details_capabilities(show->entry, show->description), "modified_at", modified);
    if (body != NULL && license != NULL)
        json_object_set_new(body, "license", json_string(license));
    if (body != NULL && show->verbose)
        json_object_set(body, "tensors", json_object_get(show->description, "tensors"));
    return body;
}

/* ---- the call -------------------------------------------------------------------------------- */

static primer_status read_show(struct show *show, struct exchange *exchange, primer_error *error)
{
    struct fields fields = {0};
    struct ollama_target target;
    json_t *body = NULL;
    primer_status status = PRIMER_OK;
    TRY(exchange_object(exchange, &body, error));
    TRY(fields_open(&fields, body, "", exchange_problem(exchange), error));
    TRY(ollama_request_read_target(&target, &fields, error));
    TRY(fields_bool(&fields, "verbose", &show->verbose, error));
    show->entry = catalog_find(exchange_server(exchange)->catalog, target.name);
    if (show->entry == NULL)
        TRY(problem_set(exchange_problem(exchange), 404, "model_not_found", "model", PRIMER_EINVAL,
                        error, "model '%s' not found", target.name));
    exchange_set_model(exchange, show->entry->name);
cleanup:
    fields_close(&fields);
    return status;
}

primer_status ollama_show(struct exchange *exchange, primer_error *error)
{
    struct show show = {0};
    primer_status status = PRIMER_OK;
    TRY(read_show(&show, exchange, error));
    TRY(ollama_details_describe(show.entry,
                                show.verbose ? PRIMER_DESCRIBE_ARRAYS | PRIMER_DESCRIBE_TENSORS : 0,
                                &show.description, error));
    TRY(write_texts(&show, exchange, error));
    TRY(exchange_answer_json(exchange, 200, body_of(&show), error));
cleanup:
    buffer_free(&show.parameters);
    buffer_free(&show.modelfile);
    json_decref(show.description);
    return status;
}
