/* test_data_filter.c - samples of files and folders, pieces, counts, ratings and their texts, filters
 * as files; what is refused and in which words.
 */
#include "data/data_filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/data_filter_features.h"
#include "data/data_filter_file.h"
#include "data/data_filter_source.h"
#include "data/data_rate.h"
#include "data/data_rate_file.h"
#include "data_helper.h"

/* ---- samples --------------------------------------------------------------------------------- */

/* All samples, as "NAME:line+from/lines=text|" or "NAME:line!message|"; static. */
static const char *samples_of(const char *const *inputs, size_t count, size_t lines)
{
    static char shown[8192];
    struct data_filter_source source;
    struct data_filter_sample sample = {0};
    primer_error error = {0};
    bool more = true;
    size_t used = 0;
    if (data_filter_source_open(&source, inputs, count, NULL, NULL, lines, &error) != PRIMER_OK)
        return strcpy(shown, error.message);
    for (shown[0] = '\0'; more;) {
        if (data_filter_source_next(&source, &sample, &more, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        if (!more)
            break;
        used += (size_t)snprintf(shown + used, sizeof shown - used, "%s:%d",
                                 file_base_name(sample.path), (int)sample.line);
        if (sample.status != PRIMER_OK)
            used += (size_t)snprintf(shown + used, sizeof shown - used, "!|");
        else
            used += (size_t)snprintf(shown + used, sizeof shown - used, "+%d/%d=%.*s|",
                                     (int)sample.from, (int)sample.lines, (int)sample.text.length,
                                     sample.text.bytes);
    }
    assert_true(source.done == source.bytes);
    data_filter_sample_free(&sample);
    data_filter_source_close(&source);
    return shown;
}

static const char *samples_of_one(const char *name, const char *bytes, size_t length, size_t lines)
{
    const char *const input = helper_write(name, bytes, length);
    return samples_of(&input, 1, lines);
}

static void folders_are_walked_in_order(void **state)
{
    (void)state;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", helper_path("code"));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkdir(helper_path("code/b"), 0700), 0);
    helper_write("code/c.py", "c\n", 2);
    helper_write("code/b/z.py", "z\n", 2);
    helper_write("code/a.py", "", 0);
    helper_write("code/notes.txt", "no\n", 3);
    assert_int_equal(symlink("..", helper_path("code/b/up")), 0);
    const char *inputs[] = {folder};
    assert_string_equal(samples_of(inputs, 1, 0), "a.py:1+1/0=|z.py:1+1/0=z\n|c.py:1+1/0=c\n|");
    inputs[0] = helper_path("code/b/up/b/up/none");
    assert_non_null(strstr(samples_of(inputs, 1, 0), "cannot look at it"));
    unlink(helper_path("code/b/up"));
    unlink(helper_path("code/b/z.py"));
    char empty[512];
    snprintf(empty, sizeof empty, "%s", helper_path("code/b"));
    inputs[0] = empty;
    assert_non_null(strstr(samples_of(inputs, 1, 0), "there is no Python file"));
    rmdir(empty);
    unlink(helper_path("code/a.py"));
    unlink(helper_path("code/c.py"));
    unlink(helper_path("code/notes.txt"));
    rmdir(folder);
}

static void documents_of_texts_and_lines(void **state)
{
    (void)state;
    static const char text[] = "one\n<|endoftext|>\ntwo\n";
    static const char lines[] =
        "{\"text\": \"a\\nb\\nc\"}\n[]\n{\"other\": 1}\n{\"text\": 3}\n{\"text\":";
    static const char broken[] = "x = 1\n# caf\xe9\n";
    assert_string_equal(samples_of_one("a.txt", text, sizeof text - 1, 0),
                        "a.txt:1+1/0=one|a.txt:3+1/0=two|");
    assert_string_equal(samples_of_one("a.jsonl", lines, sizeof lines - 1, 0),
                        "a.jsonl:1+1/0=a\nb\nc|a.jsonl:2!|a.jsonl:3!|a.jsonl:4!|a.jsonl:5!|");
    assert_string_equal(samples_of_one("b.py", broken, sizeof broken - 1, 0), "b.py:1!|");
    assert_string_equal(samples_of_one("c.py", "\xEF\xBB\xBFx", 4, 2), "c.py:1+1/1=x|");
    /* Pieces of a line of JSON are those of its text. */
    assert_string_equal(samples_of_one("p.jsonl", lines, 20, 2),
                        "p.jsonl:1+1/2=a\nb\n|p.jsonl:1+3/1=c|");
    assert_non_null(strstr(samples_of_one("a.bin", "x", 1, 0), "a.bin"));
}

static void pieces_begin_where_something_new_does(void **state)
{
    (void)state;
    uint64_t taken = 0;
    static const char text[] = "a\n\ndef b():\n  c\n\n  d\n\n\ndef e():\n  f\n";
    /* Seven lines fit: the later half has a function, and a gap inside one. */
    assert_int_equal(data_filter_source_piece(text, sizeof text - 1, 8, &taken),
                     strstr(text, "def e") - text);
    assert_int_equal(taken, 8);
    assert_int_equal(data_filter_source_piece(text, sizeof text - 1, 6, &taken),
                     strstr(text, "  d") - text);
    assert_int_equal(taken, 5);
    assert_int_equal(data_filter_source_piece("a\nb\nc\n", 6, 2, &taken), 4);
    assert_int_equal(taken, 2);
    assert_int_equal(data_filter_source_piece("a\nb", 3, 2, &taken), 3);
    assert_int_equal(taken, 2);
    /* Pieces put together are the text, whatever their size. */
    for (size_t lines = 1; lines < 14; lines++) {
        size_t at = 0, all = 0;
        for (; at < sizeof text - 1; all += taken)
            at += data_filter_source_piece(text + at, sizeof text - 1 - at, lines, &taken);
        assert_int_equal(at, sizeof text - 1);
        assert_int_equal(all, 10);
    }
    assert_int_equal(data_filter_source_line(text, sizeof text - 1, 3), 3);
    assert_int_equal(data_filter_source_line("a\nb", 3, 9), 3);
}

static float feature(const char *text, const char *name)
{
    float values[DATA_FILTER_FEATURES];
    data_filter_features(text, strlen(text), values);
    for (size_t i = 0; i < DATA_FILTER_FEATURES; i++) {
        assert_true(isfinite(values[i]));
        if (strcmp(data_filter_features_name(i), name) == 0)
            return values[i];
    }
    fail_msg("no feature %s", name);
    return 0;
}

static void counts_are_those_of_the_text(void **state)
{
    (void)state;
    static const char text[] = "import os\n\n# why\ndef f(x):\n    \"\"\"What.\n\n    More.\"\"\"\n"
                               "    for i in x:\n        return 12\n";
    assert_true(fabs((double)feature(text, "imports") - 1.0 / 7) < 1e-6);
    assert_true(fabs((double)feature(text, "comments") - 1.0 / 7) < 1e-6);
    assert_true(fabs((double)feature(text, "docstrings") - 2.0 / 7) < 1e-6);
    assert_true(fabs((double)feature(text, "definitions") - 1.0 / 7) < 1e-6);
    assert_true(fabs((double)feature(text, "loops and conditions") - 1.0 / 7) < 1e-6);
    assert_true(fabs((double)feature(text, "returns") - 1.0 / 7) < 1e-6);
    assert_true(fabs((double)feature(text, "blank lines") - 2.0 / 9) < 1e-6);
    assert_true(fabs((double)feature("a b a b", "entropy of names") - 1) < 1e-6);
    assert_true(fabs((double)feature("a b a b", "variety of names") - 0.5) < 1e-6);
    assert_true(fabs((double)feature("a1 22 ", "digits") - 0.5) < 1e-6);
    feature("", "digits");
    feature("\n\n", "digits");
}

/* ---- ratings --------------------------------------------------------------------------------- */

static primer_status read_ratings(const char *bytes, bool skip_bad, struct data_rate_file *file,
                                  primer_error *error)
{
    memset(error, 0, sizeof *error);
    return data_rate_file_read(file, helper_write("r.jsonl", bytes, strlen(bytes)), false, skip_bad,
                               error);
}

static void refuse_ratings(const char *bytes, const char *message)
{
    struct data_rate_file file;
    primer_error error;
    assert_int_equal(read_ratings(bytes, false, &file, &error), PRIMER_EFORMAT);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s", error.message);
}

static void bad_ratings_are_named(void **state)
{
    (void)state;
    struct data_rate_file file;
    primer_error error;
    refuse_ratings("\n{\"text\": \"x\", \"rating\": 6}\n", "r.jsonl:2: \"rating\": expected");
    refuse_ratings("{\"text\": \"x\"}\n", "\"rating\"");
    refuse_ratings("{\"rating\": 1}\n", "\"id\": expected 16");
    refuse_ratings("{\"rating\": 1, \"id\": \"00000000000000zz\"}\n", "found 'z'");
    refuse_ratings("{\"rating\": 1, \"id\": \"0000000000000000\", \"text\": \"x\"}\n",
                   "the text's hash");
    refuse_ratings("{\"rating\": 1, \"text\": \"x\", \"line\": -1}\n", "\"line\"");
    refuse_ratings("nothing\n", "r.jsonl:1: no JSON object");
    refuse_ratings("[]\n", "expected an object");
    /* Half a line at the end was interrupted; bad ones can be left out. */
    assert_int_equal(
        read_ratings("{\"text\": \"x\", \"rating\": 2}\nbad\n{\"text\"", true, &file, &error),
        PRIMER_OK);
    assert_int_equal(file.count, 1);
    assert_int_equal(file.bad, 1);
    assert_int_equal(file.bytes - file.whole, 7);
    assert_non_null(strstr(file.first_bad, "r.jsonl:2"));
    data_rate_file_free(&file);
}

static primer_status rate_by_length(void *context, const struct data_rate_sample *sample,
                                    size_t number, size_t count, struct data_rate_verdict *verdict,
                                    primer_error *error)
{
    size_t *const asked = context;
    (void)number;
    (void)count;
    (void)error;
    *verdict = (struct data_rate_verdict){
        .kind = DATA_RATE_RATED, .rating = (double)(sample->length % 6), .expected = -1};
    if (*asked == 0) /* fewer than there are: the rater leaves */
        verdict->kind = DATA_RATE_QUIT;
    else
        --*asked;
    return PRIMER_OK;
}

static char *bytes_of(const char *path)
{
    struct buffer bytes = {0};
    assert_int_equal(file_read(path, 1 << 20, &bytes, NULL), PRIMER_OK);
    return bytes.bytes;
}

/* Ratings go on where they were left, and find their texts in the files again. */
static void ratings_go_on_and_find_their_texts(void **state)
{
    (void)state;
    char input[512], output[512], whole[512];
    struct buffer text = {0};
    for (int i = 0; i < 40; i++)
        assert_int_equal(buffer_format(&text, NULL, "{\"text\": \"document %d\\nof %d\\nlines\"}\n",
                                       i, i * i * i),
                         PRIMER_OK);
    snprintf(input, sizeof input, "%s", helper_write("docs.jsonl", text.bytes, text.length));
    snprintf(output, sizeof output, "%s", helper_path("ratings.jsonl"));
    snprintf(whole, sizeof whole, "%s", helper_path("whole.jsonl"));
    const char *const inputs[] = {input};
    const struct data_rate_options options = {.count = 12, .seed = 3, .lines = 2, .no_text = true};
    struct data_rate_summary summary;
    primer_error error = {0};
    size_t enough = 100, few = 5;
    struct data_rater rater = {"a test", &enough, rate_by_length, NULL, false};
    assert_int_equal(data_rate(inputs, 1, whole, &rater, &options, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.rated, 12);
    rater.context = &few;
    assert_int_equal(data_rate(inputs, 1, output, &rater, &options, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.rated, 5);
    /* The last line is torn, as by a power cut. */
    struct stat facts;
    assert_int_equal(stat(output, &facts), 0);
    assert_int_equal(truncate(output, facts.st_size - 9), 0);
    enough = 100;
    rater.context = &enough;
    assert_int_equal(data_rate(inputs, 1, output, &rater, &options, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.before, 4);
    assert_int_equal(summary.rated, 8);
    char *const one = bytes_of(whole), *const two = bytes_of(output);
    assert_string_equal(one, two);
    memory_free(one);
    memory_free(two);

    struct data_rate_file file;
    size_t missing = 9;
    assert_int_equal(data_rate_file_read(&file, output, false, false, &error), PRIMER_OK);
    assert_null(file.rows[0].text);
    assert_int_equal(data_rate_file_find_texts(&file, NULL, NULL, &missing, &error), PRIMER_OK);
    assert_int_equal(missing, 0);
    for (size_t i = 0; i < file.count; i++)
        assert_true(file.rows[i].length % 6 == (size_t)file.rows[i].rating);
    data_rate_file_free(&file);
    /* A text that has changed is missing, and not taken for the rated one. */
    text.bytes[12] = 'D';
    for (char *at = text.bytes; (at = strstr(at, "document 1")) != NULL;)
        *at = 'D';
    helper_write("docs.jsonl", text.bytes, text.length);
    assert_int_equal(data_rate_file_read(&file, output, false, false, &error), PRIMER_OK);
    assert_int_equal(data_rate_file_find_texts(&file, NULL, NULL, &missing, &error), PRIMER_OK);
    assert_true(missing > 0 && missing < 12);
    data_rate_file_free(&file);
    buffer_free(&text);
}

/* ---- filters as files ------------------------------------------------------------------------ */

static void filters_come_back(void **state)
{
    (void)state;
    primer_error error = {0};
    struct data_forest_node nodes[] = {{1, 1, 2, 0.1F}, {-1, 0, 0, 0}, {-1, 0, 0, 1.0F / 3}};
    struct data_forest_tree tree = {nodes, 3};
    struct data_filter_file read, file = {.fit = {.method = DATA_FILTER_FOREST,
                                                  .columns = {0, 2},
                                                  .forest = {&tree, 1, 2},
                                                  .cut = 0.7},
                                          .identity = 0xfedcba9876543210,
                                          .dimensions = 2,
                                          .tokens = 512,
                                          .lines = 50,
                                          .threshold = 3};
    const char *const path = helper_path("f.json");
    assert_int_equal(data_filter_file_save(&file, path, &error), PRIMER_OK);
    if (data_filter_file_load(&read, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_true(read.identity == file.identity && read.fit.cut == 0.7 && read.lines == 50);
    assert_memory_equal(read.fit.forest.trees[0].nodes, nodes, sizeof nodes);
    data_filter_file_free(&read);

    double weights[] = {1.0 / 3, -2};
    file.fit = (struct data_filter_fit){.method = DATA_FILTER_LINEAR,
                                        .columns = {0, 2},
                                        .linear = {weights, 0.1, 3, 2},
                                        .cut = 2.5};
    assert_int_equal(data_filter_file_save(&file, path, &error), PRIMER_OK);
    assert_int_equal(data_filter_file_load(&read, path, &error), PRIMER_OK);
    assert_memory_equal(read.fit.linear.weights, weights, sizeof weights);
    assert_true(read.fit.linear.constant == 0.1);
    data_filter_file_free(&read);
}

static void refuse_filter(const char *change, const char *to, const char *message)
{
    static const char good[] =
        "{\"format\":\"primer filter\",\"version\":1,\"model\":\"fedcba9876543210\","
        "\"dimensions\":2,\"tokens\":512,\"lines\":0,\"features\":0,\"from\":0,\"width\":2,"
        "\"threshold\":3,\"cut\":0.5,\"method\":\"forest\",\"trees\":[{\"feature\":[1,-1,-1],"
        "\"left\":[1,0,0],\"right\":[2,0,0],\"value\":[0.1,0,1]}]}";
    struct buffer text = {0};
    struct data_filter_file read;
    primer_error error = {0};
    const char *const at = strstr(good, change);
    assert_non_null(at);
    assert_int_equal(
        buffer_format(&text, NULL, "%.*s%s%s", (int)(at - good), good, to, at + strlen(change)),
        PRIMER_OK);
    const primer_status status =
        data_filter_file_load(&read, helper_write("g.json", text.bytes, text.length), &error);
    if (message == NULL) {
        assert_int_equal(status, PRIMER_OK);
        data_filter_file_free(&read);
    } else if (status != PRIMER_EFORMAT || strstr(error.message, message) == NULL ||
               strstr(error.message, "g.json: ") == NULL) {
        fail_msg("status %d: %s", (int)status, error.message);
    }
    buffer_free(&text);
}

static void bad_filters_are_refused(void **state)
{
    (void)state;
    refuse_filter("512", "256", NULL);
    refuse_filter("primer filter", "other", "\"format\"");
    refuse_filter("\"version\":1", "\"version\":2", "\"version\": found 2, expected 1");
    refuse_filter("fedcba", "FEDCBA", "\"model\"");
    refuse_filter("\"dimensions\":2", "\"dimensions\":-2", "\"dimensions\"");
    refuse_filter("\"features\":0", "\"features\":3", "\"features\": found 3");
    refuse_filter("\"width\":2", "\"width\":3", "\"width\"");
    refuse_filter("\"width\":2", "\"width\":1", "tree 0, node 0");
    refuse_filter("\"cut\":0.5", "\"cut\":\"x\"", "\"cut\"");
    refuse_filter("\"forest\"", "\"shrub\"", "\"method\"");
    refuse_filter("[1,0,0]", "[0,0,0]", "tree 0, node 0");
    refuse_filter("[2,0,0]", "[3,0,0]", "tree 0, node 0");
    refuse_filter("[1,-1,-1]", "[1,-1]", "lists of one length");
    refuse_filter("[1,-1,-1]", "[1.5,-1,-1]", "lists of one length");
    refuse_filter("\"trees\":[{", "\"woods\":[{", "\"trees\": expected 1 to");
    refuse_filter("{\"format\"", "[{\"format\"", "no JSON object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_are_walked_in_order, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(documents_of_texts_and_lines, helper_setup,
                                        helper_teardown),
        cmocka_unit_test(pieces_begin_where_something_new_does),
        cmocka_unit_test(counts_are_those_of_the_text),
        cmocka_unit_test_setup_teardown(bad_ratings_are_named, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(ratings_go_on_and_find_their_texts, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(filters_come_back, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(bad_filters_are_refused, helper_setup, helper_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
