/* test_data_review.c - lessons drawn and judged: the sample, verdicts in their file, undo, and what
 * a report works out, against values known from elsewhere. */
#include "data_helper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/data_review.h"
#include "data/data_review_draw.h"
#include "data/data_review_lesson.h"
#include "data/data_review_report.h"

/* ---- statistics ------------------------------------------------------------------------------ */

static void check_interval(uint64_t hits, uint64_t count, double low, double high)
{
    double found_low, found_high;
    data_review_table_interval(hits, count, &found_low, &found_high);
    assert_true(fabs(found_low - low) < 5.1e-5 && fabs(found_high - high) < 5.1e-5);
}

/* Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
 */
static void intervals_are_wilsons(void **state)
{
    (void)state;
    check_interval(81, 263, 0.2553, 0.3662);
    check_interval(15, 148, 0.0624, 0.1605);
    check_interval(0, 20, 0, 0.1611);
    check_interval(1, 29, 0.0061, 0.1718);
    check_interval(20, 20, 1 - 0.1611, 1);
}

/* Worked by hand: of 25, 17 the same; (12 * 14 + 9 * 8 + 4 * 3) / 625 = 0.4032 by chance. */
static void kappa_is_cohens(void **state)
{
    (void)state;
    struct data_review_agreement three = {.counts = {{10, 2, 0}, {3, 5, 1}, {1, 1, 2}}};
    data_review_table_agree(&three);
    assert_int_equal(three.count, 25);
    assert_true(fabs(three.raw - 0.68) < 1e-12 && fabs(three.chance - 0.4032) < 1e-12);
    assert_true(fabs(three.kappa - 0.2768 / 0.5968) < 1e-12);
    struct data_review_agreement two = {.counts = {{20, 5, 0}, {10, 15, 0}, {0, 0, 0}}};
    data_review_table_agree(&two);
    assert_true(fabs(two.kappa - 0.4) < 1e-12);
    struct data_review_agreement constant = {.counts = {{7, 0, 0}, {0, 0, 0}, {0, 0, 0}}};
    data_review_table_agree(&constant);
    assert_true(constant.raw == 1 && isnan(constant.kappa)); /* nothing but chance is needed */
    struct data_review_agreement none = {0};
    data_review_table_agree(&none);
    assert_true(none.count == 0 && isnan(none.raw) && isnan(none.kappa));
}

/* ---- lessons --------------------------------------------------------------------------------- */

static void refuse_lesson(const char *line, size_t length, primer_status wanted, const char *words)
{
    struct data_review_lesson lesson = {0};
    primer_error error = {0};
    assert_int_equal(data_review_lesson_read(&lesson, line, length, 7, &error), wanted);
    assert_non_null(strstr(error.message, words));
    assert_null(lesson.turns);
}

static void lessons_have_three_forms(void **state)
{
    (void)state;
    struct data_review_lesson one = {0}, two = {0};
    static const char talk[] =
        "{\"index\":5,\"kind\":\"talk\",\"lesson\":\"x\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"\\n Why?\\nNow.\"},{\"role\":\"assistant\",\"content\":\"So.\"}]}";
    static const char same[] =
        "{ \"messages\": [{\"content\": [{\"type\":\"text\",\"text\":\"\\n Why?\"},{\"text\":"
        "\"Now.\"}], \"role\": \"user\"}, {\"role\":\"assistant\",\"content\":\"So.\"}] }";
    assert_int_equal(data_review_lesson_read(&one, talk, strlen(talk), 7, NULL), PRIMER_OK);
    assert_int_equal(data_review_lesson_read(&two, same, strlen(same), 9, NULL), PRIMER_OK);
    assert_true(one.id == two.id); /* what is said counts, and nothing else */
    assert_true(one.index == 5 && one.line == 7 && two.index == 9);
    assert_string_equal(one.kind, "talk");
    assert_string_equal(one.title, "Why?");
    assert_int_equal(one.turn_count, 2);
    assert_string_equal(one.turns[1].role, "assistant");
    assert_string_equal(one.turns[1].text, "So.");
    data_review_lesson_free(&one);
    data_review_lesson_free(&two);
    static const char pair[] = "{\"lesson\":\"l\",\"prompt\":\"p\",\"completion\":\"\"}";
    assert_int_equal(data_review_lesson_read(&one, pair, strlen(pair), 1, NULL), PRIMER_OK);
    assert_string_equal(one.kind, "l");
    assert_string_equal(one.turns[1].role, "completion");
    data_review_lesson_free(&one);
}

