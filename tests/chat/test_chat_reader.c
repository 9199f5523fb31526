/* test_chat_reader.c - answers taken apart: what each line of reader.jsonl says, however the
 * text is cut; that nothing is lost; that limits hold; that a callback's refusal ends it.
 *
 * A line is {"style": .., "answer": .., "parts": [[kind, text]..]}; "tools" (true), "thinks": the
 * format has thinking (true, or its closing mark), "thinking": the prompt opened it, "required":
 * the answer has to be calls.
 */
#include "primer_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/random.h"
#include "chat/chat_format.h"

static const char *const kinds[] = {"content", "thinking", "call", "arguments", "end"};

/* Parts as one text, "kind index:text" a line; those that continue the one before are joined. */
struct collector {
    struct buffer text;
    bool any;
    primer_chat_part_kind kind;
    size_t index, left; /* parts that are still taken */
};

static bool collect(void *context, const primer_chat_part *part)
{
    struct collector *const collector = context;
    const bool stream = part->kind != PRIMER_CHAT_CALL && part->kind != PRIMER_CHAT_CALL_END;
    const bool same = collector->any && stream && collector->kind == part->kind;
    const bool call = part->kind >= PRIMER_CHAT_CALL;
    assert_true((size_t)part->kind < sizeof kinds / sizeof kinds[0]);
    assert_true(part->length > 0 || part->kind == PRIMER_CHAT_CALL_END);
    if (!same)
        buffer_format(&collector->text, NULL, "\n%s %zu:", kinds[part->kind],
                      call ? part->index : 0);
    buffer_append(&collector->text, part->text, part->length, NULL);
    collector->any = true;
    collector->kind = part->kind;
    return collector->left == SIZE_MAX || --collector->left > 0;
}

static char *expected_text(const json_t *parts)
{
    struct buffer text = {0};
    size_t call = 0;
    buffer_text(&text, "", NULL);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *const part = json_array_get(parts, i);
        const char *const kind = json_string_value(json_array_get(part, 0));
        const char *const words = json_string_value(json_array_get(part, 1));
        const bool of_call = strcmp(kind, "content") != 0 && strcmp(kind, "thinking") != 0;
        call += i > 0 && strcmp(kind, "call") == 0 && strstr(text.bytes, "\ncall") != NULL;
        buffer_format(&text, NULL, "\n%s %zu:%s", kind, of_call ? call : 0,
                      words == NULL ? "" : words);
    }
    return text.bytes;
}

static primer_chat_format format_of(const json_t *line)
{
    primer_chat_format format = {.name = "test"};
    const json_t *const thinks = json_object_get(line, "thinks");
    format.style = chat_style_named(json_string_value(json_object_get(line, "style")));
    assert_non_null(format.style);
    if (thinks != NULL)
        format.thinking =
            chat_style_thinking(json_is_string(thinks) ? json_string_value(thinks) : "</think>");
    return format;
}

/* The parts of an answer, cut before every byte whose bit is set in `cuts` (NULL: not at all). */
static char *parts_of(const json_t *line, const char *answer, size_t length, const bool *cuts)
{
    const primer_chat_format format = format_of(line);
    const json_t *const tools = json_object_get(line, "tools");
    primer_chat_reader *reader = NULL;
    struct collector collector = {.left = SIZE_MAX};
    buffer_text(&collector.text, "", NULL);
    assert_int_equal(primer_chat_reader_create(&format, tools == NULL || json_is_true(tools),
                                               json_is_true(json_object_get(line, "thinking")),
                                               &reader, NULL),
                     PRIMER_OK);
    if (json_is_true(json_object_get(line, "required")))
        primer_chat_reader_require(reader);
    for (size_t begin = 0, end; begin < length; begin = end) {
        end = begin + 1;
        while (end < length && (cuts == NULL || !cuts[end]))
            end++;
        /* A copy of its own, so that a look beyond the piece is found. */
        char *const piece = malloc(end - begin);
        memcpy(piece, answer + begin, end - begin);
        assert_true(primer_chat_reader_feed(reader, piece, end - begin, collect, &collector));
        free(piece);
    }
    assert_true(primer_chat_reader_end(reader, collect, &collector));
    primer_chat_reader_free(reader);
    return collector.text.bytes;
}

