/* slash.h - the commands of a chat, "/set temperature 0.5" and the like: one table.
 *
 * All that they say goes to standard error.
 */
#ifndef TERMINAL_SLASH_H
#define TERMINAL_SLASH_H

#include "terminal/dialogue.h"

/* Runs a line that begins with "/". An unknown command is an error that names the nearest one. */
primer_status slash_run(struct dialogue *dialogue, const char *line, primer_error *error);

#endif
