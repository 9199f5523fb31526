/* line_input.h - lines from the keyboard: edited, with a history, where the terminal can do it.
 *
 * Everything goes to standard error, so that standard output carries the answers alone.
 */
#ifndef TERMINAL_LINE_INPUT_H
#define TERMINAL_LINE_INPUT_H

#include "base/buffer.h"

enum line_result {
    LINE_TEXT,        /* a line, without its newline */
    LINE_END,         /* Ctrl-D, or the input is at its end */
    LINE_INTERRUPTED, /* Ctrl-C */
    LINE_LONG,        /* of more than 1 MiB: the rest of it comes with the next call */
    LINE_FAILED       /* no memory, or an error of reading */
};

struct line_input;

/* `history`: the file of former lines, or NULL for none. */
primer_status line_input_create(struct line_input **input, const char *history,
                                primer_error *error);
void line_input_free(struct line_input *input);
/* Replaces `line`. In the prompt, escape sequences stand between bytes of value 1. */
enum line_result line_input_read(struct line_input *input, const char *prompt, struct buffer *line);
/* Into the history, and at once into its file. */
void line_input_remember(struct line_input *input, const char *text);

#endif
