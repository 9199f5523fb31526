/* synth_lesson.c - making a lesson. Declared in synth_lesson.h. */
#include "data/synth_lesson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define ARENA   ((size_t)256 << 10)
#define SPELLED 0.12 /* of the small numbers in what people say are words */

static const char *const kinds[] = {"frame", "talk", "problem"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

primer_status synth_lesson_create(struct synth_lesson *lesson, const struct curriculum *curriculum,
                                  const char *only, primer_error *error)
{
    *lesson = (struct synth_lesson){.synth = {.curriculum = curriculum}, .only = only};
    return arena_create(&lesson->synth.arena, ARENA, error);
}

void synth_lesson_free(struct synth_lesson *lesson)
{
    for (size_t i = 0; i < SYNTH_TURNS; i++)
        buffer_free(&lesson->turns[i].text);
    buffer_free(&lesson->request);
    arena_free(&lesson->synth.arena);
}

/* ---- choosing -------------------------------------------------------------------------------- */

static size_t number_field(const struct curriculum_block *block, const char *key, size_t missing)
{
    const char *const text = block == NULL ? NULL : curriculum_text(block, key, NULL);
    return text == NULL ? missing : (size_t)strtoul(text, NULL, 10);
}

static const struct curriculum_block *choose_block(struct synth *synth, const char *kind)
{
    size_t count = 0;
    const struct curriculum_block *const blocks = curriculum_kind(synth->curriculum, kind, &count);
    const size_t all = curriculum_weight(blocks, count);
    return curriculum_at_weight(blocks, count,
                                all == 0 ? 0 : (size_t)random_below(&synth->random, all));
}

/* Which kind of lesson: `mix lessons` has their parts; without it all blocks weigh the same. */
static const struct curriculum_block *choose_lesson(struct synth *synth, const char *only)
{
    const struct curriculum_block *const mix =
        curriculum_find(synth->curriculum, "mix", "lessons", 7);
    size_t parts[KINDS], all = 0;
    for (size_t i = 0; i < KINDS; i++) {
        size_t count = 0;
        curriculum_kind(synth->curriculum, kinds[i], &count);
        if (only != NULL && strcmp(only, kinds[i]) == 0)
            return choose_block(synth, kinds[i]);
        parts[i] = count == 0 ? 0 : number_field(mix, kinds[i], count);
        all += parts[i];
    }
    for (size_t i = 0; only != NULL && i < KINDS; i++) {
        const struct curriculum_block *const named =
            curriculum_find(synth->curriculum, kinds[i], only, strlen(only));
        if (named != NULL)
            return named;
    }
    size_t at = all == 0 || only != NULL ? 0 : (size_t)random_below(&synth->random, all);
    for (size_t i = 0; only == NULL && i < KINDS; i++) {
        if (at < parts[i])
            return choose_block(synth, kinds[i]);
        at -= parts[i];
    }
    return NULL;
}

static enum synth_said draw_all(struct synth *synth)
{
    const struct curriculum_field *field;
    enum synth_said said = SYNTH_SAID;
    for (size_t at = 0;
         said == SYNTH_SAID && (field = curriculum_next(synth->lesson, "draw", 4, &at)) != NULL;)
        said = synth_function_draw(synth, field->text, NULL, synth->draws, &synth->draw_count);
    for (size_t at = 0;
         said == SYNTH_SAID && (field = curriculum_next(synth->lesson, "let", 3, &at)) != NULL;) {
        if (synth->draw_count == SYNTH_BINDINGS)
            return SYNTH_MISSING;
        const char *const name = synth_text_keep(synth, field->text, strcspn(field->text, " "));
        if (name == NULL)
            return SYNTH_FAILED;
        synth->draws[synth->draw_count++] =
            (struct synth_binding){.name = name, .kind = SYNTH_PYTHON};
    }
    /* A problem put together of parts, as functions are. */
    if (said == SYNTH_SAID && curriculum_text(synth->lesson, "slot", NULL) != NULL)
        said = synth_function_make(synth, synth->lesson);
    const char *const function = curriculum_text(synth->lesson, "function", NULL);
    if (said == SYNTH_SAID && function != NULL)
        said = synth_function_choose(synth, strcmp(function, "any") == 0 ? NULL : function);
    const char *const vary = curriculum_text(synth->lesson, "vary", NULL);
    if (said == SYNTH_SAID && vary != NULL)
        said = strcmp(vary, "twist") == 0 ? synth_function_vary_twist(synth)
                                          : synth_function_vary(synth);
    return said;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* A sentence begins with a capital letter, code doesn't. */
static void capitalise(struct buffer *text)
{
    if (text->length > 0 && strncmp(text->bytes, "def ", 4) != 0 && text->bytes[0] >= 'a' &&
        text->bytes[0] <= 'z')
        text->bytes[0] = (char)(text->bytes[0] - 'a' + 'A');
}

static void trim(struct buffer *text)
{
    while (text->length > 0 &&
           (text->bytes[text->length - 1] == ' ' || text->bytes[text->length - 1] == '\n'))
        text->bytes[--text->length] = '\0';
}

static void begin_turn(struct synth *synth, bool answers)
{
    for (int which = 0; which < 2; which++) {
        struct synth_function *const function = &synth->functions[which];
        if (function->block == NULL)
            continue;
        for (size_t i = 0; i < function->argument_count; i++)
            function->arguments[i].mentioned = false;
        if (answers)
            synth_function_settle(function);
    }
    if (answers && synth->functions[1].block != NULL)
        synth_function_follow(&synth->functions[1], &synth->functions[0]);
}

/* The program of a problem is its answer, where the problem says no other. */
static enum synth_said say_turn(struct synth *synth, const char *key, struct buffer *out)
{
    static const char program[] = "```python\n{program}\n```";
    size_t at = 0;
    if (curriculum_next(synth->lesson, key, strlen(key), &at) != NULL)
        return synth_text_field(synth, synth->lesson, key, strlen(key), out);
    if (strcmp(key, "assistant") == 0 && curriculum_text(synth->lesson, "program", NULL) != NULL)
        return synth_text_say(synth, program, sizeof program - 1, out);
    return SYNTH_MISSING;
}

static enum synth_said add_turn(struct synth_lesson *lesson, const char *role, const char *key)
{
    struct synth *const synth = &lesson->synth;
    const bool asks = strcmp(role, "user") == 0, answers = strcmp(role, "assistant") == 0;
    if (lesson->turn_count == SYNTH_TURNS)
        return SYNTH_FAILED;
    struct synth_turn *const turn = &lesson->turns[lesson->turn_count];
    turn->role = role;
    buffer_clear(&turn->text);
    begin_turn(synth, answers || strcmp(role, "completion") == 0);
    synth->spelled = asks ? SPELLED : 0;
    synth->known = !asks;
    enum synth_said said = say_turn(synth, key, &turn->text);
    if (said != SYNTH_SAID)
        return said;
    if (asks || answers) {
        trim(&turn->text);
        capitalise(&turn->text);
    }
    if (asks && curriculum_text(synth->lesson, "noise", NULL) == NULL &&
        synth_noise_apply(synth, &turn->text, synth->error) != PRIMER_OK)
        return SYNTH_FAILED;
    lesson->turn_count++;
    return SYNTH_SAID;
}

static bool has_key(const struct curriculum_block *block, const char *key)
{
    return curriculum_text(block, key, NULL) != NULL;
}

static enum synth_said say_turns(struct synth_lesson *lesson)
{
    static const char *const single[] = {"text", "prompt", "completion", "system"};
    const struct curriculum_block *const block = lesson->synth.lesson;
    enum synth_said said = SYNTH_SAID;
    for (size_t i = 0; i < sizeof single / sizeof single[0] && said == SYNTH_SAID; i++)
        if (has_key(block, single[i]))
            said = add_turn(lesson, single[i], single[i]);
    for (int i = 1; i <= 5 && said == SYNTH_SAID; i++) {
        char user[16] = "user", assistant[16] = "assistant";
        if (i > 1) {
            snprintf(user, sizeof user, "user%d", i);
            snprintf(assistant, sizeof assistant, "assistant%d", i);
        }
        if (!has_key(block, user))
            break;
        said = add_turn(lesson, "user", user);
        if (said == SYNTH_SAID)
            said = add_turn(lesson, "assistant", assistant);
    }
    return said;
}

/* ---- what the check is asked ------------------------------------------------------------------ */

static primer_status add_text(struct buffer *out, const char *before, const char *text,
                              primer_error *error)
{
    FORWARD(buffer_text(out, before, error));
    return buffer_json_string(out, text, strlen(text), error);
}

static primer_status add_list(struct buffer *out, const char *name,
                              const struct curriculum_block *block, const char *key,
                              primer_error *error)
{
    const struct curriculum_field *field;
    size_t count = 0;
    FORWARD(buffer_format(out, error, ",\"%s\":[", name));
    for (size_t at = 0; (field = curriculum_next(block, key, strlen(key), &at)) != NULL; count++)
        FORWARD(add_text(out, count > 0 ? "," : "", field->text, error));
    return buffer_text(out, "]", error);
}

static primer_status add_draws(struct synth_lesson *lesson, struct buffer *out, primer_error *error)
{
    struct synth *const synth = &lesson->synth;
    size_t count = 0;
    FORWARD(buffer_text(out, ",\"vars\":{", error));
    for (size_t i = 0; i < synth->draw_count; i++) {
        const struct synth_binding *const draw = &synth->draws[i];
        if (draw->kind == SYNTH_PYTHON)
            continue;
        FORWARD(add_text(out, count++ > 0 ? "," : "", draw->name, error));
        if (draw->kind == SYNTH_NUMBER) {
            FORWARD(buffer_format(out, error, ":%lld", draw->number));
            continue;
        }
        struct synth_piece cells[SYNTH_CHOICES];
        const char *text = draw->text;
        size_t length = text == NULL ? 0 : strlen(text);
        if (draw->kind == SYNTH_ROW) {
            text = draw->block->fields[draw->row].text;
            synth_text_split(text, strlen(text), cells, SYNTH_CHOICES);
            text = cells[0].text;
            length = cells[0].length;
        }
        FORWARD(buffer_text(out, ":", error));
        FORWARD(buffer_json_string(out, text, length, error));
    }
    FORWARD(buffer_text(out, "},\"lets\":[", error));
    const struct curriculum_field *field;
    count = 0;
    for (size_t at = 0; (field = curriculum_next(synth->lesson, "let", 3, &at)) != NULL; count++) {
        const size_t name = strcspn(field->text, " ");
        FORWARD(buffer_text(out, count > 0 ? ",[" : "[", error));
        FORWARD(buffer_json_string(out, field->text, name, error));
        FORWARD(add_text(out, ",", field->text + name + strspn(field->text + name, " "), error));
        FORWARD(buffer_text(out, "]", error));
    }
    FORWARD(buffer_text(out, "]", error));
    return add_list(out, "require", synth->lesson, "require", error);
}

/* Every variant of the function that can be written, the one that was said first. */
static primer_status add_codes(struct synth *synth, const char *name, struct buffer *out,
                               primer_error *error)
{
    const struct curriculum_block *const block = synth->function->block;
    const struct curriculum_field *field;
    primer_status status = PRIMER_OK;
    struct buffer code = {0};
    size_t count = 0;
    TRY(buffer_format(out, error, "\"%s\":[", name));
    for (size_t at = 0; (field = curriculum_next(block, "code", 4, &at)) != NULL;) {
        buffer_clear(&code);
        enum synth_said said = synth_code_signature(synth, false, &code);
        if (said == SYNTH_SAID)
            said = synth_text_raw(synth, "\n", 1, &code);
        if (said == SYNTH_SAID)
            said = synth_twist_write(synth, field->text, 4, &code);
        if (said == SYNTH_FAILED)
            FAIL(PRIMER_EFORMAT, "%s:%zu: the code can't be written", block->file, field->line);
        if (said == SYNTH_MISSING)
            continue;
        TRY(add_text(out, count++ > 0 ? "," : "", code.bytes, error));
    }
    if (count == 0)
        FAIL(PRIMER_EFORMAT, "%s:%zu: %s %s: no code can be written with what it is put together",
             block->file, block->line, block->kind, block->name);
    TRY(buffer_text(out, "]", error));

cleanup:
    buffer_free(&code);
    return status;
}

/* ,"twist":{...}: the function without it, and what the twist makes of its results. */
static primer_status add_twist(struct synth *synth, struct buffer *out, primer_error *error)
{
    struct synth_function *const function = synth->function;
    const struct curriculum_block *const twist = function->twist;
    primer_status status = PRIMER_OK;
    struct buffer expect = {0};
    const struct curriculum_block *const owner = synth->owner;
    TRY(buffer_text(out, ",\"twist\":{", error));
    function->twist = NULL;
    status = add_codes(synth, "plain", out, error);
    function->twist = twist;
    if (status != PRIMER_OK)
        goto cleanup;
    synth->owner = twist;
    if (synth_code_write(synth, curriculum_text(twist, "expect", "None"), 0, &expect) !=
            SYNTH_SAID ||
        expect.length == 0)
        FAIL(PRIMER_EFORMAT, "%s:%zu: twist %s: its expect can't be written", twist->file,
             twist->line, twist->name);
    TRY(add_text(out, ",\"expect\":", expect.bytes, error));
    TRY(add_text(out, ",\"make\":", curriculum_text(twist, "make", ""), error));
    TRY(add_list(out, "when", twist, "when", error));
    TRY(buffer_text(out, ",\"targets\":[", error));
    for (size_t i = 0; i < function->target_count; i++)
        TRY(buffer_format(out, error, "%s%zu", i > 0 ? "," : "", function->targets[i]));
    TRY(buffer_text(out, "]}", error));

cleanup:
    synth->owner = owner;
    buffer_free(&expect);
    return status;
}

static primer_status add_function(struct synth *synth, struct buffer *out, primer_error *error)
{
    const struct synth_function *const function = synth->function;
    const bool fixed = curriculum_text(function->block, "param", NULL) == NULL &&
                       curriculum_text(function->block, "local", NULL) == NULL;
    FORWARD(add_text(out, "{\"entry\":", function->name, error));
    FORWARD(buffer_text(out, ",\"keys\":[", error));
    for (size_t i = 0; i < function->argument_count; i++)
        FORWARD(add_text(out, i > 0 ? "," : "", function->arguments[i].key, error));
    FORWARD(buffer_text(out, "],\"makes\":[", error));
    for (size_t i = 0; i < function->argument_count; i++)
        FORWARD(add_text(out, i > 0 ? "," : "", function->arguments[i].make, error));
    FORWARD(buffer_text(out, "],", error));
    FORWARD(add_codes(synth, "codes", out, error));
    FORWARD(add_list(out, "require", function->block, "require", error));
    if (fixed)
        FORWARD(add_list(out, "examples", function->block, "example", error));
    if (function->twist != NULL)
        FORWARD(add_twist(synth, out, error));
    return buffer_text(out, "}", error);
}

/* And no problem, whose program defines none. */
static bool is_function(const struct synth_function *function)
{
    return function->block != NULL && strcmp(function->block->kind, "problem") != 0;
}

/* ,"program":"...","answer":"...": code both. */
static primer_status add_program(struct synth *synth, struct buffer *out, primer_error *error)
{
    static const char *const keys[] = {"program", "answer"};
    primer_status status = PRIMER_OK;
    struct buffer code = {0};
    synth->function = &synth->functions[0];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *const text = curriculum_text(synth->lesson, keys[i], "None");
        buffer_clear(&code);
        if (synth_code_write(synth, text, 0, &code) != SYNTH_SAID)
            FAIL(PRIMER_EFORMAT, "%s:%zu: %s %s: its %s can't be written", synth->lesson->file,
                 synth->lesson->line, synth->lesson->kind, synth->lesson->name, keys[i]);
        TRY(buffer_format(out, error, ",\"%s\":", keys[i]));
        TRY(buffer_json_string(out, code.bytes, code.length, error));
    }

cleanup:
    buffer_free(&code);
    return status;
}

/* What is said, with its holes open. */
static primer_status add_turns(const struct synth_lesson *lesson, struct buffer *out,
                               primer_error *error)
{
    FORWARD(buffer_text(out, ",\"turns\":[", error));
    for (size_t i = 0; i < lesson->turn_count; i++) {
        const struct buffer *const text = &lesson->turns[i].text;
        FORWARD(buffer_format(out, error, "%s{\"role\":\"%s\"", i > 0 ? "," : "",
                              lesson->turns[i].role));
        FORWARD(add_text(out, ",\"text\":", text->bytes == NULL ? "" : text->bytes, error));
        FORWARD(buffer_text(out, "}", error));
    }
    return buffer_text(out, "]", error);
}

static primer_status write_request(struct synth_lesson *lesson, primer_error *error)
{
    struct synth *const synth = &lesson->synth;
    struct buffer *const out = &lesson->request;
    primer_status status = PRIMER_OK;
    buffer_clear(out);
    TRY(buffer_format(out, error, "{\"seed\":%llu",
                      (unsigned long long)(lesson->seed & 0xFFFFFFFFFFFF)));
    TRY(add_draws(lesson, out, error));
    TRY(buffer_text(out, ",\"functions\":[", error));
    for (int which = 0; which < 2 && is_function(&synth->functions[which]); which++) {
        synth->function = &synth->functions[which];
        TRY(buffer_text(out, which > 0 ? "," : "", error));
        TRY(add_function(synth, out, error));
    }
    TRY(buffer_text(out, "]", error));
    if (curriculum_text(synth->lesson, "program", NULL) != NULL)
        TRY(add_program(synth, out, error));
    TRY(buffer_text(out, ",\"holes\":[", error));
    for (size_t i = 0; i < synth->hole_count; i++)
        TRY(add_text(out, i > 0 ? "," : "", synth->holes[i], error));
    TRY(buffer_text(out, "]", error));
    TRY(add_turns(lesson, out, error));
    TRY(buffer_text(out, "}\n", error));

cleanup:
    synth->function = &synth->functions[0];
    return status;
}

/* ---- a lesson -------------------------------------------------------------------------------- */

static void begin(struct synth_lesson *lesson, uint64_t seed, primer_error *error)
{
    struct synth *const synth = &lesson->synth;
    random_seed(&synth->random, seed);
    arena_reset(&synth->arena);
    synth->draw_count = synth->hole_count = synth->depth = synth->choices = 0;
    synth->functions[0].block = synth->functions[1].block = NULL;
    synth->functions[1].changed = NULL;
    synth->function = &synth->functions[0];
    synth->owner = NULL;
    synth->argument = NULL;
    synth->known = synth->usual = false;
    synth->spelled = 0;
    synth->wording = 0;
    synth->where = NULL;
    synth->saying = NULL;
    synth->line = 0;
    synth->error = error;
    lesson->seed = seed;
    lesson->turn_count = 0;
}

static uint64_t hash_numbers(const struct synth_binding *bindings, size_t count, uint64_t hash)
{
    for (size_t i = 0; i < count; i++)
        if (bindings[i].kind == SYNTH_NUMBER)
            hash = hash_bytes(&bindings[i].number, sizeof bindings[i].number, hash);
    return hash;
}

primer_status synth_lesson_make(struct synth_lesson *lesson, uint64_t seed, bool *made,
                                primer_error *error)
{
    struct synth *const synth = &lesson->synth;
    primer_error own = {0};
    char where[512];
    begin(lesson, seed, error == NULL ? &own : error);
    synth->lesson = choose_lesson(synth, lesson->only);
    if (synth->lesson == NULL)
        return error_set(error, PRIMER_EFORMAT, "the curriculum has no lesson%s%s",
                         lesson->only == NULL ? ": no block frame, talk or problem" : " called ",
                         lesson->only == NULL ? "" : lesson->only);
    snprintf(where, sizeof where, "%s:%zu: %s %s", synth->lesson->file, synth->lesson->line,
             synth->lesson->kind, synth->lesson->name);
    synth->where = where;
    enum synth_said said = draw_all(synth);
    if (said == SYNTH_SAID)
        said = say_turns(lesson);
    *made = said == SYNTH_SAID;
    lesson->wording = synth->wording;
    lesson->numbers = hash_numbers(synth->draws, synth->draw_count, 0);
    if (synth->functions[0].block != NULL)
        lesson->numbers = hash_numbers(synth->functions[0].bindings,
                                       synth->functions[0].binding_count, lesson->numbers);
    if (said == SYNTH_FAILED)
        return synth->error->status == PRIMER_OK
                   ? error_set(error, PRIMER_ENOMEM, "%s: no memory", where)
                   : synth->error->status;
    return said == SYNTH_SAID ? write_request(lesson, error) : PRIMER_OK;
}

primer_status synth_lesson_survey(struct synth_lesson *lesson, const struct curriculum_block *idea,
                                  uint64_t seed, bool *made, primer_error *error)
{
    primer_error own = {0};
    begin(lesson, seed, error == NULL ? &own : error);
    lesson->synth.lesson = idea;
    const enum synth_said said = synth_function_make(&lesson->synth, idea);
    *made = said == SYNTH_SAID;
    if (said == SYNTH_FAILED)
        return lesson->synth.error->status;
    return *made ? write_request(lesson, error) : PRIMER_OK;
}

primer_status synth_lesson_topic(const struct synth_lesson *lesson, struct buffer *out,
                                 primer_error *error)
{
    const struct synth_function *const function = &lesson->synth.functions[0];
    FORWARD(buffer_text(
        out, function->block == NULL ? lesson->synth.lesson->name : function->block->name, error));
    for (size_t i = 0; function->block != NULL && i < function->slot_count; i++)
        FORWARD(buffer_format(out, error, " %s", function->parts[i]->name));
    for (int which = 0; which < 2; which++)
        if (function[which].block != NULL && function[which].twist != NULL)
            FORWARD(buffer_format(out, error, " %s", function[which].twist->name));
    return PRIMER_OK;
}

primer_status synth_lesson_fill(const struct buffer *turn, const char *const *values, size_t count,
                                struct buffer *out, primer_error *error)
{
    const char *at = turn->bytes, *const end = turn->bytes + turn->length;
    while (at < end) {
        const char *const hole = memchr(at, SYNTH_HOLE_BEGIN, (size_t)(end - at));
        FORWARD(buffer_append(out, at, (size_t)((hole == NULL ? end : hole) - at), error));
        if (hole == NULL)
            break;
        char *behind = NULL;
        const size_t index = (size_t)strtoul(hole + 1, &behind, 10);
        if (*behind != SYNTH_HOLE_END || index >= count)
            return error_set(error, PRIMER_EFORMAT,
                             "the check gave %zu values, the lesson needs number %zu", count,
                             index);
        FORWARD(buffer_text(out, values[index], error));
        at = behind + 1;
    }
    return PRIMER_OK;
}
