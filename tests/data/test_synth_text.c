/* test_synth_text.c - texts and code of a curriculum: alternatives, names, conditions, tables, draws,
 * forms of words, and code with its lines, as docs/curricula.md describes them.
 */
#include "data/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "synth_helper.h"

static struct synth_helper helper;

static void open_with(const char *text)
{
    synth_helper_open(&helper, text);
}

static void close_it(void)
{
    synth_helper_close(&helper);
}

static void expect(const char *text, const char *expected)
{
    const char *const said = synth_helper_said(&helper, text);
    if (strcmp(said, expected) != 0)
        fail_msg("%s: found \"%s\", expected \"%s\" %s", text, said, expected,
                 helper.error.message);
}

/* The results that a text has, separated by '/'. */
static void expect_all(const char *text, const char *results)
{
    char copy[512];
    const char *list[64];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", results);
    for (char *at = copy; at != NULL && count < 63;) {
        char *const end = strchr(at, '/');
        list[count++] = at;
        if (end != NULL)
            *end = '\0';
        at = end == NULL ? NULL : end + 1;
    }
    list[count] = NULL;
    synth_helper_all(&helper, text, 40 + 30 * count, list, NULL);
}

static enum synth_said draw(const char *line)
{
    return synth_function_draw(&helper.synth, line, NULL, helper.synth.draws,
                               &helper.synth.draw_count);
}

/* ---- alternatives ---- */

static void alternatives_nest(void **state)
{
    (void)state;
    open_with("phrase x\n  - x\n");
    expect("", "");
    expect("plain", "plain");
    expect_all("(a|b)", "a/b");
    expect_all("(a|b|)c", "ac/bc/c");
    expect_all("((a|b)(1|2)|c)", "a1/a2/b1/b2/c");
    expect_all("a(((b)))", "ab");
    expect_all("(|(|(|z)))", "/z");
    expect_all("()x", "x");
    expect_all("(please |)do", "please do/do");
    expect_all("one (two |three |)four", "one two four/one three four/one four");
    expect_all("({x}|\\{x\\})", "x/{x}");
    close_it();
}

static void signs_are_escaped(void **state)
{
    (void)state;
    open_with("phrase p\n  - a \\| b | c\n");
    expect("\\(a\\)", "(a)");
    expect("\\{a\\}", "{a}");
    expect("f\\(x\\): \\\\", "f(x): \\");
    expect("a\\nb", "a\nb");
    expect("a\\n    b", "a\n    b");
    expect_all("(\\(|\\)|\\||\\\\)", "(/)/|/\\");
    expect_all("{p}", "a | b/c");
    close_it();
}

static void blanks_are_written_once(void **state)
{
    (void)state;
    open_with("phrase none\n  -\nphrase a\n  - a\n");
    expect("a   b", "a b");
    expect("a {none} b", "a b");
    expect("a {none}, b", "a, b");
    expect("a () .", "a.");
    expect("a ( | )?", "a?");
    expect("{a} {none} {none} ! b", "a! b");
    expect("{a} : {a} ; {a} , {a} .", "a: a; a, a.");
    expect(" {none} a", "a");
    expect("a\\n  b", "a\n  b");
    close_it();
}

/* Alternatives of a text weigh the same, those of fields as their weights say. */
static void weights_are_kept(void **state)
{
    (void)state;
    static const char *const groups[] = {"a", "b", "c", "", NULL};
    static const char *const fields[] = {"a", "b", "c", "d", "e", NULL};
    size_t counts[5];
    open_with("phrase p\n  -*3 a\n  -*2 b | c\n  - d\n  -*8 {nothing}\n  -*2 (e|e|e)\n");
    synth_helper_all(&helper, "(a|b|c|)", 4000, groups, counts);
    double chi = 0;
    for (size_t i = 0; i < 4; i++)
        chi += ((double)counts[i] - 1000) * ((double)counts[i] - 1000) / 1000;
    if (chi > 16.3) /* p = 0.001 with 3 degrees */
        fail_msg("(a|b|c|): chi square %.1f", chi);
    synth_helper_all(&helper, "{p}", 5000, fields, counts);
    /* An alternative by a bar weighs as much as one by a line of the same weight. */
    static const double shares[] = {0.3, 0.2, 0.2, 0.1, 0.2};
    chi = 0;
    for (size_t i = 0; i < 5; i++) {
        const double wanted = 5000 * shares[i];
        chi += ((double)counts[i] - wanted) * ((double)counts[i] - wanted) / wanted;
    }
    if (chi > 18.5)
        fail_msg("{p}: chi square %.1f: %zu %zu %zu %zu %zu", chi, counts[0], counts[1], counts[2],
                 counts[3], counts[4]);
    close_it();
}

