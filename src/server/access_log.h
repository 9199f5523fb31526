/* access_log.h - one line of JSON for each request, when it is over. What people wrote is in it
 * only where that was asked for (--log-prompts). */
#ifndef SERVER_ACCESS_LOG_H
#define SERVER_ACCESS_LOG_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct access_log;

struct access_line {
    const char *id, *client, *method, *path, *model; /* model "": none */
    int http;
    size_t request_bytes, answer_bytes, prompt_tokens, answer_tokens;
    double queue_seconds, seconds;
    const char *problem; /* an error's message; "": none */
    const char *body;    /* [request_bytes]; NULL: not to be written */
};

/* `path`: a file that is appended to, "-": standard error, NULL: nothing is written. */
primer_status access_log_create(const char *path, struct access_log **log, primer_error *error);
void access_log_free(struct access_log *log);
void access_log_write(struct access_log *log, const struct access_line *line);

#endif
