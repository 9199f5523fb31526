/* bench_constraint.c - what a constraint costs: compiling it, and a mask for each token of an
 * answer, over a real vocabulary, on one thread.
 *
 *   bench_constraint [SHARED [PART]]    the vocabulary is looked for in SHARED (../shared); only
 *                                       lines whose name contains PART
 *
 * Each line: the time to compile, the answer's tokens, then microseconds for a mask: the median,
 * the 99th of 100 and the most, of the first answer (all is found for the first time) and of a
 * second one, and taking a token. Times are of the processor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "constraint/constraint.h"
#include "format/gguf.h"
#include "tokenizer/tokenizer.h"

enum { LETTERS = 3000 };

static const char *shared = "../shared", *only = "";

static void stop(const char *what, const primer_error *error)
{
    fprintf(stderr, "bench_constraint: %s: %s\n", what, error->message);
    exit(1);
}

/* ---- constraints and answers to them --------------------------------------------------------- */

enum notation { JSON, SCHEMA, GBNF, REGEX };

struct work {
    const char *name;
    enum notation notation;
    struct buffer constraint, answer;
};

static void add(struct buffer *buffer, const char *text)
{
    primer_error error = {0};
    if (buffer_text(buffer, text, &error) != PRIMER_OK)
        stop("a text", &error);
}

static const char sentence[] = "The quick brown fox, who was never late, jumps over lazy dogs. ";

static void add_letters(struct buffer *buffer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char letter[] = {sentence[i % (sizeof sentence - 1)], '\0'};
        add(buffer, letter);
    }
}

static void add_number(struct buffer *buffer, const char *format, size_t number)
{
    char text[512];
    snprintf(text, sizeof text, format, number);
    add(buffer, text);
}

/* Objects in arrays in objects, strings and numbers. */
static void json(struct work *work)
{
    add(&work->answer, "{\"items\": [");
    for (size_t i = 0; i < 12; i++) {
        add_number(&work->answer,
                   i > 0 ? ", {\"id\": %zu, \"text\": \"" : "{\"id\": %zu, \"text\": \"", i * 137);
        add_letters(&work->answer, 30 + i);
        add(&work->answer,
            "\\n\\u00e9\xC3\xA9\", \"good\": true, \"weight\": -1.5e10, \"more\": null}");
    }
    add(&work->answer, "]}");
}