/* Of as many alternatives as there may be each is used; one more is an error. */
static void many_alternatives_are_all_used(void **state)
{
    (void)state;
    struct buffer text = {0};
    bool seen[SYNTH_CHOICES] = {false};
    size_t count = 0;
    buffer_text(&text, "phrase p\n", NULL);
    for (int i = 0; i < SYNTH_CHOICES; i += 2)
        buffer_format(&text, NULL, "  - n%d | n%d\n", i, i + 1);
    open_with(text.bytes);
    for (uint64_t seed = 0; seed < 3000; seed++) {
        synth_helper_seed(&helper, seed);
        const char *const said = synth_helper_said(&helper, "{p}");
        assert_int_equal(said[0], 'n');
        seen[atoi(said + 1)] = true;
    }
    for (size_t i = 0; i < SYNTH_CHOICES; i++)
        count += seen[i] ? 1 : 0;
    assert_int_equal(count, SYNTH_CHOICES);
    close_it();
    buffer_text(&text, "  - more\n", NULL);
    open_with(text.bytes);
    expect("{p}", "(failed)");
    assert_non_null(strstr(helper.error.message, "more than 64 alternatives"));
    assert_int_equal(helper.error.status, PRIMER_ELIMIT);
    close_it();
    buffer_free(&text);
}

/* ---- names ---- */

static void names_are_looked_for(void **state)
{
    (void)state;
    open_with("phrase a\n  - phrase\nphrase b\n  - b of {a}\nphrase deep\n  - <{b}>\n"
              "table t : one two\n  - 1st | 2nd\n");
    expect("{a} {b} {deep}", "phrase b of phrase <b of phrase>");
    expect("{nothing}", "(missing)");
    expect("x {nothing} y", "(missing)");
    expect("{a.b}", "(missing)");
    /* What was drawn comes before a phrase of that name. */
    assert_int_equal(draw("a 7..7"), SYNTH_SAID);
    expect("{a} {b}", "7 b of 7");
    assert_int_equal(draw("r t"), SYNTH_SAID);
    expect("{r} {r.one} {r.two}", "1st 1st 2nd");
    expect("{r.three}", "(missing)");
    expect("{^a} {^b} {^deep} {^r.two}", "7 B of 7 <b of 7> 2nd");
    close_it();
}

/* What was said of an alternative that fails is taken back, its values too. */
static void failed_attempts_leave_nothing(void **state)
{
    (void)state;
    open_with("phrase p\n  -*1000 {= 1} one {= 2} {nothing}\n  - {= 3}\n");
    for (uint64_t seed = 0; seed < 30; seed++) {
        synth_helper_seed(&helper, seed);
        expect("before {p} after {= 4}", "before {=0} after {=1}");
        assert_int_equal(helper.synth.hole_count, 2);
        assert_string_equal(helper.synth.holes[0] + strspn(helper.synth.holes[0], " "), "3");
        expect_all("(x {nothing}|y|z ({nothing}|{nothing} w))", "y");
    }
    close_it();
}

