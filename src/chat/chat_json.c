/* chat_json.c - reading conversations; messages name the member: "messages[2].tool_calls[0].
 * function.name: expected a text, found a number".
 *
 * Members that mean nothing here are left alone. Each call of a turn gets an id of its own, where
 * it came without one or with another's, and each result the id of the call that it answers:
 *
 *   calls    a   a   -   -        became  a  call00001  call00002  call00003
 *   results  a   a   -   x                the same, in this order
 */
#include "chat/chat_json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define PATH_BYTES 128

/* A value and what messages call it. */
struct member {
    json_t *value; /* borrowed; NULL: missing */
    char path[PATH_BYTES];
};

const char *chat_json_kind(const json_t *value)
{
    if (value == NULL)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

static int append_piece(const char *bytes, size_t length, void *text)
{
    return buffer_append(text, bytes, length, NULL) == PRIMER_OK ? 0 : -1;
}

primer_status chat_json_append(struct buffer *text, const json_t *value, size_t flags,
                               primer_error *error)
{
    return json_dump_callback(value, append_piece, text, flags) == 0
               ? PRIMER_OK
               : memory_failure(error, "the conversation", text->length);
}

static struct member member_of(const struct member *object, const char *name)
{
    struct member member = {.value = json_object_get(object->value, name)};
    if (object->path[0] == '\0')
        snprintf(member.path, sizeof member.path, "%s", name);
    else
        snprintf(member.path, sizeof member.path, "%.80s.%s", object->path, name);
    if (json_is_null(member.value))
        member.value = NULL;
    return member;
}

static struct member item_of(const struct member *array, size_t index)
{
    struct member member = {.value = json_array_get(array->value, index)};
    snprintf(member.path, sizeof member.path, "%.100s[%zu]", array->path, index);
    return member;
}

static primer_status unexpected(const struct member *member, const char *expected,
                                primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s: expected %s, found %s", member->path, expected,
                     chat_json_kind(member->value));
}

static primer_status want_object(const struct member *member, primer_error *error)
{
    return json_is_object(member->value) ? PRIMER_OK : unexpected(member, "an object", error);
}

static primer_status want_text(const struct member *member, primer_error *error)
{
    return json_is_string(member->value) ? PRIMER_OK : unexpected(member, "a text", error);
}

static primer_status want_list(const struct member *member, size_t most, primer_error *error)
{
    if (!json_is_array(member->value))
        return unexpected(member, "a list", error);
    if (json_array_size(member->value) <= most)
        return PRIMER_OK;
    return error_set(error, PRIMER_ELIMIT, "%s: %zu items, at most %zu are taken", member->path,
                     json_array_size(member->value), most);
}

/* A text that may be missing, to `out` under the same name. */
static primer_status keep_text(const struct member *object, const char *name, json_t *out,
                               primer_error *error)
{
    const struct member member = member_of(object, name);
    if (member.value == NULL)
        return PRIMER_OK;
    FORWARD(want_text(&member, error));
    return json_object_set(out, name, member.value) == 0
               ? PRIMER_OK
               : memory_failure(error, "the conversation", sizeof member);
}

static bool is_too_deep(const json_t *value, size_t left)
{
    const char *name;
    json_t *item;
    size_t index;
    if (left == 0)
        return json_is_object(value) || json_is_array(value);
    json_t *const changeable = (json_t *)(uintptr_t)value; /* jansson's iterators want it so */
    json_object_foreach(changeable, name, item) if (is_too_deep(item, left - 1)) return true;
    json_array_foreach(changeable, index, item) if (is_too_deep(item, left - 1)) return true;
    return false;
}

