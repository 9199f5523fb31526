/* go_template_conversation.c - a conversation's JSON to the records that a Go template sees.
 *
 *   user a | user b | assistant c | tool d | tool e
 *   user "a\n\nb"   | assistant c | tool d | tool e
 *
 * Messages of one role that follow each other are put together, as Ollama does, but for a tool's.
 * The system messages are gathered besides. OpenAI's developer is a system.
 */
#include "chat/go_template_value.h"

#include <inttypes.h>
#include <string.h>

#define BETWEEN "\n\n"

enum { ROLE, CONTENT, THINKING, IMAGES, TOOL_CALLS, TOOL_NAME, TOOL_CALL_ID }; /* of a message */

/* Where a member is, for "messages[2].content: expected a text". */
struct place {
    const char *list; /* "messages", "tools"; NULL: the member is the request's own */
    size_t index;
    const char *member;
};

static primer_status wrong(struct go_run *run, const struct place *place, const char *expected)
{
    if (place->list == NULL)
        return error_set(run->base.error, PRIMER_EFORMAT, "%s: expected %s", place->member,
                         expected);
    return error_set(run->base.error, PRIMER_EFORMAT, "%s[%zu].%s: expected %s", place->list,
                     place->index, place->member, expected);
}

/* A member that is a text; "" where it is missing or null. */
static primer_status text_member(struct go_run *run, const json_t *object, const char *key,
                                 const struct place *place, struct go_value *out)
{
    const json_t *const member = json_object_get(object, key);
    if (member == NULL || json_is_null(member)) {
        *out = go_value_text(jinja_text_of("", 0));
        return PRIMER_OK;
    }
    if (!json_is_string(member))
        return wrong(run, place, "a text");
    return go_template_of_text(run, json_string_value(member), json_string_length(member), out);
}

/* A member of any kind, nil where it is missing. */
static primer_status any_member(struct go_run *run, const json_t *object, const char *key,
                                struct go_value *out)
{
    const json_t *const member = json_object_get(object, key);
    *out = (struct go_value){.kind = GO_NIL};
    return member == NULL ? PRIMER_OK : go_template_of_json(run, member, out);
}

/* A member that is a list of texts. */
static primer_status texts_member(struct go_run *run, const json_t *object, const char *key,
                                  const struct place *place, struct go_value *out)
{
    const json_t *const member = json_object_get(object, key);
    if (member == NULL || json_is_null(member))
        return PRIMER_OK;
    if (!json_is_array(member))
        return wrong(run, place, "a list of texts");
    FORWARD(go_template_of_json(run, member, out));
    for (size_t i = 0; i < out->list->count; i++)
        if (out->list->items[i].kind != GO_TEXT_VALUE)
            return wrong(run, place, "a list of texts");
    return PRIMER_OK;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static primer_status property_of(struct go_run *run, const json_t *json, const struct place *place,
                                 struct go_value *out);

/* A property's "type": one name or several. */
static primer_status types_of(struct go_run *run, const json_t *json, const struct place *place,
                              struct go_value *out)
{
    const json_t *const type = json_object_get(json, "type");
    if (!json_is_string(type)) {
        FORWARD(texts_member(run, json, "type", place, out));
        out->list->style = GO_AS_TYPE;
        return PRIMER_OK;
    }
    FORWARD(go_template_list(run, 1, GO_AS_TYPE, out));
    return go_template_of_text(run, json_string_value(type), json_string_length(type),
                               &out->list->items[0]);
}

static primer_status properties_of(struct go_run *run, const json_t *json,
                                   const struct place *place, struct go_value *out)
{
    json_t *const object = (json_t *)(uintptr_t)json; /* jansson's iterators want it so */
    size_t i = 0;
    if (!json_is_object(json))
        return wrong(run, place, "an object of properties");
    FORWARD(go_template_map(run, json_object_size(json), GO_AS_JSON, out));
    out->map->of = &go_template_property;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct go_entry *const entry = &out->map->entries[i++];
        const char *const name = json_object_iter_key(at);
        FORWARD(jinja_text_copy(&run->base, name, strlen(name), true, &entry->key));
        FORWARD(property_of(run, json_object_iter_value(at), place, &entry->value));
    }
    return PRIMER_OK;
}

