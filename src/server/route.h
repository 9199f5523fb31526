/* route.h - the one table of paths. A new endpoint is one file and one row.
 *
 *   method  pattern              endpoint        flags
 *   POST    /v1/chat/completions openai_chat     needs a place among the running answers
 *   GET     /v1/models/STAR      openai_models_one    the rest of the path, which may hold slashes
 *
 * HEAD is answered wherever GET is.
 */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include "server/dialect.h"
#include "server/exchange.h"

enum {
    ROUTE_ANSWERS = 1, /* takes a place among the running answers (--parallel), or waits for one */
    ROUTE_OPEN = 2,    /* without a key, where keys are asked for */
    ROUTE_LOADS = 4    /* may load a model or read a long text: who asks whether the server lives, or
                          what it has, doesn't wait behind it */
};

struct route {
    const char *method, *pattern; /* a "*" at the end stands for one byte or more */
    endpoint *run;
    unsigned flags;
};

/* Finds the row; *rest is where the pattern's star begins in `path`. NULL: none, *allowed is then
 * filled with the methods that the path has, by ", ", or "" where the path is unknown. */
const struct route *route_find(const char *method, const char *path, const char **rest,
                               char *allowed, size_t capacity);
const struct route *route_at(size_t index); /* NULL past the last */

#endif
