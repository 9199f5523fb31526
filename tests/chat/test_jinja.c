/* test_jinja.c - templates: what each line of jinja.jsonl says, where every byte comes from, and
 * that no template runs or grows without end.
 *
 * tests/chat/templates.sh gives a file of such cases, real templates, as the argument.
 *
 * A line of jinja.jsonl is {"template": .., "text": ..} or {"template": .., "error": ..}; the first one
 * holds the variables of all, "variables" in a line those of this one. "alone" says that other
 * programs print something else, where these are wrong by Jinja's own documents.
 */
#include "chat/jinja.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"

static const char *cases = "tests/chat/jinja.jsonl";

static primer_status run(const char *template, const json_t *variables,
                         const struct jinja_limits *limits, struct jinja_output *output,
                         primer_error *error)
{
    struct jinja_template *compiled = NULL;
    *output = (struct jinja_output){0};
    primer_status status = jinja_compile(template, strlen(template), &compiled, error);
    if (status == PRIMER_OK)
        status = jinja_render(compiled, variables, NULL, 0, limits, output, error);
    jinja_free(compiled);
    return status;
}

static void output_free(struct jinja_output *output)
{
    buffer_free(&output->text);
    buffer_free(&output->outside);
}

/* ---- the cases in the file ------------------------------------------------------------------- */

static void try_case(const json_t *variables, const json_t *line, size_t number)
{
    const char *const template = json_string_value(json_object_get(line, "template"));
    const char *const text = json_string_value(json_object_get(line, "text"));
    const char *const words = json_string_value(json_object_get(line, "error"));
    const json_t *const own = json_object_get(line, "variables");
    const struct jinja_limits limits = {0};
    struct jinja_output output;
    primer_error error = {0};
    assert_true(template != NULL && (text != NULL) != (words != NULL));
    const primer_status status =
        run(template, own != NULL ? own : variables, &limits, &output, &error);
    if (text != NULL && status != PRIMER_OK)
        fail_msg("%s:%zu: %.400s: %s", cases, number, template, error.message);
    if (text != NULL && strcmp(output.text.bytes, text) != 0)
        fail_msg("%s:%zu: %.400s: found \"%s\", expected \"%s\"", cases, number, template,
                 output.text.bytes, text);
    if (words != NULL && status == PRIMER_OK)
        fail_msg("%s:%zu: %.400s: no error, but \"%s\"", cases, number, template,
                 output.text.bytes);
    if (words != NULL && strstr(error.message, words) == NULL)
        fail_msg("%s:%zu: %.400s: error \"%s\", expected \"%s\"", cases, number, template,
                 error.message, words);
    output_free(&output);
}

static void test_cases(void **state)
{
    (void)state;
    struct buffer text = {0};
    json_t *first = NULL;
    size_t number = 0;
    assert_int_equal(file_read(cases, (size_t)1 << 28, &text, NULL), PRIMER_OK);
    for (char *rest = text.bytes, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *const object = json_loads(line, 0, NULL);
        assert_non_null(object);
        if (++number == 1)
            first = json_incref(json_object_get(object, "variables"));
        else
            try_case(first, object, number);
        json_decref(object);
    }
    assert_true(number > 100);
    print_message("%zu cases\n", number - 1);
    json_decref(first);
    buffer_free(&text);
}

/* ---- where bytes come from ------------------------------------------------------------------- */

/* `marks` has an 'o' for each byte from outside. */
static void expect_marks(const char *template, const char *text, const char *marks)
{
    json_t *const variables = json_pack("{s:s, s:{s:s}}", "a", "<x>", "d", "k\"", "v v");
    const struct jinja_limits limits = {0};
    struct jinja_output output;
    primer_error error = {0};
    assert_int_equal(run(template, variables, &limits, &output, &error), PRIMER_OK);
    assert_string_equal(output.text.bytes, text);
    assert_int_equal(output.outside.length, strlen(marks));
    for (size_t i = 0; i < output.text.length; i++)
        if (output.outside.bytes[i] != (marks[i] == 'o'))
            fail_msg("%s: byte %zu of \"%s\" is %d", template, i, text, output.outside.bytes[i]);
    output_free(&output);
    json_decref(variables);
}