static primer_status any_of(struct go_run *run, const json_t *json, const struct place *place,
                            struct go_value *out)
{
    const json_t *const list = json_object_get(json, "anyOf");
    if (!json_is_array(list))
        return PRIMER_OK;
    FORWARD(go_template_list(run, json_array_size(list), GO_PLAIN, out));
    for (size_t i = 0; i < out->list->count; i++)
        FORWARD(property_of(run, json_array_get(list, i), place, &out->list->items[i]));
    return PRIMER_OK;
}

static primer_status property_of(struct go_run *run, const json_t *json, const struct place *place,
                                 struct go_value *out)
{
    const json_t *const properties = json_object_get(json, "properties");
    FORWARD(jinja_run_step(&run->base, 1));
    if (!json_is_object(json))
        return wrong(run, place, "an object for each property");
    if (++run->base.depth > JINJA_DEPTH)
        return wrong(run, place, "properties in each other less deep");
    FORWARD(go_template_record(run, &go_template_property, out));
    struct go_value *const fields = out->record->fields;
    FORWARD(any_of(run, json, place, &fields[0]));
    FORWARD(types_of(run, json, place, &fields[1]));
    FORWARD(any_member(run, json, "items", &fields[2]));
    FORWARD(text_member(run, json, "description", place, &fields[3]));
    if (json_is_array(json_object_get(json, "enum")))
        FORWARD(go_template_of_json(run, json_object_get(json, "enum"), &fields[4]));
    if (json_is_object(properties))
        FORWARD(properties_of(run, properties, place, &fields[5]));
    FORWARD(texts_member(run, json, "required", place, &fields[6]));
    run->base.depth--;
    return PRIMER_OK;
}

static primer_status parameters_of(struct go_run *run, const json_t *json,
                                   const struct place *place, struct go_value *out)
{
    const json_t *const properties = json_object_get(json, "properties");
    struct go_value *const fields = out->record->fields;
    if (json == NULL || json_is_null(json))
        return PRIMER_OK;
    if (!json_is_object(json))
        return wrong(run, place, "an object");
    FORWARD(text_member(run, json, "type", place, &fields[0]));
    FORWARD(any_member(run, json, "$defs", &fields[1]));
    FORWARD(any_member(run, json, "items", &fields[2]));
    FORWARD(texts_member(run, json, "required", place, &fields[3]));
    if (properties == NULL || json_is_null(properties))
        return PRIMER_OK;
    FORWARD(properties_of(run, properties, place, &fields[4]));
    go_template_sort(fields[4].map);
    return PRIMER_OK;
}

static primer_status tool_of(struct go_run *run, const json_t *json, size_t index,
                             struct go_value *out)
{
    const json_t *const function = json_object_get(json, "function");
    struct place place = {"tools", index, "function"};
    if (!json_is_object(function))
        return wrong(run, &place, "an object");
    FORWARD(go_template_record(run, &go_template_tool, out));
    struct go_value *const fields = out->record->fields;
    struct go_value *const inner = fields[2].record->fields;
    place.member = "type";
    FORWARD(text_member(run, json, "type", &place, &fields[0]));
    FORWARD(any_member(run, json, "items", &fields[1]));
    place.member = "function.name";
    FORWARD(text_member(run, function, "name", &place, &inner[0]));
    place.member = "function.description";
    FORWARD(text_member(run, function, "description", &place, &inner[1]));
    place.member = "function.parameters";
    return parameters_of(run, json_object_get(function, "parameters"), &place, &inner[2]);
}

