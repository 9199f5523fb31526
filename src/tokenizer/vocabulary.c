/* vocabulary.c - storage and look-up of tokens, and what their texts stand for. See vocabulary.h.
 *
 * GPT-2's alphabet:   21..7E, A1..AC, AE..FF   themselves
 *                     00..20  7F..A0  AD       U+0100.. in this order (68 of them)
 */
#include "tokenizer/vocabulary.h"

#include <string.h>
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"

static const char *const turn_ends[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<end_of_turn>",
    "<turn|>",
    "</s>",
    "<eos>",
    "<end_of_utterance>",
    "<|return|>",
    "<|call|>",
    "[EOS]",
    "<｜end▁of▁sentence｜>",
};

primer_status vocabulary_create(struct vocabulary *vocabulary, size_t count, primer_error *error)
{
    if (count == 0)
        return error_set(error, PRIMER_EFORMAT, "the vocabulary has no tokens");
    if (count > VOCABULARY_MOST)
        return error_set(error, PRIMER_ELIMIT, "the vocabulary has %zu tokens: at most %zu", count,
                         VOCABULARY_MOST);
    size_t capacity = 16;
    while (capacity < 2 * count)
        capacity *= 2;
    *vocabulary = (struct vocabulary){.count = count, .capacity = capacity};
    vocabulary->tokens = memory_allocate(count, sizeof *vocabulary->tokens);
    vocabulary->slots = memory_allocate(capacity, sizeof *vocabulary->slots);
    if (vocabulary->tokens == NULL || vocabulary->slots == NULL) {
        vocabulary_free(vocabulary);
        return memory_failure(error, "the vocabulary", count * sizeof *vocabulary->tokens);
    }
    for (size_t i = 0; i < capacity; i++)
        vocabulary->slots[i].id = -1;
    return PRIMER_OK;
}

void vocabulary_free(struct vocabulary *vocabulary)
{
    memory_free(vocabulary->tokens);
    memory_free(vocabulary->slots);
    buffer_free(&vocabulary->store);
    *vocabulary = (struct vocabulary){0};
}

primer_status vocabulary_set(struct vocabulary *vocabulary, size_t id, const char *text,
                             size_t length, primer_error *error)
{
    if (length > VOCABULARY_TEXT_MOST)
        return error_set(error, PRIMER_ELIMIT, "token %zu has %zu bytes: at most %d", id, length,
                         VOCABULARY_TEXT_MOST);
    struct buffer *const store = &vocabulary->store;
    if (store->length > UINT32_MAX / 2)
        return error_set(error, PRIMER_ELIMIT, "the tokens' texts exceed 2 GB");
    vocabulary->tokens[id].text = (uint32_t)store->length;
    vocabulary->tokens[id].text_length = (uint32_t)length;
    vocabulary->tokens[id].kind = VOCABULARY_NORMAL;
    return buffer_append(store, text, length, error);
}

static struct vocabulary_slot *slot_for(const struct vocabulary *vocabulary, const char *text,
                                        size_t length, uint32_t hash)
{
    for (size_t at = hash;; at++) {
        struct vocabulary_slot *const slot = &vocabulary->slots[at & (vocabulary->capacity - 1)];
        if (slot->id < 0)
            return slot;
        if (slot->hash != hash || vocabulary->tokens[slot->id].text_length != length)
            continue;
        if (memcmp(vocabulary_text(vocabulary, (size_t)slot->id), text, length) == 0)
            return slot;
    }
}

primer_status vocabulary_enter(struct vocabulary *vocabulary, size_t id, primer_error *error)
{
    const struct vocabulary_token *const token = &vocabulary->tokens[id];
    if (token->text_length == 0)
        return PRIMER_OK;
    const char *const text = vocabulary_text(vocabulary, id);
    const uint32_t hash = (uint32_t)hash_bytes(text, token->text_length, 0);
    struct vocabulary_slot *const slot = slot_for(vocabulary, text, token->text_length, hash);
    if (slot->id >= 0) {
        char name[64];
        return error_set(error, PRIMER_EFORMAT, "tokens %d and %zu are both '%s'", slot->id, id,
                         error_printable(text, token->text_length, name, sizeof name));
    }
    *slot = (struct vocabulary_slot){hash, (int32_t)id};
    return PRIMER_OK;
}

int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t length)
{
    if (length == 0 || length > VOCABULARY_TEXT_MOST)
        return -1;
    return slot_for(vocabulary, text, length, (uint32_t)hash_bytes(text, length, 0))->id;
}

/* ---- what texts stand for ---- */

