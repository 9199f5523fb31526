/* constraint_option.c - --json-schema, --grammar, --regex, --choice: one of them.
 *
 * A schema and a grammar are files, or stand on the command line: what begins with "{" is a schema,
 * what has "::=" a grammar.
 */
#include "command/constraint_option.h"

#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#define FILE_MOST    ((size_t)4 << 20) /* bytes */
#define CHOICES_MOST 4096

typedef primer_status maker(const char *text, size_t length, primer_constraint **constraint,
                            primer_error *error);

static primer_status from_text(const char *option, const char *text, bool is_file, maker *make,
                               primer_constraint **constraint, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0};
    struct buffer content = {0};
    if (is_file)
        TRY(file_read(text, FILE_MOST, &content, error));
    else
        TRY(buffer_text(&content, text, error));
    status = make(content.bytes, content.length, constraint, &problem);
    if (status != PRIMER_OK)
        error_set(error, status, "%s%s%s: %s", option, is_file ? " " : "", is_file ? text : "",
                  problem.message);

cleanup:
    buffer_free(&content);
    return status;
}

/* Texts by commas; a comma in one is written "\,". */
static primer_status from_choices(const char *text, primer_constraint **constraint,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    const char *choices[CHOICES_MOST];
    size_t count = 0;
    char *const copy = memory_copy_text(text);
    if (copy == NULL)
        return memory_failure(error, "the choices", strlen(text));
    char *out = copy;
    choices[count++] = out;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\' && at[1] == ',') {
            *out++ = *++at;
        } else if (*at == ',') {
            if (count == CHOICES_MOST)
                FAIL(PRIMER_ELIMIT, "--choice: more than %d texts", CHOICES_MOST);
            *out++ = '\0';
            choices[count++] = out;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
    for (size_t i = 0; i < count; i++)
        if (choices[i][0] == '\0')
            FAIL(PRIMER_EINVAL, "--choice: text %zu of %zu is empty", i + 1, count);
    status = primer_constraint_choice(choices, count, constraint, error);

cleanup:
    memory_free(copy);
    return status;
}

primer_status constraint_option(const struct settings *settings, primer_constraint **constraint,
                                primer_error *error)
{
    const char *const schema = settings->json_schema, *const grammar = settings->grammar;
    const size_t given = (size_t)(schema != NULL) + (size_t)(grammar != NULL) +
                         (size_t)(settings->regex != NULL) + (size_t)(settings->choice != NULL);
    *constraint = NULL;
    if (given > 1)
        return error_set(error, PRIMER_EINVAL,
                         "--json-schema, --grammar, --regex and --choice exclude each other");
    if (schema != NULL)
        return from_text("--json-schema", schema, schema[strspn(schema, " \t\n")] != '{',
                         primer_constraint_schema, constraint, error);
    if (grammar != NULL)
        return from_text("--grammar", grammar, strstr(grammar, "::=") == NULL,
                         primer_constraint_grammar, constraint, error);
    if (settings->regex != NULL)
        return from_text("--regex", settings->regex, false, primer_constraint_regex, constraint,
                         error);
    return settings->choice != NULL ? from_choices(settings->choice, constraint, error) : PRIMER_OK;
}
