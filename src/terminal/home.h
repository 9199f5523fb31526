/* home.h - where the program keeps what it remembers: the history of lines, saved conversations.
 *
 *   PRIMER_HOME, else $XDG_DATA_HOME/primer, else ~/.local/share/primer
 */
#ifndef TERMINAL_HOME_H
#define TERMINAL_HOME_H

#include "base/buffer.h"

/* Writes HOME/leaf to `path` and makes the folders before the last "/" (for the user alone). */
primer_status home_path(const char *leaf, struct buffer *path, primer_error *error);

#endif
