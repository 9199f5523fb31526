/* test_conversation.c - messages added, taken back and left out; suggestions; numbers for people.
 */
#include "terminal/conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "terminal/render.h"

static void say(struct conversation *c, const char *role, const char *text)
{
    assert_int_equal(conversation_add(c, role, text, NULL), PRIMER_OK);
}

static void adds_and_takes_back(void **state)
{
    (void)state;
    struct conversation c = {0};
    assert_false(conversation_take_back(&c, "user"));
    assert_null(conversation_last(&c, "user"));
    for (int i = 0; i < 20; i++) {
        say(&c, "user", "question");
        say(&c, "assistant", "answer");
    }
    say(&c, "user", "last");
    assert_string_equal(conversation_last(&c, "user"), "last");
    assert_null(conversation_last(&c, "assistant"));
    assert_true(conversation_take_back(&c, "user"));
    assert_int_equal(c.count, 40);
    assert_true(conversation_take_back(&c, "assistant"));
    assert_int_equal(c.count, 39);
    assert_string_equal(conversation_last(&c, "user"), "question");
    assert_true(conversation_take_back(&c, "user"));
    assert_int_equal(c.count, 38);
    conversation_clear(&c);
    assert_int_equal(c.count, 0);
    conversation_free(&c);
}

static void leaves_the_oldest_out(void **state)
{
    (void)state;
    struct conversation c = {0};
    assert_false(conversation_drop_oldest(&c));
    say(&c, "user", "1");
    say(&c, "assistant", "2");
    assert_false(conversation_drop_oldest(&c));
    say(&c, "user", "3");
    say(&c, "assistant", "4");
    say(&c, "user", "5");
    assert_true(conversation_drop_oldest(&c));
    assert_int_equal(c.first, 2);
    assert_true(conversation_drop_oldest(&c));
    assert_int_equal(c.first, 4);
    assert_false(conversation_drop_oldest(&c)); /* the last question is always sent */
    assert_true(conversation_take_back(&c, "user"));
    assert_true(c.first <= c.count);
    conversation_free(&c);
}

static void keeps_the_system_message(void **state)
{
    (void)state;
    struct conversation c = {0};
    assert_int_equal(conversation_set_system(&c, "Be kind.", NULL), PRIMER_OK);
    say(&c, "user", "1");
    conversation_clear(&c);
    assert_string_equal(c.system, "Be kind.");
    assert_int_equal(conversation_set_system(&c, "", NULL), PRIMER_OK);
    assert_null(c.system);
    conversation_free(&c);
}

static void no_memory_changes_nothing(void **state)
{
    (void)state;
    struct conversation c = {0};
    primer_error error = {0};
    for (size_t n = 0; n < 2; n++) {
        memory_fail_at(n);
        assert_int_equal(conversation_add(&c, "user", "text", &error), PRIMER_ENOMEM);
        assert_int_equal(c.count, 0);
    }
    memory_fail_at(SIZE_MAX);
    say(&c, "user", "text");
    memory_fail_at(0);
    assert_int_equal(conversation_set_system(&c, "x", &error), PRIMER_ENOMEM);
    assert_null(c.system);
    memory_fail_at(SIZE_MAX);
    conversation_free(&c);
}

static const char *nearest(const char *word)
{
    static const char *const words[] = {"--temp", "--top-k", "--top-p", "--threads",
                                        "--temperature"};
    struct suggest suggest = suggest_for(word);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        suggest_consider(&suggest, words[i]);
    return suggest.best == NULL ? "none" : suggest.best;
}

static void suggests_the_nearest(void **state)
{
    (void)state;
    assert_string_equal(nearest("--tmep"), "--temp");
    assert_string_equal(nearest("--tempe"), "--temp");
    assert_string_equal(nearest("--topk"), "--top-k");
    assert_string_equal(nearest("--thread"), "--threads");
    assert_string_equal(nearest("--temperatur"), "--temperature");
    assert_string_equal(nearest("--xyzzy"), "none");
    assert_string_equal(nearest(""), "none");
    char lengthy[300];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_string_equal(nearest(lengthy), "none");
}

static void writes_numbers_for_people(void **state)
{
    (void)state;
    char out[RENDER_TEXT];
    assert_string_equal(render_bytes(0, out), "0 B");
    assert_string_equal(render_bytes(999, out), "999 B");
    assert_string_equal(render_bytes(1000, out), "1.00 kB");
    assert_string_equal(render_bytes(999600, out), "1.00 MB");
    assert_string_equal(render_bytes(1602463744, out), "1.60 GB");
    assert_string_equal(render_bytes(UINT64_MAX, out), "18.4 EB");
    assert_string_equal(render_duration(0.0414, out), "0.041 s");
    assert_string_equal(render_duration(59.94, out), "59.9 s");
    assert_string_equal(render_duration(200, out), "3 min 20 s");
    assert_string_equal(render_duration(7500, out), "2 h 5 min");
    assert_string_equal(render_duration(-1, out), "? s");
    assert_string_equal(render_count(0, out), "0");
    assert_string_equal(render_count(999, out), "999");
    assert_string_equal(render_count(1234567, out), "1,234,567");
    render_setup(RENDER_NEVER);
    assert_string_equal(render_style(1, RENDER_WARN), "");
    render_gauge(256, 512, 4, out);
    assert_non_null(strstr(out, " 50%"));
    render_gauge(1, 51200, 4, out);
    assert_non_null(strstr(out, " <1%"));
    render_gauge(0, 0, 4, out);
    assert_non_null(strstr(out, " 0%"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_and_takes_back),      cmocka_unit_test(leaves_the_oldest_out),
        cmocka_unit_test(keeps_the_system_message), cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(suggests_the_nearest),     cmocka_unit_test(writes_numbers_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
