/* test_data_decontaminate.c - evaluation items read, words and syntax trees in common found, what is
 * common by nature left alone, and what is refused.
 */
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/data_decontaminate_items.h"
#include "data/data_decontaminate_trees.h"
#include "data/data_overlap_distance.h"
#include "data/data_overlap_table.h"
#include "data/data_overlap_weight.h"
#include "data_helper.h"
#include "sandbox/sandbox.h"

/* ---- parts ---- */

/* All of the matrix, as the definition has it. */
static size_t full_distance(const uint32_t *a, size_t m, const uint32_t *b, size_t n)
{
    size_t cost[64][64];
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            size_t best = i == 0 ? j : i;
            if (i > 0 && j > 0) {
                best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
                best = cost[i - 1][j] + 1 < best ? cost[i - 1][j] + 1 : best;
                best = cost[i][j - 1] + 1 < best ? cost[i][j - 1] + 1 : best;
            }
            cost[i][j] = best;
        }
    return cost[m][n];
}

static void distances_are_those_of_the_full_matrix(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 4);
    for (size_t turn = 0; turn < 3000; turn++) {
        uint32_t a[40], b[40], scratch[2 * 41];
        const size_t m = random_below(&random, 41), n = random_below(&random, 41);
        for (size_t i = 0; i < 40; i++) {
            a[i] = (uint32_t)random_below(&random, 3);
            b[i] = random_below(&random, 4) > 0 ? a[i] : (uint32_t)random_below(&random, 3);
        }
        for (size_t i = 0; i < sizeof scratch / sizeof scratch[0]; i++)
            scratch[i] = turn % 2 == 0 ? 0 : 12345; /* what an earlier call left */
        const size_t expected = full_distance(a, m, b, n), most = random_below(&random, 45);
        assert_int_equal(data_overlap_distance(a, m, b, n, most, scratch),
                         expected <= most ? expected : SIZE_MAX);
    }
}

static void tables_number_hashes(void **state)
{
    (void)state;
    struct data_overlap_table table = {0};
    size_t number = 0;
    assert_int_equal(data_overlap_table_find(&table, 7), SIZE_MAX);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(data_overlap_table_enter(&table, i << 20, &number, NULL), PRIMER_OK);
        assert_int_equal(number, i);
    }
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(data_overlap_table_find(&table, i << 20), i);
    assert_int_equal(data_overlap_table_enter(&table, 3 << 20, &number, NULL), PRIMER_OK);
    assert_int_equal(number, 3);
    assert_int_equal(data_overlap_table_find(&table, 1), SIZE_MAX);
    data_overlap_table_free(&table);
}

static void weights_are_surprises(void **state)
{
    (void)state;
    struct data_overlap_frequency frequency;
    assert_int_equal(data_overlap_weight_create(&frequency, 4, NULL), PRIMER_OK);
    frequency.document_count = 900;
    frequency.item_count = 100;
    memcpy(frequency.items, (uint32_t[]){1, 1, 51, 100}, 4 * sizeof(uint32_t));
    memcpy(frequency.documents, (uint32_t[]){0, 99, 0, 900}, 4 * sizeof(uint32_t));
    data_overlap_weight_finish(&frequency);
    static const double expected[] = {7.6009, 2.9957, 0.6931,
                                      0.01005}; /* of 1/2000, 1/20, 50/100, 99/100 */
    for (size_t i = 0; i < 4; i++)
        assert_true(frequency.weights[i] > expected[i] - 0.001 &&
                    frequency.weights[i] < expected[i] + 0.001);
    data_overlap_weight_free(&frequency);
}

/* ---- items ---- */

