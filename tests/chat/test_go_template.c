/* test_go_template.c - Go templates: what each line of go_template.jsonl says, where every byte
 * comes from, what a template says about itself, and that none runs or grows without end.
 *
 * A line of go_template.jsonl is {"template": .., "text": ..} or {"template": .., "error": ..};
 * "input" is the conversation, or the name of one in the first line, "plain" where there is none.
 * What "text" says is what Go's text/template printed, by way of go_template.go, and "go" what it
 * had for an error, but where "reasoned" says that this Go (1.19) is too old, or that something
 * is primer's own.
 */
#include "chat/go_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"

#define CASES "tests/chat/go_template.jsonl"
#define NOW   1700000000 /* 2023-11-14 */

static primer_status run(const char *template, size_t length, const json_t *conversation,
                         const struct jinja_limits *limits, struct jinja_output *output,
                         primer_error *error)
{
    struct go_template *compiled = NULL;
    *output = (struct jinja_output){0};
    primer_status status = go_template_compile(template, length, &compiled, error);
    if (status == PRIMER_OK)
        status = go_template_render(compiled, conversation, NOW, limits, output, error);
    go_template_free(compiled);
    return status;
}

static void output_free(struct jinja_output *output)
{
    buffer_free(&output->text);
    buffer_free(&output->outside);
}

/* ---- the cases in the file ------------------------------------------------------------------- */

static const json_t *input_of(const json_t *inputs, const json_t *line)
{
    const json_t *const input = json_object_get(line, "input");
    const char *const name = input == NULL ? "plain" : json_string_value(input);
    const json_t *const found = name == NULL ? input : json_object_get(inputs, name);
    assert_non_null(found);
    return found;
}

static void try_case(const json_t *inputs, const json_t *line, size_t number)
{
    const json_t *const template = json_object_get(line, "template");
    const json_t *const text = json_object_get(line, "text");
    const char *const source = json_string_value(template);
    const char *const words = json_string_value(json_object_get(line, "error"));
    const struct jinja_limits limits = {0};
    struct jinja_output output;
    primer_error error = {0};
    assert_true(source != NULL && (text != NULL) != (words != NULL));
    const primer_status status =
        run(source, json_string_length(template), input_of(inputs, line), &limits, &output, &error);
    if (text != NULL && status != PRIMER_OK)
        fail_msg("%s:%zu: %.400s: %s", CASES, number, source, error.message);
    if (text != NULL &&
        (output.text.length != json_string_length(text) ||
         memcmp(output.text.bytes, json_string_value(text), output.text.length) != 0))
        fail_msg("%s:%zu: %.400s: found \"%s\", expected \"%s\"", CASES, number, source,
                 output.text.bytes, json_string_value(text));
    assert_int_equal(output.text.length, output.outside.length);
    if (words != NULL && status == PRIMER_OK)
        fail_msg("%s:%zu: %.400s: no error, but \"%s\"", CASES, number, source, output.text.bytes);
    if (words != NULL && strstr(error.message, words) == NULL)
        fail_msg("%s:%zu: %.400s: error \"%s\", expected \"%s\"", CASES, number, source,
                 error.message, words);
    output_free(&output);
}

static void test_cases(void **state)
{
    (void)state;
    struct buffer text = {0};
    json_t *inputs = NULL;
    size_t number = 0;
    assert_int_equal(file_read(CASES, (size_t)1 << 28, &text, NULL), PRIMER_OK);
    for (char *rest = text.bytes, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *const object = json_loads(line, JSON_ALLOW_NUL, NULL);
        assert_non_null(object);
        if (++number == 1)
            inputs = json_incref(json_object_get(object, "inputs"));
        else
            try_case(inputs, object, number);
        json_decref(object);
    }
    assert_true(number > 400);
    print_message("%zu cases\n", number - 1);
    json_decref(inputs);
    buffer_free(&text);
}

/* ---- where bytes come from ------------------------------------------------------------------- */

