/* trainer_log.c - a run's log, one JSON object a line: {"event":"start"|"step"|"evaluate"|"end"}.
 *
 * A run that goes on from a checkpoint appends to it, so that steps may come twice: the later line
 * counts. What a process that was killed left of a line is cut off first.
 */
#include "train/trainer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

/* Whole, and at once: what is killed after it has written it. */
static bool put(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno != EINTR)
            return false;
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static primer_status write_line(primer_trainer *trainer, struct buffer *line, primer_error *error)
{
    primer_status status = buffer_text(line, "}\n", error);
    if (status == PRIMER_OK && !put(fileno(trainer->log), line->bytes, line->length))
        status = error_set(error, PRIMER_EIO, "%s/log.jsonl: cannot write: %s",
                           trainer->recipe->folder, strerror(errno));
    buffer_free(line);
    return status;
}

/* JSON has no NaN and no infinity. */
static primer_status number(struct buffer *line, const char *name, double value,
                            primer_error *error)
{
    return isfinite(value) ? buffer_format(line, error, ",\"%s\":%.9g", name, value)
                           : buffer_format(line, error, ",\"%s\":null", name);
}

/* The length of a log up to its last whole line. */
static bool whole_lines(FILE *log, off_t *length)
{
    char bytes[4096];
    off_t at = 0;
    size_t n;
    *length = 0;
    while ((n = fread(bytes, 1, sizeof bytes, log)) > 0) {
        const char *const end = memrchr(bytes, '\n', n);
        if (end != NULL)
            *length = at + (end - bytes) + 1;
        at += (off_t)n;
    }
    return ferror(log) == 0;
}

/* To go on behind what is there; what is no regular file has nothing there. */
static bool go_on(FILE *log)
{
    off_t length;
    if (lseek(fileno(log), 0, SEEK_END) <= 0)
        return true;
    rewind(log);
    return whole_lines(log, &length) && ftruncate(fileno(log), length) == 0 &&
           lseek(fileno(log), length, SEEK_SET) == length;
}

primer_status trainer_log_begin(primer_trainer *trainer, primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_format(&line, error, "%s/log.jsonl", trainer->recipe->folder));
    if (trainer->resumed > 0)
        trainer->log = fopen(line.bytes, "r+");
    if (trainer->log == NULL)
        trainer->log = fopen(line.bytes, trainer->resumed > 0 ? "a" : "w");
    if (trainer->log == NULL || (trainer->resumed > 0 && !go_on(trainer->log)))
        FAIL(PRIMER_EIO, "%s: cannot open: %s", line.bytes, strerror(errno));
    buffer_clear(&line);
    TRY(buffer_format(&line, error,
                      "{\"event\":\"start\",\"architecture\":\"%s\",\"parameters\":%zu,"
                      "\"steps\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"tokens_per_step\":%" PRIu64
                      ",\"time\":%" PRId64,
                      trainer->model.shape.architecture->name, trainer->model.parameters,
                      trainer->recipe->steps, trainer->resumed, trainer_step_tokens(trainer),
                      clock_wall_seconds()));
    TRY(number(&line, "operations_per_token",
               trainer_token_operations(&trainer->model, trainer->step.length), error));
    return write_line(trainer, &line, error);

cleanup:
    buffer_free(&line);
    return status;
}

primer_status trainer_log_step(primer_trainer *trainer, const primer_train_progress *progress,
                               primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_format(&line, error, "{\"event\":\"step\",\"step\":%" PRIu64 ",\"tokens\":%" PRIu64,
                      progress->step, progress->tokens));
    TRY(number(&line, "loss", progress->loss, error));
    TRY(number(&line, "rate", progress->rate, error));
    TRY(number(&line, "norm", progress->norm, error));
    TRY(buffer_format(&line, error, ",\"clipped\":%" PRIu64, progress->clipped));
    TRY(number(&line, "tokens_per_second", progress->tokens_per_second, error));
    TRY(number(&line, "peak_share", progress->peak_share, error));
    TRY(number(&line, "seconds", progress->seconds, error));
    return write_line(trainer, &line, error);

cleanup:
    buffer_free(&line);
    return status;
}

primer_status trainer_log_evaluation(primer_trainer *trainer, const primer_train_progress *progress,
                                     primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_format(&line, error,
                      "{\"event\":\"evaluate\",\"step\":%" PRIu64 ",\"tokens\":%" PRIu64,
                      progress->step, progress->tokens));
    TRY(number(&line, "loss", progress->evaluation_loss, error));
    TRY(number(&line, "bits_per_byte", progress->bits_per_byte, error));
    TRY(number(&line, "seconds", progress->seconds, error));
    return write_line(trainer, &line, error);

cleanup:
    buffer_free(&line);
    return status;
}

primer_status trainer_log_end(primer_trainer *trainer, const char *why, primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_text(&line, "{\"event\":\"end\",\"why\":", error));
    TRY(buffer_json_string(&line, why, strlen(why), error));
    TRY(buffer_format(&line, error, ",\"step\":%" PRIu64 ",\"tokens\":%" PRIu64,
                      trainer->state.step, trainer->state.tokens));
    TRY(number(&line, "seconds", clock_seconds_since(trainer->begun), error));
    return write_line(trainer, &line, error);

cleanup:
    buffer_free(&line);
    return status;
}
