/* output.c - stdio's stdout with its failures told apart: nobody reads any more, or a real error.
 *
 * A file that grows over the shell's limit is an error like a full disk, no signal.
 */
#include "terminal/output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool gone;

void output_open(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static primer_status refused(primer_error *error)
{
    const int number = errno;
    gone = gone || number == EPIPE;
    clearerr(stdout);
    return error_set(error, PRIMER_EIO, "standard output: cannot write: %s", strerror(number));
}

primer_status output_write(const char *bytes, size_t length, primer_error *error)
{
    while (length > 0) {
        errno = 0;
        const size_t done = fwrite(bytes, 1, length, stdout);
        bytes += done;
        length -= done;
        if (length > 0 && errno != EINTR)
            return refused(error);
        if (length > 0)
            clearerr(stdout);
    }
    return PRIMER_OK;
}

primer_status output_text(const char *text, primer_error *error)
{
    return output_write(text, strlen(text), error);
}

primer_status output_flush(primer_error *error)
{
    errno = 0;
    while (fflush(stdout) != 0) {
        if (errno != EINTR)
            return refused(error);
        clearerr(stdout);
        errno = 0;
    }
    return PRIMER_OK;
}

bool output_gone(void)
{
    return gone;
}

bool output_is_terminal(void)
{
    return isatty(STDOUT_FILENO) != 0;
}
