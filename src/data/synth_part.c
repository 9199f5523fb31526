/* synth_part.c - what a run has kept, on disk. Declared in synth_run.h.
 *
 *   OUT.part    lines of whole rounds          OUT.rank-1.part, OUT.rank-2.part, ... of several ranks
 *   OUT.state   how many bytes of it count, the next number, the counts so far; of which settings
 *
 * What a part holds beyond its state's bytes was torn off, and is cut away. Part and state are made
 * together, and a part without a state is another program's file. The number of lessons isn't one of
 * the settings that have to be equal: rounds don't depend on it, but for the last one, which it cuts.
 */
#include "data/synth_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/synth_output.h"

enum { STATE_MOST = 1 << 20 };

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

/* What a run's lessons depend on, as a state has it. */
struct setting {
    const char *key, *name; /* name: what it is called */
    char text[32];
    const char *only; /* in the place of `text` */
};
enum { SETTINGS = 6 };

static const char *text_of(const struct setting *setting)
{
    return setting->only != NULL ? setting->only : setting->text;
}

static void list_settings(const struct synth_run *run, struct setting settings[SETTINGS])
{
    static const char *const splits[] = {[DATA_SYNTH_TRAIN] = "train",
                                         [DATA_SYNTH_TEST] = "test",
                                         [DATA_SYNTH_PAIRS] = "pairs",
                                         [DATA_SYNTH_ALL] = "all"};
    const struct data_synth_options *const options = run->options;
    const struct setting all[SETTINGS] = {
        {.key = "curriculum", .name = "curriculum"},
        {.key = "seed", .name = "--seed"},
        {.key = "split", .name = "--split"},
        {.key = "only", .name = "--only", .only = options->only == NULL ? "" : options->only},
        {.key = "tests", .name = "--tests"},
        {.key = "processes", .name = "number of processes"},
    };
    memcpy(settings, all, sizeof all);
    snprintf(settings[0].text, sizeof all->text, "%016" PRIx64, curriculum_hash(run->curriculum));
    snprintf(settings[1].text, sizeof all->text, "%" PRIu64, options->seed);
    snprintf(settings[2].text, sizeof all->text, "%s", splits[options->split]);
    snprintf(settings[4].text, sizeof all->text, "%s", options->tests ? "on" : "off");
    snprintf(settings[5].text, sizeof all->text, "%zu", run->ranks.count);
}

/* What each count of a state is called. */
struct count {
    const char *key;
    uint64_t *value;
};
enum { COUNTS = 10 };
static void list_counts(struct synth_run *run, struct count counts[COUNTS])
{
    struct data_synth_summary *const summary = run->summary;
    const struct count all[COUNTS] = {
        {"next", &run->next},
        {"bytes", &run->part_bytes},
        {"made", &summary->made},
        {"kept", &summary->kept},
        {"wrong", &summary->wrong},
        {"duplicates", &summary->duplicates},
        {"held_out", &summary->held_out},
        {"unsaid", &summary->unsaid},
        {"joined", &summary->joined},
        {"programs", &summary->programs},
    };
    memcpy(counts, all, sizeof all);
}

/* The blocks that lessons were about, a digit for each, and what was wrong with which topic. */
static primer_status write_topics(const struct synth_run *run, struct buffer *text,
                                  primer_error *error)
{
    const struct data_synth_summary *const summary = run->summary;
    size_t blocks = 0;
    curriculum_all(run->curriculum, &blocks);
    FORWARD(buffer_text(text, ",\"used\":\"", error));
    for (size_t i = 0; i < blocks; i++)
        FORWARD(buffer_text(text, run->used[i] ? "1" : "0", error));
    FORWARD(buffer_text(text, "\",\"problems\":[", error));
    for (size_t i = 0; i < DATA_SYNTH_PROBLEMS && summary->problems[i].count > 0; i++) {
        const char *const problem = summary->problems[i].text;
        FORWARD(buffer_format(text, error, "%s[%" PRIu64 ",", i > 0 ? "," : "",
                              summary->problems[i].count));
        FORWARD(buffer_json_string(text, problem, strlen(problem), error));
        FORWARD(buffer_text(text, "]", error));
    }
    return buffer_text(text, "]", error);
}