static void expect_parts(const json_t *line, size_t number, const bool *cuts, const char *expected)
{
    const char *const answer = json_string_value(json_object_get(line, "answer"));
    char *const found = parts_of(line, answer, strlen(answer), cuts);
    if (strcmp(found, expected) != 0)
        fail_msg("reader.jsonl:%zu:%s: found%s\nexpected%s", number,
                 cuts == NULL ? "" : " in pieces", found, expected);
    free(found);
}

static void try_line(const json_t *line, size_t number, struct random *random)
{
    const char *const answer = json_string_value(json_object_get(line, "answer"));
    const size_t length = strlen(answer);
    char *const expected = expected_text(json_object_get(line, "parts"));
    bool *const cuts = calloc(length + 1, sizeof *cuts);
    expect_parts(line, number, NULL, expected);
    for (size_t at = 1; at < length; at++) {
        cuts[at] = true;
        expect_parts(line, number, cuts, expected);
        for (size_t other = at + 1; other < length; other++) {
            cuts[other] = true;
            if (length < 60)
                expect_parts(line, number, cuts, expected);
            cuts[other] = false;
        }
        cuts[at] = false;
    }
    for (size_t round = 0; round < 20; round++) {
        for (size_t at = 1; at < length; at++)
            cuts[at] = round == 0 || random_u64(random) % (1 + round / 2) == 0;
        expect_parts(line, number, cuts, expected);
    }
    free(cuts);
    free(expected);
}

static json_t *lines(void)
{
    struct buffer text = {0};
    json_t *const list = json_array();
    assert_int_equal(file_read("tests/chat/reader.jsonl", 1 << 20, &text, NULL), PRIMER_OK);
    for (char *rest = text.bytes, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *const object = json_loads(line, 0, NULL);
        assert_non_null(object);
        json_array_append_new(list, object);
    }
    assert_true(json_array_size(list) > 60);
    buffer_free(&text);
    return list;
}

static void takes_answers_apart_however_they_are_cut(void **state)
{
    (void)state;
    json_t *const list = lines();
    struct random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < json_array_size(list); i++)
        try_line(json_array_get(list, i), i + 1, &random);
    json_decref(list);
}

/* Pieces of marks and JSON in any order. */
static size_t jumble(struct random *random, char *out, size_t capacity)
{
    static const char *const pieces[] = {
        "<tool_call>",
        "</tool_call>",
        "{\"name\": \"f\"",
        ", \"arguments\": ",
        "{\"x\": 1}",
        "}",
        "{",
        "\"",
        "\n",
        " ",
        "<think>",
        "</think>",
        "[TOOL_CALLS]",
        "[",
        "]",
        ",",
        "ü",
        ">>>",
        "all\n",
        "functools",
        "<function=",
        "f",
        "</function>",
        "\\",
        "<|python_tag|>",
        ";",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        "\n```json\n",
        "\n```<｜tool▁call▁end｜>",
        "<｜tool▁calls▁end｜>",
        "hello",
        "null",
        "parameters",
        ":",
        "Action:",
        "{\"name\": \"f\", \"arguments\": {\"x\": [1, \"a\"]}}",
        "<|START_ACTION|>",
        "                                                                                ",
    };
    size_t length = 0;
    for (size_t left = 1 + random_u64(random) % 12; left > 0; left--) {
        const char *const piece = pieces[random_u64(random) % (sizeof pieces / sizeof pieces[0])];
        if (strlen(piece) > capacity - length)
            break;
        memcpy(out + length, piece, strlen(piece));
        length += strlen(piece);
    }
    return length;
}

/* Without a call or a thinking part, an answer is its content, byte for byte, but for a head that
 * the end cuts, with the white space before its mark; a call adds nothing to what was written. */
