/* late.h - a shared library that is loaded when something of it is needed, not when the program starts.
 *
 *   functions  {name, offset} ...     of a struct whose members are pointers to them
 */
#ifndef BASE_LATE_H
#define BASE_LATE_H

#include <stddef.h>

#include "base/error.h"

struct late_function {
    const char *name;
    size_t offset; /* bytes, in the table */
};

/* The row of the function whose pointer is the member of the same name of `struct table`. */
#define LATE_FUNCTION(table, function)                                                             \
    {                                                                                              \
        .name = #function, .offset = offsetof(struct table, function)                              \
    }

/* Loads `library`, a name as in the linker's notes ("libcurl.so.4"), and sets the pointers in `table`. The library
 * stays until the process ends. Where it or one of the functions isn't there: PRIMER_EIO, with what the loader says;
 * the table is not to be used then. */
primer_status late_open(const char *library, const struct late_function *functions, size_t count,
                        void *table, primer_error *error);

#endif
