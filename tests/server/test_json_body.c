/* test_json_body.c - bodies as other languages' libraries write them, and those that are refused. */
#include "server/json_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void is_read_as(const char *body, const char *expected)
{
    primer_error error = {0};
    json_t *value = NULL;
    const primer_status status = json_body_parse(body, strlen(body), &value, &error);
    if (status != PRIMER_OK)
        fail_msg("%s: %s", body, error.message);
    char *const text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void what_others_write_is_taken(void **state)
{
    (void)state;
    is_read_as("{\"a\":[1,2.5,\"x\"]}", "{\"a\":[1,2.5,\"x\"]}");
    is_read_as("[\"a\\u0000b\"]", "[\"a\xEF\xBF\xBD"
                                  "b\"]");
    is_read_as("[\"a\\ud83d\"]", "[\"a\xEF\xBF\xBD\"]");
    is_read_as("[\"\\ude00\\ud83d\\ude00\"]", "[\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"]");
    is_read_as("[\"\\\\u0000 \\\"\\u0000\"]", "[\"\\\\u0000 \\\"\xEF\xBF\xBD\"]");
    is_read_as("{\"id\":12345678901234567890}", "{\"id\":1.2345678901234567e19}");
    is_read_as("[9223372036854775807,18446744073709551615]",
               "[9.2233720368547758e18,1.8446744073709552e19]");
    is_read_as("[9223372036854775807]", "[9223372036854775807]");
}

static void refused(const char *body, size_t length, primer_status wanted, const char *words)
{
    primer_error error = {0};
    json_t *value = NULL;
    assert_int_equal(json_body_parse(body, length, &value, &error), wanted);
    if (strstr(error.message, words) == NULL)
        fail_msg("%.40s: found \"%s\", expected \"%s\"", body, error.message, words);
}

static void the_rest_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"",        "{",           "nul",  "{\"a\":1,}",
                                         "[1e999]", "[\"\\u12\"]", "[1]2", "[\"\\",
                                         "[\"\\u",  "[01]",        "\xFF", "[-]"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        refused(broken[i], strlen(broken[i]), PRIMER_EFORMAT, "is not JSON: line ");
    refused("[\"a\0b\"]", 7, PRIMER_EFORMAT, "is not JSON: line 1");
    char deep[2 * JSON_BODY_DEPTH_MOST + 3] = "";
    memset(deep, '[', JSON_BODY_DEPTH_MOST + 1);
    memset(deep + JSON_BODY_DEPTH_MOST + 1, ']', JSON_BODY_DEPTH_MOST + 1);
    refused(deep, strlen(deep), PRIMER_ELIMIT, "is nested 129 deep, expected at most 128");
    const size_t length = 3 * (size_t)JSON_BODY_VALUES_MOST + 3;
    char *many = malloc(length + 1);
    assert_non_null(many);
    for (size_t i = 0; i < length; i++)
        many[i] = "{},"[i % 3];
    many[0] = '[';
    many[1] = '{';
    many[2] = '}';
    refused(many, length, PRIMER_ELIMIT, "values, expected at most");
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_write_is_taken),
        cmocka_unit_test(the_rest_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
