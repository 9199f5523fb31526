/* program.h - /run: the program of the last answer that has one, in the sandbox.
 *
 *   /run                       runs it as it is
 *   /run sum_even([1, 2, 3])   runs it, then shows what this expression gives
 *
 * What it prints goes to standard output, how it ended to standard error. A program that prints
 * nothing but defines functions is met with how to call the first of them.
 */
#ifndef TERMINAL_PROGRAM_H
#define TERMINAL_PROGRAM_H

#include "terminal/conversation.h"

/* `expression` may be empty. Errors: PRIMER_EINVAL where no answer holds a program,
 * PRIMER_EUNSUPPORTED where there is no sandbox (it says how to get one), PRIMER_ECANCELED. What the
 * program does is no error. */
primer_status program_run(const struct conversation *conversation, const char *expression,
                          primer_error *error);

#endif
