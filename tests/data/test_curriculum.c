/* test_curriculum.c - files of a curriculum: what is read from them, what is refused and in which
 * words, and that no bytes are too much for the reader or for the lessons made of what was read.
 */
#include "data/curriculum.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "synth_helper.h"

static const struct curriculum_block *find(const struct curriculum *curriculum, const char *kind,
                                           const char *name)
{
    return curriculum_find(curriculum, kind, name, strlen(name));
}

static const struct curriculum_block *need(const struct curriculum *curriculum, const char *kind,
                                           const char *name)
{
    const struct curriculum_block *const block = find(curriculum, kind, name);
    if (block == NULL)
        fail_msg("there is no %s %s", kind, name);
    return block;
}

/* The n-th field of the block. */
static void expect_field(const struct curriculum_block *block, size_t n, const char *key,
                         const char *text, const char *label, size_t weight, size_t line)
{
    assert_true(n < block->count);
    const struct curriculum_field *const field = &block->fields[n];
    assert_string_equal(field->key, key);
    assert_string_equal(field->text, text);
    if (label == NULL)
        assert_null(field->label);
    else
        assert_string_equal(field->label, label);
    assert_int_equal(field->weight, weight);
    assert_int_equal(field->line, line);
}

/* ---- what is read ---- */

static void blocks_and_fields_are_read(void **state)
{
    (void)state;
    struct curriculum *const curriculum =
        synth_helper_read("# A comment of the file.\n"
                          "\n"
                          "keep even : number\n"
                          "  # one inside\n"
                          "  adj   even\n"
                          "  post*3 that  are (even|x) # no comment  \n"
                          "\n"
                          "  post\n"
                          "fold sum : number -> number\n"
                          "    code loop\n"
                          "        total = 0\n"
                          "\n"
                          "        for x in $list:\n"
                          "            total += x   \n"
                          "\n"
                          "    code\n"
                          "      return sum($list)\n"
                          "    value the sum\n"
                          "phrase even\n"
                          "  -*1000 a | b\n"
                          "  -");
    assert_null(find(curriculum, "keep", "eve"));
    assert_null(find(curriculum, "keep", "even2"));
    assert_null(find(curriculum, "fold", "even"));
    const struct curriculum_block *const even = need(curriculum, "keep", "even");
    assert_string_equal(even->type, "number");
    assert_int_equal(even->line, 3);
    assert_non_null(strstr(even->file, "/a.txt"));
    assert_int_equal(even->count, 3);
    expect_field(even, 0, "adj", "even", NULL, 1, 5);
    expect_field(even, 1, "post", "that  are (even|x) # no comment", NULL, 3, 6);
    expect_field(even, 2, "post", "", NULL, 1, 8);
    const struct curriculum_block *const sum = need(curriculum, "fold", "sum");
    assert_string_equal(sum->type, "number -> number");
    assert_int_equal(sum->count, 3);
    expect_field(sum, 0, "code", "total = 0\n\nfor x in $list:\n    total += x", "loop", 1, 10);
    expect_field(sum, 1, "code", "return sum($list)", "", 1, 16);
    expect_field(sum, 2, "value", "the sum", NULL, 1, 18);
    const struct curriculum_block *const phrase = need(curriculum, "phrase", "even");
    assert_string_equal(phrase->type, "");
    expect_field(phrase, 0, "-", "a | b", NULL, 1000, 20);
    expect_field(phrase, 1, "-", "", NULL, 1, 21);
    size_t at = 0;
    assert_ptr_equal(curriculum_next(even, "post", 4, &at), &even->fields[1]);
    assert_ptr_equal(curriculum_next(even, "post", 4, &at), &even->fields[2]);
    assert_null(curriculum_next(even, "post", 4, &at));
    assert_string_equal(curriculum_text(even, "adj", "none"), "even");
    assert_string_equal(curriculum_text(even, "pos", "none"), "none");
    assert_null(curriculum_check(curriculum));
    curriculum_free(curriculum);
}

/* The first line of a text may be indented further than the rest: what is common goes. */
static void indentation_is_kept(void **state)
{
    (void)state;
    struct curriculum *const curriculum = synth_helper_read("idea a\n"
                                                            "  code\n"
                                                            "        if x:\n"
                                                            "            # a comment of the code\n"
                                                            "            y\n"
                                                            "     \n"
                                                            "      z\n");
    expect_field(need(curriculum, "idea", "a"), 0, "code",
                 "  if x:\n      # a comment of the code\n      y\n\nz", "", 1, 2);
    curriculum_free(curriculum);
}

