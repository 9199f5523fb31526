/* test_code_fence.c - which code an answer holds. */
#include "base/code_fence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void extracts(const char *text, const char *expected)
{
    struct buffer code = {0};
    assert_int_equal(code_fence_extract(text, strlen(text), &code, NULL), PRIMER_OK);
    assert_string_equal(code.bytes == NULL ? "" : code.bytes, expected);
    buffer_free(&code);
}

static void fences_of_python(void **state)
{
    (void)state;
    extracts("So:\n```python\na = 1\nb = 2\n```\nDone.", "a = 1\nb = 2\n");
    extracts("```python\na = 1", "a = 1");               /* cut by the length */
    extracts("```Python\na\n```\n```py\nb\n```", "b\n"); /* the last one */
    extracts("```python\na\n```\nprints\n```\n1\n```", "a\n");
    extracts("```\na\n```\n```json\n{}\n```", "a\n");
    extracts("```python\na\n```\n```python\n\n```", "a\n"); /* one that is empty isn't it */
    extracts("```python title=x\r\na\r\n```\r\n", "a\r\n");
    extracts("````\n```\na\n````", "```\na\n"); /* shorter ones don't close it */
}

static void indentation(void **state)
{
    (void)state;
    extracts("1. So:\n   ```python\n   if a:\n       b\n\n  c\n   ```\n", "if a:\n    b\n\nc\n");
}

static void no_fence(void **state)
{
    (void)state;
    extracts("  \n print(1)\n", "print(1)\n");
    extracts("", "");
    extracts("use ```a``` here", "use ```a``` here");
    extracts("```c\nint a;\n```", "```c\nint a;\n```");
}

static void one_after_the_other(void **state)
{
    (void)state;
    static const char text[] = "x\n```c\n1\n```\n~\n```\n2\n";
    struct code_fence fence;
    size_t at = 0;
    assert_true(code_fence_next(text, strlen(text), &at, &fence));
    assert_true(fence.closed);
    assert_int_equal(fence.language_length, 1);
    assert_memory_equal(fence.code, "1\n", fence.length);
    assert_true(code_fence_next(text, strlen(text), &at, &fence));
    assert_false(fence.closed);
    assert_int_equal(fence.length, 2);
    assert_false(code_fence_next(text, strlen(text), &at, &fence));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fences_of_python),
        cmocka_unit_test(indentation),
        cmocka_unit_test(no_fence),
        cmocka_unit_test(one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
