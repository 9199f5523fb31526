/* ollama_request.c - members that generating and chatting share, and what is done with them before
 * a token is made.
 *
 * What would silently change an answer elsewhere is asked for here or doesn't happen: a prompt that
 * doesn't fit is refused with both numbers unless `truncate` is true in the request itself, and a
 * context that is full ends the answer unless `shift` is.
 */
#include "server/ollama_request.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "server/keep_alive.h"
#include "server/json_dump.h"
#include "server/lora.h"
#include "server/ollama_reply.h"

static bool has_gone(void *context)
{
    return exchange_gone(context);
}

primer_status ollama_request_read_target(struct ollama_target *target, struct fields *fields,
                                         primer_error *error)
{
    *target = (struct ollama_target){.name = "", .keep_alive = -1};
    FORWARD(fields_text(fields, "name", &target->name, error)); /* of old, for `model` */
    FORWARD(fields_text(fields, "model", &target->name, error));
    return keep_alive_member(fields_any(fields, "keep_alive"), "keep_alive", &target->keep_alive,
                             fields->problem, error);
}

primer_status ollama_request_use_target(const struct ollama_target *target,
                                        struct exchange *exchange, struct catalog_use *use,
                                        primer_error *error)
{
    FORWARD(catalog_use(exchange_server(exchange)->catalog, target->name, has_gone, exchange,
                        exchange_problem(exchange), use, error));
    exchange_set_model(exchange, use->entry->name);
    return PRIMER_OK;
}

/* ---- members --------------------------------------------------------------------------------- */

static primer_status read_think(struct ollama_request *request, primer_error *error)
{
    static const char *const levels[] = {"low", "medium", "high", "max"};
    json_t *const value = fields_any(&request->fields, "think");
    const char *const text = json_string_value(value);
    if (value == NULL)
        return PRIMER_OK;
    if (json_is_boolean(value)) {
        request->think = json_is_true(value) ? OLLAMA_THINK_ON : OLLAMA_THINK_OFF;
        return PRIMER_OK;
    }
    for (size_t i = 0; text != NULL && i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(text, levels[i]) == 0) {
            request->think = OLLAMA_THINK_ON;
            request->think_level = levels[i];
            return PRIMER_OK;
        }
    return fields_wrong(&request->fields, "think", error,
                        "expected true, false, \"low\", \"medium\", \"high\" or \"max\", found %s",
                        text != NULL ? "another text" : fields_type_name(value));
}

static primer_status read_format(struct ollama_request *request, primer_error *error)
{
    json_t *const value = fields_any(&request->fields, "format");
    const char *const text = json_string_value(value);
    if (value == NULL || (text != NULL && *text == '\0'))
        return PRIMER_OK;
    if (!json_is_object(value) && (text == NULL || strcmp(text, "json") != 0))
        return fields_wrong(&request->fields, "format", error,
                            "expected \"json\" or a JSON schema (an object), found %s",
                            text != NULL ? "another text" : fields_type_name(value));
    request->format = value;
    return PRIMER_OK;
}

static primer_status read_members(struct ollama_request *request, primer_error *error)
{
    struct fields *const fields = &request->fields;
    FORWARD(fields_bool(fields, "stream", &request->stream, error));
    FORWARD(fields_bool(fields, "truncate", &request->truncate, error));
    FORWARD(fields_bool(fields, "shift", &request->shift, error));
    FORWARD(fields_bool(fields, "return_progress", &request->progress, error));
    FORWARD(fields_bool(fields, "logprobs", &request->logprobs, error));
    FORWARD(fields_size(fields, "top_logprobs", 0, ANSWER_TOP_LOGPROBS_MOST, &request->top_logprobs,
                        error));
    FORWARD(lora_read(fields, &request->lora, error));
    FORWARD(read_think(request, error));
    return read_format(request, error);
}

primer_status ollama_request_open(struct ollama_request *request, struct exchange *exchange,
                                  primer_error *error)
{
    json_t *body = NULL, *options = NULL;
    struct problem *const problem = exchange_problem(exchange);
    *request = (struct ollama_request){.exchange = exchange, .stream = true};
    FORWARD(exchange_object(exchange, &body, error));
    request->warnings = json_array();
    if (request->warnings == NULL)
        return memory_failure(error, "warnings", 0);
    FORWARD(fields_open(&request->fields, body, "", problem, error));
    FORWARD(ollama_request_read_target(&request->target, &request->fields, error));
    FORWARD(read_members(request, error));
    FORWARD(fields_object(&request->fields, "options", &options, error));
    return ollama_options_read(&request->options, options, request->warnings, problem, error);
}

