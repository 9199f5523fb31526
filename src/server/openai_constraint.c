/* openai_constraint.c - see openai_constraint.h. */
#include "server/openai_constraint.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "server/json_dump.h"

enum { CHOICES_MOST = 1024 };

/* Names the member before what the constraint's maker says. */
static primer_status named(struct openai_request *request, const char *member, primer_status status,
                           primer_error *error)
{
    if (status == PRIMER_OK || status == PRIMER_ENOMEM)
        return status;
    char said[sizeof error->message];
    snprintf(said, sizeof said, "%s", error->message);
    return problem_set(request->fields.problem, 400, NULL, member, status, error, "%s: %s", member,
                       said);
}

/* A second constraint is refused. */
static primer_status check_alone(struct openai_request *request, const char *member,
                                 primer_error *error)
{
    if (request->constraint == NULL)
        return PRIMER_OK;
    return fields_wrong(&request->fields, member, error,
                        "the answer is constrained already by another member; only one can hold");
}

static primer_status set_schema(struct openai_request *request, const char *member,
                                const json_t *schema, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(check_alone(request, member, error));
    TRY(json_dump_append(&text, schema, error));
    TRY(named(request, member,
              primer_constraint_schema(text.bytes, text.length, &request->constraint, error),
              error));

cleanup:
    buffer_free(&text);
    return status;
}

static bool is_schema(const json_t *value)
{
    return json_is_object(value) || json_is_boolean(value);
}

/* {"type": "json_schema", "json_schema": {"schema"}} or with "schema" beside the type. */
static primer_status read_json_schema(struct openai_request *request, json_t *format,
                                      json_t **schema, primer_error *error)
{
    json_t *found = json_object_get(format, "schema");
    json_t *outer = json_object_get(format, "json_schema");
    if (found == NULL && outer != NULL)
        found = json_object_get(outer, "schema");
    if (!is_schema(found))
        return fields_wrong(&request->fields, "response_format", error,
                            "expected an object json_schema with a member schema, found %s",
                            found == NULL ? "none" : "something else");
    *schema = json_incref(found);
    return PRIMER_OK;
}

/* What response_format asks for; NULL: text. A new reference. */
static primer_status read_response_format(struct openai_request *request, json_t **schema,
                                          primer_error *error)
{
    json_t *format = NULL;
    FORWARD(fields_object(&request->fields, "response_format", &format, error));
    if (format == NULL)
        return PRIMER_OK;
    const char *type = json_string_value(json_object_get(format, "type"));
    if (type != NULL && strcmp(type, "text") == 0)
        return PRIMER_OK;
    if (type != NULL && strcmp(type, "json_schema") == 0)
        return read_json_schema(request, format, schema, error);
    if (type == NULL || strcmp(type, "json_object") != 0)
        return fields_wrong(&request->fields, "response_format", error,
                            "type: expected \"text\", \"json_object\" or \"json_schema\"");
    json_t *given = json_object_get(format, "schema");
    *schema = is_schema(given) ? json_incref(given) : json_pack("{s:s}", "type", "object");
    return *schema != NULL ? PRIMER_OK : memory_failure(error, "a schema", 64);
}

/* Beside tools it belongs to their constraint. */
static primer_status take_response_format(struct openai_request *request, primer_error *error)
{
    json_t *schema = NULL;
    if (request->answer.tools)
        return PRIMER_OK;
    FORWARD(read_response_format(request, &schema, error));
    const primer_status status =
        schema == NULL ? PRIMER_OK : set_schema(request, "response_format", schema, error);
    json_decref(schema);
    return status;
}

static primer_status take_text(struct openai_request *request, const char *member,
                               primer_status (*make)(const char *, size_t, primer_constraint **,
                                                     primer_error *),
                               primer_error *error)
{
    const char *text = NULL;
    FORWARD(fields_text(&request->fields, member, &text, error));
    if (text == NULL || *text == '\0')
        return PRIMER_OK;
    FORWARD(check_alone(request, member, error));
    return named(request, member, make(text, strlen(text), &request->constraint, error), error);
}

static primer_status take_choice(struct openai_request *request, const char *member,
                                 primer_error *error)
{
    const char **choices = NULL;
    size_t count = 0;
    FORWARD(fields_texts(&request->fields, member, CHOICES_MOST, &choices, &count, error));
    if (choices != NULL && count == 0) {
        memory_free(choices);
        return fields_wrong(&request->fields, member, error, "expected one text at least");
    }
    primer_status status = count == 0 ? PRIMER_OK : check_alone(request, member, error);
    if (status == PRIMER_OK && count > 0)
        status =
            named(request, member,
                  primer_constraint_choice(choices, count, &request->constraint, error), error);
    memory_free(choices);
    return status;
}

static primer_status take_schema(struct openai_request *request, const char *member,
                                 primer_error *error)
{
    json_t *schema = fields_any(&request->fields, member);
    if (schema == NULL)
        return PRIMER_OK;
    if (!is_schema(schema))
        return fields_wrong(&request->fields, member, error, "expected an object, found %s",
                            fields_type_name(schema));
    return set_schema(request, member, schema, error);
}

