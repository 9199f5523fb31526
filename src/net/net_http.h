/* net_http.h - an HTTP client: one request after the other over one connection or a few.
 *
 *   net_request ── net_http_send ──> net_response:  end       what came of it, in one word
 *                                                   status    of the answer, where there is one
 *                                                   headers   of the last answer (redirects are followed)
 *                                                   body      or, piece by piece, to `write`
 *
 * Whatever the server says is an answer and PRIMER_OK, 404 too: the caller knows what it hoped for
 * (net_http_expect makes an error of the rest). An error means that there is no whole answer; `end`
 * says why, for who wants to try again (net_retry.h). Messages name the URL without user, password
 * and query.
 *
 * Certificates are verified, always. Redirects stay within http and https, and from https within
 * https; what is asked by POST becomes GET behind 301, 302 and 303, as browsers have it; an
 * Authorization header isn't taken to another host. Proxies are those of the environment (http_proxy,
 * https_proxy, all_proxy, no_proxy), which libcurl reads.
 *
 * A client serves one thread at a time; who asks several things at once has a client for each thread.
 */
#ifndef NET_NET_HTTP_H
#define NET_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

struct net_http;

struct net_header {
    const char *name, *value;
};

/* Called at least once a second: bytes of the body so far, and of all, 0 where that isn't known.
 * False: stop. */
typedef bool net_progress(void *context, uint64_t received, uint64_t all);
/* Takes the next bytes of the body. An error ends the request and is its error. */
typedef primer_status net_write(void *context, const void *bytes, size_t length,
                                primer_error *error);

struct net_request {
    const char *url;
    const struct net_header *headers; /* [header_count] */
    size_t header_count;
    const void *body; /* NULL: GET; else POST */
    size_t body_length;
    double connect_seconds; /* until there is a connection; 0: 20 */
    double stall_seconds;   /* without a byte in either direction, from the connection on; 0: 60 */
    double total_seconds;   /* of the whole request; 0: no limit */
    uint64_t most;          /* bytes of body; more are an error, never cut; 0: 64 MiB */
    net_progress *progress; /* NULL: none */
    net_write *write;       /* takes the body of an answer 2xx; NULL: it goes to the response */
    void *context;          /* of both */
};

enum net_end {
    NET_ANSWERED,    /* the answer is whole, whatever its status */
    NET_UNREACHABLE, /* no connection: no such host, nobody listens, connect_seconds are over */
    NET_UNTRUSTED,   /* TLS: the certificate can't be verified, or no common ground */
    NET_STALLED,     /* stall_seconds are over */
    NET_LATE,        /* total_seconds are over */
    NET_BROKEN,      /* the connection ended in the middle of something */
    NET_MALFORMED,   /* what came isn't HTTP */
    NET_REDIRECTED,  /* too often, or to where one doesn't go */
    NET_TOO_LARGE,   /* more than `most` */
    NET_CANCELED,    /* `progress` said so */
    NET_NOT_WRITTEN, /* `write` failed */
    NET_BAD_REQUEST  /* the URL, or what a header is called */
};

struct net_response {
    enum net_end end;
    long status;         /* 0: there was none */
    struct buffer body;  /* with `write`: only of what isn't 2xx, and of that 64 KiB at most */
    uint64_t received;   /* bytes of body */
    struct buffer lines; /* of headers; net_http_header looks there */
    double seconds;
};

primer_status net_http_open(struct net_http **http, primer_error *error);
void net_http_close(struct net_http *http); /* NULL is legal */

/* `response` holds nothing or a former answer, whose memory is used again; it is written also on an
 * error. Give it back with net_http_free. */
primer_status net_http_send(struct net_http *http, const struct net_request *request,
                            struct net_response *response, primer_error *error);
void net_http_free(struct net_response *response);

/* The value of the last header of that name, in `value`; false: there is none, or it is longer than
 * `capacity`. */
bool net_http_header(const struct net_response *response, const char *name, char *value,
                     size_t capacity);
/* PRIMER_OK for a status of 200 to 299; else an error that has the URL, the status and the
 * beginning of the body. */
primer_status net_http_expect(const struct net_request *request,
                              const struct net_response *response, primer_error *error);
/* The URL as it may be shown: without user, password and query. Gives `out`. */
char *net_http_shown(const char *url, char *out, size_t capacity);
const char *net_http_end_name(enum net_end end); /* "stalled", ...; static */

#endif