void ollama_request_close(struct ollama_request *request)
{
    if (request->in_use)
        catalog_end_use(exchange_server(request->exchange)->catalog, &request->held,
                        request->target.keep_alive);
    request->in_use = false;
    primer_constraint_free(request->constraint);
    primer_chat_format_free(request->format_given);
    primer_free(request->ids);
    ollama_options_free(&request->options);
    json_decref(request->warnings);
    fields_close(&request->fields);
}

/* A request's fault, whatever the library calls it. */
static primer_status blame(struct ollama_request *request, const char *param, primer_status status,
                           primer_error *error)
{
    if (status != PRIMER_EINVAL && status != PRIMER_EFORMAT && status != PRIMER_EUNSUPPORTED &&
        status != PRIMER_ELIMIT)
        return status;
    const primer_error found = *error;
    return problem_set(exchange_problem(request->exchange), 400, NULL, param, status, error,
                       "%s: %s", param, found.message);
}

/* ---- the model ------------------------------------------------------------------------------- */

primer_status ollama_request_use(struct ollama_request *request, primer_error *error)
{
    struct exchange *const exchange = request->exchange;
    FORWARD(fields_warn(&request->fields, request->warnings, error));
    FORWARD(ollama_request_use_target(&request->target, exchange, &request->held, error));
    request->in_use = true;
    request->use = request->held;
    FORWARD(lora_apply(request->lora, &request->use, exchange_problem(exchange), error));
    FORWARD(server_answer_session_options(exchange, &request->use, request->options.num_ctx,
                                          request->warnings, &request->session, error));
    request->context = request->session.context;
    return PRIMER_OK;
}

primer_status ollama_request_load(struct ollama_request *request, bool chat, primer_error *error)
{
    struct exchange *const exchange = request->exchange;
    struct catalog *const catalog = exchange_server(exchange)->catalog;
    const struct catalog_entry *const entry = catalog_find(catalog, request->target.name);
    const bool unload = request->target.keep_alive == 0;
    if (unload && entry != NULL)
        catalog_unload(catalog, entry);
    else
        FORWARD(ollama_request_use(request, error)); /* says what is wrong with an unknown name */
    return ollama_reply_loaded(request, chat, unload, error);
}

static primer_status set_template(struct ollama_request *request, const char *text,
                                  primer_error *error)
{
    const primer_status status = primer_chat_format_go(request->use.model, text, strlen(text),
                                                       &request->format_given, error);
    if (status == PRIMER_OK)
        request->use.format = request->format_given;
    return blame(request, "template", status, error);
}

primer_status ollama_request_set_format(struct ollama_request *request, const char *template_text,
                                        primer_error *error)
{
    if (*template_text != '\0')
        FORWARD(set_template(request, template_text, error));
    if (request->think == OLLAMA_THINK_ON && !primer_chat_format_thinks(request->use.format))
        return problem_set(exchange_problem(request->exchange), 400, NULL, "think",
                           PRIMER_EUNSUPPORTED, error, "\"%s\" does not support thinking",
                           request->use.entry->name);
    return PRIMER_OK;
}

json_t *ollama_request_variables(const struct ollama_request *request)
{
    const char *const level = request->think_level;
    const bool on = request->think != OLLAMA_THINK_OFF;
    json_t *const variables = json_object();
    bool complete = variables != NULL;
    if (complete && primer_chat_format_thinks(request->use.format))
        complete = json_object_set_new(variables, "enable_thinking", json_boolean(on)) == 0 &&
                   json_object_set_new(variables, "think",
                                       level != NULL ? json_string(level) : json_boolean(on)) == 0;
    if (complete && level != NULL)
        complete = json_object_set_new(variables, "reasoning_effort", json_string(level)) == 0;
    if (complete)
        return variables;
    json_decref(variables);
    return NULL;
}

/* The end of the sentence about a prompt that doesn't fit: whether leaving out helps. */
static void say_truncate(const struct ollama_request *request, char *text, size_t size)
{
    const char *const what = request->droppable;
    const bool dropped = request->dropped_messages > 0 || request->dropped_tokens > 0;
    if (what == NULL)
        snprintf(text, size, "%s",
                 request->truncate ? "; there is nothing that \"truncate\" could leave out" : "");
    else if (!request->truncate)
        snprintf(text, size, ", or send \"truncate\": true to leave out the oldest %s", what);
    else
        snprintf(text, size, "; the oldest %s %s", what,
                 dropped ? "are left out already" : "can't be left out");
}