static primer_status parse(const char *json, size_t length, const char *what, json_t **out,
                           primer_error *error)
{
    json_error_t problem;
    if (length > CHAT_JSON_BYTES)
        return error_set(error, PRIMER_ELIMIT, "%s: %zu bytes, at most %zu are taken", what, length,
                         CHAT_JSON_BYTES);
    json_t *const value = json_loadb(json, length, JSON_DECODE_ANY, &problem);
    if (value == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return memory_failure(error, "the conversation", length);
    if (value == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: no JSON: line %d, column %d: %s", what,
                         problem.line, problem.column, problem.text);
    if (!is_too_deep(value, CHAT_JSON_DEPTH)) {
        *out = value;
        return PRIMER_OK;
    }
    json_decref(value);
    return error_set(error, PRIMER_ELIMIT, "%s: nested more than %d levels deep", what,
                     CHAT_JSON_DEPTH);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* A part of a content, appended to the text of the ones before: on a line of its own. */
static primer_status read_part(const struct member *part, struct buffer *text, primer_error *error)
{
    FORWARD(want_object(part, error));
    const struct member kind = member_of(part, "type");
    FORWARD(want_text(&kind, error));
    char shown[48];
    if (strcmp(json_string_value(kind.value), "text") != 0)
        return error_set(error, PRIMER_EUNSUPPORTED, "%s: \"%s\": only parts of text are read",
                         kind.path,
                         error_printable(json_string_value(kind.value),
                                         json_string_length(kind.value), shown, sizeof shown));
    const struct member words = member_of(part, "text");
    FORWARD(want_text(&words, error));
    if (text->length > 0)
        FORWARD(buffer_text(text, "\n", error));
    return buffer_append(text, json_string_value(words.value), json_string_length(words.value),
                         error);
}

/* NULL: there is none. */
static primer_status read_content(const struct member *content, json_t **out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    *out = NULL;
    if (content->value == NULL)
        return PRIMER_OK;
    if (json_is_string(content->value)) {
        *out = json_incref(content->value);
        return PRIMER_OK;
    }
    if (!json_is_array(content->value))
        return unexpected(content, "a text or a list of parts", error);
    TRY(want_list(content, CHAT_JSON_MESSAGES, error));
    TRY(buffer_reserve(&text, 1, error));
    for (size_t i = 0; i < json_array_size(content->value); i++) {
        const struct member part = item_of(content, i);
        TRY(read_part(&part, &text, error));
    }
    *out = json_stringn_nocheck(text.bytes, text.length);
    if (*out == NULL)
        status = memory_failure(error, "the conversation", text.length);

cleanup:
    buffer_free(&text);
    return status;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Given as an object, or as a text, which need not be that of an object: an answer may have been
 * cut inside it. Nothing at all is an empty object. */
static primer_status read_arguments(const struct member *arguments, json_t **out,
                                    primer_error *error)
{
    json_t *read = NULL;
    const char *const text = json_string_value(arguments->value);
    const size_t length = json_string_length(arguments->value);
    if (arguments->value == NULL || (text != NULL && length == 0)) {
        *out = json_object();
        return *out != NULL ? PRIMER_OK : memory_failure(error, "the conversation", 1);
    }
    if (text == NULL && !json_is_object(arguments->value))
        return unexpected(arguments, "an object, or a text", error);
    if (text != NULL && parse(text, length, arguments->path, &read, NULL) == PRIMER_ENOMEM)
        return memory_failure(error, "the conversation", length);
    *out = json_is_object(read) ? json_incref(read) : json_incref(arguments->value);
    json_decref(read);
    return PRIMER_OK;
}

/* The calls of a turn, which wait for their results. */
struct waiting {
    json_t *calls;                      /* as made, borrowed; NULL: there were none yet */
    const char *given[CHAT_JSON_CALLS]; /* the ids that they came with, borrowed; NULL: none */
    const char *ids[CHAT_JSON_CALLS];   /* and those that they have, borrowed */
    bool answered[CHAT_JSON_CALLS];
    size_t left;     /* calls without a result */
    json_t *results; /* those that don't say of which call, in order */
    size_t number;   /* of the conversation's next call */
};

/* A text that isn't empty, or NULL. */
static const char *text_of(const json_t *value)
{
    return json_string_length(value) > 0 ? json_string_value(value) : NULL;
}

static bool is_taken(const struct waiting *waiting, const char *id)
{
    for (size_t i = 0; i < json_array_size(waiting->calls); i++)
        if (strcmp(waiting->ids[i], id) == 0)
            return true;
    return false;
}

/* The id it came with, unless another call of the turn has that one; else one by its number. */
static json_t *make_id(const struct waiting *waiting, const char *given, size_t number)
{
    char own[32];
    if (given != NULL && !is_taken(waiting, given))
        return json_string(given);
    do
        snprintf(own, sizeof own, "call%05zu", number++ % 100000);
    while (is_taken(waiting, own));
    return json_string(own);
}

static primer_status read_call(const struct member *call, struct waiting *waiting,
                               primer_error *error)
{
    const size_t index = json_array_size(waiting->calls);
    json_t *arguments = NULL;
    FORWARD(want_object(call, error));
    const struct member id = member_of(call, "id"), function = member_of(call, "function");
    if (id.value != NULL)
        FORWARD(want_text(&id, error));
    FORWARD(want_object(&function, error));
    const struct member name = member_of(&function, "name"),
                        given = member_of(&function, "arguments");
    FORWARD(want_text(&name, error));
    if (json_string_length(name.value) == 0)
        return error_set(error, PRIMER_EFORMAT, "%s: is empty", name.path);
    FORWARD(read_arguments(&given, &arguments, error));
    waiting->given[index] = text_of(id.value);
    waiting->answered[index] = false;
    waiting->left++;
    json_t *const own = make_id(waiting, waiting->given[index], waiting->number++);
    waiting->ids[index] = json_string_value(own);
    json_t *const made = json_pack("{s:o, s:s, s:{s:O, s:o}}", "id", own, "type", "function",
                                   "function", "name", name.value, "arguments", arguments);
    return json_array_append_new(waiting->calls, made) == 0
               ? PRIMER_OK
               : memory_failure(error, "the conversation", sizeof *call);
}

/* ---- results --------------------------------------------------------------------------------- */

static primer_status answer_call(struct waiting *waiting, size_t index, json_t *result,
                                 primer_error *error)
{
    waiting->answered[index] = true;
    waiting->left--;
    return json_object_set(result, "tool_call_id",
                           json_object_get(json_array_get(waiting->calls, index), "id")) == 0
               ? PRIMER_OK
               : memory_failure(error, "the conversation", 1);
}

/* The first call that waits for a result and came with this id; SIZE_MAX: none. *known: one came
 * with it, be it answered or not. */
static size_t find_call(const struct waiting *waiting, const char *id, bool *known)
{
    *known = false;
    for (size_t i = 0; i < json_array_size(waiting->calls); i++) {
        if (waiting->given[i] == NULL || strcmp(waiting->given[i], id) != 0)
            continue;
        *known = true;
        if (!waiting->answered[i])
            return i;
    }
    return SIZE_MAX;
}

/* A result answers the call of its id. Those without an id, or with one that no call came with,
 * wait until all results are there: they are for the calls that are left. */
static primer_status read_result(json_t *result, struct waiting *waiting, primer_error *error)
{
    const char *const id = text_of(json_object_get(result, "tool_call_id"));
    bool known = false;
    const size_t index = id == NULL ? SIZE_MAX : find_call(waiting, id, &known);
    if (id == NULL)
        json_object_del(result, "tool_call_id");
    if (index != SIZE_MAX)
        return answer_call(waiting, index, result, error);
    if (known || json_array_append(waiting->results, result) == 0)
        return PRIMER_OK;
    return memory_failure(error, "the conversation", 1);
}

/* The first call that waits and may be the one of a result that doesn't say so by an id, SIZE_MAX:
 * none. With an id of its own the result doesn't answer a call with another. */
static size_t find_left(const struct waiting *waiting, const json_t *result, bool same_name)
{
    const bool own = json_object_get(result, "tool_call_id") != NULL;
    const char *const said = json_string_value(json_object_get(result, "name"));
    for (size_t i = 0; i < json_array_size(waiting->calls); i++) {
        if (waiting->answered[i] || (own && waiting->given[i] != NULL))
            continue;
        const json_t *const function =
            json_object_get(json_array_get(waiting->calls, i), "function");
        const char *const name = json_string_value(json_object_get(function, "name"));
        if (!same_name || (said != NULL && strcmp(said, name) == 0))
            return i;
    }
    return SIZE_MAX;
}

/* Results that didn't say of which call: of the first left whose tool has their name, else of the
 * first left. */
static primer_status settle_results(struct waiting *waiting, primer_error *error)
{
    for (size_t i = 0; i < json_array_size(waiting->results) && waiting->left > 0; i++) {
        json_t *const result = json_array_get(waiting->results, i);
        size_t index = find_left(waiting, result, true);
        if (index == SIZE_MAX)
            index = find_left(waiting, result, false);
        if (index != SIZE_MAX)
            FORWARD(answer_call(waiting, index, result, error));
    }
    json_array_clear(waiting->results);
    return PRIMER_OK;
}

static primer_status read_calls(const struct member *calls, json_t *message,
                                struct waiting *waiting, primer_error *error)
{
    if (calls->value == NULL)
        return PRIMER_OK;
    FORWARD(want_list(calls, CHAT_JSON_CALLS, error));
    const size_t count = json_array_size(calls->value);
    if (count == 0)
        return PRIMER_OK;
    FORWARD(settle_results(waiting, error));
    json_t *const list = json_array();
    if (json_object_set_new(message, "tool_calls", list) != 0)
        return memory_failure(error, "the conversation", count);
    waiting->calls = list;
    waiting->left = 0;
    for (size_t i = 0; i < count; i++) {
        const struct member call = item_of(calls, i);
        FORWARD(read_call(&call, waiting, error));
    }
    return PRIMER_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

static primer_status read_role(const struct member *message, json_t *out, primer_error *error)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    const struct member role = member_of(message, "role");
    FORWARD(want_text(&role, error));
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i], json_string_value(role.value)) == 0)
            return json_object_set(out, "role", role.value) == 0
                       ? PRIMER_OK
                       : memory_failure(error, "the conversation", 1);
    char shown[48];
    return error_set(error, PRIMER_EFORMAT,
                     "%s: expected system, developer, user, assistant or tool, found \"%s\"",
                     role.path,
                     error_printable(json_string_value(role.value), json_string_length(role.value),
                                     shown, sizeof shown));
}

