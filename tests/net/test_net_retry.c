/* test_net_retry.c - what is asked again, after how long, and what ends the waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/net_retry.h"
#include "net_server.h"

static int setup(void **state)
{
    (void)state;
    return net_server_start(NULL);
}

static int teardown(void **state)
{
    (void)state;
    net_server_stop();
    return 0;
}

static void some_answers_are_worth_it(void **state)
{
    (void)state;
    static const long again[] = {429, 500, 502, 503, 504};
    static const long final[] = {200, 301, 400, 401, 403, 404, 413, 501};
    struct net_response response = {.end = NET_ANSWERED};
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        response.status = again[i];
        assert_true(net_retry_worth(&response));
    }
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++) {
        response.status = final[i];
        assert_false(net_retry_worth(&response));
    }
    response.status = 0;
    for (int end = NET_UNREACHABLE; end <= NET_BAD_REQUEST; end++) {
        response.end = (enum net_end)end;
        assert_int_equal(net_retry_worth(&response), end == NET_UNREACHABLE || end == NET_STALLED ||
                                                         end == NET_LATE || end == NET_BROKEN);
    }
}

static void dates_and_seconds_are_read(void **state)
{
    (void)state;
    const int64_t now = 784111777; /* of RFC 9110's example */
    double seconds = -1;
    assert_true(net_retry_after("120", now, &seconds));
    assert_true(seconds == 120);
    assert_true(net_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now, &seconds));
    assert_true(seconds == 10);
    assert_true(net_retry_after("Sun, 06 Nov 1994 08:49:07 GMT", now, &seconds));
    assert_true(seconds == 0);
    assert_false(net_retry_after("soon", now, &seconds));
    assert_false(net_retry_after("", now, &seconds));
    assert_false(net_retry_after("-5", now, &seconds));
    assert_false(net_retry_after("12x", now, &seconds));
}

static void waits_grow_and_are_drawn(void **state)
{
    (void)state;
    struct net_response response = {.end = NET_ANSWERED, .status = 503};
    struct net_retry retry = {.first_seconds = 1, .most_seconds = 10}, same = retry;
    random_seed(&retry.random, 5);
    random_seed(&same.random, 5);
    double before = -1;
    for (size_t attempt = 0; attempt < 20; attempt++) {
        const double whole = attempt < 4 ? (double)(1 << attempt) : 10;
        const double wait = net_retry_wait(&retry, attempt, &response);
        assert_true(wait >= whole / 2 && wait <= whole && wait != before);
        assert_true(net_retry_wait(&same, attempt, &response) == wait);
        before = wait;
    }
    static char asks[] = "HTTP/1.1 503 x\r\nRetry-After:  7 \r\n";
    static char much[] = "HTTP/1.1 503 x\r\nretry-after: 100000\r\n";
    response.lines = (struct buffer){.bytes = asks, .length = sizeof asks - 1};
    assert_true(net_retry_wait(&retry, 0, &response) == 7);
    response.lines = (struct buffer){.bytes = much, .length = sizeof much - 1};
    assert_true(net_retry_wait(&retry, 0, &response) == 10);
}

static primer_status ask(const char *path, struct net_retry *retry, struct net_response *response)
{
    struct net_http *http = NULL;
    primer_error error = {0};
    const struct net_request request = {.url = net_server_url(path)};
    assert_int_equal(net_http_open(&http, &error), PRIMER_OK);
    const primer_status status = net_retry_send(http, &request, retry, response, &error);
    net_http_close(http);
    return status;
}

static void the_last_answer_counts(void **state)
{
    (void)state;
    struct net_response response = {0};
    struct net_retry retry = {.attempts = 4, .first_seconds = 0.01};
    assert_int_equal(ask("/flaky/three/3", &retry, &response), PRIMER_OK);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.body.bytes, "fine");
    assert_int_equal(ask("/flaky/four/4", &retry, &response), PRIMER_OK);
    assert_int_equal(response.status, 500);
    assert_int_equal(ask("/count/four", &retry, &response), PRIMER_OK);
    assert_string_equal(response.body.bytes, "4");
    assert_int_equal(ask("/status/404", &retry, &response), PRIMER_OK);
    assert_int_equal(response.status, 404);
    assert_int_equal(ask("/close", &retry, &response), PRIMER_EIO);
    const uint64_t begun = clock_nanoseconds();
    assert_int_equal(ask("/limited/one/1", &retry, &response), PRIMER_OK);
    assert_int_equal(response.status, 200);
    assert_true(clock_seconds_since(begun) >= 1);
    net_http_free(&response);
}

static bool three_times(void *context)
{
    return --*(int *)context > 0;
}

static void waiting_ends_when_told(void **state)
{
    (void)state;
    struct net_response response = {0};
    int looks = 3;
    struct net_retry retry = {
        .first_seconds = 60, .most_seconds = 60, .go_on = three_times, .context = &looks};
    const uint64_t begun = clock_nanoseconds();
    assert_int_equal(ask("/status/503", &retry, &response), PRIMER_ECANCELED);
    assert_true(clock_seconds_since(begun) < 10);
    assert_int_equal(looks, 0);
    net_http_free(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_answers_are_worth_it), cmocka_unit_test(dates_and_seconds_are_read),
        cmocka_unit_test(waits_grow_and_are_drawn),  cmocka_unit_test(the_last_answer_counts),
        cmocka_unit_test(waiting_ends_when_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