static void lessons_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"text\":", "no JSON object"},
        {"[]", "expected an object"},
        {"{}", "expected \"messages\""},
        {"{\"text\":3}", "\"text\": expected a text"},
        {"{\"prompt\":\"x\"}", "\"completion\""},
        {"{\"messages\":{}}", "expected a list"},
        {"{\"messages\":[]}", "no answer"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "no answer"},
        {"{\"messages\":[{\"role\":\"assistant\"}]}", "\"content\""},
        {"{\"messages\":[{\"content\":\"x\"}]}", "\"role\""},
        {"{\"messages\":[7]}", "\"role\""},
        {"{\"text\":\"\xC3(\"}", "unable to decode byte 0xc3"},
        {"{\"text\":\"a\\u0000b\"}", "no JSON object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse_lesson(bad[i][0], strlen(bad[i][0]), PRIMER_EFORMAT, bad[i][1]);
    char *const long_line = memory_allocate(DATA_REVIEW_LESSON_MOST + 2, 1);
    memset(long_line, ' ', DATA_REVIEW_LESSON_MOST + 1);
    refuse_lesson(long_line, DATA_REVIEW_LESSON_MOST + 1, PRIMER_ELIMIT, "1048576 at most");
    memory_free(long_line);
}

/* ---- the sample ------------------------------------------------------------------------------ */

/* Lessons `first` to `last` in rising or falling order; of ten one is a talk, the others frames. */
static void add_lessons(struct buffer *text, int first, int last)
{
    for (int i = first;; i += first <= last ? 1 : -1) {
        assert_int_equal(buffer_format(text, NULL,
                                       "{\"index\":%d,\"kind\":\"%s\",\"text\":\"lesson %d\"}\n", i,
                                       i % 10 == 0 ? "talk" : "frame", i),
                         PRIMER_OK);
        if (i == last)
            break;
    }
}

static struct data_review_sample draw(const char *name, const struct buffer *text,
                                      const struct data_review_options *options,
                                      struct data_review_summary *summary)
{
    struct data_review_sample sample = {0};
    primer_error error = {0};
    *summary = (struct data_review_summary){0};
    const char *const path = helper_write(name, text->bytes, text->length);
    assert_int_equal(data_review_draw(&sample, path, options, summary, &error), PRIMER_OK);
    return sample;
}

static void samples_depend_on_lessons_and_seed(void **state)
{
    (void)state;
    struct buffer up = {0}, down = {0};
    struct data_review_summary summary;
    add_lessons(&up, 1, 500);
    add_lessons(&down, 500, 1);
    add_lessons(&down, 100, 120); /* again */
    const struct data_review_options twenty = {.count = 20, .seed = 3},
                                     fifty = {.count = 50, .seed = 3},
                                     other = {.count = 20, .seed = 4};
    struct data_review_sample a = draw("up.jsonl", &up, &twenty, &summary);
    assert_true(summary.lessons == 500 && summary.same == 0 && summary.drawn == 20);
    struct data_review_sample b = draw("down.jsonl", &down, &fifty, &summary);
    assert_true(summary.lessons == 500 && summary.same == 21 && summary.drawn == 50);
    struct data_review_sample c = draw("up.jsonl", &up, &other, &summary);
    size_t different = 0;
    for (size_t i = 0; i < 20; i++) {
        assert_true(a.lessons[i].id ==
                    b.lessons[i].id); /* the larger one begins with the smaller */
        different += a.lessons[i].id != c.lessons[i].id;
        for (size_t j = 0; j < i; j++)
            assert_true(a.lessons[i].id != a.lessons[j].id);
    }
    assert_true(different > 10);
    data_review_sample_free(&a);
    data_review_sample_free(&b);
    data_review_sample_free(&c);
    buffer_free(&up);
    buffer_free(&down);
}

