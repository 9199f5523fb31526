/* eval_judge.c - programs for the sandbox, and what their output says. */
#include "eval/eval_judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/code_fence.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "eval/eval_json.h"
#include "eval/eval_script.h"
#include "sandbox/sandbox.h"

#define OUTPUT  ((size_t)1 << 20) /* bytes: results of all calls */
#define SECONDS 6.0 /* tests that take two exist, and the machine has other things to do */
/* Prompts use names of it without saying so. */
#define IMPORTS "from typing import *\nimport math\n"

enum { TOKEN = 33 /* hexadecimal, and the end */, SHOWN = 120 /* bytes of a value in a reason */ };

struct eval_judge {
    struct sandbox *sandbox;
};

/* What the sandbox is given for one case; `source` of a word problem is its own program. */
struct trial {
    struct buffer code, input;
    char token[TOKEN];
    bool empty;
};

const char *eval_verdict_name(enum eval_verdict_kind kind)
{
    static const char *const names[EVAL_VERDICTS] = {
        [EVAL_PASSED] = "passed",        [EVAL_WRONG] = "wrong result",
        [EVAL_EXCEPTION] = "exception",  [EVAL_SYNTAX] = "syntax error",
        [EVAL_FUNCTION] = "no function", [EVAL_EMPTY] = "no code",
        [EVAL_TIMEOUT] = "timeout",      [EVAL_MEMORY] = "memory",
        [EVAL_OUTPUT] = "output",        [EVAL_ENDED] = "ended early",
        [EVAL_CONTEXT] = "context"};
    return names[kind];
}

primer_status eval_judge_open(double seconds, size_t threads, struct eval_judge **judge,
                              primer_error *error)
{
    struct eval_judge *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a judge", sizeof *made);
    const struct sandbox_options options = {
        .workers = threads, .seconds = seconds > 0 ? seconds : SECONDS, .output = OUTPUT};
    const primer_status status = sandbox_open(&options, &made->sandbox, error);
    if (status != PRIMER_OK) {
        memory_free(made);
        return status;
    }
    *judge = made;
    return PRIMER_OK;
}

void eval_judge_close(struct eval_judge *judge)
{
    if (judge == NULL)
        return;
    sandbox_close(judge->sandbox);
    memory_free(judge);
}

/* ---- what is run ----------------------------------------------------------------------------- */

primer_status eval_judge_code(const struct eval_item *item, const char *answer, size_t length,
                              struct buffer *code, primer_error *error)
{
    if (item->messages != NULL)
        return code_fence_extract(answer, length, code, error);
    FORWARD(buffer_text(code, IMPORTS, error));
    FORWARD(buffer_append(code, item->prompt.bytes, item->prompt.length, error));
    FORWARD(buffer_append(code, answer, length, error));
    return buffer_text(code, "\n", error);
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0')
            return false;
    return true;
}

