/* data_synth.c - the rounds of the built-in teacher. Declared in data_synth.h.
 *
 *   for numbers i, i + ROUND, ...:   make ROUND drafts on all threads       (synth_lesson.c)
 *                                    put those that can be said to the check (synth_check.c)
 *                                    keep, in the order of their numbers:    split, repetition
 *                                    OUT.part grows, OUT.state says how far
 */
#include "data/data_synth.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/synth_check.h"
#include "data/synth_lesson.h"
#include "data/synth_measure.h"

enum {
    ROUND = 2048,
    HELD_TREES = 16, /* one of so many trees is held out */
    HELD_PAIRS = 24,
    HELD_WORDINGS = 8,
    HELD_NUMBERS = 8,
    STATE_MOST = 1 << 16,
    DRAFT_BLOCKS = 2 + 2 * SYNTH_SLOTS
};

/* ---- what a run holds ------------------------------------------------------------------------ */

struct draft {
    struct synth_turn turns[SYNTH_TURNS];
    size_t turn_count;
    struct buffer request, topic, entry;
    const struct curriculum_block *lesson;
    const struct curriculum_block *blocks[DRAFT_BLOCKS]; /* that it is made of */
    size_t block_count;
    bool made, composed, pair_held, wording_held, numbers_held;
};

struct run {
    const struct data_synth_options *options;
    struct data_synth_summary *summary;
    struct curriculum *curriculum;
    struct pool *pool;
    struct synth_lesson *lessons; /* [pool_size] */
    primer_error *errors;         /* [pool_size] */
    struct draft *drafts;         /* [ROUND] */
    json_t **answers;             /* [ROUND] */
    struct synth_check check;
    struct synth_set written, used, idea_trees;
    struct synth_measure measure;
    uint64_t next;       /* the first number of the next round */
    uint64_t identity;   /* of curriculum and options */
    int part;            /* OUT.part */
    uint64_t part_bytes; /* whole rounds of it */
    struct buffer part_path, state_path, lines;
};

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

static void note_blocks(struct draft *draft, const struct synth *synth)
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