static json_t *short_talk(void)
{
    json_t *const talk = json_loads(
        "{\"messages\": [{\"role\": \"system\", \"content\": \"<s>\"},"
        " {\"role\": \"user\", \"content\": \"a<\"}, {\"role\": \"<x>\", \"content\": \"b\"},"
        " {\"role\": \"assistant\", \"content\": \"c\", \"tool_calls\":"
        "  [{\"function\": {\"name\": \"f\", \"arguments\": {\"k\": \"v\"}}}]}]}",
        0, NULL);
    assert_non_null(talk);
    return talk;
}

/* `marks` has an 'o' for each byte from outside. */
static void expect_marks(const char *template, const char *text, const char *marks)
{
    json_t *const talk = short_talk();
    const struct jinja_limits limits = {0};
    struct jinja_output output;
    primer_error error = {0};
    if (run(template, strlen(template), talk, &limits, &output, &error) != PRIMER_OK)
        fail_msg("%s: %s", template, error.message);
    assert_string_equal(output.text.bytes, text);
    assert_int_equal(output.outside.length, strlen(marks));
    for (size_t i = 0; i < output.text.length; i++)
        if (output.outside.bytes[i] != (marks[i] == 'o'))
            fail_msg("%s: byte %zu of \"%s\" is %d", template, i, text, output.outside.bytes[i]);
    output_free(&output);
    json_decref(talk);
}

static void test_bytes_know_where_they_come_from(void **state)
{
    (void)state;
    expect_marks("<s>{{ .System }}{{ with .Messages }}{{ end }}", "<s><s>", "...ooo");
    /* The usual roles are words of the template, other ones are not. */
    expect_marks("{{ range .Messages }}<{{ .Role }}>{{ end }}", "<system><user><<x>><assistant>",
                 "...............ooo............");
    expect_marks("{{ printf \"<%s|%q>\" .System .System }}{{ len .Messages }}", "<<s>|\"<s>\">4",
                 ".ooo..ooo...");
    expect_marks("{{ print \"<s>\" .System 1 }}{{ len .Messages }}", "<s><s>14", "...ooo..");
    expect_marks("{{ json .System }}{{ with .Messages }}{{ end }}", "\"\\u003cs\\u003e\"",
                 ".ooooooooooooo.");
    expect_marks("{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Name }}="
                 "{{ .Function.Arguments }}{{ end }}{{ end }}",
                 "f={\"k\":\"v\"}", "o...o...o..");
    expect_marks("{{ range .Messages }}{{ slice .Content 0 1 }}{{ end }}", "<abc", "oooo");
    expect_marks("{{ define \"t\" }}[{{ . }}]{{ end }}{{ $x := .System }}{{ template \"t\" $x }}"
                 "{{ with .Messages }}{{ end }}",
                 "[<s>]", ".ooo.");
    expect_marks("{{ printf \"%x\" .System }}{{ with .Messages }}{{ end }}", "3c733e", "oooooo");
    expect_marks("{{ printf .System }}{{ with .Messages }}{{ end }}", "<s>", "ooo");
    /* Turn by turn. */
    expect_marks("<s>{{ .System }}{{ .Prompt }}{{ .Response }}</s>", "<s><s>a<c", "...oooooo");
}

/* ---- what a template says about itself ------------------------------------------------------- */

static unsigned uses_of(const char *template)
{
    struct go_template *compiled = NULL;
    primer_error error = {0};
    if (go_template_compile(template, strlen(template), &compiled, &error) != PRIMER_OK)
        fail_msg("%s: %s", template, error.message);
    const unsigned uses = go_template_uses(compiled);
    assert_int_equal(go_template_has_suffix(compiled), (uses & GO_TEMPLATE_SUFFIX) != 0);
    go_template_free(compiled);
    return uses;
}

