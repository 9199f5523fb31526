/* synth_text.c - saying texts: alternatives, names, holes. Declared in synth.h.
 *
 * Alternatives are tried in random order until one can be said: what an attempt appended, and the
 * holes it made, are taken back before the next.
 */
#include "data/synth.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define DEPTH_MOST   40
#define CHOICES_MOST 200000 /* of a lesson; a long one takes some thousand */
#define TEXT_MOST    ((size_t)1 << 16)

/* ---- small things ---------------------------------------------------------------------------- */

static enum synth_said failed(struct synth *synth, primer_status status)
{
    (void)synth;
    return status == PRIMER_OK ? SYNTH_SAID : SYNTH_FAILED;
}

/* A fault of the text that is being said: "FILE:LINE: " of its field, or of the lesson. */
static enum synth_said fault(struct synth *synth, primer_status status, const char *what)
{
    if (synth->saying != NULL)
        error_set(synth->error, status, "%s:%zu: %s", synth->saying->file, synth->line, what);
    else
        error_set(synth->error, status, "%s: %s",
                  synth->where == NULL ? "curriculum" : synth->where, what);
    return SYNTH_FAILED;
}

const char *synth_text_keep(struct synth *synth, const char *text, size_t length)
{
    char *copy = arena_take(&synth->arena, length + 1, 1);
    if (copy == NULL) {
        error_set(synth->error, PRIMER_ELIMIT, "%s: a lesson takes more than %zu bytes",
                  synth->where == NULL ? "curriculum" : synth->where, synth->arena.capacity);
        return NULL;
    }
    if (length > 0) /* nothing may be at no place */
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static bool no_blank_before(char c)
{
    return strchr(".,?!:;", c) != NULL;
}

/* Blanks alone since the last line end: they are an indentation, which is kept. */
static bool line_empty(const struct buffer *out)
{
    size_t i = out->length;
    while (i > 0 && out->bytes[i - 1] == ' ')
        i--;
    return i > 0 && out->bytes[i - 1] == '\n';
}

/* One character of a text: blanks are written once, and none before a full stop. */
static enum synth_said append_sign(struct synth *synth, char c, char next, struct buffer *out)
{
    const char last = out->length == 0 ? '\0' : out->bytes[out->length - 1];
    if (c == ' ' && (out->length == 0 || (last == ' ' && !line_empty(out))))
        return SYNTH_SAID;
    if (no_blank_before(c) && last == ' ' && (next == ' ' || next == '\0' || next == '\\') &&
        out->length > 0)
        out->bytes[--out->length] = '\0';
    return failed(synth, buffer_append(out, &c, 1, synth->error));
}

enum synth_said synth_text_raw(struct synth *synth, const char *text, size_t length,
                               struct buffer *out)
{
    return failed(synth, buffer_append(out, text, length, synth->error));
}

enum synth_said synth_text_number(struct synth *synth, long long number, struct buffer *out)
{
    const char *const word = synth_word_number(number);
    if (word != NULL && synth->spelled > 0 && random_unit(&synth->random) < synth->spelled)
        return failed(synth, buffer_text(out, word, synth->error));
    return failed(synth, buffer_format(out, synth->error, "%lld", number));
}

enum synth_said synth_text_hole(struct synth *synth, const char *expression, size_t length,
                                struct buffer *out)
{
    if (synth->hole_count == SYNTH_HOLES) {
        error_set(synth->error, PRIMER_ELIMIT, "%s: a lesson has more than %d values to work out",
                  synth->where == NULL ? "curriculum" : synth->where, SYNTH_HOLES);
        return SYNTH_FAILED;
    }
    const char *const kept = synth_text_keep(synth, expression, length);
    if (kept == NULL)
        return SYNTH_FAILED;
    synth->holes[synth->hole_count] = kept;
    return failed(synth, buffer_format(out, synth->error, "%c%zu%c", SYNTH_HOLE_BEGIN,
                                       synth->hole_count++, SYNTH_HOLE_END));
}

/* Where the bracket that opens at text[at] closes; `length` where it doesn't. */
static size_t closing(const char *text, size_t at, size_t length)
{
    size_t depth = 0;
    for (size_t i = at; i < length; i++) {
        if (text[i] == '\\') {
            i++;
        } else if (text[i] == '(' || text[i] == '{') {
            depth++;
        } else if ((text[i] == ')' || text[i] == '}') && --depth == 0) {
            return i;
        }
    }
    return length;
}

static struct synth_piece trimmed(const char *text, size_t length)
{
    while (length > 0 && *text == ' ')
        text++, length--;
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return (struct synth_piece){text, length};
}

/* Cuts at the bars that stand in no bracket. */
static size_t cut(const char *text, size_t length, bool trim, struct synth_piece *pieces,
                  size_t most)
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= length && count < most; i++) {
        if (i < length && text[i] == '\\') {
            i++;
        } else if (i < length && (text[i] == '(' || text[i] == '{')) {
            i = closing(text, i, length);
        } else if (i == length || text[i] == '|') {
            pieces[count++] =
                trim ? trimmed(text + from, i - from) : (struct synth_piece){text + from, i - from};
            from = i + 1;
        }
    }
    if (from <= length && count < most)
        pieces[count++] = trim ? trimmed(text + from, length - from)
                               : (struct synth_piece){text + from, length - from};
    return count;
}

