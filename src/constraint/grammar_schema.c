/* grammar_schema.c - the way in: a schema's text, or its JSON in a larger grammar. See schema.h. */
#include "constraint/schema.h"

#include <string.h>

static size_t build(struct grammar *grammar, struct schema *schema)
{
    struct schema_set set = {0};
    size_t node = SCHEMA_NOTHING;
    schema->owned = json_array();
    if (schema->owned == NULL)
        error_set(&schema->error, PRIMER_ENOMEM, "no memory for reading a schema");
    else if (schema_add(schema, &set, schema->root))
        node = schema_node(schema, &set);
    if (node == SCHEMA_NOTHING && !schema_failed(schema))
        schema_failure(schema, PRIMER_EINVAL, NULL, NULL, "no value is valid for this schema");
    if (schema_failed(schema))
        grammar_failure(grammar, &schema->error);
    schema_text_free(schema);
    json_decref(schema->owned);
    scratch_free(&schema->scratch);
    return schema_failed(schema) ? 0 : node;
}

size_t grammar_schema(struct grammar *grammar, const json_t *root, const char *path)
{
    struct schema schema = {.grammar = grammar,
                            .scratch = {.left = CONSTRAINT_SCRATCH},
                            .root = root,
                            .path = path,
                            .any = SCHEMA_NOTHING};
    if (!json_is_object(root) && !json_is_boolean(root)) {
        primer_error error;
        error_set(&error, PRIMER_EFORMAT, "%s: expected a schema, an object or a boolean", path);
        grammar_failure(grammar, &error);
        return 0;
    }
    return build(grammar, &schema);
}

/* Integers beyond 64 bits are read as what a reader in binary64 sees. */
static json_t *parse(const char *text, size_t length, json_error_t *error)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *const root = json_loadb(text, length, flags, error);
    if (root != NULL || json_error_code(error) != json_error_numeric_overflow)
        return root;
    return json_loadb(text, length, flags | JSON_DECODE_INT_AS_REAL, error);
}

primer_status constraint_schema(const char *text, size_t length, primer_constraint **constraint,
                                primer_error *error)
{
    json_error_t parse_error;
    if (length > SCHEMA_BYTES)
        return error_set(error, PRIMER_ELIMIT, "a schema of %zu bytes, most is %zu", length,
                         SCHEMA_BYTES);
    json_t *const root = parse(text, length, &parse_error);
    if (root == NULL)
        return error_set(error, PRIMER_EFORMAT, "the schema is no JSON: line %d, column %d: %s",
                         parse_error.line, parse_error.column, parse_error.text);
    struct grammar *const grammar = grammar_create();
    const size_t node = grammar_schema(grammar, root, "#");
    json_decref(root);
    return grammar_finish(grammar, node, constraint, error);
}
