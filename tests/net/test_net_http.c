/* test_net_http.c - answers of all kinds, good and bad, from a server that behaves as it is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/pool.h"
#include "net/net_http.h"
#include "net_server.h"

static struct net_http *http;
static struct net_response response;
static primer_error error;

static int setup(void **state)
{
    (void)state;
    return net_server_start(NULL) != 0 || net_http_open(&http, &error) != PRIMER_OK;
}

static int teardown(void **state)
{
    (void)state;
    net_http_free(&response);
    net_http_close(http);
    net_server_stop();
    return 0;
}

static primer_status ask(struct net_request request, const char *path)
{
    error = (primer_error){0};
    if (request.url == NULL)
        request.url = net_server_url(path);
    return net_http_send(http, &request, &response, &error);
}

static void has(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("\"%s\" isn't in \"%s\"", part, text == NULL ? "(nothing)" : text);
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" is in \"%s\"", part, text);
}

static void bytes_and_headers_arrive(void **state)
{
    (void)state;
    char value[32];
    const struct net_header headers[] = {{"X-Asked", "for it"}, {"X-Empty", ""}};
    assert_int_equal(ask((struct net_request){.headers = headers, .header_count = 2}, "/echo?a=1"),
                     PRIMER_OK);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.end, NET_ANSWERED);
    has(response.body.bytes, "\"method\": \"GET\"");
    has(response.body.bytes, "\"x-asked\": \"for it\"");
    has(response.body.bytes, "\"x-empty\": \"\"");
    assert_true(net_http_header(&response, "content-type", value, sizeof value));
    assert_string_equal(value, "application/json");
    assert_false(net_http_header(&response, "content-type", value, 4));
    assert_false(net_http_header(&response, "content", value, sizeof value));

    char *const body = malloc(2000001);
    memset(body, 'y', 2000000);
    body[2000000] = '\0';
    const struct net_header type[] = {{"Content-Type", "text/plain"}};
    assert_int_equal(ask((struct net_request){.headers = type,
                                              .header_count = 1,
                                              .body = body,
                                              .body_length = 2000000},
                         "/echo"),
                     PRIMER_OK);
    has(response.body.bytes, "\"method\": \"POST\"");
    has(response.body.bytes, "\"content-type\": \"text/plain\"");
    has(response.body.bytes, body);
    free(body);
}

static void headers_cannot_smuggle(void **state)
{
    (void)state;
    const struct net_header value[] = {{"X-A", "b\r\nX-C: d"}}, name[] = {{"X: y\n", "b"}};
    assert_int_equal(ask((struct net_request){.headers = value, .header_count = 1}, "/echo"),
                     PRIMER_EINVAL);
    assert_int_equal(ask((struct net_request){.headers = name, .header_count = 1}, "/echo"),
                     PRIMER_EINVAL);
    assert_int_equal(response.end, NET_BAD_REQUEST);
}

static void statuses_are_answers(void **state)
{
    (void)state;
    const struct net_request request = {.url = net_server_url("/status/404?key=secret")};
    assert_int_equal(ask(request, ""), PRIMER_OK);
    assert_int_equal(response.status, 404);
    assert_int_equal(net_http_expect(&request, &response, &error), PRIMER_EIO);
    has(error.message, "/status/404?...: found status 404, expected 200: this is status 404");
    lacks(error.message, "secret");
    assert_int_equal(ask((struct net_request){0}, "/status/204"), PRIMER_OK);
    assert_int_equal(net_http_expect(&request, &response, &error), PRIMER_OK);
}

static void credentials_are_not_shown(void **state)
{
    (void)state;
    char url[128], shown[128];
    assert_string_equal(net_http_shown("https://me:word@host/a?token=b#c", shown, sizeof shown),
                        "https://host/a?...");
    assert_string_equal(net_http_shown("http://a@b@host:8/x@y", shown, sizeof shown),
                        "http://host:8/x@y");
    snprintf(url, sizeof url, "http://me:word@127.0.0.1:%d/close", net_server_port());
    assert_int_equal(ask((struct net_request){.url = url}, NULL), PRIMER_EIO);
    has(error.message, "/close: broken off");
    lacks(error.message, "word");
}

static void what_breaks_off_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(ask((struct net_request){0}, "/short"), PRIMER_EIO);
    assert_int_equal(response.end, NET_BROKEN);
    assert_int_equal(ask((struct net_request){0}, "/close"), PRIMER_EIO);
    assert_int_equal(response.end, NET_BROKEN);
    assert_int_equal(ask((struct net_request){0}, "/garbage"), PRIMER_EIO);
    assert_int_equal(response.end, NET_MALFORMED);
    assert_int_equal(ask((struct net_request){0}, "/heads"), PRIMER_EFORMAT);
    assert_int_equal(response.end, NET_MALFORMED);
    has(error.message, "/heads: found headers of more than");
    /* The client is as good as before. */
    assert_int_equal(ask((struct net_request){0}, "/echo"), PRIMER_OK);
}

static void nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(ask((struct net_request){.url = "http://127.0.0.1:1/"}, NULL), PRIMER_EIO);
    assert_int_equal(response.end, NET_UNREACHABLE);
    has(error.message, "http://127.0.0.1:1/: unreachable");
    assert_int_equal(ask((struct net_request){.url = "file:///etc/passwd"}, NULL), PRIMER_EINVAL);
    assert_int_equal(response.end, NET_BAD_REQUEST);
    assert_int_equal(ask((struct net_request){.url = "http://:x/"}, NULL), PRIMER_EINVAL);
}

