/* interrupt.c - the handler of SIGINT, and what it may touch: a flag and two pointers, all atomic.
 *
 * The handler is installed without SA_RESTART, so that a read from the keyboard returns.
 */
#include "terminal/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static _Atomic(primer_session *) target;
static _Atomic(void (*)(void)) when_idle;
static atomic_bool seen;

static void handle(int number)
{
    (void)number;
    atomic_store(&seen, true);
    primer_session *session = atomic_load(&target);
    void (*idle)(void) = atomic_load(&when_idle);
    if (session != NULL)
        primer_session_cancel(session);
    else if (idle != NULL)
        idle();
}

void interrupt_install(void (*idle)(void))
{
    atomic_store(&when_idle, idle);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void interrupt_target(primer_session *session)
{
    atomic_store(&target, NULL);
    atomic_store(&seen, false);
    atomic_store(&target, session);
}

bool interrupt_seen(void)
{
    return atomic_load(&seen);
}