static void conditions_choose(void **state)
{
    (void)state;
    open_with("phrase p\n  - ?x {x} there\n  - !x no x\nphrase q\n  - ?x ?y both\n  - !x !y none\n"
              "  - ?x !y x alone\n"
              "phrase all\n  - ?x (a|b) | c\n  - !x d\n"
              "table t : name he\n  - Anna | she\n");
    expect_all("{p}", "no x");
    expect_all("{q}", "none");
    expect_all("{all}", "d");
    expect("(?x yes|!x no)", "no");
    synth_helper_seed(&helper, 0);
    assert_int_equal(draw("x 3..3"), SYNTH_SAID);
    for (int i = 0; i < 20; i++) {
        expect("{p} {q}", "3 there x alone");
        const char *const said = synth_helper_said(&helper, "{all}");
        assert_true(strlen(said) == 1 && strchr("abc", *said) != NULL);
    }
    assert_int_equal(draw("y t"), SYNTH_SAID);
    expect("{q}", "both");
    expect("(?y.he {y.he}|!y.he nothing)", "she");
    expect("(?y.she x|!y.she nothing)", "nothing");
    close_it();
}

static void faults_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {{"a (b", "the-file.txt:12: found a ( without its end"},
                 {"a {b", "the-file.txt:12: found a { without its end"},
                 {"a ((b) c", "the-file.txt:12: found a ( without its end"},
                 {"{a} (b|{c)", "the-file.txt:12: found a ( without its end"},
                 {"{endless}", "a.txt:2: phrases name each other without an end"},
                 {"{left}", ": phrases name each other without an end"},
                 {"{five} {five}", ": phrases make a text of more than 64 KiB"},
                 {"{none}", ": phrases take more than 200,000 choices"}};
    open_with("phrase endless\n  - x {endless}\nphrase left\n  - ({right}|{right})\n"
              "phrase right\n  - {left}\nphrase a\n  - a\nphrase torn\n\n  - a | b (c\n"
              "phrase one\n  - 0123456701234567012345670123456701234567012345670123456701234567\n"
              "phrase two\n  - {one}{one}{one}{one}{one}{one}{one}{one}\n"
              "phrase three\n  - {two}{two}{two}{two}{two}{two}{two}{two}\n"
              "phrase four\n  - {three}{three}{three}{three}{three}{three}{three}{three}\n"
              "phrase five\n  - {four}{four}{four}\n"
              /* Never said: each tries all that is below. */
              "phrase n1\n  - ?x a\nphrase n2\n  - ({n1}|{n1}|{n1}|{n1}|{n1}|{n1}|{n1}|{n1})\n"
              "phrase n3\n  - ({n2}|{n2}|{n2}|{n2}|{n2}|{n2}|{n2}|{n2})\n"
              "phrase n4\n  - ({n3}|{n3}|{n3}|{n3}|{n3}|{n3}|{n3}|{n3})\n"
              "phrase n5\n  - ({n4}|{n4}|{n4}|{n4}|{n4}|{n4}|{n4}|{n4})\n"
              "phrase n6\n  - ({n5}|{n5}|{n5}|{n5}|{n5}|{n5}|{n5}|{n5})\n"
              "phrase none\n  - ({n6}|{n6}|{n6}|{n6}|{n6}|{n6}|{n6}|{n6})\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        synth_helper_seed(&helper, i);
        helper.synth.where = "the-file.txt:12";
        expect(cases[i].text, "(failed)");
        if (strstr(helper.error.message, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].text, helper.error.message);
    }
    close_it();
}

/* A fault of a phrase is shown where the phrase stands, not where it is used. */
static void faults_of_phrases_are_named(void **state)
{
    (void)state;
    struct synth_helper_lessons lessons;
    bool made = false;
    synth_helper_lessons_open(
        &lessons, "talk t\n  user hello\n  assistant {torn}\n\nphrase torn\n  - (b\n", NULL);
    assert_int_equal(synth_lesson_make(&lessons.lesson, 1, &made, &lessons.error), PRIMER_EFORMAT);
    if (strstr(lessons.error.message, "a.txt:6") == NULL)
        fail_msg("line 6 is not named: %s", lessons.error.message);
    synth_helper_lessons_close(&lessons);
}

