/* program.c - running what the model wrote. Declared in program.h. */
#include "terminal/program.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/code_fence.h"
#include "sandbox/sandbox.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"

#define SECONDS 10.0

/* The code of the last answer that holds any. */
static primer_status find_code(const struct conversation *conversation, struct buffer *code,
                               primer_error *error)
{
    for (size_t i = conversation->count; i-- > 0;) {
        const primer_message *const message = &conversation->messages[i];
        struct code_fence fence;
        if (strcmp(message->role, "assistant") != 0)
            continue;
        if (code_fence_python(message->content, strlen(message->content), &fence))
            return code_fence_extract(message->content, strlen(message->content), code, error);
    }
    return error_set(error, PRIMER_EINVAL, "no answer holds a program (a ```python block) yet");
}

static bool keep_going(void *context, size_t done, size_t all)
{
    (void)context, (void)done, (void)all;
    return !interrupt_seen();
}

/* "def name(a, b):" of the code's first function, without "def " and ":"; empty: there is none. */
static void first_function(const char *code, char *out, size_t capacity)
{
    const char *at = strncmp(code, "def ", 4) == 0 ? code : strstr(code, "\ndef ");
    out[0] = '\0';
    if (at == NULL)
        return;
    at += *at == '\n' ? 5 : 4;
    const char *const end = strchr(at, ')');
    if (end != NULL && (size_t)(end - at) + 2 <= capacity)
        snprintf(out, capacity, "%.*s", (int)(end - at) + 1, at);
}

/* The last line of an exception's report says what it was. */
static void show_problem(const struct sandbox_result *result)
{
    const char *text = result->problem.bytes == NULL ? "" : result->problem.bytes;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    size_t begin = length;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    if (result->end == SANDBOX_ERROR && length > begin)
        fprintf(stderr, "it ended with %.*s\n", (int)(length - begin), text + begin);
    else if (result->end == SANDBOX_TIMEOUT)
        fprintf(stderr, "it was stopped after %.0f seconds\n", SECONDS);
    else
        fprintf(stderr, "it ended with: %s\n", sandbox_end_name(result->end));
}

static primer_status show(const struct sandbox_result *result, const char *code,
                          const char *expression, primer_error *error)
{
    char function[128];
    const struct buffer *const output = &result->output;
    if (output->length > 0) {
        FORWARD(output_write(output->bytes, output->length, error));
        if (output->bytes[output->length - 1] != '\n')
            FORWARD(output_write("\n", 1, error));
        FORWARD(output_flush(error));
    }
    if (result->end != SANDBOX_FINISHED) {
        show_problem(result);
        return PRIMER_OK;
    }
    first_function(code, function, sizeof function);
    if (output->length == 0 && *expression == '\0' && *function != '\0')
        fprintf(stderr, "it ran and printed nothing: it defines %s; /run %.*s(...) calls it\n",
                function, (int)strcspn(function, "("), function);
    else if (output->length == 0)
        fputs("it ran and printed nothing\n", stderr);
    return PRIMER_OK;
}

primer_status program_run(const struct conversation *conversation, const char *expression,
                          primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer code = {0};
    struct sandbox *sandbox = NULL;
    struct sandbox_result result = {0};
    const struct sandbox_options options = {.workers = 1, .seconds = SECONDS};
    TRY(find_code(conversation, &code, error));
    if (*expression != '\0')
        TRY(buffer_format(&code, error, "\n_ = (%s\n)\nif _ is not None:\n    print(repr(_))\n",
                          expression));
    TRY(sandbox_open(&options, &sandbox, error));
    const struct sandbox_program program = {.source = code.bytes == NULL ? "" : code.bytes,
                                            .source_length = code.length};
    TRY(sandbox_run(sandbox, &program, 1, &result, keep_going, NULL, error));
    status = show(&result, code.bytes == NULL ? "" : code.bytes, expression, error);
    sandbox_results_free(&result, 1);

cleanup:
    sandbox_close(sandbox);
    buffer_free(&code);
    return status;
}
