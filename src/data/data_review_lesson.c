/* data_review_lesson.c - lines of JSON as lessons. Declared in data_review_lesson.h.
 *
 *   bytes   role \0 text \0 role \0 text \0 ...     the turns point into it; its XXH64 is the id
 */
#include "data/data_review_lesson.h"

#include <jansson.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"

#define TITLE_MOST 100 /* bytes */

void data_review_lesson_free(struct data_review_lesson *lesson)
{
    memory_free(lesson->kind);
    memory_free(lesson->title);
    memory_free(lesson->turns);
    buffer_free(&lesson->bytes);
    *lesson = (struct data_review_lesson){0};
}

/* Room for so many turns. */
static primer_status begin_turns(struct data_review_lesson *lesson, size_t count,
                                 primer_error *error)
{
    lesson->turns = memory_allocate(count, sizeof *lesson->turns);
    return lesson->turns == NULL ? memory_failure(error, "turns", count * sizeof *lesson->turns)
                                 : PRIMER_OK;
}

static primer_status begin_turn(struct data_review_lesson *lesson, const char *role,
                                primer_error *error)
{
    lesson->turn_count++;
    return buffer_append(&lesson->bytes, role, strlen(role) + 1, error);
}

static primer_status end_turn(struct data_review_lesson *lesson, primer_error *error)
{
    return buffer_append(&lesson->bytes, "", 1, error);
}

static primer_status add_text(struct data_review_lesson *lesson, const json_t *object,
                              const char *name, primer_error *error)
{
    const json_t *const text = json_object_get(object, name);
    if (!json_is_string(text))
        return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a text", name);
    FORWARD(begin_turn(lesson, name, error));
    FORWARD(
        buffer_append(&lesson->bytes, json_string_value(text), json_string_length(text), error));
    return end_turn(lesson, error);
}

/* ---- messages -------------------------------------------------------------------------------- */

static primer_status add_parts(struct data_review_lesson *lesson, const json_t *parts,
                               size_t number, primer_error *error)
{
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *const text = json_object_get(json_array_get(parts, i), "text");
        if (!json_is_string(text))
            return error_set(error, PRIMER_EFORMAT,
                             "\"messages\"[%zu]: \"content\"[%zu]: expected a part with a \"text\"",
                             number, i);
        FORWARD(buffer_append(&lesson->bytes, "\n", i > 0 ? 1 : 0, error));
        FORWARD(buffer_append(&lesson->bytes, json_string_value(text), json_string_length(text),
                              error));
    }
    return PRIMER_OK;
}

static primer_status add_calls(struct data_review_lesson *lesson, const json_t *calls,
                               primer_error *error)
{
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
    const size_t length = json_dumpb(calls, NULL, 0, flags);
    FORWARD(buffer_reserve(&lesson->bytes, length, error));
    json_dumpb(calls, lesson->bytes.bytes + lesson->bytes.length, length, flags);
    lesson->bytes.length += length;
    return PRIMER_OK;
}

static primer_status add_message(struct data_review_lesson *lesson, const json_t *message,
                                 size_t number, bool *answers, primer_error *error)
{
    const char *const role = json_string_value(json_object_get(message, "role"));
    const json_t *const content = json_object_get(message, "content");
    const json_t *const calls = json_object_get(message, "tool_calls");
    const bool silent = content == NULL || json_is_null(content);
    if (role == NULL || *role == '\0')
        return error_set(error, PRIMER_EFORMAT, "\"messages\"[%zu]: \"role\": expected a text",
                         number);
    if (!json_is_string(content) && !json_is_array(content) && !(silent && json_is_array(calls)))
        return error_set(error, PRIMER_EFORMAT, "\"messages\"[%zu]: \"content\": expected a text",
                         number);
    *answers = *answers || strcmp(role, "assistant") == 0;
    FORWARD(begin_turn(lesson, role, error));
    if (json_is_string(content))
        FORWARD(buffer_append(&lesson->bytes, json_string_value(content),
                              json_string_length(content), error));
    else if (json_is_array(content))
        FORWARD(add_parts(lesson, content, number, error));
    if (json_is_array(calls))
        FORWARD(add_calls(lesson, calls, error));
    return end_turn(lesson, error);
}

