/* terminal.h - the chat: what `primer run MODEL` opens. */
#ifndef TERMINAL_TERMINAL_H
#define TERMINAL_TERMINAL_H

#include <stdbool.h>
#include "primer_chat.h"
#include "terminal/parameters.h"

struct terminal_options {
    primer_model *model; /* borrowed */
    primer_model *draft; /* a smaller one that guesses ahead, borrowed; NULL: none */
    const primer_chat_format *format;
    const primer_chat_format *own; /* the file's; borrowed; NULL: none */
    const char *problem;           /* why the file's own can't be used; "" otherwise */
    struct parameters *parameters; /* taken over */
    const char *system;            /* or NULL */
    bool statistics;               /* after each answer */
    primer_constraint *constraint; /* of every answer, borrowed; NULL: none */
};

/* Returns when the user leaves. Errors: those of making the session; what goes wrong in a turn is
 * said, and the chat goes on. */
primer_status terminal_chat(const struct terminal_options *options, primer_error *error);

#endif
