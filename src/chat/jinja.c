/* jinja.c - compiling and rendering chat templates: the door to the other jinja files. */
#include "chat/jinja.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "chat/jinja_run.h"

#define COMPILE_BYTES  ((size_t)64 << 20)
#define DEFAULT_STEPS  ((size_t)4 << 20)
#define DEFAULT_MEMORY ((size_t)64 << 20)

struct jinja_template {
    struct scratch memory;
    struct jinja_node_list root;
};

primer_status jinja_failure(primer_error *error, size_t line, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(error, PRIMER_EINVAL, "chat template, line %zu: %s", line, message);
}

primer_status jinja_compile(const char *text, size_t length, struct jinja_template **template,
                            primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct jinja_tokens tokens;
    struct jinja_template *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a chat template", sizeof *made);
    made->memory.left = COMPILE_BYTES;
    TRY(jinja_lexer(text, length, &made->memory, &tokens, error));
    TRY(jinja_parser(&tokens, &made->memory, &made->root, error));
    *template = made;
    return PRIMER_OK;

cleanup:
    jinja_free(made);
    return status;
}

void jinja_free(struct jinja_template *template)
{
    if (template == NULL)
        return;
    scratch_free(&template->memory);
    memory_free(template);
}

/* The members of an object, to the variables of the run. */
static primer_status declare(struct jinja_run *run, const json_t *object, bool outside)
{
    struct jinja_value given;
    FORWARD(jinja_value_of_json(run, object, outside, &given));
    if (given.kind != JINJA_DICT)
        return jinja_run_failure(run, "the variables are no object");
    for (size_t i = 0; i < given.dict->count; i++)
        FORWARD(jinja_dict_set(run, &run->scope->variables, given.dict->entries[i].key,
                               &given.dict->entries[i].value));
    return PRIMER_OK;
}

/* The variables, and above them the global functions. */
static primer_status prepare(struct jinja_run *run, const json_t *variables, const json_t *marks,
                             struct jinja_scope *globals)
{
    FORWARD(jinja_method_globals(run, &globals->variables));
    FORWARD(declare(run, variables, true));
    return marks == NULL ? PRIMER_OK : declare(run, marks, false);
}

primer_status jinja_deliver(const struct jinja_writer *writer, struct jinja_output *output,
                            primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct jinja_output made = {0};
    const struct jinja_text text = jinja_written(writer);
    TRY(buffer_append(&made.text, text.bytes, text.length, error));
    TRY(buffer_append(&made.outside, text.length == 0 ? "" : (const char *)text.outside,
                      text.length, error));
    *output = made;
    return PRIMER_OK;

cleanup:
    buffer_free(&made.text);
    buffer_free(&made.outside);
    return status;
}

primer_status jinja_render(const struct jinja_template *template, const json_t *variables,
                           const json_t *marks, int64_t now, const struct jinja_limits *limits,
                           struct jinja_output *output, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct jinja_scope globals = {.parent = NULL}, scope = {.parent = &globals};
    struct jinja_writer writer = {0};
    struct jinja_run run = {
        .memory = {.left = limits->memory == 0 ? DEFAULT_MEMORY : limits->memory},
        .error = error,
        .steps = limits->steps == 0 ? DEFAULT_STEPS : limits->steps,
        .line = 1,
        .now = now,
        .scope = &scope};
    TRY(prepare(&run, variables, marks, &globals));
    TRY(jinja_run_body(&run, &template->root, &writer));
    TRY(jinja_deliver(&writer, output, error));

cleanup:
    scratch_free(&run.memory);
    return status;
}
