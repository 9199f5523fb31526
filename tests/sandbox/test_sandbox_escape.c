/* test_sandbox_escape.c - programs that want out, want more, or want the next one to fail: each
 * ends as it has to, and the program after it gives its right answer. The programs are in
 * tests/sandbox/programs.
 */
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox_programs.h"

static void one_process(void **state)
{
    (void)state;
    const struct sandbox_options options = {.workers = 1};
    setenv("PRIMER_SECRET", "secret", 1);
    struct sandbox *const sandbox = sandbox_programs_open(&options);
    /* A port that is open and a file that is there: outside. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    char path[] = "/tmp/primer-sandbox-XXXXXX", input[128];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(fchmod(file, 0644), 0);
    snprintf(input, sizeof input, "%d\n%s\n", ntohs(address.sin_port), path);
    const size_t ran = sandbox_programs_folder(sandbox, "plain", input);
    close(file);
    unlink(path);
    close(listener);
    sandbox_close(sandbox);
    assert_true(ran >= 20);
}

static void too_late(void **state)
{
    (void)state;
    const struct sandbox_options options = {.workers = 1, .seconds = 0.4};
    struct sandbox *const sandbox = sandbox_programs_open(&options);
    assert_true(sandbox_programs_folder(sandbox, "short", NULL) >= 6);
    sandbox_close(sandbox);
}

static void several_processes(void **state)
{
    (void)state;
    const struct sandbox_options options = {.workers = 1, .seconds = 1, .processes = 8};
    struct sandbox *const sandbox = sandbox_programs_open(&options);
    assert_true(sandbox_programs_folder(sandbox, "several", NULL) >= 2);
    sandbox_close(sandbox);
}

/* A process that has left its family and wants to write later: it is gone before the next program
 * is. */
static void daemon_ends_with_its_program(void **state)
{
    (void)state;
    const struct sandbox_options options = {.workers = 1, .processes = 8};
    struct sandbox *const sandbox = sandbox_programs_open(&options);
    struct sandbox_result result =
        sandbox_programs_run(sandbox,
                             "import os, time\n"
                             "if os.fork() == 0:\n"
                             "    os.setsid()\n"
                             "    if os.fork() == 0:\n"
                             "        while True:\n"
                             "            open('/tmp/daemon', 'a').write('here')\n"
                             "            os.write(1, b'here')\n"
                             "            time.sleep(0.01)\n"
                             "    os._exit(0)\n"
                             "os.wait()\n"
                             "time.sleep(0.05)\n",
                             NULL);
    assert_int_equal(result.end, SANDBOX_FINISHED);
    assert_memory_equal(result.output.bytes, "here", 4); /* it was there */
    sandbox_results_free(&result, 1);
    result = sandbox_programs_run(sandbox,
                                  "import os, time\n"
                                  "time.sleep(0.2)\n"
                                  "others = 0\n"
                                  "for process in range(2, 1000):\n"
                                  "    try:\n"
                                  "        os.kill(process, 0)\n"
                                  "        others += process != os.getpid()\n"
                                  "    except ProcessLookupError:\n"
                                  "        pass\n"
                                  "print(os.listdir(), others)\n",
                                  NULL);
    assert_string_equal(result.output.bytes, "[] 0\n");
    sandbox_results_free(&result, 1);
    sandbox_close(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process),
        cmocka_unit_test(too_late),
        cmocka_unit_test(several_processes),
        cmocka_unit_test(daemon_ends_with_its_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
