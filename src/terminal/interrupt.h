/* interrupt.h - Ctrl-C: ends the answer that is being written, or the program where there is none.
 *
 * One program, one keyboard: the state is global. The handler only sets flags and cancels the
 * session that interrupt_target named.
 */
#ifndef TERMINAL_INTERRUPT_H
#define TERMINAL_INTERRUPT_H

#include <stdbool.h>
#include "primer.h"

#define INTERRUPT_EXIT 130 /* the exit code of a program that Ctrl-C ended */

/* `survive`: without a target the program goes on (a chat); otherwise it ends with INTERRUPT_EXIT.
 */
void interrupt_install(bool survive);
/* What Ctrl-C cancels from now on; NULL: nothing. Clears what was seen. */
void interrupt_target(primer_session *session);
/* Ctrl-C came since the target was set. */
bool interrupt_seen(void);

#endif
