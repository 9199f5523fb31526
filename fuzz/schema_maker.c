/* schema_maker.c - each byte chooses among a few; where there are none left, the first of all: so
 * schemas end. They are about the same few names and values, since then keywords have to do with
 * one another.
 *
 *   {"$defs":{"d": schema}, keyword, keyword ..}     keyword   a row of the table and what it holds
 */
#include "schema_maker.h"

#include "fuzz_driver.h"

enum { DEPTH_MOST = 5, KEYWORDS_MOST = 4, ITEMS_MOST = 3 };

struct maker {
    const uint8_t *at, *end;
    struct buffer *json;
    size_t depth;
};

enum holds { SCHEMA, SCHEMAS, BY_NAME, BY_PATTERN, NAMES, NAMES_BY_NAME, VALUE, VALUES, WORD };

static const char *const names[] = {"\"a\"", "\"b\"", "\"c\"", "\"ab\"", "\"\""};
static const char *const patterns[] = {"\"^a\"",    "\"b$\"",           "\"^[a-c]{1,2}$\"",
                                       "\".\"",     "\"^(?!a)\"",       "\"\\\\bab?\"",
                                       "\"[^a]*\"", "\"^(?:a|b+c?)*$\""};
static const char *const counts[] = {"0", "1", "2", "3", "2.0", "40"};
static const char *const limits[] = {"0", "1", "-1", "2", "0.5", "-2.25", "7", "100", "1e3"};
static const char *const multiples[] = {"1", "2", "0.5", "3", "0.1", "7"};
static const char *const booleans[] = {"true", "false"};
static const char *const formats[] = {"\"date\"",   "\"ipv4\"", "\"int32\"",   "\"uuid\"",
                                      "\"double\"", "\"time\"", "\"duration\""};
static const char *const references[] = {"\"#\"", "\"#/$defs/d\"", "\"#d\""};
static const char *const values[] = {"1",     "\"a\"", "null",     "true",      "0",
                                     "-1",    "0.5",   "2.0",      "\"ab\"",    "\"\"",
                                     "[]",    "[1]",   "{}",       "{\"a\":1}", "{\"b\":\"a\"}",
                                     "false", "\"b\"", "[1,\"a\"]"};
static const char *const types[] = {"\"object\"",
                                    "\"array\"",
                                    "\"string\"",
                                    "\"integer\"",
                                    "\"number\"",
                                    "\"null\"",
                                    "\"boolean\"",
                                    "[\"object\",\"array\"]",
                                    "[\"string\",\"null\"]",
                                    "[\"integer\",\"string\",\"object\"]"};

#define WORDS(list) WORD, list, sizeof(list) / sizeof(list)[0]

