/* eval_part.c - lines appended, and read again. Declared in eval_part.h. */
#include "eval/eval_part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "eval/eval_json.h"
#include "eval/eval_report.h"

#define PART_MOST ((size_t)1 << 30) /* bytes */

/* ---- reading --------------------------------------------------------------------------------- */

struct found {
    struct eval_part *part;
    struct eval_answer *answers;
    struct eval_judge_verdict *verdicts;
    size_t slots, count;
};

static primer_status check_identity(const struct eval_part *part, const json_t *head,
                                    primer_error *error)
{
    const char *const text = json_string_value(json_object_get(head, "identity"));
    if (text != NULL && strlen(text) == 16 && strtoull(text, NULL, 16) == part->identity)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL,
                     "%s: is of other tests, another model or other options; name another report, "
                     "or remove this file to begin anew",
                     part->path.bytes);
}

static bool find_verdict(const char *name, enum eval_verdict_kind *kind)
{
    for (int i = 0; name != NULL && i < EVAL_VERDICTS; i++)
        if (strcmp(name, eval_verdict_name((enum eval_verdict_kind)i)) == 0) {
            *kind = (enum eval_verdict_kind)i;
            return true;
        }
    return false;
}

/* NULL: there is no such ending. */
static const char *find_ending(const char *name)
{
    for (int i = PRIMER_STOP_END; name != NULL && i <= PRIMER_STOP_CANCELED; i++)
        if (strcmp(name, primer_stop_reason_name((primer_stop_reason)i)) == 0)
            return primer_stop_reason_name((primer_stop_reason)i);
    return name != NULL && strcmp(name, eval_generate_refused) == 0 ? eval_generate_refused : NULL;
}

static primer_status take_answer(struct found *found, const json_t *line, primer_error *error)
{
    const json_t *const slot = json_object_get(line, "slot"),
                        *const text = json_object_get(line, "answer"),
                        *const tokens = json_object_get(line, "tokens");
    const char *const why = json_string_value(json_object_get(line, "why"));
    const char *const ending = find_ending(json_string_value(json_object_get(line, "ending")));
    enum eval_verdict_kind kind;
    if (!json_is_integer(slot) || json_integer_value(slot) < 0 ||
        (uint64_t)json_integer_value(slot) >= found->slots)
        return error_set(error, PRIMER_EFORMAT, "slot: expected a number below %zu", found->slots);
    if (!json_is_string(text) || !json_is_integer(tokens) || json_integer_value(tokens) < 0 ||
        why == NULL || ending == NULL ||
        !find_verdict(json_string_value(json_object_get(line, "verdict")), &kind))
        return error_set(error, PRIMER_EFORMAT,
                         "expected an answer, tokens, an ending, a verdict and why");
    struct eval_answer *const answer = &found->answers[json_integer_value(slot)];
    struct eval_judge_verdict *const verdict = &found->verdicts[json_integer_value(slot)];
    if (answer->given) /* two runs at once had the same file */
        return PRIMER_OK;
    FORWARD(buffer_append(&answer->text, json_string_value(text), json_string_length(text), error));
    answer->tokens = (size_t)json_integer_value(tokens);
    answer->ending = ending;
    answer->refused = kind == EVAL_CONTEXT;
    answer->given = true;
    verdict->kind = kind;
    snprintf(verdict->why, sizeof verdict->why, "%s", why);
    found->count++;
    return PRIMER_OK;
}

static primer_status take_lines(struct found *found, const struct buffer *bytes,
                                primer_error *error)
{
    struct eval_part *const part = found->part;
    for (size_t number = 1; part->whole < bytes->length; number++) {
        const char *const line = bytes->bytes + part->whole;
        const char *const end = memchr(line, '\n', bytes->length - part->whole);
        json_t *value = NULL;
        if (end == NULL)
            return number > 1 ? PRIMER_OK : check_identity(part, NULL, error);
        primer_status status = eval_json_read(line, (size_t)(end - line), &value, error);
        if (number == 1)
            status = check_identity(part, value, error);
        else if (status == PRIMER_OK)
            status = take_answer(found, value, error);
        json_decref(value);
        if (status != PRIMER_OK && number > 1)
            error_prefix(error, "%s: line %zu", part->path.bytes, number);
        FORWARD(status);
        part->whole += (size_t)(end - line) + 1;
    }
    return PRIMER_OK;
}

primer_status eval_part_open(struct eval_part *part, const char *report, uint64_t identity,
                             struct eval_answer *answers, struct eval_judge_verdict *verdicts,
                             size_t slots, size_t *given, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer bytes = {0};
    struct found found = {.part = part, .answers = answers, .verdicts = verdicts, .slots = slots};
    *part = (struct eval_part){.identity = identity, .descriptor = -1};
    TRY(buffer_format(&part->path, error, "%s.part", report));
    if (!file_exists(part->path.bytes))
        goto cleanup;
    TRY(file_read(part->path.bytes, PART_MOST, &bytes, error));
    TRY(take_lines(&found, &bytes, error));
    *given = found.count;

cleanup:
    buffer_free(&bytes);
    return status;
}

/* ---- appending ------------------------------------------------------------------------------- */

static primer_status failed(const struct eval_part *part, primer_error *error)
{
    return error_set(error, PRIMER_EIO, "%s: cannot write it: %s", part->path.bytes,
                     strerror(errno));
}

static primer_status append_line(struct eval_part *part, primer_error *error)
{
    for (size_t at = 0; at < part->line.length;) {
        const ssize_t count =
            write(part->descriptor, part->line.bytes + at, part->line.length - at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return failed(part, error);
        at += (size_t)count;
    }
    return PRIMER_OK;
}

static primer_status begin(struct eval_part *part, primer_error *error)
{
    part->descriptor = open(part->path.bytes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (part->descriptor < 0 || ftruncate(part->descriptor, (off_t)part->whole) != 0)
        return failed(part, error);
    if (part->whole > 0)
        return PRIMER_OK;
    buffer_clear(&part->line);
    FORWARD(
        buffer_format(&part->line, error, "{\"identity\":\"%016" PRIx64 "\"}\n", part->identity));
    return append_line(part, error);
}

primer_status eval_part_add(struct eval_part *part, size_t slot, size_t sample,
                            const struct eval_item *item, const char *file,
                            const struct eval_answer *answer,
                            const struct eval_judge_verdict *verdict, primer_error *error)
{
    if (part->path.length == 0)
        return PRIMER_OK;
    if (part->descriptor < 0)
        FORWARD(begin(part, error));
    buffer_clear(&part->line);
    FORWARD(buffer_format(&part->line, error, "{\"slot\":%zu", slot));
    const size_t next = part->line.length;
    FORWARD(eval_report_line(item, file, sample, answer, verdict, &part->line, error));
    part->line.bytes[next] = ','; /* for the report's line's brace */
    return append_line(part, error);
}

void eval_part_close(struct eval_part *part, bool done)
{
    if (part->descriptor >= 0)
        close(part->descriptor);
    if (done && part->path.length > 0 && (part->descriptor >= 0 || part->whole > 0))
        unlink(part->path.bytes);
    buffer_free(&part->path);
    buffer_free(&part->line);
    part->descriptor = -1;
}
