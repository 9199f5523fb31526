/* fuzz_schema.c - any bytes as a JSON Schema, up to the first 0, and those behind it as choices of
 * tokens. Behind a '!' they are not the schema itself, but choose one (schema_maker.h).
 *
 *   schema 0 choices --> refused with a message
 *                    --> an answer that follows the choices and then makes for an end:
 *                          it is JSON, and read as jansson reads it valid for the schema,
 *                          and the constraint accepts it again when it is read byte by byte
 *
 * Valid is judged by the library's own validator of given values. It shares with what wrote the
 * answer how references, types and expressions are read, but neither the unions nor the grammar.
 */
#include <string.h>

#include "constraint/schema.h"
#include "follow.h"
#include "fuzz_driver.h"
#include "schema_maker.h"

#define STEPS ((size_t)20000) /* of judging an answer */

/* A schema may take CONSTRAINT_SCRATCH, and its network as much again. */
const size_t fuzz_growth = (size_t)768 << 20;

struct check {
    const char *schema;
    size_t length;
    struct buffer answer;
};

static void hold(const struct check *check, bool promise, const char *what)
{
    if (!promise)
        fprintf(stderr, "schema: %.*s\nanswer: %.*s\n", (int)check->length, check->schema,
                (int)check->answer.length, check->answer.bytes);
    fuzz_check(promise, what);
}

/* Integers beyond 64 bits as a reader in binary64 sees them. NULL: a key with a NUL in it, which
 * jansson can't hold. */
static json_t *read_json(const struct check *check, const char *text, size_t length)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t error;
    json_t *value = json_loadb(text, length, flags, &error);
    if (value == NULL && json_error_code(&error) == json_error_numeric_overflow)
        value = json_loadb(text, length, flags | JSON_DECODE_INT_AS_REAL, &error);
    hold(check, value != NULL || json_error_code(&error) == json_error_null_byte_in_key,
         "what is written is JSON");
    return value;
}

static void check_valid(const struct check *check, const json_t *root, const json_t *value)
{
    struct schema schema = {.scratch = {.left = CONSTRAINT_SCRATCH},
                            .root = root,
                            .path = "#",
                            .steps = SCHEMA_STEPS - STEPS,
                            .any = SCHEMA_NOTHING};
    const bool valid = schema_valid(&schema, value, root);
    if (schema_failed(&schema))
        fuzz_status(schema.error.status, &schema.error);
    hold(check, valid || schema_failed(&schema), "what is written is valid");
    schema_text_free(&schema);
    scratch_free(&schema.scratch);
}

static void check_answer(const struct check *check, primer_constraint *constraint)
{
    const enum follow_verdict verdict =
        follow_read(constraint, check->answer.bytes, check->answer.length);
    hold(check, verdict == FOLLOW_COMPLETE || verdict == FOLLOW_LIMITED,
         "what is written is accepted byte by byte");
    json_t *const root = read_json(check, check->schema, check->length);
    json_t *const value = read_json(check, check->answer.bytes, check->answer.length);
    if (value != NULL)
        check_valid(check, root, value);
    json_decref(value);
    json_decref(root);
}

static void check_schema(struct check *check, struct follow_choices choices)
{
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    const primer_status status =
        constraint_schema(check->schema, check->length, &constraint, &error);
    fuzz_status(status, &error);
    if (status != PRIMER_OK)
        return;
    follow_narrow(constraint, check->length);
    if (follow_write(constraint, choices, &check->answer) == FOLLOW_COMPLETE)
        check_answer(check, constraint);
    constraint_free(constraint);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct buffer made = {0};
    const unsigned char *const zero = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t length = zero != NULL ? (size_t)(zero - data) : size;
    const struct follow_choices choices = {zero != NULL ? zero + 1 : NULL,
                                           zero != NULL ? size - length - 1 : 0, true};
    struct check check = {.schema = (const char *)data, .length = length};
    if (length > 0 && data[0] == '!') {
        schema_maker_write(&made, data + 1, length - 1);
        check.schema = made.bytes;
        check.length = made.length;
    }
    check_schema(&check, choices);
    buffer_free(&check.answer);
    buffer_free(&made);
    return 0;
}