static void test_uses(void **state)
{
    (void)state;
    assert_int_equal(uses_of("text .Tools {{/* .Suffix */}}{{ \".Think\" }}"), 0);
    assert_int_equal(uses_of("{{ .Prompt }}{{ .Response }}"), GO_TEMPLATE_RESPONSE);
    assert_int_equal(uses_of("{{ range .Messages }}{{ .Thinking }}{{ end }}"),
                     GO_TEMPLATE_MESSAGES | GO_TEMPLATE_THINKING);
    assert_int_equal(uses_of("{{ range $i, $_ := $.Messages }}{{ if $.Tools }}{{ end }}{{ end }}"),
                     GO_TEMPLATE_MESSAGES | GO_TEMPLATE_TOOLS);
    assert_int_equal(uses_of("{{ if .Suffix }}{{ end }}{{ if .ThinkLevel }}{{ end }}"),
                     GO_TEMPLATE_SUFFIX | GO_TEMPLATE_THINKING);
    assert_int_equal(uses_of("{{ define \"a\" }}{{ (index . 0).Tools }}{{ end }}"),
                     GO_TEMPLATE_TOOLS);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void expect_refused_within(const char *template, const struct jinja_limits *limits,
                                  const char *words)
{
    json_t *const talk = short_talk();
    struct jinja_output output;
    primer_error error = {0};
    assert_int_equal(run(template, strlen(template), talk, limits, &output, &error), PRIMER_EINVAL);
    if (strstr(error.message, words) == NULL)
        fail_msg("%.60s: error \"%s\", expected \"%s\"", template, error.message, words);
    output_free(&output);
    json_decref(talk);
}

static void expect_refused(const char *template, const char *words)
{
    const struct jinja_limits limits = {.steps = 200000, .memory = (size_t)1 << 20};
    expect_refused_within(template, &limits, words);
}

/* `head`, `piece` many times, `tail`. */
static void expect_refused_many(const char *head, const char *piece, size_t count, const char *tail,
                                const char *words)
{
    struct buffer text = {0};
    assert_int_equal(buffer_text(&text, head, NULL), PRIMER_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_text(&text, piece, NULL), PRIMER_OK);
    assert_int_equal(buffer_text(&text, tail, NULL), PRIMER_OK);
    expect_refused(text.bytes, words);
    buffer_free(&text);
}

#define DOUBLED "{{ $s := \"ab\" }}{{ range 20 }}{{ $s = print $s $s }}{{ end }}"

static void test_long_work_is_counted(void **state)
{
    (void)state;
    const struct jinja_limits few = {.steps = 900};
    const struct jinja_limits more = {.steps = 1000000, .memory = (size_t)1 << 30};
    expect_refused_within("{{ range 1000 }}{{ end }}", &few, "runs for too long");
    expect_refused_within("{{ range 9223372036854775807 }}{{ end }}", &more, "runs for too long");
    expect_refused_within("{{ range 30 }}{{ range 30 }}x{{ end }}{{ end }}", &few,
                          "runs for too long");
    expect_refused_within(DOUBLED "{{ $t := print $s }}{{ range 99 }}{{ if eq $s $t }}{{ end }}"
                                  "{{ end }}",
                          &more, "runs for too long");
    expect_refused_within(DOUBLED "{{ range 99 }}{{ $x := json $s }}{{ end }}", &more,
                          "runs for too long");
    expect_refused_within(DOUBLED "{{ range 99 }}{{ $x := printf \"%9s\" $s }}{{ end }}", &more,
                          "runs for too long");
}

static void test_nothing_runs_without_end(void **state)
{
    (void)state;
    char pairs[400];
    memset(pairs, '(', 200);
    memset(pairs + 200, ')', 200);
    expect_refused("{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}", "too");
    expect_refused("{{ $s := \"x\" }}{{ range 60 }}{{ $s = print $s $s }}{{ end }}", "too");
    expect_refused("{{ $s := \"x\" }}{{ range 60 }}{{ $s = printf \"%1000s%s\" $s $s }}{{ end }}",
                   "too");
    expect_refused("{{ define \"T\" }}{{ template \"T\" . }}{{ end }}{{ template \"T\" . }}",
                   "levels deep");
    char parentheses[600];
    snprintf(parentheses, sizeof parentheses, "{{ %.*s1%.*s }}", 200, pairs, 200, pairs + 200);
    expect_refused(parentheses, "levels deep");
    expect_refused_many("", "{{ if 1 }}", 5000, "", "levels deep");
    expect_refused_many("{{ if 1 }}", "{{ else if 1 }}", 5000, "{{ end }}", "levels deep");
    expect_refused_many("", "{{ block \"b\" . }}", 5000, "", "levels deep");
    expect_refused_many("{{ print", " 1", 5000, " }}", "more than");
    expect_refused_many("", "{{ $x := 1 }}", 5000, "", "variables");
}

static void test_errors_name_the_line(void **state)
{
    (void)state;
    expect_refused("\n\n{{ len 5 }}", "chat template, line 3: ");
    expect_refused("a\nb {{ if }}", "line 2: missing value for if");
    expect_refused("{{ $x := `a\nb` }}\n{{ index $x 9 }}", "line 3: error calling index");
    expect_refused("{{ define \"t\" }}\n{{ len 1 }}{{ end }}\n{{ template \"t\" }}", "line 2: ");
}

/* Deep values are refused, and don't overflow the stack. */
static void test_deep_arguments(void **state)
{
    (void)state;
    json_t *deep = json_object(), *const root = short_talk();
    for (size_t i = 0; i < 1000; i++)
        deep = json_pack("{s:o}", "a", deep);
    json_t *const call =
        json_pack("{s:[{s:s, s:[{s:{s:s, s:o}}]}]}", "messages", "role", "assistant", "tool_calls",
                  "function", "name", "f", "arguments", deep);
    const struct jinja_limits limits = {0};
    struct jinja_output output;
    primer_error error = {0};
    assert_non_null(call);
    assert_int_equal(run("{{ .Messages }}", 15, call, &limits, &output, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "levels deep"));
    json_decref(call);
    json_decref(root);
}

/* The usual way to know the last message doesn't copy the list each time. */
static void test_long_conversation(void **state)
{
    (void)state;
    static const char template[] =
        "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
        "<{{ .Role }}>{{ .Content }}{{ if $last }}!{{ end }}{{ end }}";
    json_t *const list = json_array();
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(
            json_array_append_new(list, json_pack("{s:s, s:s}", "role",
                                                  i % 2 ? "assistant" : "user", "content", "x")),
            0);
    json_t *const talk = json_pack("{s:o}", "messages", list);
    const struct jinja_limits limits = {0};
    struct jinja_output output;
    primer_error error = {0};
    if (run(template, strlen(template), talk, &limits, &output, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(output.text.length, 2500 * (strlen("<user>x") + strlen("<assistant>x")) + 1);
    output_free(&output);
    json_decref(talk);
}

/* Every allocation fails in turn. */
static void test_survives_without_memory(void **state)
{
    (void)state;
    static const char template[] =
        "{{ define \"t\" }}{{ . }}{{ end }}{{ range $i, $m := .Messages }}{{ $x := json $m }}"
        "{{ template \"t\" $x }}{{ .Content | printf \"%20q\" }}{{ end }}{{ slice .Messages 1 }}";
    json_t *const talk = short_talk();
    const struct jinja_limits limits = {0};
    bool done = false;
    for (size_t n = 0; !done; n++) {
        struct jinja_output output;
        primer_error error = {0};
        memory_fail_at(n);
        const primer_status status =
            run(template, strlen(template), talk, &limits, &output, &error);
        memory_fail_at(SIZE_MAX);
        done = status == PRIMER_OK;
        assert_true(done || error.message[0] != '\0');
        assert_true(n < 1000);
        output_free(&output);
    }
    json_decref(talk);
}

int main(void)
{
    setenv("TZ", "UTC", 1); /* of currentDate */
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bytes_know_where_they_come_from),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_long_work_is_counted),
        cmocka_unit_test(test_nothing_runs_without_end),
        cmocka_unit_test(test_errors_name_the_line),
        cmocka_unit_test(test_deep_arguments),
        cmocka_unit_test(test_long_conversation),
        cmocka_unit_test(test_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
