/* schema_string.c - strings: lengths, patterns, formats, and texts that are excluded.
 *
 *   none of them            "character{least,most}"        all escapes
 *   one expression          its tree as a grammar, if the lengths follow from it
 *   [set]{a,b} alone        the same with both limits
 *   several, or lengths     an automaton of all of them
 */
#include "constraint/schema.h"

#include <string.h>

#include "constraint/grammar_json.h"

/* What an automaton counts as in the schema's steps. */
enum { STEPS_OF_AUTOMATON = 16, WORK_OF_STEP = 128 };

#define KEPT_BYTES ((size_t)4 << 20) /* of an automaton; larger ones are made again */

/* ---- what a set's strings must do ------------------------------------------------------------ */

static bool add_expression(struct schema *schema, struct schema_text *text, const json_t *where,
                           const char *keyword, const char *expression, size_t length, bool whole)
{
    primer_error error;
    if (regex_parse(&schema->scratch, expression, length, whole, text->terms, &text->count,
                    &error) == PRIMER_OK)
        return true;
    schema_failed_at(schema, where, keyword, &error);
    return false;
}

/* A negated expression with look-aheads would be a union. */
bool schema_text_pattern(struct schema *schema, struct schema_text *text, const json_t *where,
                         const char *pattern, size_t length, bool negated)
{
    const size_t before = text->count;
    if (!add_expression(schema, text, where, "pattern", pattern, length, false))
        return false;
    if (negated && text->count != before + 1)
        schema_failure(schema, PRIMER_EUNSUPPORTED, where, "pattern",
                       "look-ahead in an expression that must not match");
    if (negated)
        text->terms[before].negated = true;
    return !schema_failed(schema);
}

bool schema_text_add(struct schema *schema, struct schema_text *text, const json_t *object)
{
    const json_t *const pattern = json_object_get(object, "pattern");
    const json_t *const format = json_object_get(object, "format");
    const size_t least = schema_count(object, "minLength", 0);
    const size_t most = schema_count(object, "maxLength", GRAMMAR_ENDLESS);
    text->least = least > text->least ? least : text->least;
    text->most = most < text->most ? most : text->most;
    if (pattern != NULL && !schema_text_pattern(schema, text, object, json_string_value(pattern),
                                                json_string_length(pattern), false))
        return false;
    if (format == NULL)
        return true;
    const char *const expression = schema_format(json_string_value(format));
    if (expression == NULL) {
        schema_failure(schema, PRIMER_EUNSUPPORTED, object, "format",
                       "the format \"%.60s\" is not supported", json_string_value(format));
        return false;
    }
    return expression[0] == '\0' ||
           add_expression(schema, text, object, "format", expression, strlen(expression), true);
}

bool schema_text_except(struct schema *schema, struct schema_text *text, const char *const *texts,
                        const size_t *lengths, size_t count)
{
    if (count == 0)
        return true;
    if (text->count == REGEX_TERMS) {
        schema_failure(schema, PRIMER_ELIMIT, NULL, NULL,
                       "more than %d expressions would have to hold at once", REGEX_TERMS);
        return false;
    }
    const struct regex_node *const root = regex_texts(&schema->scratch, texts, lengths, count);
    if (root == NULL) {
        schema_no_memory(schema);
        return false;
    }
    text->terms[text->count++] = (struct regex_term){root, true, true};
    return true;
}

/* not: {const}, {enum} or {type: string, pattern}. */
static bool add_negated(struct schema *schema, struct schema_text *text, const json_t *negated)
{
    const json_t *const pattern = json_object_get(negated, "pattern");
    const json_t *const given = json_object_get(negated, "const");
    const json_t *const list = json_object_get(negated, "enum");
    if (pattern != NULL)
        return schema_text_pattern(schema, text, negated, json_string_value(pattern),
                                   json_string_length(pattern), true);
    const size_t count = given != NULL ? 1 : json_array_size(list);
    const char **const texts = scratch_take(&schema->scratch, count + 1, sizeof *texts);
    size_t *const lengths = scratch_take(&schema->scratch, count + 1, sizeof *lengths);
    size_t used = 0;
    if (texts == NULL || lengths == NULL) {
        schema_no_memory(schema);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *const value = given != NULL ? given : json_array_get(list, i);
        if (!json_is_string(value))
            continue;
        texts[used] = json_string_value(value);
        lengths[used++] = json_string_length(value);
    }
    return schema_text_except(schema, text, texts, lengths, used);
}

