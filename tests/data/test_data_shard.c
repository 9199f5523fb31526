/* test_data_shard.c - texts and lines of JSON made to shards: which documents there are, what is
 * asked for, what is refused and in which words; real texts with real tokenizers where they are
 * there.
 */
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/data_read.h"
#include "data_helper.h"
#include "primer.h"
#include "primer_train.h"

static struct data_shard_options options_of(const char *tokenizer)
{
    return (struct data_shard_options){.tokenizer = tokenizer, .threads = 2};
}

static primer_status make(const char *name, const char *bytes, size_t length,
                          const struct data_shard_options *options,
                          struct data_shard_summary *summary, primer_error *error)
{
    const char *const input = helper_write(name, bytes, length);
    memset(error, 0, sizeof *error);
    memset(summary, 0, sizeof *summary);
    return data_shard_make(&input, 1, helper_path("out.shard"), options, summary, error);
}

static struct data_shard_summary expect(const char *name, const char *bytes,
                                        const struct data_shard_options *options,
                                        const char *expected)
{
    primer_error error;
    struct data_shard_summary summary;
    if (make(name, bytes, strlen(bytes), options, &summary, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_string_equal(helper_shown(helper_path("out.shard"), options->tokenizer), expected);
    return summary;
}

static void refuse(const char *name, const char *bytes, size_t length,
                   const struct data_shard_options *options, primer_status status,
                   const char *message)
{
    primer_error error;
    struct data_shard_summary summary;
    const size_t before = helper_entries();
    const primer_status found = make(name, bytes, length, options, &summary, &error);
    if (found != status || strstr(error.message, message) == NULL)
        fail_msg("status %d: %s", (int)found, error.message);
    assert_true(helper_entries() <= before + 1); /* the input: no shard, no part of one */
}

/* ---- texts ---- */

static void texts_are_cut_at_separators(void **state)
{
    (void)state;
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    struct data_shard_summary summary;
    /* Without a separator a file is one document, as it is. */
    expect("a.txt", "\none\n\ntwo\n", &options, "\n[one\n\ntwo\n<|endoftext|>]\n");
    expect("a.txt", "x", &options, "x[<|endoftext|>]\n");
    summary = expect(
        "a.txt", "one\ntwo\n<|endoftext|>\n\nthree\r\n\r\n<|endoftext|>\r\n\n<|endoftext|>\nfour",
        &options, "o[ne\ntwo<|endoftext|>]\nt[hree<|endoftext|>]\nf[our<|endoftext|>]\n");
    assert_int_equal(summary.documents, 3);
    assert_int_equal(summary.empty, 1);
    assert_int_equal(summary.text_bytes, 7 + 5 + 4);
    assert_int_equal(summary.tokens, 8 + 6 + 5);
    assert_int_equal(summary.asked, 7 + 5 + 4);
    /* A separator is a whole line; a special token written in a text is text. */
    expect("a.txt", "a <|endoftext|>\nb", &options, "a[ <|endoftext|>\nb<|endoftext|>]\n");
    options.separator = "---";
    expect("a.md", "one\n---\ntwo\n----\n", &options,
           "o[ne<|endoftext|>]\nt[wo\n----<|endoftext|>]\n");
    options.separator = "";
    expect("a.text", "one\n1\n\ntwo\n\n\nthree\n", &options,
           "o[ne\n1<|endoftext|>]\nt[wo<|endoftext|>]\nt[hree<|endoftext|>]\n");
    /* The mark that some editors put at a file's beginning is no text. */
    options.separator = NULL;
    expect("a.txt", "\xEF\xBB\xBFone", &options, "o[ne<|endoftext|>]\n");
}

/* Records that end in every place of what is read ahead. */
static void texts_may_be_long(void **state)
{
    (void)state;
    const struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    static const char separator[] = "\n<|endoftext|>\n";
    const size_t ahead = (size_t)1 << 20;
    char *const text = malloc(3 * ahead);
    for (size_t shift = 0; shift < sizeof separator + 2; shift++) {
        primer_error error;
        struct data_shard_summary summary;
        memset(text, 'a', 3 * ahead);
        memcpy(text + ahead - shift, separator, sizeof separator - 1);
        if (make("a.txt", text, 2 * ahead, &options, &summary, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        assert_int_equal(summary.documents, 2);
        assert_int_equal(summary.text_bytes, 2 * ahead - (sizeof separator - 1));
        shift += shift == 2 ? 8 : 0;
    }
    free(text);
}

static void broken_texts_are_named(void **state)
{
    (void)state;
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    static const char text[] = "one\n<|endoftext|>\n\ntwo\nx\xC3(\n<|endoftext|>\nthree\n";
    refuse("a.txt", text, sizeof text - 1, &options, PRIMER_EFORMAT,
           "a.txt:5: found the byte 0xc3, which is no UTF-8");
    options.skip_bad = true;
    const struct data_shard_summary summary =
        expect("a.txt", text, &options, "o[ne<|endoftext|>]\nt[hree<|endoftext|>]\n");
    assert_int_equal(summary.bad, 1);
    assert_non_null(strstr(summary.first_bad, "a.txt:5: found the byte 0xc3"));
    options.skip_bad = false;
    refuse("b.txt", "", 0, &options, PRIMER_EINVAL, "b.txt: there is no document");
    refuse("b.pdf", "x", 1, &options, PRIMER_EINVAL, "b.pdf: the name's ending says nothing known");
    options.tokenizer = NULL;
    refuse("b.txt", "x", 1, &options, PRIMER_EINVAL, "no tokenizer was named");
    options.tokenizer = helper_path("none.gguf");
    refuse("b.txt", "x", 1, &options, PRIMER_EIO, "none.gguf");
}

/* ---- lines of JSON ---- */

static void lines_have_three_forms(void **state)
{
    (void)state;
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    const struct data_shard_summary summary =
        expect("a.jsonl",
               "{\"text\": \"one\\ntwo\"}\n\n  \r\n"
               "{\"prompt\": \"Q: \", \"completion\": \"A\"}\r\n"
               "{\"text\": \"\"}\n"
               "{\"prompt\": \"\", \"completion\": \"xy\"}\n"
               "{\"prompt\": \"x\", \"completion\": \"\", \"id\": 4}",
               &options, "o[ne\ntwo<|endoftext|>]\nQ: [A<|endoftext|>]\nx[y<|endoftext|>]\n");
    assert_int_equal(summary.documents, 3);
    assert_int_equal(summary.empty, 2);
    assert_int_equal(summary.text_bytes, 7 + 4 + 2);
    /* A zero byte is text like any other. */
    struct data_stats stats;
    struct buffer samples = {0};
    primer_error error;
    struct data_shard_summary again;
    static const char zero[] = "{\"text\": \"a\\u0000b\"}";
    assert_int_equal(make("a.jsonl", zero, sizeof zero - 1, &options, &again, &error), PRIMER_OK);
    assert_int_equal(
        data_stats_read(helper_path("out.shard"), options.tokenizer, 1, &stats, &samples, &error),
        PRIMER_OK);
    assert_int_equal(stats.tokens, 4);
    assert_string_equal(samples.bytes, "\"a\\u0000b<|endoftext|>\"\n");
    buffer_free(&samples);
}

static void fields_are_chosen(void **state)
{
    (void)state;
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    options.field = "story";
    expect("a.ndjson", "{\"story\": \"one\", \"text\": \"two\"}\n{\"story\": \"\xC3\xA9\"}\n",
           &options, "o[ne<|endoftext|>]\n\xC3[\xA9<|endoftext|>]\n");
    refuse("a.jsonl", "{\"text\": \"x\"}", 13, &options, PRIMER_EFORMAT,
           "a.jsonl:1: expected the field \"story\"");
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
        primer_status status;
    } cases[] = {
        {"{\"text\": \"x\"", "a.jsonl:3: no JSON object: column", PRIMER_EFORMAT},
        {"{\"text\": \"\xFF\"}", "a.jsonl:3: no JSON object: column", PRIMER_EFORMAT},
        {"\"text\"", "a.jsonl:3: no JSON object", PRIMER_EFORMAT},
        {"[1]", "a.jsonl:3: expected an object", PRIMER_EFORMAT},
        {"{\"text\": 7}", "a.jsonl:3: \"text\": expected a text, found a number", PRIMER_EFORMAT},
        {"{\"text\": null}", "a.jsonl:3: \"text\": expected a text, found null", PRIMER_EFORMAT},
        {"{\"prompt\": \"x\"}", "a.jsonl:3: \"completion\": expected a text, found nothing",
         PRIMER_EFORMAT},
        {"{\"completion\": \"x\"}", "a.jsonl:3: \"prompt\": expected a text, found nothing",
         PRIMER_EFORMAT},
        {"{\"words\": \"x\"}", "a.jsonl:3: expected a field \"text\", \"messages\", or \"prompt\"",
         PRIMER_EFORMAT},
        {"{\"messages\": []}", "a.jsonl:3: ", PRIMER_EUNSUPPORTED},
    };
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char lines[256];
        snprintf(lines, sizeof lines, "{\"text\": \"a1\"}\n\n%s\n{\"text\": \"b2\"}\n%s\n",
                 cases[i].line, cases[i].line);
        options.skip_bad = false;
        refuse("a.jsonl", lines, strlen(lines), &options, cases[i].status, cases[i].message);
        options.skip_bad = true;
        const struct data_shard_summary summary =
            expect("a.jsonl", lines, &options, "a[1<|endoftext|>]\nb[2<|endoftext|>]\n");
        assert_int_equal(summary.bad, 2);
        assert_non_null(strstr(summary.first_bad, cases[i].message));
        unlink(helper_path("out.shard"));
    }
}

static void too_long_lines_are_named(void **state)
{
    (void)state;
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    const size_t length = DATA_LINE_MOST + 4096;
    char *const lines = malloc(length);
    primer_error error;
    struct data_shard_summary summary;
    memset(lines, ' ', length);
    memcpy(lines, "{\"text\":\"a1\"}\n", 14);
    memcpy(lines + 14, "{\"text\":\"b2\"", 12);
    memcpy(lines + length - 32, "}\n{\"text\":\"c3\"}\n", 16);
    refuse("a.jsonl", lines, length, &options, PRIMER_ELIMIT,
           "a.jsonl:2: a line of more than 67108864 bytes");
    options.skip_bad = true;
    if (make("a.jsonl", lines, length, &options, &summary, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(summary.bad, 1);
    assert_string_equal(helper_shown(helper_path("out.shard"), options.tokenizer),
                        "a[1<|endoftext|>]\nc[3<|endoftext|>]\n");
    free(lines);
}

/* ---- how it is made ---- */

static bool stop_soon(void *context, uint64_t done, uint64_t all)
{
    uint64_t *const last = context;
    assert_true(done >= *last && done <= all);
    *last = done;
    return done < all / 2;
}

static void threads_make_the_same_shard(void **state)
{
    (void)state;
    struct buffer text = {0}, one = {0}, many = {0};
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    primer_error error;
    struct data_shard_summary summary;
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(buffer_format(&text, &error, "{\"text\": \"document %zu %.*s\"}\n", i,
                                       (int)(i % 37), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"),
                         PRIMER_OK);
    options.threads = 1;
    assert_int_equal(make("a.jsonl", text.bytes, text.length, &options, &summary, &error),
                     PRIMER_OK);
    assert_int_equal(summary.documents, 3000);
    assert_int_equal(file_read(helper_path("out.shard"), 1 << 24, &one, &error), PRIMER_OK);
    options.threads = 4;
    assert_int_equal(data_shard_make((const char *const[]){helper_path("a.jsonl")}, 1,
                                     helper_path("out.shard"), &options, &summary, &error),
                     PRIMER_OK);
    assert_int_equal(file_read(helper_path("out.shard"), 1 << 24, &many, &error), PRIMER_OK);
    assert_int_equal(one.length, many.length);
    assert_memory_equal(one.bytes, many.bytes, one.length);
    uint64_t last = 0;
    options.progress = stop_soon;
    options.context = &last;
    unlink(helper_path("out.shard"));
    assert_int_equal(make("a.jsonl", text.bytes, text.length, &options, &summary, &error),
                     PRIMER_ECANCELED);
    assert_true(last > 0);
    assert_false(file_exists(helper_path("out.shard")));
    assert_int_equal(unlink(helper_path("out.shard.work")), 0);
    assert_int_equal(helper_entries(), 2);
    buffer_free(&text);
    buffer_free(&one);
    buffer_free(&many);
}

static void unchanged_inputs_are_not_read_again(void **state)
{
    (void)state;
    const char *const inputs[] = {helper_write("a.txt", "one", 3), helper_write("b.txt", "two", 3)};
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    struct data_shard_summary summary;
    primer_error error;
    const char *const out = helper_path("out.shard");
    options.reuse = true;
    const struct timespec first[2] = {{1, 0}, {1, 0}}, later[2] = {{2, 0}, {2, 0}};
    assert_int_equal(utimensat(AT_FDCWD, inputs[1], first, 0), 0);
    const struct {
        const char *change;
        bool reused;
    } steps[] = {{"nothing yet", false},   {"nothing", true},        {"another field", false},
                 {"nothing", true},        {"a file's time", false}, {"nothing", true},
                 {"a file's text", false}, {"one file less", false}, {"another vocabulary", false},
                 {"a torn shard", false}};
    size_t count = 2;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(steps[i].change, "another field") == 0)
            options.field = "words";
        if (strcmp(steps[i].change, "a file's time") == 0)
            assert_int_equal(utimensat(AT_FDCWD, inputs[1], later, 0), 0);
        if (strcmp(steps[i].change, "a file's text") == 0) {
            helper_write("b.txt", "three", 5);
            assert_int_equal(utimensat(AT_FDCWD, inputs[1], later, 0), 0);
        }
        if (strcmp(steps[i].change, "one file less") == 0)
            count = 1;
        if (strcmp(steps[i].change, "another vocabulary") == 0)
            options.tokenizer = helper_gguf_of("w.gguf", NULL, 1);
        if (strcmp(steps[i].change, "a torn shard") == 0)
            helper_write("out.shard", "torn", 4);
        if (data_shard_make(inputs, count, out, &options, &summary, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        if (summary.reused != steps[i].reused)
            fail_msg("step %zu: %s", i, steps[i].change);
        assert_int_equal(summary.documents, count);
    }
}

static void shards_are_described(void **state)
{
    (void)state;
    const struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    struct data_stats stats;
    struct buffer samples = {0};
    primer_error error = {0};
    expect("a.jsonl", "{\"text\": \"o\\\"ne\"}\n{\"prompt\": \"ab\", \"completion\": \"xyz\"}\n",
           &options, "o[\"ne<|endoftext|>]\nab[xyz<|endoftext|>]\n");
    const char *const shard = helper_path("out.shard");
    assert_int_equal(data_stats_read(shard, options.tokenizer, 1, &stats, &samples, &error),
                     PRIMER_OK);
    assert_string_equal(samples.bytes, "\"o\\\"ne<|endoftext|>\"\n");
    assert_int_equal(stats.documents, 2);
    assert_int_equal(stats.tokens, 11);
    assert_int_equal(stats.asked, 8);
    assert_int_equal(stats.longest, 6);
    assert_int_equal(stats.text_bytes, 7);
    assert_int_equal(
        data_stats_read(shard, helper_gguf_of("w.gguf", NULL, 1), 1, &stats, &samples, &error),
        PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "made with another tokenizer"));
    struct buffer bytes = {0};
    assert_int_equal(file_read(shard, 1 << 20, &bytes, &error), PRIMER_OK);
    bytes.bytes[140] ^= 1;
    helper_write("out.shard", bytes.bytes, bytes.length);
    assert_int_equal(data_stats_read(shard, NULL, 0, &stats, &samples, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "out.shard: bytes 128 to"));
    buffer_free(&bytes);
    buffer_free(&samples);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char lines[] = "{\"text\": \"one\"}\n{\"prompt\": \"a\", \"completion\": \"b\"}\n"
                                "{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},"
                                "{\"role\":\"assistant\",\"content\":\"A\"}]}\n";
    struct data_shard_options options = options_of(helper_gguf("v.gguf", NULL));
    struct data_shard_summary summary;
    primer_error error;
    options.template_name = "chatml";
    options.threads = 1;
    const size_t before = memory_allocation_count();
    assert_int_equal(make("a.jsonl", lines, sizeof lines - 1, &options, &summary, &error),
                     PRIMER_OK);
    const size_t all = memory_allocation_count() - before;
    size_t failures = 0;
    unlink(helper_path("out.shard"));
    for (size_t i = 0; i < all; i++) {
        memory_fail_at(i);
        const primer_status status =
            make("a.jsonl", lines, sizeof lines - 1, &options, &summary, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK && status != PRIMER_ENOMEM) /* some only make something quicker */
            fail_msg("allocation %zu of %zu: status %d: %s", i, all, (int)status, error.message);
        if (file_exists(helper_path("out.shard"))) /* also where only flushing its folder failed */
            assert_non_null(helper_shown(helper_path("out.shard"), options.tokenizer));
        else
            assert_int_equal(status, PRIMER_ENOMEM);
        unlink(helper_path("out.shard"));
        assert_int_equal(helper_entries(), 2);
        failures += status != PRIMER_OK;
    }
    assert_true(failures * 2 >= all);
}

/* ---- real tokenizers and texts ---- */

static const char *shared(const char *name)
{
    static char paths[4][512];
    static size_t next;
    const char *const folder = getenv("PRIMER_SHARED");
    char *const path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder == NULL ? "../shared" : folder, name);
    return file_exists(path) ? path : NULL;
}

static void real_texts_have_known_counts(void **state)
{
    (void)state;
    const char *const gpt2 = shared("data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf");
    const char *const plays = shared("data/text-tinyshakespeare/input.txt");
    const char *const stories = shared("data/text-tinystories-sample/tinystories_sample.txt");
    if (gpt2 == NULL || plays == NULL || stories == NULL)
        skip();
    const struct data_shard_options options = options_of(gpt2);
    struct data_shard_summary summary;
    primer_error error;
    const char *const out = helper_path("out.shard");
    /* 301,966 and 36,059 tokens: Karpathy's nanoGPT, data/shakespeare; and the end-of-text
     * token. */
    assert_int_equal(data_shard_make(&plays, 1, out, &options, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.tokens, 301966 + 36059 + 1);
    assert_int_equal(summary.documents, 1);
    assert_int_equal(summary.text_bytes, 1115394);
    assert_int_equal(data_shard_make(&stories, 1, out, &options, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.documents, 2317); /* 2,316 lines are separators */
    struct data_stats stats;
    struct buffer samples = {0};
    assert_int_equal(data_stats_read(out, gpt2, 1, &stats, &samples, &error), PRIMER_OK);
    static const char begin[] = "\"One day, a little girl named Lily found a needle in her room.";
    assert_memory_equal(samples.bytes, begin, sizeof begin - 1);
    assert_int_equal(stats.tokens, summary.tokens);
    buffer_free(&samples);
}

/* Tokens that reach across the answer's border belong to it; a vocabulary of pieces, whose texts
 * get a space put before them, has the same borders. */
static void real_tokenizers_keep_borders(void **state)
{
    (void)state;
    static const char talk[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Where?\"},"
                               "{\"role\":\"assistant\",\"content\":\"In Paris.\"},"
                               "{\"role\":\"user\",\"content\":\"Sure?\"},"
                               "{\"role\":\"assistant\",\"content\":\"Yes, I am.\"}]}\n"
                               "{\"prompt\": \"Where?\", \"completion\": \" In Paris.\"}\n";
    static const struct {
        const char *vocabulary, *template, *expected;
    } cases[] = {
        {"data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf", "phi-qa",
         "Instruct: Where?\nOutput:[ In Paris.\n]Instruct: Sure?\nOutput:[ Yes, I am.\n"
         "<|endoftext|>]\nWhere?[ In Paris.<|endoftext|>]\n"},
        {"data/tok-llamacpp-vocab/ggml-vocab-phi-3.gguf", "llama2",
         "<s> [INST] Where? [/INST][ In Paris. <|endoftext|>]<s> [INST] Sure? [/INST]"
         "[ Yes, I am. <|endoftext|>]\n<s> Where?[ In Paris.<|endoftext|>]\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (shared(cases[i].vocabulary) == NULL)
            skip();
        struct data_shard_options options = options_of(shared(cases[i].vocabulary));
        options.template_name = cases[i].template;
        expect("a.jsonl", talk, &options, cases[i].expected);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
    const struct CMUnitTest tests[] = {
        CASE(texts_are_cut_at_separators),
        CASE(texts_may_be_long),
        CASE(broken_texts_are_named),
        CASE(lines_have_three_forms),
        CASE(fields_are_chosen),
        CASE(bad_lines_are_named),
        CASE(too_long_lines_are_named),
        CASE(threads_make_the_same_shard),
        CASE(unchanged_inputs_are_not_read_again),
        CASE(shards_are_described),
        CASE(every_allocation_may_fail),
        CASE(real_texts_have_known_counts),
        CASE(real_tokenizers_keep_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