/* Each lesson is as likely as another: 40 samples of 25 of 100 lessons are 1000 draws, 10 for each;
 * sums of a half are 500 with a deviation of about 14. */
static void samples_are_uniform(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct data_review_summary summary;
    size_t early = 0, most = 0, counts[101] = {0};
    add_lessons(&text, 1, 100);
    for (uint64_t seed = 0; seed < 40; seed++) {
        const struct data_review_options options = {.count = 25, .seed = seed};
        struct data_review_sample sample = draw("even.jsonl", &text, &options, &summary);
        for (size_t i = 0; i < sample.count; i++) {
            early += sample.lessons[i].index <= 50;
            counts[sample.lessons[i].index]++;
        }
        data_review_sample_free(&sample);
    }
    for (size_t i = 1; i <= 100; i++)
        most = counts[i] > most ? counts[i] : most;
    assert_true(early > 440 && early < 560 && most < 24);
    buffer_free(&text);
}

static size_t talks_of(const struct buffer *text, size_t count)
{
    struct data_review_summary summary;
    const struct data_review_options options = {.count = count, .seed = 1, .by_kind = true};
    struct data_review_sample sample = draw("kinds.jsonl", text, &options, &summary);
    size_t talks = 0;
    assert_int_equal(sample.count, count > summary.lessons ? summary.lessons : count);
    for (size_t i = 0; i < sample.count; i++)
        talks += strcmp(sample.lessons[i].kind, "talk") == 0;
    data_review_sample_free(&sample);
    return talks;
}

static void kinds_have_their_parts(void **state)
{
    (void)state;
    struct buffer text = {0};
    add_lessons(&text, 1, 200); /* 20 talks */
    assert_int_equal(talks_of(&text, 50), 5);
    assert_int_equal(talks_of(&text, 3), 1); /* one at least */
    assert_int_equal(talks_of(&text, 200), 20);
    assert_int_equal(talks_of(&text, 900), 20);
    buffer_free(&text);
}

static void bad_lines_are_named_or_counted(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct data_review_sample sample = {0};
    struct data_review_summary summary = {0};
    primer_error error = {0};
    struct data_review_options options = {.count = 5};
    add_lessons(&text, 1, 3);
    assert_int_equal(buffer_text(&text, "{\"other\":1}\n\n{\"text\":\"\xFF\"}\n", NULL), PRIMER_OK);
    add_lessons(&text, 4, 6);
    const char *const path = helper_write("bad.jsonl", text.bytes, text.length);
    assert_int_equal(data_review_draw(&sample, path, &options, &summary, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "bad.jsonl:4: "));
    options.skip_bad = true;
    summary = (struct data_review_summary){0};
    assert_int_equal(data_review_draw(&sample, path, &options, &summary, &error), PRIMER_OK);
    assert_true(summary.bad == 2 && summary.lessons == 6 && summary.drawn == 5);
    assert_non_null(strstr(summary.first_bad, "bad.jsonl:4: "));
    data_review_sample_free(&sample);
    const char *const empty = helper_write("empty.jsonl", "\n", 1);
    summary = (struct data_review_summary){0};
    assert_int_equal(data_review_draw(&sample, empty, &options, &summary, &error), PRIMER_EINVAL);
    buffer_free(&text);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* Says what a script says, a sign for each time it is asked. */
struct script {
    const char *signs;
    size_t asked[64]; /* which lesson of the sample, from 1 */
    size_t count;
};

static primer_status judge_by_script(void *context, const struct data_review_lesson *lesson,
                                     size_t number, size_t count,
                                     struct data_review_verdict *verdict, primer_error *error)
{
    static const char keys[] = "yndusq";
    static const enum data_review_mark marks[] = {DATA_REVIEW_RIGHT,    DATA_REVIEW_WRONG,
                                                  DATA_REVIEW_DOUBTFUL, DATA_REVIEW_UNDONE,
                                                  DATA_REVIEW_SKIPPED,  DATA_REVIEW_QUIT};
    struct script *const script = context;
    (void)lesson;
    (void)count;
    (void)error;
    script->asked[script->count] = number;
    const char sign = script->signs[script->count];
    verdict->mark = sign == '\0' ? DATA_REVIEW_QUIT : marks[strchr(keys, sign) - keys];
    script->count += sign != '\0';
    return PRIMER_OK;
}

static struct script ask(const char *signs, const char *by, struct data_review_summary *summary)
{
    struct script script = {.signs = signs};
    struct buffer text = {0}, report = {0};
    primer_error error = {0};
    const struct data_review_judge judge = {by, &script, judge_by_script, NULL, false};
    const struct data_review_options options = {.count = 6, .seed = 2, .json = true};
    add_lessons(&text, 1, 30);
    const char *const path = helper_write("lessons.jsonl", text.bytes, text.length);
    assert_int_equal(data_review(path, helper_path("verdicts.jsonl"), &judge, &options, summary,
                                 &report, &error),
                     PRIMER_OK);
    buffer_free(&text);
    buffer_free(&report);
    return script;
}

static struct data_review_table table_of(struct data_review_file *file, const char *path)
{
    struct data_review_table table = {0};
    primer_error error = {0};
    *file = (struct data_review_file){0};
    assert_int_equal(data_review_file_read(file, path, false, false, &error), PRIMER_OK);
    assert_int_equal(data_review_table_make(&table, file, NULL, 0, &error), PRIMER_OK);
    return table;
}

static size_t marks_of(const struct data_review_table *table, size_t judge, size_t mark)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += table->entries[i].marks[judge] == mark;
    return count;
}

