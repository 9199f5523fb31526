/* eval_item.c - lines of tests, recognised by their fields. */
#include "eval/eval_item.h"

#include <ctype.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "eval/eval_json.h"

#define FILE_MOST ((size_t)1 << 30) /* bytes */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- prompts --------------------------------------------------------------------------------- */

static primer_status ask(struct eval_item *item, const char *text, primer_error *error)
{
    item->messages = json_pack("[{s:s,s:s}]", "role", "user", "content", text);
    return item->messages == NULL ? memory_failure(error, "a message", strlen(text)) : PRIMER_OK;
}

/* The conversation up to its last answer. */
static primer_status take_messages(struct eval_item *item, const json_t *messages,
                                   primer_error *error)
{
    const size_t count = json_array_size(messages);
    const char *const role = text_of(json_array_get(messages, count - 1), "role");
    if (count == 0)
        return error_set(error, PRIMER_EFORMAT, "messages: empty, expected a conversation");
    item->messages = json_copy((json_t *)(uintptr_t)messages); /* jansson's wish */
    if (item->messages == NULL)
        return memory_failure(error, "a conversation", count);
    if (role != NULL && strcmp(role, "assistant") == 0)
        json_array_remove(item->messages, count - 1);
    if (json_array_size(item->messages) == 0)
        return error_set(error, PRIMER_EFORMAT, "messages: nobody asks anything before the answer");
    return PRIMER_OK;
}

static primer_status take_prompt(struct eval_item *item, primer_error *error)
{
    const json_t *const messages = json_object_get(item->source, "messages");
    static const char *const questions[] = {"request", "problem"};
    if (messages != NULL)
        return take_messages(item, messages, error);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
        if (text_of(item->source, questions[i]) != NULL)
            return ask(item, text_of(item->source, questions[i]), error);
    const char *const prompt = text_of(item->source, "prompt");
    if (prompt == NULL || *prompt == '\0')
        return error_set(error, PRIMER_EFORMAT,
                         "nothing is asked: none of prompt, messages, request, problem is there");
    return buffer_text(&item->prompt, prompt, error);
}

/* ---- MBPP ------------------------------------------------------------------------------------ */

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether `text` calls the name. */
static bool calls_name(const char *text, const char *name, size_t length)
{
    for (const char *at = text; (at = strchr(at, *name)) != NULL; at++)
        if (strncmp(at, name, length) == 0 && at[length] == '(' && (at == text || !is_name(at[-1])))
            return true;
    return false;
}

/* "def f(a, b):", of the function that the test calls, from its solution; NULL: there is none. */
static const char *find_head(const char *code, const char *test, size_t *length)
{
    for (const char *line = code; line != NULL && *line != '\0';) {
        const char *const end = strchr(line, '\n');
        size_t name = 0, size = end == NULL ? strlen(line) : (size_t)(end - line);
        if (strncmp(line, "def ", 4) == 0) {
            while (is_name(line[4 + name]))
                name++;
            while (size > 0 && line[size - 1] != ':')
                size--;
            if (name > 0 && size > 0 && calls_name(test, line + 4, name)) {
                *length = size;
                return line;
            }
        }
        line = end == NULL ? NULL : end + 1;
    }
    return NULL;
}

static primer_status take_tests(struct eval_item *item, const json_t *list, primer_error *error)
{
    const char *const setup = text_of(item->source, "test_setup_code");
    item->kind = EVAL_ITEM_TESTS;
    item->tests = json_array();
    bool taken = item->tests != NULL;
    if (taken && setup != NULL && *setup != '\0')
        taken = json_array_append_new(item->tests, json_string(setup)) == 0;
    for (size_t i = 0; taken && i < json_array_size(list); i++) {
        json_t *const test = json_array_get(list, i);
        if (!json_is_string(test))
            return error_set(error, PRIMER_EFORMAT, "test_list[%zu]: expected a text", i);
        taken = json_array_append(item->tests, test) == 0;
    }
    return taken ? PRIMER_OK : memory_failure(error, "tests", json_array_size(list));
}

static primer_status take_mbpp(struct eval_item *item, const json_t *list, bool raw,
                               primer_error *error)
{
    const char *const text = text_of(item->source, "text"), *code = text_of(item->source, "code"),
                      *const test = json_string_value(json_array_get(list, 0));
    struct buffer question = {0};
    if (text == NULL || test == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: expected a text",
                         text == NULL ? "text" : "test_list[0]");
    FORWARD(take_tests(item, list, error));
    if (raw) {
        size_t length = 0;
        const char *const head = code == NULL ? NULL : find_head(code, test, &length);
        const char *const indent = head == NULL ? "" : "    ";
        if (head != NULL) {
            FORWARD(buffer_append(&item->prompt, head, length, error));
            FORWARD(buffer_text(&item->prompt, "\n", error));
        }
        return buffer_format(&item->prompt, error, "%s\"\"\"%s\"\"\"\n", indent, text);
    }
    primer_status status = buffer_format(&question, error, "%s\n%s", text, test);
    if (status == PRIMER_OK)
        status = ask(item, question.bytes, error);
    buffer_free(&question);
    return status;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static primer_status take_humaneval(struct eval_item *item, const char *test, const char *entry,
                                    primer_error *error)
{
    char call[128];
    if (snprintf(call, sizeof call, "check(%s)", entry) >= (int)sizeof call)
        return error_set(error, PRIMER_EFORMAT, "entry_point: %zu bytes, expected at most 120",
                         strlen(entry));
    item->kind = EVAL_ITEM_TESTS;
    item->tests = json_pack("[s,s]", test, call);
    if (item->tests == NULL)
        return memory_failure(error, "tests", strlen(test));
    return take_prompt(item, error);
}

/* A conversation whose answer, which is there, holds no code asks for none: an explanation. */
static bool asks_for_words(const json_t *source)
{
    const json_t *const messages = json_object_get(source, "messages"),
                        *const last = json_array_get(messages, json_array_size(messages) - 1);
    const char *const role = text_of(last, "role"), *const text = text_of(last, "content");
    return role != NULL && text != NULL && strcmp(role, "assistant") == 0 &&
           strstr(text, "```") == NULL && strstr(text, "def ") == NULL;
}

static primer_status take_calls(struct eval_item *item, const json_t *calls, primer_error *error)
{
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *const call = json_array_get(calls, i);
        if (!json_is_array(json_object_get(call, "arguments")))
            return error_set(error, PRIMER_EFORMAT, "calls[%zu].arguments: expected a list", i);
        if (json_object_get(call, "expected") == NULL)
            return error_set(error, PRIMER_EFORMAT, "calls[%zu].expected: missing", i);
    }
    item->kind = EVAL_ITEM_CALLS;
    item->calls = calls;
    item->entry = text_of(item->source, "entry");
    return take_prompt(item, error);
}

