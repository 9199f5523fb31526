/* synth_function.c - choosing what a function is: an idea, or a shape and the parts in its slots.
 *
 *   shape  slot source | keep | fold        source list : -> number
 *                                           keep even   : number               number goes through
 *                                           fold sum    : number -> number
 *
 * A part fits where the type that the one before gives is the type that it takes; "any" takes all.
 */
#include "data/synth.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- types of parts -------------------------------------------------------------------------- */

/* "number -> text": what a part takes, and what it gives. */
static void read_type(const struct curriculum_block *part, struct synth_piece *takes,
                      struct synth_piece *gives)
{
    const char *const type = part->type, *const arrow = strstr(type, "->");
    const char *end = arrow == NULL ? type + strlen(type) : arrow;
    *takes = (struct synth_piece){type, (size_t)(end - type)};
    while (takes->length > 0 && takes->text[takes->length - 1] == ' ')
        takes->length--;
    const char *const given = arrow == NULL ? type : arrow + 2 + strspn(arrow + 2, " ");
    *gives = (struct synth_piece){given, arrow == NULL ? takes->length : strlen(given)};
}

static bool same(struct synth_piece a, struct synth_piece b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static bool any(struct synth_piece type)
{
    return type.length == 3 && memcmp(type.text, "any", 3) == 0;
}

static bool fits(const struct curriculum_block *part, struct synth_piece current)
{
    struct synth_piece takes, gives;
    read_type(part, &takes, &gives);
    return same(takes, current) || (any(takes) && current.length > 0);
}

static struct synth_piece after(const struct curriculum_block *part, struct synth_piece current)
{
    struct synth_piece takes, gives;
    read_type(part, &takes, &gives);
    return any(gives) ? current : gives;
}

/* ---- draws ----------------------------------------------------------------------------------- */

static bool add_binding(struct synth *synth, struct synth_binding *bindings, size_t *count,
                        struct synth_binding binding)
{
    if (*count == SYNTH_BINDINGS) {
        error_set(synth->error, PRIMER_ELIMIT, "%s: more than %d names",
                  synth->where == NULL ? "curriculum" : synth->where, SYNTH_BINDINGS);
        return false;
    }
    bindings[(*count)++] = binding;
    return true;
}

static bool taken(const struct synth_binding *bindings, size_t count,
                  const struct curriculum_block *block, size_t row)
{
    for (size_t i = 0; i < count; i++)
        if (bindings[i].kind == SYNTH_ROW && bindings[i].block == block && bindings[i].row == row)
            return true;
    return false;
}

#define NUMBER_MOST 1000000000000000 /* as far as differences and products are sure to fit */

/* "A..B" or "A..B/STEP". */
static bool read_range(const char *text, long long *from, long long *to, long long *step)
{
    char *end = NULL;
    *from = strtoll(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    const char *const second = end + 2;
    *to = strtoll(second, &end, 10);
    if (end == second)
        return false;
    *step = *end == '/' ? strtoll(end + 1, &end, 10) : 1;
    return *end == '\0' && *step > 0 && *to >= *from && *from >= -NUMBER_MOST && *to <= NUMBER_MOST;
}

static enum synth_said draw_row(struct synth *synth, struct synth_binding binding,
                                struct synth_binding *bindings, size_t *count)
{
    const struct curriculum_block *const table = binding.block;
    if (table->count == 0)
        return SYNTH_MISSING;
    for (int tries = 0; tries < 50; tries++) {
        binding.row = (size_t)random_below(&synth->random, table->count);
        if (!taken(bindings, *count, table, binding.row))
            return add_binding(synth, bindings, count, binding) ? SYNTH_SAID : SYNTH_FAILED;
    }
    return SYNTH_MISSING;
}

static enum synth_said draw_choice(struct synth *synth, struct synth_binding binding,
                                   const char *choices, struct synth_binding *bindings,
                                   size_t *count)
{
    struct synth_piece pieces[SYNTH_CHOICES];
    const size_t pieces_count = synth_text_split(choices, strlen(choices), pieces, SYNTH_CHOICES);
    const struct synth_piece piece = pieces[random_below(&synth->random, pieces_count)];
    binding.text = synth_text_keep(synth, piece.text, piece.length);
    if (binding.text == NULL)
        return SYNTH_FAILED;
    char *end = NULL;
    binding.number = strtoll(binding.text, &end, 10);
    binding.kind = end != binding.text && *end == '\0' ? SYNTH_NUMBER : SYNTH_TEXT;
    return add_binding(synth, bindings, count, binding) ? SYNTH_SAID : SYNTH_FAILED;
}

static enum synth_said draw_phrase(struct synth *synth, struct synth_binding binding,
                                   const struct curriculum_block *phrase,
                                   struct synth_binding *bindings, size_t *count)
{
    struct buffer text = {0};
    enum synth_said said = synth_text_field(synth, phrase, "-", 1, &text);
    if (said == SYNTH_SAID) {
        binding.kind = SYNTH_TEXT;
        binding.text = synth_text_keep(synth, text.bytes == NULL ? "" : text.bytes, text.length);
        said = binding.text == NULL || !add_binding(synth, bindings, count, binding) ? SYNTH_FAILED
                                                                                     : SYNTH_SAID;
    }
    buffer_free(&text);
    return said;
}

enum synth_said synth_function_draw(struct synth *synth, const char *line,
                                    const struct curriculum_block *owner,
                                    struct synth_binding *bindings, size_t *count)
{
    const size_t length = strcspn(line, " ");
    const char *const what = line + length + strspn(line + length, " ");
    long long from, to, step;
    struct synth_binding binding = {.name = synth_text_keep(synth, line, length), .owner = owner};
    if (binding.name == NULL)
        return SYNTH_FAILED;
    if (read_range(what, &from, &to, &step)) {
        const uint64_t steps = (uint64_t)((to - from) / step) + 1;
        binding.kind = SYNTH_NUMBER;
        binding.number = from + step * (long long)random_below(&synth->random, steps);
        return add_binding(synth, bindings, count, binding) ? SYNTH_SAID : SYNTH_FAILED;
    }
    if (strchr(what, '|') != NULL)
        return draw_choice(synth, binding, what, bindings, count);
    binding.kind = SYNTH_ROW;
    binding.block = curriculum_find(synth->curriculum, "table", what, strlen(what));
    if (binding.block != NULL)
        return draw_row(synth, binding, bindings, count);
    const struct curriculum_block *const phrase =
        curriculum_find(synth->curriculum, "phrase", what, strlen(what));
    if (phrase != NULL)
        return draw_phrase(synth, binding, phrase, bindings, count);
    error_set(synth->error, PRIMER_EFORMAT,
              "%s: draw %s: found \"%s\", expected A..B, alternatives, a table or a phrase",
              synth->where == NULL ? "curriculum" : synth->where, binding.name, what);
    return SYNTH_FAILED;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool code_key(const char *key)
{
    static const char *const keys[] = {"code", "before", "these", "tally", "start",
                                       "step", "finish", "call",  "expr",  "test",
                                       "each", "list",   "item",  "x",     NULL};
    for (size_t i = 0; keys[i] != NULL; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

bool synth_function_uses(const struct curriculum_block *block, const char *word)
{
    const size_t length = strlen(word);
    for (size_t i = 0; block != NULL && i < block->count; i++) {
        const char *text = block->fields[i].text;
        if (!code_key(block->fields[i].key))
            continue;
        for (const char *at = text; (at = strstr(at, word)) != NULL; at += length) {
            const char before = at == text ? ' ' : at[-1], behind = at[length];
            if (!isalnum((unsigned char)before) && before != '_' && before != '$' &&
                before != '.' && before != '\'' && !isalnum((unsigned char)behind) && behind != '_')
                return true;
        }
    }
    return false;
}

static bool name_free(const struct synth_function *function, const char *name)
{
    for (size_t i = 0; i < function->argument_count; i++)
        if (strcmp(function->arguments[i].name, name) == 0 ||
            strcmp(function->arguments[i].usual, name) == 0)
            return false;
    for (size_t i = 0; i < function->slot_count; i++)
        if (synth_function_uses(function->parts[i], name))
            return false;
    return !synth_function_uses(function->block, name);
}

/* The usual name is the first that is free; the name is that or another. */
static enum synth_said name_argument(struct synth *synth, struct synth_argument *argument)
{
    struct synth_piece pieces[SYNTH_CHOICES];
    const char *names[SYNTH_CHOICES];
    const char *const text = curriculum_text(argument->type, "name", "x");
    const size_t all = synth_text_split(text, strlen(text), pieces, SYNTH_CHOICES);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (pieces[i].length == 0) {
            error_set(synth->error, PRIMER_EFORMAT,
                      "%s:%zu: type %s: name \"%s\": found nothing between two |, expected a name",
                      argument->type->file, argument->type->line, argument->type->name, text);
            return SYNTH_FAILED;
        }
        names[count] = synth_text_keep(synth, pieces[i].text, pieces[i].length);
        if (names[count] == NULL)
            return SYNTH_FAILED;
        if (name_free(synth->function, names[count]))
            count++;
    }
    if (count == 0)
        return SYNTH_MISSING;
    argument->usual = names[0];
    argument->name = random_below(&synth->random, 2) == 0
                         ? names[0]
                         : names[random_below(&synth->random, count)];
    return SYNTH_SAID;
}

/* "KEY TYPE ..."; what stands behind the type to *rest. */
static enum synth_said add_argument(struct synth *synth, const char *line,
                                    const struct curriculum_block *owner, const char *make)
{
    struct synth_function *const function = synth->function;
    const size_t key = strcspn(line, " ");
    const char *const type = line + key + strspn(line + key, " ");
    const size_t length = strcspn(type, " ");
    if (function->argument_count == SYNTH_ARGUMENTS)
        return SYNTH_MISSING;
    struct synth_argument argument = {.key = synth_text_keep(synth, line, key),
                                      .owner = owner,
                                      .type =
                                          curriculum_find(synth->curriculum, "type", type, length)};
    if (argument.key == NULL)
        return SYNTH_FAILED;
    if (argument.type == NULL) {
        error_set(synth->error, PRIMER_EFORMAT, "%s: argument %s: there is no type \"%.*s\"",
                  synth->where, argument.key, (int)length, type);
        return SYNTH_FAILED;
    }
    argument.make = make != NULL ? make : curriculum_text(argument.type, "make", "None");
    const enum synth_said said = name_argument(synth, &argument);
    if (said != SYNTH_SAID)
        return said;
    function->arguments[function->argument_count++] = argument;
    return add_binding(synth, function->bindings, &function->binding_count,
                       (struct synth_binding){.name = argument.key,
                                              .owner = owner,
                                              .kind = SYNTH_ARGUMENT,
                                              .number = (long long)function->argument_count - 1})
               ? SYNTH_SAID
               : SYNTH_FAILED;
}

/* "KEY TYPE A..B": a number in the code, or one more argument. */
static enum synth_said add_param(struct synth *synth, const char *line,
                                 const struct curriculum_block *owner)
{
    struct synth_function *const function = synth->function;
    const size_t key = strcspn(line, " ");
    const char *const type = line + key + strspn(line + key, " ");
    const char *const range = type + strcspn(type, " ") + strspn(type + strcspn(type, " "), " ");
    long long from, to, step;
    struct buffer text = {0};
    const bool ranged = read_range(range, &from, &to, &step);
    if (*range == '\0' ||
        (random_below(&synth->random, 2) == 0 && function->argument_count < SYNTH_ARGUMENTS)) {
        if (ranged)
            buffer_format(&text, synth->error, "R.randint(%lld, %lld)", from, to);
        const char *const make =
            ranged && text.bytes != NULL ? synth_text_keep(synth, text.bytes, text.length) : NULL;
        buffer_free(&text);
        return add_argument(synth, line, owner, make);
    }
    char draw[256];
    snprintf(draw, sizeof draw, "%.*s %s", (int)key, line, range);
    const enum synth_said said =
        synth_function_draw(synth, draw, owner, function->bindings, &function->binding_count);
    if (said == SYNTH_SAID)
        function->bindings[function->binding_count - 1].in_code = true;
    return said;
}

bool synth_function_bind(struct synth *synth, struct synth_binding binding)
{
    return add_binding(synth, synth->function->bindings, &synth->function->binding_count, binding);
}

enum synth_said synth_function_bind_block(struct synth *synth, const struct curriculum_block *block,
                                          const struct curriculum_block *owner)
{
    enum synth_said said = SYNTH_SAID;
    char where[256];
    snprintf(where, sizeof where, "%s:%zu", block->file, block->line);
    const char *const before = synth->where;
    synth->where = where;
    for (size_t i = 0; i < block->count && said == SYNTH_SAID; i++) {
        const struct curriculum_field *const field = &block->fields[i];
        if (strcmp(field->key, "arg") == 0)
            said = add_argument(synth, field->text, owner, NULL);
        else if (strcmp(field->key, "param") == 0)
            said = add_param(synth, field->text, owner);
        else if (strcmp(field->key, "local") == 0) /* and its number or text is in the code */
            said = synth_function_draw(synth, field->text, owner, synth->function->bindings,
                                       &synth->function->binding_count);
    }
    synth->where = before;
    return said;
}

/* ---- the function's name --------------------------------------------------------------------- */

enum synth_said synth_function_name(struct synth *synth, bool usual, const char **name)
{
    struct buffer text = {0};
    const bool before = synth->usual;
    synth->usual = usual;
    enum synth_said said = synth_text_field(synth, synth->function->block, "name", 4, &text);
    synth->usual = before;
    for (size_t i = 0; i < text.length; i++)
        if (!isalnum((unsigned char)text.bytes[i]))
            text.bytes[i] = '_';
    if (said == SYNTH_SAID) {
        *name = synth_text_keep(synth, text.bytes, text.length);
        said = *name == NULL ? SYNTH_FAILED : SYNTH_SAID;
    }
    buffer_free(&text);
    return said;
}

static enum synth_said name_function(struct synth *synth)
{
    struct synth_function *const function = synth->function;
    function->name = function->usual_name = "";
    if (curriculum_text(function->block, "name", NULL) == NULL) /* a problem */
        return SYNTH_SAID;
    enum synth_said said = synth_function_name(synth, true, &function->usual_name);
    if (said == SYNTH_SAID)
        said = synth_function_name(synth, false, &function->name);
    for (size_t i = 0; said == SYNTH_SAID && i < function->argument_count; i++)
        if (strcmp(function->arguments[i].name, function->name) == 0)
            function->name = function->usual_name;
    return said;
}

void synth_function_settle(struct synth_function *function)
{
    for (size_t i = 0; i < function->argument_count; i++) {
        struct synth_argument *const argument = &function->arguments[i];
        bool clash = false;
        for (size_t j = 0; j < function->argument_count; j++)
            clash = clash || (j != i && strcmp(function->arguments[j].name, argument->usual) == 0);
        if (!argument->told && !clash)
            argument->name = argument->usual;
    }
    if (!function->name_told)
        function->name = function->usual_name;
}

void synth_function_follow(struct synth_function *function, const struct synth_function *from)
{
    function->name = from->name;
    for (size_t i = 0; i < function->argument_count; i++)
        for (size_t j = 0; j < from->argument_count; j++)
            if (function->arguments[i].owner == from->arguments[j].owner &&
                strcmp(function->arguments[i].key, from->arguments[j].key) == 0)
                function->arguments[i].name = from->arguments[j].name;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static size_t read_slots(const struct curriculum_block *shape, struct synth_piece *slots)
{
    const char *const text = curriculum_text(shape, "slot", "");
    return *text == '\0' ? 0 : synth_text_split(text, strlen(text), slots, SYNTH_SLOTS);
}

/* "keep2" -> "keep". */
static const char *kind_of(struct synth *synth, struct synth_piece slot)
{
    while (slot.length > 0 && isdigit((unsigned char)slot.text[slot.length - 1]))
        slot.length--;
    return synth_text_keep(synth, slot.text, slot.length);
}

static bool conflicts(const struct synth_function *function, const struct curriculum_block *part)
{
    const char *const group = curriculum_text(part, "group", NULL);
    for (size_t i = 0; i < function->slot_count; i++) {
        if (function->parts[i] == part)
            return true;
        const char *const other =
            function->parts[i] == NULL ? NULL : curriculum_text(function->parts[i], "group", NULL);
        if (group != NULL && other != NULL && strcmp(group, other) == 0)
            return true;
    }
    return false;
}

static bool is_text(const char *text, struct synth_piece piece)
{
    return text != NULL && strlen(text) == piece.length &&
           memcmp(text, piece.text, piece.length) == 0;
}

/* Does the function have a slot, or a part, of one of these names? */
static bool has_one_of(const struct synth_function *function, const char *names)
{
    struct synth_piece pieces[SYNTH_CHOICES];
    const size_t count = synth_text_split(names, strlen(names), pieces, SYNTH_CHOICES);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < function->slot_count; j++)
            if (is_text(function->slots[j], pieces[i]) ||
                (function->parts[j] != NULL && is_text(function->parts[j]->name, pieces[i])))
                return true;
    return false;
}

/* "needs keep | map": one of them is there; "avoid digits | range": none is, and none that is there
 * avoids this part. */
static bool welcome(const struct synth_function *function, const struct curriculum_block *part)
{
    struct synth_piece pieces[SYNTH_CHOICES];
    for (size_t i = 0; i < function->slot_count; i++) {
        const char *const avoided =
            function->parts[i] == NULL ? NULL : curriculum_text(function->parts[i], "avoid", NULL);
        size_t count =
            avoided == NULL ? 0 : synth_text_split(avoided, strlen(avoided), pieces, SYNTH_CHOICES);
        while (count > 0)
            if (is_text(part->name, pieces[--count]) || is_text(part->kind, pieces[count]))
                return false;
    }
    const char *const needs = curriculum_text(part, "needs", NULL);
    const char *const avoid = curriculum_text(part, "avoid", NULL);
    return (needs == NULL || has_one_of(function, needs)) &&
           (avoid == NULL || !has_one_of(function, avoid));
}

/* A part for the slot, of those that fit; `not`: another one than this, of the same types. */
static const struct curriculum_block *choose_part(struct synth *synth, const char *kind,
                                                  struct synth_piece current,
                                                  const struct curriculum_block *other)
{
    size_t count = 0, all = 0;
    const struct curriculum_block *const blocks = curriculum_kind(synth->curriculum, kind, &count);
    for (int pass = 0; pass < 2; pass++) {
        size_t at = pass == 1 && all > 0 ? (size_t)random_below(&synth->random, all) : 0;
        for (size_t i = 0; i < count; i++) {
            const struct curriculum_block *const part = &blocks[i];
            if (!fits(part, current) || conflicts(synth->function, part) || part == other ||
                !welcome(synth->function, part) ||
                (other != NULL && !same(after(part, current), after(other, current))))
                continue;
            const size_t weight = part->weight;
            if (pass == 0)
                all += weight;
            else if (at < weight)
                return part;
            else
                at -= weight;
        }
        if (all == 0)
            return NULL;
    }
    return NULL;
}

/* Fills the slots that have no part yet, from the first on. */
static enum synth_said fill_slots(struct synth *synth, const struct synth_piece *slots,
                                  size_t count)
{
    struct synth_function *const function = synth->function;
    struct synth_piece current = {"", 0};
    function->slot_count = count;
    for (size_t i = 0; i < count; i++) {
        function->slots[i] = synth_text_keep(synth, slots[i].text, slots[i].length);
        if (function->slots[i] == NULL)
            return SYNTH_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        const char *const kind = kind_of(synth, slots[i]);
        if (kind == NULL)
            return SYNTH_FAILED;
        if (function->parts[i] == NULL)
            function->parts[i] = choose_part(synth, kind, current, NULL);
        if (function->parts[i] == NULL || !fits(function->parts[i], current))
            return SYNTH_MISSING;
        current = after(function->parts[i], current);
    }
    return SYNTH_SAID;
}

static bool owned_by(const struct synth_function *function, const struct curriculum_block *part)
{
    for (size_t i = 0; i < function->slot_count; i++)
        if (function->parts[i] == part)
            return true;
    return false;
}

/* What the former function had decided about a part that stays. */
static enum synth_said inherit(struct synth *synth, const struct synth_function *from)
{
    struct synth_function *const function = synth->function;
    for (size_t i = 0; i < from->binding_count; i++) {
        struct synth_binding binding = from->bindings[i];
        if (binding.owner == NULL || !owned_by(function, binding.owner))
            continue;
        if (binding.kind == SYNTH_ARGUMENT) {
            function->arguments[function->argument_count] = from->arguments[binding.number];
            binding.number = (long long)function->argument_count++;
        }
        if (!add_binding(synth, function->bindings, &function->binding_count, binding))
            return SYNTH_FAILED;
    }
    return SYNTH_SAID;
}

static bool has_owner(const struct synth_function *function, const struct curriculum_block *part)
{
    for (size_t i = 0; i < function->binding_count; i++)
        if (function->bindings[i].owner == part)
            return true;
    return false;
}

/* Binds slots and what parts ask for. The source's arguments are everybody's. */
static enum synth_said bind_parts(struct synth *synth, const struct synth_function *from)
{
    struct synth_function *const function = synth->function;
    enum synth_said said = from == NULL ? SYNTH_SAID : inherit(synth, from);
    for (size_t i = 0; i < function->slot_count && said == SYNTH_SAID; i++) {
        if (!has_owner(function, function->parts[i]))
            said = synth_function_bind_block(synth, function->parts[i], function->parts[i]);
        if (said == SYNTH_SAID && !add_binding(synth, function->bindings, &function->binding_count,
                                               (struct synth_binding){.name = function->slots[i],
                                                                      .kind = SYNTH_PART,
                                                                      .block = function->parts[i]}))
            said = SYNTH_FAILED;
    }
    return said;
}

/* ---- choosing -------------------------------------------------------------------------------- */

enum synth_said synth_function_make(struct synth *synth, const struct curriculum_block *block)
{
    struct synth_piece slots[SYNTH_SLOTS];
    struct synth_function *const function = synth->function;
    *function = (struct synth_function){.block = block};
    const size_t count = read_slots(block, slots);
    enum synth_said said = fill_slots(synth, slots, count);
    if (said == SYNTH_SAID)
        said = synth_function_bind_block(synth, block, NULL);
    if (said == SYNTH_SAID)
        said = bind_parts(synth, NULL);
    if (said == SYNTH_SAID)
        said = name_function(synth);
    if (said != SYNTH_SAID)
        function->block = NULL;
    return said;
}

enum synth_said synth_function_choose(struct synth *synth, const char *kind)
{
    size_t ideas = 0, shapes = 0;
    const struct curriculum_block *const idea = curriculum_kind(synth->curriculum, "idea", &ideas);
    const struct curriculum_block *const shape =
        curriculum_kind(synth->curriculum, "shape", &shapes);
    const size_t idea_weight =
        kind != NULL && strcmp(kind, "shape") == 0 ? 0 : curriculum_weight(idea, ideas);
    const bool twisted = kind != NULL && strcmp(kind, "twist") == 0;
    const size_t shape_weight = twisted || (kind != NULL && strcmp(kind, "idea") == 0)
                                    ? 0
                                    : curriculum_weight(shape, shapes);
    enum synth_said said = SYNTH_MISSING;
    if (kind != NULL && strncmp(kind, "shape ", 6) == 0) {
        const struct curriculum_block *const named =
            curriculum_find(synth->curriculum, "shape", kind + 6, strlen(kind + 6));
        for (int tries = 0; named != NULL && tries < 20 && said == SYNTH_MISSING; tries++)
            said = synth_function_make(synth, named);
        return said;
    }
    if (idea_weight + shape_weight == 0)
        return SYNTH_MISSING;
    for (int tries = 0; tries < (twisted ? 100 : 20) && said == SYNTH_MISSING; tries++) {
        const size_t at = (size_t)random_below(&synth->random, idea_weight + shape_weight);
        said = synth_function_make(
            synth, at < idea_weight ? curriculum_at_weight(idea, ideas, at)
                                    : curriculum_at_weight(shape, shapes, at - idea_weight));
        if (said == SYNTH_SAID && twisted)
            said = synth_twist_choose(synth);
    }
    if (said != SYNTH_SAID)
        synth->function->block = NULL;
    return said;
}

/* ---- varying --------------------------------------------------------------------------------- */

/* Does the code of another part use the name of an argument that stayed as a name of its own? */
static bool clashes(const struct synth_function *function)
{
    for (size_t i = 0; i < function->argument_count; i++) {
        const struct synth_argument *const argument = &function->arguments[i];
        for (size_t j = 0; j < function->slot_count; j++)
            if (synth_function_uses(function->parts[j], argument->name) ||
                synth_function_uses(function->parts[j], argument->usual))
                return true;
        if (synth_function_uses(function->block, argument->name) ||
            synth_function_uses(function->block, argument->usual))
            return true;
    }
    return false;
}

static enum synth_said finish_variation(struct synth *synth, const struct synth_function *from)
{
    struct synth_function *const function = synth->function;
    enum synth_said said = bind_parts(synth, from);
    if (said == SYNTH_SAID && clashes(function))
        said = SYNTH_MISSING;
    if (said == SYNTH_SAID)
        said = name_function(synth);
    function->name = from->name;
    function->usual_name = from->usual_name;
    function->name_told = true;
    for (size_t i = 0; i < from->argument_count && i < function->argument_count; i++)
        function->arguments[i].told = true;
    return said;
}

/* The same shape with another part in one slot. */
static enum synth_said exchange(struct synth *synth, const struct synth_function *from, size_t slot)
{
    struct synth_piece slots[SYNTH_SLOTS], current = {"", 0};
    struct synth_function *const function = synth->function;
    *function = (struct synth_function){.block = from->block, .slot_count = from->slot_count};
    const size_t count = read_slots(from->block, slots);
    for (size_t i = 0; i < count; i++) {
        function->slots[i] = from->slots[i];
        function->parts[i] = i == slot ? NULL : from->parts[i];
        if (i < slot)
            current = after(from->parts[i], current);
    }
    const char *const kind = kind_of(synth, slots[slot]);
    if (kind == NULL)
        return SYNTH_FAILED;
    function->parts[slot] = choose_part(synth, kind, current, from->parts[slot]);
    if (function->parts[slot] == NULL)
        return SYNTH_MISSING;
    enum synth_said said = fill_slots(synth, slots, count);
    function->changed = function->slots[slot];
    return said == SYNTH_SAID ? finish_variation(synth, from) : said;
}

static size_t slot_named(const struct synth_function *function, struct synth_piece name)
{
    for (size_t i = 0; i < function->slot_count; i++)
        if (strlen(function->slots[i]) == name.length &&
            memcmp(function->slots[i], name.text, name.length) == 0)
            return i;
    return function->slot_count;
}

/* A shape with all the slots of the former and one more. */
static enum synth_said extend(struct synth *synth, const struct synth_function *from,
                              const struct curriculum_block *shape)
{
    struct synth_piece slots[SYNTH_SLOTS];
    struct synth_function *const function = synth->function;
    const size_t count = read_slots(shape, slots);
    size_t new = SYNTH_SLOTS;
    if (count != from->slot_count + 1)
        return SYNTH_MISSING;
    *function = (struct synth_function){.block = shape, .slot_count = count, .added = true};
    for (size_t i = 0; i < count; i++) {
        const size_t old = slot_named(from, slots[i]);
        if (old < from->slot_count)
            function->parts[i] = from->parts[old];
        else if (new == SYNTH_SLOTS)
            new = i;
        else
            return SYNTH_MISSING;
    }
    if (new == SYNTH_SLOTS)
        return SYNTH_MISSING;
    const enum synth_said said = fill_slots(synth, slots, count);
    function->changed = function->slots[new];
    return said == SYNTH_SAID ? finish_variation(synth, from) : said;
}

enum synth_said synth_function_vary(struct synth *synth)
{
    const struct synth_function *const from = &synth->functions[0];
    enum synth_said said = SYNTH_MISSING;
    size_t shapes = 0;
    const struct curriculum_block *const shape =
        curriculum_kind(synth->curriculum, "shape", &shapes);
    if (from->block == NULL || from->slot_count < 2 || shapes == 0)
        return SYNTH_MISSING;
    synth->function = &synth->functions[1];
    for (int tries = 0; tries < 40 && said == SYNTH_MISSING; tries++)
        said = random_below(&synth->random, 3) == 0
                   ? exchange(synth, from,
                              1 + (size_t)random_below(&synth->random, from->slot_count - 1))
                   : extend(synth, from, &shape[random_below(&synth->random, shapes)]);
    synth->function = &synth->functions[0];
    if (said != SYNTH_SAID)
        synth->functions[1].block = NULL;
    return said;
}

enum synth_said synth_function_vary_twist(struct synth *synth)
{
    struct synth_function *const function = &synth->functions[1];
    enum synth_said said = SYNTH_MISSING;
    const struct synth_function *const from = &synth->functions[0];
    if (from->block == NULL || strcmp(from->block->kind, "idea") != 0 || from->twist != NULL)
        return SYNTH_MISSING;
    synth->function = function;
    for (int tries = 0; tries < 8 && said == SYNTH_MISSING; tries++) {
        *function = *from;
        said = synth_twist_choose(synth);
    }
    synth->function = &synth->functions[0];
    function->name_told = true;
    for (size_t i = 0; i < function->argument_count; i++)
        function->arguments[i].told = true;
    if (said != SYNTH_SAID)
        function->block = NULL;
    return said;
}