size_t synth_text_split(const char *text, size_t length, struct synth_piece *pieces, size_t most)
{
    return cut(text, length, true, pieces, most);
}

/* ---- names ----------------------------------------------------------------------------------- */

static const struct synth_binding *find(const struct synth_binding *bindings, size_t count,
                                        const struct curriculum_block *owner, const char *name,
                                        size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (bindings[i].owner == owner && strncmp(bindings[i].name, name, length) == 0 &&
            bindings[i].name[length] == '\0')
            return &bindings[i];
    return NULL;
}

const struct synth_binding *synth_text_binding(const struct synth *synth, const char *name,
                                               size_t length)
{
    const struct synth_binding *found = find(synth->draws, synth->draw_count, NULL, name, length);
    const struct synth_function *const function = synth->function;
    if (found == NULL && function->block != NULL && synth->owner != NULL)
        found = find(function->bindings, function->binding_count, synth->owner, name, length);
    if (found == NULL && function->block != NULL)
        found = find(function->bindings, function->binding_count, NULL, name, length);
    return found;
}

static bool has_field(const struct curriculum_block *block, const char *key, size_t length)
{
    size_t at = 0;
    return block != NULL && curriculum_next(block, key, length, &at) != NULL;
}

/* The cell of a row that a field names, or its first one; false: there is none. */
static bool find_cell(const struct synth_binding *binding, struct synth_piece field,
                      struct synth_piece *cell)
{
    struct synth_piece cells[SYNTH_CHOICES];
    const char *const text = binding->block->fields[binding->row].text;
    const size_t count = synth_text_split(text, strlen(text), cells, SYNTH_CHOICES);
    size_t column = 0;
    if (field.length > 0) {
        const char *rest = binding->block->type;
        for (; *rest != '\0'; column++) {
            const size_t length = strcspn(rest, " ");
            if (length == field.length && memcmp(rest, field.text, length) == 0)
                break;
            rest += length + strspn(rest + length, " ");
        }
        if (*rest == '\0')
            return false;
    }
    if (column < count)
        *cell = cells[column];
    return column < count;
}

