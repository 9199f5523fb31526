/* net_http.c - requests by libcurl. Declared in net_http.h.
 *
 *   easy handle ── header lines ──> response->lines     begun anew with every status line
 *               ── body ──────────> response->body, or the caller's write
 *               ── progress ──────> the clock of the stall, and the caller's progress
 *
 * The callbacks can't return an error, so each notes in `transfer` why it stopped libcurl; only
 * where nothing is noted the end follows from libcurl's own code.
 */
#include "net/net_http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/curl_late.h"

#define CONNECT_SECONDS 20.0
#define STALL_SECONDS   60.0
#define MOST            ((uint64_t)64 << 20)
#define ERROR_BODY      ((size_t)64 << 10) /* kept of an answer that isn't 2xx */
#define HEADERS_MOST    ((size_t)256 << 10)
#define REDIRECTS       10L
#define SHOWN           512 /* bytes of a URL in messages */

struct net_http {
    CURL *easy;
};

/* One request on its way. */
struct transfer {
    const struct net_request *request;
    struct net_response *response;
    CURL *easy;
    uint64_t most;
    double stall_seconds;
    uint64_t moved;       /* bytes in both directions, when `moved_at` was taken */
    uint64_t moved_at;    /* nanoseconds; 0: there is no connection yet */
    bool stopped;         /* by a callback, which set the response's end */
    primer_status status; /* of `write`, and of memory */
    primer_error own, *error;
};

/* ---- names ----------------------------------------------------------------------------------- */

const char *net_http_end_name(enum net_end end)
{
    static const char *const names[] = {
        [NET_ANSWERED] = "answered",
        [NET_UNREACHABLE] = "unreachable",
        [NET_UNTRUSTED] = "untrusted",
        [NET_STALLED] = "stalled",
        [NET_LATE] = "late",
        [NET_BROKEN] = "broken off",
        [NET_MALFORMED] = "no HTTP",
        [NET_REDIRECTED] = "redirected",
        [NET_TOO_LARGE] = "too large",
        [NET_CANCELED] = "canceled",
        [NET_NOT_WRITTEN] = "not kept",
        [NET_BAD_REQUEST] = "bad request",
    };
    return (size_t)end < sizeof names / sizeof names[0] ? names[end] : "unknown";
}

char *net_http_shown(const char *url, char *out, size_t capacity)
{
    const char *const scheme = strstr(url, "://");
    const char *const host = scheme == NULL ? url : scheme + 3;
    const size_t authority = strcspn(host, "/?#");
    size_t user = authority;
    while (user > 0 && host[user - 1] != '@')
        user--;
    const char *const rest = host + user;
    const size_t path = strcspn(rest, "?#");
    char text[SHOWN];
    const int length = snprintf(text, sizeof text, "%.*s%.*s%s", (int)(host - url), url, (int)path,
                                rest, rest[path] == '\0' ? "" : "?...");
    return error_printable(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1,
                           out, capacity);
}

/* ---- what libcurl calls ---------------------------------------------------------------------- */

static void stop(struct transfer *transfer, enum net_end end)
{
    if (!transfer->stopped)
        transfer->response->end = end;
    transfer->stopped = true;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *const transfer = context;
    struct buffer *const lines = &transfer->response->lines;
    (void)size; /* always 1 */
    if (count >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        buffer_clear(lines);
    if (count > HEADERS_MOST - lines->length) {
        stop(transfer, NET_MALFORMED);
        transfer->status = error_set(transfer->error, PRIMER_EFORMAT,
                                     "found headers of more than %zu bytes", HEADERS_MOST);
        return 0;
    }
    transfer->status = buffer_append(lines, bytes, count, transfer->error);
    if (transfer->status != PRIMER_OK)
        stop(transfer, NET_NOT_WRITTEN);
    return transfer->status == PRIMER_OK ? count : 0;
}

static primer_status keep_body(struct transfer *transfer, const char *bytes, size_t length)
{
    struct net_response *const response = transfer->response;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    const bool fine = status >= 200 && status < 300;
    if (transfer->request->write == NULL)
        return buffer_append(&response->body, bytes, length, transfer->error);
    if (fine)
        return transfer->request->write(transfer->request->context, bytes, length, transfer->error);
    const size_t room = ERROR_BODY - response->body.length;
    return buffer_append(&response->body, bytes, length < room ? length : room, transfer->error);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *const transfer = context;
    struct net_response *const response = transfer->response;
    (void)size;
    if (count > transfer->most - response->received) {
        stop(transfer, NET_TOO_LARGE);
        return 0;
    }
    response->received += count;
    transfer->status = keep_body(transfer, bytes, count);
    if (transfer->status != PRIMER_OK)
        stop(transfer, NET_NOT_WRITTEN);
    return transfer->status == PRIMER_OK ? count : 0;
}

static bool is_stalled(struct transfer *transfer, uint64_t moved)
{
    const uint64_t now = clock_nanoseconds();
    curl_off_t connected = 0;
    if (transfer->moved_at == 0) {
        curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
        if (connected > 0)
            transfer->moved_at = now;
        return false;
    }
    if (moved != transfer->moved) {
        transfer->moved = moved;
        transfer->moved_at = now;
    }
    return (double)(now - transfer->moved_at) * 1e-9 >= transfer->stall_seconds;
}

static int take_progress(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                         curl_off_t up)
{
    struct transfer *const transfer = context;
    const struct net_request *const request = transfer->request;
    (void)up_all;
    if (down_all > 0 && (uint64_t)down_all > transfer->most)
        stop(transfer, NET_TOO_LARGE);
    if (is_stalled(transfer, (uint64_t)down + (uint64_t)up))
        stop(transfer, NET_STALLED);
    if (!transfer->stopped && request->progress != NULL &&
        !request->progress(request->context, (uint64_t)down, (uint64_t)down_all))
        stop(transfer, NET_CANCELED);
    return transfer->stopped ? 1 : 0;
}

/* ---- setting up ------------------------------------------------------------------------------ */

static CURLcode started;

static void start(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

primer_status net_http_open(struct net_http **http, primer_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    FORWARD(curl_late_load(error));
    pthread_once(&once, start);
    if (started != CURLE_OK)
        return error_set(error, PRIMER_EIO, "libcurl can't start: %s", curl_easy_strerror(started));
    struct net_http *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "an HTTP client", sizeof *made);
    made->easy = curl_easy_init();
    if (made->easy == NULL) {
        memory_free(made);
        return error_set(error, PRIMER_ENOMEM, "no memory for an HTTP client");
    }
    *http = made;
    return PRIMER_OK;
}

void net_http_close(struct net_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->easy);
    memory_free(http);
}

