/* synth_helper.c - curricula, texts and lessons for tests. Declared in synth_helper.h. */
#include "synth_helper.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA ((size_t)256 << 10)

static char folder[256];

/* ---- the folder ---- */

int synth_helper_setup(void **state)
{
    (void)state;
    const char *const base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/primer-synth-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(folder));
    return 0;
}

static void empty(const char *path)
{
    char inner[600];
    DIR *const directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%.300s/%.255s", path, entry->d_name);
        assert_int_equal(lstat(inner, &about), 0);
        if (S_ISDIR(about.st_mode)) {
            empty(inner);
            assert_int_equal(rmdir(inner), 0);
        } else {
            assert_int_equal(unlink(inner), 0);
        }
    }
    closedir(directory);
}

int synth_helper_teardown(void **state)
{
    (void)state;
    empty(folder);
    return rmdir(folder);
}

const char *synth_helper_path(const char *name)
{
    static char paths[8][600];
    static size_t next;
    char *const path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], *name == '\0' ? "%s%s" : "%s/%s", folder, name);
    return path;
}

void synth_helper_write(const char *name, const void *bytes, size_t length)
{
    FILE *const file = fopen(synth_helper_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

size_t synth_helper_files(const char *ending)
{
    size_t count = 0;
    DIR *const directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const size_t length = strlen(entry->d_name), size = strlen(ending);
        count += length >= size && strcmp(entry->d_name + length - size, ending) == 0;
    }
    closedir(directory);
    return count;
}

/* ---- curricula ---- */

struct curriculum *synth_helper_read(const char *text)
{
    const char *const path = synth_helper_path("");
    struct curriculum *curriculum = NULL;
    primer_error error = {0};
    empty(folder);
    synth_helper_write("a.txt", text, strlen(text));
    if (curriculum_read(&path, 1, &curriculum, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return curriculum;
}

void synth_helper_refuse(const char *text, const char *message)
{
    const char *const path = synth_helper_path("");
    struct curriculum *curriculum = NULL;
    primer_error error = {0};
    empty(folder);
    synth_helper_write("a.txt", text, strlen(text));
    if (curriculum_read(&path, 1, &curriculum, &error) == PRIMER_OK)
        fail_msg("this was read as if it were right: %s", text);
    if (strstr(error.message, message) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.message, message);
    assert_int_equal(error.status, PRIMER_EFORMAT);
    assert_null(curriculum);
}

/* ---- texts ---- */

void synth_helper_open(struct synth_helper *helper, const char *text)
{
    *helper = (struct synth_helper){.curriculum = synth_helper_read(text)};
    assert_int_equal(arena_create(&helper->synth.arena, ARENA, &helper->error), PRIMER_OK);
    synth_helper_seed(helper, 0);
}

void synth_helper_close(struct synth_helper *helper)
{
    arena_free(&helper->synth.arena);
    curriculum_free(helper->curriculum);
}

void synth_helper_seed(struct synth_helper *helper, uint64_t seed)
{
    struct synth *const synth = &helper->synth;
    const struct arena arena = synth->arena;
    memset(synth, 0, sizeof *synth);
    synth->arena = arena;
    arena_reset(&synth->arena);
    synth->curriculum = helper->curriculum;
    synth->function = &synth->functions[0];
    synth->error = &helper->error;
    helper->error = (primer_error){0};
    random_seed(&synth->random, seed);
}

static const char *holes_shown(const char *bytes, size_t length)
{
    static char texts[4][1 << 16];
    static size_t next;
    char *const text = texts[next++ % 4];
    size_t at = 0;
    for (size_t i = 0; i < length && at + 4 < sizeof texts[0]; i++) {
        if (bytes[i] == SYNTH_HOLE_BEGIN) {
            text[at++] = '{';
            text[at++] = '=';
        } else {
            text[at++] = bytes[i] == SYNTH_HOLE_END ? '}' : bytes[i];
        }
    }
    text[at] = '\0';
    return text;
}

const char *synth_helper_said(struct synth_helper *helper, const char *text)
{
    struct buffer out = {0};
    const enum synth_said said = synth_text_say(&helper->synth, text, strlen(text), &out);
    const char *const shown = said == SYNTH_MISSING  ? "(missing)"
                              : said == SYNTH_FAILED ? "(failed)"
                                                     : holes_shown(out.bytes, out.length);
    if (said == SYNTH_FAILED)
        assert_string_not_equal(helper->error.message, "");
    buffer_free(&out);
    return shown;
}

void synth_helper_all(struct synth_helper *helper, const char *text, size_t count,
                      const char *const *expected, size_t *counts)
{
    size_t found[64] = {0}, all = 0;
    while (expected[all] != NULL)
        all++;
    assert_true(all <= 64);
    for (size_t seed = 0; seed < count; seed++) {
        synth_helper_seed(helper, seed);
        const char *const said = synth_helper_said(helper, text);
        size_t i = 0;
        while (i < all && strcmp(expected[i], said) != 0)
            i++;
        if (i == all)
            fail_msg("%s: found \"%s\" %s", text, said, helper->error.message);
        found[i]++;
    }
    for (size_t i = 0; i < all; i++)
        if (found[i] == 0)
            fail_msg("%s: never found \"%s\"", text, expected[i]);
    if (counts != NULL)
        memcpy(counts, found, all * sizeof *counts);
}

/* ---- lessons ---- */

void synth_helper_lessons_open(struct synth_helper_lessons *lessons, const char *text,
                               const char *only)
{
    *lessons = (struct synth_helper_lessons){.curriculum = synth_helper_read(text)};
    assert_int_equal(
        synth_lesson_create(&lessons->lesson, lessons->curriculum, only, &lessons->error),
        PRIMER_OK);
}

void synth_helper_lessons_close(struct synth_helper_lessons *lessons)
{
    synth_lesson_free(&lessons->lesson);
    curriculum_free(lessons->curriculum);
}

bool synth_helper_lesson(struct synth_helper_lessons *lessons, uint64_t seed)
{
    bool made = false;
    lessons->error = (primer_error){0};
    if (synth_lesson_make(&lessons->lesson, seed, &made, &lessons->error) != PRIMER_OK)
        fail_msg("seed %d: %s", (int)seed, lessons->error.message);
    return made;
}

const char *synth_helper_turn(const struct synth_helper_lessons *lessons, const char *role,
                              size_t n)
{
    for (size_t i = 0; i < lessons->lesson.turn_count; i++)
        if (strcmp(lessons->lesson.turns[i].role, role) == 0 && n-- == 0)
            return holes_shown(lessons->lesson.turns[i].text.bytes,
                               lessons->lesson.turns[i].text.length);
    return NULL;
}