static void long_texts_are_said(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 3000; i++)
        buffer_text(&text, "(a|b) word ", NULL);
    open_with("phrase p\n  - p\n");
    const char *const said = synth_helper_said(&helper, text.bytes);
    assert_int_equal(strlen(said), 3000 * 7);
    buffer_clear(&text);
    for (int i = 0; i < 30; i++)
        buffer_text(&text, "(", NULL);
    buffer_text(&text, "x", NULL);
    for (int i = 0; i < 30; i++)
        buffer_text(&text, "|y)", NULL);
    assert_int_equal(strlen(synth_helper_said(&helper, text.bytes)), 1);
    buffer_free(&text);
    close_it();
}

/* ---- draws and tables ---- */

static void numbers_are_drawn(void **state)
{
    (void)state;
    open_with("phrase p\n  - p\n");
    expect("x", "x");
    static const struct {
        const char *line, *results;
    } cases[] = {{"n 1..4", "1/2/3/4"},
                 {"n -2..1", "-2/-1/0/1"},
                 {"n 5..5", "5"},
                 {"n 10..20/5", "10/15/20"},
                 {"n 1..8/3", "1/4/7"},
                 {"n 5|10|200", "5/10/200"},
                 {"n red | dark blue", "red/dark blue"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned seen = 0, all = 1;
        char results[64];
        for (const char *at = cases[i].results; *at != '\0'; at++)
            all += *at == '/' ? 1 : 0;
        for (uint64_t seed = 0; seed < 120; seed++) {
            synth_helper_seed(&helper, seed);
            assert_int_equal(draw(cases[i].line), SYNTH_SAID);
            const char *const said = synth_helper_said(&helper, "{n}");
            unsigned at = 0;
            snprintf(results, sizeof results, "%s", cases[i].results);
            char *rest = results;
            for (char *one; (one = strsep(&rest, "/")) != NULL; at++)
                if (strcmp(one, said) == 0)
                    break;
            if (at == all)
                fail_msg("%s: found %s", cases[i].line, said);
            seen |= 1U << at;
        }
        if (seen != (1U << all) - 1)
            fail_msg("%s: not all of %s came", cases[i].line, cases[i].results);
    }
    close_it();
}

static void bad_draws_are_errors(void **state)
{
    (void)state;
    static const char *const lines[] = {"n 4..1",    "n 1..",    "n ..4",    "n 1..4/0",
                                        "n 1..4/-1", "n 1..4/x", "n 1..4 5", "n no_such_table",
                                        "n",         "n 3"};
    open_with("phrase p\n  - p\n");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        synth_helper_seed(&helper, 0);
        helper.synth.where = "a.txt:3";
        if (draw(lines[i]) != SYNTH_FAILED)
            fail_msg("%s was taken", lines[i]);
        if (strstr(helper.error.message, "a.txt:3") == NULL)
            fail_msg("%s: %s", lines[i], helper.error.message);
    }
    /* The largest numbers there are. */
    synth_helper_seed(&helper, 0);
    draw("n -9223372036854775807..9223372036854775807");
    draw("m 0..9223372036854775807/9223372036854775807");
    draw("k 1..99999999999999999999999");
    close_it();
}