static void test_bytes_know_where_they_come_from(void **state)
{
    (void)state;
    expect_marks("<x>{{ a }}<x>", "<x><x><x>", "...ooo...");
    expect_marks("{{ '<x>' + a ~ '!' }}", "<x><x>!", "...ooo.");
    expect_marks("{{ (' ' + a + ' ')|trim }}", "<x>", "ooo");
    expect_marks("{{ a.replace('x', 'yy') }}{{ a|upper }}", "<yy><X>", "o..oooo");
    expect_marks("{{ 'a-b'.replace('-', a) }}{{ a[1:] }}", "a<x>bx>", ".ooo.oo");
    expect_marks("{{ d|tojson }}", "{\"k\\\"\": \"v v\"}", "..ooo....ooo..");
    expect_marks("{% for k, v in d.items() %}{{ k }}={{ v }}{% endfor %}", "k\"=v v", "oo.ooo");
    expect_marks("{% set t %}-{{ a }}-{% endset %}{{ [t, a]|join('|') }}", "-<x>-|<x>",
                 ".ooo..ooo");
    expect_marks("{% macro m(q) %}[{{ q }}]{% endmacro %}{{ m(a)|indent(2, true) }}", "  [<x>]",
                 "...ooo.");
    expect_marks("{{ a|length }}{{ a == '<x>' }}", "3true", ".....");
    expect_marks("{{ a[0:2] }}{{ a[::-1] }}", "<x>x<", "ooooo");
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void expect_refused(const char *template, const char *words)
{
    json_t *const variables = json_object();
    const struct jinja_limits limits = {.steps = 200000, .memory = (size_t)1 << 20};
    struct jinja_output output;
    primer_error error = {0};
    assert_int_equal(run(template, variables, &limits, &output, &error), PRIMER_EINVAL);
    if (strstr(error.message, words) == NULL)
        fail_msg("%.60s: error \"%s\", expected \"%s\"", template, error.message, words);
    output_free(&output);
    json_decref(variables);
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

/* Within so many steps, with memory for all. */
static void expect_too_long(const char *template, size_t steps)
{
    json_t *const variables = json_object();
    const struct jinja_limits limits = {.steps = steps};
    struct jinja_output output;
    primer_error error = {0};
    assert_int_equal(run(template, variables, &limits, &output, &error), PRIMER_EINVAL);
    if (strstr(error.message, "runs for too long") == NULL)
        fail_msg("%.60s: error \"%s\"", template, error.message);
    output_free(&output);
    json_decref(variables);
}

#define DOUBLED                                                                                    \
    "{% set ns = namespace(s='ab') %}{% for i in range(20) %}{% set ns.s = ns.s ~ ns.s %}{% "      \
    "endfor %}"

static void test_long_work_is_counted(void **state)
{
    (void)state;
    expect_too_long("{% for i in range(1000) %}{% endfor %}", 900);
    expect_too_long("{% for i in range(3) %}{% for j in range(100) %}x{% endfor %}{% endfor %}",
                    400);
    expect_too_long(DOUBLED "{% for i in range(99) %}{{ 1 if 'bb' in ns.s }}{% endfor %}", 1000000);
    expect_too_long(DOUBLED "{% for i in range(99) %}{% set x = ns.s|length %}{% endfor %}",
                    1000000);
    expect_too_long(DOUBLED "{% for i in range(99) %}{% set x = ns.s.strip() %}{% endfor %}",
                    1000000);
    expect_too_long(DOUBLED "{% set t = ns.s ~ '' %}"
                            "{% for i in range(99) %}{% set x = ns.s == t %}{% endfor %}",
                    2000000);
    expect_too_long("{% set a = namespace(v=[1]) %}{% set b = namespace(v=[1]) %}"
                    "{% for i in range(60) %}{% set a.v = [a.v, a.v] %}{% set b.v = [b.v, b.v] %}"
                    "{% endfor %}{{ a.v == b.v }}",
                    100000);
}

static void test_nothing_runs_without_end(void **state)
{
    (void)state;
    expect_refused("{% for i in range(1000000000) %}{% endfor %}", "too");
    expect_refused("{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
                   "too");
    expect_refused("{% set ns = namespace(s='x') %}{% for i in range(60) %}"
                   "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
                   "too");
    expect_refused("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "levels deep");
    expect_refused("{% set ns = namespace(l=[]) %}{% for i in range(200) %}"
                   "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}",
                   "levels deep");
    expect_refused("{% set ns = namespace(l=[]) %}{% for i in range(200) %}"
                   "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == [ns.l] }}",
                   "levels deep");
    expect_refused_many("{% filter trim", "|trim", 5000, " %}{% endfilter %}", "levels deep");
    expect_refused_many("{% macro m(", "a, ", 300, ") %}{% endmacro %}", "parameters");
    expect_refused_many("{{ ", "(", 5000, " }}", "levels deep");
    expect_refused_many("{{ ", "not ", 5000, "x }}", "levels deep");
    expect_refused_many("{{ ", "-", 5000, "1 }}", "levels deep");
    expect_refused_many("{{ 1", " + 1", 5000, " }}", "in each other");
    expect_refused_many("{{ x", ".y", 5000, " }}", "in each other");
    expect_refused_many("{{ 'x'", "|trim", 5000, " }}", "in each other");
    expect_refused_many("", "{% if 1 %}", 5000, "", "levels deep");
    expect_refused_many("{% if 1 %}", "{% elif 1 %}", 5000, "{% endif %}", "levels deep");
    expect_refused_many("{{ ", "[", 5000, " }}", "levels deep");
}

static void test_errors_name_the_line(void **state)
{
    (void)state;
    expect_refused("\n\n{{ 'a' - 1 }}", "chat template, line 3: ");
    expect_refused("a\nb {% if %}", "line 2: expected an expression, found \"%}\"");
    expect_refused("{{ raise_exception('no\nway') }}", "line 1: no?way");
}

/* Every allocation fails in turn. */
static void test_survives_without_memory(void **state)
{
    (void)state;
    static const char template[] = "{% for m in l %}{{ m|upper ~ 'x' }}{% endfor %}{{ l|tojson }}";
    json_t *const variables = json_pack("{s:[s, s]}", "l", "a", "b");
    const struct jinja_limits limits = {0};
    bool done = false;
    for (size_t n = 0; !done; n++) {
        struct jinja_output output;
        primer_error error = {0};
        memory_fail_at(n);
        const primer_status status = run(template, variables, &limits, &output, &error);
        memory_fail_at(SIZE_MAX);
        done = status == PRIMER_OK;
        assert_true(done || error.message[0] != '\0');
        assert_true(n < 1000);
        output_free(&output);
    }
    json_decref(variables);
}

/* With an argument: the cases in that file alone. */
int main(int count, char **arguments)
{
    const struct CMUnitTest alone[] = {cmocka_unit_test(test_cases)};
    if (count > 1) {
        cases = arguments[1];
        return cmocka_run_group_tests(alone, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bytes_know_where_they_come_from),
        cmocka_unit_test(test_long_work_is_counted),
        cmocka_unit_test(test_nothing_runs_without_end),
        cmocka_unit_test(test_errors_name_the_line),
        cmocka_unit_test(test_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