bool schema_text_of(struct schema *schema, const struct schema_set *set, struct schema_text *text)
{
    *text = (struct schema_text){.most = GRAMMAR_ENDLESS};
    for (size_t i = 0; i < set->count; i++) {
        const struct schema_part part = set->parts[i];
        if (part.kind == SCHEMA_PLAIN && !schema_text_add(schema, text, part.schema))
            return false;
        if (part.kind == SCHEMA_NOT &&
            !add_negated(schema, text, json_object_get(part.schema, "not")))
            return false;
    }
    return true;
}

/* ---- automata -------------------------------------------------------------------------------- */

bool schema_text_automaton(struct schema *schema, const struct schema_text *text,
                           const json_t *where, struct regex_automaton *automaton)
{
    primer_error error;
    if (regex_automaton_make(&schema->scratch, text->terms, text->count, text->least, text->most,
                             automaton, &error) == PRIMER_OK)
        return schema_steps(schema, automaton->work / WORK_OF_STEP);
    schema_failed_at(schema, where, NULL, &error);
    return false;
}

bool schema_text_empty(struct schema *schema, const struct schema_text *text)
{
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    struct regex_automaton automaton = {.work = REGEX_WORK};
    const bool made = regex_automaton_make(&scratch, text->terms, text->count, text->least,
                                           text->most, &automaton, NULL) == PRIMER_OK;
    scratch_free(&scratch);
    return schema_steps(schema, automaton.work / WORK_OF_STEP) && made && automaton.states == 0;
}

/* ---- given texts ----------------------------------------------------------------------------- */

static struct schema_kept *find_kept(struct schema *schema, const void *key)
{
    for (size_t i = 0; i < SCHEMA_KEPT; i++)
        if (schema->kept[i].key == key)
            return &schema->kept[i];
    return NULL;
}

static void forget(struct schema_kept *kept)
{
    scratch_free(&kept->scratch);
    *kept = (struct schema_kept){0};
}

void schema_text_free(struct schema *schema)
{
    for (size_t i = 0; i < SCHEMA_KEPT; i++)
        forget(&schema->kept[i]);
}

/* NULL: a failure. */
static struct schema_kept *keep(struct schema *schema, const void *key,
                                const struct schema_text *text, const json_t *where)
{
    struct schema_kept *const kept = &schema->kept[schema->kept_next++ % SCHEMA_KEPT];
    primer_error error;
    forget(kept);
    kept->scratch.left = CONSTRAINT_SCRATCH;
    if (regex_automaton_make(&kept->scratch, text->terms, text->count, 0, GRAMMAR_ENDLESS,
                             &kept->automaton, &error) != PRIMER_OK) {
        schema_failed_at(schema, where, NULL, &error);
        forget(kept);
        return NULL;
    }
    kept->key = key;
    return schema_steps(schema, STEPS_OF_AUTOMATON + kept->automaton.work / WORK_OF_STEP) ? kept
                                                                                          : NULL;
}

static bool judge(struct schema_kept *kept, const char *bytes, size_t length)
{
    const bool matches = kept != NULL && regex_automaton_matches(&kept->automaton, bytes, length);
    if (kept != NULL && CONSTRAINT_SCRATCH - kept->scratch.left > KEPT_BYTES)
        forget(kept);
    return matches;
}

