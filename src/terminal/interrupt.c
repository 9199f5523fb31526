/* interrupt.c - the handler of SIGINT, and what it may touch: two flags and a pointer, all atomic.
 *
 * The handler is installed without SA_RESTART, so that a read from the keyboard returns.
 */
#include "terminal/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static _Atomic(primer_session *) target;
static atomic_bool seen, survives, held;

static void handle(int number) {
    (void)number;
    atomic_store(&seen, true);
    primer_session *session = atomic_load(&target);
    if (session != NULL)
        primer_session_cancel(session);
    else if (!atomic_load(&survives) && !atomic_load(&held))
        _exit(INTERRUPT_EXIT);
}

void interrupt_install(bool survive) {
    atomic_store(&survives, survive);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void interrupt_target(primer_session *session) {
    atomic_store(&target, NULL);
    atomic_store(&seen, false);
    atomic_store(&target, session);
}

void interrupt_hold(bool hold) {
    atomic_store(&held, hold);
}

bool interrupt_seen(void) {
    return atomic_load(&seen);
}
