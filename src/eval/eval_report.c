/* eval_report.c - pass@k, its interval, and reports. */
#include "eval/eval_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "eval/eval_json.h"

#define REPORT_MOST ((size_t)1 << 30) /* bytes */
#define NORMAL_95   1.959963984540054 /* a normal deviate's 97.5 % */

/* ---- figures --------------------------------------------------------------------------------- */

double eval_report_pass_at(size_t n, size_t c, size_t k)
{
    double none = 1;
    if (n - c < k)
        return 1;
    for (size_t i = n - c + 1; i <= n; i++)
        none *= 1 - (double)k / (double)i;
    return 1 - none;
}

void eval_report_wilson(double share, size_t n, double *low, double *high)
{
    if (n == 0) {
        *low = 0;
        *high = 1;
        return;
    }
    const double count = (double)n, z = NORMAL_95, scale = 1 + z * z / count,
                 middle = (share + z * z / (2 * count)) / scale,
                 half = z / scale * sqrt(share * (1 - share) / count + z * z / (4 * count * count));
    *low = fmax(0, middle - half);
    *high = fmin(1, middle + half);
}

void eval_report_count(const struct eval_items *items, size_t samples,
                       const struct eval_judge_verdict *verdicts, struct eval_summary *summaries,
                       size_t file_count)
{
    for (size_t i = 0; i < items->count; i++) {
        struct eval_summary *const summary = &summaries[items->items[i].file];
        size_t passed = 0;
        for (size_t sample = 0; sample < samples; sample++) {
            const enum eval_verdict_kind kind = verdicts[i * samples + sample].kind;
            summary->verdicts[kind]++;
            passed += kind == EVAL_PASSED;
        }
        summary->items++;
        summary->answers += samples;
        summary->passed += passed;
        for (size_t k = 1; k <= samples; k++)
            summary->at[k - 1] += eval_report_pass_at(samples, passed, k);
    }
    for (size_t f = 0; f < file_count; f++) {
        struct eval_summary *const summary = &summaries[f];
        for (size_t k = 0; k < samples && summary->items > 0; k++)
            summary->at[k] /= (double)summary->items;
        eval_report_wilson(summary->at[0], summary->items, &summary->low, &summary->high);
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

static primer_status write_prompt(const struct eval_item *item, struct buffer *out,
                                  primer_error *error)
{
    FORWARD(buffer_text(out, ",\"prompt\":", error));
    if (item->messages != NULL)
        return eval_json_append(item->messages, out, error);
    return buffer_json_string(out, item->prompt.bytes, item->prompt.length, error);
}

static primer_status write_text(const char *key, const char *text, size_t length,
                                struct buffer *out, primer_error *error)
{
    FORWARD(buffer_format(out, error, ",\"%s\":", key));
    return buffer_json_string(out, text == NULL ? "" : text, length, error);
}

primer_status eval_report_line(const struct eval_item *item, const char *file, size_t sample,
                               const struct eval_answer *answer,
                               const struct eval_judge_verdict *verdict, struct buffer *out,
                               primer_error *error)
{
    const json_t *const id = json_object_get(item->source, "task_id");
    const char *const name = eval_verdict_name(verdict->kind);
    FORWARD(buffer_text(out, "{\"file\":", error));
    FORWARD(buffer_json_string(out, file, strlen(file), error));
    FORWARD(buffer_format(out, error, ",\"line\":%zu", item->line));
    if (id != NULL) {
        FORWARD(buffer_text(out, ",\"task_id\":", error));
        FORWARD(eval_json_append(id, out, error));
    }
    FORWARD(buffer_format(out, error, ",\"sample\":%zu", sample));
    FORWARD(write_prompt(item, out, error));
    FORWARD(write_text("answer", answer->text.bytes, answer->text.length, out, error));
    FORWARD(buffer_format(out, error, ",\"passed\":%s",
                          verdict->kind == EVAL_PASSED ? "true" : "false"));
    FORWARD(write_text("verdict", name, strlen(name), out, error));
    FORWARD(write_text("why", verdict->why, strlen(verdict->why), out, error));
    if (answer->ending != NULL)
        FORWARD(write_text("ending", answer->ending, strlen(answer->ending), out, error));
    return buffer_format(out, error, ",\"tokens\":%zu}\n", answer->tokens);
}

primer_status eval_report_write(const char *path, const char *const *files,
                                const struct eval_items *items, size_t samples,
                                const struct eval_answer *answers,
                                const struct eval_judge_verdict *verdicts, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct file_writer writer = {0};
    struct buffer line = {0};
    TRY(file_writer_open(&writer, path, error));
    for (size_t slot = 0; slot < items->count * samples; slot++) {
        const struct eval_item *const item = &items->items[slot / samples];
        buffer_clear(&line);
        TRY(eval_report_line(item, files[item->file], slot % samples, &answers[slot],
                             &verdicts[slot], &line, error));
        TRY(file_writer_write(&writer, line.bytes, line.length, error));
    }
    TRY(file_writer_commit(&writer, error));

cleanup:
    file_writer_abandon(&writer);
    buffer_free(&line);
    return status;
}

static primer_status read_answer(const char *line, size_t length, struct eval_answer *answer,
                                 primer_error *error)
{
    json_t *source = NULL;
    FORWARD(eval_json_read(line, length, &source, error));
    const json_t *const text = json_object_get(source, "answer");
    const primer_status status =
        json_is_string(text)
            ? buffer_append(&answer->text, json_string_value(text), json_string_length(text), error)
            : error_set(error, PRIMER_EFORMAT, "answer: expected a text");
    json_decref(source);
    return status;
}

primer_status eval_report_read(const char *path, struct eval_answer *answers, size_t slots,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    size_t count = 0, number = 0;
    TRY(file_read(path, REPORT_MOST, &text, error));
    for (size_t at = 0; at < text.length && count < slots;) {
        const char *const line = text.bytes + at, *const end = memchr(line, '\n', text.length - at);
        const size_t length = end == NULL ? text.length - at : (size_t)(end - line);
        at += length + 1;
        number++;
        if (length == 0)
            continue;
        status = read_answer(line, length, &answers[count++], error);
        if (status != PRIMER_OK) {
            error_prefix(error, "%s: line %zu", path, number);
            goto cleanup;
        }
    }
    if (count < slots)
        FAIL(PRIMER_EFORMAT, "%s: %zu answers, expected one for each of %zu", path, count, slots);

cleanup:
    buffer_free(&text);
    return status;
}
