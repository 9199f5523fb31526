/* completion.h - what shells need to complete a command line of primer, from the tables of commands
 * and options. */
#ifndef COMMAND_COMPLETION_H
#define COMMAND_COMPLETION_H

#include "base/buffer.h"

/* shell: bash, zsh or fish. */
primer_status completion_write(const char *shell, struct buffer *out, primer_error *error);

#endif