/* What the model thought, under any of the names that servers give it. */
static primer_status read_reasoning(const struct member *message, json_t *out, primer_error *error)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct member text = member_of(message, names[i]);
        if (!json_is_string(text.value) && i > 0)
            continue;
        if (text.value == NULL)
            continue;
        FORWARD(want_text(&text, error));
        return json_object_set(out, names[0], text.value) == 0
                   ? PRIMER_OK
                   : memory_failure(error, "the conversation", 1);
    }
    return PRIMER_OK;
}

static primer_status read_message(const struct member *message, struct waiting *waiting,
                                  json_t *out, primer_error *error)
{
    json_t *content = NULL;
    FORWARD(want_object(message, error));
    FORWARD(read_role(message, out, error));
    const char *const role = json_string_value(json_object_get(out, "role"));
    const bool assistant = strcmp(role, "assistant") == 0;
    const struct member given = member_of(message, "content"),
                        calls = member_of(message, "tool_calls");
    FORWARD(read_content(&given, &content, error));
    if (content == NULL && !assistant)
        return unexpected(&given, "a text or a list of parts", error);
    if (content == NULL)
        content = json_string("");
    if (json_object_set_new(out, "content", content) != 0)
        return memory_failure(error, "the conversation", 1);
    FORWARD(keep_text(message, "name", out, error));
    if (assistant) {
        FORWARD(read_reasoning(message, out, error));
        return read_calls(&calls, out, waiting, error);
    }
    if (strcmp(role, "tool") != 0)
        return PRIMER_OK;
    FORWARD(keep_text(message, "tool_call_id", out, error));
    return read_result(out, waiting, error);
}

