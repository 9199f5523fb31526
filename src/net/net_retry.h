/* net_retry.h - asking again: what is worth it, and how long to wait.
 *
 *   attempt   0            1               2                  ...
 *   wait        1/2..1 x first  1/2..1 x 2 first  1/2..1 x 4 first     at most most_seconds,
 *                                                 at least what Retry-After asks for
 *
 * The waits are drawn (Exponential Backoff And Jitter, Brooker 2015: "equal jitter"), so that clients
 * which failed together don't come back together; from a seed, so that a run can be repeated.
 */
#ifndef NET_NET_RETRY_H
#define NET_NET_RETRY_H

#include "base/random.h"
#include "net/net_http.h"

struct net_retry {
    size_t attempts;              /* in all; 0: 6 */
    double first_seconds;         /* 0: 1 */
    double most_seconds;          /* of one wait, whatever the server asks for; 0: 60 */
    struct random random;         /* random_seed it */
    bool (*go_on)(void *context); /* asked while waiting, 10 times a second; NULL: goes on */
    void *context;
};

/* 429, 500, 502, 503, 504; no connection, or one that broke off, stalled or was too slow. */
bool net_retry_worth(const struct net_response *response);
/* What Retry-After asks for: seconds, or a date from which `now` (seconds since 1970) is taken; false:
 * neither. */
bool net_retry_after(const char *value, int64_t now, double *seconds);
/* Seconds before the attempt behind number `attempt`, which got this. */
double net_retry_wait(struct net_retry *retry, size_t attempt, const struct net_response *response);
/* Waits; false: `go_on` said no. */
bool net_retry_pause(const struct net_retry *retry, double seconds);
/* net_http_send until there is an answer that isn't worth another try, or no attempt is left:
 * then the last one's result. PRIMER_ECANCELED: `go_on` said no. A request with `write` isn't sent
 * again once something was written. */
primer_status net_retry_send(struct net_http *http, const struct net_request *request,
                             struct net_retry *retry, struct net_response *response,
                             primer_error *error);

#endif
