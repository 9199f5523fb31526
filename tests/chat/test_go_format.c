/* test_go_format.c - Go templates as chat formats: text and tokens by the public calls, tools
 * written by the template or described for it, gaps, thinking, many messages, and that nothing
 * people write becomes a mark.
 */
#include "primer_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "tests/chat/many_messages.h"
#include "tools/model_maker.h"

#define TURNS                                                                                      \
    "<s>{{ if .System }}[S]{{ .System }}{{ end }}{{ if .Prompt }}[U]{{ .Prompt }}{{ end }}[A]"     \
    "{{ .Response }}</s>"

#define MESSAGES                                                                                   \
    "{{ if .Tools }}<tools>{{ range .Tools }}{{ . }}{{ end }}</tools>\n{{ end }}"                  \
    "{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ range .ToolCalls }}<tool_call>\n"        \
    "{\"name\": \"{{ .Function.Name }}\", \"arguments\": {{ .Function.Arguments }}}\n"             \
    "</tool_call>{{ end }}</s>{{ end }}<|assistant|>{{ if .Think }}<think></think>{{ end }}"

#define GAP                                                                                        \
    "{{ if .Suffix }}<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>{{ else }}{{ .Prompt }}{{ end }}"

static int set_up(void **state)
{
    char path[64];
    primer_error error = {0};
    primer_model *model = NULL;
    snprintf(path, sizeof path, "/tmp/primer-go-format-%ld.gguf", (long)getpid());
    struct model_maker_options options = {.architecture = "llama", .tokenizer = "spm", .seed = 3};
    if (model_maker_shape(&options, "tiny", &error) != PRIMER_OK ||
        model_maker_write(&options, path, &error) != PRIMER_OK)
        return 1;
    const primer_status status = primer_model_open(path, NULL, &model, &error);
    unlink(path);
    *state = model;
    return status != PRIMER_OK;
}

static int tear_down(void **state)
{
    primer_model_free(*state);
    return 0;
}

static primer_chat_format *make(const primer_model *model, const char *template)
{
    primer_chat_format *format = NULL;
    primer_error error = {0};
    if (primer_chat_format_go(model, template, strlen(template), &format, &error) != PRIMER_OK)
        fail_msg("%s: %s", template, error.message);
    assert_string_equal(primer_chat_format_name(format), "template");
    return format;
}

static void expect_text(const primer_chat_format *format, const char *json, const char *expected)
{
    char *text = NULL;
    size_t length = 0;
    primer_error error = {0};
    if (primer_chat_json_text(format, json, strlen(json), PRIMER_CHAT_ANSWER, &text, &length,
                              &error) != PRIMER_OK)
        fail_msg("%s: %s", json, error.message);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    primer_free(text);
}

static void writes_turns(void **state)
{
    primer_chat_format *const format = make(*state, TURNS);
    const primer_message talk[] = {
        {"system", "Be kind."}, {"user", "Hi?"}, {"assistant", "Yes."}, {"user", "Why?"}};
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(primer_chat_text(format, talk, 4, true, &text, &length, NULL), PRIMER_OK);
    assert_string_equal(text, "<s>[S]Be kind.[U]Hi?[A]Yes.</s><s>[U]Why?[A]");
    primer_free(text);
    expect_text(format, "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", "<s>[U]a[A]");
    assert_false(primer_chat_format_tools(format));
    assert_false(primer_chat_format_fills(format));
    primer_chat_format_free(format);
}

#define TOOLS                                                                                      \
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"now\", \"description\": "     \
    "\"The time\", \"parameters\": {\"type\": \"object\", \"properties\": {}}}}]"

static void writes_tools_and_calls(void **state)
{
    primer_chat_format *const format = make(*state, MESSAGES);
    assert_true(primer_chat_format_tools(format));
    assert_true(primer_chat_format_thinks(format));
    expect_text(format,
                "{\"messages\": [{\"role\": \"user\", \"content\": \"u\"}, {\"role\": "
                "\"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": \"1\", \"function\": "
                "{\"name\": \"now\", \"arguments\": {\"b\": 1, \"a\": \"x\"}}}]}, {\"role\": "
                "\"tool\", \"tool_call_id\": \"1\", \"content\": \"noon\"}], " TOOLS "}",
                "<tools>{\"type\":\"function\",\"function\":{\"name\":\"now\",\"description\":"
                "\"The time\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}</tools>\n"
                "<|user|>u</s><|assistant|><tool_call>\n{\"name\": \"now\", \"arguments\": "
                "{\"a\":\"x\",\"b\":1}}\n</tool_call></s><|tool|>noon</s><|assistant|>");
    primer_chat_format_free(format);
}

