/* pty.h - a program on a pseudo-terminal, as a person has it: type, wait for words, see how it
 * ends. */
#ifndef TESTS_TERMINAL_PTY_H
#define TESTS_TERMINAL_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"

struct pty {
    pid_t process;
    int terminal;
    struct buffer seen; /* since the last expectation that was met */
};

/* arguments: NULL-terminated, the program first; environment: NULL-terminated "NAME=value", in
 * addition. */
bool pty_start(struct pty *pty, const char *const *arguments, const char *const *environment);
void pty_type(struct pty *pty, const char *text);
/* Waits until the text has been seen; what comes before and with it is forgotten. False after 30
 * seconds or when the program has ended: what was seen instead is printed. */
bool pty_expect(struct pty *pty, const char *text);
/* Waits until so many bytes have been seen. */
bool pty_expect_bytes(struct pty *pty, size_t count);
/* Waits for the end (30 seconds, then it is killed) and gives the exit code; -1 for a signal. */
int pty_finish(struct pty *pty);

#endif