bool schema_text_valid(struct schema *schema, const json_t *object, const char *bytes,
                       size_t length)
{
    struct schema_kept *kept = find_kept(schema, object);
    struct schema_text text = {.most = GRAMMAR_ENDLESS};
    size_t characters = 0;
    for (size_t i = 0; i < length; i++)
        characters += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    if (characters < schema_count(object, "minLength", 0) ||
        characters > schema_count(object, "maxLength", SIZE_MAX))
        return false;
    if (kept == NULL) {
        if (!schema_text_add(schema, &text, object))
            return false;
        if (text.count == 0)
            return true;
        kept = keep(schema, object, &text, object);
    }
    return judge(kept, bytes, length);
}

bool schema_text_matches(struct schema *schema, const json_t *object, const char *pattern,
                         const char *bytes, size_t length)
{
    struct schema_kept *kept = find_kept(schema, pattern);
    struct schema_text text = {.most = GRAMMAR_ENDLESS};
    if (kept == NULL) {
        if (!schema_text_pattern(schema, &text, object, pattern, strlen(pattern), false))
            return false;
        kept = keep(schema, pattern, &text, object);
    }
    return judge(kept, bytes, length);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static size_t quoted(struct grammar *grammar, size_t inside)
{
    const size_t quote = grammar_text(grammar, "\"");
    const size_t parts[] = {quote, inside, quote};
    return grammar_sequence(grammar, parts, 3);
}

/* ^[set]{a,b}$: the repetition; NULL: something else. */
static const struct regex_node *repeated_set(struct regex_term term)
{
    const struct regex_node *root = term.root;
    if (root->kind == REGEX_SEQUENCE && root->count == 3 &&
        root->children[0]->kind == REGEX_START && root->children[2]->kind == REGEX_END)
        root = root->children[1];
    else if (!term.whole)
        return NULL;
    return root->kind == REGEX_REPEAT && root->children[0]->kind == REGEX_SET &&
                   root->children[0]->set.count > 0 && !term.negated
               ? root
               : NULL;
}

/* False: it takes an automaton. */
static bool one_expression(struct grammar *grammar, const struct schema_text *text, size_t *node)
{
    const struct regex_term term = text->terms[0];
    const struct regex_node *const repeat = repeated_set(term);
    size_t least, most;
    if (repeat != NULL) {
        least = repeat->least > text->least ? repeat->least : text->least;
        most = repeat->most < text->most ? repeat->most : text->most;
        *node = SCHEMA_NOTHING;
        if (least <= most)
            *node = grammar_repeat(
                grammar, regex_set_grammar(grammar, repeat->children[0]->set, true), least, most);
        return true;
    }
    regex_lengths(term, &least, &most);
    return least >= text->least && most <= text->most &&
           regex_node_grammar(grammar, term, true, node);
}

size_t schema_text_node(struct schema *schema, const struct schema_text *text, const json_t *where)
{
    struct regex_automaton automaton;
    size_t node;
    if (text->least > text->most)
        return SCHEMA_NOTHING;
    if (text->count == 0)
        return grammar_json_string(schema->grammar, text->least, text->most);
    if (text->count == 1 && one_expression(schema->grammar, text, &node))
        return node == SCHEMA_NOTHING ? node : quoted(schema->grammar, node);
    if (!schema_text_automaton(schema, text, where, &automaton) || automaton.states == 0)
        return SCHEMA_NOTHING;
    return quoted(schema->grammar,
                  regex_automaton_grammar(schema->grammar, &schema->scratch, &automaton, true));
}

size_t schema_string(struct schema *schema, const struct schema_set *set)
{
    struct schema_text text;
    const json_t *where = NULL;
    if (!schema_text_of(schema, set, &text))
        return SCHEMA_NOTHING;
    for (size_t i = 0; i < set->count && where == NULL; i++)
        if (json_object_get(set->parts[i].schema, "pattern") != NULL ||
            json_object_get(set->parts[i].schema, "format") != NULL)
            where = set->parts[i].schema;
    return schema_text_node(schema, &text, where);
}