static primer_status add_messages(struct data_review_lesson *lesson, const json_t *messages,
                                  primer_error *error)
{
    bool answers = false;
    if (!json_is_array(messages))
        return error_set(error, PRIMER_EFORMAT, "\"messages\": expected a list");
    FORWARD(begin_turns(lesson, json_array_size(messages), error));
    for (size_t i = 0; i < json_array_size(messages); i++)
        FORWARD(add_message(lesson, json_array_get(messages, i), i, &answers, error));
    return answers ? PRIMER_OK
                   : error_set(error, PRIMER_EFORMAT,
                               "\"messages\": none of the assistant's, so there is no answer");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status add_turns(struct data_review_lesson *lesson, const json_t *object,
                               primer_error *error)
{
    if (!json_is_object(object))
        return error_set(error, PRIMER_EFORMAT, "expected an object");
    const json_t *const messages = json_object_get(object, "messages");
    if (messages != NULL)
        return add_messages(lesson, messages, error);
    if (json_object_get(object, "prompt") != NULL ||
        json_object_get(object, "completion") != NULL) {
        FORWARD(begin_turns(lesson, 2, error));
        FORWARD(add_text(lesson, object, "prompt", error));
        return add_text(lesson, object, "completion", error);
    }
    if (json_object_get(object, "text") == NULL)
        return error_set(error, PRIMER_EFORMAT,
                         "expected \"messages\", or \"prompt\" and \"completion\", or \"text\"");
    FORWARD(begin_turns(lesson, 1, error));
    return add_text(lesson, object, "text", error);
}

/* Now that the bytes stay where they are. */
static void point_turns(struct data_review_lesson *lesson)
{
    const char *at = lesson->bytes.bytes;
    for (size_t i = 0; i < lesson->turn_count; i++) { /* no text holds a NUL: jansson refuses it */
        struct data_review_turn *const turn = &lesson->turns[i];
        turn->role = at;
        turn->text = at + strlen(at) + 1;
        turn->length = strlen(turn->text);
        at = turn->text + turn->length + 1;
    }
}

/* The first line with something in it of what was asked last; of a text, of its beginning. */
static primer_status make_title(struct data_review_lesson *lesson, primer_error *error)
{
    const char *text = lesson->turns[0].text;
    for (size_t i = 0; i < lesson->turn_count; i++)
        if (strcmp(lesson->turns[i].role, "user") == 0)
            text = lesson->turns[i].text;
    text += strspn(text, " \t\r\n");
    size_t length = strcspn(text, "\r\n");
    if (length > TITLE_MOST)
        length = utf8_complete(text, TITLE_MOST);
    lesson->title = memory_copy_bytes(text, length);
    return lesson->title == NULL ? memory_failure(error, "a title", length) : PRIMER_OK;
}

static primer_status read_object(struct data_review_lesson *lesson, const json_t *object,
                                 uint64_t number, primer_error *error)
{
    FORWARD(add_turns(lesson, object, error));
    point_turns(lesson);
    lesson->id = hash_bytes(lesson->bytes.bytes, lesson->bytes.length, 0);
    lesson->line = lesson->index = number;
    const json_t *const index = json_object_get(object, "index");
    if (json_is_integer(index) && json_integer_value(index) >= 0)
        lesson->index = (uint64_t)json_integer_value(index);
    const char *kind = json_string_value(json_object_get(object, "kind"));
    if (kind == NULL)
        kind = json_string_value(json_object_get(object, "lesson"));
    lesson->kind = memory_copy_text(kind == NULL ? "" : kind);
    if (lesson->kind == NULL)
        return memory_failure(error, "a kind", 1);
    return make_title(lesson, error);
}

primer_status data_review_lesson_read(struct data_review_lesson *lesson, const char *line,
                                      size_t length, uint64_t number, primer_error *error)
{
    json_error_t problem;
    *lesson = (struct data_review_lesson){0};
    if (length > DATA_REVIEW_LESSON_MOST)
        return error_set(error, PRIMER_ELIMIT, "a lesson of %zu bytes, expected %zu at most",
                         length, DATA_REVIEW_LESSON_MOST);
    json_t *const object = json_loadb(line, length, 0, &problem);
    const primer_status status =
        object == NULL ? error_set(error, PRIMER_EFORMAT, "no JSON object: %s", problem.text)
                       : read_object(lesson, object, number, error);
    json_decref(object);
    if (status != PRIMER_OK)
        data_review_lesson_free(lesson);
    return status;
}
