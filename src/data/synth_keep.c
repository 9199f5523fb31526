/* synth_keep.c - which lessons are kept, and their lines. Declared in synth_run.h. */
#include "data/synth_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

enum {
    HELD_TREES = 16,   /* one of so many trees is held out */
    JOINED_MOST = 1000 /* bytes of turns that another conversation is joined to */
};

/* ---- what is kept ---------------------------------------------------------------------------- */

static void write_problem(char text[DATA_SYNTH_PROBLEM], const char *topic, const char *why)
{
    snprintf(text, DATA_SYNTH_PROBLEM, "%s: %s", topic, why);
    text[utf8_complete(text, strlen(text))] = '\0';
}

/* Counts what is wrong with each topic. Where there is no room left the rarest makes way and leaves
 * its count, so that what is often wrong is found in any case (Metwally et al. 2005: "space saving").
 */
static void note_problem(struct data_synth_summary *summary, const char *topic, const char *why)
{
    const size_t length = strlen(topic);
    size_t rarest = 0, i = 0;
    for (; i < DATA_SYNTH_PROBLEMS && summary->problems[i].count > 0; i++) {
        const char *const text = summary->problems[i].text;
        if (strncmp(text, topic, length) == 0 && text[length] == ':')
            break;
        rarest = summary->problems[i].count < summary->problems[rarest].count ? i : rarest;
    }
    const bool known = i < DATA_SYNTH_PROBLEMS && summary->problems[i].count > 0;
    i = i == DATA_SYNTH_PROBLEMS ? rarest : i;
    summary->problems[i].count++;
    if (!known)
        write_problem(summary->problems[i].text, topic, why);
}

static const char *worst_problem(const struct data_synth_summary *summary)
{
    size_t worst = 0;
    for (size_t i = 1; i < DATA_SYNTH_PROBLEMS; i++)
        worst = summary->problems[i].count > summary->problems[worst].count ? i : worst;
    return summary->problems[worst].text;
}

static bool tree_held(const json_t *tree)
{
    const char *const text = json_string_value(tree);
    return text != NULL && strtoull(text, NULL, 16) % HELD_TREES == 0;
}

static bool any_tree_held(const json_t *answer)
{
    size_t i, j;
    json_t *variants, *tree;
    json_array_foreach(json_object_get(answer, "trees"), i, variants)
        json_array_foreach(variants, j, tree) if (tree_held(tree)) return true;
    return false;
}

static bool taught_by_idea(const struct synth_run *run, const json_t *tree)
{
    const char *const text = json_string_value(tree);
    return text != NULL && synth_set_has(&run->idea_trees, strtoull(text, NULL, 16));
}

/* Does the lesson belong to the split that is asked for? */
static bool belongs(const struct synth_run *run, const struct synth_draft *draft,
                    const json_t *answer)
{
    const bool problem = strcmp(draft->lesson->kind, "problem") == 0;
    const bool talk = strcmp(draft->lesson->kind, "talk") == 0;
    const bool trees = draft->composed && any_tree_held(answer);
    const json_t *const tree =
        json_array_get(json_array_get(json_object_get(answer, "trees"), 0), 0);
    switch (run->options->split) {
    case DATA_SYNTH_TRAIN:
        return !trees && !draft->pair_held && !draft->wording_held && !draft->numbers_held;
    case DATA_SYNTH_TEST:
        return problem ? draft->wording_held && draft->numbers_held
               : talk  ? draft->wording_held
                       : draft->composed && !draft->pair_held && tree_held(tree) &&
                            !taught_by_idea(run, tree);
    case DATA_SYNTH_PAIRS:
        return draft->composed && draft->pair_held;
    default:
        return true;
    }
}

static bool is_conversation(const struct synth_draft *draft)
{
    return draft->turn_count > 0 && (strcmp(draft->turns[0].role, "user") == 0 ||
                                     strcmp(draft->turns[0].role, "system") == 0);
}

/* `before`: turns of another conversation that this one goes on. run->turns becomes all turns of a
 * conversation, and empty for other lessons. */
