/* test_sandbox.c - results, their order, input, limits; workers that die or lie; refusals. What
 * programs do to get out is in test_sandbox_escape.c.
 */
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sandbox_programs.h"

static struct sandbox *opened(size_t workers)
{
    const struct sandbox_options options = {.workers = workers};
    return sandbox_programs_open(&options);
}

static void ends_with(struct sandbox *sandbox, const char *source, const char *input,
                      enum sandbox_end end, int code, const char *output)
{
    struct sandbox_result result = sandbox_programs_run(sandbox, source, input);
    const char *const seen = result.output.bytes != NULL ? result.output.bytes : "";
    if (result.end != end || result.exit_code != code || strcmp(seen, output) != 0)
        fail_msg("%s: %s %d \"%s\" \"%s\"; expected %s %d \"%s\"", source,
                 sandbox_end_name(result.end), result.exit_code, seen, result.problem.bytes,
                 sandbox_end_name(end), code, output);
    sandbox_results_free(&result, 1);
}

static void results_and_exit_codes(void **state)
{
    (void)state;
    struct sandbox *const sandbox = opened(1);
    ends_with(sandbox, "print(6 * 7)", NULL, SANDBOX_FINISHED, 0, "42\n");
    ends_with(sandbox, "", NULL, SANDBOX_FINISHED, 0, "");
    ends_with(sandbox, "print(input()[::-1])", "abc\nd", SANDBOX_FINISHED, 0, "cba\n");
    ends_with(sandbox, "print(input())", NULL, SANDBOX_ERROR, 1, "");
    ends_with(sandbox, "print('a'); exit(7)", NULL, SANDBOX_ERROR, 7, "a\n");
    ends_with(sandbox, "raise SystemExit", NULL, SANDBOX_FINISHED, 0, "");
    ends_with(sandbox, "import sys; sys.exit('why')", NULL, SANDBOX_ERROR, 1, "");
    ends_with(sandbox, "import os; os._exit(255)", NULL, SANDBOX_ERROR, 255, "");
    ends_with(sandbox, "print('\\u00fc\\U0001f600')", NULL, SANDBOX_FINISHED, 0,
              "\xc3\xbc\xf0\x9f\x98\x80\n");
    ends_with(sandbox, "import os; os.kill(os.getpid(), 15)", NULL, SANDBOX_KILLED, 15, "");
    sandbox_close(sandbox);
}

/* The report begins and ends so; between lies what each version of Python marks in its own way. */
static void problem_is(struct sandbox *sandbox, const char *source, const char *begin,
                       const char *end)
{
    struct sandbox_result result = sandbox_programs_run(sandbox, source, NULL);
    assert_int_equal(result.end, SANDBOX_ERROR);
    const size_t length = result.problem.length, end_length = strlen(end);
    if (strncmp(result.problem.bytes, begin, strlen(begin)) != 0 || length < end_length ||
        strcmp(result.problem.bytes + length - end_length, end) != 0)
        fail_msg("%s", result.problem.bytes);
    sandbox_results_free(&result, 1);
}

/* Whatever the machine's environment says. */
static void each_interpreter_orders_alike(void **state)
{
    (void)state;
    char seen[2][64];
    for (int i = 0; i < 2; i++) {
        struct sandbox *const sandbox = opened(1);
        struct sandbox_result result =
            sandbox_programs_run(sandbox, "print(hash('a'), *{'a', 'b', 'c'})", NULL);
        snprintf(seen[i], sizeof seen[i], "%s", result.output.bytes);
        sandbox_results_free(&result, 1);
        sandbox_close(sandbox);
    }
    assert_string_equal(seen[0], seen[1]);
}

static void exceptions_are_reported(void **state)
{
    (void)state;
    struct sandbox *const sandbox = opened(1);
    problem_is(
        sandbox, "def f():\n    assert 1 == 2, 'two'\nf()",
        "Traceback (most recent call last):\n  File \"program.py\", line 3, in <module>\n    f()\n",
        "AssertionError: two\n");
    problem_is(sandbox, "x = (\n", "  File \"program.py\", line 1\n    x = (\n",
               "SyntaxError: '(' was never closed\n");
    problem_is(sandbox, "import sys; sys.exit('why')", "why\n", "why\n");
    /* The end is kept of what is too long. */
    struct sandbox_result result =
        sandbox_programs_run(sandbox, "import sys; sys.stderr.write('x' * 100000 + 'end')", NULL);
    assert_int_equal(result.problem.length, SANDBOX_PROBLEM);
    assert_string_equal(result.problem.bytes + SANDBOX_PROBLEM - 4, "xend");
    sandbox_results_free(&result, 1);
    sandbox_close(sandbox);
}

