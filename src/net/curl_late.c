/* curl_late.c - the functions of libcurl that the program calls, handed on to the library that is loaded when the first
 * request is made. Declared in curl_late.h and curl/curl.h.
 *
 * libcurl brings thirty libraries of TLS, LDAP, Kerberos with it. Linked in the usual way, all of them are loaded
 * before main(): half of a start, also of one that asks nothing of the net. The names are libcurl's own, so that
 * whoever calls them has its header, and the checks of types in it.
 *
 *   program ── curl_easy_setopt ──> here ── late_load, once ──> libcurl.so.4
 *
 * Where a linker exports the program's symbols, libcurl's calls of its own functions come here too, and go back.
 */
#include "net/curl_late.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/late.h"

/* Whom the header's macros of the same names would be in the way of. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define FUNCTIONS(each)                                                                            \
    each(curl_global_init) each(curl_easy_init) each(curl_easy_cleanup) each(curl_easy_reset)      \
        each(curl_easy_setopt) each(curl_easy_perform) each(curl_easy_getinfo)                     \
            each(curl_easy_strerror) each(curl_slist_append) each(curl_slist_free_all)             \
                each(curl_getdate)

#define MEMBER(name) __typeof__(name) *name;
static struct libcurl {
    FUNCTIONS(MEMBER)
} libcurl;

#define ROW(name) LATE_FUNCTION(libcurl, name),
static const struct late_function functions[] = {FUNCTIONS(ROW)};

static struct late_library late = LATE_LIBRARY(LIBCURL, functions, libcurl);

primer_status curl_late_load(primer_error *error)
{
    return late_load(&late, error);
}

time_t curl_getdate(const char *text, const time_t *unused)
{
    return curl_late_load(NULL) == PRIMER_OK ? libcurl.curl_getdate(text, unused) : -1;
}

CURLcode curl_global_init(long flags)
{
    return libcurl.curl_global_init(flags);
}

const char *curl_easy_strerror(CURLcode code)
{
    return libcurl.curl_easy_strerror(code);
}

CURL *curl_easy_init(void)
{
    return libcurl.curl_easy_init();
}

void curl_easy_cleanup(CURL *easy)
{
    libcurl.curl_easy_cleanup(easy);
}

void curl_easy_reset(CURL *easy)
{
    libcurl.curl_easy_reset(easy);
}

CURLcode curl_easy_perform(CURL *easy)
{
    return libcurl.curl_easy_perform(easy);
}

/* An option's number says what its one argument is (curl.h: CURLOPTTYPE). */
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    CURLcode code;
    va_list arguments;
    va_start(arguments, option);
    if (option < CURLOPTTYPE_OBJECTPOINT)
        code = libcurl.curl_easy_setopt(easy, option, va_arg(arguments, long));
    else if (option >= CURLOPTTYPE_FUNCTIONPOINT && option < CURLOPTTYPE_OFF_T)
        code = libcurl.curl_easy_setopt(easy, option, va_arg(arguments, void (*)(void)));
    else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
        code = libcurl.curl_easy_setopt(easy, option, va_arg(arguments, curl_off_t));
    else
        code = libcurl.curl_easy_setopt(easy, option, va_arg(arguments, void *));
    va_end(arguments);
    return code;
}

/* The argument is a pointer always. */
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    va_list arguments;
    va_start(arguments, info);
    void *const value = va_arg(arguments, void *);
    va_end(arguments);
    return libcurl.curl_easy_getinfo(easy, info, value);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *line)
{
    return libcurl.curl_slist_append(list, line);
}

void curl_slist_free_all(struct curl_slist *list)
{
    libcurl.curl_slist_free_all(list);
}