static long milliseconds(double seconds)
{
    const double most = 1e9;
    return (long)((seconds < most / 1000 ? seconds * 1000 : most) + 0.5);
}

/* A line of a header; what would begin another line is refused. */
static primer_status add_header(struct curl_slist **list, const char *name, const char *value,
                                primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    if (name[0] == '\0' || strpbrk(name, ": \t\r\n") != NULL || strpbrk(value, "\r\n") != NULL)
        FAIL(PRIMER_EINVAL,
             "found a header that is none: its name is empty, or has a blank, a colon"
             " or a line's end in it, or its value has a line's end");
    TRY(buffer_format(&line, error, value[0] == '\0' ? "%s;" : "%s: %s", name, value));
    struct curl_slist *const longer = curl_slist_append(*list, line.bytes);
    if (longer == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a header");
    *list = longer;

cleanup:
    buffer_free(&line);
    return status;
}

static primer_status add_headers(const struct net_request *request, struct curl_slist **list,
                                 primer_error *error)
{
    for (size_t i = 0; i < request->header_count; i++)
        FORWARD(add_header(list, request->headers[i].name, request->headers[i].value, error));
    return PRIMER_OK;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Where one may go: the names of protocols changed in libcurl 7.85. */
static void set_protocols(CURL *easy, bool secure)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

static void set_request(struct transfer *transfer, struct curl_slist *headers, char *problem)
{
    const struct net_request *const request = transfer->request;
    CURL *const easy = transfer->easy;
    const double connect =
        request->connect_seconds > 0 ? request->connect_seconds : CONNECT_SECONDS;
    curl_easy_reset(easy); /* connections stay */
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    set_protocols(easy, has_prefix(request->url, "https:"));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "primer");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connect));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request->total_seconds));
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, take_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    if (request->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    }
}

/* ---- what came of it ------------------------------------------------------------------------- */

static const struct {
    CURLcode code;
    enum net_end end;
} ends[] = {
    {CURLE_COULDNT_RESOLVE_PROXY, NET_UNREACHABLE}, {CURLE_COULDNT_RESOLVE_HOST, NET_UNREACHABLE},
    {CURLE_COULDNT_CONNECT, NET_UNREACHABLE},       {CURLE_PROXY, NET_UNREACHABLE},
    {CURLE_SSL_CONNECT_ERROR, NET_UNTRUSTED},       {CURLE_PEER_FAILED_VERIFICATION, NET_UNTRUSTED},
    {CURLE_SSL_ISSUER_ERROR, NET_UNTRUSTED},        {CURLE_SSL_CACERT_BADFILE, NET_UNTRUSTED},
    {CURLE_SSL_CERTPROBLEM, NET_UNTRUSTED},         {CURLE_SSL_CIPHER, NET_UNTRUSTED},
    {CURLE_TOO_MANY_REDIRECTS, NET_REDIRECTED},     {CURLE_WEIRD_SERVER_REPLY, NET_MALFORMED},
    {CURLE_BAD_CONTENT_ENCODING, NET_MALFORMED},    {CURLE_UNSUPPORTED_PROTOCOL, NET_BAD_REQUEST},
    {CURLE_URL_MALFORMAT, NET_BAD_REQUEST},
};

/* Time was over before there was a connection, and it wasn't that of the whole request. */
static bool is_unreachable(const struct transfer *transfer)
{
    const double total = transfer->request->total_seconds;
    return transfer->moved_at == 0 && transfer->response->lines.length == 0 &&
           (total <= 0 || transfer->response->seconds < 0.99 * total);
}