static void rows_are_not_drawn_twice(void **state)
{
    (void)state;
    open_with(
        "table person : name he him\n  - Anna | she | her\n  - Tom | he | him\n"
        "  - Kim | they |\nphrase greeting\n  - (hi|hello) {word}\nphrase word\n  - (a|b|c|d)\n");
    bool seen[3] = {false};
    for (uint64_t seed = 0; seed < 60; seed++) {
        synth_helper_seed(&helper, seed);
        assert_int_equal(draw("who person"), SYNTH_SAID);
        assert_int_equal(draw("other person"), SYNTH_SAID);
        assert_int_equal(draw("third person"), SYNTH_SAID);
        assert_int_equal(draw("fourth person"), SYNTH_MISSING);
        char text[64];
        snprintf(text, sizeof text, "%s", synth_helper_said(&helper, "{who} {other} {third}"));
        assert_true(strstr(text, "Anna") != NULL && strstr(text, "Tom") != NULL &&
                    strstr(text, "Kim") != NULL);
        seen[*text == 'A' ? 0 : *text == 'T' ? 1 : 2] = true;
        const char *const he = synth_helper_said(&helper, "{who}: {who.he}");
        if (strcmp(he, "Anna: she") != 0 && strcmp(he, "Tom: he") != 0 &&
            strcmp(he, "Kim: they") != 0)
            fail_msg("%s", he);
        /* A phrase that was drawn is said once and kept. */
        assert_int_equal(draw("g greeting"), SYNTH_SAID);
        snprintf(text, sizeof text, "%s", synth_helper_said(&helper, "{g}"));
        for (int i = 0; i < 8; i++)
            expect("{g}", text);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    close_it();
}

static void small_numbers_may_be_words(void **state)
{
    (void)state;
    open_with("phrase p\n  - p\n");
    static const char *const words[] = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
                                        "seven", "eight", "nine", "ten",   "eleven", "twelve"};
    for (int i = 0; i <= 12; i++) {
        char line[32], text[32];
        snprintf(line, sizeof line, "n %d..%d", i, i);
        synth_helper_seed(&helper, 1);
        assert_int_equal(draw(line), SYNTH_SAID);
        helper.synth.spelled = 1;
        snprintf(text, sizeof text, "%s things", words[i]);
        expect("{n} things", text);
        helper.synth.spelled = 0;
        snprintf(text, sizeof text, "%d things", i);
        expect("{n} things", text);
    }
    synth_helper_seed(&helper, 1);
    helper.synth.spelled = 1;
    assert_int_equal(draw("a 13..13"), SYNTH_SAID);
    assert_int_equal(draw("b -1..-1"), SYNTH_SAID);
    expect("{a} {b}", "13 -1");
    close_it();
}

static void values_are_holes(void **state)
{
    (void)state;
    open_with("phrase p\n  - p\n");
    expect("{= a + b} and {= [x for x in (1, 2)]} {={1: 2}[1]}", "{=0} and {=1} {=2}");
    assert_int_equal(helper.synth.hole_count, 3);
    static const char *const expected[] = {"a + b", "[x for x in (1, 2)]", "{1: 2}[1]"};
    for (size_t i = 0; i < 3; i++) {
        const char *const hole = helper.synth.holes[i];
        assert_string_equal(hole + strspn(hole, " "), expected[i]);
    }
    expect_all("({= 1 | 2}|b)", "{=0}/b");
    close_it();
}

/* ---- words ---- */

