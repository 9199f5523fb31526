/* saved_chat.c - writing and reading NAME.json. What is read is distrusted: size, types, names,
 * values. */
#include "terminal/saved_chat.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "terminal/home.h"

enum { FILE_MOST = 64 << 20 /* bytes */, VERSION = 1 };

primer_status saved_chat_path(const char *name, struct buffer *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer leaf = {0};
    const size_t length = strlen(name);
    const char *ending = length > 5 && strcmp(name + length - 5, ".json") == 0 ? "" : ".json";
    if (length == 0 || length > 1024 || name[length - 1] == '/')
        FAIL(PRIMER_EINVAL, "a name is needed for the conversation (as in: /save monday)");
    if (strchr(name, '/') != NULL)
        TRY(buffer_format(path, error, "%s%s", name, ending));
    else {
        TRY(buffer_format(&leaf, error, "chats/%s%s", name, ending));
        TRY(home_path(leaf.bytes, path, error));
    }

cleanup:
    buffer_free(&leaf);
    return status;
}

/* "x.json" -> "x.session" */
static primer_status session_path(const char *path, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_append(out, path, strlen(path) - strlen(".json"), error));
    return buffer_text(out, ".session", error);
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *parameter_values(const struct parameters *parameters, const struct parameter *row)
{
    json_t *values = json_array();
    for (size_t i = 0; values != NULL && i < parameters_count(parameters, row); i++) {
        struct buffer text = {0};
        const primer_status status = parameters_show(parameters, row, i, &text, NULL);
        const int added =
            status == PRIMER_OK ? json_array_append_new(values, json_string(text.bytes)) : -1;
        buffer_free(&text);
        if (added != 0) {
            json_decref(values);
            return NULL;
        }
    }
    return values;
}

static json_t *parameters_to_json(const struct parameters *parameters)
{
    size_t count = 0;
    const struct parameter *rows = parameters_table(&count);
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < count; i++) {
        if (json_object_set_new(object, rows[i].name, parameter_values(parameters, &rows[i])) !=
            0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Texts that a model wrote may be invalid UTF-8, which JSON can't hold: through base's own
 * escaping, which puts U+FFFD in its place, and back. */
static json_t *text_to_json(const char *text)
{
    struct buffer quoted = {0};
    json_t *value = NULL;
    if (buffer_json_string(&quoted, text, strlen(text), NULL) == PRIMER_OK)
        value = json_loadb(quoted.bytes, quoted.length, JSON_DECODE_ANY, NULL);
    buffer_free(&quoted);
    return value;
}

static json_t *messages_to_json(const struct conversation *conversation)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < conversation->count; i++) {
        const primer_message *message = &conversation->messages[i];
        json_t *entry = json_pack("{s:s, s:o}", "role", message->role, "content",
                                  text_to_json(message->content));
        if (entry == NULL || json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *dialogue_to_json(const struct dialogue *dialogue)
{
    const struct conversation *conversation = &dialogue->conversation;
    return json_pack("{s:i, s:o, s:s, s:o, s:I, s:o, s:o}", "primer_chat", VERSION, "model",
                     text_to_json(primer_model_info(dialogue->model)->name), "template",
                     primer_chat_format_name(dialogue->format), "system",
                     text_to_json(conversation->system == NULL ? "" : conversation->system),
                     "dropped", (json_int_t)conversation->first, "parameters",
                     parameters_to_json(&dialogue->parameters), "messages",
                     messages_to_json(conversation));
}

static int collect(const char *bytes, size_t length, void *text)
{
    return buffer_append(text, bytes, length, NULL) == PRIMER_OK ? 0 : -1;
}

static primer_status write_text(const char *path, const struct buffer *text, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct file_writer writer = {0};
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, text->bytes, text->length, error));
    TRY(file_writer_commit(&writer, error));

cleanup:
    file_writer_abandon(&writer);
    return status;
}

primer_status saved_chat_write(const struct dialogue *dialogue, const char *path,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer session = {0}, text = {0};
    size_t held = 0;
    json_t *object = dialogue_to_json(dialogue);
    if (object == NULL || json_dump_callback(object, collect, &text, JSON_INDENT(2)) != 0)
        FAIL(PRIMER_ENOMEM, "%s: no memory for the conversation's text", path);
    TRY(buffer_text(&text, "\n", error));
    primer_session_tokens(dialogue->session, &held);
    TRY(session_path(path, &session, error));
    if (held > 0)
        TRY(primer_session_save(dialogue->session, session.bytes, error));
    TRY(write_text(path, &text, error)); /* last: what failed before leaves the old one */

cleanup:
    json_decref(object);
    buffer_free(&text);
    buffer_free(&session);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static primer_status expect(const char *path, const json_t *value, json_type type,
                            const char *field, const char *expected, primer_error *error)
{
    if (value != NULL && json_typeof(value) == type)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT, "%s: field \"%s\" is %s, expected %s", path, field,
                     value == NULL ? "missing" : "of another type", expected);
}

static primer_status read_parameter(const char *path, const char *name, const json_t *values,
                                    struct parameters *parameters, primer_error *error)
{
    const struct parameter *row = parameters_named(name);
    if (row == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: parameter \"%s\" is unknown", path, name);
    FORWARD(expect(path, values, JSON_ARRAY, name, "a list of texts", error));
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        FORWARD(expect(path, value, JSON_STRING, name, "a list of texts", error));
        const primer_status status =
            parameters_set(parameters, row, name, json_string_value(value), error);
        if (status != PRIMER_OK) {
            error_prefix(error, "%s", path);
            return status;
        }
    }
    return PRIMER_OK;
}