struct progress {
    size_t calls, last, stop_at;
};

static bool follow(void *context, size_t done, size_t all)
{
    struct progress *const progress = context;
    assert_true(done >= progress->last && done <= all);
    progress->last = done;
    return ++progress->calls < progress->stop_at;
}

static void order_is_kept(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    struct sandbox *const sandbox = opened(3);
    char sources[COUNT][128];
    struct sandbox_program programs[COUNT];
    struct sandbox_result results[COUNT];
    struct progress progress = {.stop_at = SIZE_MAX};
    for (int i = 0; i < COUNT; i++) {
        /* Later ones are done earlier; some take their worker with its folder, some end badly. */
        snprintf(sources[i], sizeof sources[i], "import time\ntime.sleep(%d / 2000)\nprint(%d)\n%s",
                 i % 7 * 5, i,
                 i % 20 == 3    ? "for i in range(100): open(str(i), 'w')"
                 : i % 20 == 11 ? "import os; os.abort()"
                                : "");
        programs[i] =
            (struct sandbox_program){.source = sources[i], .source_length = strlen(sources[i])};
    }
    primer_error error;
    if (sandbox_run(sandbox, programs, COUNT, results, follow, &progress, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(progress.last, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d\n", i);
        assert_int_equal(results[i].end, i % 20 == 11 ? SANDBOX_KILLED : SANDBOX_FINISHED);
        /* What was in the buffer of the aborted is lost, as always. */
        assert_string_equal(i % 20 == 11 ? expected : results[i].output.bytes, expected);
    }
    sandbox_results_free(results, COUNT);
    assert_int_equal(sandbox_run(sandbox, NULL, 0, NULL, NULL, NULL, NULL), PRIMER_OK);
    sandbox_close(sandbox);
}

static void any_bytes_are_a_source(void **state)
{
    (void)state;
    enum { BIG = 10 << 20 };
    struct sandbox *const sandbox = opened(1);
    char *const big = malloc(BIG + 64);
    assert_non_null(big);
    strcpy(big, "print('big')\n#");
    memset(big + 14, 'x', BIG);
    strcpy(big + 14 + BIG, "\nprint(42)\n");
    const struct {
        const char *source;
        size_t length;
        enum sandbox_end end;
        const char *output, *problem; /* a part of it */
    } rows[] = {
        {big, BIG + 14 + 11, SANDBOX_FINISHED, "big\n42\n", ""},
        {"print(1)\0print(2)", 17, SANDBOX_ERROR, "", "null bytes"},
        {"\0", 1, SANDBOX_ERROR, "", "null bytes"},
        {"print('\xff')", 10, SANDBOX_ERROR, "", "SyntaxError"},
        {"# coding: latin-1\nprint('\xe4')", 28, SANDBOX_FINISHED, "\xc3\xa4\n", ""},
        {"\xef\xbb\xbfprint(1)\r\nprint(2)\r\n", 23, SANDBOX_FINISHED, "1\n2\n", ""},
        {"# coding: nonsense\n", 19, SANDBOX_ERROR, "", "SyntaxError"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct sandbox_program program = {.source = rows[i].source,
                                                .source_length = rows[i].length};
        struct sandbox_result result;
        assert_int_equal(sandbox_run(sandbox, &program, 1, &result, NULL, NULL, NULL), PRIMER_OK);
        assert_int_equal(result.end, rows[i].end);
        assert_string_equal(result.output.bytes != NULL ? result.output.bytes : "", rows[i].output);
        assert_non_null(
            strstr(result.problem.bytes != NULL ? result.problem.bytes : "", rows[i].problem));
        sandbox_results_free(&result, 1);
    }
    free(big);
    sandbox_close(sandbox);
}

static void input_of_any_size(void **state)
{
    (void)state;
    enum { BIG = 5 << 20 };
    struct sandbox *const sandbox = opened(1);
    char *const input = malloc(BIG + 1);
    assert_non_null(input);
    memset(input, 'y', BIG);
    input[BIG] = '\0';
    ends_with(sandbox, "import sys; print(sys.stdin.read().count('y'))", input, SANDBOX_FINISHED, 0,
              "5242880\n");
    ends_with(sandbox, "print('not read')", input, SANDBOX_FINISHED, 0, "not read\n");
    ends_with(sandbox, "import sys; sys.stdin.close(); print('closed')", input, SANDBOX_FINISHED, 0,
              "closed\n");
    /* Output comes back while there is still input to give. */
    ends_with(sandbox, "import sys\nfor _ in range(60): print(end=sys.stdin.read(1000))", input,
              SANDBOX_FINISHED, 0, input + BIG - 60000);
    free(input);
    sandbox_close(sandbox);
}

static void limits_are_exact(void **state)
{
    (void)state;
    const struct sandbox_options options = {
        .workers = 1, .output = 1000, .memory = 64 << 20, .seconds = 0.3};
    struct sandbox *const sandbox = sandbox_programs_open(&options);
    struct sandbox_result result = sandbox_programs_run(sandbox, "print('x' * 999)", NULL);
    assert_int_equal(result.end, SANDBOX_FINISHED);
    assert_int_equal(result.output.length, 1000);
    sandbox_results_free(&result, 1);
    result = sandbox_programs_run(sandbox, "print('x' * 1000)", NULL);
    assert_int_equal(result.end, SANDBOX_OUTPUT);
    assert_int_equal(result.output.length, 1000);
    sandbox_results_free(&result, 1);
    ends_with(sandbox, "x = bytearray(16 << 20); print(1)", NULL, SANDBOX_FINISHED, 0, "1\n");
    ends_with(sandbox, "x = bytearray(64 << 20); print(1)", NULL, SANDBOX_MEMORY, 1, "");
    result = sandbox_programs_run(sandbox, "print(1, flush=True)\nwhile True: pass", NULL);
    assert_int_equal(result.end, SANDBOX_TIMEOUT);
    assert_string_equal(result.output.bytes, "1\n");
    assert_true(result.seconds >= 0.3 && result.seconds < 3);
    sandbox_results_free(&result, 1);
    sandbox_close(sandbox);
}

/* ---- workers that end ---- */

/* The first process whose parent is `parent`; 0: none. */
static pid_t child_of(pid_t parent)
{
    pid_t found = 0;
    DIR *const folder = opendir("/proc");
    assert_non_null(folder);
    for (struct dirent *entry; found == 0 && (entry = readdir(folder)) != NULL;) {
        char path[64], line[512] = "";
        snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
        FILE *const file = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        const char *const name_end =
            fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
        char process_state = 0;
        int its_parent = 0;
        if (name_end != NULL && sscanf(name_end, ") %c %d", &process_state, &its_parent) == 2 &&
            its_parent == parent && process_state != 'Z')
            found = (pid_t)atoi(entry->d_name);
        fclose(file);
    }
    closedir(folder);
    return found;
}

static bool alive(pid_t process)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *const file = fopen(path, "r");
    if (file == NULL)
        return false;
    const char *const name_end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    return name_end != NULL && name_end[2] != 'Z';
}

static bool gone_soon(pid_t process)
{
    const uint64_t start = clock_nanoseconds();
    while (alive(process) && clock_seconds_since(start) < 10)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return !alive(process);
}

static bool kill_worker(void *context, size_t done, size_t all)
{
    pid_t *const victim = context;
    if (done == 1 && all == 3 && *victim != 0) {
        kill(*victim, SIGKILL);
        *victim = 0;
    }
    return true;
}

static void dead_workers_are_replaced(void **state)
{
    (void)state;
    struct sandbox *const sandbox = opened(1);
    /* Idle: nobody notices. First the one inside, then bubblewrap itself. */
    pid_t bwrap = child_of(getpid()), inside = child_of(bwrap);
    assert_true(bwrap > 0 && inside > 0);
    kill(inside, SIGKILL);
    assert_true(gone_soon(bwrap));
    ends_with(sandbox, "print(1)", NULL, SANDBOX_FINISHED, 0, "1\n");
    bwrap = child_of(getpid());
    inside = child_of(bwrap);
    kill(bwrap, SIGKILL);
    assert_true(gone_soon(inside) && gone_soon(bwrap));
    ends_with(sandbox, "print(2)", NULL, SANDBOX_FINISHED, 0, "2\n");
    /* Busy: its program is told of, the others aren't touched. */
    pid_t victim = child_of(child_of(getpid()));
    const struct sandbox_program programs[] = {{.source = "print(0)", .source_length = 8},
                                               {.source = "while 1: 1", .source_length = 10},
                                               {.source = "print(2)", .source_length = 8}};
    struct sandbox_result results[3];
    assert_int_equal(sandbox_run(sandbox, programs, 3, results, kill_worker, &victim, NULL),
                     PRIMER_OK);
    assert_int_equal(results[0].end, SANDBOX_FINISHED);
    assert_int_equal(results[1].end, SANDBOX_KILLED);
    assert_int_equal(results[1].exit_code, 0);
    assert_non_null(strstr(results[1].problem.bytes, "worker ended"));
    assert_true(results[1].ended_outside && !results[0].ended_outside);
    assert_string_equal(results[2].output.bytes, "2\n");
    sandbox_results_free(results, 3);
    sandbox_close(sandbox);
    assert_int_equal(child_of(getpid()), 0);
}

static volatile sig_atomic_t interrupts;

static void count_interrupt(int number)
{
    (void)number;
    interrupts++;
}

/* As a terminal's Ctrl-C: to every process of the group, while a worker starts and while it works. */
static bool interrupt_group(void *context, size_t done, size_t all)
{
    size_t *const asked = context;
    (void)done, (void)all;
    if ((*asked)++ < 3)
        kill(0, SIGINT);
    return true;
}

static void an_interrupt_of_the_group_spares_workers(void **state)
{
    (void)state;
    const struct sigaction counting = {.sa_handler = count_interrupt};
    struct sigaction former;
    setpgid(0, 0); /* the others of the group that tests were started in are left alone */
    assert_int_equal(sigaction(SIGINT, &counting, &former), 0);
    struct sandbox *const sandbox = opened(1);
    const struct sandbox_program program = {.source = "import time; time.sleep(0.4); print(1)",
                                            .source_length = 38};
    struct sandbox_result result;
    size_t asked = 0;
    assert_int_equal(sandbox_run(sandbox, &program, 1, &result, interrupt_group, &asked, NULL),
                     PRIMER_OK);
    assert_true(interrupts >= 1);
    assert_int_equal(result.end, SANDBOX_FINISHED);
    assert_string_equal(result.output.bytes, "1\n");
    sandbox_results_free(&result, 1);
    sandbox_close(sandbox);
    assert_int_equal(sigaction(SIGINT, &former, NULL), 0);
}

/* A process that dies with a program running leaves nothing behind. */
static void all_ends_with_the_parent(void **state)
{
    (void)state;
    sandbox_close(opened(1));
    int opened_here
        [2]; /* the child says when: the program that sandbox_open tries is not the one meant */
    assert_int_equal(pipe(opened_here), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct sandbox_options options = {.workers = 1, .seconds = 600};
        const struct sandbox_program program = {.source = "while 1: 1", .source_length = 10};
        struct sandbox *sandbox;
        struct sandbox_result result;
        if (sandbox_open(&options, &sandbox, NULL) == PRIMER_OK &&
            write(opened_here[1], "", 1) == 1)
            (void)sandbox_run(sandbox, &program, 1, &result, NULL, NULL, NULL);
        _exit(1);
    }
    pid_t bwrap = 0, inside = 0, program = 0;
    char byte;
    assert_int_equal(read(opened_here[0], &byte, 1), 1);
    close(opened_here[0]);
    close(opened_here[1]);
    const uint64_t start = clock_nanoseconds();
    while (program == 0 && clock_seconds_since(start) < 20) {
        bwrap = child_of(child);
        inside = bwrap > 0 ? child_of(bwrap) : 0;
        program = inside > 0 ? child_of(inside) : 0;
    }
    assert_true(program > 0);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(gone_soon(program));
    assert_true(gone_soon(inside));
    assert_true(gone_soon(bwrap));
}

static size_t descriptors(void)
{
    size_t count = 0;
    for (int i = 0; i < 256; i++)
        count += lseek(i, 0, SEEK_CUR) != -1 || errno != EBADF;
    return count;
}

static void stopping(void **state)
{
    (void)state;
    const size_t before = descriptors();
    struct sandbox *const sandbox = opened(2);
    const struct sandbox_program programs[] = {{.source = "print(0)", .source_length = 8},
                                               {.source = "while 1: 1", .source_length = 10}};
    struct sandbox_result results[2];
    struct progress progress = {.stop_at = 4};
    primer_error error;
    const uint64_t start = clock_nanoseconds();
    assert_int_equal(sandbox_run(sandbox, programs, 2, results, follow, &progress, &error),
                     PRIMER_ECANCELED);
    assert_true(clock_seconds_since(start) < 2.5);
    sandbox_programs_ordinary(sandbox, "stopping");
    sandbox_close(sandbox);
    sandbox_close(NULL);
    assert_int_equal(child_of(getpid()), 0);
    assert_int_equal(descriptors(), before);
}

/* ---- refusals ---- */

static void refused(const struct sandbox_options *options, primer_status status, const char *part)
{
    struct sandbox *sandbox = NULL;
    primer_error error = {.message = ""};
    assert_int_equal(sandbox_open(options, &sandbox, &error), status);
    assert_null(sandbox);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" without \"%s\"", error.message, part);
}

/* A folder in which bwrap is this script. */
static void refused_with(const char *script, const char *part)
{
    char folder[] = "/tmp/primer-sandbox-XXXXXX", bwrap[64], path[128];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    snprintf(bwrap, sizeof bwrap, "%s/bwrap", folder);
    FILE *const file = fopen(bwrap, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(bwrap, 0755), 0);
    snprintf(path, sizeof path, "%s:/usr/bin:/usr/local/bin", folder);
    const struct sandbox_options options = {.workers = 1, .path = path};
    refused(&options, PRIMER_EUNSUPPORTED, part);
    unlink(bwrap);
    rmdir(folder);
}

static void nothing_runs_bare(void **state)
{
    (void)state;
    const struct sandbox_options nowhere = {.path = "/nowhere:/nor/here"};
    refused(&nowhere, PRIMER_EUNSUPPORTED, "apt-get install bubblewrap");
    sandbox_close(opened(1)); /* from here on python3 is needed */
    refused_with("echo 'no namespaces for you' >&2; exit 1", "no namespaces for you");
    refused_with("echo 'no answer' >&2; printf primer-sandbox-2; sleep 0.1", "no answer");
    refused_with("while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"", "not 1");
    /* One that answers without having seen the token. */
    refused_with("printf primer-sandbox-1; head -c 28 >/dev/null; head -c 28 /dev/zero; "
                 "printf '\\1\\0\\0\\0'; head -c 8 /dev/zero; sleep 0.1",
                 "worker ended");
}

static void senseless_options(void **state)
{
    (void)state;
    refused(&(struct sandbox_options){.seconds = -1}, PRIMER_EINVAL, "seconds");
    refused(&(struct sandbox_options){.seconds = 1e9}, PRIMER_EINVAL, "seconds");
    refused(&(struct sandbox_options){.memory = 1 << 20}, PRIMER_EINVAL, "memory");
    refused(&(struct sandbox_options){.output = SIZE_MAX}, PRIMER_EINVAL, "output");
    refused(&(struct sandbox_options){.workers = 1 << 20}, PRIMER_EINVAL, "workers");
    refused(&(struct sandbox_options){.processes = 1 << 20}, PRIMER_EINVAL, "processes");
    struct sandbox *const sandbox = opened(1);
    const struct sandbox_program program = {.source = "", .source_length = SIZE_MAX};
    struct sandbox_result result;
    assert_int_equal(sandbox_run(sandbox, &program, 1, &result, NULL, NULL, NULL), PRIMER_ELIMIT);
    sandbox_close(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_exit_codes),
        cmocka_unit_test(exceptions_are_reported),
        cmocka_unit_test(each_interpreter_orders_alike),
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(any_bytes_are_a_source),
        cmocka_unit_test(input_of_any_size),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(dead_workers_are_replaced),
        cmocka_unit_test(an_interrupt_of_the_group_spares_workers),
        cmocka_unit_test(all_ends_with_the_parent),
        cmocka_unit_test(stopping),
        cmocka_unit_test(nothing_runs_bare),
        cmocka_unit_test(senseless_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