static void verbs_have_their_forms(void **state)
{
    (void)state;
    /* Those of the curricula that are not simply followed by -s and -ing, and their like. */
    static const struct {
        const char *plain, *third, *gerund;
    } verbs[] = {
        {"add", "adds", "adding"},
        {"apply", "applies", "applying"},
        {"be", "is", "being"},
        {"begin", "begins", "beginning"},
        {"calculate", "calculates", "calculating"},
        {"cap", "caps", "capping"},
        {"centre", "centres", "centring"},
        {"check", "checks", "checking"},
        {"chop", "chops", "chopping"},
        {"clip", "clips", "clipping"},
        {"compress", "compresses", "compressing"},
        {"copy", "copies", "copying"},
        {"cut", "cuts", "cutting"},
        {"dedupe", "dedupes", "deduping"},
        {"divide", "divides", "dividing"},
        {"do", "does", "doing"},
        {"drop", "drops", "dropping"},
        {"fetch", "fetches", "fetching"},
        {"finish", "finishes", "finishing"},
        {"flip", "flips", "flipping"},
        {"format", "formats", "formatting"},
        {"get", "gets", "getting"},
        {"glue", "glues", "gluing"},
        {"go", "goes", "going"},
        {"have", "has", "having"},
        {"justify", "justifies", "justifying"},
        {"lay", "lays", "laying"},
        {"let", "lets", "letting"},
        {"list", "lists", "listing"},
        {"map", "maps", "mapping"},
        {"mix", "mixes", "mixing"},
        {"multiply", "multiplies", "multiplying"},
        {"order", "orders", "ordering"},
        {"pad", "pads", "padding"},
        {"pay", "pays", "paying"},
        {"prefix", "prefixes", "prefixing"},
        {"push", "pushes", "pushing"},
        {"put", "puts", "putting"},
        {"run", "runs", "running"},
        {"say", "says", "saying"},
        {"search", "searches", "searching"},
        {"see", "sees", "seeing"},
        {"set", "sets", "setting"},
        {"skip", "skips", "skipping"},
        {"slip", "slips", "slipping"},
        {"split", "splits", "splitting"},
        {"square", "squares", "squaring"},
        {"squeeze", "squeezes", "squeezing"},
        {"strip", "strips", "stripping"},
        {"sum", "sums", "summing"},
        {"swap", "swaps", "swapping"},
        {"switch", "switches", "switching"},
        {"tally", "tallies", "tallying"},
        {"tidy", "tidies", "tidying"},
        {"trim", "trims", "trimming"},
        {"unzip", "unzips", "unzipping"},
        {"use", "uses", "using"},
        {"wrap", "wraps", "wrapping"},
        {"write", "writes", "writing"},
        {"zip", "zips", "zipping"},
        /* What stands behind the first word stays. */
        {"reverse a list", "reverses a list", "reversing a list"},
        {"find and return it", "finds and returns it", "finding and returning it"},
        {"sum or count them", "sums or counts them", "summing or counting them"},
        {"sort them and count", "sorts them and count", "sorting them and count"},
        {"right-align it", "right-aligns it", "right-aligning it"},
        {"upper-case it", "upper-cases it", "upper-casing it"},
        {"rot13 it", "rot13s it", "rot13ing it"},
        {"{x}", "{x}", "{x}"},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct buffer third = {0}, gerund = {0};
        primer_error error = {0};
        const size_t length = strlen(verbs[i].plain);
        assert_int_equal(synth_word_third(verbs[i].plain, length, &third, &error), PRIMER_OK);
        assert_int_equal(synth_word_gerund(verbs[i].plain, length, &gerund, &error), PRIMER_OK);
        const char *const does = third.bytes == NULL ? "" : third.bytes;
        const char *const doing = gerund.bytes == NULL ? "" : gerund.bytes;
        if (strcmp(does, verbs[i].third) != 0 || strcmp(doing, verbs[i].gerund) != 0)
            fail_msg("%s: found \"%s\" and \"%s\"", verbs[i].plain, does, doing);
        buffer_free(&third);
        buffer_free(&gerund);
    }
}

/* ---- code ---- */

static void expect_code(const char *code, size_t indent, const char *expected)
{
    struct buffer out = {0};
    const enum synth_said said = synth_code_write(&helper.synth, code, indent, &out);
    const char *const found = said != SYNTH_SAID ? "(missing)" : out.bytes == NULL ? "" : out.bytes;
    if (strcmp(found, expected) != 0)
        fail_msg("%s\nbecame\n%s\nexpected\n%s", code, found, expected);
    buffer_free(&out);
}

/* A shape of three parts, so that $part.field names something. */
static const char parts[] =
    "type list\n  name values\n  a a list\n  the the list\n  make [1]\n"
    "source s : -> number\n  arg numbers list\n  each $numbers\n"
    "keep k : number\n  test $x > 2 and '$' != \"{x}\"\n"
    "fold f : number -> number\n  start\n      total = 0\n      count = 0\n"
    "  step\n      total += $item\n\n      count += 1\n"
    "  finish total / count\n  call mean($list)\n"
    "shape sh\n  slot source | keep | fold\n  name f\n  x x\n"
    "  list [$x for $x in $source.each if $keep.test]\n  item $x\n"
    "  code\n      return $fold.call\n"
    "  code loop\n      $fold.start\n      for $x in $source.each:\n"
    "          if $keep.test:\n              $fold.step\n"
    "              $fold.nothing\n      $keep.before\n      return $fold.finish\n";

