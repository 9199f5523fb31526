/* output.h - standard output, which carries the answer alone.
 *
 * A reader that has closed the pipe is no error worth words: output_gone tells, and the program
 * ends quietly. Everything that is said about the answer goes to standard error.
 */
#ifndef TERMINAL_OUTPUT_H
#define TERMINAL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

void output_open(
    void); /* once, before the first write: a closed pipe becomes an error, not a signal */
primer_status output_write(const char *bytes, size_t length, primer_error *error); /* buffered */
primer_status output_text(const char *text, primer_error *error);
primer_status output_flush(primer_error *error);
bool output_gone(void);
bool output_is_terminal(void);

#endif
