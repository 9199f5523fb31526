/* state.h - what every endpoint may look at: the running server. Constant but for what names its own
 * lock. */
#ifndef SERVER_STATE_H
#define SERVER_STATE_H

#include <stdatomic.h>
#include "server/catalog.h"
#include "server/metrics.h"
#include "server/server.h"

struct server {
    struct server_options options; /* with the defaults filled in */
    struct catalog *catalog;
    struct metrics *metrics;
    int64_t started; /* wall clock, seconds since 1970 */
};

#endif
