/* pty.c - forkpty, and reading with a deadline. */
#include "pty.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define DEADLINE 30.0 /* seconds */

bool pty_start(struct pty *pty, const char *const *arguments, const char *const *environment)
{
    struct winsize size = {.ws_row = 40, .ws_col = 200};
    *pty = (struct pty){0};
    pty->process = forkpty(&pty->terminal, NULL, NULL, &size);
    if (pty->process < 0)
        return false;
    if (pty->process > 0)
        return true;
    for (; *environment != NULL; environment++)
        putenv((char *)(uintptr_t)*environment);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    perror(arguments[0]);
    _exit(127);
}

void pty_type(struct pty *pty, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        const ssize_t written = write(pty->terminal, text, length);
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

/* One piece of what the program prints; false at the deadline and at its end. */
static bool read_more(struct pty *pty, double deadline)
{
    char bytes[4096];
    const double left = deadline - (double)clock_nanoseconds() * 1e-9;
    struct pollfd ready = {.fd = pty->terminal, .events = POLLIN};
    if (left <= 0 || poll(&ready, 1, (int)(left * 1000) + 1) <= 0)
        return false;
    const ssize_t count = read(pty->terminal, bytes, sizeof bytes);
    return count > 0 && buffer_append(&pty->seen, bytes, (size_t)count, NULL) == PRIMER_OK;
}

static double new_deadline(void)
{
    return (double)clock_nanoseconds() * 1e-9 + DEADLINE;
}

static void forget(struct pty *pty, size_t count)
{
    memmove(pty->seen.bytes, pty->seen.bytes + count, pty->seen.length - count + 1);
    pty->seen.length -= count;
}

bool pty_expect(struct pty *pty, const char *text)
{
    const size_t length = strlen(text);
    for (const double deadline = new_deadline();;) {
        const char *found = pty->seen.length < length
                                ? NULL
                                : memmem(pty->seen.bytes, pty->seen.length, text, length);
        if (found != NULL) {
            forget(pty, (size_t)(found - pty->seen.bytes) + length);
            return true;
        }
        if (!read_more(pty, deadline)) {
            printf("expected \"%s\", seen: %s\n", text,
                   pty->seen.length > 0 ? pty->seen.bytes : "");
            return false;
        }
    }
}

bool pty_expect_bytes(struct pty *pty, size_t count)
{
    for (const double deadline = new_deadline(); pty->seen.length < count;)
        if (!read_more(pty, deadline))
            return false;
    return true;
}

int pty_finish(struct pty *pty)
{
    int status = 0;
    const double deadline = new_deadline();
    while (read_more(pty, deadline)) {
    }
    if ((double)clock_nanoseconds() * 1e-9 >= deadline)
        kill(pty->process, SIGKILL);
    waitpid(pty->process, &status, 0);
    close(pty->terminal);
    buffer_free(&pty->seen);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