static void verdicts_go_on_and_are_taken_back(void **state)
{
    (void)state;
    struct data_review_summary summary;
    struct data_review_file file;
    const char *const path = helper_path("verdicts.jsonl");
    unlink(path);
    const struct script first = ask("ysnunq", "anna", &summary);
    const size_t asked[] = {1, 2, 3, 4, 3, 4};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(first.asked[i], asked[i]);
    assert_true(summary.before == 0 && summary.given == 2 && summary.skipped == 1 &&
                summary.undone == 1 && summary.left == 4);
    /* The skipped one is asked again; undo reaches the run before. */
    const struct script second = ask("uduuny", "anna", &summary);
    const size_t again[] = {2, 3, 2, 3, 1, 1};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(second.asked[i], again[i]);
    assert_int_equal(second.asked[4], again[4]);
    struct data_review_table table = table_of(&file, path);
    assert_int_equal(table.judges, 1);
    assert_int_equal(marks_of(&table, 0, DATA_REVIEW_WRONG), 1);
    assert_int_equal(marks_of(&table, 0, DATA_REVIEW_RIGHT), 1);
    data_review_table_free(&table);
    data_review_file_free(&file);
    /* Another judge begins anew, in the same file, to the end. */
    const struct script other = ask("yyyynn", "ben", &summary);
    assert_true(other.count == 6 && summary.given == 6 && summary.left == 0);
    const struct script done = ask("y", "ben", &summary);
    assert_true(done.count == 0 && summary.before == 6);
}

/* Taken back twice: both are asked again. */
static void two_are_taken_back(void **state)
{
    (void)state;
    struct data_review_summary summary;
    unlink(helper_path("verdicts.jsonl"));
    const struct script script = ask("yyyuunnq", "anna", &summary);
    const size_t asked[] = {1, 2, 3, 4, 3, 2, 3, 4};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(script.asked[i], asked[i]);
    assert_true(summary.given == 3 && summary.undone == 2 && summary.left == 3);
}

