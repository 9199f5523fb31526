/* interrupt.c - the handler of SIGINT, and what it may touch: a flag, two pointers, a pipe.
 *
 * A second handler is for the signals that end the program.
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
static _Atomic(void (*)(void)) tidy;
static atomic_bool held;
static atomic_int ending;      /* the signal that was held back; 0: none */
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

static void handle_end(int number)
{
    if (atomic_load(&held)) {
        atomic_store(&ending, number);
        atomic_store(&seen, true);
        return;
    }
    const int former = errno;
    void (*before)(void) = atomic_load(&tidy);
    if (before != NULL)
        before();
    signal(number, SIG_DFL);
    raise(number); /* comes when this handler returns */
    errno = former;
}

/* A signal that is ignored (nohup) stays so. */
static void catch_ends(void)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle_end;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction former;
        if (sigaction(numbers[i], NULL, &former) == 0 && former.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void interrupt_tidy(void (*before)(void))
{
    atomic_store(&tidy, before);
    catch_ends();
}

void interrupt_hold(void)
{
    atomic_store(&held, true);
    catch_ends();
}

void interrupt_end(void)
{
    const int number = atomic_load(&ending);
    if (number != 0) {
        signal(number, SIG_DFL);
        raise(number);
    }
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
