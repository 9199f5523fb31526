/* synth_twist.c - what else a function has to heed: declared in synth.h, made in the code of an idea.
 *
 *   twist none_if_empty              def longest(words):               def longest(words):
 *     on      list[str]                  return max(words, key=len)  ->     if not words:
 *     before                                                                    return None
 *         if not $target:                                                   return max(words, key=len)
 *             return None
 *
 *   twist sorted                     def get_keys(d):
 *     expr    sorted($value)             return sorted(d.keys())
 *
 * `before` stands before the body, `expr` around what is returned: the body must return in its last
 * line and nowhere else. A body that calls itself has no twist.
 */
#include "data/synth.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- which argument -------------------------------------------------------------------------- */

static bool is_hint(const struct synth_argument *argument, struct synth_piece hint)
{
    const char *const own = curriculum_text(argument->type, "hint", "");
    return strlen(own) == hint.length && memcmp(own, hint.text, hint.length) == 0;
}

/* The only argument of that hint, where it is the first; a number, where there is no other argument:
 * "ignoring the sign" must not leave open whose. argument_count: there is no such one. */
static size_t find_only(const struct synth_function *function, struct synth_piece hint)
{
    size_t found = function->argument_count;
    for (size_t i = 0; i < function->argument_count; i++) {
        if (!is_hint(&function->arguments[i], hint))
            continue;
        if (found < function->argument_count)
            return function->argument_count;
        found = i;
    }
    const bool number = hint.length == 3 && memcmp(hint.text, "int", 3) == 0;
    return found == 0 && (!number || function->argument_count == 1) ? found
                                                                    : function->argument_count;
}

/* "on HINT": the argument that alone has it; "on HINT + HINT": these two, and no others; without `on`
 * none is meant. *count arguments to `targets`. */
static bool find_targets(const struct synth_function *function,
                         const struct curriculum_block *twist, size_t targets[2], size_t *count)
{
    const struct curriculum_field *field;
    bool asked = false;
    for (size_t at = 0; (field = curriculum_next(twist, "on", 2, &at)) != NULL;) {
        const char *const plus = strstr(field->text, " + ");
        const struct synth_piece first = {field->text, plus == NULL ? strlen(field->text)
                                                                    : (size_t)(plus - field->text)};
        asked = true;
        if (plus == NULL) {
            targets[0] = find_only(function, first);
            *count = 1;
            if (targets[0] < function->argument_count)
                return true;
        } else if (function->argument_count == 2 && is_hint(&function->arguments[0], first) &&
                   is_hint(&function->arguments[1],
                           (struct synth_piece){plus + 3, strlen(plus + 3)})) {
            targets[0] = 0;
            targets[1] = 1;
            *count = 2;
            return true;
        }
    }
    *count = 0;
    return !asked;
}

/* ---- what it gives --------------------------------------------------------------------------- */

/* Of a result as an example writes it; NULL: it doesn't show. */
static const char *kind_of(const char *result)
{
    const char *const inner = result + 1;
    if (*result == '\'' || *result == '"')
        return "text";
    if (strncmp(result, "True", 4) == 0 || strncmp(result, "False", 5) == 0)
        return "bool";
    if (*result == '{')
        return strchr(result, ':') == NULL ? NULL : "dict";
    if (*result == '[')
        return *inner == '\'' || *inner == '"'                   ? "texts"
               : isdigit((unsigned char)*inner) || *inner == '-' ? "numbers"
               : *inner == ']'                                   ? NULL
                                                                 : "list";
    if (isdigit((unsigned char)*result) || *result == '-')
        return strchr(result, '.') == NULL ? "number" : "real";
    return NULL;
}

static const char *gives(const struct curriculum_block *idea)
{
    const struct curriculum_field *field;
    for (size_t at = 0; (field = curriculum_next(idea, "example", 7, &at)) != NULL;) {
        const char *arrow = NULL;
        for (const char *next = field->text; (next = strstr(next, "->")) != NULL; next += 2)
            arrow = next + 2;
        const char *const kind = arrow == NULL ? NULL : kind_of(arrow + strspn(arrow, " "));
        if (kind != NULL)
            return kind;
    }
    return NULL;
}

