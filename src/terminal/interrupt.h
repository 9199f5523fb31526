/* interrupt.h - Ctrl-C: ends the answer that is being written, or the program where there is none.
 *
 * SIGTERM, SIGHUP and SIGQUIT end it after what there is to be tidied up.
 *
 * One program, one keyboard: the state is global. The handler only sets a flag, wakes
 * who waits for a key, and cancels the session that interrupt_target named or calls what was
 * installed.
 */
#ifndef TERMINAL_INTERRUPT_H
#define TERMINAL_INTERRUPT_H

#include <stdbool.h>
#include "primer.h"

/* `idle` is called, inside the signal's handler, where there is nothing to be cancelled; NULL:
 * nothing happens then (a chat goes on). */
void interrupt_install(void (*idle)(void));
/* What Ctrl-C cancels from now on; NULL: nothing. Forgets what was seen. */
void interrupt_target(primer_session *session);
/* Ctrl-C came since the target was set. */
bool interrupt_seen(void);
/* A descriptor that is readable once Ctrl-C came, for poll; -1 where there is none. What made it
 * readable is taken away by interrupt_target. */
int interrupt_descriptor(void);

/* SIGTERM, SIGHUP and SIGQUIT call `before`, inside the signal's handler, and then end the program
 * as they do by themselves; NULL: nothing to be done. */
void interrupt_tidy(void (*before)(void));
/* From now on these signals only count as seen (interrupt_seen), as Ctrl-C does: who asks cleans up
 * and calls interrupt_end. */
void interrupt_hold(void);
/* Ends the program by the signal that was held back; returns where it was Ctrl-C. */
void interrupt_end(void);

#endif