primer_status openai_constraint_format(struct openai_request *request, primer_error *error)
{
    FORWARD(take_response_format(request, error));
    FORWARD(take_schema(request, "json_schema", error));
    FORWARD(take_schema(request, "guided_json", error));
    FORWARD(take_text(request, "grammar", primer_constraint_grammar, error));
    FORWARD(take_text(request, "guided_grammar", primer_constraint_grammar, error));
    FORWARD(take_text(request, "regex", primer_constraint_regex, error));
    FORWARD(take_text(request, "guided_regex", primer_constraint_regex, error));
    FORWARD(take_choice(request, "choice", error));
    FORWARD(take_choice(request, "guided_choice", error));
    request->answer.constraint = request->constraint;
    return PRIMER_OK;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static const char *tool_name(const json_t *tool)
{
    return json_string_value(json_object_get(json_object_get(tool, "function"), "name"));
}

static primer_status check_tools(struct openai_request *request, const json_t *tools,
                                 primer_error *error)
{
    size_t i;
    json_t *tool;
    json_array_foreach(tools, i, tool)
    {
        char member[48];
        snprintf(member, sizeof member, "tools[%zu]", i);
        const char *type = json_string_value(json_object_get(tool, "type"));
        if (!json_is_object(tool) || (type != NULL && strcmp(type, "function") != 0))
            return fields_wrong(&request->fields, member, error,
                                "expected an object of type \"function\"");
        if (tool_name(tool) == NULL)
            return fields_wrong(&request->fields, member, error, "function.name: expected a text");
    }
    return PRIMER_OK;
}

/* "none", "auto", "required" or a tool's name. */
static primer_status read_choice(struct openai_request *request, const json_t *tools,
                                 const char **choice, primer_error *error)
{
    json_t *given = fields_any(&request->fields, "tool_choice");
    size_t i;
    json_t *tool;
    if (given == NULL)
        return PRIMER_OK;
    if (json_is_string(given)) {
        const char *text = json_string_value(given);
        if (strcmp(text, "none") != 0 && strcmp(text, "auto") != 0 && strcmp(text, "required") != 0)
            return fields_wrong(&request->fields, "tool_choice", error,
                                "expected \"none\", \"auto\", \"required\" or a function, found "
                                "\"%.40s\"",
                                text);
        *choice = text;
        return PRIMER_OK;
    }
    const char *name = json_is_object(given) ? tool_name(given) : NULL;
    if (name == NULL)
        return fields_wrong(&request->fields, "tool_choice", error,
                            "expected {\"type\":\"function\",\"function\":{\"name\":...}}");
    json_array_foreach(tools, i, tool)
    {
        if (strcmp(tool_name(tool), name) == 0) {
            *choice = name;
            return PRIMER_OK;
        }
    }
    return fields_wrong(&request->fields, "tool_choice", error, "there is no tool \"%.64s\"", name);
}

static bool any_strict(const json_t *tools)
{
    size_t i;
    json_t *tool;
    json_array_foreach(tools, i, tool)
    {
        if (json_is_true(json_object_get(json_object_get(tool, "function"), "strict")))
            return true;
    }
    return false;
}

/* A model that may call and need not is left without a constraint, and the client told, where its
 * tools' schemas say more than can be enforced and none is strict. */
static primer_status not_enforced(struct openai_request *request, primer_error *error)
{
    return json_array_append_new(request->warnings,
                                 json_sprintf("tools: not enforced: %s", error->message)) == 0
               ? PRIMER_OK
               : memory_failure(error, "warnings", 64);
}

static primer_status constrain(struct openai_request *request, const json_t *tools,
                               const char *choice, bool parallel, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0}, form = {0};
    json_t *schema = NULL;
    TRY(check_alone(request, "tools", error));
    TRY(read_response_format(request, &schema, error));
    TRY(json_dump_append(&text, tools, error));
    if (schema != NULL)
        TRY(json_dump_append(&form, schema, error));
    status = primer_constraint_tools(request->use.format, text.bytes, text.length, choice, parallel,
                                     schema == NULL ? NULL : form.bytes, form.length,
                                     &request->constraint, error);
    if (status == PRIMER_EUNSUPPORTED && schema == NULL && strcmp(choice, "auto") == 0 &&
        !any_strict(tools))
        status = not_enforced(request, error);
    status = named(request, "tools", status, error);

cleanup:
    json_decref(schema);
    buffer_free(&text);
    buffer_free(&form);
    return status;
}

primer_status openai_constraint_tools(struct openai_request *request, json_t **tools,
                                      primer_error *error)
{
    json_t *given = NULL;
    const char *choice = "auto";
    bool parallel = true;
    static const char old[] = "isn't supported any more by its own API; use tools and tool_choice";
    FORWARD(fields_refuse(&request->fields, "functions", old, error));
    FORWARD(fields_refuse(&request->fields, "function_call", old, error));
    FORWARD(fields_array(&request->fields, "tools", &given, error));
    FORWARD(fields_bool(&request->fields, "parallel_tool_calls", &parallel, error));
    if (given != NULL)
        FORWARD(check_tools(request, given, error));
    FORWARD(read_choice(request, given, &choice, error));
    const bool any = given != NULL && json_array_size(given) > 0;
    if (!any && strcmp(choice, "required") == 0)
        return fields_wrong(&request->fields, "tool_choice", error, "there are no tools");
    if (!any)
        return PRIMER_OK;
    *tools = given; /* also with "none": the prompt stays what it was in the turn before */
    request->answer.tools = true;
    request->answer.required = strcmp(choice, "auto") != 0 && strcmp(choice, "none") != 0;
    return constrain(request, given, choice, parallel, error);
}
