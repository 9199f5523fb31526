/* test_chat_constraint.c - answers with calls of tools: which ones each style's constraint
 * takes, that what it lets through, at random, is read as calls with valid arguments, and which
 * names of tools are refused: those that would be read otherwise, and no others.
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
#include "base/random.h"
#include "chat/chat_call.h"
#include "chat/chat_format.h"
#include "constraint/constraint.h"
#include "engine/engine.h"
#include "tools/model_maker.h"

static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"get\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"x\": {\"enum\": [1, \"<tool_call>\"]}, \"y\": {\"type\": "
    "\"boolean\"}}, \"required\": [\"x\"]}}}, {\"type\": \"function\", \"function\": {\"name\": "
    "\"now\"}}]";

struct models {
    primer_model *model;
    struct constraint_vocabulary *vocabulary;
};

static int set_up(void **state)
{
    static struct models models;
    char path[64];
    primer_error error = {0};
    struct model_maker_options options = {.architecture = "phi2", .tokenizer = "bpe", .seed = 3};
    snprintf(path, sizeof path, "/tmp/primer-tools-%ld.gguf", (long)getpid());
    assert_int_equal(model_maker_shape(&options, "tiny", &error), PRIMER_OK);
    assert_int_equal(model_maker_write(&options, path, &error), PRIMER_OK);
    const primer_status status = primer_model_open(path, NULL, &models.model, &error);
    unlink(path);
    assert_int_equal(status, PRIMER_OK);
    assert_int_equal(
        constraint_vocabulary_create(models.model->tokenizer, &models.vocabulary, &error),
        PRIMER_OK);
    *state = &models;
    return 0;
}

static int tear_down(void **state)
{
    struct models *const models = *state;
    constraint_vocabulary_free(models->vocabulary);
    primer_model_free(models->model);
    return 0;
}

static primer_chat_format format_of(const char *style, bool thinks)
{
    return (primer_chat_format){.name = "test",
                                .style = chat_style_named(style),
                                .thinking = thinks ? chat_style_thinking("</think>") : NULL};
}

static const char *form; /* of what is no call; NULL: any text */

static primer_constraint *constraint_of(const char *style, bool thinks, const char *choice,
                                        bool parallel)
{
    const primer_chat_format format = format_of(style, thinks);
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    if (primer_constraint_tools(&format, tools, strlen(tools), choice, parallel, form,
                                form == NULL ? 0 : strlen(form), &constraint, &error) != PRIMER_OK)
        fail_msg("%s, %s: %s", style, choice, error.message);
    return constraint;
}

