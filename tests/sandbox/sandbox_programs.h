/* sandbox_programs.h - programs out of tests/sandbox/programs, and what their comments expect of
 * them.
 *
 *   # sandbox: short         which sandbox runs it: plain (without this line), short, several
 *   # end: memory killed     how it may end
 *   # code: 9                its exit code or signal
 *   # > line                 a line of its output; without any, output isn't looked at
 *   # problem: text          is in the last line of its standard error
 */
#ifndef TESTS_SANDBOX_SANDBOX_PROGRAMS_H
#define TESTS_SANDBOX_SANDBOX_PROGRAMS_H

#include "sandbox/sandbox.h"

/* Opens one, or skips the test, having said why, where the machine has no bubblewrap, no python3 or
 * no permission for it. Anything else that goes wrong is a failure. */
struct sandbox *sandbox_programs_open(const struct sandbox_options *options);
/* One program; free with sandbox_results_free. */
struct sandbox_result sandbox_programs_run(struct sandbox *sandbox, const char *source,
                                           const char *input);
/* The ordinary program: fails the test unless it gives its answer in an empty folder. */
void sandbox_programs_ordinary(struct sandbox *sandbox, const char *after);
/* Each program of that sandbox as its comments say, an ordinary one after each; how many there
 * were. */
size_t sandbox_programs_folder(struct sandbox *sandbox, const char *name, const char *input);

#endif
