/* test_net_tls.c - a server whose certificate nobody vouches for is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/net_http.h"
#include "net_server.h"

static char certificate[] = "/tmp/primer-certificate-XXXXXX";

/* A certificate for the right host that it has signed itself. */
static int setup(void **state)
{
    char command[512];
    (void)state;
    const int descriptor = mkstemp(certificate);
    if (descriptor < 0 || close(descriptor) != 0)
        return 1;
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout %s.key -out %s.crt "
             "2>/dev/null && cat %s.key %s.crt >%s; rm -f %s.key %s.crt",
             certificate, certificate, certificate, certificate, certificate, certificate,
             certificate);
    return system(command) != 0 || net_server_start(certificate) != 0;
}

static int teardown(void **state)
{
    (void)state;
    net_server_stop();
    unlink(certificate);
    return 0;
}

static void strangers_are_not_trusted(void **state)
{
    (void)state;
    struct net_http *http = NULL;
    struct net_response response = {0};
    primer_error error = {0};
    const struct net_request request = {.url = net_server_url("/echo")};
    assert_int_equal(net_http_open(&http, &error), PRIMER_OK);
    assert_int_equal(net_http_send(http, &request, &response, &error), PRIMER_EIO);
    assert_int_equal(response.end, NET_UNTRUSTED);
    assert_int_equal(response.status, 0);
    assert_non_null(strstr(error.message, "/echo: untrusted: SSL certificate problem"));
    net_http_free(&response);
    net_http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(strangers_are_not_trusted)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