static void expect_nothing_lost(const char *style, const char *answer, size_t length,
                                const char *parts)
{
    static const char content[] = "\ncontent 0:";
    static const char *const marks[] = {"<tool_call>", "<|python_tag|>",  "[TOOL_CALLS]",
                                        "Action:",     "<function=",      "<｜tool▁calls▁begin｜>",
                                        "functools",   "<|START_ACTION|>"};
    const bool plain = strstr(parts, "\ncall ") == NULL && strstr(parts, "\nthinking ") == NULL;
    if (strcmp(style, "functionary-3.2") == 0 || strncmp(style, "command-r7b", 11) == 0)
        return; /* leave marks around text out */
    const char *const text =
        strncmp(parts, content, strlen(content)) == 0 ? parts + strlen(content) : parts;
    const size_t found = strlen(text);
    if (!plain || (found == length && memcmp(text, answer, length) == 0))
        return;
    size_t at = found;
    while (at < length && strchr(" \n\t\r", answer[at]) != NULL)
        at++;
    bool cut = false;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        cut = cut || (length - at >= strlen(marks[i]) &&
                      memcmp(answer + at, marks[i], strlen(marks[i])) == 0);
    if (found > length || memcmp(text, answer, found) != 0 || !cut)
        fail_msg("%s: \"%.*s\" became \"%s\"", style, (int)length, answer, text);
}

static void any_text_is_cut_alike(void **state)
{
    (void)state;
    static const char *const styles[] = {
        "hermes",       "llama-3",     "mistral",         "mistral-arguments",
        "command-r",    "command-r7b", "functionary-3.1", "functionary-3.2",
        "firefunction", "deepseek",    "generic"};
    struct random random;
    char answer[2048];
    bool cuts[sizeof answer];
    random_seed(&random, 11);
    for (size_t round = 0; round < 20000; round++) {
        const char *const style = styles[round % (sizeof styles / sizeof styles[0])];
        const bool thinking = random_u64(&random) % 4 == 0, required = round % 5 == 0;
        json_t *const line = json_pack("{s:s, s:b, s:b, s:b}", "style", style, "thinks", 1,
                                       "thinking", thinking, "required", required);
        const size_t length = jumble(&random, answer, sizeof answer);
        char *const whole = parts_of(line, answer, length, NULL);
        if (memmem(answer, length, "think>", 6) == NULL && !thinking && !required)
            expect_nothing_lost(style, answer, length, whole);
        const uint64_t rarity = 1 + random_u64(&random) % 9;
        for (size_t i = 0; i < length; i++)
            cuts[i] = random_u64(&random) % rarity == 0;
        char *const pieces = parts_of(line, answer, length, cuts);
        if (strcmp(whole, pieces) != 0)
            fail_msg("%s: \"%.*s\": whole%s\nin pieces%s", style, (int)length, answer, whole,
                     pieces);
        free(whole);
        free(pieces);
        json_decref(line);
    }
}

/* Heads and white space beyond what is held. */
static void long_texts(void **state)
{
    (void)state;
    static const size_t sizes[] = {250, 256, 257, 300, 16000, 16384, 40000};
    json_t *const line = json_pack("{s:s, s:b}", "style", "hermes", "thinks", 1);
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        const size_t size = sizes[i / 2];
        struct buffer text = {0};
        buffer_text(&text, i % 2 == 0 ? "x" : "<tool_call>{\"id\": \"", NULL);
        for (size_t j = 0; j < size; j++)
            buffer_text(&text, i % 2 == 0 ? " " : "y", NULL);
        buffer_text(&text, i % 2 == 0 ? "" : "\", \"name\": \"a\", \"arguments\": {}}", NULL);
        buffer_text(&text, "<tool_call>{\"name\": \"b\", \"arguments\": {}}</tool_call>z", NULL);
        bool *const cuts = calloc(text.length, sizeof *cuts);
        char *const whole = parts_of(line, text.bytes, text.length, NULL);
        for (size_t j = 0; j < text.length; j++)
            cuts[j] = j % 97 == 0;
        char *const pieces = parts_of(line, text.bytes, text.length, cuts);
        assert_string_equal(whole, pieces);
        assert_non_null(strstr(whole, ":b\n"));
        if (i % 2 == 1)
            assert_int_equal(strstr(whole, ":a\n") != NULL, size < 16200);
        else
            assert_int_equal(strlen(whole) > size, size > 256);
        free(cuts);
        free(whole);
        free(pieces);
        buffer_free(&text);
    }
    json_decref(line);
}

