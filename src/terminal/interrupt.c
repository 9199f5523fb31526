/* interrupt.c - the handler of SIGINT, and what it may touch: a flag, two pointers, a pipe.
 *
 * Whichever thread the system gives the signal to, and however short before a wait begins it comes:
 * the byte in the pipe is there, so that a wait for a key which polls the pipe too never misses it.
 */
#include "terminal/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static _Atomic(primer_session *) target;
static _Atomic(void (*)(void)) when_idle;
static atomic_bool seen;
static int wake[2] = {-1, -1}; /* read, write end; both non-blocking */

static void handle(int number)
{
    (void)number;
    const int former = errno;
    atomic_store(&seen, true);
    if (wake[1] >= 0 && write(wake[1], "", 1) < 0)
        errno = 0; /* full: there is a byte already */
    primer_session *session = atomic_load(&target);
    void (*idle)(void) = atomic_load(&when_idle);
    if (session != NULL)
        primer_session_cancel(session);
    else if (idle != NULL)
        idle();
    errno = former;
}

void interrupt_install(void (*idle)(void))
{
    atomic_store(&when_idle, idle);
    if (wake[0] < 0 && pipe2(wake, O_NONBLOCK | O_CLOEXEC) != 0)
        wake[0] = wake[1] = -1;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void interrupt_target(primer_session *session)
{
    atomic_store(&target, NULL);
    char bytes[64];
    while (wake[0] >= 0 && read(wake[0], bytes, sizeof bytes) > 0) {
    }
    atomic_store(&seen, false);
    atomic_store(&target, session);
}

int interrupt_descriptor(void)
{
    return wake[0];
}

bool interrupt_seen(void)
{
    return atomic_load(&seen);
}