static primer_status write_turns(struct synth_run *run, const struct synth_draft *draft,
                                 const char *const *values, size_t count, const char *before,
                                 struct buffer *out, primer_error *error)
{
    const bool talks = is_conversation(draft);
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(buffer_text(out, talks ? ",\"messages\":[" : "", error));
    const size_t begin = out->length;
    TRY(buffer_text(out, before, error));
    TRY(buffer_text(out, *before == '\0' ? "" : ",", error));
    for (size_t i = 0; i < draft->turn_count; i++) {
        const struct synth_turn *const turn = &draft->turns[i];
        buffer_clear(&text);
        TRY(synth_lesson_fill(&turn->text, values, count, &text, error));
        if (talks)
            TRY(buffer_format(out, error, "%s{\"role\":\"%s\",\"content\":", i > 0 ? "," : "",
                              turn->role));
        else
            TRY(buffer_format(out, error, ",\"%s\":", turn->role));
        TRY(buffer_json_string(out, text.bytes == NULL ? "" : text.bytes, text.length, error));
        TRY(buffer_text(out, talks ? "}" : "", error));
    }
    buffer_clear(&run->turns);
    if (talks)
        TRY(buffer_append(&run->turns, out->bytes + begin, out->length - begin, error));
    TRY(buffer_text(out, talks ? "]" : "", error));

cleanup:
    buffer_free(&text);
    return status;
}

static primer_status write_tests(const struct synth_draft *draft, const json_t *answer,
                                 struct buffer *out, primer_error *error)
{
    static const char *const keys[] = {"calls", "answer", "trees"};
    if (draft->entry.length > 0) {
        FORWARD(buffer_text(out, ",\"entry\":", error));
        FORWARD(buffer_json_string(out, draft->entry.bytes, draft->entry.length, error));
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *const value = json_object_get(answer, keys[i]);
        const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT;
        const size_t length = value == NULL ? 0 : json_dumpb(value, NULL, 0, flags);
        if (length == 0)
            continue;
        FORWARD(buffer_format(out, error, ",\"%s\":", keys[i]));
        FORWARD(buffer_reserve(out, length, error));
        json_dumpb(value, out->bytes + out->length, length, flags);
        out->length += length;
        out->bytes[out->length] = '\0';
    }
    return PRIMER_OK;
}

/* {"index":N,"kind":"frame","topic":"...","messages":[...]}; what follows the index makes it the same
 * as another. */
static primer_status write_lesson(struct synth_run *run, const struct synth_draft *draft,
                                  uint64_t number, const json_t *answer, const char *before,
                                  struct buffer *out, primer_error *error)
{
    const char *values[SYNTH_HOLES];
    const json_t *const holes = json_object_get(answer, "holes");
    const size_t count = json_array_size(holes);
    for (size_t i = 0; i < count && i < SYNTH_HOLES; i++) {
        values[i] = json_string_value(json_array_get(holes, i));
        if (values[i] == NULL)
            return error_set(error, PRIMER_EFORMAT, "the check's hole %zu is no text", i);
    }
    FORWARD(buffer_format(out, error, "{\"index\":%" PRIu64 ",\"kind\":\"%s\",\"lesson\":\"%s\"",
                          number, draft->lesson->kind, draft->lesson->name));
    FORWARD(buffer_text(out, ",\"topic\":", error));
    FORWARD(buffer_json_string(out, draft->topic.bytes, draft->topic.length, error));
    FORWARD(write_turns(run, draft, values, count < SYNTH_HOLES ? count : SYNTH_HOLES, before, out,
                        error));
    if (run->options->tests)
        FORWARD(write_tests(draft, answer, out, error));
    return buffer_text(out, "}\n", error);
}

static primer_status measure_draft(struct synth_run *run, const struct synth_draft *draft,
                                   primer_error *error)
{
    size_t count = 0;
    const struct curriculum_block *const blocks = curriculum_all(run->curriculum, &count);
    for (size_t i = 0; i < draft->turn_count; i++)
        if (strcmp(draft->turns[i].role, "assistant") != 0 &&
            strcmp(draft->turns[i].role, "completion") != 0)
            FORWARD(synth_measure_add(&run->measure, draft->turns[i].text.bytes,
                                      draft->turns[i].text.length, error));
    for (size_t i = 0; i < draft->block_count; i++)
        run->used[draft->blocks[i] - blocks] = true;
    return PRIMER_OK;
}

/* What comes behind the index, which every line has. */
uint64_t synth_keep_hash(const char *line, size_t length)
{
    const char *const comma = memchr(line, ',', length);
    return comma == NULL ? 0 : hash_bytes(comma, length - (size_t)(comma - line), 0);
}

/* People change the subject: `join 25` in `mix lessons` has a quarter of the conversations go on
 * another one, whose line they replace. */
static bool joins(const struct synth_run *run, const struct synth_draft *draft, uint64_t number)
{
    const struct curriculum_block *const mix =
        curriculum_find(run->curriculum, "mix", "lessons", 7);
    const char *const percent = mix == NULL ? NULL : curriculum_text(mix, "join", NULL);
    return percent != NULL && run->options->split == DATA_SYNTH_TRAIN && !run->options->tests &&
           is_conversation(draft) && run->has_last && run->turns.length > 0 &&
           run->turns.length < JOINED_MOST &&
           hash_bytes(&number, sizeof number, 13) % 100 < strtoull(percent, NULL, 10);
}