/* Is there something of that name? */
static bool bound(const struct synth *synth, const char *name, size_t length)
{
    const char *const dot = memchr(name, '.', length);
    if (dot != NULL) {
        const struct synth_binding *const part =
            synth_text_binding(synth, name, (size_t)(dot - name));
        const struct synth_piece field = {dot + 1, length - (size_t)(dot + 1 - name)};
        struct synth_piece cell;
        if (part != NULL && part->kind == SYNTH_ROW)
            return field.length > 0 && find_cell(part, field, &cell);
        return part != NULL && has_field(part->block, field.text, field.length);
    }
    const struct synth_function *const function = synth->function;
    if (length == 5 && memcmp(name, "added", 5) == 0)
        return function->added;
    if (length == 9 && memcmp(name, "argument", 8) == 0 && name[8] >= '1' && name[8] <= '9')
        return function->block != NULL && function->argument_count >= (size_t)(name[8] - '0');
    if (length > 8 && memcmp(name, "changed:", 8) == 0)
        return function->changed != NULL && strlen(function->changed) == length - 8 &&
               memcmp(function->changed, name + 8, length - 8) == 0;
    return synth_text_binding(synth, name, length) != NULL ||
           has_field(function->block, name, length) || has_field(synth->lesson, name, length);
}

static enum synth_said say_row(struct synth *synth, const struct synth_binding *binding,
                               struct synth_piece field, struct buffer *out)
{
    struct synth_piece cell;
    return find_cell(binding, field, &cell) ? synth_text_raw(synth, cell.text, cell.length, out)
                                            : SYNTH_MISSING;
}

/* "a list of numbers", "the list": as the argument's type says it. */
static enum synth_said say_argument(struct synth *synth, size_t index, struct buffer *out)
{
    struct synth_argument *const argument = &synth->function->arguments[index];
    const bool known = synth->known || argument->mentioned ||
                       (!synth->usual && random_below(&synth->random, 8) == 0);
    struct synth_argument *const before = synth->argument;
    synth->argument = argument;
    const enum synth_said said = known ? synth_text_field(synth, argument->type, "the", 3, out)
                                       : synth_text_field(synth, argument->type, "a", 1, out);
    synth->argument = before;
    argument->mentioned = true;
    return said;
}

/* A text that stands in code too is told apart from the words around it: the letter e, 'e'. */
static enum synth_said say_text(struct synth *synth, const struct synth_binding *binding,
                                struct buffer *out)
{
    static const char *const before[] = {"the letter ", "'", "\"", "the letter '", ""};
    static const char *const behind[] = {"", "'", "\"", "'", ""};
    const size_t length = strlen(binding->text);
    const bool letter = length == 1;
    if (binding->owner == NULL && !binding->in_code)
        return synth_text_raw(synth, binding->text, length, out);
    const size_t i = letter ? (size_t)random_below(&synth->random, 4)
                            : 1 + (size_t)random_below(&synth->random, 2);
    enum synth_said said = synth_text_raw(synth, before[i], strlen(before[i]), out);
    if (said == SYNTH_SAID)
        said = synth_text_raw(synth, binding->text, length, out);
    return said == SYNTH_SAID ? synth_text_raw(synth, behind[i], strlen(behind[i]), out) : said;
}

static enum synth_said say_binding(struct synth *synth, const struct synth_binding *binding,
                                   struct synth_piece field, struct buffer *out)
{
    if (binding->kind == SYNTH_ROW)
        return say_row(synth, binding, field, out);
    if (binding->kind == SYNTH_PART) {
        const struct curriculum_block *const before = synth->owner;
        synth->owner = binding->block;
        const enum synth_said said =
            field.length == 0
                ? SYNTH_MISSING
                : synth_text_field(synth, binding->block, field.text, field.length, out);
        synth->owner = before;
        return said;
    }
    if (field.length > 0)
        return SYNTH_MISSING;
    if (binding->kind == SYNTH_NUMBER)
        return synth_text_number(synth, binding->number, out);
    if (binding->kind == SYNTH_TEXT)
        return say_text(synth, binding, out);
    if (binding->kind == SYNTH_PYTHON)
        return synth_text_hole(synth, binding->name, strlen(binding->name), out);
    return say_argument(synth, (size_t)binding->number, out);
}

