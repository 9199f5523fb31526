/* fuzz_answer.c - any bytes as a model's answer: taken apart alike, whole and in pieces.
 *
 *   byte 0: the style · byte 1: bit 0 tools, bit 1 thinking, bit 2 inside, the rest how it is cut ·
 *   the answer
 */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "chat/chat_format.h"
#include "fuzz_driver.h"

struct parts {
    struct buffer text;
    primer_chat_part_kind last;
    size_t open; /* calls that began; and of these the ones that ended */
    size_t ended;
};

static bool collect(void *context, const primer_chat_part *part)
{
    struct parts *const parts = context;
    const bool stream = part->kind != PRIMER_CHAT_CALL && part->kind != PRIMER_CHAT_CALL_END;
    if (!stream || parts->last != part->kind || parts->text.length == 0)
        buffer_format(&parts->text, NULL, "\n%d:", (int)part->kind);
    buffer_append(&parts->text, part->text, part->length, NULL);
    parts->last = part->kind;
    if (part->kind == PRIMER_CHAT_CALL)
        fuzz_check(part->index == parts->open++, "calls are numbered in order");
    if (part->kind == PRIMER_CHAT_CALL_ARGUMENTS || part->kind == PRIMER_CHAT_CALL_END)
        fuzz_check(part->index + 1 == parts->open, "arguments belong to the last call");
    if (part->kind == PRIMER_CHAT_CALL_END)
        fuzz_check(++parts->ended <= parts->open, "a call ends once");
    return true;
}

static struct parts read_answer(const primer_chat_format *format, unsigned char options,
                                const char *answer, size_t length, size_t step)
{
    struct parts parts = {.open = 0};
    primer_chat_reader *reader = NULL;
    primer_error error = {0};
    fuzz_status(
        primer_chat_reader_create(format, (options & 1) != 0, (options & 4) != 0, &reader, &error),
        &error);
    for (size_t at = 0; at < length && reader != NULL; at += step)
        fuzz_check(primer_chat_reader_feed(reader, answer + at,
                                           length - at < step ? length - at : step, collect,
                                           &parts),
                   "it goes on while the callback does");
    if (reader != NULL)
        primer_chat_reader_end(reader, collect, &parts);
    primer_chat_reader_free(reader);
    return parts;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char *const styles[] = {
        "hermes",      "llama-3",         "mistral",         "mistral-arguments", "command-r",
        "command-r7b", "functionary-3.1", "functionary-3.2", "firefunction",      "deepseek"};
    if (size < 2)
        return 0;
    const primer_chat_format format = {
        .name = "fuzz",
        .style = chat_style_named(styles[data[0] % (sizeof styles / sizeof styles[0])]),
        .thinking = (data[1] & 2) != 0 ? chat_style_thinking("</think>") : NULL};
    const char *const answer = (const char *)data + 2;
    struct parts whole = read_answer(&format, data[1], answer, size - 2, size);
    struct parts cut = read_answer(&format, data[1], answer, size - 2, 1 + (data[1] >> 3));
    fuzz_check(whole.text.length == cut.text.length &&
                   (whole.text.length == 0 ||
                    memcmp(whole.text.bytes, cut.text.bytes, whole.text.length) == 0),
               "pieces give what the whole gives");
    buffer_free(&whole.text);
    buffer_free(&cut.text);
    return 0;
}
