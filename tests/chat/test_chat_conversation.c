/* test_chat_conversation.c - whole conversations: what each line of conversation.jsonl says, what
 * published templates are found to do, limits, that many messages are as much work as there are,
 * and that nothing that people write or tools give becomes a special token.
 *
 * A line is {"format": .. or "template": .., "conversation": .., "text": ..}, or "error" with the
 * "status" ("format", "unsupported"); "answer" (true) opens the assistant's turn.
 */
#include "primer_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "chat/chat_json.h"
#include "tests/chat/many_messages.h"
#include "tests/chat/own_format.h"

/* ---- the lines of the file ------------------------------------------------------------------- */

static void expect_failure(const json_t *line, size_t number, primer_status status,
                           const primer_error *error)
{
    const char *const words = json_string_value(json_object_get(line, "error"));
    const char *const name = json_string_value(json_object_get(line, "status"));
    const primer_status wanted =
        strcmp(name, "unsupported") == 0 ? PRIMER_EUNSUPPORTED : PRIMER_EFORMAT;
    if (status != wanted || error->status != wanted || strstr(error->message, words) == NULL)
        fail_msg("conversation.jsonl:%zu: %s \"%s\", expected \"%s\"", number,
                 primer_status_name(status), status == PRIMER_OK ? "" : error->message, words);
}

static void try_line(const json_t *line, size_t number)
{
    const char *const name = json_string_value(json_object_get(line, "format"));
    const char *const template = json_string_value(json_object_get(line, "template"));
    const char *const text = json_string_value(json_object_get(line, "text"));
    const json_t *const answer = json_object_get(line, "answer");
    const unsigned flags = answer == NULL || json_is_true(answer) ? PRIMER_CHAT_ANSWER : 0;
    primer_error error = {0};
    char *found = NULL;
    size_t length = 0;
    primer_chat_format *const own = template == NULL ? NULL : own_format(template, &error);
    const primer_chat_format *const format = own != NULL ? own : primer_chat_format_named(name);
    if (format == NULL)
        fail_msg("conversation.jsonl:%zu: %s", number, error.message);
    char *const json = json_dumps(json_object_get(line, "conversation"), 0);
    const primer_status status =
        primer_chat_json_text(format, json, strlen(json), flags, &found, &length, &error);
    if (text == NULL)
        expect_failure(line, number, status, &error);
    else if (status != PRIMER_OK)
        fail_msg("conversation.jsonl:%zu: %s", number, error.message);
    else if (strcmp(found, text) != 0 || strlen(found) != length)
        fail_msg("conversation.jsonl:%zu: found\n%s\nexpected\n%s", number, found, text);
    primer_free(found);
    free(json);
    primer_chat_format_free(own);
}

static void writes_conversations(void **state)
{
    (void)state;
    struct buffer text = {0};
    size_t number = 0;
    assert_int_equal(file_read("tests/chat/conversation.jsonl", 1 << 20, &text, NULL), PRIMER_OK);
    for (char *rest = text.bytes, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *const object = json_loads(line, 0, NULL);
        assert_non_null(object);
        try_line(object, ++number);
        json_decref(object);
    }
    assert_true(number > 50);
    buffer_free(&text);
}

/* ---- published templates --------------------------------------------------------------------- */

