/* ollama_messages.c - from Ollama's messages to those of primer_chat.h, member by member.
 *
 *   role, content                        the same; content is a text, absent: ""
 *   thinking                             reasoning_content
 *   tool_calls[].function.arguments      an object, in both
 *   tool_name (role tool)                name
 *   tool_call_id                         the same
 *   images                               refused where there are any
 */
#include "server/ollama_messages.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "server/fields.h"

enum { WHERE_BYTES = 96 };

primer_status ollama_messages_no_images(json_t *images, const char *where, struct problem *problem,
                                        primer_error *error)
{
    if (images == NULL || json_array_size(images) == 0)
        return PRIMER_OK;
    return problem_set(problem, 400, NULL, where, PRIMER_EUNSUPPORTED, error,
                       "%s: images aren't supported, expected only text", where);
}

static primer_status set_text(json_t *out, const char *name, const char *text, primer_error *error)
{
    if (text != NULL && json_object_set_new(out, name, json_string(text)) != 0)
        return memory_failure(error, "a message", strlen(text));
    return PRIMER_OK;
}

static primer_status read_function(json_t *function, const char *where, json_t *out,
                                   json_t *warnings, struct problem *problem, primer_error *error)
{
    struct fields fields = {0};
    primer_status status = PRIMER_OK;
    const char *name = NULL;
    json_t *arguments = NULL;
    TRY(fields_open(&fields, function, where, problem, error));
    fields_ignore(&fields, "index"); /* calls are counted by their order */
    TRY(fields_text(&fields, "name", &name, error));
    TRY(fields_object(&fields, "arguments", &arguments, error));
    TRY(fields_warn(&fields, warnings, error));
    if (name == NULL)
        TRY(fields_wrong(&fields, "name", error, "expected the name of a tool, found nothing"));
    TRY(set_text(out, "name", name, error));
    if (arguments == NULL ? json_object_set_new(out, "arguments", json_object()) != 0
                          : json_object_set(out, "arguments", arguments) != 0)
        FAIL(PRIMER_ENOMEM, "no memory for a call's arguments");
cleanup:
    fields_close(&fields);
    return status;
}

static primer_status read_call(json_t *call, const char *where, json_t *out, json_t *warnings,
                               struct problem *problem, primer_error *error)
{
    struct fields fields = {0};
    primer_status status = PRIMER_OK;
    char inner[WHERE_BYTES + 16];
    const char *id = NULL;
    json_t *function = NULL, *made = NULL;
    if (!json_is_object(call))
        return problem_set(problem, 400, NULL, where, PRIMER_EINVAL, error,
                           "%s: expected an object, found %s", where, fields_type_name(call));
    TRY(fields_open(&fields, call, where, problem, error));
    fields_ignore(&fields, "type"); /* "function", in OpenAI's manner */
    TRY(fields_text(&fields, "id", &id, error));
    TRY(fields_object(&fields, "function", &function, error));
    TRY(fields_warn(&fields, warnings, error));
    if (function == NULL)
        TRY(fields_wrong(&fields, "function", error, "expected an object, found nothing"));
    made = json_object();
    if (made == NULL || json_object_set(out, "function", made) != 0)
        FAIL(PRIMER_ENOMEM, "no memory for a call");
    TRY(set_text(out, "id", id, error));
    TRY(set_text(out, "type", "function", error));
    snprintf(inner, sizeof inner, "%s.function", where);
    TRY(read_function(function, inner, made, warnings, problem, error));
cleanup:
    json_decref(made);
    fields_close(&fields);
    return status;
}

static primer_status read_calls(json_t *calls, const char *where, json_t *out, json_t *warnings,
                                struct problem *problem, primer_error *error)
{
    json_t *const list = json_array();
    size_t index;
    json_t *call;
    if (list == NULL || json_object_set_new(out, "tool_calls", list) != 0)
        return memory_failure(error, "a message's calls", 0);
    json_array_foreach(calls, index, call)
    {
        char inner[WHERE_BYTES];
        json_t *const made = json_object();
        if (made == NULL || json_array_append_new(list, made) != 0)
            return memory_failure(error, "a call", 0);
        snprintf(inner, sizeof inner, "%s.tool_calls[%zu]", where, index);
        FORWARD(read_call(call, inner, made, warnings, problem, error));
    }
    return PRIMER_OK;
}

static primer_status read_texts(struct fields *fields, json_t *out, primer_error *error)
{
    static const struct {
        const char *theirs, *ours;
    } texts[] = {{"role", "role"},      {"content", "content"}, {"thinking", "reasoning_content"},
                 {"tool_name", "name"}, {"name", "name"},       {"tool_call_id", "tool_call_id"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = i == 1 ? "" : NULL;
        FORWARD(fields_text(fields, texts[i].theirs, &text, error));
        FORWARD(set_text(out, texts[i].ours, text, error));
    }
    return PRIMER_OK;
}

static primer_status read_message(json_t *message, const char *where, json_t *out, json_t *warnings,
                                  struct problem *problem, primer_error *error)
{
    struct fields fields = {0};
    primer_status status = PRIMER_OK;
    char images_where[WHERE_BYTES];
    json_t *images = NULL, *calls = NULL;
    if (!json_is_object(message))
        return problem_set(problem, 400, NULL, where, PRIMER_EINVAL, error,
                           "%s: expected an object, found %s", where, fields_type_name(message));
    TRY(fields_open(&fields, message, where, problem, error));
    TRY(read_texts(&fields, out, error));
    TRY(fields_array(&fields, "images", &images, error));
    TRY(fields_array(&fields, "tool_calls", &calls, error));
    TRY(fields_warn(&fields, warnings, error));
    if (json_object_get(out, "role") == NULL)
        TRY(fields_wrong(&fields, "role", error,
                         "expected system, user, assistant or tool, found nothing"));
    snprintf(images_where, sizeof images_where, "%s.images", where);
    TRY(ollama_messages_no_images(images, images_where, problem, error));
    if (json_array_size(calls) > 0)
        TRY(read_calls(calls, where, out, warnings, problem, error));
cleanup:
    fields_close(&fields);
    return status;
}

primer_status ollama_messages_read(json_t *messages, json_t *warnings, struct problem *problem,
                                   json_t **converted, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t index;
    json_t *message, *list = json_array();
    if (list == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a conversation");
    json_array_foreach(messages, index, message)
    {
        char where[WHERE_BYTES / 3];
        json_t *const made = json_object();
        if (made == NULL || json_array_append_new(list, made) != 0)
            FAIL(PRIMER_ENOMEM, "no memory for a message");
        snprintf(where, sizeof where, "messages[%zu]", index);
        TRY(read_message(message, where, made, warnings, problem, error));
    }
    *converted = list;
    list = NULL;
cleanup:
    json_decref(list);
    return status;
}