static void make_shape(const char *text)
{
    open_with(text);
    const struct curriculum_block *const shape =
        curriculum_find(helper.curriculum, "shape", "sh", 2);
    assert_non_null(shape);
    if (synth_function_make(&helper.synth, shape) != SYNTH_SAID)
        fail_msg("the shape can't be made: %s", helper.error.message);
}

static void lines_of_names_are_put_in(void **state)
{
    (void)state;
    make_shape(parts);
    struct buffer out = {0};
    assert_int_equal(synth_code_body(&helper.synth, "loop", 4, &out), SYNTH_SAID);
    assert_string_equal(out.bytes, "    total = 0\n    count = 0\n    for x in values:\n"
                                   "        if x > 2 and '$' != \"{x}\":\n"
                                   "            total += x\n\n            count += 1\n"
                                   "    return total / count");
    buffer_clear(&out);
    assert_int_equal(synth_code_body(&helper.synth, NULL, 0, &out), SYNTH_SAID);
    assert_string_equal(out.bytes, "return mean([x for x in values if x > 2 and '$' != \"{x}\"])");
    buffer_clear(&out);
    assert_int_equal(synth_code_body(&helper.synth, "short", 0, &out), SYNTH_MISSING);
    buffer_free(&out);
    close_it();
}

static void names_in_code_are_replaced(void **state)
{
    (void)state;
    make_shape(parts);
    expect_code("a\n  b\n\nc", 2, "  a\n    b\n\n  c");
    expect_code("${x}s = $x.upper() + $x2", 0, "(missing)");
    expect_code("${x}s = $x.upper()", 0, "xs = x.upper()");
    expect_code("$source.each.append($x)", 0, "values.append(x)");
    expect_code("$f($x)", 0, "f(x)");
    expect_code("'$5' + \"$\" + $", 0, "'$5' + \"$\" + $");
    expect_code("a (b|c) {d} \\n ?x", 0, "a (b|c) {d} \\n ?x");
    expect_code("$fold.nothing", 0, "");
    expect_code("a\n$fold.nothing\nb", 0, "a\nb");
    expect_code("$fold.nothing\nb", 4, "    b");
    expect_code("$fold.nothing\n$keep.nothing", 0, "");
    expect_code("if a:\n    $fold.start", 4, "    if a:\n        total = 0\n        count = 0");
    expect_code("x = $fold.nothing", 0, "(missing)");
    close_it();
}

static void endless_code_is_an_error(void **state)
{
    (void)state;
    open_with("idea i\n  name f\n  a $b\n  b 1 + $a\n  code\n      return $a\n");
    const struct curriculum_block *const idea = curriculum_find(helper.curriculum, "idea", "i", 1);
    assert_int_equal(synth_function_make(&helper.synth, idea), SYNTH_SAID);
    struct buffer out = {0};
    assert_int_equal(synth_code_write(&helper.synth, "return $a", 0, &out), SYNTH_FAILED);
    assert_non_null(strstr(helper.error.message, "without an end"));
    buffer_free(&out);
    close_it();
}

#define CASE(name_)                                                                                \
    cmocka_unit_test_setup_teardown(name_, synth_helper_setup, synth_helper_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(alternatives_nest),
        CASE(signs_are_escaped),
        CASE(blanks_are_written_once),
        CASE(weights_are_kept),
        CASE(many_alternatives_are_all_used),
        CASE(names_are_looked_for),
        CASE(failed_attempts_leave_nothing),
        CASE(conditions_choose),
        CASE(faults_are_errors),
        CASE(faults_of_phrases_are_named),
        CASE(long_texts_are_said),
        CASE(numbers_are_drawn),
        CASE(bad_draws_are_errors),
        CASE(rows_are_not_drawn_twice),
        CASE(small_numbers_may_be_words),
        CASE(values_are_holes),
        CASE(verbs_have_their_forms),
        CASE(lines_of_names_are_put_in),
        CASE(names_in_code_are_replaced),
        CASE(endless_code_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