static struct constraint_matcher *matcher_of(const struct models *models,
                                             primer_constraint *constraint)
{
    struct constraint_matcher *matcher = NULL;
    primer_error error = {0};
    if (constraint_matcher_create(constraint, models->vocabulary, &matcher, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return matcher;
}

/* Whether the constraint takes all of the answer, and it may end there. */
static bool takes(const struct models *models, primer_constraint *constraint, const char *answer)
{
    struct constraint_matcher *const matcher = matcher_of(models, constraint);
    int32_t *ids = NULL;
    size_t count = 0;
    bool taken = true;
    assert_int_equal(primer_tokenize(models->model, answer, strlen(answer), 0, &ids, &count, NULL),
                     PRIMER_OK);
    for (size_t i = 0; i < count && taken; i++)
        taken = constraint_matcher_take(matcher, ids[i]);
    taken = taken && constraint_matcher_complete(matcher);
    constraint_matcher_free(matcher);
    primer_free(ids);
    return taken;
}

/* Each answer begins with + (taken) or - (not). */
static void expect(const struct models *models, const char *style, const char *choice,
                   bool parallel, const char *const *answers)
{
    primer_constraint *const constraint = constraint_of(style, false, choice, parallel);
    for (; *answers != NULL; answers++)
        if (takes(models, constraint, *answers + 1) != (**answers == '+'))
            fail_msg("%s, %s%s: \"%s\" is %s", style, choice, parallel ? ", parallel" : "",
                     *answers + 1, **answers == '+' ? "refused" : "taken");
    constraint_free(constraint);
}

#define ANSWERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GET          "{\"name\": \"get\", \"arguments\": {\"x\":1}}"
#define NOW          "{\"name\": \"now\", \"arguments\": {}}"
#define CALL(object) "<tool_call>\n" object "\n</tool_call>"

static void hermes(void **state)
{
    static const char *const styles[] = {"hermes", "generic"};
    for (size_t i = 0; i < 2; i++) {
        expect(*state, styles[i], "auto", true,
               ANSWERS("+", "+Hello <b> tool_call", "+" CALL(GET), "+" CALL(NOW),
                       "+Well:\n" CALL(GET) "\n" CALL(NOW) "\n" CALL(NOW), "-<tool_call>",
                       "-Well <tool_call>\n", "-" CALL(GET) " and so", "-" CALL("{}"),
                       "-" CALL("{\"name\": \"put\", \"arguments\": {}}"),
                       "-" CALL("{\"name\": \"now\", \"arguments\": {\"x\":1}}"),
                       "-" CALL("{\"name\": \"get\", \"arguments\": {\"x\":2}}"),
                       "-" CALL("{\"name\": \"get\", \"arguments\": {}}")));
        expect(*state, styles[i], "auto", false,
               ANSWERS("+", "+x " CALL(NOW), "-" CALL(GET) "\n" CALL(NOW)));
        expect(*state, styles[i], "required", true,
               ANSWERS("-", "-Hello", "+" CALL(GET) "\n" CALL(NOW), "+" CALL(NOW)));
        expect(*state, styles[i], "required", false,
               ANSWERS("-", "-x", "-" CALL(GET) "\n" CALL(NOW), "+" CALL(NOW)));
        expect(*state, styles[i], "now", true,
               ANSWERS("+" CALL(NOW), "-" CALL(GET), "-" CALL(NOW) "\n" CALL(NOW), "-"));
    }
}

static void llama(void **state)
{
#define LGET "{\"name\": \"get\", \"parameters\": {\"x\":1}}"
    expect(*state, "llama-3", "auto", true,
           ANSWERS("+", "+ \n", "+Hello", "+<b>", "+ <", "+<<", "+Use {\"x\": 1}", "+" LGET,
                   "+<|python_tag|>" LGET, "-{\"x\": 1}", "- {", "-<|python_tag|>", "-<|",
                   "-Hello <|python_tag|>" LGET, "-" LGET LGET, "-" LGET "; " LGET));
    expect(*state, "llama-3", "required", false, ANSWERS("-", "-Hello", "+" LGET, "-" NOW));
}

static void arrays(void **state)
{
    expect(
        *state, "mistral", "auto", true,
        ANSWERS("+", "+Hi",
                "+[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}, \"id\": "
                "\"abcDEF123\"}]",
                "+Hi [TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}, \"id\": \"abcDEF123\"}, "
                "{\"name\": \"get\", \"arguments\": {\"x\":1}, \"id\": \"000000000\"}]",
                "-[TOOL_CALLS][]", "-[TOOL_CALLS]", "-[TOOL_CALLS][" NOW "]"));
    expect(*state, "mistral", "required", false,
           ANSWERS("-", "-[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}, \"id\": "
                        "\"abcDEF123\"}, {\"name\": \"now\", \"arguments\": {}, \"id\": "
                        "\"abcDEF123\"}]"));
    expect(*state, "firefunction", "required", true,
           ANSWERS("+functools[" NOW ", " GET "]", "-functools", "-x"));
    expect(*state, "command-r", "auto", true,
           ANSWERS("+Hi",
                   "+Action:\n```json\n[\n    {\n        \"tool_name\": \"now\",\n        "
                   "\"parameters\": {}\n    }\n]\n```",
                   "-Action: none"));
    expect(*state, "command-r7b", "auto", true,
           ANSWERS("+<|START_RESPONSE|>Hi<|END_RESPONSE|>", "+Hi",
                   "+<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"now\", "
                   "\"parameters\": {}},\n    {\"tool_call_id\": \"1\", \"tool_name\": \"now\", "
                   "\"parameters\": {}}\n]<|END_ACTION|>",
                   "-<|START_ACTION|>"));
}

static void names(void **state)
{
    expect(*state, "functionary-3.1", "auto", true,
           ANSWERS("+", "+x <function=now>{}</function><function=get>{\"x\":1}</function>",
                   "-<function=put>{}</function>", "-<function="));
    expect(*state, "functionary-3.2", "auto", true,
           ANSWERS("+all\nHi", "+all\nHi>>>now\n{}", "+now\n{}>>>get\n{\"x\":1}", "-Hi", "-",
                   "-all\n>>>"));
    expect(*state, "functionary-3.2", "required", false,
           ANSWERS("+now\n{}", "-all\nHi", "-now\n{}>>>now\n{}"));
    expect(*state, "mistral-arguments", "required", true,
           ANSWERS("+[TOOL_CALLS]now[ARGS]{}[TOOL_CALLS]get[ARGS]{\"x\":1}", "-x"));
#define DEEP(name, arguments)                                                                      \
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>" name "\n```json\n" arguments                     \
    "\n```<｜tool▁call▁end｜>"
    expect(*state, "deepseek", "required", true,
           ANSWERS("+<｜tool▁calls▁begin｜>" DEEP("now", "{}") "\n" DEEP(
                       "get", "{\"x\":1}") "<｜tool▁"
                                           "calls▁end｜>",
                   "-" DEEP("now", "{}"), "-x"));
}

static void no_calls(void **state)
{
    expect(*state, "hermes", "none", true,
           ANSWERS("+", "+Hello", "-" CALL(NOW), "-Well <tool_call>"));
    expect(*state, "llama-3", "none", true, ANSWERS("+Hello", "-" LGET, "-<|python_tag|>"));
    expect(*state, "functionary-3.2", "none", true, ANSWERS("+all\nHi", "-now\n{}", "-Hi"));
    expect(*state, "command-r7b", "none", true,
           ANSWERS("+Hi", "+<|START_RESPONSE|>Hi<|END_RESPONSE|>", "-<|START_ACTION|>"));
}

static void calls_or_a_form(void **state)
{
    form = "{\"type\":\"object\",\"properties\":{\"n\":{\"const\":1}},\"required\":[\"n\"],"
           "\"additionalProperties\":false}";
    expect(*state, "hermes", "auto", true,
           ANSWERS("+{\"n\":1}", "+" CALL(NOW) "\n" CALL(GET), "-", "-Hello", "-{\"n\":2}",
                   "-{\"n\":1}" CALL(NOW)));
    expect(*state, "hermes", "none", true, ANSWERS("+{\"n\":1}", "-" CALL(NOW), "-Hello"));
    expect(*state, "hermes", "required", true, ANSWERS("-{\"n\":1}", "+" CALL(NOW)));
    expect(*state, "llama-3", "auto", true, ANSWERS("+{\"n\":1}", "+" LGET, "-Hello"));
    expect(*state, "functionary-3.2", "auto", true,
           ANSWERS("+all\n{\"n\":1}", "+now\n{}", "-all\nHi", "-{\"n\":1}"));
    expect(*state, "command-r7b", "auto", true,
           ANSWERS("+<|START_RESPONSE|>{\"n\":1}<|END_RESPONSE|>", "+{\"n\":1}", "-Hi"));
    form = NULL;
}

static void thinking_comes_first(void **state)
{
    const struct models *const models = *state;
    primer_constraint *const constraint = constraint_of("hermes", true, "required", false);
    assert_true(takes(models, constraint, CALL(NOW)));
    assert_true(takes(models, constraint, "\n\n" CALL(NOW)));
    assert_true(takes(models, constraint, "<think>\nhm <tool_call>\n</think>\n\n" CALL(NOW)));
    assert_false(takes(models, constraint, "<think>\nhm\n" CALL(NOW)));
    assert_false(takes(models, constraint, "hm</think>" CALL(NOW)));
    constraint_free(constraint);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void expect_error(const char *given, const char *choice, primer_status status,
                         const char *words)
{
    const primer_chat_format format = format_of("hermes", false);
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    assert_int_equal(primer_constraint_tools(&format, given, strlen(given), choice, true, NULL, 0,
                                             &constraint, &error),
                     status);
    assert_null(constraint);
    if (strstr(error.message, words) == NULL)
        fail_msg("error \"%s\", expected \"%s\"", error.message, words);
}

static void errors_name_the_tool(void **state)
{
    (void)state;
    expect_error("[]", "auto", PRIMER_EINVAL, "there are none to call");
    expect_error("{}", "auto", PRIMER_EFORMAT, "tools: expected a list, found an object");
    expect_error(tools, "put", PRIMER_EINVAL, "\"put\" is no tool's name");
    expect_error("[{\"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"array\"}}}]",
                 "auto", PRIMER_EFORMAT,
                 "tools[0].function.parameters (of \"f\"): arguments are an object, but type is "
                 "array");
    expect_error("[{\"function\": {\"name\": \"f\", \"parameters\": {\"properties\": {\"x\": "
                 "{\"type\": 7}}}}}]",
                 "auto", PRIMER_EFORMAT, "(of \"f\")");
}

/* ---- drawing --------------------------------------------------------------------------------- */

static int32_t draw(const uint64_t *mask, size_t words, struct random *random)
{
    size_t count = 0;
    for (size_t i = 0; i < words; i++)
        count += (size_t)__builtin_popcountll(mask[i]);
    assert_true(count > 0);
    size_t left = random_below(random, count);
    for (size_t i = 0;; i++)
        for (size_t bit = 0; bit < 64; bit++)
            if ((mask[i] >> bit & 1) != 0 && left-- == 0)
                return (int32_t)(i * 64 + bit);
}

/* An answer drawn at random; false where it didn't come to its end. */
static bool draw_answer(const struct models *models, primer_constraint *constraint,
                        struct random *random, struct buffer *answer)
{
    struct constraint_matcher *const matcher = matcher_of(models, constraint);
    const size_t words = (primer_model_info(models->model)->vocabulary + 63) / 64;
    bool ended = false;
    for (size_t i = 0; i < 400 && !ended; i++) {
        size_t length = 0;
        const uint64_t *const mask = constraint_matcher_mask(matcher, NULL);
        assert_non_null(mask);
        const int32_t id = draw(mask, words, random);
        const char *const bytes = primer_token_bytes(models->model, id, &length);
        ended = constraint_matcher_finished(matcher) || primer_token_ends(models->model, id);
        if (ended)
            break;
        buffer_append(answer, bytes, length, NULL);
        assert_true(constraint_matcher_take(matcher, id));
    }
    constraint_matcher_free(matcher);
    return ended;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* What each style makes of a call without arguments, where it writes the name as it is. */
static const struct {
    const char *style, *before, *behind;
} plain_styles[] = {
    {"deepseek", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>",
     "\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
    {"functionary-3.1", "<function=", ">{}</function>"},
    {"functionary-3.2", "", "\n{}"},
    {"mistral-arguments", "[TOOL_CALLS]", "[ARGS]{}"},
};
enum { PLAIN_STYLES = sizeof plain_styles / sizeof plain_styles[0] };

static const char *const other_styles[] = {"hermes",    "generic",     "llama-3",     "mistral",
                                           "command-r", "command-r7b", "firefunction"};

static const char *const strange_names[] = {
    "now",  "a-b_C.9", "größe",        "天気",        "a/b:c@d#e", "\\",   "all",  "alles",
    "\x7F", "a b",     " a",           "a ",          "a\nb",      "a\tb", "a\"b", "a'b",
    "`a`",  "a<b",     "a>",           "f(x)",        "[ARGS]",    "x]",   "{",    "a}",
    "a,b",  "a;",      "</tool_call>", "<tool_call>", "\x01"};
enum { STRANGE_NAMES = sizeof strange_names / sizeof strange_names[0] };

static bool keep_name(void *context, const primer_chat_part *part)
{
    if (part->kind == PRIMER_CHAT_CALL)
        buffer_append(context, part->text, part->length, NULL);
    return true;
}

/* Whether the answer is read as one call of this name. */
static bool reads_as(const char *style, const char *answer, size_t length, const char *name)
{
    const primer_chat_format format = format_of(style, false);
    primer_chat_reader *reader = NULL;
    struct buffer found = {0};
    primer_chat_reader_create(&format, true, false, &reader, NULL);
    primer_chat_reader_feed(reader, answer, length, keep_name, &found);
    primer_chat_reader_end(reader, keep_name, &found);
    const bool same = found.length == strlen(name) &&
                      memcmp(found.length > 0 ? found.bytes : "", name, found.length) == 0;
    primer_chat_reader_free(reader);
    buffer_free(&found);
    return same;
}

/* A constraint for two tools, the second of this name; NULL: refused in words. */
static primer_constraint *constraint_named(const char *style, const char *name, const char *choice)
{
    const primer_chat_format format = format_of(style, false);
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    json_t *const list =
        json_pack("[{s:{s:s}}, {s:{s:s}}]", "function", "name", "ok", "function", "name", name);
    char *const text = json_dumps(list, 0);
    const primer_status status = primer_constraint_tools(&format, text, strlen(text), choice, false,
                                                         NULL, 0, &constraint, &error);
    free(text);
    json_decref(list);
    if (status == PRIMER_OK)
        return constraint;
    assert_null(constraint);
    assert_int_equal(status, PRIMER_EUNSUPPORTED);
    if (strstr(error.message, "tools[1].function.name: ") != error.message)
        fail_msg("%s, \"%s\": %s", style, name, error.message);
    return NULL;
}

/* What the constraint makes the model write is read as the same name; false: it is refused. */
static bool survives(const struct models *models, const char *style, const char *name,
                     struct random *random)
{
    primer_constraint *const constraint = constraint_named(style, name, name);
    bool ended = false;
    for (size_t round = 0; constraint != NULL && round < 20 && !ended; round++) {
        struct buffer answer = {0};
        ended = draw_answer(models, constraint, random, &answer);
        if (ended && !reads_as(style, answer.bytes, answer.length, name))
            fail_msg("%s, \"%s\": read otherwise in %s", style, name, answer.bytes);
        buffer_free(&answer);
    }
    const bool taken = constraint != NULL;
    assert_int_equal(ended, taken);
    constraint_free(constraint);
    return taken;
}

static void plain_names_are_those_that_are_read(void **state)
{
    struct random random;
    random_seed(&random, 8);
    size_t refused = 0;
    for (size_t i = 0; i < PLAIN_STYLES; i++)
        for (size_t k = 0; k < STRANGE_NAMES; k++) {
            struct buffer answer = {0};
            buffer_format(&answer, NULL, "%s%s%s", plain_styles[i].before, strange_names[k],
                          plain_styles[i].behind);
            const bool good = survives(*state, plain_styles[i].style, strange_names[k], &random);
            if (good !=
                reads_as(plain_styles[i].style, answer.bytes, answer.length, strange_names[k]))
                fail_msg("%s: \"%s\" is %s", plain_styles[i].style, strange_names[k],
                         good ? "taken" : "refused");
            refused += !good;
            buffer_free(&answer);
        }
    assert_int_equal(refused, PLAIN_STYLES * 20 + 1); /* "all" is another's */
}

static void names_in_json_may_be_any(void **state)
{
    static char longest[CHAT_CALL_NAME + 2];
    struct random random;
    random_seed(&random, 9);
    memset(longest, 'x', CHAT_CALL_NAME);
    for (size_t i = 0; i < sizeof other_styles / sizeof other_styles[0]; i++) {
        for (size_t k = 0; k < STRANGE_NAMES; k++)
            if (!survives(*state, other_styles[i], strange_names[k], &random))
                fail_msg("%s refuses \"%s\"", other_styles[i], strange_names[k]);
        longest[CHAT_CALL_NAME] = '\0';
        assert_true(survives(*state, other_styles[i], longest, &random));
        longest[CHAT_CALL_NAME] = 'x';
        assert_false(survives(*state, other_styles[i], longest, &random));
    }
}

/* Only what can be called is refused; the words name the place, what is expected and what was
 * found. */
static void refused_names_are_shown(void **state)
{
    (void)state;
    const primer_chat_format format = format_of("functionary-3.2", false);
    static const char given[] = "[{\"function\": {\"name\": \"ok\"}}, "
                                "{\"function\": {\"name\": \"a b\"}}]";
    static const char all[] = "[{\"function\": {\"name\": \"all\"}}]";
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    assert_int_equal(primer_constraint_tools(&format, given, strlen(given), "auto", true, NULL, 0,
                                             &constraint, &error),
                     PRIMER_EUNSUPPORTED);
    assert_string_equal(error.message, "tools[1].function.name: the format writes names as plain "
                                       "words, found \"a b\"");
    assert_int_equal(primer_constraint_tools(&format, all, strlen(all), "required", true, NULL, 0,
                                             &constraint, &error),
                     PRIMER_EUNSUPPORTED);
    assert_string_equal(error.message, "tools[0].function.name: in the format this name means text "
                                       "for the reader, found \"all\"");
    assert_null(constraint);
    constraint = constraint_named("functionary-3.2", "a b", "ok");
    assert_non_null(constraint);
    constraint_free(constraint);
}

/* ---- what it lets through, at random --------------------------------------------------------- */

struct seen {
    struct buffer arguments;
    size_t calls, ended;
};

static bool look(void *context, const primer_chat_part *part)
{
    struct seen *const seen = context;
    if (part->kind == PRIMER_CHAT_CALL) {
        seen->calls++;
        buffer_clear(&seen->arguments);
    }
    if (part->kind == PRIMER_CHAT_CALL_ARGUMENTS)
        buffer_append(&seen->arguments, part->text, part->length, NULL);
    if (part->kind != PRIMER_CHAT_CALL_END)
        return true;
    json_t *const arguments = json_loads(seen->arguments.bytes, 0, NULL);
    assert_true(json_is_object(arguments));
    json_decref(arguments);
    seen->ended++;
    return true;
}

/* Answers of a style that are drawn at random: every call is whole, and with `required` there
 * is one. */
static void expect_read(const struct models *models, const char *style, bool thinks, bool required,
                        struct random *random)
{
    primer_constraint *const constraint =
        constraint_of(style, thinks, required ? "required" : "auto", true);
    const primer_chat_format format = format_of(style, thinks);
    size_t ended = 0;
    for (size_t round = 0; round < 40; round++) {
        struct buffer answer = {0};
        struct seen seen = {.calls = 0};
        primer_chat_reader *reader = NULL;
        buffer_text(&answer, "", NULL);
        if (draw_answer(models, constraint, random, &answer)) {
            ended++;
            primer_chat_reader_create(&format, true, false, &reader, NULL);
            primer_chat_reader_feed(reader, answer.bytes, answer.length, look, &seen);
            primer_chat_reader_end(reader, look, &seen);
            if ((required && seen.calls == 0) || seen.calls != seen.ended)
                fail_msg("%s: %zu calls, %zu complete in %s", style, seen.calls, seen.ended,
                         answer.bytes);
        }
        primer_chat_reader_free(reader);
        buffer_free(&seen.arguments);
        buffer_free(&answer);
    }
    assert_true(ended > 5);
    constraint_free(constraint);
}

static void what_is_let_through_is_read(void **state)
{
    static const char *const styles[] = {
        "hermes",       "llama-3",     "mistral",         "mistral-arguments",
        "command-r",    "command-r7b", "functionary-3.1", "functionary-3.2",
        "firefunction", "deepseek",    "generic"};
    struct random random;
    random_seed(&random, 5);
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        expect_read(*state, styles[i], false, true, &random);
        expect_read(*state, styles[i], false, false, &random);
        expect_read(*state, styles[i], true, false, &random);
    }
}

int main(void)
{
    const struct CMUnitTest tests_of_all[] = {
        cmocka_unit_test(hermes),
        cmocka_unit_test(llama),
        cmocka_unit_test(arrays),
        cmocka_unit_test(names),
        cmocka_unit_test(no_calls),
        cmocka_unit_test(calls_or_a_form),
        cmocka_unit_test(thinking_comes_first),
        cmocka_unit_test(errors_name_the_tool),
        cmocka_unit_test(plain_names_are_those_that_are_read),
        cmocka_unit_test(names_in_json_may_be_any),
        cmocka_unit_test(refused_names_are_shown),
        cmocka_unit_test(what_is_let_through_is_read),
    };
    return cmocka_run_group_tests(tests_of_all, set_up, tear_down);
}