static const struct {
    const char *name, *style, *thinking;
    struct chat_traits traits;
} published[] = {
    {"CohereForAI-c4ai-command-r-plus-tool_use", "command-r", NULL, {.tools = true}},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use",
     "command-r7b",
     "<|END_THINKING|>",
     {.tools = true}},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes", NULL, {.tools = true}},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes", NULL, {.tools = true}},
    {"Qwen-Qwen2.5-7B-Instruct", "hermes", NULL, {.tools = true}},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", NULL, "</think>", {.tools = false}},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", NULL, "</think>", {.tools = false}},
    {"fireworks-ai-llama-3-firefunction-v2", "firefunction", NULL, {.tools = true}},
    {"google-gemma-2-2b-it", NULL, NULL, {.no_system = true, .merges = true}},
    {"llama-cpp-deepseek-r1",
     "deepseek",
     "</think>",
     {.tools = true, .null_content = true, .calls_alone = true}},
    {"meetkai-functionary-medium-v3.1",
     "functionary-3.1",
     NULL,
     {.tools = true, .empty_tools = true}},
    {"meetkai-functionary-medium-v3.2", "functionary-3.2", NULL, {.tools = true}},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama-3", NULL, {.tools = true, .one_call = true}},
    {"meta-llama-Llama-3.2-3B-Instruct", "llama-3", NULL, {.tools = true, .one_call = true}},
    {"meta-llama-Llama-3.3-70B-Instruct", "llama-3", NULL, {.tools = true, .one_call = true}},
    {"microsoft-Phi-3.5-mini-instruct", NULL, NULL, {.tools = false}},
    {"mistralai-Mistral-Nemo-Instruct-2407", "mistral", NULL, {.tools = true, .merges = true}},
};
enum { PUBLISHED = sizeof published / sizeof published[0] };

static const char conversation[] =
    "{\"messages\": [{\"role\": \"developer\", \"content\": \"Be terse.\"}, {\"role\": \"user\", "
    "\"content\": \"Weather?\"}, {\"role\": \"assistant\", \"content\": null, \"tool_calls\": "
    "[{\"id\": \"one\", \"function\": {\"name\": \"weather\", \"arguments\": \"{\\\"city\\\": "
    "\\\"Z\\u00fcrich\\\"}\"}}, {\"id\": \"two\", \"function\": {\"name\": \"time\", "
    "\"arguments\": "
    "{\"zone\": \"UTC\"}}}]}, {\"role\": \"tool\", \"tool_call_id\": \"one\", \"content\": "
    "\"rain\"}, "
    "{\"role\": \"tool\", \"tool_call_id\": \"two\", \"content\": \"noon\"}, {\"role\": "
    "\"assistant\", "
    "\"content\": \"Rain at noon.\"}, {\"role\": \"user\", \"content\": \"Thanks\"}], \"tools\": "
    "[{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"description\": \"Tells\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\", "
    "\"description\": \"Where\"}}}}}]}";

/* Everything that was said is there, in order, and arguments are JSON that is quoted once. */
static void expect_all(const char *name, const char *text)
{
    static const char *const words[] = {
        "Weather?", "weather", "\"city\": \"Zürich\"", "rain", "noon", "Rain at noon.", "Thanks"};
    const char *at = text;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        at = strstr(at, words[i]);
        if (at == NULL)
            fail_msg("%s: \"%s\" is missing in\n%s", name, words[i], text);
        at += strlen(words[i]);
    }
    assert_non_null(strstr(text, "Be terse."));
    if (strstr(text, "\"zone\": \"UTC\"") == NULL)
        fail_msg("%s: the second call is missing in\n%s", name, text);
    assert_null(strstr(text, "\\\"city"));
}

static void tries_published_templates_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUBLISHED; i++) {
        primer_chat_format *const format = own_format_published(published[i].name);
        primer_error error = {0};
        char *text = NULL;
        size_t length = 0;
        if (format == NULL)
            skip();
        const char *const style = format->style == NULL ? "none" : format->style->name;
        assert_string_equal(style, published[i].style == NULL ? "none" : published[i].style);
        const char *const end = primer_chat_format_thinking_end(format);
        assert_string_equal(end == NULL ? "none" : end,
                            published[i].thinking == NULL ? "none" : published[i].thinking);
        if (memcmp(&format->traits, &published[i].traits, sizeof format->traits) != 0)
            fail_msg("%s: other traits", published[i].name);
        assert_int_equal(primer_chat_format_tools(format), published[i].traits.tools);
        if (primer_chat_json_text(format, conversation, strlen(conversation), PRIMER_CHAT_ANSWER,
                                  &text, &length, &error) != PRIMER_OK)
            fail_msg("%s: %s", published[i].name, error.message);
        expect_all(published[i].name, text);
        const bool opens = published[i].thinking != NULL && published[i].thinking[1] == '/';
        assert_int_equal(primer_chat_format_thinking_open(format, text, length), opens);
        primer_free(text);
        primer_chat_format_free(format);
    }
}