/* The end that libcurl's code stands for. It says "unsupported protocol" of a URL, of where a
 * redirect leads to, and of an answer that begins as none of HTTP's versions does. */
static enum net_end end_of(const struct transfer *transfer, CURLcode code)
{
    long sent = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (code == CURLE_OK)
        return NET_ANSWERED;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return is_unreachable(transfer) ? NET_UNREACHABLE : NET_LATE;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && sent > 0)
        return transfer->response->lines.length > 0 ? NET_REDIRECTED : NET_MALFORMED;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends[i].code == code)
            return ends[i].end;
    return NET_BROKEN;
}

static primer_status describe(const struct transfer *transfer, CURLcode code, const char *problem,
                              primer_error *error)
{
    const struct net_request *const request = transfer->request;
    const struct net_response *const response = transfer->response;
    const char *const text = problem[0] != '\0' ? problem : curl_easy_strerror(code);
    char shown[SHOWN];
    net_http_shown(request->url, shown, sizeof shown);
    switch (response->end) {
    case NET_ANSWERED:
        return PRIMER_OK;
    case NET_STALLED:
        return error_set(error, PRIMER_EIO,
                         "%s: found no byte for %.3g s, %llu bytes into the answer", shown,
                         transfer->stall_seconds, (unsigned long long)response->received);
    case NET_LATE:
        return error_set(error, PRIMER_EIO, "%s: no whole answer in %.3g s, found %llu bytes of it",
                         shown, response->seconds, (unsigned long long)response->received);
    case NET_TOO_LARGE:
        return error_set(error, PRIMER_ELIMIT,
                         "%s: found an answer of more than %llu bytes, the most that is taken",
                         shown, (unsigned long long)transfer->most);
    case NET_CANCELED:
        return error_set(error, PRIMER_ECANCELED, "%s: stopped", shown);
    case NET_BAD_REQUEST:
        return error_set(error, PRIMER_EINVAL, "%s: expected a URL http:// or https://: %s", shown,
                         text);
    default:
        if (transfer->status != PRIMER_OK) {
            error_prefix(error, "%s", shown);
            return transfer->status;
        }
        return error_set(error, PRIMER_EIO, "%s: %s: %s", shown, net_http_end_name(response->end),
                         text);
    }
}

static void begin(struct net_response *response)
{
    buffer_clear(&response->body);
    buffer_clear(&response->lines);
    response->end = NET_BAD_REQUEST;
    response->status = 0;
    response->received = 0;
    response->seconds = 0;
}

primer_status net_http_send(struct net_http *http, const struct net_request *request,
                            struct net_response *response, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct curl_slist *headers = NULL;
    char problem[CURL_ERROR_SIZE] = "";
    struct transfer transfer = {.request = request,
                                .response = response,
                                .easy = http->easy,
                                .most = request->most > 0 ? request->most : MOST,
                                .stall_seconds = request->stall_seconds > 0 ? request->stall_seconds
                                                                            : STALL_SECONDS};
    transfer.error = error == NULL ? &transfer.own : error;
    begin(response);
    TRY(add_headers(request, &headers, error));
    set_request(&transfer, headers, problem);
    const uint64_t begun = clock_nanoseconds();
    const CURLcode code = curl_easy_perform(http->easy);
    response->seconds = clock_seconds_since(begun);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &response->status);
    if (!transfer.stopped)
        response->end = end_of(&transfer, code);
    status = describe(&transfer, code, problem, error);

cleanup:
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    return status;
}

void net_http_free(struct net_response *response)
{
    buffer_free(&response->body);
    buffer_free(&response->lines);
    *response = (struct net_response){0};
}

/* ---- answers --------------------------------------------------------------------------------- */

bool net_http_header(const struct net_response *response, const char *name, char *value,
                     size_t capacity)
{
    const size_t name_length = strlen(name);
    const char *at = response->lines.bytes;
    bool found = false;
    while (at != NULL && *at != '\0') {
        const size_t line = strcspn(at, "\r\n");
        if (line > name_length && at[name_length] == ':' &&
            strncasecmp(at, name, name_length) == 0) {
            const char *begin_ = at + name_length + 1, *end = at + line;
            while (begin_ < end && isblank((unsigned char)*begin_))
                begin_++;
            while (end > begin_ && isblank((unsigned char)end[-1]))
                end--;
            found = (size_t)(end - begin_) < capacity;
            if (found)
                snprintf(value, capacity, "%.*s", (int)(end - begin_), begin_);
        }
        at += line;
        at += strspn(at, "\r\n");
    }
    return found;
}

primer_status net_http_expect(const struct net_request *request,
                              const struct net_response *response, primer_error *error)
{
    char shown[SHOWN], body[300];
    if (response->status >= 200 && response->status < 300)
        return PRIMER_OK;
    net_http_shown(request->url, shown, sizeof shown);
    const size_t length = response->body.length < 240 ? response->body.length : 240;
    error_printable(response->body.bytes == NULL ? "" : response->body.bytes, length, body,
                    sizeof body);
    return error_set(error, PRIMER_EIO, "%s: found status %ld, expected 200%s%s", shown,
                     response->status, length > 0 ? ": " : "", body);
}