/* {does}, {doing}: {do} with its first word in another form. */
static enum synth_said say_inflected(struct synth *synth, bool gerund, struct buffer *out)
{
    struct buffer plain = {0};
    static const char text[] = "{do}";
    enum synth_said said = synth_text_say(synth, text, sizeof text - 1, &plain);
    if (said == SYNTH_SAID)
        said =
            failed(synth, gerund ? synth_word_gerund(plain.bytes, plain.length, out, synth->error)
                                 : synth_word_third(plain.bytes, plain.length, out, synth->error));
    buffer_free(&plain);
    return said;
}

static bool is_word(struct synth_piece piece, const char *word)
{
    return strlen(word) == piece.length && memcmp(piece.text, word, piece.length) == 0;
}

/* "the sentence " before "sentence". */
static bool ends_with_word(const struct buffer *out, const char *word)
{
    const size_t length = strlen(word);
    return out->length > length && out->bytes[out->length - 1] == ' ' &&
           memcmp(out->bytes + out->length - 1 - length, word, length) == 0;
}

/* What a name means, looked for from the nearest to the farthest. */
static enum synth_said say_name(struct synth *synth, struct synth_piece name,
                                struct synth_piece field, struct buffer *out)
{
    if (synth->argument != NULL && is_word(name, "name")) {
        if (ends_with_word(out, synth->argument->name))
            return SYNTH_MISSING; /* not "the sentence sentence" */
        synth->argument->told = true;
        return synth_text_raw(synth, synth->argument->name, strlen(synth->argument->name), out);
    }
    if (is_word(name, "program") && field.length == 0 && has_field(synth->lesson, "program", 7))
        return synth_code_write(synth, curriculum_text(synth->lesson, "program", ""), 0, out);
    if (is_word(name, "does") || is_word(name, "doing"))
        return say_inflected(synth, is_word(name, "doing"), out);
    const struct synth_binding *const binding = synth_text_binding(synth, name.text, name.length);
    if (binding != NULL)
        return say_binding(synth, binding, field, out);
    const struct synth_function *const function = synth->function;
    if (function->block != NULL) {
        const enum synth_said said = synth_function_say(synth, name, field, out);
        if (said != SYNTH_MISSING)
            return said;
    }
    if (field.length > 0)
        return SYNTH_MISSING;
    if (has_field(function->block, name.text, name.length))
        return synth_text_field(synth, function->block, name.text, name.length, out);
    if (synth->owner != NULL && has_field(synth->owner, name.text, name.length))
        return synth_text_field(synth, synth->owner, name.text, name.length, out);
    if (has_field(synth->lesson, name.text, name.length))
        return synth_text_field(synth, synth->lesson, name.text, name.length, out);
    const struct curriculum_block *const phrase =
        curriculum_find(synth->curriculum, "phrase", name.text, name.length);
    return phrase == NULL ? SYNTH_MISSING : synth_text_field(synth, phrase, "-", 1, out);
}

static bool take_prefix(struct synth_piece *piece, const char *prefix)
{
    const size_t length = strlen(prefix);
    if (piece->length <= length || memcmp(piece->text, prefix, length) != 0)
        return false;
    piece->text += length;
    piece->length -= length;
    return true;
}

/* The inside of {...}. */
static enum synth_said say_reference(struct synth *synth, struct synth_piece piece,
                                     struct buffer *out)
{
    if (take_prefix(&piece, "="))
        return synth_text_hole(synth, piece.text, piece.length, out);
    const bool known = synth->known;
    struct synth_function *const function = synth->function;
    if (take_prefix(&piece, "the "))
        synth->known = true;
    else if (take_prefix(&piece, "a "))
        synth->known = false;
    if (take_prefix(&piece, "next."))
        synth->function = &synth->functions[1];
    const size_t begin = out->length;
    const bool capital = take_prefix(&piece, "^");
    const char *const dot = memchr(piece.text, '.', piece.length);
    const struct synth_piece name = {piece.text,
                                     dot == NULL ? piece.length : (size_t)(dot - piece.text)};
    const struct synth_piece field = {dot == NULL ? "" : dot + 1,
                                      dot == NULL ? 0
                                                  : piece.length - (size_t)(dot + 1 - piece.text)};
    const enum synth_said said = say_name(synth, name, field, out);
    synth->known = known;
    synth->function = function;
    if (said == SYNTH_SAID && capital && out->length > begin && out->bytes[begin] >= 'a' &&
        out->bytes[begin] <= 'z')
        out->bytes[begin] = (char)(out->bytes[begin] - 'a' + 'A');
    return said;
}