static void arguments_are_handed_on_as_they_come(void **state)
{
    (void)state;
    const primer_chat_format format = {.style = chat_style_named("hermes")};
    primer_chat_reader *reader = NULL;
    struct collector collector = {.left = SIZE_MAX};
    assert_int_equal(primer_chat_reader_create(&format, true, false, &reader, NULL), PRIMER_OK);
    const char *const first = "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"ab";
    primer_chat_reader_feed(reader, first, strlen(first), collect, &collector);
    assert_string_equal(collector.text.bytes, "\ncall 0:f\narguments 0:{\"x\": \"ab");
    primer_chat_reader_feed(reader, "c", 1, collect, &collector);
    assert_string_equal(collector.text.bytes, "\ncall 0:f\narguments 0:{\"x\": \"abc");
    buffer_free(&collector.text);
    primer_chat_reader_free(reader);
    primer_chat_reader_free(NULL);
}

static void stops_where_the_callback_does(void **state)
{
    (void)state;
    const primer_chat_format format = {.style = chat_style_named("hermes")};
    const char *const answer = "x<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>y";
    for (size_t most = 1; most <= 5; most++) {
        primer_chat_reader *reader = NULL;
        struct collector collector = {.left = most};
        assert_int_equal(primer_chat_reader_create(&format, true, false, &reader, NULL), PRIMER_OK);
        const bool fed =
            primer_chat_reader_feed(reader, answer, strlen(answer), collect, &collector);
        assert_false(fed);
        assert_false(primer_chat_reader_feed(reader, "z", 1, collect, &collector));
        assert_false(primer_chat_reader_end(reader, collect, &collector));
        assert_int_equal(collector.left, 0);
        buffer_free(&collector.text);
        primer_chat_reader_free(reader);
    }
}

static void knows_styles_and_thinking(void **state)
{
    (void)state;
    static const char *const no_style[] = {
        "<tool_call>\n<function=f>\n<parameter=x>\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>f\n<arg_key>x</arg_key></tool_call>", "plain"};
    for (size_t i = 0; i < 3; i++)
        assert_null(chat_style_of(no_style[i]));
    assert_string_equal(chat_style_of("[TOOL_CALLS] {{ name }} [ARGS]")->name, "mistral-arguments");
    assert_null(chat_style_named("none"));
    assert_null(chat_style_thinking("<think>"));
    primer_chat_format format = {.name = "test"};
    assert_false(primer_chat_format_thinks(&format));
    assert_null(primer_chat_format_thinking_begin(&format));
    assert_null(primer_chat_format_thinking_end(&format));
    assert_false(primer_chat_format_thinking_open(&format, "<think>", 7));
    assert_false(primer_chat_format_thinking_closed(&format, "</think>", 8));
    format.thinking = chat_style_thinking("x</think>");
    assert_true(primer_chat_format_thinks(&format));
    assert_string_equal(primer_chat_format_thinking_begin(&format), "<think>");
    assert_string_equal(primer_chat_format_thinking_end(&format), "</think>");
    assert_true(primer_chat_format_thinking_open(&format, "a <think>\n", 10));
    assert_false(primer_chat_format_thinking_open(&format, "<think>\n</think>\n", 17));
    assert_false(primer_chat_format_thinking_open(&format, "think>", 6));
    assert_true(primer_chat_format_thinking_closed(&format, "<think>\n\n</think>\n\n", 19));
    assert_true(primer_chat_format_thinking_closed(&format, "a</think>", 9));
    assert_false(primer_chat_format_thinking_closed(&format, "a</think>b", 10));
    assert_false(primer_chat_format_thinking_closed(&format, "/think>", 7));
    assert_false(primer_chat_format_tools(primer_chat_format_named("chatml")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_answers_apart_however_they_are_cut),
        cmocka_unit_test(any_text_is_cut_alike),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(arguments_are_handed_on_as_they_come),
        cmocka_unit_test(stops_where_the_callback_does),
        cmocka_unit_test(knows_styles_and_thinking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
