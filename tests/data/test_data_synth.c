/* test_data_synth.c - runs of the lesson generator: the same bytes from the same seed, stopped runs
 * that go on, what is there and stays, checks that misbehave, and the floors.
 */
#include "data/data_synth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "sandbox/sandbox.h"
#include "synth_helper.h"

/* Works out holes; a talk called bad is wrong. */
static const char good_check[] =
    "import json, sys\n"
    "for line in sys.stdin:\n"
    "    lesson = json.loads(line)\n"
    "    scope = dict(lesson['vars'])\n"
    "    for name, text in lesson['lets']:\n"
    "        scope[name] = eval(text, scope)\n"
    "    if 'bad' in scope:\n"
    "        print(json.dumps({'keep': False, 'why': 'it is bad'}))\n"
    "    elif not all(eval(text, scope) for text in lesson['require']):\n"
    "        print(json.dumps({'keep': False, 'why': ''}))\n"
    "    else:\n"
    "        print(json.dumps({'keep': True, 'holes': [str(eval(h, scope)) for h in "
    "lesson['holes']]}))\n";

static const char sums[] = "talk sum\n  draw x 1..900\n  draw y 1..900\n  let z x + y\n"
                           "  require x != y\n  noise none\n"
                           "  user (what is|how much is|please add|tell me) {x} (plus|and) {y}?\n"
                           "  assistant (it is|) {z}.\n"
                           "talk words\n  draw a 1..9000\n  user say (the number|) {a}\n"
                           "  assistant {a} and {= a + 1}\n";

static void write_curriculum(const char *text, const char *check)
{
    synth_helper_write("a.txt", text, strlen(text));
    if (check != NULL)
        synth_helper_write("check.py", check, strlen(check));
}

static primer_status make(const struct data_synth_options *options, const char *out,
                          struct data_synth_summary *summary, primer_error *error)
{
    const char *const folder = synth_helper_path("");
    *error = (primer_error){0};
    return data_synth_make(&folder, 1, synth_helper_path(out), options, summary, error);
}

