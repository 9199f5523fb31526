/* teacher_answer.c - from an answer to a verdict. Declared in teacher_answer.h. */
#include "data/teacher_answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/code_fence.h"

#define THINKING_END "</think>"
#define MARK         40 /* bytes */
#define TRIES        3  /* of a check that another process ends */

json_t *teacher_answer_refusal(const char *reason, const char *detail)
{
    json_t *const verdict =
        json_pack("{s:b,s:s,s:s}", "keep", 0, "reason", reason, "detail", detail);
    return verdict != NULL ? verdict
                           : json_pack("{s:b,s:s,s:s}", "keep", 0, "reason", reason, "detail", "");
}

/* What comes behind the thinking, where there is any. */
static const char *behind_thinking(const char *text)
{
    const char *at = text;
    for (const char *found; (found = strstr(at, THINKING_END)) != NULL;)
        at = found + sizeof THINKING_END - 1;
    return at;
}

static bool is_python(const struct code_fence *fence)
{
    static const char *const names[] = {"python", "py", "python3", "Python"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (fence->language_length == strlen(names[i]) &&
            memcmp(fence->language, names[i], fence->language_length) == 0)
            return true;
    return false;
}

/* Fences without a language are Python where no other says that it is; else they may show what a
 * program prints. */
static bool some_say_python(const char *text, size_t length)
{
    struct code_fence fence;
    for (size_t at = 0; code_fence_next(text, length, &at, &fence);)
        if (is_python(&fence))
            return true;
    return false;
}

/* A fence's code, without the blanks that stand before all of it. */
static primer_status add_code(const struct code_fence *fence, struct buffer *out,
                              primer_error *error)
{
    struct buffer code = {0};
    primer_status status = PRIMER_OK;
    for (size_t at = 0; at < fence->length;) {
        const char *const line = fence->code + at;
        const char *const end = memchr(line, '\n', fence->length - at);
        const size_t length = end == NULL ? fence->length - at : (size_t)(end - line) + 1;
        size_t skipped = 0;
        while (skipped < fence->indent && skipped < length && line[skipped] == ' ')
            skipped++;
        TRY(buffer_append(&code, line + skipped, length - skipped, error));
        at += length;
    }
    TRY(buffer_json_string(out, code.bytes == NULL ? "" : code.bytes, code.length, error));

cleanup:
    buffer_free(&code);
    return status;
}

/* "text":"before the first fence","codes":[...] */
static primer_status add_pieces(const char *text, size_t length, struct buffer *out,
                                primer_error *error)
{
    struct code_fence fence;
    size_t at = 0, before = length, count = 0;
    struct buffer codes = {0};
    primer_status status = PRIMER_OK;
    const bool named = some_say_python(text, length);
    while (code_fence_next(text, length, &at, &fence)) {
        size_t opening = (size_t)(fence.language - text);
        while (opening > 0 && text[opening - 1] != '\n')
            opening--;
        before = opening < before ? opening : before;
        if (fence.length == 0 || !(is_python(&fence) || (!named && fence.language_length == 0)))
            continue;
        TRY(buffer_text(&codes, count++ > 0 ? "," : "", error));
        TRY(add_code(&fence, &codes, error));
    }
    TRY(buffer_text(out, ",\"text\":", error));
    TRY(buffer_json_string(out, text, before, error));
    TRY(buffer_format(out, error, ",\"codes\":[%s]", codes.bytes == NULL ? "" : codes.bytes));

cleanup:
    buffer_free(&codes);
    return status;
}

static primer_status write_request(const struct teacher_prompt *prompt, const char *text,
                                   const char *mark, struct buffer *out, primer_error *error)
{
    const struct buffer *const name = &prompt->name, *const words = &prompt->words;
    FORWARD(buffer_format(out, error, "{\"mark\":\"%s\",\"form\":\"%s\",\"least\":%zu,\"name\":",
                          mark, teacher_prompt_form_name(prompt->form), prompt->least));
    FORWARD(buffer_json_string(out, name->length == 0 ? "" : name->bytes, name->length, error));
    FORWARD(buffer_text(out, ",\"words\":", error));
    FORWARD(buffer_json_string(out, words->length == 0 ? "" : words->bytes, words->length, error));
    FORWARD(buffer_text(out, ",\"whole\":", error));
    FORWARD(buffer_json_string(out, text, strlen(text), error));
    FORWARD(add_pieces(text, strlen(text), out, error));
    return buffer_text(out, "}\n", error);
}

static json_t *read_verdict(const struct sandbox_result *result, const char *mark)
{
    char why[200], shown[151];
    const char *at = result->output.bytes == NULL ? "" : result->output.bytes;
    for (const char *next; (next = strstr(at, mark)) != NULL; at = next + strlen(mark)) {
        const char *const line = next + strlen(mark);
        json_t *const verdict = json_loadb(line, strcspn(line, "\n"), 0, NULL);
        if (json_is_boolean(json_object_get(verdict, "keep")))
            return verdict;
        json_decref(verdict);
    }
    const char *const problem = result->problem.bytes == NULL ? "" : result->problem.bytes;
    snprintf(why, sizeof why, "%s %s", sandbox_end_name(result->end),
             error_printable(problem, strlen(problem), shown, sizeof shown));
    return teacher_answer_refusal(result->end == SANDBOX_TIMEOUT  ? "the code takes too long"
                                  : result->end == SANDBOX_MEMORY ? "the code takes too much memory"
                                                                  : "the check was ended",
                                  why);
}

/* A check that ends because another process ends it says nothing of the answer. */
static primer_status run_check(struct sandbox *sandbox, const struct sandbox_program *program,
                               sandbox_progress *progress, void *context,
                               struct sandbox_result *result, primer_error *error)
{
    for (int i = 0; i < TRIES; i++) {
        *result = (struct sandbox_result){0};
        FORWARD(sandbox_run(sandbox, program, 1, result, progress, context, error));
        if (!result->ended_outside)
            return PRIMER_OK;
        sandbox_results_free(result, 1);
    }
    return error_set(error, PRIMER_EIO,
                     "the check of an answer was killed by another process, %d times; the same "
                     "command goes on",
                     TRIES);
}

primer_status teacher_answer_judge(struct sandbox *sandbox, const struct teacher_prompt *prompt,
                                   const struct teacher_answer *answer, sandbox_progress *progress,
                                   void *context, json_t **verdict, primer_error *error)
{
    struct buffer request = {0};
    struct sandbox_result result = {0};
    primer_status status = PRIMER_OK;
    char mark[MARK];
    unsigned long long secret = 0;
    const char *const text = answer->text.length == 0 ? "" : behind_thinking(answer->text.bytes);
    *verdict = NULL;
    if (answer->cut) {
        *verdict = teacher_answer_refusal("cut off at the end", "");
        return *verdict == NULL ? memory_failure(error, "a verdict", 0) : PRIMER_OK;
    }
    /* A program can't print the verdict in the script's place: it doesn't know the mark. */
    if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return error_set(error, PRIMER_EIO, "the system gives no random numbers");
    snprintf(mark, sizeof mark, "verdict-%016llx", secret);
    TRY(write_request(prompt, text, mark, &request, error));
    const struct sandbox_program program = {.source = teacher_script_text,
                                            .source_length = strlen(teacher_script_text),
                                            .input = request.bytes,
                                            .input_length = request.length};
    TRY(run_check(sandbox, &program, progress, context, &result, error));
    *verdict = read_verdict(&result, mark);
    sandbox_results_free(&result, 1);
    if (*verdict == NULL)
        status = memory_failure(error, "a verdict", 0);

cleanup:
    buffer_free(&request);
    return status;
}
