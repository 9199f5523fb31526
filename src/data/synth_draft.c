/* synth_draft.c - the lessons of a round, made on all threads. Declared in synth_run.h. */
#include "data/synth_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

/* One of so many is held out. */
enum { HELD_PAIRS = 24, HELD_WORDINGS = 8, HELD_NUMBERS = 8 };

/* ---- drafts ---------------------------------------------------------------------------------- */

/* Is a pair of the parts one that is held out? */
static bool holds_pair(const struct synth_function *function)
{
    for (size_t i = 0; i < function->slot_count; i++)
        for (size_t j = i + 1; j < function->slot_count; j++) {
            const char *const a = function->parts[i]->name, *const b = function->parts[j]->name;
            const uint64_t hash = hash_bytes(b, strlen(b), hash_bytes(a, strlen(a), 11));
            if (function->block != NULL && hash % HELD_PAIRS == 0)
                return true;
        }
    return false;
}

static void note_blocks(struct synth_draft *draft, const struct synth *synth)
{
    draft->blocks[draft->block_count++] = synth->lesson;
    for (int which = 0; which < 2; which++) {
        const struct synth_function *const function = &synth->functions[which];
        if (function->block == NULL)
            continue;
        if (which == 0 && function->block != synth->lesson)
            draft->blocks[draft->block_count++] = function->block;
        for (size_t i = 0; i < function->slot_count; i++)
            draft->blocks[draft->block_count++] = function->parts[i];
        if (function->twist != NULL)
            draft->blocks[draft->block_count++] = function->twist;
    }
}

/* Problems have wordings that are held out; talks have where `mix lessons` says `hold talk`. */
static bool holds_wording(const struct synth *synth)
{
    const struct curriculum_block *const mix =
        curriculum_find(synth->curriculum, "mix", "lessons", 7);
    const char *const held = mix == NULL ? NULL : curriculum_text(mix, "hold", NULL);
    return strcmp(synth->lesson->kind, "problem") == 0 ||
           (held != NULL && strcmp(synth->lesson->kind, held) == 0);
}

static primer_status take_draft(struct synth_draft *draft, struct synth_lesson *lesson,
                                primer_error *error)
{
    const struct synth *const synth = &lesson->synth;
    const bool problem = strcmp(synth->lesson->kind, "problem") == 0;
    draft->turn_count = lesson->turn_count;
    for (size_t i = 0; i < lesson->turn_count; i++) {
        const struct buffer spare = draft->turns[i].text;
        draft->turns[i] = lesson->turns[i];
        lesson->turns[i].text = spare;
    }
    const struct buffer spare = draft->request;
    draft->request = lesson->request;
    lesson->request = spare;
    draft->lesson = synth->lesson;
    draft->composed =
        !problem && synth->functions[0].block != NULL && synth->functions[0].slot_count > 0;
    draft->pair_held = draft->composed &&
                       (holds_pair(&synth->functions[0]) ||
                        (synth->functions[1].block != NULL && holds_pair(&synth->functions[1])));
    draft->wording_held = holds_wording(synth) && lesson->wording % HELD_WORDINGS == 0;
    draft->numbers_held = problem && lesson->numbers % HELD_NUMBERS == 0;
    note_blocks(draft, synth);
    if (synth->functions[0].block != NULL && !problem)
        FORWARD(buffer_text(&draft->entry, synth->functions[0].name, error));
    return synth_lesson_topic(lesson, &draft->topic, error);
}

static void make_draft(void *context, size_t task, size_t thread)
{
    struct synth_run *const run = context;
    struct synth_draft *const draft = &run->drafts[task];
    const uint64_t number = run->next + task;
    const uint64_t seed = hash_bytes(&number, sizeof number, run->options->seed + 1);
    primer_error *const error = &run->errors[thread];
    draft->made = false;
    draft->block_count = 0;
    buffer_clear(&draft->request);
    buffer_clear(&draft->topic);
    buffer_clear(&draft->entry);
    if (error->status != PRIMER_OK)
        return;
    bool made = false;
    primer_status status = synth_lesson_make(&run->lessons[thread], seed, &made, error);
    if (status == PRIMER_OK && made)
        status = take_draft(draft, &run->lessons[thread], error);
    draft->made = status == PRIMER_OK && made;
    error->status = status;
}

primer_status synth_draft_round(struct synth_run *run, primer_error *error)
{
    pool_run(run->pool, make_draft, run, SYNTH_ROUND);
    for (size_t i = 0; i < pool_size(run->pool); i++)
        if (run->errors[i].status != PRIMER_OK) {
            if (error != NULL)
                *error = run->errors[i];
            return run->errors[i].status;
        }
    return PRIMER_OK;
}

void synth_draft_free(struct synth_draft *draft)
{
    for (size_t i = 0; i < SYNTH_TURNS; i++)
        buffer_free(&draft->turns[i].text);
    buffer_free(&draft->request);
    buffer_free(&draft->topic);
    buffer_free(&draft->entry);
}

/* ---- what ideas teach ------------------------------------------------------------------------- */

enum { SURVEYS = 4 }; /* of an idea: numbers in its code may be arguments */

static primer_status take_trees(struct synth_run *run, const json_t *answer, primer_error *error)
{
    size_t i, j;
    json_t *variants, *tree;
    json_array_foreach(json_object_get(answer, "trees"), i, variants)
    {
        json_array_foreach(variants, j, tree)
        {
            bool fresh;
            const char *const text = json_string_value(tree);
            FORWARD(synth_set_add(&run->idea_trees, strtoull(text == NULL ? "" : text, NULL, 16),
                                  &fresh, error));
        }
    }
    return PRIMER_OK;
}

/* The trees of all ideas' code, which lessons show whatever is held out: no test is made of them. */
primer_status synth_draft_survey(struct synth_run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t count = 0, made_count = 0;
    const struct curriculum_block *const ideas = curriculum_kind(run->curriculum, "idea", &count);
    struct buffer *const requests = memory_allocate(SYNTH_ROUND, sizeof *requests);
    const struct buffer *places[SYNTH_ROUND];
    if (requests == NULL)
        return memory_failure(error, "a survey", SYNTH_ROUND * sizeof *requests);
    for (size_t i = 0; i < count * SURVEYS;) {
        for (made_count = 0; i < count * SURVEYS && made_count < SYNTH_ROUND; i++, made_count++) {
            bool made;
            struct synth_lesson *const lesson = &run->lessons[0];
            TRY(synth_lesson_survey(lesson, &ideas[i % count], i, &made, error));
            buffer_clear(&requests[made_count]);
            if (made)
                TRY(buffer_append(&requests[made_count], lesson->request.bytes,
                                  lesson->request.length, error));
            places[made_count] = &requests[made_count];
        }
        TRY(synth_check_run(&run->check, places, made_count, run->answers, error));
        for (size_t j = 0; j < made_count; j++) {
            TRY(take_trees(run, run->answers[j], error));
            json_decref(run->answers[j]);
            run->answers[j] = NULL;
        }
    }

cleanup:
    for (size_t j = 0; j < SYNTH_ROUND; j++) {
        buffer_free(&requests[j]);
        json_decref(run->answers[j]);
        run->answers[j] = NULL;
    }
    memory_free(requests);
    return status;
}