static primer_status save_state(struct synth_run *run, primer_error *error)
{
    struct file_writer writer = {0};
    struct buffer text = {0};
    primer_status status = PRIMER_OK;
    struct count counts[COUNTS];
    struct setting settings[SETTINGS];
    list_counts(run, counts);
    list_settings(run, settings);
    TRY(buffer_format(&text, error, "{\"count\":%" PRIu64, run->options->count));
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *const setting = text_of(&settings[i]);
        TRY(buffer_format(&text, error, ",\"%s\":", settings[i].key));
        TRY(buffer_json_string(&text, setting, strlen(setting), error));
    }
    for (size_t i = 0; i < COUNTS; i++)
        TRY(buffer_format(&text, error, ",\"%s\":%" PRIu64, counts[i].key, *counts[i].value));
    TRY(write_topics(run, &text, error));
    TRY(buffer_text(&text, "}\n", error));
    TRY(file_writer_open(&writer, run->state_path.bytes, error));
    TRY(file_writer_write(&writer, text.bytes, text.length, error));
    TRY(file_writer_commit(&writer, error));

cleanup:
    file_writer_abandon(&writer);
    buffer_free(&text);
    return status;
}

static uint64_t number_of(const json_t *state, const char *key)
{
    const json_int_t number = json_integer_value(json_object_get(state, key));
    return number < 0 ? 0 : (uint64_t)number;
}

static void read_topics(struct synth_run *run, const json_t *state)
{
    struct data_synth_summary *const summary = run->summary;
    const char *const used = json_string_value(json_object_get(state, "used"));
    size_t blocks = 0, i;
    json_t *problem;
    curriculum_all(run->curriculum, &blocks);
    for (i = 0; used != NULL && i < blocks && used[i] != '\0'; i++)
        run->used[i] = used[i] == '1';
    json_array_foreach(json_object_get(state, "problems"), i, problem)
    {
        const char *const text = json_string_value(json_array_get(problem, 1));
        const json_int_t count = json_integer_value(json_array_get(problem, 0));
        if (i == DATA_SYNTH_PROBLEMS || text == NULL || count <= 0)
            return;
        summary->problems[i].count = (uint64_t)count;
        snprintf(summary->problems[i].text, sizeof summary->problems[i].text, "%s", text);
    }
}

/* In words: which settings the state's run had in the place of these. */
static primer_status tell_differences(const struct synth_run *run, const json_t *state,
                                      struct buffer *out, primer_error *error)
{
    struct setting settings[SETTINGS];
    const uint64_t count = number_of(state, "count"), kept = number_of(state, "kept");
    list_settings(run, settings);
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *found = json_string_value(json_object_get(state, settings[i].key));
        const char *now = text_of(&settings[i]);
        if (found == NULL || strcmp(found, now) == 0)
            continue;
        FORWARD(buffer_format(out, error, "%s%s ", out->length > 0 ? ", " : "", settings[i].name));
        found = *found == '\0' ? "everything" : found;
        now = *now == '\0' ? "everything" : now;
        FORWARD(i == 0 ? buffer_text(out, "is another one", error)
                       : buffer_format(out, error, "is %.100s (now %.100s)", found, now));
    }
    /* Of one process the last round is cut, and nothing can be put behind it. */
    if (run->ranks.count == 1 && count != run->options->count &&
        (kept >= count || kept > run->options->count))
        FORWARD(buffer_format(
            out, error, "%s--count is %" PRIu64 " (now %" PRIu64 ") and %" PRIu64 " are there",
            out->length > 0 ? ", " : "", count, run->options->count, kept));
    return PRIMER_OK;
}

