/* error.h - filling a primer_error, and the three macros that carry it upwards.
 *
 *   FORWARD(call)            returns the call's status from this function if it failed
 *   TRY(call)                stores the call's status in `status`, goes to `cleanup` if it failed
 *   FAIL(code, format, ...)  fills `error`, stores the code in `status`, goes to `cleanup`
 *
 * TRY and FAIL need `primer_status status`, `primer_error *error` and the label `cleanup` in scope.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "primer_error.h"

/* Fills `error` (may be NULL) and returns `status`. An over-long message is cut at a UTF-8
 * border. */
primer_status error_set(primer_error *error, primer_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message that is there (for adding a file's or tensor's name on the
 * way up). */
void error_prefix(primer_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Replaces control bytes and invalid UTF-8 of an untrusted name by '?', for use in messages.
 * Writes at most `capacity` bytes, NUL included, and returns `out`. */
char *error_printable(const char *bytes, unsigned long length, char *out, unsigned long capacity);

#define FORWARD(call)                                                                              \
    do {                                                                                           \
        primer_status forward_status_ = (call);                                                    \
        if (forward_status_ != PRIMER_OK)                                                          \
            return forward_status_;                                                                \
    } while (0)

#define TRY(call)                                                                                  \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != PRIMER_OK)                                                                   \
            goto cleanup;                                                                          \
    } while (0)

#define FAIL(code, ...)                                                                            \
    do {                                                                                           \
        status = error_set(error, (code), __VA_ARGS__);                                            \
        goto cleanup;                                                                              \
    } while (0)

#endif
