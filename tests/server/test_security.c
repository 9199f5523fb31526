/* test_security.c - keys, names that are local, pages that may ask. */
#include "server/security.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct security *made(const char *keys, const char *origins, bool local)
{
    struct security *security = NULL;
    primer_error error = {0};
    char path[] = "/tmp/primer-keys-XXXXXX";
    if (keys != NULL) {
        const int descriptor = mkstemp(path);
        assert_true(descriptor >= 0);
        assert_int_equal(write(descriptor, keys, strlen(keys)), (ssize_t)strlen(keys));
        close(descriptor);
    }
    const primer_status status =
        security_create(keys == NULL ? NULL : path, origins, local, &security, &error);
    if (keys != NULL)
        unlink(path);
    if (status != PRIMER_OK)
        assert_non_null(strchr(error.message, ':')); /* the file is named */
    return security;
}

static void keys_are_compared_whole(void **state)
{
    (void)state;
    struct security *s = made("# for the team\nfirst-key-1\n\n  second-key-2 \r\n", NULL, true);
    assert_non_null(s);
    assert_true(security_has_keys(s));
    assert_true(security_key_valid(s, "Bearer first-key-1", NULL));
    assert_true(security_key_valid(s, "bearer   second-key-2", NULL));
    assert_true(security_key_valid(s, NULL, "second-key-2"));
    assert_false(security_key_valid(s, NULL, NULL));
    assert_false(security_key_valid(s, "", ""));
    assert_false(security_key_valid(s, "Bearer first-key-", NULL));
    assert_false(security_key_valid(s, "Bearer first-key-11", NULL));
    assert_false(security_key_valid(s, "Bearer first-key-1first-key-1", NULL));
    assert_false(security_key_valid(s, "Basic first-key-1", NULL));
    assert_false(security_key_valid(s, NULL, "# for the team"));
    security_free(s);
    s = made(NULL, NULL, true);
    assert_false(security_has_keys(s));
    assert_true(security_key_valid(s, NULL, NULL));
    security_free(s);
    s = made("\xEF\xBB\xBF"
             "first-key-1\n",
             NULL, true);
    assert_true(security_key_valid(s, "Bearer first-key-1", NULL));
    security_free(s);
}

static void files_without_keys_are_refused(void **state)
{
    (void)state;
    assert_null(made("", NULL, true));
    assert_null(made("# nothing\n\n", NULL, true));
    assert_null(made("short\n", NULL, true));
}

static void comparison_looks_at_all_bytes(void **state)
{
    (void)state;
    assert_true(security_same("abcdefgh", 8, "abcdefgh", 8));
    for (size_t i = 0; i < 8; i++) {
        char other[] = "abcdefgh";
        other[i] ^= 1;
        assert_false(security_same("abcdefgh", 8, other, 8));
    }
    assert_false(security_same("abab", 4, "ababab", 6));
    assert_false(security_same("abab", 4, "ab", 2));
    assert_false(security_same("abab", 4, "", 0));
}

