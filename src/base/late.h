/* late.h - a shared library that is loaded when something of it is needed, not when the program starts.
 *
 *   late_library ── functions   {name, offset} ...
 *                ── table       a struct whose members are pointers to them, set when it is loaded
 */
#ifndef BASE_LATE_H
#define BASE_LATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct late_function {
    const char *name;
    size_t offset; /* bytes, in the table */
};

struct late_library {
    const char *name; /* as in the linker's notes: "libcurl.so.4" */
    const struct late_function *functions;
    size_t count;
    void *table;
    pthread_mutex_t lock; /* of what follows; constant once it was tried, as the table is */
    bool tried;
    primer_error problem;
};

/* The row of the function whose pointer is the member of the same name of `struct table`. */
#define LATE_FUNCTION(table, function)                                                             \
    {                                                                                              \
        .name = #function, .offset = offsetof(struct table, function)                              \
    }

/* The library of that name, with an array of rows and the table that they are of. */
#define LATE_LIBRARY(library, rows, pointers)                                                      \
    {                                                                                              \
        .name = (library), .functions = (rows), .count = sizeof(rows) / sizeof(rows)[0],           \
        .table = &(pointers), .lock = PTHREAD_MUTEX_INITIALIZER                                    \
    }

/* Loads it, the first time; it stays until the process ends. Where it or one of the functions isn't there: PRIMER_EIO,
 * with what the loader says, this time and always; the table is not to be used then. Any thread may call this. */
primer_status late_load(struct late_library *library, primer_error *error);

#endif
