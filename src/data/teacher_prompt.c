/* teacher_prompt.c - saying a question. Declared in teacher_prompt.h. */
#include "data/teacher_prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA ((size_t)128 << 10)

static const char *const forms[TEACHER_FORMS] = {[TEACHER_TEXTBOOK] = "textbook",
                                                 [TEACHER_EXERCISE] = "exercise",
                                                 [TEACHER_PROBLEM] = "problem"};

const char *teacher_prompt_form_name(enum teacher_form form)
{
    return forms[form];
}

static bool wanted(const struct curriculum_block *block, const char *only)
{
    return only == NULL || strcmp(only, block->name) == 0 || strcmp(only, block->type) == 0;
}

/* Every prompt has to have a form and a question, the first time that they are looked at. */
static primer_status check_blocks(const struct curriculum *curriculum, const char *only,
                                  primer_error *error)
{
    size_t count = 0, left = 0;
    const struct curriculum_block *const blocks = curriculum_kind(curriculum, "prompt", &count);
    for (size_t i = 0; i < count; i++) {
        const struct curriculum_block *const block = &blocks[i];
        size_t form = 0;
        while (form < TEACHER_FORMS && strcmp(block->type, forms[form]) != 0)
            form++;
        if (form == TEACHER_FORMS)
            return error_set(error, PRIMER_EFORMAT,
                             "%s:%zu: prompt %s: found form \"%s\", expected textbook, exercise or "
                             "problem",
                             block->file, block->line, block->name, block->type);
        if (curriculum_text(block, "user", NULL) == NULL)
            return error_set(error, PRIMER_EFORMAT, "%s:%zu: prompt %s: has no field user",
                             block->file, block->line, block->name);
        left += wanted(block, only) ? block->weight : 0;
    }
    if (left == 0)
        return error_set(error, PRIMER_EFORMAT, "the curriculum has no block prompt%s%s",
                         only == NULL ? "" : " of the form or name ", only == NULL ? "" : only);
    return PRIMER_OK;
}

primer_status teacher_prompt_create(struct teacher_prompt *prompt,
                                    const struct curriculum *curriculum, const char *only,
                                    primer_error *error)
{
    *prompt = (struct teacher_prompt){.synth = {.curriculum = curriculum}, .only = only};
    FORWARD(check_blocks(curriculum, only, error));
    return arena_create(&prompt->synth.arena, ARENA, error);
}

void teacher_prompt_free(struct teacher_prompt *prompt)
{
    buffer_free(&prompt->system);
    buffer_free(&prompt->user);
    buffer_free(&prompt->topic);
    buffer_free(&prompt->name);
    buffer_free(&prompt->words);
    arena_free(&prompt->synth.arena);
}

static void choose(struct teacher_prompt *prompt)
{
    size_t count = 0, all = 0;
    const struct curriculum_block *const blocks =
        curriculum_kind(prompt->synth.curriculum, "prompt", &count);
    for (size_t i = 0; i < count; i++)
        all += wanted(&blocks[i], prompt->only) ? blocks[i].weight : 0;
    size_t at = (size_t)random_below(&prompt->synth.random, all);
    for (size_t i = 0; i < count; i++) {
        const size_t weight = wanted(&blocks[i], prompt->only) ? blocks[i].weight : 0;
        if (at < weight) {
            prompt->block = &blocks[i];
            break;
        }
        at -= weight;
    }
    for (size_t form = 0; form < TEACHER_FORMS; form++)
        if (strcmp(prompt->block->type, forms[form]) == 0)
            prompt->form = (enum teacher_form)form;
}

static void begin(struct teacher_prompt *prompt, uint64_t seed, primer_error *error)
{
    struct synth *const synth = &prompt->synth;
    const struct curriculum *const curriculum = synth->curriculum;
    const struct arena arena = synth->arena;
    *synth = (struct synth){.curriculum = curriculum, .arena = arena, .error = error};
    synth->function = &synth->functions[0];
    arena_reset(&synth->arena);
    random_seed(&synth->random, seed);
    buffer_clear(&prompt->system);
    buffer_clear(&prompt->user);
    buffer_clear(&prompt->topic);
    buffer_clear(&prompt->name);
    buffer_clear(&prompt->words);
}

static enum synth_said say_fields(struct teacher_prompt *prompt)
{
    struct synth *const synth = &prompt->synth;
    const struct {
        const char *key;
        struct buffer *text;
    } fields[] = {{"system", &prompt->system},
                  {"user", &prompt->user},
                  {"topic", &prompt->topic},
                  {"name", &prompt->name},
                  {"words", &prompt->words}};
    enum synth_said said = SYNTH_SAID;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && said == SYNTH_SAID; i++)
        if (curriculum_text(prompt->block, fields[i].key, NULL) != NULL)
            said = synth_text_field(synth, prompt->block, fields[i].key, strlen(fields[i].key),
                                    fields[i].text);
    if (said == SYNTH_SAID && prompt->topic.length == 0)
        said =
            synth_text_raw(synth, prompt->block->name, strlen(prompt->block->name), &prompt->topic);
    return said;
}

primer_status teacher_prompt_make(struct teacher_prompt *prompt, uint64_t seed, bool *made,
                                  primer_error *error)
{
    struct synth *const synth = &prompt->synth;
    const struct curriculum_field *field;
    primer_error own = {0};
    char where[512];
    enum synth_said said = SYNTH_SAID;
    begin(prompt, seed, error == NULL ? &own : error);
    choose(prompt);
    const struct curriculum_block *const block = prompt->block;
    snprintf(where, sizeof where, "%s:%zu: prompt %s", block->file, block->line, block->name);
    synth->where = where;
    synth->lesson = block;
    prompt->least = (size_t)strtoul(curriculum_text(block, "least", "0"), NULL, 10);
    for (size_t at = 0;
         said == SYNTH_SAID && (field = curriculum_next(block, "draw", 4, &at)) != NULL;)
        said = synth_function_draw(synth, field->text, NULL, synth->draws, &synth->draw_count);
    if (said == SYNTH_SAID)
        said = say_fields(prompt);
    synth->where = NULL;
    if (said == SYNTH_SAID && synth->hole_count > 0)
        return error_set(error, PRIMER_EFORMAT, "%s: has a value {= ...}, which no check works out",
                         where);
    *made = said == SYNTH_SAID;
    if (said != SYNTH_FAILED)
        return PRIMER_OK;
    return synth->error->status != PRIMER_OK
               ? synth->error->status
               : error_set(error, PRIMER_ENOMEM, "%s: no memory", where);
}