static struct data_decontaminate_items items_of(const char *name, const char *bytes,
                                                const char *field)
{
    struct data_decontaminate_items items = {0};
    const char *const path = helper_write(name, bytes, strlen(bytes));
    primer_error error = {0};
    if (data_decontaminate_items_read(&items, &path, 1, &field, field != NULL, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return items;
}

static void items_have_known_fields(void **state)
{
    (void)state;
    struct data_decontaminate_items items = items_of(
        "a.jsonl",
        "{\"task_id\": \"H/0\", \"prompt\": \"p\", \"canonical_solution\": \"s\", \"test\": "
        "\"t\"}\n"
        "\n{\"task_id\": 12, \"text\": \"say\", \"code\": \"do\"}\r\n{\"text\": \"alone\"}",
        NULL);
    assert_int_equal(items.count, 3);
    assert_string_equal(items.items[0].name, "H/0");
    assert_int_equal(items.items[0].part_count, 1);
    assert_string_equal(items.items[0].parts[0].text, "ps");
    assert_string_equal(items.items[1].name, "12");
    assert_int_equal(items.items[1].number, 3);
    assert_int_equal(items.items[1].part_count, 2);
    assert_string_equal(items.items[1].parts[1].text, "do");
    assert_null(items.items[2].name);
    data_decontaminate_items_free(&items);
    items = items_of("a.json", "[{\"prompt\": \"p\", \"code\": \"c\"}, {\"text\": \"t\"}]", NULL);
    assert_int_equal(items.count, 2);
    assert_int_equal(items.items[0].part_count, 2);
    data_decontaminate_items_free(&items);
    items = items_of("a.jsonl", "{\"question\": \"q\", \"text\": \"t\"}", "question");
    assert_int_equal(items.items[0].part_count, 1);
    assert_string_equal(items.items[0].parts[0].text, "q");
    data_decontaminate_items_free(&items);
}

static void bad_items_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes, *field, *message;
        primer_status status;
    } rows[] = {
        {"a.jsonl", "{\"text\": \"a\"}\n{\"tex", NULL, "a.jsonl:2: no JSON", PRIMER_EFORMAT},
        {"a.jsonl", "{\"text\": \"a\"}\n[]", NULL, "a.jsonl:2: expected an object", PRIMER_EFORMAT},
        {"a.jsonl", "{\"question\": \"a\"}\n", NULL, "a.jsonl:1: expected the texts",
         PRIMER_EFORMAT},
        {"a.jsonl", "{\"text\": 1}\n", NULL, "--against-field", PRIMER_EFORMAT},
        {"a.jsonl", "{\"text\": \"a\"}", "q", "expected a text in the field \"q\"", PRIMER_EFORMAT},
        {"a.jsonl", "\n", NULL, "a.jsonl: there is no item in it", PRIMER_EFORMAT},
        {"a.json", "{\"text\": \"a\"}", NULL, "a.json: expected a list", PRIMER_EFORMAT},
        {"a.json", "[{\"text\": \"a\"},\n]", NULL, "a.json:2: no JSON", PRIMER_EFORMAT},
        {"a.jsonl", "\x1f\x8b\x08", NULL, "gunzip it first", PRIMER_EUNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct data_decontaminate_items items = {0};
        const char *const path = helper_write(rows[i].name, rows[i].bytes, strlen(rows[i].bytes));
        primer_error error = {0};
        const primer_status found = data_decontaminate_items_read(&items, &path, 1, &rows[i].field,
                                                                  rows[i].field != NULL, &error);
        if (found != rows[i].status || strstr(error.message, rows[i].message) == NULL)
            fail_msg("row %zu: status %d: %s", i, (int)found, error.message);
        data_decontaminate_items_free(&items);
    }
}

/* ---- words ---- */

static const char *contents(const char *path)
{
    static struct buffer all;
    buffer_clear(&all);
    assert_int_equal(file_read(path, (size_t)1 << 30, &all, NULL), PRIMER_OK);
    return all.bytes == NULL ? "" : all.bytes;
}

static struct data_decontaminate_summary clean(const char *documents, const char *items,
                                               struct data_decontaminate_options options)
{
    primer_error error = {0};
    struct data_decontaminate_summary summary;
    const char *const input = helper_write("in.jsonl", documents, strlen(documents));
    const char *const against = helper_write("items.jsonl", items, strlen(items));
    options.against = &against;
    options.against_count = 1;
    options.report = helper_path("report.jsonl");
    if (data_decontaminate(&input, 1, helper_path("out.jsonl"), &options, &summary, &error) !=
        PRIMER_OK)
        fail_msg("%s", error.message);
    return summary;
}

#define TWELVE "the quick brown fox jumps over a lazy dog near old barns"

static void words_in_a_row_are_found(void **state)
{
    (void)state;
    const struct data_decontaminate_options options = {.words_only = true, .threads = 2};
    static const char items[] = "{\"text\": \"" TWELVE " today. And then it sleeps\"}\n"
                                "{\"text\": \"seven words are too few for this\"}\n"
                                "{\"text\": \"eight words standing alone count as one whole\"}\n"
                                "{\"text\": \"x\", \"code\": \"y\"}\n";
    static const char documents[] =
        "{\"text\": \"Well: The QUICK brown-fox 12 jumps over a lazy dog, near old barns; "
        "TODAY!\"}\n"
        "{\"text\": \"" TWELVE " yesterday\"}\n"
        "{\"text\": \"so seven words are too few for this indeed\"}\n"
        "{\"text\": \"but eight words, standing alone, count as one whole; here\"}\n"
        "{\"text\": \"\"}\n";
    const struct data_decontaminate_summary summary = clean(documents, items, options);
    assert_int_equal(summary.documents, 5);
    assert_int_equal(summary.kept, 3);
    assert_int_equal(summary.by_words, 2);
    assert_string_equal(contents(helper_path("out.jsonl")),
                        "{\"text\": \"" TWELVE " yesterday\"}\n"
                        "{\"text\": \"so seven words are too few for this indeed\"}\n"
                        "{\"text\": \"\"}\n");
    const char *const report = contents(helper_path("report.jsonl"));
    assert_non_null(strstr(report, "\"line\": 1, \"rule\": \"words\""));
    assert_non_null(strstr(report, "\"words\": \"" TWELVE " today\"}\n"));
    assert_non_null(strstr(report, "\"item\": 3, \"task\": null, \"score\": 8,"));
    const struct data_decontaminate_options shorter = {.words_only = true, .words = 12};
    assert_int_equal(clean(documents, items, shorter).by_words, 3);
}

/* What many items begin with says nothing; nor do words that every document has. */
static void common_words_are_no_evidence(void **state)
{
    (void)state;
    const struct data_decontaminate_options options = {.words_only = true, .threads = 1};
    struct buffer items = {0}, documents = {0};
    for (size_t i = 0; i < 7; i++)
        buffer_format(&items, NULL, "{\"text\": \"" TWELVE " today %c%c\"}\n", (char)('a' + i),
                      'x');
    for (size_t i = 0; i < 300; i++) /* so that no word is common */
        buffer_text(&items, "{\"text\": \"something else\"}\n", NULL);
    clean("{\"text\": \"" TWELVE " today\"}\n", items.bytes, options);
    assert_string_equal(contents(helper_path("report.jsonl")), "");
    buffer_clear(&items); /* six of them are found, and the first is named */
    for (size_t i = 0; i < 6; i++)
        buffer_format(&items, NULL, "{\"text\": \"" TWELVE " today %c%c\"}\n", (char)('a' + i),
                      'x');
    for (size_t i = 0; i < 300; i++)
        buffer_text(&items, "{\"text\": \"something else\"}\n", NULL);
    clean("{\"text\": \"" TWELVE " today\"}\n", items.bytes, options);
    assert_non_null(strstr(contents(helper_path("report.jsonl")), "\"item\": 1,"));
    for (size_t i = 0; i < 4000; i++)
        buffer_text(&documents,
                    "{\"text\": \"today barns old near dog lazy a over jumps fox brown "
                    "quick the\"}\n",
                    NULL);
    buffer_text(&documents, "{\"text\": \"" TWELVE " today\"}\n", NULL);
    assert_int_equal(clean(documents.bytes, "{\"text\": \"" TWELVE " today\"}\n", options).by_words,
                     0);
    buffer_free(&items);
    buffer_free(&documents);
}

/* ---- trees ---- */

static struct sandbox *sandbox_or_skip(void)
{
    struct sandbox *sandbox = NULL;
    primer_error error = {0};
    if (data_decontaminate_trees_open(1, &sandbox, &error) != PRIMER_OK) {
        print_message("no sandbox: %s\n", error.message);
        skip();
    }
    return sandbox;
}

static bool equal_trees(const struct data_decontaminate_tree *a,
                        const struct data_decontaminate_tree *b, bool values)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->nodes[i].symbol != b->nodes[i].symbol ||
            (values && (a->nodes[i].symbol & 3) == 0 && a->nodes[i].value != b->nodes[i].value))
            return false;
    return true;
}