static bool holds(const char *names, const char *name)
{
    struct synth_piece pieces[SYNTH_CHOICES];
    const size_t count = synth_text_split(names, strlen(names), pieces, SYNTH_CHOICES);
    for (size_t i = 0; i < count; i++)
        if (strlen(name) == pieces[i].length && memcmp(pieces[i].text, name, pieces[i].length) == 0)
            return true;
    return false;
}

/* "gives number | real": what the idea's examples come to is one of these. */
static bool suits(const struct curriculum_block *idea, const struct curriculum_block *twist)
{
    const char *const wanted = curriculum_text(twist, "gives", NULL);
    const char *const kind = wanted == NULL ? NULL : gives(idea);
    return wanted == NULL || (kind != NULL && holds(wanted, kind));
}

/* ---- which twist ----------------------------------------------------------------------------- */

/* Does what is said of the idea hold the word? */
static bool mentions(const struct curriculum_block *idea, struct synth_piece word)
{
    for (size_t i = 0; i < idea->count; i++) {
        if (strcmp(idea->fields[i].key, "explain") == 0 || strcmp(idea->fields[i].key, "say") == 0)
            continue;
        for (const char *at = idea->fields[i].text; *at != '\0'; at++)
            if (strncmp(at, word.text, word.length) == 0)
                return true;
    }
    return false;
}

/* "without empty | none": what the idea's own texts and code must not hold. */
static bool welcome(const struct curriculum_block *idea, const struct curriculum_block *twist)
{
    struct synth_piece words[SYNTH_CHOICES];
    const char *const without = curriculum_text(twist, "without", "");
    const size_t count = synth_text_split(without, strlen(without), words, SYNTH_CHOICES);
    for (size_t i = 0; i < count; i++)
        if (words[i].length > 0 && mentions(idea, words[i]))
            return false;
    return true;
}

static bool fits(const struct synth_function *function, const struct curriculum_block *twist)
{
    size_t targets[2], count = 0;
    if (!find_targets(function, twist, targets, &count) || !suits(function->block, twist) ||
        !welcome(function->block, twist))
        return false;
    for (size_t i = 0; i < function->argument_count; i++)
        if (synth_function_uses(twist, function->arguments[i].name) ||
            synth_function_uses(twist, function->arguments[i].usual))
            return false;
    return true;
}

/* ---- putting it on --------------------------------------------------------------------------- */

static enum synth_said bind(struct synth *synth, const struct curriculum_block *twist)
{
    static const char *const names[] = {"target", "target2"};
    struct synth_function *const function = synth->function;
    size_t targets[2] = {0}, count = 0;
    if (curriculum_text(twist, "arg", NULL) != NULL ||
        curriculum_text(twist, "param", NULL) != NULL) {
        error_set(synth->error, PRIMER_EFORMAT,
                  "%s:%zu: twist %s: found an argument of its own, expected none", twist->file,
                  twist->line, twist->name);
        return SYNTH_FAILED;
    }
    find_targets(function, twist, targets, &count);
    for (size_t i = 0; i < count; i++)
        if (!synth_function_bind(synth, (struct synth_binding){.name = names[i],
                                                               .owner = twist,
                                                               .kind = SYNTH_ARGUMENT,
                                                               .number = (long long)targets[i]}))
            return SYNTH_FAILED;
    function->twist = twist;
    function->target_count = count;
    memcpy(function->targets, targets, sizeof targets);
    if (!synth_function_bind(
            synth, (struct synth_binding){.name = "twist", .kind = SYNTH_PART, .block = twist}))
        return SYNTH_FAILED;
    return synth_function_bind_block(synth, twist, twist);
}

/* Is there a variant that can be written with it? */
static enum synth_said try_code(struct synth *synth)
{
    struct buffer code = {0};
    const enum synth_said said = synth_code_body(synth, NULL, 4, &code);
    buffer_free(&code);
    return said;
}

