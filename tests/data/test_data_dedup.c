/* test_data_dedup.c - duplicates: what counts as the same, what is found at which similarity, that
 * the first is kept whatever the threads, and what is refused.
 */
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/data_minhash.h"
#include "data/data_overlap_text.h"
#include "data/data_read.h"
#include "data_helper.h"

static const char *contents(const char *path)
{
    static struct buffer all;
    buffer_clear(&all);
    assert_int_equal(file_read(path, (size_t)1 << 30, &all, NULL), PRIMER_OK);
    return all.bytes == NULL ? "" : all.bytes;
}

static struct data_dedup_summary expect(const char *name, const char *bytes,
                                        const struct data_dedup_options *options,
                                        const char *expected)
{
    primer_error error = {0};
    struct data_dedup_summary summary;
    const char *const input = helper_write(name, bytes, strlen(bytes));
    if (data_dedup(&input, 1, helper_path("out.jsonl"), options, &summary, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_string_equal(contents(helper_path("out.jsonl")), expected);
    return summary;
}

static void refuse(const char *name, const char *bytes, size_t length,
                   const struct data_dedup_options *options, primer_status status,
                   const char *message)
{
    primer_error error = {0};
    struct data_dedup_summary summary;
    const char *const input = helper_write(name, bytes, length);
    const size_t before = helper_entries();
    const primer_status found =
        data_dedup(&input, 1, helper_path("none.jsonl"), options, &summary, &error);
    if (found != status || strstr(error.message, message) == NULL)
        fail_msg("status %d: %s", (int)found, error.message);
    if (status == PRIMER_ECANCELED) /* the work so far, for the next run */
        assert_int_equal(unlink(helper_path("none.jsonl.work")), 0);
    assert_int_equal(helper_entries(), before);
}

/* ---- exact ---- */

static void white_space_and_capitals_do_not_count(void **state)
{
    (void)state;
    const struct data_dedup_options options = {.exact = true, .threads = 2};
    const struct data_dedup_summary summary = expect(
        "a.jsonl",
        "{\"text\": \"One  two\\n3\"}\n{\"text\":\"one two 3 \" }\n\n{\"text\": \"one two 4\"}\n"
        "{\"text\": \"onetwo 3\"}\n{\"text\": \"\\u00c4RGER \\u0416\"}\r\n"
        "{\"text\": \"\\u00e4rger\\u00a0\\u0436\"}\n{\"text\": \"x\\u0000y\"}\n{\"text\": \"x\"}",
        &options,
        "{\"text\": \"One  two\\n3\"}\n{\"text\": \"one two 4\"}\n{\"text\": \"onetwo 3\"}\n"
        "{\"text\": \"\\u00c4RGER \\u0416\"}\n{\"text\": \"x\\u0000y\"}\n{\"text\": \"x\"}\n");
    assert_int_equal(summary.documents, 8);
    assert_int_equal(summary.kept, 6);
    assert_int_equal(summary.exact, 2);
    assert_int_equal(summary.near, 0);
}

static void fields_are_chosen(void **state)
{
    (void)state;
    struct data_dedup_options options = {.exact = true, .threads = 1};
    static const char lines[] =
        "{\"text\": \"ab\", \"note\": \"1\"}\n"
        "{\"prompt\": \"a\", \"completion\": \"b\", \"note\": \"2\"}\n"
        "{\"messages\": [{\"role\": \"user\", \"content\": \"c\"}, {\"content\": null}, "
        "{\"content\": \"d\"}], \"note\": \"2\"}\n"
        "{\"text\": \"c d\", \"note\": \"3\"}\n";
    expect("a.jsonl", lines, &options,
           "{\"text\": \"ab\", \"note\": \"1\"}\n"
           "{\"messages\": [{\"role\": \"user\", \"content\": \"c\"}, {\"content\": null}, "
           "{\"content\": \"d\"}], \"note\": \"2\"}\n");
    options.field = "note";
    expect("a.jsonl", lines, &options,
           "{\"text\": \"ab\", \"note\": \"1\"}\n"
           "{\"prompt\": \"a\", \"completion\": \"b\", \"note\": \"2\"}\n"
           "{\"text\": \"c d\", \"note\": \"3\"}\n");
    expect("a.txt", "one\n\"1\"\n<|endoftext|>\ntwo\n<|endoftext|>\nONE \"1\"\n", &options,
           "{\"text\": \"one\\n\\\"1\\\"\"}\n{\"text\": \"two\"}\n");
    options.separator = "--";
    expect("a.txt", "one\n--\nOne\n--\n\n", &options, "{\"text\": \"one\"}\n{\"text\": \"\"}\n");
}

/* ---- near ---- */

/* `count` words, of which those at multiples of `step` belong to `version`. */
static void append_words(struct buffer *out, unsigned topic, size_t count, size_t step,
                         unsigned version)
{
    buffer_text(out, "{\"text\": \"", NULL);
    for (size_t i = 0; i < count; i++)
        if (step > 0 && i % step == step / 2)
            buffer_format(out, NULL, "w%u_%zu_%u ", topic, i, version);
        else
            buffer_format(out, NULL, "w%u_%zu ", topic, i);
    buffer_text(out, "\"}\n", NULL);
}

static void the_first_of_like_ones_is_kept(void **state)
{
    (void)state;
    struct buffer lines = {0};
    struct data_dedup_options options = {.threads = 2, .report = helper_path("report.jsonl")};
    append_words(&lines, 1, 400, 0, 0);
    append_words(&lines, 2, 400, 0, 0);
    append_words(&lines, 1, 400, 200, 1); /* 10 of 396 shingles differ */
    append_words(&lines, 2, 400, 10, 1);  /* half of them */
    append_words(&lines, 2, 400, 200, 2);
    append_words(&lines, 3, 3, 0, 0); /* shorter than a shingle */
    append_words(&lines, 3, 3, 0, 0);
    append_words(&lines, 3, 3, 2, 0);
    buffer_text(&lines, "{\"text\": \"w3_0, w3_1 (w3_2)\"}\n", NULL); /* the same words */
    buffer_text(&lines, "{\"text\": \"?!\"}\n{\"text\": \"!?\"}\n", NULL);
    const char *const input = helper_write("a.jsonl", lines.bytes, lines.length);
    struct data_dedup_summary summary;
    assert_int_equal(data_dedup(&input, 1, helper_path("out.jsonl"), &options, &summary, NULL),
                     PRIMER_OK);
    assert_int_equal(summary.kept, 7);
    assert_int_equal(summary.near, 3);
    assert_int_equal(summary.exact, 1);
    assert_int_equal(summary.bands * summary.rows, 126);
    char expected[2][700];
    snprintf(expected[0], sizeof expected[0],
             "\"line\": 3, \"kind\": \"near\", \"similarity\": 0.9");
    snprintf(expected[1], sizeof expected[1], "\"kept_file\": \"%s\", \"kept_line\": 2}\n", input);
    const char *const report = contents(options.report);
    assert_non_null(strstr(report, expected[0]));
    assert_non_null(strstr(report, expected[1]));
    options = (struct data_dedup_options){.threads = 2, .exact = true};
    assert_int_equal(data_dedup(&input, 1, helper_path("out.jsonl"), &options, &summary, NULL),
                     PRIMER_OK);
    assert_int_equal(summary.kept, 10);
    buffer_free(&lines);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    struct buffer lines = {0}, first = {0};
    struct random random;
    random_seed(&random, 5);
    for (size_t i = 0; i < 3000; i++)
        append_words(&lines, (unsigned)random_below(&random, 300), 90,
                     40 + 20 * random_below(&random, 3), (unsigned)random_below(&random, 3));
    const char *const input = helper_write("a.jsonl", lines.bytes, lines.length);
    for (size_t threads = 1; threads <= 4; threads++) {
        struct data_dedup_summary summary;
        const struct data_dedup_options options = {.threads = threads};
        assert_int_equal(data_dedup(&input, 1, helper_path("out.jsonl"), &options, &summary, NULL),
                         PRIMER_OK);
        assert_in_range(summary.near, 300, 2900);
        assert_true(summary.memory < 1024 * (summary.kept + 8192));
        if (threads == 1)
            buffer_text(&first, contents(helper_path("out.jsonl")), NULL);
        else
            assert_string_equal(contents(helper_path("out.jsonl")), first.bytes);
    }
    buffer_free(&lines);
    buffer_free(&first);
}

/* ---- signatures ---- */

static void signatures_estimate_the_jaccard_similarity(void **state)
{
    (void)state;
    struct data_minhash_functions functions;
    data_minhash_functions(&functions);
    for (size_t common = 0; common <= 1000; common += 100) {
        struct data_minhash_signature a, b;
        struct random random;
        random_seed(&random, common);
        data_minhash_start(&a);
        data_minhash_start(&b);
        for (size_t i = 0; i < 1000; i++) {
            const uint64_t shingle = random_u64(&random);
            data_minhash_add(&functions, &a, shingle);
            data_minhash_add(&functions, &b, i < common ? shingle : random_u64(&random));
        }
        const double expected = (double)common / (2000 - (double)common);
        const double error = data_minhash_similarity(&a, &b) - expected;
        assert_true(error < 0.13 && error > -0.13); /* 3 standard errors at J = 0.5 */
    }
}

static void bands_follow_the_similarity(void **state)
{
    (void)state;
    for (double x = 0.3; x <= 1.001; x += 0.05) {
        const double similarity = x > 1 ? 1 : x;
        const struct data_minhash_bands bands = data_minhash_bands(similarity);
        const struct data_minhash_bands more = {DATA_MINHASH_SIZE / (bands.rows + 1),
                                                bands.rows + 1};
        assert_true(bands.bands * bands.rows <= DATA_MINHASH_SIZE);
        assert_true(data_minhash_found(bands, similarity) >= 0.99);
        assert_true(bands.rows == DATA_MINHASH_SIZE ||
                    data_minhash_found(more, similarity) < 0.99 || more.bands == bands.bands);
    }
    assert_int_equal(data_minhash_bands(0.8).bands, 21);
    assert_int_equal(data_minhash_bands(0.8).rows, 6);
}

static void an_index_grows(void **state)
{
    (void)state;
    struct data_minhash_index index;
    data_minhash_index_create(&index, data_minhash_bands(0.8));
    struct data_minhash_signature signature;
    struct random random;
    random_seed(&random, 1);
    double similarity = 0;
    assert_int_equal(data_minhash_index_find(&index, &signature, 0.8, &similarity), SIZE_MAX);
    for (size_t i = 0; i < 10000; i++) {
        for (size_t k = 0; k < DATA_MINHASH_SIZE; k++)
            signature.minima[k] = (uint32_t)(i * 131 + k);
        assert_int_equal(data_minhash_index_add(&index, &signature, NULL), PRIMER_OK);
    }
    for (size_t i = 0; i < 10000; i += 7) {
        for (size_t k = 0; k < DATA_MINHASH_SIZE; k++)
            signature.minima[k] = (uint32_t)(i * 131 + k) + (k % 8 == 3 ? 7777777 : 0);
        assert_int_equal(data_minhash_index_find(&index, &signature, 0.8, &similarity), i);
        assert_true(similarity == 0.875);
        assert_int_equal(data_minhash_index_find(&index, &signature, 0.9, &similarity), SIZE_MAX);
    }
    data_minhash_index_free(&index);
}

/* ---- what is refused ---- */

static void bad_records_are_named(void **state)
{
    (void)state;
    struct data_dedup_options options = {.threads = 2};
    static const char torn[] = "{\"text\": \"a\"}\n{\"text\": \"b\n", none[] = "\n{\"textt\": 1}\n",
                      number[] = "{\"text\": 1}\n", text[] = "one\n\xC3(\n",
                      byte[] = "{\"text\": \"\xC3(\"}\n", list[] = "[1]\n",
                      talk[] = "{\"messages\": [{\"content\": 1}]}\n";
    refuse("a.jsonl", torn, sizeof torn - 1, &options, PRIMER_EFORMAT, "a.jsonl:2: no JSON object");
    refuse("a.jsonl", none, sizeof none - 1, &options, PRIMER_EFORMAT,
           "a.jsonl:2: expected a field \"text\"");
    refuse("a.jsonl", number, sizeof number - 1, &options, PRIMER_EFORMAT,
           "a.jsonl:1: \"text\": expected a text, found a number");
    refuse("a.txt", text, sizeof text - 1, &options, PRIMER_EFORMAT,
           "a.txt:2: found the byte 0xc3, which is no UTF-8");
    refuse("a.jsonl", byte, sizeof byte - 1, &options, PRIMER_EFORMAT, "a.jsonl:1: no JSON");
    refuse("a.jsonl", list, sizeof list - 1, &options, PRIMER_EFORMAT, "expected an object");
    refuse("a.jsonl", talk, sizeof talk - 1, &options, PRIMER_EFORMAT, "\"content\": expected");
    refuse("a.csv", "a", 1, &options, PRIMER_EINVAL, "a.csv: the name's ending");
    options.skip_bad = true;
    const struct data_dedup_summary summary =
        expect("a.jsonl", "{\"text\": \"a\"}\nno\n{}\n{\"text\": \"b\"}\n", &options,
               "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
    assert_int_equal(summary.bad, 2);
    assert_int_equal(summary.documents, 2);
    assert_non_null(strstr(summary.first_bad, "a.jsonl:2: no JSON object"));
    options = (struct data_dedup_options){.similarity = 0.1};
    refuse("a.txt", "a", 1, &options, PRIMER_EINVAL, "expected 0.3 to 1");
    options = (struct data_dedup_options){.words = 65};
    refuse("a.txt", "a", 1, &options, PRIMER_EINVAL, "expected 1 to 64");
    options = (struct data_dedup_options){.report = helper_path("none.jsonl")};
    refuse("a.txt", "a", 1, &options, PRIMER_EINVAL, "is to be written twice");
    options = (struct data_dedup_options){.report = helper_path("a.txt")};
    refuse("a.txt", "a", 1, &options, PRIMER_EINVAL, "a.txt: is the input itself");
}

static void long_lines_are_named(void **state)
{
    (void)state;
    const struct data_dedup_options options = {.threads = 2};
    const size_t length = DATA_LINE_MOST + 100;
    char *const line = malloc(length);
    memset(line, 'a', length);
    memcpy(line, "{\"text\": \"", 10);
    refuse("a.jsonl", line, length, &options, PRIMER_ELIMIT, "a.jsonl:1: a line of more than");
    free(line);
}

static bool stop(void *context, uint64_t done, uint64_t all)
{
    (void)context;
    return done < all;
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    struct data_dedup_options options = {
        .threads = 1, .report = helper_path("report2.jsonl"), .progress = stop};
    static const char lines[] = "{\"text\": \"a b c d e f\"}\n{\"text\": \"A B c d e f\"}\n";
    refuse("a.jsonl", lines, sizeof lines - 1, &options, PRIMER_ECANCELED, "stopped");
    options.progress = NULL;
    const char *const input = helper_write("a.jsonl", lines, sizeof lines - 1);
    const size_t before = helper_entries();
    size_t fails = 0;
    for (primer_status status = PRIMER_ENOMEM; status != PRIMER_OK; fails++) {
        primer_error error = {0};
        struct data_dedup_summary summary;
        memory_fail_at(fails);
        status = data_dedup(&input, 1, helper_path("out2.jsonl"), &options, &summary, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK && status != PRIMER_ENOMEM)
            fail_msg("failure %zu: %s", fails, error.message);
        /* A whole file stays, where only its folder couldn't be flushed; a part of one never. */
        assert_false(helper_has_parts());
        assert_true(status != PRIMER_OK || helper_entries() == before + 2);
    }
    assert_in_range(fails, 10, 100);
}

/* ---- files that change while they are read ---- */

struct change {
    const char *path;
    long size; /* that it is given when the first round is done */
    bool done;
};

static bool change_size(void *context, uint64_t done, uint64_t all)
{
    struct change *const change = context;
    (void)done, (void)all;
    if (!change->done)
        assert_int_equal(truncate(change->path, change->size), 0);
    change->done = true;
    return true;
}

/* `count` lines of 64 bytes. */
static const char *write_lines(const char *name, size_t count)
{
    struct buffer lines = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_format(&lines, NULL, "{\"text\": \"%051zu\"}\n", i), PRIMER_OK);
    const char *const path = helper_write(name, lines.bytes, lines.length);
    buffer_free(&lines);
    return path;
}

static primer_status dedup_while(const char *const *inputs, struct change *change,
                                 struct data_dedup_summary *summary, primer_error *error)
{
    const struct data_dedup_options options = {
        .exact = true, .skip_bad = true, .threads = 1, .progress = change_size, .context = change};
    return data_dedup(inputs, 2, helper_path("out3.jsonl"), &options, summary, error);
}

static void files_that_shrink_are_noticed(void **state)
{
    (void)state;
    enum { LINES = 3 << 14 }; /* 3 MiB: more than what is read ahead */
    primer_error error = {0};
    struct data_dedup_summary summary;
    const char *inputs[] = {write_lines("first.jsonl", LINES), write_lines("second.jsonl", LINES)};
    for (size_t i = 0; i < 2; i++) { /* while it is read, and before its turn */
        struct change change = {.path = inputs[i], .size = 64 * (LINES / 2)};
        assert_int_equal(dedup_while(inputs, &change, &summary, &error), PRIMER_EIO);
        assert_non_null(strstr(error.message, i == 0 ? "first.jsonl: " : "second.jsonl: "));
        assert_non_null(strstr(error.message, ": changed while it was read: it ends after 1572864 "
                                              "bytes, and had 3145728"));
        assert_false(file_exists(helper_path("out3.jsonl")));
        assert_false(helper_has_parts());
        write_lines(i == 0 ? "first.jsonl" : "second.jsonl", LINES);
    }
    /* What has grown is read to its end: NULs, which are no JSON. */
    struct change change = {.path = inputs[1], .size = 64 * LINES + 64};
    assert_int_equal(dedup_while(inputs, &change, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.kept, LINES);
    assert_int_equal(summary.bad, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(white_space_and_capitals_do_not_count, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(fields_are_chosen, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(the_first_of_like_ones_is_kept, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(threads_change_nothing, helper_setup, helper_teardown),
        cmocka_unit_test(signatures_estimate_the_jaccard_similarity),
        cmocka_unit_test(bands_follow_the_similarity),
        cmocka_unit_test(an_index_grows),
        cmocka_unit_test_setup_teardown(bad_records_are_named, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(long_lines_are_named, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(failures_leave_nothing, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(files_that_shrink_are_noticed, helper_setup,
                                        helper_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
