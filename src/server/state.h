/* state.h - what every endpoint may look at: the running server. Constant while it runs; what its
 * pointers lead to has locks of its own. */
#ifndef SERVER_STATE_H
#define SERVER_STATE_H

#include "server/catalog.h"
#include "server/metrics.h"
#include "server/server.h"

struct workers;

struct server {
    struct server_options options; /* with the defaults filled in */
    struct catalog *catalog;
    struct metrics *metrics;
    struct workers *answers, *loaders, *others; /* by the route's flags */
    int64_t started;                  /* wall clock, seconds since 1970 */
};

/* Requests that wait for a place, and that have one. */
void server_load(struct server *server, size_t *waiting, size_t *running);

#endif