enum synth_said synth_twist_choose(struct synth *synth)
{
    struct synth_function *const function = synth->function;
    const struct synth_function before = *function;
    size_t count = 0, all = 0;
    const struct curriculum_block *const twists =
        curriculum_kind(synth->curriculum, "twist", &count);
    for (size_t i = 0; i < count; i++)
        all += fits(function, &twists[i]) ? twists[i].weight : 0;
    if (all == 0)
        return SYNTH_MISSING;
    size_t at = (size_t)random_below(&synth->random, all);
    for (size_t i = 0; i < count; i++) {
        if (!fits(function, &twists[i]))
            continue;
        if (at < twists[i].weight) {
            enum synth_said said = bind(synth, &twists[i]);
            if (said == SYNTH_SAID)
                said = try_code(synth);
            if (said == SYNTH_MISSING)
                *function = before;
            return said;
        }
        at -= twists[i].weight;
    }
    return SYNTH_MISSING;
}

/* ---- code ------------------------------------------------------------------------------------ */

static enum synth_said append(struct synth *synth, const char *text, size_t length,
                              struct buffer *out)
{
    return synth_text_raw(synth, text, length, out);
}

/* Where the body returns, and what: in its last line alone. */
static bool find_return(const struct buffer *body, struct synth_piece *value)
{
    static const char word[] = "return ";
    size_t found = 0, end = body->length;
    while (end > 0 && body->bytes[end - 1] == '\n')
        end--;
    for (size_t at = 0; at < end;) {
        const char *const line = body->bytes + at;
        const char *const stop = memchr(line, '\n', end - at);
        const size_t length = stop == NULL ? end - at : (size_t)(stop - line);
        const size_t own = strspn(line, " ");
        if (own + sizeof word - 1 < length && memcmp(line + own, word, sizeof word - 1) == 0) {
            found++;
            *value = (struct synth_piece){line + own + sizeof word - 1,
                                          length - own - (sizeof word - 1)};
            if (stop != NULL || own != 4)
                return false;
        } else if (length >= own + 6 && memcmp(line + own, "return", 6) == 0) {
            return false;
        }
        at += length + 1;
    }
    return found == 1;
}

/* What stands outside of all brackets and quotes of an expression. */
struct outside {
    bool blank, comma; /* operators are written with blanks around */
    bool other;        /* a sign that no name, call or index has */
};

static struct outside look_outside(struct synth_piece value)
{
    struct outside outside = {0};
    size_t depth = 0;
    char quote = '\0';
    for (size_t i = 0; i < value.length; i++) {
        const char c = value.text[i];
        if (quote != '\0' && c == '\\') {
            i++;
        } else if (quote != '\0' || c == '\'' || c == '"') {
            quote = quote == '\0' ? c : quote == c ? '\0' : quote;
        } else if (strchr("([{", c) != NULL) {
            depth++;
        } else if (strchr(")]}", c) != NULL) {
            depth -= depth > 0;
        } else if (depth == 0) {
            outside.blank = outside.blank || c == ' ';
            outside.comma = outside.comma || c == ',';
            outside.other =
                outside.other || (!isalnum((unsigned char)c) && c != '_' && c != '.' && c != ' ');
        }
    }
    return outside;
}

/* "a if b else c", or a lambda's body. */
static bool has_choice(struct synth_piece value)
{
    for (size_t i = 0; i + 4 < value.length; i++)
        if (memcmp(value.text + i, " if ", 4) == 0 || memcmp(value.text + i, "lambd", 5) == 0)
            return true;
    return false;
}

/* May the value stand between these as it is? */
static bool stands_bare(struct synth_piece value, struct synth_piece before, const char *behind)
{
    const struct outside outside = look_outside(value);
    while (before.length > 0 && before.text[before.length - 1] == ' ')
        before.length--;
    const char last = before.length == 0 ? '(' : before.text[before.length - 1];
    if (!outside.blank && !outside.comma && !outside.other)
        return true;
    if (strchr("([,", last) != NULL && *behind != '\0' && strchr(",)]", *behind) != NULL)
        return !outside.comma;
    return strncmp(behind, " else ", 6) == 0 && !outside.comma && !has_choice(value);
}

