/* schema.h - JSON Schema to grammars: drafts 7 and 2020-12, and what OpenAPI 3 adds.
 *
 *   { "type": "object", "properties": {..}, "anyOf": [A, B] }        one schema object
 *     part PLAIN ------------------------/          \---- part ANY_OF
 *
 *   set    parts that must all hold at one place of the answer. $ref and allOf only add parts.
 *   node   what a set becomes: a union's part is replaced by each of its alternatives in turn,
 *          until only plain parts are left; these are merged type by type. Sets are remembered, so
 *          a schema that refers to itself becomes a rule that does.
 *
 *   grammar_schema.c    entry                      schema_set.c       parts, sets, unions
 *   schema_keyword.c    which keywords there are   schema_reference.c $ref, places
 *   schema_rewrite.c    oneOf, if, not, dependent* as unions          schema_apart.c  disjointness
 *   schema_valid.c      whether a given value is valid                schema_value.c  a given value
 *   schema_string.c, schema_format.c, schema_number.c, schema_array.c, schema_object.c
 *
 * What comes out is always valid for the schema; but not all that is valid comes out:
 *   - an object whose schema names properties has no others, unless additionalProperties or
 *     patternProperties say so; a tuple likewise has no items behind its own
 *   - properties come in the schema's order, further ones behind them
 *   - keywords of one type, without "type", mean that type
 *   - numbers are written without an exponent where they have limits
 *   - a given value (const, enum) is written in one way, but for space
 *   - of more than 8 unique items the order is that of their enum
 */
#ifndef CONSTRAINT_SCHEMA_H
#define CONSTRAINT_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "constraint/grammar.h"
#include "constraint/regex.h"
#include "constraint/constraint_memory.h"

#define SCHEMA_NOTHING SIZE_MAX /* instead of a node: no value is valid, or a failure */

#define SCHEMA_BYTES    ((size_t)4 << 20) /* of a schema's text */
#define SCHEMA_DEPTH    200               /* schemas in one another, also by way of $ref */
#define SCHEMA_SETS     20000             /* different sets */
#define SCHEMA_STEPS    1000000           /* of looking at values, alternatives, disjointness */
#define SCHEMA_PATTERNS 6                 /* patternProperties of one object */
#define SCHEMA_UNIQUE   64                /* values of unique items */
#define SCHEMA_COUNTED  200               /* properties that are counted */
#define SCHEMA_KEPT     8                 /* automata that are kept for the next given value */
#define SCHEMA_MOST     ((size_t)1 << 29) /* a limit above that is written as this one */

enum {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_OBJECT = 4,
    SCHEMA_ARRAY = 8,
    SCHEMA_STRING = 16,
    SCHEMA_INTEGER = 32,
    SCHEMA_FRACTION = 64, /* numbers that are no integers */
    SCHEMA_NUMBER = SCHEMA_INTEGER | SCHEMA_FRACTION,
    SCHEMA_ANY = 127
};

enum schema_kind {
    SCHEMA_PLAIN,
    SCHEMA_ANY_OF,
    SCHEMA_ONE_OF,
    SCHEMA_IF,
    SCHEMA_NOT,
    SCHEMA_DEPENDENT
};

struct schema_part {
    const json_t *schema; /* an object */
    enum schema_kind kind;
};

struct schema_set {
    struct schema_part *parts; /* in the order in which they were found, each once */
    size_t count, capacity;
    bool nothing; /* `false` is among them */
};

/* An automaton that a given value was held against: the next one may want it too. */
struct schema_kept {
    const void *key; /* the object, or a key of patternProperties; NULL: nothing is kept */
    struct scratch scratch;
    struct regex_automaton automaton;
};

struct schema_memory;   /* of sets: schema_set.c */
struct schema_made;     /* of rewritten schemas: schema_rewrite.c */
struct schema_negation; /* of {not: ..}: schema_rewrite.c */

struct schema {
    struct grammar *grammar;
    struct scratch scratch;
    const json_t *root;
    const char *path; /* what messages call the root */
    primer_error error;
    struct schema_memory *memory;
    size_t memory_count, memory_capacity;
    size_t *slots; /* of the memory */
    struct schema_made *made;
    size_t made_count, made_capacity;
    struct schema_negation *negations;
    size_t negation_count, negation_capacity;
    json_t *owned;          /* an array of what was rewritten */
    size_t depth;           /* schemas in one another, now */
    size_t valid_depth;     /* the same while a given value is looked at */
    const json_t *left_out; /* has a keyword without an opposite, the last one in a negation */
    const char *left_out_keyword;
    size_t left_outs;                 /* how many there were */
    size_t apart_left;                /* pairs that may still be compared */
    size_t steps;                     /* taken */
    size_t visited;                   /* values, in search of a name */
    const json_t *given, *given_list; /* a value of an enum that is looked at, and that enum */
    size_t any;                       /* node of any value, or SCHEMA_NOTHING */
    struct schema_kept kept[SCHEMA_KEPT];
    size_t kept_next; /* which is given up next */
};

/* ---- failures, places (schema_reference.c) --------------------------------------------------- */

static inline bool schema_failed(const struct schema *schema)
{
    return schema->error.status != PRIMER_OK;
}
/* "#/properties/a/not: message"; the place of `where`, and `keyword` behind it (NULL: none). Always
 * SCHEMA_NOTHING. The first failure is kept. */