static void trees_are_read(void **state)
{
    (void)state;
    struct sandbox *const sandbox = sandbox_or_skip();
    struct data_decontaminate_trees trees = {0};
    char *const deep = malloc(200003);
    memset(deep, '(', 200000);
    memcpy(deep, "def ", 4);
    deep[200000] = '\0';
    static const char *const texts[] = {
        "def f(a, b=2):\n    \"\"\"Says.\"\"\"\n    total = 0\n    for x in a:\n        total = "
        "total + len(x)\n    return total\n",
        "Prose.\n\n```python\nimport os\ndef g(first: list, second=3) -> int:\n    acc = 5\n    "
        "for y in first:\n        acc += len(y)\n    return acc\nprint(g([]))\n```\nEnd.",
        "def f(a, b=2):\n    total = 0\n    for x in a:\n        total += abs(x)\n    return "
        "total\n",
        "Words alone, about a def of nothing.",
        "Here it is:\ndef h(x):\n    y = x + 1\n    return y\nand so on, it's done",
        "def h(x): return x + 1",
        "class A:\n    def m(self):\n        return self.v\n    def n(self):\n        self.v = 1\n",
        "def broken(:",
        NULL,
    };
    struct data_decontaminate_text given[9];
    for (size_t i = 0; i < 9; i++)
        given[i] = (struct data_decontaminate_text){texts[i] == NULL ? deep : texts[i],
                                                    strlen(texts[i] == NULL ? deep : texts[i])};
    for (size_t workers = 1; workers <= 3; workers += 2) { /* used again */
        primer_error error = {0};
        if (data_decontaminate_trees_read(&trees, sandbox, workers, given, 9, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        static const size_t expected[] = {1, 1, 1, 0, 1, 1, 3, 0, 0};
        for (size_t i = 0; i < 9; i++)
            assert_int_equal(trees.first[i + 1] - trees.first[i], expected[i]);
        const struct data_decontaminate_tree *const t = trees.trees;
        assert_true(equal_trees(&t[0], &t[1], true));
        assert_true(equal_trees(&t[0], &t[2], false));
        assert_false(equal_trees(&t[0], &t[2], true)); /* abs is no len */
        assert_true(equal_trees(&t[3], &t[4], true));
    }
    data_decontaminate_trees_free(&trees);
    sandbox_close(sandbox);
    free(deep);
}

#define PROGRAM(name, list, x, found)                                                              \
    "def " name "(" list "):\\n    " found " = {}\\n    for " x " in sorted(" list                 \
    ", key=len):\\n        if " x ".isalpha() and " x "[0] not in " found ":\\n            " found \
    "[" x "[0]] = " x ".title()\\n    return list(" found ".values())\\n"

static void renamed_programs_are_found(void **state)
{
    (void)state;
    sandbox_close(sandbox_or_skip());
    const struct data_decontaminate_options options = {.threads = 2};
    static const char items[] = "{\"task_id\": 7, \"text\": \"Pick names.\", \"code\": \"" PROGRAM(
        "pick", "names", "n", "out") "\"}\n"
                                     "{\"task_id\": 8, \"text\": \"Add.\", \"code\": \"def add(a, "
                                     "b):\\n    return a + b\\n\"}\n";
    static const char documents[] = "{\"text\": \"" PROGRAM(
        "zebra", "yak", "xerus", "wolf") "\"}\n"
                                         "{\"text\": \"def plus(x, y):\\n    return x + y\\n\"}\n"
                                         "{\"prompt\": \"def area(r):\\n\", \"completion\": \"    "
                                         "return r * r * 3.14\\n\"}\n";
    /* In a sample of three documents no gram is rarer than one in five. */
    struct buffer many = {0};
    buffer_text(&many, documents, NULL);
    for (size_t i = 0; i < 400; i++)
        buffer_format(
            &many, NULL,
            "{\"text\": \"def f(a, b):\\n    if a > %zu:\\n        a -= b\\n    return a + "
            "b\\n\"}\n",
            i);
    const struct data_decontaminate_summary summary = clean(many.bytes, items, options);
    assert_int_equal(summary.documents, 403);
    assert_int_equal(summary.parsed, 403);
    assert_int_equal(summary.programs, 2);
    assert_int_equal(summary.by_words, 0);
    assert_int_equal(summary.by_tree, 1);
    const char *const report = contents(helper_path("report.jsonl"));
    assert_non_null(strstr(report, "\"line\": 1, \"rule\": \"tree\""));
    assert_non_null(strstr(report, "\"task\": \"7\", \"score\": 1.0000"));
    buffer_free(&many);
}

/* ---- what is refused ---- */

static void refuse(const char *documents, struct data_decontaminate_options options,
                   primer_status status, const char *message)
{
    primer_error error = {0};
    struct data_decontaminate_summary summary;
    const char *const input = helper_write("in.jsonl", documents, strlen(documents));
    const char *const against = helper_write("items.jsonl", "{\"text\": \"" TWELVE "\"}\n",
                                             strlen("{\"text\": \"" TWELVE "\"}\n"));
    options.against = &against;
    options.against_count = 1;
    options.words_only = true;
    const size_t before = helper_entries();
    const primer_status found =
        data_decontaminate(&input, 1, helper_path("none.jsonl"), &options, &summary, &error);
    if (found != status || strstr(error.message, message) == NULL)
        fail_msg("status %d: %s", (int)found, error.message);
    if (status == PRIMER_ECANCELED) /* the work so far, for the next run */
        assert_int_equal(unlink(helper_path("none.jsonl.work")), 0);
    assert_int_equal(helper_entries(), before);
}

static bool stop(void *context, uint64_t done, uint64_t all)
{
    (void)context;
    return done < all;
}

static void bad_input_is_named(void **state)
{
    (void)state;
    const struct data_decontaminate_options none = {0};
    refuse("{\"text\": \"a\"}\n{\"text\": \"b", none, PRIMER_EFORMAT, "in.jsonl:2: no JSON");
    refuse("{\"texts\": \"a\"}\n", none, PRIMER_EFORMAT, "in.jsonl:1: expected a field");
    refuse("{\"text\": \"\xC3(\"}\n", none, PRIMER_EFORMAT, "in.jsonl:1: ");
    refuse("", (struct data_decontaminate_options){.words = 65}, PRIMER_EINVAL, "expected 1 to 64");
    refuse("", (struct data_decontaminate_options){.similarity = 0.3}, PRIMER_EINVAL,
           "expected 0.5 to 1");
    refuse("", (struct data_decontaminate_options){.report = helper_path("none.jsonl")},
           PRIMER_EINVAL, "is to be written twice");
    refuse("", (struct data_decontaminate_options){.report = helper_path("items.jsonl")},
           PRIMER_EINVAL, "is the input itself");
    refuse("{\"text\": \"a\"}\n", (struct data_decontaminate_options){.progress = stop},
           PRIMER_ECANCELED, "stopped");
    const struct data_decontaminate_summary summary =
        clean("{\"text\": \"a\"}\nno\n", "{\"text\": \"" TWELVE "\"}\n",
              (struct data_decontaminate_options){.words_only = true, .skip_bad = true});
    assert_int_equal(summary.bad, 1);
    assert_int_equal(summary.kept, 1);
    assert_non_null(strstr(summary.first_bad, "in.jsonl:2: no JSON"));
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    static const char lines[] = "{\"text\": \"" TWELVE " today\"}\n{\"text\": \"b\"}\n";
    const char *const input = helper_write("in.jsonl", lines, sizeof lines - 1);
    const char *const against = helper_write("items.jsonl", lines, sizeof lines - 1);
    const struct data_decontaminate_options options = {.against = &against,
                                                       .against_count = 1,
                                                       .words_only = true,
                                                       .threads = 1,
                                                       .report = helper_path("r.jsonl")};
    size_t fails = 0;
    for (primer_status status = PRIMER_ENOMEM; status != PRIMER_OK; fails++) {
        primer_error error = {0};
        struct data_decontaminate_summary summary;
        memory_fail_at(fails);
        status =
            data_decontaminate(&input, 1, helper_path("out.jsonl"), &options, &summary, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK && status != PRIMER_ENOMEM)
            fail_msg("failure %zu: %s", fails, error.message);
        assert_false(helper_has_parts());
    }
    assert_in_range(fails, 20, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_those_of_the_full_matrix),
        cmocka_unit_test(tables_number_hashes),
        cmocka_unit_test(weights_are_surprises),
        cmocka_unit_test_setup_teardown(items_have_known_fields, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(bad_items_are_named, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(words_in_a_row_are_found, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(common_words_are_no_evidence, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(trees_are_read, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(renamed_programs_are_found, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(bad_input_is_named, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(failures_leave_nothing, helper_setup, helper_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
