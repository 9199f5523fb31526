/* problem.h - what went wrong with a request, beyond a primer_error's sentence: everything the
 * error shapes of the dialects have members for.
 *
 * Whoever refuses something fills it by problem_set; where nobody did, problem_complete derives it
 * from the primer_status. Texts are static.
 */
#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include <stddef.h>
#include "base/error.h"

enum { PROBLEM_PARAM_BYTES = 128 };

struct problem {
    int http;                        /* status; 0: nobody said */
    const char *type, *code;         /* "invalid_request_error", "model_not_found"; NULL: none */
    char param[PROBLEM_PARAM_BYTES]; /* the member it is about; "": none */
    unsigned retry_after;            /* seconds; 0: not said */
    size_t prompt_tokens, context_tokens; /* of a prompt that doesn't fit */
};

/* Fills problem (may be NULL) and error, and returns `status`. */
primer_status problem_set(struct problem *problem, int http, const char *code, const char *param,
                          primer_status status, primer_error *error, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
/* Fills what is still open: http by the status, type by http. */
void problem_complete(struct problem *problem, primer_status status);

#endif
