/* test_pattern.c - the hand-written scanners against PCRE2 running the patterns they stand for, the
 * classes against utf8proc's, and what a pattern does with bytes that are no characters.
 */
#include "tokenizer/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "base/buffer.h"
#include "base/random.h"

static struct unicode_class_map map;

static int make(void **state)
{
    (void)state;
    return (int)unicode_class_create(&map, NULL);
}

static int clean(void **state)
{
    (void)state;
    unicode_class_free(&map);
    return 0;
}

/* ---- classes ---- */

static bool is_white_space(int32_t code_point)
{
    static const int32_t others[] = {0x20,   0x85,   0xA0,   0x1680, 0x2028,
                                     0x2029, 0x202F, 0x205F, 0x3000};
    bool found =
        (code_point >= 9 && code_point <= 13) || (code_point >= 0x2000 && code_point <= 0x200A);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        found = found || code_point == others[i];
    return found;
}

static unsigned expected_class(int32_t code_point)
{
    const utf8proc_category_t category = utf8proc_category(code_point);
    if (is_white_space(code_point))
        return UNICODE_SPACE;
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return UNICODE_LETTER;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return UNICODE_NUMBER;
    return UNICODE_OTHER;
}

/* Where utf8proc's Unicode is older or newer than the table, code points that only one of them
 * knows may differ: they are unassigned (category Cn) in the other. */
static void test_classes(void **state)
{
    (void)state;
    size_t known = 0;
    for (int32_t code_point = 0; code_point < 0x110000; code_point++) {
        if (utf8proc_category(code_point) == UTF8PROC_CATEGORY_CN)
            continue;
        const unsigned class = unicode_class_of(&map, (uint32_t)code_point);
        if (class != expected_class(code_point))
            fail_msg("U+%04X has the class %u, utf8proc says %u", (unsigned)code_point, class,
                     expected_class(code_point));
        known++;
    }
    assert_true(known > 280000);
}

static void test_class_at(void **state)
{
    (void)state;
    static const char text[] = "a\xC3\xA9 \xFF\xE2\x82"
                               "9";
    static const unsigned classes[] = {UNICODE_LETTER,  UNICODE_LETTER,  UNICODE_SPACE,
                                       UNICODE_INVALID, UNICODE_INVALID, UNICODE_INVALID,
                                       UNICODE_NUMBER,  UNICODE_END};
    size_t at = 0, width = 0;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++, at += width)
        assert_int_equal(unicode_class_at(&map, text, sizeof text - 1, at, &width), classes[i]);
}

/* ---- pieces ---- */

static primer_status collect(void *context, const char *piece, size_t length, size_t readable,
                             primer_error *error)
{
    assert_true(length > 0 && readable >= length);
    FORWARD(buffer_append(context, piece, length, error));
    return buffer_append(context, "|", 1, error);
}