/* What a template wrote as a call is read as that call. */
static bool collect(void *context, const primer_chat_part *part)
{
    struct buffer *const text = context;
    static const char *const before[] = {"", "", "\n", " ", ""};
    buffer_format(text, NULL, "%s%.*s", before[part->kind], (int)part->length, part->text);
    return true;
}

static const char *behind(const char *text, const char *mark)
{
    const char *const at = strstr(text, mark);
    return at == NULL ? NULL : at + strlen(mark);
}

static void reads_calls_as_templates_write_them(void **state)
{
    (void)state;
    /* What stands before the turn with the calls. */
    static const struct {
        const char *name, *before, *after;
    } cases[] = {
        {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "Weather?<|im_end|>\n<|im_start|>assistant",
         "<|im_end|>"},
        {"Qwen-Qwen2.5-7B-Instruct", "Weather?<|im_end|>\n<|im_start|>assistant", "<|im_end|>"},
        {"CohereForAI-c4ai-command-r-plus-tool_use",
         "Weather?<|END_OF_TURN_TOKEN|>"
         "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
         "<|START_OF_TURN_TOKEN|>"},
        {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", "<|CHATBOT_TOKEN|>",
         "<|END_OF_TURN_TOKEN|>"},
        {"fireworks-ai-llama-3-firefunction-v2",
         "Weather?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
        {"llama-cpp-deepseek-r1", "Weather?<｜end▁of▁sentence｜><｜Assistant｜>",
         "<｜end▁of▁sentence｜>"},
        {"meetkai-functionary-medium-v3.1",
         "Weather?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "<|eom_id|>"},
        {"meetkai-functionary-medium-v3.2",
         "Weather?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n>>>", "<|eot_id|>"},
        {"mistralai-Mistral-Nemo-Instruct-2407", "Weather?[/INST]", "</s>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        primer_chat_format *const format = own_format_published(cases[i].name);
        primer_chat_reader *reader = NULL;
        struct buffer parts = {0};
        char *text = NULL;
        size_t length = 0;
        if (format == NULL)
            skip();
        assert_int_equal(primer_chat_json_text(format, conversation, strlen(conversation), 0, &text,
                                               &length, NULL),
                         PRIMER_OK);
        const char *const begin = behind(text, cases[i].before);
        if (begin == NULL || strstr(begin, cases[i].after) == NULL)
            fail_msg("%s: no calls in\n%s", cases[i].name, text);
        const size_t count = (size_t)(strstr(begin, cases[i].after) - begin);
        assert_int_equal(primer_chat_reader_create(format, true, false, &reader, NULL), PRIMER_OK);
        primer_chat_reader_feed(reader, begin, count, collect, &parts);
        primer_chat_reader_end(reader, collect, &parts);
        for (char *c = parts.bytes; (c = strstr(c, " ")) != NULL && c[1] == ' ';)
            memmove(c, c + 1, strlen(c));
        if (strncmp(parts.bytes, "\nweather ", 9) != 0 || strstr(parts.bytes, "\ntime ") == NULL)
            fail_msg("%s: found %s", cases[i].name, parts.bytes);
        buffer_free(&parts);
        primer_chat_reader_free(reader);
        primer_free(text);
        primer_chat_format_free(format);
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void expect_limit(const char *json, size_t length, primer_status status, const char *words)
{
    const primer_chat_format *const format = primer_chat_format_named("chatml");
    primer_error error = {0};
    char *text = NULL;
    size_t text_length = 0;
    assert_int_equal(primer_chat_json_text(format, json, length, 0, &text, &text_length, &error),
                     status);
    assert_null(text);
    if (strstr(error.message, words) == NULL)
        fail_msg("error \"%s\", expected \"%s\"", error.message, words);
}

static void refuses_what_is_too_much(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "{\"messages\": [], \"x\": ", NULL);
    for (size_t i = 0; i < 100; i++)
        buffer_text(&text, "[", NULL);
    for (size_t i = 0; i < 100; i++)
        buffer_text(&text, "]", NULL);
    buffer_text(&text, "}", NULL);
    expect_limit(text.bytes, text.length, PRIMER_ELIMIT, "nested more than 100 levels deep");
    buffer_clear(&text);
    buffer_text(&text, "{\"messages\": [], \"tools\": [", NULL);
    for (size_t i = 0; i <= CHAT_JSON_TOOLS; i++)
        buffer_text(&text, i == 0 ? "1" : ",1", NULL);
    buffer_text(&text, "]}", NULL);
    expect_limit(text.bytes, text.length, PRIMER_ELIMIT, "tools: 1025 items, at most 1024");
    expect_limit("", CHAT_JSON_BYTES + 1, PRIMER_ELIMIT, "at most 67108864 are taken");
    static const char zero[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\\u0000\"}]}";
    expect_limit(zero, strlen(zero), PRIMER_EFORMAT, "\\u0000");
    expect_limit("{\"messages\": [\xff]}", 16, PRIMER_EFORMAT, "the conversation: no JSON: line 1");
    buffer_free(&text);
}

/* ---- many messages --------------------------------------------------------------------------- */

static size_t asked; /* bytes, for JSON values */

static void *counting_malloc(size_t size)
{
    asked += size;
    return malloc(size);
}

/* What writing so many of these messages asks for. */
static size_t work_of(const primer_chat_format *format, const char *message, size_t count)
{
    struct buffer json = many_messages(message, count);
    primer_error error = {0};
    char *text = NULL;
    size_t length = 0;
    asked = 0;
    json_set_alloc_funcs(counting_malloc, free);
    const primer_status status =
        primer_chat_json_text(format, json.bytes, json.length, 0, &text, &length, &error);
    json_set_alloc_funcs(malloc, free);
    if (status != PRIMER_OK)
        fail_msg("%zu times %s: %s", count, message, error.message);
    primer_free(text);
    buffer_free(&json);
    return asked;
}

/* Twice the messages are twice the work, whichever way they are put together. */
static void many_messages_are_as_much_work_as_there_are(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static const char *const messages[] = {
        "{\"role\": \"tool\", \"content\": \"a result\"}",
        "{\"role\": \"user\", \"content\": \"a question\"}",
        "{\"role\": \"system\", \"content\": \"an order\"}",
        "{\"role\": \"developer\", \"content\": \"another\"}",
        "{\"role\": \"assistant\", \"content\": \"x\", \"tool_calls\": [{\"id\": \"a\", "
        "\"function\": "
        "{\"name\": \"f\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"b\", \"content\": \"c\"}",
        "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}]}"};
    /* Refuses turns of one role, and the system's text. */
    static const char *const templates[] = {
        "{% for m in messages %}{% if m.role == 'system' or (m.role == 'user') != (loop.index0 % 2 "
        "== 0) %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}",
        NULL};
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        primer_error error = {0};
        primer_chat_format *const own =
            templates[i] == NULL ? NULL : own_format(templates[i], &error);
        const primer_chat_format *const format =
            own != NULL ? own : primer_chat_format_named("chatml");
        for (size_t j = 0; j < sizeof messages / sizeof messages[0]; j++) {
            if (own != NULL && strstr(messages[j], "assistant") != NULL)
                continue; /* a user has to begin */
            const size_t once = work_of(format, messages[j], MANY);
            const size_t twice = work_of(format, messages[j], 2 * MANY);
            if (2 * twice > 5 * once)
                fail_msg("%s: %zu bytes, for twice as many %zu", messages[j], once, twice);
        }
        primer_chat_format_free(own);
    }
}

static void survives_without_memory(void **state)
{
    (void)state;
    const primer_chat_format *const format = primer_chat_format_named("phi-qa");
    primer_status status = PRIMER_ENOMEM;
    for (size_t n = 0; status != PRIMER_OK; n++) {
        primer_error error = {0};
        char *text = NULL;
        size_t length = 0;
        memory_fail_at(n);
        status = primer_chat_json_text(format, conversation, strlen(conversation), 0, &text,
                                       &length, &error);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK || (status == PRIMER_ENOMEM && text == NULL));
        assert_true(n < 1000);
        primer_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_conversations),
        cmocka_unit_test(tries_published_templates_out),
        cmocka_unit_test(reads_calls_as_templates_write_them),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(many_messages_are_as_much_work_as_there_are),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