/* Twenty fields of all kinds. */
static void fields(struct work *work)
{
    static const char *const types[] = {"{\"type\":\"string\"}",
                                        "{\"type\":\"integer\"}",
                                        "{\"type\":\"number\"}",
                                        "{\"type\":\"boolean\"}",
                                        "{\"type\":\"string\",\"maxLength\":200}",
                                        "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
                                        "{\"enum\":[\"red\",\"green\",\"blue\"]}"};
    static const char *const values[] = {"\"some words in a string\"",
                                         "12345",
                                         "-0.25",
                                         "true",
                                         "\"a description that isn't too long\"",
                                         "[\"one\", \"two and a half\"]",
                                         "\"green\""};
    add(&work->constraint, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    add(&work->answer, "{");
    for (size_t i = 0; i < 20; i++) {
        add_number(&work->constraint, i > 0 ? ",\"field_%zu\":" : "\"field_%zu\":", i);
        add(&work->constraint, types[i % 7]);
        add_number(&work->answer, i > 0 ? ", \"field_%zu\": " : "\"field_%zu\": ", i);
        add(&work->answer, values[i % 7]);
    }
    add(&work->constraint, "},\"required\":[");
    for (size_t i = 0; i < 20; i++)
        add_number(&work->constraint, i > 0 ? ",\"field_%zu\"" : "\"field_%zu\"", i);
    add(&work->constraint, "]}");
    add(&work->answer, "}");
}

/* Strings of which each has a limit of its own. */
static void limited(struct work *work)
{
    add(&work->constraint, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    add(&work->answer, "{");
    for (size_t i = 0; i < 20; i++) {
        add_number(&work->constraint, i > 0 ? ",\"f%zu\":" : "\"f%zu\":", i);
        add_number(&work->constraint, "{\"type\":\"string\",\"minLength\":3,\"maxLength\":%zu}",
                   40 + i);
        add_number(&work->answer, i > 0 ? ", \"f%zu\": \"" : "\"f%zu\": \"", i);
        add_letters(&work->answer, 38 + i);
        add(&work->answer, "\"");
    }
    add(&work->constraint, "},\"required\":[");
    for (size_t i = 0; i < 20; i++)
        add_number(&work->constraint, i > 0 ? ",\"f%zu\"" : "\"f%zu\"", i);
    add(&work->constraint, "]}");
    add(&work->answer, "}");
}

static void long_string(struct work *work)
{
    add(&work->constraint, "{\"type\":\"string\",\"maxLength\":10000}");
    add(&work->answer, "\"");
    add_letters(&work->answer, LETTERS);
    add(&work->answer, "\"");
}

static void words(struct work *work)
{
    add(&work->constraint, "([A-Za-z]{1,20}[,.]? ){3,500}");
    for (size_t i = 0; i < 12; i++)
        add(&work->answer, sentence);
}

static void date(struct work *work)
{
    add(&work->constraint, "(\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?Z\\n)*");
    for (size_t i = 0; i < 20; i++)
        add(&work->answer, "2024-05-17T12:34:56.123456Z\n");
}

static void program(struct work *work)
{
    add(&work->constraint,
        "root ::= statement+\n"
        "statement ::= name \" = \" sum \";\\n\" | \"if (\" sum \") {\\n\" statement* \"}\\n\"\n"
        "sum ::= sum (\" + \" | \" - \") product | product\n"
        "product ::= product (\" * \" | \" / \") value | value\n"
        "value ::= name | number | name \"(\" (sum (\", \" sum)*)? \")\" | \"(\" sum \")\"\n"
        "name ::= [a-zA-Z_] [a-zA-Z_0-9]*\n"
        "number ::= [0-9]+ (\".\" [0-9]+)?\n");
    for (size_t i = 0; i < 10; i++)
        add(&work->answer,
            "if (first - second * 3) {\nresult = call(first, (1.5 + second) / 2) - x1;"
            "\nname = name * name_2;\n}\n");
}

static void free_text(struct work *work)
{
    add(&work->constraint, "root ::= .*\n");
    add_letters(&work->answer, LETTERS);
}

static struct {
    struct work work;
    void (*make)(struct work *work);
} works[] = {
    {{.name = "any JSON", .notation = JSON}, json},
    {{.name = "20 fields", .notation = SCHEMA}, fields},
    {{.name = "20 limited strings", .notation = SCHEMA}, limited},
    {{.name = "long string", .notation = SCHEMA}, long_string},
    {{.name = "words", .notation = REGEX}, words},
    {{.name = "dates", .notation = REGEX}, date},
    {{.name = "program", .notation = GBNF}, program},
    {{.name = "free text", .notation = GBNF}, free_text},
};

/* ---- measuring ------------------------------------------------------------------------------- */

static double since(uint64_t start)
{
    return (double)(clock_cpu_nanoseconds() - start) * 1e-3;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static primer_constraint *compile(const struct work *work)
{
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    const char *const text = work->constraint.bytes;
    const size_t length = work->constraint.length;
    primer_status status;
    switch (work->notation) {
    case JSON:
        status = constraint_json(false, &constraint, &error);
        break;
    case SCHEMA:
        status = constraint_schema(text, length, &constraint, &error);
        break;
    case REGEX:
        status = constraint_regex(text, length, &constraint, &error);
        break;
    default:
        status = constraint_gbnf(text, length, &constraint, &error);
    }
    if (status != PRIMER_OK)
        stop(work->name, &error);
    return constraint;
}

/* An answer, token by token; prints what masks cost, gives what tokens do. */
static double follow(const struct work *work, primer_constraint *constraint,
                     const struct constraint_vocabulary *vocabulary, const struct token_list *ids)
{
    primer_error error = {0};
    struct constraint_matcher *matcher = NULL;
    double *const times = memory_allocate(ids->count, sizeof *times);
    double taking = 0;
    if (times == NULL ||
        constraint_matcher_create(constraint, vocabulary, &matcher, &error) != PRIMER_OK)
        stop(work->name, &error);
    for (size_t i = 0; i < ids->count; i++) {
        const size_t id = (size_t)ids->ids[i];
        uint64_t start = clock_cpu_nanoseconds();
        const uint64_t *const mask = constraint_matcher_mask(matcher, &error);
        times[i] = since(start);
        if (mask == NULL)
            stop(work->name, &error);
        start = clock_cpu_nanoseconds();
        const bool taken = constraint_matcher_take(matcher, ids->ids[i]);
        taking += since(start);
        if (!taken || (mask[id / 64] >> id % 64 & 1) == 0) {
            fprintf(stderr, "bench_constraint: %s: token %zu of the answer isn't allowed\n",
                    work->name, i);
            exit(1);
        }
    }
    if (!constraint_matcher_complete(matcher))
        fprintf(stderr, "bench_constraint: %s: the answer isn't complete\n", work->name);
    qsort(times, ids->count, sizeof *times, by_value);
    printf(" %8.2f %8.1f %8.1f |", times[ids->count / 2], times[ids->count * 99 / 100],
           times[ids->count - 1]);
    constraint_matcher_free(matcher);
    memory_free(times);
    return taking / (double)ids->count;
}

static void measure(struct work *work, const struct tokenizer *tokenizer,
                    const struct constraint_vocabulary *vocabulary)
{
    primer_error error = {0};
    struct token_list ids = {0};
    if (tokenizer_encode(tokenizer, work->answer.bytes, work->answer.length, 0, &ids, &error) !=
        PRIMER_OK)
        stop(work->name, &error);
    const uint64_t start = clock_cpu_nanoseconds();
    primer_constraint *const constraint = compile(work);
    printf("%-20s %8.3f ms %6zu |", work->name, since(start) * 1e-3, ids.count);
    follow(work, constraint, vocabulary, &ids);
    printf(" %6.2f us\n", follow(work, constraint, vocabulary, &ids));
    constraint_free(constraint);
    token_list_free(&ids);
}

int main(int argc, char **argv)
{
    primer_error error = {0};
    struct gguf *gguf = NULL;
    struct tokenizer *tokenizer = NULL;
    struct constraint_vocabulary *vocabulary = NULL;
    char path[1024];
    if (argc > 1)
        shared = argv[1];
    if (argc > 2)
        only = argv[2];
    snprintf(path, sizeof path, "%s/data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf", shared);
    if (gguf_open(&gguf, path, &error) != PRIMER_OK) {
        printf("no %s\n", path);
        return 0;
    }
    if (tokenizer_from_gguf(&tokenizer, gguf, &error) != PRIMER_OK)
        stop(path, &error);
    gguf_free(gguf);
    const uint64_t start = clock_cpu_nanoseconds();
    if (constraint_vocabulary_create(tokenizer, &vocabulary, &error) != PRIMER_OK)
        stop(path, &error);
    printf("a vocabulary of %zu: %.1f ms\n", tokenizer_vocabulary(tokenizer), since(start) * 1e-3);
    printf("%-20s %11s %6s | %8s %8s %8s | %8s %8s %8s | %9s\n", "", "compile", "tokens", "median",
           "99 %", "most", "median", "99 %", "most", "take");
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        works[i].make(&works[i].work);
        if (strstr(works[i].work.name, only) != NULL)
            measure(&works[i].work, tokenizer, vocabulary);
        buffer_free(&works[i].work.constraint);
        buffer_free(&works[i].work.answer);
    }
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
    return 0;
}