static primer_status read_parameters(const char *path, json_t *object,
                                     struct parameters *parameters, primer_error *error)
{
    const char *name;
    json_t *values;
    FORWARD(expect(path, object, JSON_OBJECT, "parameters", "an object", error));
    json_object_foreach(object, name, values)
        FORWARD(read_parameter(path, name, values, parameters, error));
    return PRIMER_OK;
}

static primer_status read_messages(const char *path, const json_t *list,
                                   struct conversation *conversation, primer_error *error)
{
    FORWARD(expect(path, list, JSON_ARRAY, "messages", "a list", error));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *role = json_object_get(entry, "role"),
                     *content = json_object_get(entry, "content");
        FORWARD(expect(path, role, JSON_STRING, "role", "\"user\" or \"assistant\"", error));
        FORWARD(expect(path, content, JSON_STRING, "content", "a text", error));
        const char *name = json_string_value(role);
        if (strcmp(name, "user") != 0 && strcmp(name, "assistant") != 0)
            return error_set(error, PRIMER_EFORMAT,
                             "%s: role \"%s\", expected \"user\" or \"assistant\"", path, name);
        FORWARD(conversation_add(conversation, name, json_string_value(content), error));
    }
    return PRIMER_OK;
}

/* What a file holds, before any of it replaces what the dialogue has. */
struct saved {
    struct conversation conversation;
    struct parameters parameters;
    const primer_chat_format *format;
};

static primer_status read_object(const struct dialogue *dialogue, const char *path,
                                 const json_t *object, struct saved *saved, primer_error *error)
{
    const json_t *version = json_object_get(object, "primer_chat"),
                 *system = json_object_get(object, "system");
    const json_t *template = json_object_get(object, "template"),
                 *dropped = json_object_get(object, "dropped");
    FORWARD(expect(path, version, JSON_INTEGER, "primer_chat", "the number 1", error));
    if (json_integer_value(version) != VERSION)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: version %lld of a saved conversation, expected %d", path,
                         (long long)json_integer_value(version), VERSION);
    FORWARD(expect(path, system, JSON_STRING, "system", "a text", error));
    FORWARD(expect(path, template, JSON_STRING, "template", "a template's name", error));
    FORWARD(expect(path, dropped, JSON_INTEGER, "dropped", "a whole number", error));
    saved->format = dialogue_format(dialogue, json_string_value(template));
    if (saved->format == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: template \"%s\" is unknown", path,
                         json_string_value(template));
    FORWARD(conversation_set_system(&saved->conversation, json_string_value(system), error));
    FORWARD(read_messages(path, json_object_get(object, "messages"), &saved->conversation, error));
    const json_int_t first = json_integer_value(dropped);
    if (first < 0 || (uint64_t)first > saved->conversation.count)
        return error_set(error, PRIMER_EFORMAT, "%s: field \"dropped\" is %lld, expected 0 to %zu",
                         path, (long long)first, saved->conversation.count);
    saved->conversation.first = (size_t)first;
    return read_parameters(path, json_object_get(object, "parameters"), &saved->parameters, error);
}

static primer_status load_object(const char *path, json_t **object, primer_error *error)
{
    struct buffer text = {0};
    json_error_t problem;
    primer_status status = file_read(path, FILE_MOST, &text, error);
    if (status == PRIMER_OK) {
        *object = json_loadb(text.bytes == NULL ? "" : text.bytes, text.length,
                             JSON_REJECT_DUPLICATES, &problem);
        if (*object == NULL)
            status = error_set(error, PRIMER_EFORMAT, "%s: line %d is not JSON: %s", path,
                               problem.line, problem.text);
    }
    buffer_free(&text);
    return status;
}

/* Puts what was read into the dialogue, with a session and a sampler of its parameters; or nothing
 * at all. */
static primer_status replace(struct dialogue *dialogue, struct saved *saved, primer_error *error)
{
    struct dialogue next = {.model = dialogue->model,
                            .format = saved->format,
                            .own = dialogue->own,
                            .parameters = saved->parameters};
    saved->parameters = (struct parameters){0};
    parameters_draw_seed(&next.parameters);
    primer_status status = dialogue_renew_session(&next, error);
    if (status == PRIMER_OK)
        status = dialogue_renew_sampler(&next, error);
    if (status != PRIMER_OK) {
        dialogue_free(&next);
        return status;
    }
    next.conversation = saved->conversation;
    saved->conversation = (struct conversation){0};
    next.statistics = dialogue->statistics;
    dialogue_free(dialogue);
    *dialogue = next;
    return PRIMER_OK;
}

primer_status saved_chat_read(struct dialogue *dialogue, const char *path, bool *restored,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *object = NULL;
    struct saved saved = {0};
    struct buffer session = {0};
    parameters_default(&saved.parameters);
    TRY(load_object(path, &object, error));
    TRY(read_object(dialogue, path, object, &saved, error));
    TRY(session_path(path, &session, error));
    TRY(replace(dialogue, &saved, error));
    *restored = file_exists(session.bytes) &&
                primer_session_restore(dialogue->session, session.bytes, NULL) == PRIMER_OK;

cleanup:
    json_decref(object);
    buffer_free(&session);
    conversation_free(&saved.conversation);
    parameters_free(&saved.parameters);
    return status;
}