/* A piece of the twist's own code. */
static enum synth_said write_piece(struct synth *synth, const char *text, size_t length,
                                   struct buffer *out)
{
    if (length == 0)
        return SYNTH_SAID;
    const char *const piece = synth_text_keep(synth, text, length);
    return piece == NULL ? SYNTH_FAILED : synth_code_write(synth, piece, 0, out);
}

/* `expr` with $value replaced, in brackets where what is beside it would bind closer. */
static enum synth_said write_around(struct synth *synth, const char *expr, struct synth_piece value,
                                    struct buffer *out)
{
    static const char name[] = "$value";
    const size_t length = sizeof name - 1;
    enum synth_said said = SYNTH_SAID;
    const struct curriculum_block *const owner = synth->owner;
    synth->owner = synth->function->twist;
    for (const char *at = expr; said == SYNTH_SAID && (at = strstr(at, name)) != NULL;) {
        if (isalnum((unsigned char)at[length]) || at[length] == '_') {
            at += length;
            continue;
        }
        const struct synth_piece before = {expr, (size_t)(at - expr)};
        const bool bare = stands_bare(value, before, at + length);
        said = write_piece(synth, before.text, before.length, out);
        if (said == SYNTH_SAID && !bare)
            said = append(synth, "(", 1, out);
        if (said == SYNTH_SAID)
            said = append(synth, value.text, value.length, out);
        if (said == SYNTH_SAID && !bare)
            said = append(synth, ")", 1, out);
        expr = at += length;
    }
    if (said == SYNTH_SAID)
        said = write_piece(synth, expr, strlen(expr), out);
    synth->owner = owner;
    return said;
}

static enum synth_said write_before(struct synth *synth, const char *before, size_t indent,
                                    struct buffer *out)
{
    const struct curriculum_block *const owner = synth->owner;
    synth->owner = synth->function->twist;
    enum synth_said said = synth_code_write(synth, before, indent, out);
    synth->owner = owner;
    return said == SYNTH_SAID ? append(synth, "\n", 1, out) : said;
}

/* Only the value is replaced, so the lines before it keep their indentation. */
static enum synth_said write_body(struct synth *synth, const struct buffer *body, size_t indent,
                                  struct buffer *out)
{
    const char *const expr = curriculum_text(synth->function->twist, "expr", NULL);
    const char *const before = curriculum_text(synth->function->twist, "before", NULL);
    struct synth_piece value = {body->bytes + body->length, 0};
    if (expr != NULL && (indent != 4 || !find_return(body, &value)))
        return SYNTH_MISSING;
    enum synth_said said = before == NULL ? SYNTH_SAID : write_before(synth, before, indent, out);
    if (said == SYNTH_SAID)
        said = append(synth, body->bytes, (size_t)(value.text - body->bytes), out);
    return said == SYNTH_SAID && expr != NULL ? write_around(synth, expr, value, out) : said;
}

static bool calls_itself(const char *code)
{
    for (const char *at = code; (at = strstr(at, "$f")) != NULL; at += 2)
        if (!isalnum((unsigned char)at[2]) && at[2] != '_')
            return true;
    return false;
}

enum synth_said synth_twist_write(struct synth *synth, const char *code, size_t indent,
                                  struct buffer *out)
{
    const size_t length = out->length;
    struct buffer body = {0};
    if (synth->function->twist == NULL)
        return synth_code_write(synth, code, indent, out);
    if (calls_itself(code))
        return SYNTH_MISSING;
    enum synth_said said = synth_code_write(synth, code, indent, &body);
    if (said == SYNTH_SAID)
        said = write_body(synth, &body, indent, out);
    if (said == SYNTH_MISSING && out->bytes != NULL)
        out->bytes[out->length = length] = '\0';
    buffer_free(&body);
    return said;
}