static primer_status draw_token(char token[TOKEN], primer_error *error)
{
    unsigned char bytes[TOKEN / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(error, PRIMER_EIO, "the system gives no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return PRIMER_OK;
}

static primer_status write_input(const struct eval_item *item, struct trial *trial,
                                 primer_error *error)
{
    struct buffer *const out = &trial->input;
    FORWARD(draw_token(trial->token, error));
    FORWARD(buffer_format(out, error, "{\"token\":\"%s\",\"code\":", trial->token));
    FORWARD(buffer_json_string(out, trial->code.bytes, trial->code.length, error));
    if (item->kind == EVAL_ITEM_TESTS) {
        FORWARD(buffer_text(out, ",\"tests\":", error));
        FORWARD(eval_json_append(item->tests, out, error));
        return buffer_text(out, "}", error);
    }
    FORWARD(buffer_text(out, ",\"entry\":", error));
    FORWARD(item->entry == NULL ? buffer_text(out, "null", error)
                                : buffer_json_string(out, item->entry, strlen(item->entry), error));
    FORWARD(buffer_text(out, ",\"arguments\":[", error));
    for (size_t i = 0; i < json_array_size(item->calls); i++) {
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        FORWARD(eval_json_append(json_object_get(json_array_get(item->calls, i), "arguments"), out,
                                 error));
    }
    return buffer_text(out, "]}", error);
}

static primer_status prepare(const struct eval_judge_case *given, struct trial *trial,
                             struct sandbox_program *program, primer_error *error)
{
    FORWARD(eval_judge_code(given->item, given->answer, given->length, &trial->code, error));
    FORWARD(buffer_append(&trial->code, "", 0, error));
    trial->empty = is_blank(trial->code.bytes, trial->code.length);
    if (given->item->kind == EVAL_ITEM_NUMBER) {
        *program = (struct sandbox_program){.source = trial->code.bytes,
                                            .source_length = trial->code.length};
        return PRIMER_OK;
    }
    FORWARD(write_input(given->item, trial, error));
    *program = (struct sandbox_program){.source = eval_script_text,
                                        .source_length = strlen(eval_script_text),
                                        .input = trial->input.bytes,
                                        .input_length = trial->input.length};
    return PRIMER_OK;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void decide(struct eval_judge_verdict *verdict, enum eval_verdict_kind kind,
                   const char *format, ...) __attribute__((format(printf, 3, 4)));
static void decide(struct eval_judge_verdict *verdict, enum eval_verdict_kind kind,
                   const char *format, ...)
{
    va_list arguments;
    verdict->kind = kind;
    va_start(arguments, format);
    vsnprintf(verdict->why, sizeof verdict->why, format, arguments);
    va_end(arguments);
    verdict->why[utf8_complete(verdict->why, strlen(verdict->why))] = '\0';
}

/* The last line of standard error that says something. */
static void last_line(const struct buffer *problem, char *out, size_t capacity)
{
    size_t end = problem->length;
    *out = '\0';
    while (end > 0 && (problem->bytes[end - 1] == '\n' || problem->bytes[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && problem->bytes[begin - 1] != '\n')
        begin--;
    if (end > begin)
        error_printable(problem->bytes + begin, end - begin, out, capacity);
}

/* False: the program finished. */
static bool judge_end(const struct sandbox_result *result, struct eval_judge_verdict *verdict)
{
    char line[SHOWN];
    last_line(&result->problem, line, sizeof line);
    switch (result->end) {
    case SANDBOX_FINISHED:
        return false;
    case SANDBOX_ERROR:
        decide(verdict,
               strncmp(line, "SyntaxError", 11) == 0 || strncmp(line, "IndentationError", 16) == 0
                   ? EVAL_SYNTAX
                   : EVAL_EXCEPTION,
               "%s", line);
        break;
    case SANDBOX_TIMEOUT:
        decide(verdict, EVAL_TIMEOUT, "still running after %.1f s", result->seconds);
        break;
    case SANDBOX_MEMORY:
        decide(verdict, EVAL_MEMORY, "%s", line);
        break;
    case SANDBOX_OUTPUT:
        decide(verdict, EVAL_OUTPUT, "more output or files than allowed");
        break;
    case SANDBOX_KILLED:
    case SANDBOX_ENDS:
        decide(verdict, EVAL_ENDED, "signal %d", result->exit_code);
        break;
    }
    return true;
}

/* The last line of the output that isn't blank, as a number. */
static bool printed_number(const struct buffer *output, double *number, char *line, size_t capacity)
{
    last_line(output, line, capacity);
    char *end;
    *number = strtod(line, &end);
    const bool hex = strpbrk(line, "xX") != NULL;
    return end != line && !hex && is_blank(end, strlen(end)) && isfinite(*number);
}

static void judge_number(const struct eval_item *item, const struct sandbox_result *result,
                         struct eval_judge_verdict *verdict)
{
    char line[SHOWN];
    double found;
    if (judge_end(result, verdict))
        return;
    const bool whole = item->answer == floor(item->answer);
    const double relative = 1e-6 * fmax(1.0, fabs(item->answer)),
                 tolerance = whole ? relative : fmax(relative, 0.005);
    if (!printed_number(&result->output, &found, line, sizeof line))
        decide(verdict, EVAL_WRONG, "printed \"%s\", expected %.10g", line, item->answer);
    else if (fabs(found - item->answer) <= tolerance)
        decide(verdict, EVAL_PASSED, "%s", "");
    else
        decide(verdict, EVAL_WRONG, "printed %s, expected %.10g", line, item->answer);
}

/* A value, or what a call has instead, as a reason shows it. */
static void show(const json_t *value, char out[SHOWN])
{
    char text[SHOWN];
    const size_t length = json_dumpb(value, text, sizeof text, JSON_ENCODE_ANY | JSON_COMPACT);
    if (length <= sizeof text)
        error_printable(text, length, out, SHOWN);
    else
        snprintf(out, SHOWN, "%s", json_is_array(value) ? "a long list" : "a long value");
}

/* What a program raises where there is no memory left is the memory's fault. */
static enum eval_verdict_kind kind_of(const char *raised)
{
    return strncmp(raised, "MemoryError", 11) == 0 ? EVAL_MEMORY : EVAL_EXCEPTION;
}

static void judge_results(const struct eval_item *item, const json_t *results,
                          struct eval_judge_verdict *verdict)
{
    char arguments[SHOWN], found[SHOWN], expected[SHOWN];
    const size_t count = json_array_size(item->calls);
    for (size_t i = 0; i < count; i++) {
        const json_t *const call = json_array_get(item->calls, i),
                            *const result = json_array_get(results, i),
                            *const value = json_object_get(result, "value"),
                            *const right = json_object_get(call, "expected");
        const char *const raised = json_string_value(json_object_get(result, "raised")),
                          *const type = json_string_value(json_object_get(result, "type"));
        show(json_object_get(call, "arguments"), arguments);
        show(right, expected);
        if (raised != NULL) {
            decide(verdict, kind_of(raised), "arguments %s: %s", arguments, raised);
            return;
        }
        if (value != NULL && eval_json_same(right, value))
            continue;
        if (value != NULL)
            show(value, found);
        decide(verdict, EVAL_WRONG, "arguments %s: found %s%s, expected %s", arguments,
               value != NULL ? found : "a value of type ",
               value != NULL  ? ""
               : type == NULL ? "?"
                              : type,
               expected);
        return;
    }
    decide(verdict, EVAL_PASSED, "%s", "");
}

/* What stands behind the last token; NULL: the judge never came to write it. */
static json_t *read_answer(const struct buffer *output, const char *token)
{
    const char *found = NULL;
    for (const char *at = output->bytes; at != NULL;) {
        at = memmem(at, output->length - (size_t)(at - output->bytes), token, TOKEN - 1);
        if (at != NULL)
            found = at += TOKEN - 1;
    }
    if (found == NULL)
        return NULL;
    return json_loadb(found, output->length - (size_t)(found - output->bytes), JSON_ALLOW_NUL,
                      NULL);
}

static void judge_answer(const struct eval_item *item, const json_t *answer,
                         struct eval_judge_verdict *verdict)
{
    static const struct {
        const char *word;
        enum eval_verdict_kind kind;
    } kinds[] = {{"wrong", EVAL_WRONG},
                 {"raised", EVAL_EXCEPTION},
                 {"syntax", EVAL_SYNTAX},
                 {"function", EVAL_FUNCTION}};
    const char *const stopped = json_string_value(json_object_get(answer, "stopped")),
                      *const why = json_string_value(json_object_get(answer, "why"));
    const json_t *const results = json_object_get(answer, "results");
    for (size_t i = 0; stopped != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].word, stopped) == 0) {
            decide(verdict,
                   kinds[i].kind == EVAL_EXCEPTION && why != NULL ? kind_of(why) : kinds[i].kind,
                   "%s", why == NULL ? "" : why);
            return;
        }
    const size_t expected = item->kind == EVAL_ITEM_TESTS ? 0 : json_array_size(item->calls);
    if (!json_is_array(results) || json_array_size(results) != expected)
        decide(verdict, EVAL_ENDED, "the judge was not asked to the end");
    else
        judge_results(item, results, verdict);
}

static void judge(const struct eval_item *item, const struct trial *trial,
                  const struct sandbox_result *result, struct eval_judge_verdict *verdict)
{
    if (trial->empty) {
        decide(verdict, EVAL_EMPTY, "%s", "");
        return;
    }
    if (item->kind == EVAL_ITEM_NUMBER) {
        judge_number(item, result, verdict);
        return;
    }
    if (judge_end(result, verdict))
        return;
    json_t *const answer = read_answer(&result->output, trial->token);
    if (answer == NULL)
        decide(verdict, EVAL_ENDED, "the program ended before it was judged");
    else
        judge_answer(item, answer, verdict);
    json_decref(answer);
}

primer_status eval_judge_run(struct eval_judge *judge_of, const struct eval_judge_case *cases,
                             size_t count, struct eval_judge_verdict *verdicts, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct trial *const trials = memory_allocate(count + 1, sizeof *trials);
    struct sandbox_program *const programs = memory_allocate(count + 1, sizeof *programs);
    struct sandbox_result *const results = memory_allocate(count + 1, sizeof *results);
    if (trials == NULL || programs == NULL || results == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for %zu programs", count);
    for (size_t i = 0; i < count; i++)
        TRY(prepare(&cases[i], &trials[i], &programs[i], error));
    TRY(sandbox_run(judge_of->sandbox, programs, count, results, NULL, NULL, error));
    for (size_t i = 0; i < count; i++)
        judge(cases[i].item, &trials[i], &results[i], &verdicts[i]);
    sandbox_results_free(results, count);

cleanup:
    for (size_t i = 0; trials != NULL && i < count; i++) {
        buffer_free(&trials[i].code);
        buffer_free(&trials[i].input);
    }
    memory_free(results);
    memory_free(programs);
    memory_free(trials);
    return status;
}