static struct data_synth_summary expect_made(const struct data_synth_options *options,
                                             const char *out)
{
    struct data_synth_summary summary;
    primer_error error;
    if (make(options, out, &summary, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(summary.kept, options->count);
    assert_false(file_exists(synth_helper_path("out.jsonl.part")));
    assert_false(file_exists(synth_helper_path("out.jsonl.state")));
    return summary;
}

static void expect_refused(const struct data_synth_options *options, primer_status status,
                           const char *message)
{
    struct data_synth_summary summary;
    primer_error error;
    const primer_status found = make(options, "out.jsonl", &summary, &error);
    if (found != status || strstr(error.message, message) == NULL)
        fail_msg("status %d: \"%s\" lacks \"%s\"", (int)found, error.message, message);
    assert_false(file_exists(synth_helper_path("out.jsonl")));
}

static char *contents(const char *name)
{
    struct buffer text = {0};
    primer_error error;
    if (file_read(synth_helper_path(name), (size_t)1 << 26, &text, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return text.bytes;
}

static bool no_sandbox(void)
{
    struct sandbox *sandbox = NULL;
    const struct sandbox_options options = {.workers = 1, .seconds = 5, .output = 1 << 16};
    primer_error error;
    const bool missing = sandbox_open(&options, &sandbox, &error) != PRIMER_OK;
    sandbox_close(sandbox);
    return missing;
}

#define NEED_SANDBOX()                                                                             \
    do {                                                                                           \
        if (no_sandbox())                                                                          \
            skip();                                                                                \
    } while (0)

/* ---- the same lessons ---- */

static void seeds_decide(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    struct data_synth_options options = {.count = 300, .seed = 5, .threads = 1};
    expect_made(&options, "one");
    options.threads = 2;
    expect_made(&options, "two");
    options.count = 100;
    expect_made(&options, "fewer");
    options.seed = 6;
    expect_made(&options, "other");
    char *const one = contents("one"), *const two = contents("two");
    char *const fewer = contents("fewer"), *const other = contents("other");
    assert_string_equal(one, two);
    assert_true(strlen(fewer) < strlen(one) && strncmp(one, fewer, strlen(fewer)) == 0);
    assert_string_not_equal(fewer, other);
    free(one);
    free(two);
    free(fewer);
    free(other);
}

/* Every line is a lesson whose answer is right, and no two are the same. */
static void lessons_are_whole(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    const struct data_synth_options options = {.count = 300, .seed = 1, .only = "sum"};
    expect_made(&options, "out.jsonl");
    char *const text = contents("out.jsonl");
    size_t lines = 0;
    json_int_t last = -1;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        json_t *const lesson = json_loads(line, 0, NULL);
        assert_non_null(lesson);
        assert_string_equal(json_string_value(json_object_get(lesson, "kind")), "talk");
        assert_string_equal(json_string_value(json_object_get(lesson, "topic")), "sum");
        const json_int_t index = json_integer_value(json_object_get(lesson, "index"));
        assert_true(index > last);
        last = index;
        const json_t *const turns = json_object_get(lesson, "messages");
        assert_int_equal(json_array_size(turns), 2);
        const char *const asked =
            json_string_value(json_object_get(json_array_get(turns, 0), "content"));
        const char *answer =
            json_string_value(json_object_get(json_array_get(turns, 1), "content"));
        long numbers[2] = {0, 0};
        size_t count = 0;
        for (const char *at = asked; *at != '\0' && count < 2; at++)
            if (*at >= '0' && *at <= '9')
                numbers[count++] = strtol(at, (char **)(uintptr_t)&at, 10), at--;
        answer += strncmp(answer, "It is ", 6) == 0 ? 6 : 0;
        if (count == 2 && strtol(answer, NULL, 10) != numbers[0] + numbers[1])
            fail_msg("%s", line);
        json_decref(lesson);
    }
    assert_int_equal(lines, 300);
    free(text);
}

/* ---- runs that were stopped ---- */

/* It is asked while programs run, too: nothing is kept before the first round's end. */
static bool stop_after_a_round(void *context, uint64_t done, uint64_t all)
{
    (void)context, (void)all;
    return done == 0;
}

static void stopped_runs_go_on(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    struct data_synth_options options = {.count = 2500, .seed = 3, .threads = 2};
    const struct data_synth_summary alone = expect_made(&options, "whole");
    options.progress = stop_after_a_round;
    expect_refused(&options, PRIMER_ECANCELED, "the same command goes on");
    assert_true(file_exists(synth_helper_path("out.jsonl.state")));
    /* What stands behind the last whole round is a torn one's. */
    FILE *const part = fopen(synth_helper_path("out.jsonl.part"), "ab");
    assert_non_null(part);
    fputs("{\"index\":99999,\"ki", part);
    assert_int_equal(fclose(part), 0);
    options.progress = NULL;
    options.threads = 1;
    const struct data_synth_summary summary = expect_made(&options, "out.jsonl");
    assert_true(summary.resumed > 0 && summary.resumed < 2500);
    assert_int_equal(summary.made, alone.made);
    assert_int_equal(summary.topics_used, alone.topics_used);
    assert_memory_equal(summary.problems, alone.problems, sizeof alone.problems);
    char *const whole = contents("whole"), *const again = contents("out.jsonl");
    assert_string_equal(whole, again);
    free(whole);
    free(again);
}

static void expect_same(const char *one, const char *other)
{
    char *const text = contents(one), *const other_text = contents(other);
    assert_string_equal(text, other_text);
    free(text);
    free(other_text);
}

static void other_settings_are_refused(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    struct data_synth_options stopped = {.count = 2500, .seed = 4, .progress = stop_after_a_round};
    expect_refused(&stopped, PRIMER_ECANCELED, "goes on");
    char *const part = contents("out.jsonl.part");
    struct data_synth_options options = {.count = 2500, .seed = 5};
    expect_refused(&options, PRIMER_EINVAL, "run whose --seed is 4 (now 5); the command");
    options = (struct data_synth_options){.count = 2500, .seed = 4, .only = "sum", .tests = true};
    expect_refused(&options, PRIMER_EINVAL, "--only is everything (now sum), --tests is off (now");
    options = (struct data_synth_options){.count = 100, .seed = 4, .split = DATA_SYNTH_ALL};
    expect_refused(&options, PRIMER_EINVAL,
                   "--split is train (now all), --count is 2500 (now 100) and ");
    options = (struct data_synth_options){.count = 2500, .seed = 4};
    synth_helper_write("b.txt", "phrase b\n  - b\n", 15);
    expect_refused(&options, PRIMER_EINVAL, "whose curriculum is another one; ");
    assert_int_equal(unlink(synth_helper_path("b.txt")), 0);
    char *const again = contents("out.jsonl.part");
    assert_string_equal(part, again);
    free(part);
    free(again);
    /* The rounds of a longer run are the same, but for the last. */
    options.count = 4500;
    assert_true(expect_made(&options, "out.jsonl").resumed > 0);
    expect_made(&options, "same");
    expect_same("out.jsonl", "same");
}

static void foreign_parts_stay(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    struct data_synth_options options = {.count = 2500, .seed = 4};
    synth_helper_write("out.jsonl.part", "mine\n", 5);
    expect_refused(&options, PRIMER_EINVAL, "out.jsonl.part: is where the lessons so far are kept");
    synth_helper_write("out.jsonl.state", "{\"identity\": 7", 14);
    expect_refused(&options, PRIMER_EINVAL, "out.jsonl.state: isn't what a run like this leaves");
    char *const part = contents("out.jsonl.part");
    assert_string_equal(part, "mine\n");
    free(part);
    unlink(synth_helper_path("out.jsonl.state"));
    synth_helper_write("out.jsonl.part", "", 0); /* nothing is lost */
    /* A part that is shorter than its state says is a fault. */
    options.progress = stop_after_a_round;
    expect_refused(&options, PRIMER_ECANCELED, "goes on");
    assert_int_equal(truncate(synth_helper_path("out.jsonl.part"), 100), 0);
    expect_refused(&options, PRIMER_EFORMAT, "out.jsonl.part: has 100 bytes");
}

static bool stop_at_once(void *context, uint64_t done, uint64_t all)
{
    (void)context, (void)done, (void)all;
    return false;
}

static void runs_without_a_round_leave_nothing(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    const struct data_synth_options options = {.count = 9, .seed = 4, .progress = stop_at_once};
    expect_refused(&options, PRIMER_ECANCELED, "goes on");
    assert_int_equal(synth_helper_files(".part") + synth_helper_files(".state"), 0);
}

static void one_process_writes(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    const struct data_synth_options options = {.count = 9, .seed = 4};
    synth_helper_write("out.jsonl.part", "", 0);
    const int other = open(synth_helper_path("out.jsonl.part"), O_WRONLY);
    assert_true(other >= 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(other, F_OFD_SETLK, &lock), 0);
    expect_refused(&options, PRIMER_EINVAL, "out.jsonl.part: another process writes it");
    assert_int_equal(close(other), 0);
    expect_made(&options, "out.jsonl");
}

static void expect_no_output(const char *path, const char *message)
{
    const char *const folder = synth_helper_path("");
    const struct data_synth_options options = {.count = 9, .seed = 4};
    struct data_synth_summary summary;
    primer_error error = {0};
    assert_int_equal(data_synth_make(&folder, 1, path, &options, &summary, &error), PRIMER_EINVAL);
    if (strstr(error.message, message) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.message, message);
    assert_int_equal(synth_helper_files(".part"), 0);
}

static void outputs_are_not_what_they_are_made_of(void **state)
{
    (void)state;
    write_curriculum(sums, good_check);
    expect_no_output(synth_helper_path("a.txt"), "a.txt: is the input itself");
    expect_no_output(synth_helper_path("check.py"), "check.py: is the input itself");
    assert_int_equal(symlink("a.txt", synth_helper_path("link")), 0);
    expect_no_output(synth_helper_path("link"), "link: is the input itself");
    expect_no_output(synth_helper_path(""), "is a folder");
    expect_no_output("/dev/null", "/dev/null: is not a regular file");
    expect_no_output("", "name of the file");
    assert_int_equal(mkfifo(synth_helper_path("pipe"), 0600), 0);
    expect_no_output(synth_helper_path("pipe"), "pipe: is not a regular file");
}

/* ---- checks that misbehave ---- */

static void bad_checks_are_named(void **state)
{
    (void)state;
    NEED_SANDBOX();
    static const struct {
        const char *check, *message;
    } cases[] = {
        {"import nothing_of_that_name\n", "nothing_of_that_name"},
        {"raise ValueError('\\u00e9' * 500)\n", "the check ended with error: ValueError: \u00e9"},
        {"raise ValueError('x' + '\\u00e9' * 500)\n", "ended with error: ValueError: x\u00e9"},
        {"import sys\nfor line in sys.stdin:\n    print('nonsense')\n", "no JSON that can be read"},
        {"import sys\nfor line in sys.stdin:\n    print('{}')\n", "no JSON that can be read"},
        {"import sys\nfor line in sys.stdin:\n"
         "    print('{\"keep\": false, \"why\": \"I dislike it\"}')\n",
         "sum: I dislike it"},
        {"import sys\nfor line in sys.stdin:\n    print('{\"keep\": true, \"holes\": []}')\n",
         "the lesson needs number 0"},
        {"import sys\nfor line in sys.stdin:\n    print('{\"keep\": true}')\n",
         "the lesson needs number 0"},
        {"import sys\nfor line in sys.stdin:\n    print('{\"keep\": true, \"holes\": [7]}')\n",
         "hole 0 is no text"},
    };
    const struct data_synth_options options = {.count = 5, .seed = 1, .only = "sum"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_curriculum(sums, cases[i].check);
        expect_refused(&options, PRIMER_EFORMAT, cases[i].message);
        assert_int_equal(synth_helper_files(".part"), 0); /* the next curriculum begins anew */
    }
}

static void lessons_need_a_check(void **state)
{
    (void)state;
    write_curriculum(sums, NULL);
    const struct data_synth_options options = {.count = 5, .seed = 1};
    expect_refused(&options, PRIMER_EINVAL, "the curriculum has no check.py");
    assert_int_equal(synth_helper_files(".state") + synth_helper_files(".part"), 0);
}

static void lessons_that_are_not_there_are_named(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum(sums, good_check);
    struct data_synth_options options = {.count = 5, .seed = 1, .only = "product"};
    expect_refused(&options, PRIMER_EFORMAT, "product");
    write_curriculum("phrase a\n  - a\n", good_check);
    options.only = NULL;
    expect_refused(&options, PRIMER_EFORMAT, "no lesson");
}

/* ---- floors ---- */

/* Many blocks are wrong now and then, the last one always: that one is named. */
static void the_worst_block_is_named(void **state)
{
    (void)state;
    NEED_SANDBOX();
    struct buffer text = {0};
    for (int i = 0; i < 20; i++)
        buffer_format(&text, NULL,
                      "talk a%d\n  draw x 1..9000\n  draw y 1..20\n"
                      "  require (1 / (y - 1)) != 0\n  user {x} or {y}\n"
                      "  assistant a%d {x}\n",
                      i, i);
    buffer_text(&text, "talk z\n  draw bad 1..9000\n  user {bad}\n  assistant z\n", NULL);
    static const char check[] =
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    lesson = json.loads(line)\n"
        "    wrong = 'bad' in lesson['vars'] or lesson['vars']['y'] == 1\n"
        "    print(json.dumps({'keep': not wrong, 'why': 'it is bad', 'holes': []}))\n";
    write_curriculum(text.bytes, check);
    struct data_synth_options options = {.count = 3000, .seed = 1};
    expect_refused(&options, PRIMER_EFORMAT, "lessons are wrong");
    for (; options.seed < 5; options.seed++)
        expect_refused(&options, PRIMER_EFORMAT, "z: it is bad");
    options.most_wrong = 0.9;
    const struct data_synth_summary summary = expect_made(&options, "out.jsonl");
    assert_true(summary.wrong > 100);
    buffer_free(&text);
}

static void likeness_has_a_floor(void **state)
{
    (void)state;
    NEED_SANDBOX();
    write_curriculum("talk t\n  draw x 1..90000\n  noise none\n"
                     "  user please be so kind and tell me now what you think of {x}\n"
                     "  assistant {x}\n",
                     good_check);
    struct data_synth_options options = {.count = 2500, .seed = 1};
    expect_refused(&options, PRIMER_EFORMAT, "of their words");
    options.most_similar = 1;
    options.least_distinct = 0.9;
    expect_refused(&options, PRIMER_EFORMAT, "word trigrams are different");
    options.least_distinct = 0.01;
    expect_made(&options, "out.jsonl");
}

#define CASE(name_)                                                                                \
    cmocka_unit_test_setup_teardown(name_, synth_helper_setup, synth_helper_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(seeds_decide),
        CASE(lessons_are_whole),
        CASE(stopped_runs_go_on),
        CASE(other_settings_are_refused),
        CASE(foreign_parts_stay),
        CASE(runs_without_a_round_leave_nothing),
        CASE(one_process_writes),
        CASE(outputs_are_not_what_they_are_made_of),
        CASE(bad_checks_are_named),
        CASE(lessons_need_a_check),
        CASE(lessons_that_are_not_there_are_named),
        CASE(the_worst_block_is_named),
        CASE(likeness_has_a_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
