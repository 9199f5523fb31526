/* bench_tokenizer.c - how fast tokenizers load, encode and decode, on one thread.
 *
 *   bench_tokenizer [SHARED [PART]]     vocabularies and the English text are looked for in SHARED
 *                                       (../shared); only lines whose vocabulary or kind of text
 *                                       contains PART
 *
 * Each line: vocabulary, kind of text (a megabyte), MB/s of encoding and of decoding, tokens. Times
 * are of the processor (other programs count little), the best of ROUNDS. What isn't found is left
 * out and said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

enum { SIZE = 1000000, ROUNDS = 7, MAXIMUM = 64 << 20 };

static const char *shared = "../shared", *only = "";

static void stop(const primer_error *error)
{
    fprintf(stderr, "bench_tokenizer: %s\n", error->message);
    exit(1);
}

static const char *path_of(const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", shared, file);
    return path;
}

/* ---- texts ---- */

struct text {
    const char *kind;
    char *bytes;
    size_t length;
};

/* A file again and again. */
static struct text repeated(const char *kind, const char *path)
{
    primer_error error = {0};
    struct buffer file = {0};
    struct text text = {kind, NULL, 0};
    if (!file_exists(path) || file_read(path, MAXIMUM, &file, &error) != PRIMER_OK ||
        file.length == 0) {
        printf("%-12s no %s\n", kind, path);
        return text;
    }
    text.bytes = memory_allocate(SIZE, 1);
    for (size_t at = 0; at < SIZE; at += file.length)
        memcpy(text.bytes + at, file.bytes, file.length < SIZE - at ? file.length : SIZE - at);
    text.length = SIZE;
    buffer_free(&file);
    return text;
}

static uint32_t emoji(struct random *random)
{
    return random_below(random, 5) == 0 ? ' ' : 0x1F300 + (uint32_t)random_below(random, 0x350);
}

static uint32_t cjk(struct random *random)
{
    return random_below(random, 30) == 0 ? 0x3002 : 0x4E00 + (uint32_t)random_below(random, 3000);
}

static uint32_t letters(struct random *random)
{
    return (uint32_t) "etaoinshrdlu"[random_below(random, 12)];
}

static uint32_t one_letter(struct random *random)
{
    (void)random;
    return 'a';
}

static uint32_t spaces(struct random *random)
{
    (void)random;
    return ' ';
}

static struct text made(const char *kind, uint32_t (*next)(struct random *random))
{
    struct random random;
    struct text text = {kind, memory_allocate(SIZE, 1), 0};
    random_seed(&random, 1);
    while (text.length + 4 <= SIZE) {
        if (next == NULL)
            text.bytes[text.length++] = (char)random_below(&random, 256);
        else
            text.length += utf8_encode(next(&random), text.bytes + text.length);
    }
    return text;
}

/* ---- measuring ---- */

static double since(uint64_t start)
{
    return (double)(clock_cpu_nanoseconds() - start) * 1e-9;
}

static void measure(const char *name, const struct tokenizer *tokenizer, const struct text *text)
{
    primer_error error = {0};
    double encode = 1e9, decode = 1e9;
    struct token_list ids = {0};
    struct buffer back = {0};
    if (text->bytes == NULL || (strstr(name, only) == NULL && strstr(text->kind, only) == NULL))
        return;
    for (int i = 0; i < ROUNDS; i++) {
        ids.count = 0;
        buffer_clear(&back);
        uint64_t start = clock_cpu_nanoseconds();
        if (tokenizer_encode(tokenizer, text->bytes, text->length, 0, &ids, &error) != PRIMER_OK)
            stop(&error);
        const double encoding = since(start);
        start = clock_cpu_nanoseconds();
        if (tokenizer_decode(tokenizer, ids.ids, ids.count, 0, &back, &error) != PRIMER_OK)
            stop(&error);
        const double decoding = since(start);
        encode = encoding < encode ? encoding : encode;
        decode = decoding < decode ? decoding : decode;
    }
    const double megabytes = (double)text->length * 1e-6;
    printf("%-12s %-12s %8.1f MB/s %8.1f MB/s %8zu tokens%s\n", name, text->kind,
           megabytes / encode, megabytes / decode, ids.count,
           back.length == text->length && memcmp(back.bytes, text->bytes, back.length) == 0
               ? ""
               : "  THE TEXT DOES NOT COME BACK");
    token_list_free(&ids);
    buffer_free(&back);
}

static struct tokenizer *load(const char *name, const char *path)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    struct buffer json = {0};
    struct gguf *gguf = NULL;
    double best = 1e9;
    const bool is_json = strstr(path, ".json") != NULL;
    if (is_json ? file_read(path, MAXIMUM, &json, &error) : gguf_open(&gguf, path, &error))
        stop(&error);
    for (int i = 0; i < ROUNDS; i++) {
        tokenizer_free(tokenizer);
        const uint64_t start = clock_cpu_nanoseconds();
        if (is_json ? tokenizer_from_json(&tokenizer, json.bytes, json.length, path, &error)
                    : tokenizer_from_gguf(&tokenizer, gguf, &error))
            stop(&error);
        best = since(start) < best ? since(start) : best;
    }
    printf("%-12s load %.1f ms, %zu tokens\n", name, best * 1e3, tokenizer_vocabulary(tokenizer));
    buffer_free(&json);
    gguf_free(gguf);
    return tokenizer;
}

int main(int count, char **arguments)
{
    static const char *const vocabularies[][2] = {
        {"gpt-2", "data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf"},
        {"phi-2", "data/tok-phi/phi-2/tokenizer.json"},
        {"phi-3", "data/tok-llamacpp-vocab/ggml-vocab-phi-3.gguf"},
        {"stories260K", "models/stories260K.gguf"}};
    if (count > 1)
        shared = arguments[1];
    if (count > 2)
        only = arguments[2];
    struct text texts[] = {repeated("english", path_of("data/text-wikitext2-test/wiki.test.raw")),
                           repeated("code", "src/tokenizer/pattern.c"),
                           made("emoji", emoji),
                           made("cjk", cjk),
                           made("bytes", NULL),
                           made("letters", letters),
                           made("one letter", one_letter),
                           made("spaces", spaces)};
    const size_t kinds = sizeof texts / sizeof texts[0];
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++) {
        const char *const path = path_of(vocabularies[i][1]);
        if (!file_exists(path)) {
            printf("%-12s no %s\n", vocabularies[i][0], path);
            continue;
        }
        struct tokenizer *const tokenizer = load(vocabularies[i][0], path);
        for (size_t j = 0; j < kinds; j++)
            measure(vocabularies[i][0], tokenizer, &texts[j]);
        tokenizer_free(tokenizer);
    }
    for (size_t j = 0; j < kinds; j++)
        memory_free(texts[j].bytes);
    return 0;
}