static void half_lines_are_asked_again(void **state)
{
    (void)state;
    struct data_review_summary summary;
    struct data_review_file file = {0};
    struct stat facts;
    const char *const path = helper_path("verdicts.jsonl");
    unlink(path);
    ask("ynd", "anna", &summary);
    assert_int_equal(stat(path, &facts), 0);
    /* Only the line's end is missing: the verdict counts, and the next has a line of its own. */
    assert_int_equal(truncate(path, facts.st_size - 1), 0);
    ask("y", "anna", &summary);
    assert_true(summary.before == 3 && summary.given == 1);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(truncate(path, facts.st_size - 9), 0);
    assert_int_equal(data_review_file_read(&file, path, false, false, NULL), PRIMER_OK);
    assert_true(file.torn == 1 && file.count == 3);
    data_review_file_free(&file);
    ask("nn", "anna", &summary);
    assert_true(summary.before == 3 && summary.given == 2);
    struct data_review_table table = table_of(&file, path);
    assert_int_equal(file.torn, 0);
    assert_int_equal(marks_of(&table, 0, DATA_REVIEW_WRONG), 3);
    data_review_table_free(&table);
    data_review_file_free(&file);
}

/* Of an escaped note too: what could not be read again isn't written. */
static void long_verdicts_are_not_written(void **state)
{
    (void)state;
    primer_error error = {0};
    const size_t length = (size_t)1 << 19;
    char *const note = memory_allocate(length, 1);
    assert_non_null(note);
    memset(note, '"', length);
    char kind[] = "", title[] = "";
    const struct data_review_lesson lesson = {.line = 7, .kind = kind, .title = title};
    struct data_review_verdict verdict = {
        .mark = DATA_REVIEW_WRONG, .note = note, .note_length = length, .probability = -1};
    struct data_review_file file = {0};
    struct data_review_log log;
    const char *const path = helper_path("long.jsonl");
    assert_int_equal(data_review_log_open(&log, path, &file, &error), PRIMER_OK);
    assert_int_equal(data_review_log_add(&log, &lesson, &verdict, "a", 1, &error), PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "the lesson of line 7: a verdict of 10"));
    verdict.note_length = length / 2 - 100;
    assert_int_equal(data_review_log_add(&log, &lesson, &verdict, "a", 1, &error), PRIMER_OK);
    data_review_log_close(&log);
    memory_free(note);
    assert_int_equal(data_review_file_read(&file, path, false, false, &error), PRIMER_OK);
    assert_int_equal(file.count, 1);
    data_review_file_free(&file);
}

static void refuse_verdicts(const char *text, const char *words)
{
    struct data_review_file file = {0};
    primer_error error = {0};
    const char *const path = helper_write("v.jsonl", text, strlen(text));
    assert_int_equal(data_review_file_read(&file, path, false, false, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, words));
    data_review_file_free(&file);
}

#define ID "\"id\":\"0123456789abcdef\""
static void verdicts_that_are_none_are_refused(void **state)
{
    (void)state;
    refuse_verdicts("{\"id\":\"12\"}\n", "v.jsonl:1: \"id\": expected 16");
    refuse_verdicts("{\"id\":\"0123456789abcdeg\"}\n", "found 'g'");
    refuse_verdicts("{" ID ",\"verdict\":\"maybe\",\"by\":\"a\"}\n", "found maybe");
    refuse_verdicts("{" ID ",\"by\":\"a\"}\n", "found none");
    refuse_verdicts("{" ID ",\"verdict\":\"right\"}\n", "\"by\"");
    refuse_verdicts("{" ID ",\"verdict\":\"right\",\"by\":\"a\",\"index\":-1}\n", "\"index\"");
    refuse_verdicts("\n{" ID ",\"verdict\":\"right\",\"by\":\"a\",\"text\":1}\n",
                    "v.jsonl:2: \"text\"");
    refuse_verdicts("nothing of ours, and no line's end", "v.jsonl:1: no JSON object");
    /* Such a file isn't cut off either. */
    struct data_review_summary summary = {0};
    struct buffer report = {0};
    primer_error error = {0};
    struct script script = {.signs = "y"};
    const struct data_review_judge judge = {"a", &script, judge_by_script, NULL, false};
    const struct data_review_options options = {0};
    char lessons[600];
    snprintf(lessons, sizeof lessons, "%s", helper_write("l.jsonl", "{\"text\":\"x\"}\n", 13));
    assert_int_equal(
        data_review(lessons, helper_path("v.jsonl"), &judge, &options, &summary, &report, &error),
        PRIMER_EFORMAT);
    struct stat facts;
    assert_true(stat(helper_path("v.jsonl"), &facts) == 0 && facts.st_size == 34);
    assert_int_equal(data_review(lessons, lessons, &judge, &options, &summary, &report, &error),
                     PRIMER_EINVAL);
    /* Nor is one begun by a judge whose verdicts could not be found again. */
    static const char *const names[] = {"", "mod\xE9l"};
    for (size_t i = 0; i < 2; i++) {
        const struct data_review_judge other = {names[i], &script, judge_by_script, NULL, false};
        assert_int_equal(
            data_review(lessons, helper_path("n"), &other, &options, &summary, &report, &error),
            PRIMER_EINVAL);
        assert_non_null(strstr(error.message, "the judge's name"));
    }
    assert_false(file_exists(helper_path("n")));
    buffer_free(&report);
}