/* ---- alternatives ---------------------------------------------------------------------------- */

struct choice {
    struct synth_piece conditions; /* of all alternatives of its field */
    struct synth_piece piece;
    size_t weight;
    size_t line; /* of its field; 0: the one that is being said */
};

static enum synth_said say_sequence(struct synth *synth, const char *text, size_t length,
                                    struct buffer *out);

/* ?name and !name before an alternative: do they hold? Moves behind them. */
static bool conditions_hold(const struct synth *synth, struct synth_piece *piece)
{
    bool hold = true;
    while (piece->length > 1 && (piece->text[0] == '?' || piece->text[0] == '!') &&
           piece->text[1] >= 'a' && piece->text[1] <= 'z') {
        const char *const blank = memchr(piece->text, ' ', piece->length);
        const size_t length = blank == NULL ? piece->length : (size_t)(blank - piece->text);
        if (bound(synth, piece->text + 1, length - 1) != (piece->text[0] == '?'))
            hold = false;
        const size_t step = blank == NULL ? length : length + 1;
        piece->text += step;
        piece->length -= step;
    }
    return hold;
}

static size_t pick(struct synth *synth, const struct choice *choices, size_t count)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += choices[i].weight;
    if (synth->usual || all == 0) {
        for (size_t i = 0; i < count; i++)
            if (choices[i].weight > 0)
                return i;
        return count;
    }
    size_t at = (size_t)random_below(&synth->random, all);
    for (size_t i = 0; i < count; i++) {
        if (at < choices[i].weight)
            return i;
        at -= choices[i].weight;
    }
    return count;
}

static enum synth_said say_one_of(struct synth *synth, struct choice *choices, size_t count,
                                  struct buffer *out)
{
    const size_t length = out->length, holes = synth->hole_count;
    const uint64_t wording = synth->wording;
    const size_t line = synth->line;
    if (count > SYNTH_CHOICES) {
        char what[64];
        snprintf(what, sizeof what, "more than %d alternatives of a text", SYNTH_CHOICES);
        return fault(synth, PRIMER_ELIMIT, what);
    }
    if (synth->depth >= DEPTH_MOST)
        return fault(synth, PRIMER_ELIMIT, "phrases name each other without an end");
    if (out->length > TEXT_MOST)
        return fault(synth, PRIMER_ELIMIT, "phrases make a text of more than 64 KiB");
    if (++synth->choices > CHOICES_MOST)
        return fault(synth, PRIMER_ELIMIT, "phrases take more than 200,000 choices for a lesson");
    synth->depth++;
    enum synth_said said = SYNTH_MISSING;
    for (size_t left = count; left > 0 && said == SYNTH_MISSING; left--) {
        const size_t i = pick(synth, choices, count);
        if (i == count)
            break;
        struct synth_piece piece = choices[i].piece, conditions = choices[i].conditions;
        choices[i].weight = 0;
        if (!conditions_hold(synth, &conditions) || !conditions_hold(synth, &piece))
            continue;
        synth->wording = hash_bytes(piece.text, piece.length, wording);
        synth->line = choices[i].line > 0 ? choices[i].line : line;
        said = say_sequence(synth, piece.text, piece.length, out);
        if (said == SYNTH_MISSING && out->length > length)
            out->bytes[out->length = length] = '\0';
        if (said == SYNTH_MISSING) {
            synth->hole_count = holes;
            synth->wording = wording;
        }
    }
    synth->depth--;
    synth->line = line;
    return said;
}