int vocabulary_byte_value(const char *text, size_t length)
{
    static const char digits[] = "0123456789ABCDEF0123456789abcdef";
    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int value = 0;
    for (size_t i = 3; i < 5; i++) {
        const char *const digit = memchr(digits, text[i], sizeof digits - 1);
        if (digit == NULL)
            return -1;
        value = value * 16 + (int)((digit - digits) % 16);
    }
    return value;
}

static bool prints_itself(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

size_t vocabulary_alphabet_encode(unsigned char byte, char out[2])
{
    uint32_t code_point = byte;
    if (byte <= 0x20)
        code_point = 0x100u + byte;
    else if (byte >= 0x7F && byte <= 0xA0)
        code_point = 0x121u + byte - 0x7F;
    else if (byte == 0xAD)
        code_point = 0x143;
    char encoded[4];
    const size_t length = utf8_encode(code_point, encoded);
    memcpy(out, encoded, length);
    return length;
}

/* The alphabet's characters have one byte or two, 0xC2..0xC5 and one more. */
bool vocabulary_alphabet_decode(const char *text, size_t length, char *out, size_t *out_length)
{
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        const unsigned char first = (unsigned char)text[at++];
        uint32_t code_point = first;
        if (first >= 0xC2 && first <= 0xC5 && at < length && ((unsigned char)text[at] >> 6) == 2)
            code_point = (first & 0x1Fu) << 6 | ((unsigned char)text[at++] & 0x3Fu);
        else if (first >= 0x80)
            return false;
        if (code_point > 0x143 || (code_point < 0x100 && !prints_itself(code_point)))
            return false;
        if (code_point == 0x143)
            code_point = 0xAD;
        else if (code_point >= 0x121)
            code_point = code_point - 0x121 + 0x7F;
        out[written++] = (char)(code_point & 0xFF);
    }
    *out_length = written;
    return true;
}

/* "▁" to a space; returns the new length. */
static size_t spaces_back(const char *text, size_t length, char *out)
{
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        if (length - at >= 3 && memcmp(text + at, "\xE2\x96\x81", 3) == 0) {
            out[written++] = ' ';
            at += 3;
        } else {
            out[written++] = text[at++];
        }
    }
    return written;
}

static primer_status set_bytes(struct vocabulary *vocabulary, size_t id, bool byte_level,
                               primer_error *error)
{
    struct vocabulary_token *const token = &vocabulary->tokens[id];
    const char *const text = vocabulary_text(vocabulary, id);
    const size_t length = token->text_length;
    char decoded[VOCABULARY_TEXT_MOST];
    size_t decoded_length = 0;
    token->bytes = token->text;
    token->bytes_length = token->text_length;
    if (token->kind == VOCABULARY_BYTE) {
        decoded[0] = (char)vocabulary_byte_value(text, length);
        decoded_length = 1;
    } else if (token->kind == VOCABULARY_NORMAL || token->kind == VOCABULARY_UNUSED) {
        if (!byte_level)
            decoded_length = spaces_back(text, length, decoded);
        else if (!vocabulary_alphabet_decode(text, length, decoded, &decoded_length))
            decoded_length = 0;
    }
    if (decoded_length > 0 && (decoded_length != length || memcmp(decoded, text, length) != 0)) {
        token->bytes = (uint32_t)vocabulary->store.length;
        token->bytes_length = (uint32_t)decoded_length;
        FORWARD(buffer_append(&vocabulary->store, decoded, decoded_length, error));
    }
    if (token->bytes_length > vocabulary->longest)
        vocabulary->longest = token->bytes_length;
    return PRIMER_OK;
}

bool vocabulary_is_end(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof turn_ends / sizeof turn_ends[0]; i++) {
        if (strlen(turn_ends[i]) == length && memcmp(turn_ends[i], text, length) == 0)
            return true;
    }
    return false;
}

void vocabulary_mark_ends(struct vocabulary *vocabulary)
{
    for (size_t i = 0; i < sizeof turn_ends / sizeof turn_ends[0]; i++) {
        const int32_t id = vocabulary_find(vocabulary, turn_ends[i], strlen(turn_ends[i]));
        if (id < 0)
            continue;
        vocabulary->tokens[id].ends = true;
        vocabulary->tokens[id].kind = VOCABULARY_CONTROL;
    }
}

primer_status vocabulary_finish(struct vocabulary *vocabulary, bool byte_level, primer_error *error)
{
    for (size_t id = 0; id < vocabulary->count; id++)
        FORWARD(set_bytes(vocabulary, id, byte_level, error));
    return PRIMER_OK;
}
