/* follow.h - answers made and read under a constraint, over a small vocabulary of one's own: what
 * the targets of constraints share.
 *
 *   choices --> follow_write --> text        a token at a time, as a mask allows, then on to an end
 *   text    --> follow_read  --> verdict     a byte at a time
 *
 * Both hold the library to its promises: a place always allows something, what is allowed is taken,
 * the end is allowed just where the answer is complete. The one excuse is a limit that is told.
 */
#ifndef FUZZ_FOLLOW_H
#define FUZZ_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "constraint/constraint.h"

enum { FOLLOW_WORDS = 16 }; /* of a mask, at most */

enum follow_verdict {
    FOLLOW_COMPLETE, /* an answer */
    FOLLOW_BEGUN,    /* the beginning of one */
    FOLLOW_REFUSED,
    FOLLOW_LIMITED /* a limit was met: no verdict */
};

struct follow_choices {
    const unsigned char *bytes; /* which of the allowed tokens is taken; then it is for the end */
    size_t count;
    bool json; /* the end is more easily found where the answer is JSON */
};

/* Every byte, some longer tokens, the control token "<think>", an end. Made once, never freed. */
const struct constraint_vocabulary *follow_vocabulary(void);
bool follow_allows(const uint64_t *mask, size_t id);
/* Little of what a constraint may take, so that limits are met; `kind` even: masks are found by
 * analyses, odd: small ones by walks. */
void follow_narrow(primer_constraint *constraint, size_t kind);

/* Appends an answer to `text`; FOLLOW_BEGUN: no end was found in a few hundred steps. */
enum follow_verdict follow_write(primer_constraint *constraint, struct follow_choices choices,
                                 struct buffer *text);
enum follow_verdict follow_read(primer_constraint *constraint, const char *bytes, size_t length);

#endif