static void reports_compare_judges(void **state)
{
    (void)state;
    struct buffer text = {0}, report = {0};
    primer_error error = {0};
    /* a: right 0-5, wrong 6-9; b: right 0-3, wrong 4-9, and lesson 10 alone; a takes 11 back. */
    for (int i = 0; i < 12; i++) {
        if (i != 10)
            assert_int_equal(
                buffer_format(&text, NULL,
                              "{\"id\":\"%016x\",\"index\":%d,\"kind\":\"%s\","
                              "\"verdict\":\"%s\",\"by\":\"a\",\"text\":\"t\\u001b%d\"}\n",
                              i, i, i % 2 ? "odd" : "even", i < 6 ? "right" : "wrong", i),
                PRIMER_OK);
        if (i < 11)
            assert_int_equal(buffer_format(&text, NULL,
                                           "{\"id\":\"%016x\",\"verdict\":\"%s\",\"by\":\"b\"}\n",
                                           i, i < 4 ? "right" : "wrong"),
                             PRIMER_OK);
    }
    assert_int_equal(buffer_format(&text, NULL,
                                   "{\"id\":\"%016x\",\"verdict\":\"undone\","
                                   "\"by\":\"a\"}\n{\"id\":\"0",
                                   11),
                     PRIMER_OK);
    const char *const path = helper_write("two.jsonl", text.bytes, text.length);
    assert_int_equal(data_review_report(&path, 1, false, false, &report, &error), PRIMER_OK);
    assert_non_null(strstr(report.bytes, "a: 10 verdicts: 6 right, 4 wrong, 0 doubtful\n"));
    assert_non_null(strstr(report.bytes, "4 of 10, 40.0 % (95 %: 16.8 to 68.7)"));
    assert_non_null(strstr(report.bytes, "b: 11 verdicts: 4 right, 7 wrong"));
    assert_non_null(strstr(report.bytes, "    even: wrong: 2 of 5"));
    /* 8 of 10 the same; by chance (6 * 4 + 4 * 6) / 100; (0.8 - 0.48) / 0.52 = 0.615 */
    assert_non_null(strstr(report.bytes, "of 10 lessons that both judged the same on 8 (80.0 %); "
                                         "Cohen's kappa 0.615 (n = 10)"));
    assert_non_null(strstr(report.bytes, "  lesson 4: right, wrong: t?4\n"));
    assert_non_null(strstr(report.bytes, "1 half lines"));
    buffer_free(&text);
    buffer_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_wilsons),
        cmocka_unit_test(kappa_is_cohens),
        cmocka_unit_test(lessons_have_three_forms),
        cmocka_unit_test(lessons_that_are_none_are_refused),
        cmocka_unit_test(samples_depend_on_lessons_and_seed),
        cmocka_unit_test(samples_are_uniform),
        cmocka_unit_test(kinds_have_their_parts),
        cmocka_unit_test(bad_lines_are_named_or_counted),
        cmocka_unit_test(verdicts_go_on_and_are_taken_back),
        cmocka_unit_test(two_are_taken_back),
        cmocka_unit_test(half_lines_are_asked_again),
        cmocka_unit_test(long_verdicts_are_not_written),
        cmocka_unit_test(verdicts_that_are_none_are_refused),
        cmocka_unit_test(reports_compare_judges),
    };
    return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