static void silence_ends(void **state)
{
    (void)state;
    const struct net_request request = {.stall_seconds = 0.3};
    assert_int_equal(ask(request, "/stall"), PRIMER_EIO);
    assert_int_equal(response.end, NET_STALLED);
    has(error.message, "/stall: found no byte for 0.3 s, 9 bytes into the answer");
    assert_true(response.seconds < 5);
    /* Slow isn't silent: 20 bytes in a second, never 0.9 s without one. */
    assert_int_equal(ask((struct net_request){.stall_seconds = 0.9}, "/drip"), PRIMER_OK);
    assert_string_equal(response.body.bytes, "01234567890123456789");
    assert_int_equal(ask((struct net_request){.total_seconds = 0.3}, "/drip"), PRIMER_EIO);
    assert_int_equal(response.end, NET_LATE);
    assert_true(response.seconds < 0.9);
    assert_int_equal(ask((struct net_request){.total_seconds = 0.2}, "/silent"), PRIMER_EIO);
    assert_int_equal(response.end, NET_LATE);
}

static void limits_hold(void **state)
{
    (void)state;
    assert_int_equal(ask((struct net_request){.most = 100000}, "/huge"), PRIMER_ELIMIT);
    assert_int_equal(response.end, NET_TOO_LARGE);
    has(error.message, "more than 100000 bytes");
    assert_true(response.body.length <= 100000);
    assert_int_equal(ask((struct net_request){.most = 8 << 20}, "/huge"), PRIMER_OK);
    assert_int_equal(response.body.length, 8 << 20);
    assert_int_equal(ask((struct net_request){0}, "/long"), PRIMER_ELIMIT);
    assert_true(response.seconds < 5);
    assert_int_equal(ask((struct net_request){.most = 999999}, "/bomb"), PRIMER_ELIMIT);
    assert_int_equal(ask((struct net_request){.most = 1000000}, "/bomb"), PRIMER_OK);
    assert_int_equal(response.body.length, 1000000);
}

static void redirects_stay_within_http(void **state)
{
    (void)state;
    char path[128];
    const struct net_header headers[] = {{"Authorization", "Bearer secret"}};
    struct net_request request = {.headers = headers, .header_count = 1};
    assert_int_equal(ask(request, "/to?/echo"), PRIMER_OK);
    has(response.body.bytes, "Bearer secret");
    snprintf(path, sizeof path, "/to?http://localhost:%d/echo", net_server_port());
    assert_int_equal(ask(request, path), PRIMER_OK);
    has(response.body.bytes, "\"host\": \"localhost");
    lacks(response.body.bytes, "secret");
    assert_int_equal(ask(request, "/loop"), PRIMER_EIO);
    assert_int_equal(response.end, NET_REDIRECTED);
    assert_int_equal(ask(request, "/to?file:///etc/passwd"), PRIMER_EIO);
    assert_int_equal(response.end, NET_REDIRECTED);
}

static bool stop_at_once(void *context, uint64_t received, uint64_t all)
{
    (void)received;
    (void)all;
    return *(const bool *)context;
}

static primer_status gather(void *context, const void *bytes, size_t length, primer_error *problem)
{
    struct buffer *const out = context;
    return out->length + length > 15 ? error_set(problem, PRIMER_EIO, "the disk is full")
                                     : buffer_append(out, bytes, length, problem);
}

static void callers_can_stop_and_take(void **state)
{
    (void)state;
    bool goes_on = false;
    struct buffer out = {0};
    assert_int_equal(
        ask((struct net_request){.progress = stop_at_once, .context = &goes_on}, "/silent"),
        PRIMER_ECANCELED);
    assert_int_equal(response.end, NET_CANCELED);
    assert_true(response.seconds < 3);
    const struct net_request request = {.write = gather, .context = &out};
    assert_int_equal(ask(request, "/drip"), PRIMER_EIO);
    assert_int_equal(response.end, NET_NOT_WRITTEN);
    has(error.message, "/drip: the disk is full");
    assert_string_equal(out.bytes, "012345678901234");
    buffer_clear(&out);
    assert_int_equal(ask(request, "/flaky/take/0"), PRIMER_OK);
    assert_string_equal(out.bytes, "fine");
    assert_int_equal(response.body.length, 0);
    buffer_clear(&out);
    assert_int_equal(ask(request, "/status/403"), PRIMER_OK);
    assert_int_equal(out.length, 0);
    assert_string_equal(response.body.bytes, "this is status 403");
    buffer_free(&out);
}

struct crowd {
    const char *url;
    size_t good[16];
};

static void send_some(void *context, size_t task, size_t thread)
{
    struct crowd *const crowd = context;
    struct net_http *own = NULL;
    struct net_response answer = {0};
    const struct net_request request = {.url = crowd->url};
    (void)thread;
    if (net_http_open(&own, NULL) != PRIMER_OK)
        return;
    for (int i = 0; i < 5; i++)
        if (net_http_send(own, &request, &answer, NULL) == PRIMER_OK && answer.status == 200)
            crowd->good[task]++;
    net_http_free(&answer);
    net_http_close(own);
}

static void many_ask_at_once(void **state)
{
    (void)state;
    struct crowd crowd = {.url = net_server_url("/echo")};
    struct pool *pool = NULL;
    assert_int_equal(pool_create(&pool, 8, NULL), PRIMER_OK);
    pool_run(pool, send_some, &crowd, 16);
    pool_free(pool);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(crowd.good[i], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_headers_arrive),
        cmocka_unit_test(headers_cannot_smuggle),
        cmocka_unit_test(statuses_are_answers),
        cmocka_unit_test(credentials_are_not_shown),
        cmocka_unit_test(what_breaks_off_is_an_error),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(silence_ends),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(redirects_stay_within_http),
        cmocka_unit_test(callers_can_stop_and_take),
        cmocka_unit_test(many_ask_at_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