/* One more than there may be says that there are too many. */
static size_t add_choices(struct choice *choices, size_t count, const char *text, size_t length,
                          size_t weight, bool trim)
{
    struct synth_piece pieces[SYNTH_CHOICES + 1];
    const size_t more = cut(text, length, trim, pieces, SYNTH_CHOICES + 1);
    for (size_t i = 0; i < more && count <= SYNTH_CHOICES; i++)
        choices[count++] = (struct choice){.piece = pieces[i], .weight = weight};
    return count;
}

/* The conditions that a field begins with hold for all of its alternatives. */
static size_t add_field(struct choice *choices, size_t count, const struct curriculum_field *field)
{
    const char *text = field->text;
    while ((text[0] == '?' || text[0] == '!') && text[1] >= 'a' && text[1] <= 'z')
        text += strcspn(text, " ") + strspn(text + strcspn(text, " "), " ");
    const size_t first = count;
    count = add_choices(choices, count, text, strlen(text), field->weight * 16, true);
    for (size_t i = first; i < count; i++) {
        choices[i].conditions = (struct synth_piece){field->text, (size_t)(text - field->text)};
        choices[i].line = field->line;
    }
    return count;
}

enum synth_said synth_text_field(struct synth *synth, const struct curriculum_block *block,
                                 const char *key, size_t length, struct buffer *out)
{
    struct choice choices[SYNTH_CHOICES + 1];
    const struct curriculum_field *field;
    const struct curriculum_block *const before = synth->saying;
    size_t count = 0;
    for (size_t at = 0; (field = curriculum_next(block, key, length, &at)) != NULL;) {
        /* Several lines count as one alternative: bars in them are text. */
        if (field->label == NULL)
            count = add_field(choices, count, field);
        else if (count <= SYNTH_CHOICES)
            choices[count++] = (struct choice){.piece = {field->text, strlen(field->text)},
                                               .weight = field->weight * 16,
                                               .line = field->line};
    }
    synth->saying = block;
    const enum synth_said said = say_one_of(synth, choices, count, out);
    synth->saying = before;
    return said;
}

static enum synth_said say_group(struct synth *synth, const char *text, size_t length,
                                 struct buffer *out)
{
    struct choice choices[SYNTH_CHOICES + 1];
    const size_t count = add_choices(choices, 0, text, length, 1, false);
    return say_one_of(synth, choices, count, out);
}

static enum synth_said say_sequence(struct synth *synth, const char *text, size_t length,
                                    struct buffer *out)
{
    enum synth_said said = SYNTH_SAID;
    for (size_t i = 0; i < length && said == SYNTH_SAID; i++) {
        const char c = text[i], next = i + 1 < length ? text[i + 1] : '\0';
        if (c == '\\' && next != '\0') {
            i++;
            said = synth_text_raw(synth, next == 'n' ? "\n" : &text[i], 1, out);
        } else if (c == '(' || c == '{') {
            const size_t end = closing(text, i, length);
            if (end == length) {
                char what[160];
                snprintf(what, sizeof what, "found a %c without its end in \"%.*s\"", c,
                         (int)(length < 80 ? length : 80), text);
                return fault(synth, PRIMER_EFORMAT, what);
            }
            const struct synth_piece inside = {text + i + 1, end - i - 1};
            said = c == '(' ? say_group(synth, inside.text, inside.length, out)
                            : say_reference(synth, inside, out);
            i = end;
        } else {
            said = append_sign(synth, c, next, out);
        }
    }
    return said;
}

enum synth_said synth_text_say(struct synth *synth, const char *text, size_t length,
                               struct buffer *out)
{
    struct choice choices[1] = {{.piece = {text, length}, .weight = 1}};
    return say_one_of(synth, choices, 1, out);
}