primer_status ollama_request_check_fit(struct ollama_request *request, primer_error *error)
{
    struct problem *const problem = exchange_problem(request->exchange);
    char truncate[96];
    if (request->count < request->context)
        return PRIMER_OK;
    say_truncate(request, truncate, sizeof truncate);
    const primer_status status =
        problem_set(problem, 400, "exceed_context_size_error", NULL, PRIMER_ELIMIT, error,
                    "the prompt has %zu tokens, the context holds %zu with the answer; shorten it, "
                    "ask for a larger options.num_ctx%s",
                    request->count, request->context, truncate);
    if (problem != NULL) {
        problem->prompt_tokens = request->count;
        problem->context_tokens = request->context;
    }
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static primer_status constrain_format(struct ollama_request *request, primer_error *error)
{
    struct buffer schema = {0};
    primer_status status = PRIMER_OK;
    if (json_is_string(request->format))
        return primer_constraint_json(true, &request->constraint, error);
    TRY(json_dump_append(&schema, request->format, error));
    TRY(blame(request, "format",
              primer_constraint_schema(schema.bytes, schema.length, &request->constraint, error),
              error));
cleanup:
    buffer_free(&schema);
    return status;
}

/* A model that may call and may not keeps to text where its tools' schemas say more than can be
 * enforced; one that must call can't be left without. */
static primer_status constrain_tools(struct ollama_request *request,
                                     const struct ollama_answer *answer, primer_error *error)
{
    static const char any[] = "{\"type\":\"object\"}";
    struct buffer tools = {0}, form = {0};
    primer_status status = PRIMER_OK;
    TRY(json_dump_append(&tools, answer->tools, error));
    if (json_is_string(request->format))
        TRY(buffer_text(&form, any, error));
    else if (request->format != NULL)
        TRY(json_dump_append(&form, request->format, error));
    status = primer_constraint_tools(request->use.format, tools.bytes, tools.length, answer->choice,
                                     true, form.bytes, form.length, &request->constraint, error);
    if (status == PRIMER_EUNSUPPORTED && form.bytes == NULL && strcmp(answer->choice, "auto") == 0)
        status = json_array_append_new(request->warnings,
                                       json_sprintf("tools: not enforced: %s", error->message)) == 0
                     ? PRIMER_OK
                     : memory_failure(error, "warnings", 0);
    TRY(blame(request, "tools", status, error));
cleanup:
    buffer_free(&form);
    buffer_free(&tools);
    return status;
}

static primer_status set_shift(struct ollama_request *request, primer_error *error)
{
    const size_t wanted = request->options.keep;
    const size_t keep = wanted < request->count ? wanted : request->count;
    request->session.drop_oldest = request->shift;
    request->session.keep = keep;
    if (!request->shift || keep <= request->context / 2)
        return PRIMER_OK;
    return problem_set(exchange_problem(request->exchange), 400, NULL, "options.num_keep",
                       PRIMER_ELIMIT, error,
                       "options.num_keep: %zu tokens would be kept of a context of %zu that is to "
                       "shift; at most half of it can be",
                       keep, request->context);
}

primer_status ollama_request_answer(struct ollama_request *request,
                                    const struct ollama_answer *answer, primer_error *error)
{
    const bool tools = answer->choice != NULL && json_array_size(answer->tools) > 0;
    FORWARD(ollama_request_check_fit(request, error));
    if (tools)
        FORWARD(constrain_tools(request, answer, error));
    else if (request->format != NULL)
        FORWARD(constrain_format(request, error));
    FORWARD(set_shift(request, error));
    const struct answer_request prompt = {
        .use = &request->use,
        .ids = request->ids,
        .count = request->count,
        .session = request->session,
        .sampling = request->options.sampling,
        .seeded = request->options.seeded,
        .max_tokens = request->options.max_tokens,
        .stops = request->options.stops,
        .stop_count = request->options.stop_count,
        .logprobs = request->logprobs,
        .top_logprobs = request->top_logprobs,
        .constraint = request->constraint,
        .chat = answer->parsed,
        .tools = tools,
        .required =
            tools && strcmp(answer->choice, "auto") != 0 && strcmp(answer->choice, "none") != 0,
        .thoughts = request->thoughts,
        .progress = request->progress && request->stream,
    };
    return ollama_reply_run(request, answer, &prompt, error);
}