static primer_status tools_of(struct go_run *run, const json_t *json, struct go_value *out)
{
    FORWARD(go_template_list(run, json_array_size(json), GO_AS_JSON, out));
    out->list->nil = json == NULL || json_is_null(json);
    if (!out->list->nil && !json_is_array(json))
        return error_set(run->base.error, PRIMER_EFORMAT, "tools: expected a list");
    for (size_t i = 0; i < out->list->count; i++)
        FORWARD(tool_of(run, json_array_get(json, i), i, &out->list->items[i]));
    return PRIMER_OK;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* An object, or its text; the text of anything else is that text. */
static primer_status arguments_of(struct go_run *run, const json_t *json, const struct place *place,
                                  struct go_value *out)
{
    json_error_t reason;
    const char *const text = json_string_value(json);
    const size_t length = json_string_length(json);
    json_t *const read = text == NULL ? NULL : json_loadb(text, length, JSON_ALLOW_NUL, &reason);
    const json_t *const object = json_is_object(read) ? read : json;
    primer_status status = PRIMER_OK;
    if (json_is_object(object)) {
        status = go_template_of_json(run, object, out);
        if (status == PRIMER_OK)
            out->map->style = GO_AS_JSON;
    } else if (length > 0) {
        status = go_template_of_text(run, text, length, out);
    } else if (text == NULL && json != NULL && !json_is_null(json)) {
        status = wrong(run, place, "an object, or a text");
    }
    json_decref(read);
    return status;
}

static primer_status call_of(struct go_run *run, const json_t *json, size_t index,
                             const struct place *place, struct go_value *out)
{
    const json_t *const function = json_object_get(json, "function");
    const json_t *const number = json_object_get(function, "index");
    if (!json_is_object(function))
        return wrong(run, place, "calls with a function");
    FORWARD(go_template_record(run, &go_template_call, out));
    struct go_value *const fields = out->record->fields;
    struct go_value *const inner = fields[1].record->fields;
    FORWARD(text_member(run, json, "id", place, &fields[0]));
    inner[0] =
        go_value_integer(json_is_integer(number) ? json_integer_value(number) : (int64_t)index);
    FORWARD(text_member(run, function, "name", place, &inner[1]));
    return arguments_of(run, json_object_get(function, "arguments"), place, &inner[2]);
}

/* Behind those that are there. */
static primer_status calls_of(struct go_run *run, const json_t *json, const struct place *place,
                              struct go_value *calls)
{
    const struct go_list *const before = calls->list;
    if (json == NULL || json_is_null(json))
        return PRIMER_OK;
    if (!json_is_array(json))
        return wrong(run, place, "a list of calls");
    if (json_array_size(json) == 0)
        return PRIMER_OK;
    FORWARD(go_template_list(run, before->count + json_array_size(json), GO_PLAIN, calls));
    if (before->count > 0)
        memcpy(calls->list->items, before->items, before->count * sizeof *before->items);
    for (size_t i = 0; i < json_array_size(json); i++)
        FORWARD(call_of(run, json_array_get(json, i), i, place,
                        &calls->list->items[before->count + i]));
    return PRIMER_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* A text that grows, and what it is so far. */
struct growing {
    struct jinja_writer writer;
    bool begun; /* the writer holds what `text` is */
};

/* *text + "\n\n" + more */
static primer_status join(struct go_run *run, struct growing *growing, struct jinja_text *text,
                          struct jinja_text more)
{
    struct jinja_text between;
    FORWARD(jinja_text_copy(&run->base, BETWEEN, strlen(BETWEEN), true, &between));
    if (!growing->begun)
        FORWARD(jinja_write(&run->base, &growing->writer, *text));
    growing->begun = true;
    FORWARD(jinja_write(&run->base, &growing->writer, between));
    FORWARD(jinja_write(&run->base, &growing->writer, more));
    *text = jinja_written(&growing->writer);
    return PRIMER_OK;
}

/* Text parts after one another. */
static primer_status parts_of(struct go_run *run, const json_t *parts, const struct place *place,
                              struct go_value *out)
{
    struct jinja_writer writer = {0};
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *const part = json_array_get(parts, i);
        const char *const type = json_string_value(json_object_get(part, "type"));
        struct go_value text;
        if (type != NULL && strcmp(type, "text") != 0)
            return error_set(run->base.error, PRIMER_EUNSUPPORTED,
                             "%s[%zu].content[%zu]: only text can be written", place->list,
                             place->index, i);
        FORWARD(text_member(run, part, "text", place, &text));
        FORWARD(jinja_write(&run->base, &writer, text.text));
    }
    *out = go_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

static primer_status content_of(struct go_run *run, const json_t *message,
                                const struct place *place, struct go_value *out)
{
    const json_t *const content = json_object_get(message, "content");
    return json_is_array(content) ? parts_of(run, content, place, out)
                                  : text_member(run, message, "content", place, out);
}

static primer_status role_of(struct go_run *run, const json_t *message, const struct place *place,
                             struct go_value *out)
{
    FORWARD(text_member(run, message, "role", place, out));
    if (out->text.length == 0)
        return wrong(run, place, "a role");
    if (jinja_text_is(out->text, "developer"))
        out->text = jinja_text_of("system", 6);
    if (jinja_text_usual_role(out->text))
        out->text.outside = NULL;
    return PRIMER_OK;
}

static const char *first_key(const json_t *object, const char *a, const char *b)
{
    return json_object_get(object, a) != NULL ? a : b;
}

static primer_status message_of(struct go_run *run, const json_t *json, size_t index,
                                struct go_value *out)
{
    struct place place = {"messages", index, "role"};
    FORWARD(jinja_run_step(&run->base, 1));
    FORWARD(go_template_record(run, &go_template_message, out));
    struct go_value *const fields = out->record->fields;
    FORWARD(role_of(run, json, &place, &fields[ROLE]));
    place.member = "content";
    FORWARD(content_of(run, json, &place, &fields[CONTENT]));
    place.member = first_key(json, "thinking", "reasoning_content");
    FORWARD(text_member(run, json, place.member, &place, &fields[THINKING]));
    place.member = first_key(json, "tool_name", "name");
    FORWARD(text_member(run, json, place.member, &place, &fields[TOOL_NAME]));
    place.member = "tool_call_id";
    FORWARD(text_member(run, json, place.member, &place, &fields[TOOL_CALL_ID]));
    place.member = "tool_calls";
    return calls_of(run, json_object_get(json, "tool_calls"), &place, &fields[TOOL_CALLS]);
}

/* Behind those that are there; the list has room for twice as many as it needs. */
static primer_status more_calls(struct go_run *run, const struct go_list *more, size_t *capacity,
                                struct go_value *calls)
{
    struct go_list *list = calls->list;
    const size_t count = list->count, sum = count + more->count;
    if (more->count == 0)
        return PRIMER_OK;
    if (sum > *capacity) {
        *capacity = 2 * sum;
        FORWARD(go_template_list(run, *capacity, GO_PLAIN, calls));
        if (count > 0)
            memcpy(calls->list->items, list->items, count * sizeof *list->items);
        list = calls->list;
    }
    memcpy(list->items + count, more->items, more->count * sizeof *more->items);
    list->count = sum;
    return PRIMER_OK;
}

/* The message that the next one may be put to, and the system's texts. */
struct turn {
    struct growing content, thinking, system;
    size_t capacity; /* of its list of calls; 0: what it holds */
    bool any;        /* a system's text was there */
};

/* Puts a message to the one before, of the same role. */
static primer_status merge(struct go_run *run, struct turn *turn, struct go_value *into,
                           const struct go_value *message)
{
    struct go_value *const a = into->record->fields;
    const struct go_value *const b = message->record->fields;
    FORWARD(join(run, &turn->content, &a[CONTENT].text, b[CONTENT].text));
    if (a[THINKING].text.length == 0)
        a[THINKING] = b[THINKING];
    else if (b[THINKING].text.length > 0)
        FORWARD(join(run, &turn->thinking, &a[THINKING].text, b[THINKING].text));
    return more_calls(run, b[TOOL_CALLS].list, &turn->capacity, &a[TOOL_CALLS]);
}

static primer_status gather_system(struct go_run *run, const struct go_value *message,
                                   struct turn *turn, struct go_value *system)
{
    const struct go_value *const fields = message->record->fields;
    if (!jinja_text_is(fields[ROLE].text, "system"))
        return PRIMER_OK;
    if (!turn->any)
        *system = fields[CONTENT];
    else
        FORWARD(join(run, &turn->system, &system->text, fields[CONTENT].text));
    turn->any = true;
    return PRIMER_OK;
}

static primer_status messages_of(struct go_run *run, const json_t *json,
                                 struct go_conversation *out)
{
    struct go_list *list;
    struct turn turn = {.any = false};
    size_t count = 0;
    FORWARD(go_template_list(run, json_array_size(json), GO_PLAIN, &out->messages));
    list = out->messages.list;
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct go_value message;
        FORWARD(message_of(run, json_array_get(json, i), i, &message));
        FORWARD(gather_system(run, &message, &turn, &out->system));
        const struct jinja_text role = message.record->fields[ROLE].text;
        const bool same = count > 0 && !jinja_text_is(role, "tool") &&
                          jinja_text_same(list->items[count - 1].record->fields[ROLE].text, role);
        if (same) {
            FORWARD(merge(run, &turn, &list->items[count - 1], &message));
            continue;
        }
        list->items[count++] = message;
        turn = (struct turn){.system = turn.system, .any = turn.any};
    }
    list->count = count;
    return PRIMER_OK;
}

/* ---- what is no conversation ----------------------------------------------------------------- */

/* "system" and "prompt" as messages, or, with a "suffix", the two sides of a gap. */
static primer_status prompt_of(struct go_run *run, const json_t *json, struct go_conversation *out)
{
    struct go_value system, *message;
    FORWARD(text_member(run, json, "system", &(struct place){.member = "system"}, &system));
    FORWARD(text_member(run, json, "prompt", &(struct place){.member = "prompt"}, &out->prompt));
    FORWARD(text_member(run, json, "suffix", &(struct place){.member = "suffix"}, &out->suffix));
    if (out->suffix.text.length > 0)
        return PRIMER_OK;
    out->suffix.kind = GO_NOTHING;
    const bool has_system = system.text.length > 0;
    FORWARD(go_template_list(run, has_system ? 2U : 1U, GO_PLAIN, &out->messages));
    message = out->messages.list->items;
    if (has_system) {
        FORWARD(go_template_record(run, &go_template_message, message));
        message->record->fields[ROLE] = go_value_text(jinja_text_of("system", 6));
        message->record->fields[CONTENT] = out->system = system;
        message++;
    }
    FORWARD(go_template_record(run, &go_template_message, message));
    message->record->fields[ROLE] = go_value_text(jinja_text_of("user", 4));
    message->record->fields[CONTENT] = out->prompt;
    return PRIMER_OK;
}

/* "think": true, false or a level; "enable_thinking" where there is none. */
static primer_status think_of(struct go_run *run, const json_t *variables,
                              struct go_conversation *out)
{
    const json_t *think = json_object_get(variables, "think");
    if (think == NULL || json_is_null(think))
        think = json_object_get(variables, "enable_thinking");
    out->think = out->think_set = go_value_boolean(false);
    out->think_level = go_value_text(jinja_text_of("", 0));
    if (think == NULL || json_is_null(think))
        return PRIMER_OK;
    if (!json_is_boolean(think) && !json_is_string(think))
        return error_set(run->base.error, PRIMER_EFORMAT,
                         "variables.think: expected true, false or a text");
    out->think_set = go_value_boolean(true);
    out->think = go_value_boolean(!json_is_false(think));
    return json_is_string(think) ? go_template_of_text(run, json_string_value(think),
                                                       json_string_length(think), &out->think_level)
                                 : PRIMER_OK;
}

primer_status go_template_conversation(struct go_run *run, const json_t *conversation,
                                       struct go_conversation *out)
{
    const json_t *const messages = json_object_get(conversation, "messages");
    *out = (struct go_conversation){.suffix = {.kind = GO_NOTHING}};
    out->system = go_value_text(jinja_text_of("", 0));
    if (!json_is_object(conversation))
        return error_set(run->base.error, PRIMER_EFORMAT, "a conversation: expected an object");
    FORWARD(think_of(run, json_object_get(conversation, "variables"), out));
    FORWARD(tools_of(run, json_object_get(conversation, "tools"), &out->tools));
    if (messages == NULL || json_is_null(messages))
        return prompt_of(run, conversation, out);
    if (!json_is_array(messages))
        return error_set(run->base.error, PRIMER_EFORMAT, "messages: expected a list");
    return messages_of(run, messages, out);
}
