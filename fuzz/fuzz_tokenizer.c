/* fuzz_tokenizer.c - any bytes as a tokenizer: a tokenizer.json, or a GGUF where they begin with
 * "GGUF". They are refused with a message; or texts, and the input itself as one, can be encoded,
 * every id is in the vocabulary, every id decodes, and a stream shows what decoding the whole does.
 */
#include <string.h>

#include "base/memory.h"
#include "fuzz_driver.h"
#include "tokenizer/stream.h"
#include "tokenizer/tokenizer.h"

static void check_ids(const struct tokenizer *tokenizer, const struct token_list *ids,
                      unsigned flags)
{
    primer_error error = {0};
    struct buffer whole = {0}, shown = {0};
    struct token_stream stream;
    stream_begin(&stream, tokenizer, flags);
    for (size_t i = 0; i < ids->count; i++) {
        const size_t before = shown.length;
        fuzz_check(ids->ids[i] >= 0 && (size_t)ids->ids[i] < tokenizer_vocabulary(tokenizer),
                   "an id is in the vocabulary");
        fuzz_check(stream_push(&stream, ids->ids[i], &shown, &error) == PRIMER_OK, "an id decodes");
        fuzz_check(shown.length <= before + tokenizer_longest(tokenizer) + 3,
                   "a token is at most as long as the longest");
        fuzz_check(stream.held_length <= 3, "less than a character is held back");
    }
    fuzz_check(stream_flush(&stream, &shown, &error) == PRIMER_OK, "what is held can be had");
    fuzz_check(tokenizer_decode(tokenizer, ids->ids, ids->count, flags, &whole, &error) ==
                   PRIMER_OK,
               "ids decode");
    fuzz_check(whole.length == shown.length, "a stream shows what decoding the whole does");
    fuzz_check(whole.length == 0 || memcmp(whole.bytes, shown.bytes, whole.length) == 0,
               "a stream shows the same bytes");
    buffer_free(&whole);
    buffer_free(&shown);
}

static void use(const struct tokenizer *tokenizer, const char *text, size_t length, unsigned flags)
{
    primer_error error = {0};
    struct token_list ids = {0};
    const primer_status status = tokenizer_encode(tokenizer, text, length, flags, &ids, &error);
    fuzz_status(status, &error);
    fuzz_check(status == PRIMER_OK || ids.count == 0, "a failure leaves the list as it was");
    check_ids(tokenizer, &ids, flags);
    token_list_free(&ids);
}

static void use_all(const struct tokenizer *tokenizer, const char *data, size_t size)
{
    static const char *const texts[] = {
        "",
        " ",
        "Hello world, it's 1234",
        "ab ab  abc<x>\n\n\t a",
        "<s></s><unk><|end|> x",
        "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x99\x82\xE2\x96\x81 \xFF\xFE\xC3",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (unsigned flags = 0; flags < 8; flags++) {
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            use(tokenizer, texts[i], strlen(texts[i]), flags);
    }
    use(tokenizer, data, size, TOKENIZER_SPECIAL);
    for (int32_t id = -1; id < 300; id++) {
        size_t length = 0;
        const char *const bytes = tokenizer_bytes(tokenizer, id, true, &length);
        fuzz_check((bytes != NULL) == (id >= 0 && (size_t)id < tokenizer_vocabulary(tokenizer)),
                   "an id of the vocabulary has bytes");
        if (bytes != NULL)
            (void)tokenizer_find(tokenizer, bytes, length);
    }
}

static primer_status load_gguf(struct tokenizer **tokenizer, const uint8_t *data, size_t size,
                               primer_error *error)
{
    struct gguf *gguf = NULL;
    void *copy = NULL; /* aligned, and not a byte longer than the input */
    if (posix_memalign(&copy, 64, size) != 0)
        return error_set(error, PRIMER_EIO, "no copy");
    memcpy(copy, data, size);
    primer_status status = gguf_open_memory(&gguf, copy, size, "input", error);
    if (status == PRIMER_OK)
        status = tokenizer_from_gguf(tokenizer, gguf, error);
    gguf_free(gguf);
    free(copy);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    const char *const text = (const char *)data;
    const primer_status status = size >= 4 && memcmp(data, "GGUF", 4) == 0
                                     ? load_gguf(&tokenizer, data, size, &error)
                                     : tokenizer_from_json(&tokenizer, text, size, "input", &error);
    fuzz_status(status, &error);
    fuzz_check((tokenizer != NULL) == (status == PRIMER_OK),
               "there is a tokenizer where the status says so");
    if (tokenizer != NULL)
        use_all(tokenizer, text, size);
    tokenizer_free(tokenizer);
    return 0;
}