size_t schema_failure(struct schema *schema, primer_status status, const json_t *where,
                      const char *keyword, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* What a call that fills an error left there, with the place before it. */
size_t schema_failed_at(struct schema *schema, const json_t *where, const char *keyword,
                        const primer_error *error);
size_t schema_no_memory(struct schema *schema);
bool schema_steps(struct schema *schema, size_t count); /* false: too many, or a failure */
bool schema_step(struct schema *schema);                /* the same of one */
/* What a $ref means; NULL: a failure, which is kept. */
const json_t *schema_resolve(struct schema *schema, const json_t *from);

/* ---- keywords (schema_keyword.c) ------------------------------------------------------------- */

/* Whether all keywords of the object are supported and of the right kind. */
bool schema_check(struct schema *schema, const json_t *object);
bool schema_knows(const char *keyword);        /* it constrains values */
bool schema_has_plain(const json_t *object);   /* a keyword that belongs to the plain part */
unsigned schema_types(const json_t *object);   /* what type and nullable allow; SCHEMA_ANY */
unsigned schema_implied(const json_t *object); /* types that the other keywords are about; 0 */
unsigned schema_type_of(const json_t *value);  /* one bit */
/* A count such as maxLength, at most SCHEMA_MOST; `otherwise` where it isn't there. */
size_t schema_count(const json_t *object, const char *keyword, size_t otherwise);
/* Whether the object constrains values by nothing but these keywords (NULL-terminated). */
bool schema_only(const json_t *object, const char *const *keywords);

/* ---- sets (schema_set.c) --------------------------------------------------------------------- */

/* Adds the schema's parts; false: a failure. */
bool schema_add(struct schema *schema, struct schema_set *set, const json_t *item);
bool schema_add_set(struct schema *schema, struct schema_set *set, const struct schema_set *other);
/* The node of a set; below: what stands inside an object or an array. */
size_t schema_node(struct schema *schema, const struct schema_set *set);
size_t schema_node_below(struct schema *schema, const struct schema_set *set);
bool schema_is_any(const struct schema_set *set);
/* Types that all plain parts allow, implied ones only where none is named. */
unsigned schema_set_types(const struct schema_set *set);
/* The values of a set that has an enum or a const, those that are valid for it (borrowed); false:
 * there is none, or a failure. */
bool schema_values(struct schema *schema, const struct schema_set *set, const json_t ***values,
                   size_t *count);
size_t schema_any(struct schema *schema);
/* Whether only const, enum or a pattern is negated: what merging understands by itself. */
bool schema_not_simple(const json_t *negated);

/* ---- unions (schema_rewrite.c, schema_apart.c) ----------------------------------------------- */

/* The alternatives of a part as an array of schemas (borrowed); NULL: a failure. `alone`: nothing
 * else says which properties there are. */
const json_t *schema_alternatives(struct schema *schema, struct schema_part part, bool alone);
/* The failure of what was left out of a negation last. */
void schema_left_out(struct schema *schema);
/* Whether, provably, what is written for one of the schemas is never valid for the other. */
bool schema_apart(struct schema *schema, const json_t *a, const json_t *b, bool alone);

/* ---- values (schema_valid.c, schema_value.c) ------------------------------------------------- */

bool schema_valid(struct schema *schema, const json_t *value, const json_t *item);
bool schema_valid_part(struct schema *schema, const json_t *value, struct schema_part part);
bool schema_valid_set(struct schema *schema, const json_t *value, const struct schema_set *set);
bool schema_equal(const json_t *a, const json_t *b); /* 1 and 1.0 are equal */
size_t schema_value(struct schema *schema, const json_t *value);
/* The text between quotes, exactly. */
size_t schema_quoted(struct schema *schema, const char *text, size_t length);

/* ---- types ----------------------------------------------------------------------------------- */

size_t schema_object(struct schema *schema, const struct schema_set *set);
size_t schema_array(struct schema *schema, const struct schema_set *set);
size_t schema_string(struct schema *schema, const struct schema_set *set);
size_t schema_number(struct schema *schema, const struct schema_set *set, unsigned types);

/* What strings of a set must do. */
struct schema_text {
    struct regex_term terms[REGEX_TERMS];
    size_t count, least, most;
};
bool schema_text_add(struct schema *schema, struct schema_text *text, const json_t *object);
bool schema_text_of(struct schema *schema, const struct schema_set *set, struct schema_text *text);
bool schema_text_pattern(struct schema *schema, struct schema_text *text, const json_t *where,
                         const char *pattern, size_t length, bool negated);
/* The texts that are left when these are taken out; false: a failure. */
bool schema_text_except(struct schema *schema, struct schema_text *text, const char *const *texts,
                        const size_t *lengths, size_t count);
bool schema_text_automaton(struct schema *schema, const struct schema_text *text,
                           const json_t *where, struct regex_automaton *automaton);
/* Whether, provably, there is no such text. */
bool schema_text_empty(struct schema *schema, const struct schema_text *text);
/* Whether the text is as the object's keywords want it; whether the object's pattern matches it. */
bool schema_text_valid(struct schema *schema, const json_t *object, const char *bytes,
                       size_t length);
bool schema_text_matches(struct schema *schema, const json_t *object, const char *pattern,
                         const char *bytes, size_t length);
void schema_text_free(struct schema *schema); /* what they have kept */
/* Between quotes; SCHEMA_NOTHING where nothing is left. */
size_t schema_text_node(struct schema *schema, const struct schema_text *text, const json_t *where);
/* The expression of a format, whole. "": no constraint on texts, as names that aren't JSON Schema's
 * (2020-12, validation, section 7.2.3: a note for programs that know it). NULL: not supported. */
const char *schema_format(const char *name);

/* Limits of numbers, as decimals. */
bool schema_number_valid(struct schema *schema, const json_t *value, const json_t *object);
/* Whether no number keeps the limits of both. */
bool schema_numbers_apart(struct schema *schema, const json_t *a, const json_t *b);

#endif