static void files_are_one_curriculum(void **state)
{
    (void)state;
    curriculum_free(synth_helper_read("phrase a\n  - from a\n"));
    synth_helper_write("b.txt", "\n# nothing but a comment", 24);
    synth_helper_write("c.txt", "", 0);
    synth_helper_write("d.txt", "phrase d\n  - d", 14);
    synth_helper_write(".hidden.txt", "nonsense", 8);
    synth_helper_write("notes.md", "nonsense", 8);
    synth_helper_write("check.py", "print(1)\n", 9);
    assert_int_equal(mkdir(synth_helper_path("more"), 0777), 0);
    synth_helper_write("more/a.txt", "phrase b\n  - b\ntable a\n  - x", 28);
    synth_helper_write("more/check.py", "print(2)\n", 9);
    const char *const folders[] = {synth_helper_path(""), synth_helper_path("more")};
    struct curriculum *curriculum = NULL, *again = NULL;
    primer_error error = {0};
    if (curriculum_read(folders, 2, &curriculum, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    size_t count = 0;
    const struct curriculum_block *const phrases = curriculum_kind(curriculum, "phrase", &count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(phrases[i].name[0], "abd"[i]);
    }
    assert_string_equal(need(curriculum, "table", "a")->fields[0].text, "x");
    curriculum_kind(curriculum, "phrases", &count);
    assert_int_equal(count, 0);
    assert_string_equal(curriculum_check(curriculum), "print(1)\n");
    /* All that was read makes the hash. */
    synth_helper_write("more/check.py", "print(3)\n", 9);
    assert_int_equal(curriculum_read(folders, 2, &again, &error), PRIMER_OK);
    assert_true(curriculum_hash(curriculum) == curriculum_hash(again));
    curriculum_free(again);
    synth_helper_write("check.py", "print(3)\n", 9);
    assert_int_equal(curriculum_read(folders, 2, &again, &error), PRIMER_OK);
    assert_true(curriculum_hash(curriculum) != curriculum_hash(again));
    curriculum_free(again);
    curriculum_free(curriculum);
}

/* ---- what is refused ---- */

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"  adj x\n", "a.txt:1: a field before the first block"},
        {"# c\n\n  adj x\n", "a.txt:3: a field before the first block"},
        {"keep\n", "a.txt:1: a block begins with its kind and one name"},
        {"phrase a\n  - x\nkeep even odd\n", "a.txt:3: a block begins with"},
        {"phrase a\n  -*0 x\n", "a.txt:2: -: found weight \"0\", expected 1 to 1000"},
        {"phrase a\n  -*1001 x\n", "a.txt:2: -: found weight \"1001\""},
        {"phrase a\n  - y\n  -* x\n", "a.txt:3: -: found weight \"\""},
        {"phrase a\n  -*x x\n", "a.txt:2: -: found weight \"x\""},
        {"phrase a\n  -*-3 x\n", "a.txt:2: -: found weight \"-3\""},
        {"phrase a\n  -*3x x\n", "a.txt:2: -: found weight \"3x\""},
        {"phrase a\n  -*2.5 x\n", "a.txt:2: -: found weight \"2.5\""},
        {"phrase a\n  -*99999999999999999999 x\n", "a.txt:2: -: found weight \"9999"},
        {"phrase a\n  - x\nphrase b\n  - y\nphrase a\n  - z\n", "phrase a stands at"},
        {"", "holds no block"},
        {"# nothing\n", "holds no block"},
        {"phrase a\n\t- x\n", "a.txt:2"},
        {"phrase a\n  - x \xC3\x28\n", "a.txt: is no UTF-8 text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        synth_helper_refuse(cases[i].text, cases[i].message);
}

static void both_places_of_a_name_are_named(void **state)
{
    (void)state;
    curriculum_free(synth_helper_read("phrase a\n  - x\n"));
    synth_helper_write("b.txt", "table a\n  - y\n\nphrase a\n", 24);
    const char *const path = synth_helper_path("");
    struct curriculum *curriculum = NULL;
    primer_error error = {0};
    assert_int_equal(curriculum_read(&path, 1, &curriculum, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "a.txt:1"));
    assert_non_null(strstr(error.message, "b.txt:4"));
    /* A field belongs to a block of its own file. */
    synth_helper_write("b.txt", "  - y\n", 6);
    assert_int_equal(curriculum_read(&path, 1, &curriculum, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "b.txt:1: a field before the first block"));
    synth_helper_write("b.txt", "table b\n  - \0y\n", 15);
    assert_int_equal(curriculum_read(&path, 1, &curriculum, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "b.txt: is no UTF-8 text"));
    assert_null(curriculum);
}

static void folders_may_be_missing(void **state)
{
    (void)state;
    curriculum_free(synth_helper_read("phrase a\n  - x\n"));
    assert_int_equal(mkdir(synth_helper_path("empty"), 0777), 0);
    struct curriculum *curriculum = NULL;
    primer_error error = {0};
    const struct {
        const char *name, *message;
        primer_status status;
    } cases[] = {{"none", "none: cannot open the folder: No such file", PRIMER_EIO},
                 {"a.txt", "a.txt: cannot open the folder: Not a directory", PRIMER_EIO},
                 {"empty", "empty: holds no block", PRIMER_EFORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const folders[] = {synth_helper_path(cases[i].name)};
        assert_int_equal(curriculum_read(folders, 1, &curriculum, &error), cases[i].status);
        if (strstr(error.message, cases[i].message) == NULL)
            fail_msg("%s", error.message);
    }
    assert_int_equal(mkdir(synth_helper_path("empty/x.txt"), 0777), 0);
    const char *const folders[] = {synth_helper_path("empty")};
    assert_int_not_equal(curriculum_read(folders, 1, &curriculum, &error), PRIMER_OK);
    assert_non_null(strstr(error.message, "x.txt"));
    assert_null(curriculum);
}

/* Files as other machines write them: \r\n, and the mark at the beginning. */
static void other_machines_files_are_read(void **state)
{
    (void)state;
    struct curriculum *const curriculum =
        synth_helper_read("\xEF\xBB\xBF# c\r\nkeep even : number\r\n  adj even\r\n\r\n"
                          "  code loop\r\n      a\r\n\r\n      b\r\n");
    const struct curriculum_block *const even = need(curriculum, "keep", "even");
    assert_string_equal(even->type, "number");
    expect_field(even, 0, "adj", "even", NULL, 1, 3);
    expect_field(even, 1, "code", "a\n\nb", "loop", 1, 5);
    curriculum_free(curriculum);
}

/* ---- any bytes ---- */

/* What was read is a curriculum: lessons of it are made or refused with a message. */
static void use(struct curriculum *curriculum, uint64_t seed)
{
    struct synth_lesson lesson;
    primer_error error = {0};
    assert_int_equal(synth_lesson_create(&lesson, curriculum, NULL, &error), PRIMER_OK);
    for (uint64_t i = 0; i < 6; i++) {
        bool made = false;
        error = (primer_error){0};
        const primer_status status = synth_lesson_make(&lesson, seed + i, &made, &error);
        if (status != PRIMER_OK) {
            if (status == PRIMER_ENOMEM || status == PRIMER_EINTERNAL || error.message[0] == '\0')
                fail_msg("status %d: %s", (int)status, error.message);
            break;
        }
        if (!made)
            continue;
        assert_true(lesson.request.length > 0);
        json_t *const request = json_loadb(lesson.request.bytes, lesson.request.length, 0, NULL);
        assert_true(json_is_object(request));
        json_decref(request);
    }
    synth_lesson_free(&lesson);
}

static bool try_bytes(const char *bytes, size_t length, uint64_t seed)
{
    const char *const path = synth_helper_path("");
    struct curriculum *curriculum = NULL;
    primer_error error = {0};
    synth_helper_write("a.txt", bytes, length);
    const primer_status status = curriculum_read(&path, 1, &curriculum, &error);
    if (status == PRIMER_OK) {
        use(curriculum, seed);
    } else if (status == PRIMER_ENOMEM || status == PRIMER_EINTERNAL || error.message[0] == '\0' ||
               curriculum != NULL) {
        fail_msg("seed %d: status %d: %s", (int)seed, (int)status, error.message);
    }
    curriculum_free(curriculum);
    return status == PRIMER_OK;
}

/* Texts of the format's own words and signs. */
static void random_texts_are_harmless(void **state)
{
    (void)state;
    static const char *const words[] = {"\n",
                                        "\n  ",
                                        "\n    ",
                                        "talk",
                                        "frame",
                                        "problem",
                                        "phrase",
                                        "table",
                                        "idea",
                                        "shape",
                                        "keep",
                                        "fold",
                                        "source",
                                        "type",
                                        " ",
                                        " a ",
                                        " b",
                                        " : ",
                                        "number",
                                        "->",
                                        "user ",
                                        "user2 ",
                                        "assistant ",
                                        "text ",
                                        "prompt ",
                                        "completion ",
                                        "draw ",
                                        "x ",
                                        "1..9",
                                        "5|6",
                                        "-9..99/7",
                                        "let ",
                                        "require ",
                                        "slot ",
                                        "source | fold",
                                        "function any",
                                        "vary yes",
                                        "code",
                                        "code loop",
                                        "value ",
                                        "do ",
                                        "name ",
                                        "arg a b",
                                        "param a b 1..4",
                                        "local a 1..3",
                                        "make ",
                                        "the ",
                                        "a ",
                                        "(",
                                        ")",
                                        "{",
                                        "}",
                                        "|",
                                        "\\",
                                        "{x}",
                                        "{a}",
                                        "{= x}",
                                        "{^x}",
                                        "{the a}",
                                        "{next.x}",
                                        "$a",
                                        "${a.b}",
                                        "$x.y",
                                        "?x ",
                                        "!x ",
                                        "*3",
                                        "# ",
                                        "\xC3\xA9",
                                        "{code}",
                                        "{does}",
                                        "{call0}",
                                        "program",
                                        "answer 1",
                                        "-",
                                        "- {a}",
                                        "\x01",
                                        "\x02",
                                        "\t",
                                        "\r",
                                        "weight ",
                                        "99999999999999999999"};
    struct random random;
    struct buffer text = {0};
    size_t read = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        random_seed(&random, seed);
        buffer_clear(&text);
        const char *const first = words[3 + random_below(&random, 5)];
        assert_int_equal(buffer_format(&text, NULL, "%s a\n  ", first), PRIMER_OK);
        const size_t count = 4 + (size_t)random_below(&random, 60);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(
                buffer_text(&text, words[random_below(&random, sizeof words / sizeof words[0])],
                            NULL),
                PRIMER_OK);
        read += try_bytes(text.bytes, text.length, seed) ? 1 : 0;
    }
    buffer_free(&text);
    assert_true(read > 50);
}

/* Real files, cut off or with a few bytes changed. */
static void torn_files_are_harmless(void **state)
{
    (void)state;
    static const char *const folders[] = {"curriculum/python", "curriculum/everyday"};
    struct random random;
    random_seed(&random, 1);
    for (size_t f = 0; f < 2; f++) {
        DIR *const directory = opendir(folders[f]);
        if (directory == NULL)
            skip();
        for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
            char path[400];
            struct buffer text = {0};
            if (strstr(entry->d_name, ".txt") == NULL)
                continue;
            snprintf(path, sizeof path, "%s/%.255s", folders[f], entry->d_name);
            assert_int_equal(file_read(path, (size_t)1 << 24, &text, NULL), PRIMER_OK);
            for (uint64_t i = 0; i < 6; i++) {
                const size_t length = 1 + (size_t)random_below(&random, text.length);
                for (size_t j = 0; j < i; j++)
                    text.bytes[random_below(&random, length)] =
                        "(){}|\\$?!*:- \nx#"[random_below(&random, 16)];
                try_bytes(text.bytes, length, i);
            }
            buffer_free(&text);
        }
        closedir(directory);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    curriculum_free(synth_helper_read("talk a\n  draw x 1..9\n  user {x} (a|b|{c})\n"
                                      "  assistant {= x + 1}\nphrase c\n  - c\n  -\n      d\n"));
    synth_helper_write("check.py", "pass\n", 5);
    const char *const path = synth_helper_path("");
    size_t failures = 0;
    for (size_t i = 0; i < 200; i++) {
        struct curriculum *curriculum = NULL;
        struct synth_lesson lesson = {0};
        primer_error error = {0};
        bool made = false;
        memory_fail_at(i);
        primer_status status = curriculum_read(&path, 1, &curriculum, &error);
        if (status == PRIMER_OK)
            status = synth_lesson_create(&lesson, curriculum, NULL, &error);
        if (status == PRIMER_OK)
            status = synth_lesson_make(&lesson, 5, &made, &error);
        memory_fail_at(SIZE_MAX);
        synth_lesson_free(&lesson);
        curriculum_free(curriculum);
        if (status == PRIMER_OK) {
            assert_true(made);
            break;
        }
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_string_not_equal(error.message, "");
        failures++;
    }
    assert_true(failures > 10 && failures < 199);
}

#define CASE(name_)                                                                                \
    cmocka_unit_test_setup_teardown(name_, synth_helper_setup, synth_helper_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(blocks_and_fields_are_read),      CASE(indentation_is_kept),
        CASE(files_are_one_curriculum),        CASE(faults_are_named),
        CASE(both_places_of_a_name_are_named), CASE(folders_may_be_missing),
        CASE(other_machines_files_are_read),   CASE(random_texts_are_harmless),
        CASE(torn_files_are_harmless),         CASE(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
