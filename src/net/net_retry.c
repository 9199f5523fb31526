/* net_retry.c - asking again. Declared in net_retry.h. */
#include "net/net_retry.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define ATTEMPTS      6
#define FIRST_SECONDS 1.0
#define MOST_SECONDS  60.0
#define LOOK_SECONDS  0.1

bool net_retry_worth(const struct net_response *response)
{
    switch (response->end) {
    case NET_UNREACHABLE:
    case NET_STALLED:
    case NET_LATE:
    case NET_BROKEN:
        return true;
    case NET_ANSWERED:
        return response->status == 429 || response->status == 500 || response->status == 502 ||
               response->status == 503 || response->status == 504;
    default:
        return false;
    }
}

bool net_retry_after(const char *value, int64_t now, double *seconds)
{
    const size_t digits = strspn(value, "0123456789");
    if (digits > 0 && value[digits] == '\0') {
        *seconds = strtod(value, NULL);
        return true;
    }
    const time_t date = curl_getdate(value, NULL);
    if (digits > 0 || date < 0)
        return false;
    *seconds = (int64_t)date > now ? (double)((int64_t)date - now) : 0.0;
    return true;
}

double net_retry_wait(struct net_retry *retry, size_t attempt, const struct net_response *response)
{
    const double most = retry->most_seconds > 0 ? retry->most_seconds : MOST_SECONDS;
    double wait = retry->first_seconds > 0 ? retry->first_seconds : FIRST_SECONDS;
    for (size_t i = 0; i < attempt && wait < most; i++)
        wait *= 2;
    wait = (wait < most ? wait : most) * (0.5 + 0.5 * random_unit(&retry->random));
    char value[64];
    double asked = 0;
    if (response->end == NET_ANSWERED &&
        net_http_header(response, "Retry-After", value, sizeof value) &&
        net_retry_after(value, clock_wall_seconds(), &asked) && asked > wait)
        wait = asked;
    return wait < most ? wait : most;
}

bool net_retry_pause(const struct net_retry *retry, double seconds)
{
    const uint64_t begun = clock_nanoseconds();
    for (;;) {
        if (retry->go_on != NULL && !retry->go_on(retry->context))
            return false;
        const double left = seconds - clock_seconds_since(begun);
        if (left <= 0)
            return true;
        const double step = left < LOOK_SECONDS ? left : LOOK_SECONDS;
        const struct timespec time = {.tv_nsec = (long)(step * 1e9)};
        nanosleep(&time, NULL);
    }
}

primer_status net_retry_send(struct net_http *http, const struct net_request *request,
                             struct net_retry *retry, struct net_response *response,
                             primer_error *error)
{
    const size_t attempts = retry->attempts > 0 ? retry->attempts : ATTEMPTS;
    for (size_t attempt = 0;; attempt++) {
        const primer_status status = net_http_send(http, request, response, error);
        const bool written = request->write != NULL && response->received > response->body.length;
        if (attempt + 1 >= attempts || written || !net_retry_worth(response))
            return status;
        if (!net_retry_pause(retry, net_retry_wait(retry, attempt, response)))
            return error_set(error, PRIMER_ECANCELED, "stopped while waiting to ask again");
    }
}
