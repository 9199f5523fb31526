/* test_route.c - which path is whose, and what the others are told. */
#include "server/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const struct route *found(const char *method, const char *path, char allowed[48])
{
    const char *rest = NULL;
    return route_find(method, path, &rest, allowed, 48);
}

static void paths_are_found(void **state)
{
    (void)state;
    char allowed[48];
    const char *rest = NULL;
    assert_non_null(found("POST", "/v1/chat/completions", allowed));
    assert_non_null(found("GET", "/v1/models", allowed));
    assert_ptr_equal(found("HEAD", "/v1/models", allowed), found("GET", "/v1/models", allowed));
    const struct route *one = route_find("GET", "/v1/models/a/b:c", &rest, allowed, sizeof allowed);
    assert_non_null(one);
    assert_string_equal(rest, "a/b:c");
    assert_string_equal(one->pattern, "/v1/models/*");
}

static void others_are_told(void **state)
{
    (void)state;
    char allowed[48];
    assert_null(found("GET", "/v1/chat/completions", allowed));
    assert_string_equal(allowed, "POST");
    assert_null(found("DELETE", "/v1/models", allowed));
    assert_string_equal(allowed, "GET, HEAD");
    assert_null(found("GET", "/v1/models/", allowed));
    assert_string_equal(allowed, "");
    assert_null(found("GET", "/../etc/passwd", allowed));
    assert_null(found("POST", "/v1/chat/completions/", allowed));
    assert_string_equal(allowed, "");
}

static void rows_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; route_at(i) != NULL; i++) {
        const struct route *row = route_at(i);
        char allowed[48];
        assert_non_null(row->run);
        assert_true(row->pattern[0] == '/');
        if (row->pattern[strlen(row->pattern) - 1] != '*')
            assert_ptr_equal(found(row->method, row->pattern, allowed), row);
    }
}

static void errors_have_the_family_s_shape(void **state)
{
    (void)state;
    assert_ptr_equal(dialect_of_path("/api/chat"), &ollama_error_dialect);
    assert_ptr_equal(dialect_of_path("/api"), &ollama_error_dialect);
    assert_ptr_equal(dialect_of_path("/apix"), &openai_error_dialect);
    assert_ptr_equal(dialect_of_path("/v1/models"), &openai_error_dialect);
    const struct problem problem = {.http = 404, .type = "not_found_error", .code = "x"};
    struct buffer text = {0};
    primer_error error;
    assert_int_equal(openai_error_dialect.error_body(&problem, "no \"y\"", &text, &error), PRIMER_OK);
    assert_string_equal(text.bytes, "{\"error\":{\"message\":\"no \\\"y\\\"\",\"type\":"
                                    "\"not_found_error\",\"param\":null,\"code\":\"x\"}}");
    buffer_clear(&text);
    assert_int_equal(ollama_error_dialect.error_event(&problem, "no", &text, &error), PRIMER_OK);
    assert_string_equal(text.bytes, "{\"error\":\"no\"}\n");
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_found),
        cmocka_unit_test(others_are_told),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(errors_have_the_family_s_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