/* The last line stays, unless it repeats another. Only now is it known that nothing is joined to it:
 * what is kept doesn't depend on which other lines this process has seen. */
primer_status synth_keep_last(struct synth_run *run, primer_error *error)
{
    bool fresh = false;
    const size_t begin = run->last_line;
    if (!run->has_last)
        return PRIMER_OK;
    run->has_last = false;
    FORWARD(synth_set_add(&run->written,
                          synth_keep_hash(run->lines.bytes + begin, run->lines.length - begin),
                          &fresh, error));
    run->summary->kept += fresh ? 1 : 0;
    run->summary->duplicates += fresh ? 0 : 1;
    if (!fresh)
        run->lines.bytes[run->lines.length = begin] = '\0';
    return PRIMER_OK;
}

/* Writes the lesson as the last line, in the place of one that it goes on. */
static primer_status write_last(struct synth_run *run, const struct synth_draft *draft,
                                uint64_t number, const json_t *answer, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer before = {0};
    if (joins(run, draft, number)) {
        TRY(buffer_append(&before, run->turns.bytes, run->turns.length, error));
        run->lines.bytes[run->lines.length = run->last_line] = '\0';
        run->summary->joined++;
    } else {
        TRY(synth_keep_last(run, error));
    }
    run->last_line = run->lines.length;
    run->has_last = true;
    status = write_lesson(run, draft, number, answer, before.length == 0 ? "" : before.bytes,
                          &run->lines, error);

cleanup:
    buffer_free(&before);
    return status;
}

primer_status synth_keep_draft(struct synth_run *run, size_t i, primer_error *error)
{
    struct data_synth_summary *const summary = run->summary;
    const struct synth_draft *const draft = &run->drafts[i];
    const json_t *const answer = run->answers[i];
    summary->made++;
    if (!draft->made || answer == NULL) {
        summary->unsaid++;
        return PRIMER_OK;
    }
    summary->programs += json_array_size(json_object_get(answer, "trees")) > 0 ||
                                 strcmp(draft->lesson->kind, "problem") == 0
                             ? 1
                             : 0;
    if (!json_is_true(json_object_get(answer, "keep"))) {
        const char *const why = json_string_value(json_object_get(answer, "why"));
        if (why != NULL && *why != '\0') {
            summary->wrong++;
            note_problem(summary, draft->topic.bytes, why);
        } else {
            summary->unsaid++;
        }
        return PRIMER_OK;
    }
    if (!belongs(run, draft, answer)) {
        summary->held_out++;
        return PRIMER_OK;
    }
    FORWARD(write_last(run, draft, run->next + i, answer, error));
    return measure_draft(run, draft, error);
}

static double or_default(double value, double missing)
{
    return value > 0 ? value : missing;
}

/* Floors: lessons that are wrong or alike are a fault of the curriculum, and the sooner said the
 * better. */
primer_status synth_keep_floors(const struct synth_run *run, primer_error *error)
{
    const struct data_synth_options *const options = run->options;
    const struct data_synth_summary *const summary = run->summary;
    const double checked = (double)(summary->made - summary->unsaid);
    const double wrong = checked == 0 ? 0 : (double)summary->wrong / checked;
    if (summary->made >= SYNTH_ROUND &&
        wrong > or_default(options->most_wrong, DATA_SYNTH_MOST_WRONG))
        return error_set(error, PRIMER_EFORMAT,
                         "%" PRIu64 " of %.0f lessons are wrong (%.1f %%); most often: %s",
                         summary->wrong, checked, 100 * wrong, worst_problem(summary));
    if (run->measure.pairs < 1000)
        return PRIMER_OK;
    const double distinct = synth_measure_distinct(&run->measure);
    const double least = or_default(options->least_distinct, DATA_SYNTH_LEAST_DISTINCT);
    if (distinct < least)
        return error_set(error, PRIMER_EFORMAT,
                         "only %.4f of the word trigrams are different, expected %.4f at least",
                         distinct, least);
    const double similar = synth_measure_similar(&run->measure);
    const double most = or_default(options->most_similar, DATA_SYNTH_MOST_SIMILAR);
    if (similar > most)
        return error_set(error, PRIMER_EFORMAT,
                         "lessons share %.3f of their words, expected %.3f at most", similar, most);
    return PRIMER_OK;
}