/* A template that doesn't know tools has them described in the system's text. */
static void describes_tools(void **state)
{
    primer_chat_format *const format = make(*state, TURNS);
    static const char json[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"u\"}], " TOOLS "}";
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(primer_chat_json_text(format, json, sizeof json - 1, PRIMER_CHAT_ANSWER, &text,
                                           &length, NULL),
                     PRIMER_OK);
    assert_ptr_equal(strstr(text, "<s>[S]"), text);
    assert_non_null(strstr(text, "The time"));
    primer_free(text);
    primer_chat_format_free(format);
}

static void fills_gaps_and_thinks(void **state)
{
    primer_chat_format *const gap = make(*state, GAP), *const thinking = make(*state, MESSAGES);
    assert_true(primer_chat_format_fills(gap));
    expect_text(gap,
                "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}],"
                " \"variables\": {\"suffix\": \"b\"}}",
                "<PRE>a<SUF>b<MID>");
    expect_text(gap, "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", "a");
    expect_text(thinking,
                "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}],"
                " \"variables\": {\"enable_thinking\": true}}",
                "<|user|>a</s><|assistant|><think></think>");
    primer_chat_format_free(gap);
    primer_chat_format_free(thinking);
    assert_false(primer_chat_format_fills(primer_chat_format_named("chatml")));
}

/* Messages of one role become one, within the memory that a template has. */
static void puts_many_messages_together(void **state)
{
    enum { MANY = 10000 };
    static const char *const messages[] = {
        "{\"role\": \"user\", \"content\": \"0123456789012345678901234567890123456789\"}",
        "{\"role\": \"system\", \"content\": \"0123456789012345678901234567890123456789\"}",
        "{\"role\": \"assistant\", \"reasoning_content\": "
        "\"0123456789012345678901234567890123456\", "
        "\"tool_calls\": [{\"function\": {\"name\": \"f\"}}]}"};
    primer_chat_format *const format = make(*state, MESSAGES);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct buffer json = many_messages(messages[i], MANY);
        primer_error error = {0};
        char *text = NULL;
        size_t length = 0;
        if (primer_chat_json_text(format, json.bytes, json.length, 0, &text, &length, &error) !=
            PRIMER_OK)
            fail_msg("%s: %s", messages[i], error.message);
        assert_true(length > (size_t)MANY * 40);
        primer_free(text);
        buffer_free(&json);
    }
    primer_chat_format_free(format);
}

static size_t occurrences(const int32_t *ids, size_t count, int32_t id)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += ids[i] == id;
    return found;
}

/* The marks of the template, and none of what stands in the conversation. */
static void expect_marks(const primer_model *model, const char *template, const char *json,
                         size_t begins, size_t ends)
{
    primer_chat_format *const format = make(model, template);
    int32_t *ids = NULL;
    size_t count = 0;
    primer_error error = {0};
    if (primer_chat_json_tokens(model, format, json, strlen(json), PRIMER_CHAT_ANSWER, &ids, &count,
                                &error) != PRIMER_OK)
        fail_msg("%s: %s", json, error.message);
    assert_int_equal(ids[0], primer_token_bos(model));
    assert_int_equal(occurrences(ids, count, primer_token_bos(model)), begins);
    assert_int_equal(occurrences(ids, count, primer_token_eos(model)), ends);
    primer_free(ids);
    primer_chat_format_free(format);
}

static void contents_never_become_marks(void **state)
{
    expect_marks(*state, TURNS,
                 "{\"messages\": [{\"role\": \"system\", \"content\": \"<s>\"}, {\"role\": "
                 "\"user\", \"content\": \"</s><s>\"}, {\"role\": \"assistant\", \"content\": "
                 "\"</s>\"}, {\"role\": \"user\", \"content\": \"</s><s>\"}]}",
                 2, 1);
    expect_marks(*state, MESSAGES,
                 "{\"messages\": [{\"role\": \"user\", \"content\": \"</s><s>\"}, {\"role\": "
                 "\"assistant\", \"content\": \"</s>\", \"tool_calls\": [{\"id\": \"</s>\", "
                 "\"function\": {\"name\": \"</s>\", \"arguments\": {\"</s>\": \"<s></s>\"}}}]}, "
                 "{\"role\": \"tool\", \"tool_call_id\": \"</s>\", \"name\": \"</s>\", "
                 "\"content\": \"<s></s>\"}], " TOOLS "}",
                 1, 3);
    expect_marks(*state, "{{ printf \"%s\" .Prompt }}{{ print \"<\" }}{{ \"/s>\" }}",
                 "{\"messages\": [{\"role\": \"user\", \"content\": \"<s></s>\"}]}", 1, 1);
}

static void refuses(void **state)
{
    static const struct {
        const char *template, *words;
        primer_status status;
    } cases[] = {
        {"a\n{{ if }}", "line 2: missing value for if", PRIMER_EINVAL},
        {"{{ html .Prompt }}", "function \"html\" isn't there for prompts", PRIMER_EINVAL},
        {"hello", "leaves out what the user wrote", PRIMER_EUNSUPPORTED},
        {"{{ range 999999999 }}{{ end }}", "runs for too long", PRIMER_EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        primer_chat_format *format = NULL;
        primer_error error = {0};
        assert_int_equal(primer_chat_format_go(*state, cases[i].template, strlen(cases[i].template),
                                               &format, &error),
                         cases[i].status);
        assert_null(format);
        if (strstr(error.message, cases[i].words) == NULL)
            fail_msg("%s: error \"%s\"", cases[i].template, error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_turns),
        cmocka_unit_test(writes_tools_and_calls),
        cmocka_unit_test(describes_tools),
        cmocka_unit_test(fills_gaps_and_thinks),
        cmocka_unit_test(puts_many_messages_together),
        cmocka_unit_test(contents_never_become_marks),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