static primer_status check_settings(const struct synth_run *run, const json_t *state,
                                    primer_error *error)
{
    const char *const path = run->state_path.bytes;
    struct buffer differences = {0};
    primer_status status = PRIMER_OK;
    if (!json_is_string(json_object_get(state, "curriculum")))
        FAIL(PRIMER_EINVAL,
             "%s: isn't what a run like this leaves; move it and %s away to begin anew", path,
             run->part_path.bytes);
    if (number_of(state, "made") == 0)
        goto cleanup; /* no round: nothing to go on with, or to lose */
    TRY(tell_differences(run, state, &differences, error));
    if (differences.length > 0)
        FAIL(
            PRIMER_EINVAL,
            "%s: is of an unfinished run whose %s; the command of that run goes on with it; remove "
            "it and %s to begin anew",
            path, differences.bytes, run->part_path.bytes);

cleanup:
    buffer_free(&differences);
    return status;
}

/* What OUT.state says. */
static primer_status read_state(struct synth_run *run, primer_error *error)
{
    struct buffer text = {0};
    struct count counts[COUNTS];
    json_t *state = NULL;
    primer_status status = PRIMER_OK;
    if (!file_exists(run->state_path.bytes))
        return PRIMER_OK;
    TRY(file_read(run->state_path.bytes, STATE_MOST, &text, error));
    state = json_loadb(text.bytes == NULL ? "" : text.bytes, text.length, 0, NULL);
    TRY(check_settings(run, state, error));
    if (number_of(state, "made") > 0) {
        list_counts(run, counts);
        for (size_t i = 0; i < COUNTS; i++)
            *counts[i].value = number_of(state, counts[i].key);
        run->summary->resumed = run->summary->kept;
        read_topics(run, state);
    }

cleanup:
    json_decref(state);
    buffer_free(&text);
    return status;
}

/* What asks in a line that was written: as measure_draft sees it. */
static primer_status measure_line(struct synth_run *run, const char *line, size_t length,
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
static primer_status read_part(struct synth_run *run, primer_error *error)
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
        TRY(synth_set_add(&run->written, synth_keep_hash((const char *)line, length), &fresh,
                          error));
        TRY(measure_line(run, (const char *)line, length, error));
        at += length;
    }

cleanup:
    file_map_close(&map);
    return status;
}

static primer_status name_part(struct buffer *out, const char *path, const struct ranks *ranks,
                               size_t rank, const char *ending, primer_error *error)
{
    return ranks->count > 1 ? buffer_format(out, error, "%s.rank-%zu.%s", path, rank, ending)
                            : buffer_format(out, error, "%s.%s", path, ending);
}