static primer_status take_draft(struct draft *draft, struct synth_lesson *lesson,
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
    struct run *const run = context;
    struct draft *const draft = &run->drafts[task];
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

static primer_status make_round(struct run *run, primer_error *error)
{
    pool_run(run->pool, make_draft, run, ROUND);
    for (size_t i = 0; i < pool_size(run->pool); i++)
        if (run->errors[i].status != PRIMER_OK) {
            if (error != NULL)
                *error = run->errors[i];
            return run->errors[i].status;
        }
    return PRIMER_OK;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

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
        snprintf(summary->problems[i].text, sizeof summary->problems[i].text, "%s: %s", topic, why);
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

static bool taught_by_idea(const struct run *run, const json_t *tree)
{
    const char *const text = json_string_value(tree);
    return text != NULL && synth_set_has(&run->idea_trees, strtoull(text, NULL, 16));
}

/* Does the lesson belong to the split that is asked for? */
static bool belongs(const struct run *run, const struct draft *draft, const json_t *answer)
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

static primer_status write_turns(const struct draft *draft, const char *const *values, size_t count,
                                 struct buffer *out, primer_error *error)
{
    const bool talks = draft->turn_count > 0 && (strcmp(draft->turns[0].role, "user") == 0 ||
                                                 strcmp(draft->turns[0].role, "system") == 0);
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(buffer_text(out, talks ? ",\"messages\":[" : "", error));
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
    TRY(buffer_text(out, talks ? "]" : "", error));

cleanup:
    buffer_free(&text);
    return status;
}

static primer_status write_tests(const struct draft *draft, const json_t *answer,
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
static primer_status write_lesson(struct run *run, const struct draft *draft, uint64_t number,
                                  const json_t *answer, struct buffer *out, primer_error *error)
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
    FORWARD(write_turns(draft, values, count < SYNTH_HOLES ? count : SYNTH_HOLES, out, error));
    if (run->options->tests)
        FORWARD(write_tests(draft, answer, out, error));
    return buffer_text(out, "}\n", error);
}

static primer_status measure_draft(struct run *run, const struct draft *draft, primer_error *error)
{
    bool fresh;
    for (size_t i = 0; i < draft->turn_count; i++)
        if (strcmp(draft->turns[i].role, "assistant") != 0 &&
            strcmp(draft->turns[i].role, "completion") != 0)
            FORWARD(synth_measure_add(&run->measure, draft->turns[i].text.bytes,
                                      draft->turns[i].text.length, error));
    for (size_t i = 0; i < draft->block_count; i++)
        FORWARD(synth_set_add(&run->used, (uint64_t)(uintptr_t)draft->blocks[i], &fresh, error));
    return PRIMER_OK;
}

/* What comes behind the index, which every line has. */
static uint64_t line_hash(const char *line, size_t length)
{
    const char *const comma = memchr(line, ',', length);
    return comma == NULL ? 0 : hash_bytes(comma, length - (size_t)(comma - line), 0);
}

static primer_status keep_draft(struct run *run, size_t i, primer_error *error)
{
    struct data_synth_summary *const summary = run->summary;
    const struct draft *const draft = &run->drafts[i];
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
    const size_t begin = run->lines.length;
    bool fresh = false;
    FORWARD(write_lesson(run, draft, run->next + i, answer, &run->lines, error));
    FORWARD(synth_set_add(&run->written,
                          line_hash(run->lines.bytes + begin, run->lines.length - begin), &fresh,
                          error));
    if (!fresh) {
        summary->duplicates++;
        run->lines.bytes[run->lines.length = begin] = '\0';
        return PRIMER_OK;
    }
    summary->kept++;
    return measure_draft(run, draft, error);
}

/* ---- files ----------------------------------------------------------------------------------- */

static primer_status write_all(int descriptor, const char *path, const char *bytes, size_t length,
                               primer_error *error)
{
    while (length > 0) {
        const ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return error_set(error, PRIMER_EIO, "%s: cannot write: %s", path, strerror(errno));
        bytes += count;
        length -= (size_t)count;
    }
    return PRIMER_OK;
}

static primer_status save_state(struct run *run, primer_error *error)
{
    const struct data_synth_summary *const summary = run->summary;
    struct file_writer writer = {0};
    primer_status status = PRIMER_OK;
    char text[512];
    const int length = snprintf(
        text, sizeof text,
        "{\"identity\":\"%016" PRIx64 "\",\"next\":%" PRIu64 ",\"bytes\":%" PRIu64
        ",\"made\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"duplicates\":%" PRIu64
        ",\"held_out\":%" PRIu64 ",\"unsaid\":%" PRIu64 ",\"programs\":%" PRIu64 "}\n",
        run->identity, run->next, run->part_bytes, summary->made, summary->kept, summary->wrong,
        summary->duplicates, summary->held_out, summary->unsaid, summary->programs);
    TRY(file_writer_open(&writer, run->state_path.bytes, error));
    TRY(file_writer_write(&writer, text, (size_t)length, error));
    TRY(file_writer_commit(&writer, error));

cleanup:
    file_writer_abandon(&writer);
    return status;
}

static uint64_t number_of(const json_t *state, const char *key)
{
    const json_int_t number = json_integer_value(json_object_get(state, key));
    return number < 0 ? 0 : (uint64_t)number;
}

/* What OUT.state says, where it is of the same curriculum and options. */
static void read_state(struct run *run)
{
    struct data_synth_summary *const summary = run->summary;
    struct buffer text = {0};
    char identity[24];
    json_t *state = NULL;
    if (file_exists(run->state_path.bytes) &&
        file_read(run->state_path.bytes, STATE_MOST, &text, NULL) == PRIMER_OK)
        state = json_loadb(text.bytes == NULL ? "" : text.bytes, text.length, 0, NULL);
    const char *const found = json_string_value(json_object_get(state, "identity"));
    snprintf(identity, sizeof identity, "%016" PRIx64, run->identity);
    if (found != NULL && strcmp(found, identity) == 0) {
        run->next = number_of(state, "next");
        run->part_bytes = number_of(state, "bytes");
        summary->made = number_of(state, "made");
        summary->kept = summary->resumed = number_of(state, "kept");
        summary->wrong = number_of(state, "wrong");
        summary->duplicates = number_of(state, "duplicates");
        summary->held_out = number_of(state, "held_out");
        summary->unsaid = number_of(state, "unsaid");
        summary->programs = number_of(state, "programs");
    }
    json_decref(state);
    buffer_free(&text);
}

/* What asks in a line that was written: as measure_draft sees it. */
static primer_status measure_line(struct run *run, const char *line, size_t length,
                                  primer_error *error)
{
    static const char *const keys[] = {"text", "prompt"};
    primer_status status = PRIMER_OK;
    size_t i;
    json_t *turn, *const lesson = json_loadb(line, length, 0, NULL);
    json_array_foreach(json_object_get(lesson, "messages"), i, turn)
    {
        const char *const role = json_string_value(json_object_get(turn, "role"));
        const json_t *const text = json_object_get(turn, "content");
        if (json_is_string(text) && role != NULL && strcmp(role, "assistant") != 0)
            TRY(synth_measure_add(&run->measure, json_string_value(text), json_string_length(text),
                                  error));
    }
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *const text = json_object_get(lesson, keys[i]);
        if (json_is_string(text))
            TRY(synth_measure_add(&run->measure, json_string_value(text), json_string_length(text),
                                  error));
    }

cleanup:
    json_decref(lesson);
    return status;
}

/* The lines that are there count as written. */
static primer_status read_part(struct run *run, primer_error *error)
{
    struct file_map map = {0};
    primer_status status = PRIMER_OK;
    TRY(file_map_open(&map, run->part_path.bytes, error));
    if (map.size < run->part_bytes)
        FAIL(PRIMER_EFORMAT,
             "%s: has %zu bytes, its state says %" PRIu64 "; remove both to begin anew",
             run->part_path.bytes, map.size, run->part_bytes);
    for (size_t at = 0; at < run->part_bytes;) {
        const unsigned char *const line = map.bytes + at;
        const unsigned char *const end = memchr(line, '\n', run->part_bytes - at);
        const size_t length = end == NULL ? run->part_bytes - at : (size_t)(end - line) + 1;
        bool fresh;
        TRY(synth_set_add(&run->written, line_hash((const char *)line, length), &fresh, error));
        TRY(measure_line(run, (const char *)line, length, error));
        at += length;
    }

cleanup:
    file_map_close(&map);
    return status;
}

static primer_status open_part(struct run *run, primer_error *error)
{
    const char *const path = run->part_path.bytes;
    read_state(run);
    if (run->part_bytes > 0)
        FORWARD(read_part(run, error));
    run->part = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (run->part < 0 || ftruncate(run->part, (off_t)run->part_bytes) != 0 ||
        lseek(run->part, 0, SEEK_END) < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write it: %s", path, strerror(errno));
    return PRIMER_OK;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static primer_status check_round(struct run *run, primer_error *error)
{
    const struct buffer *requests[ROUND];
    static const struct buffer nothing;
    for (size_t i = 0; i < ROUND; i++)
        requests[i] = run->drafts[i].made ? &run->drafts[i].request : &nothing;
    return synth_check_run(&run->check, requests, ROUND, run->answers, error);
}

static double or_default(double value, double missing)
{
    return value > 0 ? value : missing;
}

/* Floors: lessons that are wrong or alike are a fault of the curriculum, and the sooner said the
 * better. */
static primer_status check_floors(const struct run *run, primer_error *error)
{
    const struct data_synth_options *const options = run->options;
    const struct data_synth_summary *const summary = run->summary;
    const double checked = (double)(summary->made - summary->unsaid);
    const double wrong = checked == 0 ? 0 : (double)summary->wrong / checked;
    if (summary->made >= ROUND && wrong > or_default(options->most_wrong, DATA_SYNTH_MOST_WRONG))
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

static primer_status run_round(struct run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const uint64_t before = run->summary->kept;
    uint64_t used = ROUND;
    TRY(make_round(run, error));
    TRY(check_round(run, error));
    buffer_clear(&run->lines);
    for (size_t i = 0; i < ROUND; i++) {
        if (run->summary->kept == run->options->count) {
            used = i;
            break;
        }
        TRY(keep_draft(run, i, error));
    }
    if (run->lines.length > 0)
        TRY(write_all(run->part, run->part_path.bytes, run->lines.bytes, run->lines.length, error));
    run->part_bytes += run->lines.length;
    run->next += used;
    TRY(save_state(run, error));
    TRY(check_floors(run, error));
    if (run->next > 100 * ROUND && run->summary->kept * 2000 < run->summary->made &&
        run->summary->kept == before)
        FAIL(PRIMER_ELIMIT,
             "%" PRIu64 " lessons were made and %" PRIu64
             " are new and wanted: the curriculum has no more",
             run->summary->made, run->summary->kept);

cleanup:
    for (size_t i = 0; i < ROUND; i++) {
        json_decref(run->answers[i]);
        run->answers[i] = NULL;
    }
    return status;
}

/* Blocks that lessons can be about: all but the words that they are said in. */
static size_t count_topics(const struct curriculum *curriculum)
{
    static const char *const words[] = {"phrase", "table", "type", "mix"};
    size_t count = 0, topics = 0;
    const struct curriculum_block *const blocks = curriculum_all(curriculum, &count);
    for (size_t i = 0; i < count; i++) {
        bool word = false;
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            word = word || strcmp(blocks[i].kind, words[j]) == 0;
        topics += word ? 0 : 1;
    }
    return topics;
}

static primer_status finish(struct run *run, const char *path, primer_error *error)
{
    struct data_synth_summary *const summary = run->summary;
    if (fsync(run->part) != 0 || close(run->part) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write: %s", run->part_path.bytes,
                         strerror(errno));
    run->part = -1;
    if (rename(run->part_path.bytes, path) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot rename it to %s: %s", run->part_path.bytes,
                         path, strerror(errno));
    unlink(run->state_path.bytes);
    summary->distinct = synth_measure_distinct(&run->measure);
    summary->similar = synth_measure_similar(&run->measure);
    summary->topics = count_topics(run->curriculum);
    summary->topics_used = run->used.count;
    return PRIMER_OK;
}

/* ---- what ideas teach ------------------------------------------------------------------------- */

enum { SURVEYS = 4 }; /* of an idea: numbers in its code may be arguments */

static primer_status take_trees(struct run *run, const json_t *answer, primer_error *error)
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
static primer_status survey_ideas(struct run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t count = 0, made_count = 0;
    const struct curriculum_block *const ideas = curriculum_kind(run->curriculum, "idea", &count);
    struct buffer *const requests = memory_allocate(ROUND, sizeof *requests);
    const struct buffer *places[ROUND];
    if (requests == NULL)
        return memory_failure(error, "a survey", ROUND * sizeof *requests);
    for (size_t i = 0; i < count * SURVEYS;) {
        for (made_count = 0; i < count * SURVEYS && made_count < ROUND; i++, made_count++) {
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
    for (size_t j = 0; j < ROUND; j++) {
        buffer_free(&requests[j]);
        json_decref(run->answers[j]);
        run->answers[j] = NULL;
    }
    memory_free(requests);
    return status;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static uint64_t identify(const struct run *run)
{
    const struct data_synth_options *const options = run->options;
    const uint64_t numbers[] = {curriculum_hash(run->curriculum), options->count, options->seed,
                                (uint64_t)options->split, options->tests ? 1 : 0};
    const char *const only = options->only == NULL ? "" : options->only;
    return hash_bytes(only, strlen(only), hash_bytes(numbers, sizeof numbers, 1));
}

static primer_status open_run(struct run *run, const char *const *folders, size_t folder_count,
                              const char *path, primer_error *error)
{
    FORWARD(curriculum_read(folders, folder_count, &run->curriculum, error));
    FORWARD(pool_create(&run->pool, run->options->threads, error));
    const size_t threads = pool_size(run->pool);
    run->lessons = memory_allocate(threads, sizeof *run->lessons);
    run->errors = memory_allocate(threads, sizeof *run->errors);
    run->drafts = memory_allocate(ROUND, sizeof *run->drafts);
    run->answers = memory_allocate(ROUND, sizeof *run->answers);
    if (run->lessons == NULL || run->errors == NULL || run->drafts == NULL || run->answers == NULL)
        return memory_failure(error, "drafts of lessons", ROUND * sizeof *run->drafts);
    for (size_t i = 0; i < threads; i++)
        FORWARD(synth_lesson_create(&run->lessons[i], run->curriculum, run->options->only, error));
    FORWARD(synth_check_open(&run->check, curriculum_check(run->curriculum), threads, error));
    FORWARD(buffer_format(&run->part_path, error, "%s.part", path));
    FORWARD(buffer_format(&run->state_path, error, "%s.state", path));
    run->identity = identify(run);
    return open_part(run, error);
}

static void close_run(struct run *run)
{
    for (size_t i = 0; run->lessons != NULL && i < pool_size(run->pool); i++)
        synth_lesson_free(&run->lessons[i]);
    for (size_t i = 0; run->drafts != NULL && i < ROUND; i++) {
        for (size_t j = 0; j < SYNTH_TURNS; j++)
            buffer_free(&run->drafts[i].turns[j].text);
        buffer_free(&run->drafts[i].request);
        buffer_free(&run->drafts[i].topic);
        buffer_free(&run->drafts[i].entry);
    }
    if (run->part >= 0)
        close(run->part);
    memory_free(run->lessons);
    memory_free(run->errors);
    memory_free(run->drafts);
    memory_free(run->answers);
    synth_check_close(&run->check);
    pool_free(run->pool);
    curriculum_free(run->curriculum);
    synth_set_free(&run->written);
    synth_set_free(&run->used);
    synth_set_free(&run->idea_trees);
    synth_measure_free(&run->measure);
    buffer_free(&run->part_path);
    buffer_free(&run->state_path);
    buffer_free(&run->lines);
}

primer_status data_synth_make(const char *const *folders, size_t folder_count, const char *path,
                              const struct data_synth_options *options,
                              struct data_synth_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *summary = (struct data_synth_summary){0};
    struct run run = {.options = options, .summary = summary, .part = -1};
    TRY(open_run(&run, folders, folder_count, path, error));
    if (options->split == DATA_SYNTH_TEST)
        TRY(survey_ideas(&run, error));
    while (summary->kept < options->count) {
        TRY(run_round(&run, error));
        if (options->progress != NULL &&
            !options->progress(options->context, summary->kept, options->count))
            FAIL(PRIMER_ECANCELED, "stopped; the same command goes on");
    }
    TRY(finish(&run, path, error));

cleanup:
    close_run(&run);
    return status;
}