static const struct {
    const char *name;
    enum holds holds;
    const char *const *words;
    size_t count;
} keywords[] = {
    {"type", WORDS(types)},
    {"type", WORDS(types)},
    {"properties", BY_NAME, NULL, 0},
    {"properties", BY_NAME, NULL, 0},
    {"required", NAMES, NULL, 0},
    {"required", NAMES, NULL, 0},
    {"items", SCHEMA, NULL, 0},
    {"anyOf", SCHEMAS, NULL, 0},
    {"oneOf", SCHEMAS, NULL, 0},
    {"oneOf", SCHEMAS, NULL, 0},
    {"allOf", SCHEMAS, NULL, 0},
    {"not", SCHEMA, NULL, 0},
    {"if", SCHEMA, NULL, 0},
    {"then", SCHEMA, NULL, 0},
    {"else", SCHEMA, NULL, 0},
    {"enum", VALUES, NULL, 0},
    {"const", VALUE, NULL, 0},
    {"nullable", WORDS(booleans)},
    {"additionalProperties", SCHEMA, NULL, 0},
    {"patternProperties", BY_PATTERN, NULL, 0},
    {"propertyNames", SCHEMA, NULL, 0},
    {"unevaluatedProperties", WORDS(booleans)},
    {"minProperties", WORDS(counts)},
    {"maxProperties", WORDS(counts)},
    {"prefixItems", SCHEMAS, NULL, 0},
    {"items", SCHEMAS, NULL, 0},
    {"additionalItems", SCHEMA, NULL, 0},
    {"unevaluatedItems", WORDS(booleans)},
    {"minItems", WORDS(counts)},
    {"maxItems", WORDS(counts)},
    {"uniqueItems", WORDS(booleans)},
    {"contains", SCHEMA, NULL, 0},
    {"minContains", WORDS(counts)},
    {"minLength", WORDS(counts)},
    {"maxLength", WORDS(counts)},
    {"pattern", WORDS(patterns)},
    {"format", WORDS(formats)},
    {"minimum", WORDS(limits)},
    {"maximum", WORDS(limits)},
    {"exclusiveMinimum", WORDS(limits)},
    {"exclusiveMaximum", WORDS(limits)},
    {"multipleOf", WORDS(multiples)},
    {"dependentRequired", NAMES_BY_NAME, NULL, 0},
    {"dependentSchemas", BY_NAME, NULL, 0},
    {"$ref", WORDS(references)},
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static size_t pick(struct maker *maker, size_t count)
{
    return maker->at == maker->end ? 0 : *maker->at++ % count;
}

static void put(struct maker *maker, const char *text)
{
    fuzz_check(buffer_text(maker->json, text, NULL) == PRIMER_OK, "there is memory for a schema");
}

static void put_schema(struct maker *maker);

/* An item of a list, or a member of a map. */
static void put_item(struct maker *maker, enum holds holds)
{
    if (holds == BY_NAME || holds == NAMES_BY_NAME)
        put(maker, names[pick(maker, COUNT(names))]);
    if (holds == BY_PATTERN)
        put(maker, patterns[pick(maker, COUNT(patterns))]);
    if (holds == BY_NAME || holds == BY_PATTERN || holds == NAMES_BY_NAME)
        put(maker, ":");
    if (holds == NAMES_BY_NAME)
        put(maker, "[");
    if (holds == VALUES)
        put(maker, values[pick(maker, COUNT(values))]);
    else if (holds == NAMES || holds == NAMES_BY_NAME)
        put(maker, names[pick(maker, COUNT(names))]);
    else
        put_schema(maker);
    if (holds == NAMES_BY_NAME)
        put(maker, "]");
}

static void put_held(struct maker *maker, enum holds holds)
{
    const bool list = holds == SCHEMAS || holds == NAMES || holds == VALUES;
    if (holds == SCHEMA || holds == VALUE) {
        put_item(maker, holds == VALUE ? VALUES : SCHEMA);
        return;
    }
    const size_t more = pick(maker, ITEMS_MOST);
    put(maker, list ? "[" : "{");
    for (size_t i = 0; i <= more; i++) {
        put(maker, i > 0 ? "," : "");
        put_item(maker, holds);
    }
    put(maker, list ? "]" : "}");
}

static void put_keywords(struct maker *maker)
{
    const size_t more = pick(maker, KEYWORDS_MOST);
    for (size_t i = 0; i <= more; i++) {
        const size_t row = pick(maker, COUNT(keywords));
        put(maker, i > 0 ? ",\"" : "\"");
        put(maker, keywords[row].name);
        put(maker, "\":");
        if (keywords[row].holds == WORD)
            put(maker, keywords[row].words[pick(maker, keywords[row].count)]);
        else
            put_held(maker, keywords[row].holds);
    }
}

static void put_schema(struct maker *maker)
{
    if (maker->at == maker->end || maker->depth == DEPTH_MOST) {
        put(maker, booleans[pick(maker, COUNT(booleans))]);
        return;
    }
    maker->depth++;
    put(maker, "{");
    put_keywords(maker);
    put(maker, "}");
    maker->depth--;
}

void schema_maker_write(struct buffer *json, const uint8_t *bytes, size_t length)
{
    struct maker maker = {bytes, bytes + length, json, 0};
    put(&maker, "{");
    put_keywords(&maker);
    put(&maker, ",\"$defs\":{\"d\":{\"$anchor\":\"d\",");
    put_keywords(&maker);
    put(&maker, "}}}");
}
