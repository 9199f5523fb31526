/* http.h - requests in, answers out, over libmicrohttpd: a thread for each listening socket, which
 * reads requests and sends answers while workers make them.
 *
 *   thread of the library            worker
 *   headers  -> exchange, route
 *   body     -> its buffer
 *   complete -> suspend, submit  ->  endpoint ...
 *   sends    <- resume           <-  answer, or pieces of a stream
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdatomic.h>
#include "server/access_log.h"
#include "server/listen.h"
#include "server/patience.h"
#include "server/security.h"
#include "server/state.h"
#include "server/workers.h"

struct MHD_Daemon;

struct http {
    struct server *server;
    struct security *security;
    struct access_log *log;
    struct patience *patience;
    struct MHD_Daemon *daemons[LISTEN_MOST];
    size_t daemon_count;
    atomic_size_t body_bytes; /* of all requests being read or answered */
    atomic_size_t exchanges;  /* whose request isn't over for the library */
    atomic_bool stopping;     /* every exchange counts as gone */
};

/* Begins to accept. Takes over the sockets of `listen`, also when it fails. */
primer_status http_start(struct http *http, struct listen *listen, primer_error *error);
/* No new connections; requests that have come whole are still answered. */
void http_quiesce(struct http *http);
/* Waits until every exchange is over, at most so long. */
bool http_drain(struct http *http, double seconds);
/* Ends the threads of the library; no exchange may be with a worker any more. */
void http_stop(struct http *http);

/* A worker's task, its context an exchange: runs the route's endpoint. And whether that is in
 * vain. */
workers_task exchange_run;
workers_gone exchange_run_gone;

#endif
