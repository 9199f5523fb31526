/* test_program.c - /run: which program is run, what is shown of it, what is said where there is none. */
#include "terminal/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "sandbox/sandbox.h"
#include "terminal/output.h"

static void need_sandbox(void)
{
    struct sandbox *sandbox = NULL;
    primer_error error;
    const primer_status status = sandbox_open(NULL, &sandbox, &error);
    sandbox_close(sandbox);
    if (status == PRIMER_EUNSUPPORTED) {
        print_message("%s\n", error.message);
        skip();
    }
}

/* Runs it in a conversation with these answers (NULL behind the last); what it printed, and what was
 * said about it, are in *printed and *said. */
static primer_status run(const char *const *answers, const char *expression, struct buffer *printed,
                         struct buffer *said, primer_error *error)
{
    struct conversation conversation = {0};
    char paths[2][64];
    int kept[2];
    for (; *answers != NULL; answers++) {
        assert_int_equal(conversation_add(&conversation, "user", "write it", NULL), PRIMER_OK);
        assert_int_equal(conversation_add(&conversation, "assistant", *answers, NULL), PRIMER_OK);
    }
    FILE *const streams[2] = {stdout, stderr};
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "/tmp/primer-program-%ld-%d", (long)getpid(), i);
        fflush(streams[i]);
        kept[i] = dup(i + 1);
        assert_non_null(freopen(paths[i], "w", streams[i]));
    }
    const primer_status status = program_run(&conversation, expression, error);
    output_flush(NULL);
    struct buffer *const outs[2] = {printed, said};
    for (int i = 0; i < 2; i++) {
        fflush(streams[i]);
        dup2(kept[i], i + 1);
        close(kept[i]);
        buffer_clear(outs[i]);
        assert_int_equal(file_read(paths[i], 1 << 20, outs[i], NULL), PRIMER_OK);
        assert_int_equal(buffer_text(outs[i], "", NULL), PRIMER_OK);
        unlink(paths[i]);
    }
    conversation_free(&conversation);
    return status;
}

static void expect(const char *const *answers, const char *expression, const char *printed,
                   const char *said)
{
    struct buffer out = {0}, about = {0};
    primer_error error = {0};
    const primer_status status = run(answers, expression, &out, &about, &error);
    if (status != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_string_equal(out.length == 0 ? "" : out.bytes, printed);
    assert_string_equal(about.length == 0 ? "" : about.bytes, said);
    buffer_free(&out);
    buffer_free(&about);
}

static const char function[] = "```python\ndef double(x, by=2):\n    return x * by\n```";

static void programs_are_run(void **state)
{
    (void)state;
    need_sandbox();
    expect((const char *const[]){"Here:\n```python\nprint(6 * 7)\n```\nDone.", NULL}, "", "42\n",
           "");
    expect((const char *const[]){function, NULL}, "double(4)", "8\n", "");
    expect((const char *const[]){function, NULL}, "[double(x) for x in 'ab']", "['aa', 'bb']\n",
           "");
    /* What gives None shows nothing by itself. */
    expect((const char *const[]){function, NULL}, "print(double(1))", "2\n", "");
    /* A line end is added where the program writes none. */
    expect((const char *const[]){"```python\nprint('x', end='')\n```", NULL}, "", "x\n", "");
}

static void functions_are_pointed_out(void **state)
{
    (void)state;
    need_sandbox();
    expect((const char *const[]){function, NULL}, "", "",
           "it ran and printed nothing: it defines double(x, by=2); /run double(...) calls it\n");
    expect((const char *const[]){"```python\nx = 1\n```", NULL}, "", "",
           "it ran and printed nothing\n");
}

/* Later answers without a program don't hide it; a later program does. */
static void the_last_program_counts(void **state)
{
    (void)state;
    need_sandbox();
    expect((const char *const[]){function, "It doubles.", NULL}, "double(3)", "6\n", "");
    expect((const char *const[]){function, "```python\nprint('new')\n```", "So it is.", NULL}, "",
           "new\n", "");
}

static void ends_are_told(void **state)
{
    (void)state;
    need_sandbox();
    expect((const char *const[]){function, NULL}, "double(", "",
           "it ended with SyntaxError: '(' was never closed\n");
    expect((const char *const[]){"```python\nprint(1)\nprint(1 / 0)\n```", NULL}, "", "1\n",
           "it ended with ZeroDivisionError: division by zero\n");
    expect((const char *const[]){"```python\nimport os\nos._exit(3)\n```", NULL}, "", "",
           "it ended with: error\n");
    expect((const char *const[]){"```python\nopen('/etc/passwd')\n```", NULL}, "", "",
           "it ended with FileNotFoundError: [Errno 2] No such file or directory: '/etc/passwd'\n");
}

static void without_a_program(void **state)
{
    (void)state;
    struct buffer out = {0}, about = {0};
    primer_error error = {0};
    assert_int_equal(run((const char *const[]){NULL}, "", &out, &about, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "no answer holds a program"));
    assert_int_equal(
        run((const char *const[]){"```html\n<p>\n```", "text", NULL}, "", &out, &about, &error),
        PRIMER_EINVAL);
    buffer_free(&out);
    buffer_free(&about);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_run),        cmocka_unit_test(functions_are_pointed_out),
        cmocka_unit_test(the_last_program_counts), cmocka_unit_test(ends_are_told),
        cmocka_unit_test(without_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
