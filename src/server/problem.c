/* problem.c - from statuses of the library to statuses of HTTP. */
#include "server/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

primer_status problem_set(struct problem *problem, int http, const char *code, const char *param,
                          primer_status status, primer_error *error, const char *format, ...)
{
    if (problem != NULL) {
        problem->http = http;
        problem->code = code;
        problem->type = NULL;
        const char *text = param == NULL ? "" : param;
        const int length = snprintf(problem->param, sizeof problem->param, "%s", text);
        if (length >= (int)sizeof problem->param)
            problem->param[utf8_complete(problem->param, sizeof problem->param - 1)] = '\0';
    }
    char sentence[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    const int written = vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return error_set(error, status, "%s", written < 0 ? format : sentence);
}

static int http_of(primer_status status)
{
    switch (status) {
    case PRIMER_OK:
        return 200;
    case PRIMER_EINVAL:
    case PRIMER_EFORMAT:
    case PRIMER_EUNSUPPORTED:
    case PRIMER_ELIMIT:
        return 400;
    case PRIMER_ENOMEM:
        return 503;
    case PRIMER_ECANCELED:
        return 499; /* never sent: who would read it has gone */
    default:
        return 500;
    }
}

static const char *type_of(int http)
{
    static const struct {
        int http;
        const char *type;
    } rows[] = {
        {401, "authentication_error"}, {403, "permission_error"},  {404, "not_found_error"},
        {429, "rate_limit_error"},     {503, "unavailable_error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].http == http)
            return rows[i].type;
    return http >= 500 ? "server_error" : "invalid_request_error";
}

void problem_complete(struct problem *problem, primer_status status)
{
    if (problem->http == 0)
        problem->http = http_of(status);
    if (problem->type == NULL)
        problem->type = type_of(problem->http);
    if (problem->http == 503 && problem->retry_after == 0)
        problem->retry_after = 1;
}