static primer_status read_messages(const struct member *messages, json_t **out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct waiting waiting = {.results = json_array()};
    json_t *const list = json_array();
    if (list == NULL || waiting.results == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for the conversation");
    TRY(want_list(messages, CHAT_JSON_MESSAGES, error));
    for (size_t i = 0; i < json_array_size(messages->value); i++) {
        const struct member message = item_of(messages, i);
        json_t *const made = json_object();
        if (json_array_append_new(list, made) != 0)
            FAIL(PRIMER_ENOMEM, "no memory for the conversation");
        TRY(read_message(&message, &waiting, made, error));
    }
    TRY(settle_results(&waiting, error));
    *out = json_incref(list);

cleanup:
    json_decref(list);
    json_decref(waiting.results);
    return status;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static primer_status read_tool(const struct member *tool, json_t *list, primer_error *error)
{
    FORWARD(want_object(tool, error));
    const struct member type = member_of(tool, "type"), function = member_of(tool, "function");
    char shown[48];
    if (type.value != NULL)
        FORWARD(want_text(&type, error));
    if (type.value != NULL && strcmp(json_string_value(type.value), "function") != 0)
        return error_set(error, PRIMER_EUNSUPPORTED, "%s: \"%s\": only functions are called",
                         type.path,
                         error_printable(json_string_value(type.value),
                                         json_string_length(type.value), shown, sizeof shown));
    FORWARD(want_object(&function, error));
    const struct member name = member_of(&function, "name"),
                        description = member_of(&function, "description"),
                        parameters = member_of(&function, "parameters");
    FORWARD(want_text(&name, error));
    if (json_string_length(name.value) == 0)
        return error_set(error, PRIMER_EFORMAT, "%s: is empty", name.path);
    if (description.value != NULL)
        FORWARD(want_text(&description, error));
    if (parameters.value != NULL)
        FORWARD(want_object(&parameters, error));
    json_t *const typed =
        type.value != NULL ? json_incref(tool->value) : json_pack("{s:s}", "type", "function");
    const bool made = typed != NULL && json_object_update_missing(typed, tool->value) == 0 &&
                      json_array_append(list, typed) == 0;
    json_decref(typed);
    return made ? PRIMER_OK : memory_failure(error, "the tools", sizeof *tool);
}

static primer_status read_tools(const struct member *tools, json_t **out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *out = NULL;
    if (tools->value == NULL)
        return PRIMER_OK;
    json_t *const list = json_array();
    if (list == NULL)
        return memory_failure(error, "the tools", 1);
    TRY(want_list(tools, CHAT_JSON_TOOLS, error));
    for (size_t i = 0; i < json_array_size(tools->value); i++) {
        const struct member tool = item_of(tools, i);
        TRY(read_tool(&tool, list, error));
    }
    if (json_array_size(list) > 0)
        *out = json_incref(list);

cleanup:
    json_decref(list);
    return status;
}

primer_status chat_json_read_tools(const char *json, size_t length, json_t **tools,
                                   primer_error *error)
{
    struct member root = {.path = "tools"};
    FORWARD(parse(json, length, "tools", &root.value, error));
    primer_status status = want_list(&root, CHAT_JSON_TOOLS, error);
    if (status == PRIMER_OK)
        status = read_tools(&root, tools, error);
    json_decref(root.value);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The template's own variables can't be taken by others. */
static primer_status read_variables(const struct member *variables, json_t **out,
                                    primer_error *error)
{
    static const char *const taken[] = {"messages", "tools", "add_generation_prompt", "bos_token",
                                        "eos_token"};
    *out = NULL;
    if (variables->value == NULL)
        return PRIMER_OK;
    FORWARD(want_object(variables, error));
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (json_object_get(variables->value, taken[i]) != NULL)
            return error_set(error, PRIMER_EFORMAT, "%s.%s: is given by the conversation itself",
                             variables->path, taken[i]);
    *out = json_incref(variables->value);
    return PRIMER_OK;
}

primer_status chat_json_read(const char *json, size_t length,
                             struct chat_conversation *conversation, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct chat_conversation made = {0};
    struct member root = {.path = "the conversation"};
    TRY(parse(json, length, root.path, &root.value, error));
    TRY(want_object(&root, error));
    root.path[0] = '\0';
    const struct member messages = member_of(&root, "messages"), tools = member_of(&root, "tools"),
                        variables = member_of(&root, "variables");
    TRY(read_messages(&messages, &made.messages, error));
    TRY(read_tools(&tools, &made.tools, error));
    TRY(read_variables(&variables, &made.variables, error));
    *conversation = made;
    made = (struct chat_conversation){0};

cleanup:
    chat_json_free(&made);
    json_decref(root.value);
    return status;
}

void chat_json_free(struct chat_conversation *conversation)
{
    json_decref(conversation->messages);
    json_decref(conversation->tools);
    json_decref(conversation->variables);
    *conversation = (struct chat_conversation){0};
}