static struct buffer split(const struct pattern *pattern, const char *text, size_t length)
{
    primer_error error = {0};
    struct buffer out = {0};
    if (pattern_split(pattern, &map, text, length, collect, &out, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return out;
}

/* Texts that reach every alternative; code points that the Unicode of PCRE2 and of the table both
 * know. */
static size_t random_text(struct random *random, char *out, size_t capacity)
{
    static const char *const parts[] = {"'s",
                                        "'T",
                                        "'re",
                                        "'VE",
                                        "'ll",
                                        "'",
                                        " ",
                                        "  ",
                                        "\n",
                                        "\r\n",
                                        "\t",
                                        "a",
                                        "Word",
                                        "12",
                                        "3",
                                        "=",
                                        "...",
                                        "\xC3\xA9",
                                        "\xE4\xB8\xAD",
                                        "\xF0\x9F\x98\x80",
                                        "\xC2\xA0",
                                        "\xE3\x80\x80",
                                        "\xC2\xB2",
                                        "\xCC\x81",
                                        "\xD9\xA1",
                                        "\xC2\x85",
                                        "\xFF",
                                        "\xE2\x82",
                                        "\xC5\xBF",
                                        "_"};
    size_t length = 0;
    for (;;) {
        const char *const part = parts[random_below(random, sizeof parts / sizeof parts[0])];
        if (length + strlen(part) > capacity)
            return length;
        memcpy(out + length, part, strlen(part));
        length += strlen(part);
    }
}

#define SPACE        "\\t-\\r \\x{85}\\p{Z}"
#define LAST         "[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"
#define MODERN_START "'[sStTmMdD]|'[rR][eE]|'[vV][eE]|'[lL][lL]|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define MODERN_END   "| ?[^" SPACE "\\p{L}\\p{N}]+[\\r\\n]*|[" SPACE "]*[\\r\\n]+|" LAST

static void compare(scan_function *scan, const char *expression)
{
    struct pattern by_hand = {0}, by_pcre = {0};
    assert_int_equal(pattern_add_scan(&by_hand, scan, NULL), PRIMER_OK);
    assert_int_equal(pattern_add_expression(&by_pcre, expression, strlen(expression), NULL),
                     PRIMER_OK);
    assert_null(by_pcre.stages[0].scan);
    struct random random;
    random_seed(&random, 3);
    for (int i = 0; i < 4000; i++) {
        char text[60];
        const size_t length =
            random_text(&random, text, 2 + random_below(&random, sizeof text - 2));
        struct buffer left = split(&by_hand, text, length), right = split(&by_pcre, text, length);
        if (left.length == 0 && right.length == 0)
            continue;
        if (left.length != right.length || memcmp(left.bytes, right.bytes, left.length) != 0)
            fail_msg("by hand '%s', by PCRE2 '%s'", left.bytes, right.bytes);
        buffer_free(&left);
        buffer_free(&right);
    }
    pattern_free(&by_hand);
    pattern_free(&by_pcre);
}

static void test_scanners(void **state)
{
    (void)state;
    compare(scan_gpt2,
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+|" LAST);
    compare(scan_llama3, MODERN_START "\\p{N}{1,3}" MODERN_END);
    compare(scan_qwen2, MODERN_START "\\p{N}" MODERN_END);
    compare(scan_numbers, "(?:\\p{N})");
}

static void expect(const char *pre, const char *text, size_t length, const char *pieces)
{
    primer_error error = {0};
    struct pattern pattern = {0};
    struct pattern_habits habits;
    if (pattern_named(&pattern, pre, strlen(pre), &habits, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    struct buffer out = split(&pattern, text, length);
    assert_string_equal(out.bytes, pieces);
    buffer_free(&out);
    pattern_free(&pattern);
}

#define EXPECT(pre, text, pieces) expect(pre, text, sizeof text - 1, pieces)

static void test_named(void **state)
{
    (void)state;
    EXPECT("gpt-2", "I'll  be 'S 1234 x\n\n y!?", "I|'ll| | be| '|S| 1234| x|\n\n| y|!?|");
    EXPECT("llama-bpe", "I'LL  be 1234 x\n\n y!?\n", "I|'LL| | be| |123|4| x|\n\n| y|!?\n|");
    EXPECT("qwen2", "a 12\t\tb", "a| |1|2|\t|\tb|");
    EXPECT("smollm", "a 12b", "a| |1|2|b|");
    EXPECT("falcon", "ab, 12345", "ab|,| |123|45|");
    EXPECT("gpt-4o", "HelloWorld's 1234", "Hello|World's| |123|4|");
    EXPECT("tekken", "HelloWorld's 12", "Hello|World|'s| |1|2|");
    EXPECT("default", "a$b 1234", "a|$|b| |123|4|");
    EXPECT("gpt-2", "x \xFF\xFE y", "x| |\xFF\xFE| y|");
    EXPECT("falcon", "x \xFF\xFE y", "x| |\xFF\xFE| y|");
}

static void test_refused(void **state)
{
    (void)state;
    struct pattern pattern = {0};
    struct pattern_habits habits;
    primer_error error = {0};
    assert_int_equal(pattern_named(&pattern, "new-\x01", 5, &habits, &error), PRIMER_EUNSUPPORTED);
    assert_string_equal(error.message, "unknown pre-tokenizer 'new-?'");
    assert_int_equal(pattern_add_expression(&pattern, "a(", 2, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "offset 2"));
    assert_int_equal(pattern_add_expression(&pattern, "a", PATTERN_LENGTH_MOST + 1, &error),
                     PRIMER_ELIMIT);
    for (int i = 0; i < PATTERN_STAGES; i++)
        assert_int_equal(pattern_add_scan(&pattern, scan_gpt2, &error), PRIMER_OK);
    assert_int_equal(pattern_add_expression(&pattern, "a", 1, &error), PRIMER_EUNSUPPORTED);
    pattern_free(&pattern);
}

static primer_status run(const char *expression, const char *text, struct buffer *out,
                         primer_error *error)
{
    struct pattern pattern = {0};
    assert_int_equal(pattern_add_expression(&pattern, expression, strlen(expression), error),
                     PRIMER_OK);
    const primer_status status =
        pattern_split(&pattern, &map, text, strlen(text), collect, out, error);
    pattern_free(&pattern);
    return status;
}

/* A pattern of a stranger's file: one that takes exponential time ends in an error, and one that
 * matches nothing, or the empty text, leaves the text whole. */
static void test_strange_patterns(void **state)
{
    (void)state;
    primer_error error = {0};
    struct buffer out = {0};
    char text[64] = {0};
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(run("(x+x+)+[yz]", text, &out, &error), PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "gave up"));
    buffer_clear(&out);
    assert_int_equal(run("b*", "aab", &out, &error), PRIMER_OK);
    assert_string_equal(out.bytes, "aa|b|");
    buffer_clear(&out);
    assert_int_equal(run("a\\Kb", "aab", &out, &error), PRIMER_OK);
    assert_string_equal(out.bytes, "aa|b|");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),  cmocka_unit_test(test_class_at),
        cmocka_unit_test(test_scanners), cmocka_unit_test(test_named),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_strange_patterns),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
