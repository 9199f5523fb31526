/* access_log.c - see access_log.h. Each line is one write to a descriptor that appends, so that
 * lines of several threads, or processes, don't mix; no lock is needed. */
#include "server/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

struct access_log {
    int descriptor;
};

primer_status access_log_create(const char *path, struct access_log **log, primer_error *error)
{
    if (path == NULL)
        return PRIMER_OK;
    struct access_log *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the access log", sizeof *made);
    made->descriptor = strcmp(path, "-") == 0
                           ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                           : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (made->descriptor < 0) {
        memory_free(made);
        return error_set(error, PRIMER_EIO, "access log %s: %s", path, strerror(errno));
    }
    *log = made;
    return PRIMER_OK;
}

void access_log_free(struct access_log *log)
{
    if (log == NULL)
        return;
    close(log->descriptor);
    memory_free(log);
}

static primer_status member(struct buffer *out, const char *name, const char *text, size_t length)
{
    FORWARD(buffer_format(out, NULL, ",\"%s\":", name));
    return buffer_json_string(out, text, length, NULL);
}

static primer_status texts(struct buffer *out, const struct access_line *line)
{
    const char *const rows[][2] = {{"id", line->id},         {"client", line->client},
                                   {"method", line->method}, {"path", line->path},
                                   {"model", line->model},   {"error", line->problem}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (*rows[i][1] != '\0')
            FORWARD(member(out, rows[i][0], rows[i][1], strlen(rows[i][1])));
    return PRIMER_OK;
}

static primer_status compose(struct buffer *out, const struct access_line *line)
{
    struct timespec now;
    struct tm utc;
    char time_text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &utc);
    FORWARD(buffer_format(out, NULL, "{\"time\":\"%s.%03ldZ\"", time_text, now.tv_nsec / 1000000));
    FORWARD(texts(out, line));
    FORWARD(buffer_format(out, NULL,
                          ",\"status\":%d,\"request_bytes\":%zu,\"answer_bytes\":%zu,"
                          "\"seconds\":%.6f",
                          line->http, line->request_bytes, line->answer_bytes, line->seconds));
    if (line->queue_seconds > 0)
        FORWARD(buffer_format(out, NULL, ",\"queue_seconds\":%.6f", line->queue_seconds));
    if (line->prompt_tokens > 0 || line->answer_tokens > 0)
        FORWARD(buffer_format(out, NULL, ",\"prompt_tokens\":%zu,\"answer_tokens\":%zu",
                              line->prompt_tokens, line->answer_tokens));
    if (line->body != NULL)
        FORWARD(member(out, "body", line->body, line->request_bytes));
    return buffer_text(out, "}\n", NULL);
}

void access_log_write(struct access_log *log, const struct access_line *line)
{
    if (log == NULL)
        return;
    struct buffer text = {0};
    if (compose(&text, line) == PRIMER_OK)
        for (size_t at = 0; at < text.length;) {
            const ssize_t written = write(log->descriptor, text.bytes + at, text.length - at);
            if (written < 0 && errno != EINTR)
                break; /* a log that can't be written ends no answer */
            at += written > 0 ? (size_t)written : 0;
        }
    buffer_free(&text);
}
