/* fuzz_driver.h - what a fuzz target is: one function over bytes that are nobody's friend.
 *
 * A target ends normally, whatever the bytes say, or aborts where a promise is broken: fuzz_check
 * for the target's own promises, fuzz_status for what every fallible call promises. Built by clang
 * with its fuzzer a target needs nothing else; by any compiler it is linked with fuzz_driver.c.
 */
#ifndef FUZZ_FUZZ_DRIVER_H
#define FUZZ_FUZZ_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/error.h"

/* The entry that both drivers call; `data` is not aligned, and ends where `size` says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

/* Bytes by which a small input may make the process grow; defined by a target for which the usual
 * ones are too few. */
extern const size_t fuzz_growth __attribute__((weak));

/* A failure says what is wrong; and no small input is a reason to run out of memory, which a
 * bounded process would do only where an allocation follows a number in the input instead of its
 * bytes. */
static inline void fuzz_status(primer_status status, const primer_error *error)
{
    if (status == PRIMER_OK)
        return;
    fuzz_check(status != PRIMER_ENOMEM, "a small input must not run out of memory");
    fuzz_check(status != PRIMER_EINTERNAL, "an input must not look like a bug of our own");
    fuzz_check(error->status == status, "the error holds the status that was returned");
    fuzz_check(error->message[0] != '\0', "the error has a message");
}

#endif