/* *left_out: there is nothing to judge by. */
static primer_status understand(struct eval_item *item, bool raw, bool *left_out,
                                primer_error *error)
{
    const char *const test = text_of(item->source, "test"), *const entry = text_of(item->source,
                                                                                   "entry_point");
    const json_t *const list = json_object_get(item->source, "test_list"),
                        *const calls = json_object_get(item->source, "calls"),
                        *const answer = json_object_get(item->source, "answer");
    if (!json_is_object(item->source))
        return error_set(error, PRIMER_EFORMAT, "expected an object");
    /* A text to train on with its function's calls beside it asks nothing. */
    *left_out = text_of(item->source, "text") != NULL && json_array_size(list) == 0;
    if (*left_out)
        return PRIMER_OK;
    if (test != NULL && entry != NULL)
        return take_humaneval(item, test, entry, error);
    if (json_array_size(list) > 0)
        return take_mbpp(item, list, raw, error);
    *left_out = asks_for_words(item->source);
    if (*left_out)
        return PRIMER_OK;
    if (json_array_size(calls) > 0)
        return take_calls(item, calls, error);
    *left_out = !json_is_number(answer);
    if (*left_out)
        return PRIMER_OK;
    item->kind = EVAL_ITEM_NUMBER;
    item->answer = json_number_value(answer);
    return take_prompt(item, error);
}

/* 12 of 12 and of "HumanEval/12"; else the line's. */
static uint64_t number_of(const json_t *source, size_t line)
{
    const json_t *const id = json_object_get(source, "task_id");
    const char *const text = json_string_value(id);
    uint64_t number = 0, place = 1;
    if (json_is_integer(id) && json_integer_value(id) >= 0)
        return (uint64_t)json_integer_value(id);
    size_t at = text == NULL ? 0 : strlen(text);
    if (at == 0 || !isdigit((unsigned char)text[at - 1]))
        return line;
    for (; at > 0 && isdigit((unsigned char)text[at - 1]) && place < 1000000000; place *= 10)
        number += place * (uint64_t)(text[--at] - '0');
    return number;
}

static void drop_item(struct eval_item *item)
{
    json_decref(item->source);
    json_decref(item->messages);
    json_decref(item->tests);
    buffer_free(&item->prompt);
}

static primer_status add_item(struct eval_items *items, const struct eval_item *item,
                              primer_error *error)
{
    if (items->count == items->capacity) {
        const size_t capacity = items->capacity == 0 ? 64 : 2 * items->capacity;
        struct eval_item *const grown = memory_resize(items->items, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "tests", capacity * sizeof *grown);
        items->items = grown;
        items->capacity = capacity;
    }
    items->items[items->count++] = *item;
    return PRIMER_OK;
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isspace((unsigned char)line[i]))
            return false;
    return true;
}

static primer_status take_line(struct eval_items *items, const char *line, size_t length,
                               const struct eval_item *place, const struct eval_choice *choice,
                               size_t *left_out, primer_error *error)
{
    struct eval_item item = *place;
    bool nothing = false;
    FORWARD(eval_json_read(line, length, &item.source, error));
    item.number = number_of(item.source, item.line);
    primer_status status = PRIMER_OK;
    if (item.number < choice->from || (choice->to > 0 && item.number > choice->to))
        goto cleanup;
    TRY(understand(&item, choice->raw, &nothing, error));
    if (nothing)
        ++*left_out;
    else
        TRY(add_item(items, &item, error));
    if (!nothing)
        return PRIMER_OK;

cleanup:
    drop_item(&item);
    return status;
}

primer_status eval_item_read(struct eval_items *items, const char *path, size_t file,
                             const struct eval_choice *choice, size_t *left_out,
                             primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    const size_t before = items->count;
    struct eval_item place = {.file = file};
    TRY(file_read(path, FILE_MOST, &text, error));
    for (size_t at = 0; at < text.length;) {
        const char *const line = text.bytes + at, *const end = memchr(line, '\n', text.length - at);
        const size_t length = end == NULL ? text.length - at : (size_t)(end - line);
        place.line++;
        at += length + 1;
        if (is_blank(line, length))
            continue;
        if (choice->limit > 0 && items->count - before == choice->limit)
            break;
        status = take_line(items, line, length, &place, choice, left_out, error);
        if (status != PRIMER_OK) {
            error_prefix(error, "%s: line %zu", path, place.line);
            goto cleanup;
        }
    }

cleanup:
    buffer_free(&text);
    return status;
}

void eval_item_free(struct eval_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        drop_item(&items->items[i]);
    memory_free(items->items);
    *items = (struct eval_items){0};
}