primer_status synth_part_open(struct synth_run *run, const char *path, primer_error *error)
{
    FORWARD(name_part(&run->part_path, path, &run->ranks, run->ranks.rank, "part", error));
    FORWARD(name_part(&run->state_path, path, &run->ranks, run->ranks.rank, "state", error));
    const char *const part = run->part_path.bytes;
    FORWARD(synth_output_open(part, &run->part, error));
    FORWARD(synth_output_check_part(part, file_exists(run->state_path.bytes), error));
    FORWARD(read_state(run, error));
    if (run->part_bytes > 0)
        FORWARD(read_part(run, error));
    run->fresh = run->summary->made == 0;
    if (run->fresh)
        FORWARD(save_state(run, error));
    if (ftruncate(run->part, (off_t)run->part_bytes) != 0 || lseek(run->part, 0, SEEK_END) < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write it: %s", part, strerror(errno));
    return PRIMER_OK;
}

primer_status synth_part_add(struct synth_run *run, primer_error *error)
{
    if (run->lines.length > 0)
        FORWARD(
            write_all(run->part, run->part_path.bytes, run->lines.bytes, run->lines.length, error));
    run->part_bytes += run->lines.length;
    run->fresh = false;
    return save_state(run, error);
}

void synth_part_close(struct synth_run *run)
{
    if (run->part < 0)
        return;
    if (run->fresh) {
        unlink(run->part_path.bytes);
        unlink(run->state_path.bytes);
    }
    close(run->part);
    run->part = -1;
}

primer_status synth_part_finish(struct synth_run *run, const char *path, primer_error *error)
{
    if (fsync(run->part) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write: %s", run->part_path.bytes,
                         strerror(errno));
    if (rename(run->part_path.bytes, path) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot rename it to %s: %s", run->part_path.bytes,
                         path, strerror(errno));
    unlink(run->state_path.bytes);
    close(run->part); /* and with it the lock */
    run->part = -1;
    return PRIMER_OK;
}

/* ---- several ranks --------------------------------------------------------------------------- */

/* A rank's part while it is read: the next line, and its number. */
struct source {
    struct file_map map;
    size_t at, length;
    uint64_t number;
};

static void next_line(struct source *source)
{
    static const char begin[] = "{\"index\":";
    source->at += source->length;
    const char *const line = (const char *)source->map.bytes + source->at;
    const size_t left = source->map.size - source->at;
    const char *const end = left == 0 ? NULL : memchr(line, '\n', left);
    source->length = end == NULL ? 0 : (size_t)(end - line) + 1;
    source->number = source->length > sizeof begin
                         ? (uint64_t)strtoull(line + sizeof begin - 1, NULL, 10)
                         : UINT64_MAX;
}

static primer_status open_sources(const struct synth_run *run, const char *path,
                                  struct source *sources, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer name = {0};
    for (size_t i = 0; i < run->ranks.count; i++) {
        buffer_clear(&name);
        TRY(name_part(&name, path, &run->ranks, i, "part", error));
        TRY(file_map_open(&sources[i].map, name.bytes, error));
        next_line(&sources[i]);
    }

cleanup:
    buffer_free(&name);
    return status;
}

/* Writes the first lines of all, by number, that repeat none before them. */
static primer_status merge_sources(struct source *sources, size_t count, uint64_t wanted,
                                   struct file_writer *writer, uint64_t *kept, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct synth_set seen = {0};
    while (*kept < wanted) {
        struct source *first = &sources[0];
        for (size_t i = 1; i < count; i++)
            if (sources[i].number < first->number)
                first = &sources[i];
        if (first->number == UINT64_MAX)
            break;
        bool fresh;
        const char *const line = (const char *)first->map.bytes + first->at;
        TRY(synth_set_add(&seen, synth_keep_hash(line, first->length), &fresh, error));
        if (fresh)
            TRY(file_writer_write(writer, line, first->length, error));
        *kept += fresh ? 1 : 0;
        next_line(first);
    }

cleanup:
    synth_set_free(&seen);
    return status;
}

static void remove_parts(const struct synth_run *run, const char *path)
{
    static const char *const endings[] = {"part", "state"};
    for (size_t i = 0; i < run->ranks.count; i++)
        for (size_t j = 0; j < 2; j++) {
            struct buffer name = {0};
            if (name_part(&name, path, &run->ranks, i, endings[j], NULL) == PRIMER_OK)
                unlink(name.bytes);
            buffer_free(&name);
        }
}

primer_status synth_part_merge(struct synth_run *run, const char *path, uint64_t *kept,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct file_writer writer = {0};
    struct source *const sources = memory_allocate(run->ranks.count, sizeof *sources);
    *kept = 0;
    if (sources == NULL)
        return memory_failure(error, "the ranks' parts", run->ranks.count * sizeof *sources);
    TRY(open_sources(run, path, sources, error));
    TRY(file_writer_open(&writer, path, error));
    TRY(merge_sources(sources, run->ranks.count, run->options->count, &writer, kept, error));
    if (*kept == run->options->count) {
        TRY(file_writer_commit(&writer, error));
        remove_parts(run, path);
    }

cleanup:
    file_writer_abandon(&writer);
    for (size_t i = 0; i < run->ranks.count; i++)
        file_map_close(&sources[i].map);
    memory_free(sources);
    return status;
}