static void local_names(void **state)
{
    (void)state;
    static const char *const local[] = {
        "localhost",     "localhost:11434",  "LOCALHOST.",         "a.localhost",
        "printer.local", "api.internal:80",  "127.0.0.1:11434",    "127.8.9.1",
        "10.1.2.3",      "172.16.0.1",       "172.31.255.255:443", "192.168.1.5",
        "169.254.0.1",   "0.0.0.0:1",        "[::1]:11434",        "::1",
        "[fe80::1]",     "[fd00::1234]:443", "[::ffff:127.0.0.1]", "[::]",
    };
    static const char *const foreign[] = {
        "example.com",       "example.com:11434", "localhost.example.com",
        "notlocalhost",      "127.0.0.1.nip.io",  "8.8.8.8",
        "172.32.0.1",        "172.15.0.1",        "192.169.0.1",
        "[2001:db8::1]",     "[::ffff:8.8.8.8]",  "internal",
        "evil.com#localhost"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (!security_host_local(local[i]))
            fail_msg("%s is local", local[i]);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (security_host_local(foreign[i]))
            fail_msg("%s isn't local", foreign[i]);
}

static void hosts_matter_on_loopback_only(void **state)
{
    (void)state;
    struct security *s = made(NULL, NULL, true);
    assert_true(security_host_allowed(s, NULL));
    assert_true(security_host_allowed(s, ""));
    assert_true(security_host_allowed(s, "localhost:1"));
    assert_false(security_host_allowed(s, "example.com"));
    security_free(s);
    s = made(NULL, NULL, false);
    assert_true(security_host_allowed(s, "example.com"));
    security_free(s);
}

static void pages_are_listed(void **state)
{
    (void)state;
    struct security *s = made(NULL, "https://a.example, http://localhost,app://*", true);
    assert_true(security_origin_allowed(s, "https://a.example", "127.0.0.1:1"));
    assert_true(security_origin_allowed(s, "HTTPS://A.example:8443", NULL));
    assert_true(security_origin_allowed(s, "http://localhost:3000", NULL));
    assert_true(security_origin_allowed(s, "app://anything", NULL));
    assert_false(security_origin_allowed(s, "https://a.example.evil.com", NULL));
    assert_false(security_origin_allowed(s, "https://a.example:80a", NULL));
    assert_false(security_origin_allowed(s, "http://a.example", NULL));
    assert_false(security_origin_allowed(s, "null", NULL));
    security_free(s);
    s = made(NULL, NULL, true);
    assert_false(security_origin_allowed(s, "http://localhost:3000", "localhost:11434"));
    assert_true(security_origin_allowed(s, "http://localhost:11434", "localhost:11434"));
    security_free(s);
    s = made(NULL, "*", true);
    assert_true(security_origin_allowed(s, "null", NULL));
    security_free(s);
}

static void stars_cover_what_nobody_else_can_have(void **state)
{
    (void)state;
    struct security *s = made(
        NULL, "https://*.a.example http://192.168.*, http://localhost:*,http://b.example:81", true);
    assert_non_null(s);
    assert_true(security_origin_allowed(s, "https://x.a.example", NULL));
    assert_true(security_origin_allowed(s, "https://x.y.a.example:8", NULL));
    assert_false(security_origin_allowed(s, "https://a.example", NULL));
    assert_false(security_origin_allowed(s, "https://xa.example", NULL));
    assert_false(security_origin_allowed(s, "https://a.example.evil.com", NULL));
    assert_true(security_origin_allowed(s, "http://192.168.1.5:3000", NULL));
    assert_false(security_origin_allowed(s, "http://192.168.evil.com", NULL));
    assert_false(security_origin_allowed(s, "http://192.168.", NULL));
    assert_true(security_origin_allowed(s, "http://localhost:3000", NULL));
    assert_true(security_origin_allowed(s, "http://localhost", NULL));
    assert_false(security_origin_allowed(s, "http://localhost:3000@evil.com", NULL));
    assert_true(security_origin_allowed(s, "http://b.example:81", NULL));
    assert_false(security_origin_allowed(s, "http://b.example:811", NULL));
    assert_false(security_origin_allowed(s, "http://b.example", NULL));
    security_free(s);
    s = made(NULL, "app://obsidian.md*,http://localhost*", true);
    assert_non_null(s);
    assert_true(security_origin_allowed(s, "app://obsidian.md", NULL));
    assert_true(security_origin_allowed(s, "http://localhost:3000", NULL));
    assert_false(security_origin_allowed(s, "http://localhost.evil.com", NULL));
    assert_false(security_origin_allowed(s, "http://localhostess", NULL));
    security_free(s);
    static const char *const refused[] = {
        "localhost",    "http*://a.b",         "http://a.*.b",   "https://*.", "https://**.a",
        "http://a:80*", "https://a.example/x", "http://10.1*.2", "http://",    "http://a.b.*"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (made(NULL, refused[i], true) != NULL)
            fail_msg("%s was taken", refused[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_compared_whole),
        cmocka_unit_test(files_without_keys_are_refused),
        cmocka_unit_test(comparison_looks_at_all_bytes),
        cmocka_unit_test(local_names),
        cmocka_unit_test(hosts_matter_on_loopback_only),
        cmocka_unit_test(pages_are_listed),
        cmocka_unit_test(stars_cover_what_nobody_else_can_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
