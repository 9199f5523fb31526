/* test_listen.c - where to listen: names with ports, ports that are taken, several addresses. */
#include "server/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void hosts_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", ""},
        {"localhost:8080", "localhost", "8080"},
        {"http://0.0.0.0:11434/", "0.0.0.0", "11434"},
        {"[::1]:80", "::1", "80"},
        {"[::1]", "::1", ""},
        {"::1", "::1", ""},
        {":9000", "", "9000"},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char host[LISTEN_HOST_BYTES], port[8];
        primer_error error;
        if (listen_split(rows[i].text, host, port, &error) != PRIMER_OK)
            fail_msg("%s: %s", rows[i].text, error.message);
        assert_string_equal(host, rows[i].host);
        assert_string_equal(port, rows[i].port);
    }
    char host[LISTEN_HOST_BYTES], port[8];
    assert_int_equal(listen_split("[::1", host, port, NULL), PRIMER_EINVAL);
    assert_int_equal(listen_split("a:123456789", host, port, NULL), PRIMER_EINVAL);
}

static void a_free_port_is_found(void **state)
{
    (void)state;
    primer_error error;
    struct listen listen = {.count = 0};
    if (listen_open(&listen, "127.0.0.1:1,127.0.0.2", "0", 11434, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(listen.count, 2);
    assert_true(listen_loopback_only(&listen));
    const char *first = strrchr(listen.sockets[0].address, ':');
    assert_string_equal(strrchr(listen.sockets[1].address, ':'), first); /* the same for all */
    assert_string_not_equal(first, ":0");
    listen_close(&listen);
}

static void a_port_that_is_taken_says_by_whom(void **state)
{
    (void)state;
    primer_error error;
    struct listen listen = {.count = 0}, second = {.count = 0};
    assert_int_equal(listen_open(&listen, "127.0.0.1", "0", 11434, &error), PRIMER_OK);
    const char *port = strrchr(listen.sockets[0].address, ':') + 1;
    assert_int_equal(listen_open(&second, "127.0.0.1", port, 11434, &error), PRIMER_EIO);
    assert_non_null(strstr(error.message, port));
    assert_non_null(strstr(error.message, "taken by test_listen (process "));
    assert_non_null(strstr(error.message, "--port"));
    assert_int_equal(second.count, 0);
    listen_close(&listen);
}

static void what_is_no_place_is_refused(void **state)
{
    (void)state;
    primer_error error;
    struct listen listen = {.count = 0};
    assert_int_equal(listen_open(&listen, "127.0.0.1", "65536", 1, &error), PRIMER_EINVAL);
    assert_int_equal(listen_open(&listen, "127.0.0.1", "http", 1, &error), PRIMER_EINVAL);
    assert_int_equal(listen_open(&listen, "256.0.0.1.invalid", "0", 1, &error), PRIMER_EINVAL);
    assert_int_equal(listen_inherit(&listen, "1", "1", &error), PRIMER_OK); /* another process's */
    assert_int_equal(listen.count, 0);
}

static void every_address_is_no_loopback(void **state)
{
    (void)state;
    primer_error error;
    struct listen listen = {.count = 0};
    assert_int_equal(listen_open(&listen, "0.0.0.0", "0", 1, &error), PRIMER_OK);
    assert_false(listen_loopback_only(&listen));
    listen_close(&listen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_split),
        cmocka_unit_test(a_free_port_is_found),
        cmocka_unit_test(a_port_that_is_taken_says_by_whom),
        cmocka_unit_test(what_is_no_place_is_refused),
        cmocka_unit_test(every_address_is_no_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
