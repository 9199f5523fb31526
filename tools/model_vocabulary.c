/* model_vocabulary.c - the list of tokens is built in memory (texts, types, scores), then written.
 *
 *   bpe   [256 bytes, GPT-2's order] [merged pieces] [<|endoftext|>] [runs of blanks] [PADn]
 *   spm   [<unk> <s> </s>] [<0x00>..<0xFF>] [merged pieces] [single characters]
 *
 * GPT-2 writes bytes as characters that can be seen: 33..126, 161..172 and 174..255 as the code
 * point of the same number, the other 68 in order as U+0100, U+0101, ... (Radford et al. 2019,
 * encoder.py).
 */
#include "model_vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "model_pieces.h"

enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER, TYPE_UNUSED, TYPE_BYTE };
enum {
    DEFAULT_SIZE = 512,
    BPE_LEAST = 257,
    SPM_LEAST = 259,
    PHI_SIZE = 51200,   /* at this size the merges are 50,000, as many as Phi-2 has */
    PHI_MERGES = 50000,
    ADDED_FROM = 512,   /* tokens from which on the runs of spaces and tabs are added */
    ADDED = 38,
    PADDED = 4          /* at least, where the runs are added */
};

struct token {
    size_t at, length; /* in texts */
    int32_t type;
    float score;
};

struct vocabulary {
    struct buffer texts;          /* one after another */
    struct buffer tokens, merges; /* of struct token */
    size_t count, merge_count;
};

static void vocabulary_free(struct vocabulary *vocabulary)
{
    buffer_free(&vocabulary->texts);
    buffer_free(&vocabulary->tokens);
    buffer_free(&vocabulary->merges);
}

static primer_status add_text(struct vocabulary *vocabulary, struct buffer *list, const char *text,
                              size_t length, int32_t type, float score, primer_error *error)
{
    struct token token = {vocabulary->texts.length, length, type, score};
    FORWARD(buffer_append(&vocabulary->texts, text, length, error));
    return buffer_append(list, &token, sizeof token, error);
}

static primer_status add_token(struct vocabulary *vocabulary, const char *text, size_t length,
                               int32_t type, float score, primer_error *error)
{
    vocabulary->count++;
    return add_text(vocabulary, &vocabulary->tokens, text, length, type, score, error);
}

static const struct token *tokens_of(const struct buffer *list)
{
    return (const struct token *)(const void *)list->bytes;
}

static primer_status add_padding(struct vocabulary *vocabulary, size_t size, primer_error *error)
{
    while (vocabulary->count < size) {
        char text[32];
        int length = snprintf(text, sizeof text, "[PAD%zu]", vocabulary->count);
        FORWARD(add_token(vocabulary, text, (size_t)length, TYPE_UNUSED, -1000.0F, error));
    }
    return PRIMER_OK;
}

/* ---- writing ---- */

static primer_status write_texts(struct gguf_writer *writer, const char *key,
                                 const struct vocabulary *vocabulary, const struct buffer *list,
                                 size_t count, primer_error *error)
{
    struct gguf_string *texts = memory_allocate(count, sizeof *texts);
    if (!texts)
        return memory_failure(error, "a vocabulary", count * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = (struct gguf_string){vocabulary->texts.bytes + tokens_of(list)[i].at,
                                        tokens_of(list)[i].length};
    primer_status status = gguf_write_strings(writer, key, texts, count, error);
    memory_free(texts);
    return status;
}

static primer_status write_types(struct gguf_writer *writer, const struct vocabulary *vocabulary,
                                 primer_error *error)
{
    int32_t *types = memory_allocate(vocabulary->count, sizeof *types);
    if (!types)
        return memory_failure(error, "a vocabulary", vocabulary->count * sizeof *types);
    for (size_t i = 0; i < vocabulary->count; i++)
        types[i] = tokens_of(&vocabulary->tokens)[i].type;
    primer_status status =
        gguf_write_i32s(writer, "tokenizer.ggml.token_type", types, vocabulary->count, error);
    memory_free(types);
    return status;
}

static primer_status write_scores(struct gguf_writer *writer, const struct vocabulary *vocabulary,
                                  primer_error *error)
{
    float *scores = memory_allocate(vocabulary->count, sizeof *scores);
    if (!scores)
        return memory_failure(error, "a vocabulary", vocabulary->count * sizeof *scores);
    for (size_t i = 0; i < vocabulary->count; i++)
        scores[i] = tokens_of(&vocabulary->tokens)[i].score;
    primer_status status =
        gguf_write_f32s(writer, "tokenizer.ggml.scores", scores, vocabulary->count, error);
    memory_free(scores);
    return status;
}

static primer_status write_tokens(struct gguf_writer *writer, const struct vocabulary *vocabulary,
                                  primer_error *error)
{
    FORWARD(write_texts(writer, "tokenizer.ggml.tokens", vocabulary, &vocabulary->tokens,
                        vocabulary->count, error));
    return write_types(writer, vocabulary, error);
}

/* ---- byte-level BPE ---- */

static bool is_visible(unsigned byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct byte_order {
    unsigned char bytes[256]; /* by token */
    char texts[256][5];       /* by byte: its character, NUL-terminated */
};

static void order_bytes(struct byte_order *order)
{
    size_t visible = 0, hidden = 0;
    for (unsigned byte = 0; byte < 256; byte++)
        visible += is_visible(byte);
    for (size_t byte = 0, next = 0; byte < 256; byte++) {
        uint32_t code = is_visible((unsigned)byte) ? (uint32_t)byte : 256U + (uint32_t)hidden;
        size_t token = is_visible((unsigned)byte) ? next++ : visible + hidden++;
        order->bytes[token] = (unsigned char)byte;
        order->texts[byte][utf8_encode(code, order->texts[byte])] = '\0';
    }
}

static void spell(const struct byte_order *order, const struct model_piece *piece, char *out)
{
    *out = '\0';
    for (size_t i = 0; i < piece->length; i++)
        strcat(out, order->texts[piece->bytes[i]]);
}

enum { SPELLED = 4 * MODEL_PIECES_LENGTH + 1 };

static primer_status add_bpe_pieces(struct vocabulary *vocabulary,
                                    const struct model_pieces *pieces,
                                    const struct byte_order *order, primer_error *error)
{
    for (size_t i = 0; i < pieces->count; i++) {
        const struct model_piece *piece = &pieces->pieces[i];
        char text[SPELLED], left[SPELLED], right[SPELLED], merge[2 * SPELLED + 1];
        spell(order, piece, text);
        FORWARD(add_token(vocabulary, text, strlen(text), TYPE_NORMAL, 0.0F, error));
        if (i < pieces->singles)
            continue;
        spell(order, &pieces->pieces[piece->left], left);
        spell(order, &pieces->pieces[piece->right], right);
        int length = snprintf(merge, sizeof merge, "%s %s", left, right);
        vocabulary->merge_count++;
        FORWARD(add_text(vocabulary, &vocabulary->merges, merge, (size_t)length, 0, 0.0F, error));
    }
    return PRIMER_OK;
}

static primer_status add_runs(struct vocabulary *vocabulary, char byte, size_t longest,
                              primer_error *error)
{
    char run[32];
    memset(run, byte, sizeof run);
    for (size_t length = longest; length >= 2; length--)
        FORWARD(add_token(vocabulary, run, length, TYPE_USER, 0.0F, error));
    return PRIMER_OK;
}

static primer_status write_bpe(struct gguf_writer *writer,
                               const struct model_vocabulary_options *options, size_t size,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct vocabulary vocabulary = {0};
    struct model_pieces pieces = {0};
    struct byte_order order;
    bool added = size >= ADDED_FROM;
    size_t wanted = size - 1 - (added ? ADDED + PADDED : 0);
    if (size >= PHI_SIZE)
        wanted = 256 + PHI_MERGES;
    order_bytes(&order);
    TRY(model_pieces_create(&pieces, order.bytes, 256, wanted, options->seed, error));
    TRY(add_bpe_pieces(&vocabulary, &pieces, &order, error));
    uint32_t end = (uint32_t)vocabulary.count;
    TRY(add_token(&vocabulary, "<|endoftext|>", 13, TYPE_CONTROL, 0.0F, error));
    if (added) {
        TRY(add_runs(&vocabulary, ' ', 31, error));
        TRY(add_runs(&vocabulary, '\t', 9, error));
    }
    TRY(add_padding(&vocabulary, size, error));
    TRY(gguf_write_string(writer, "tokenizer.ggml.model", "gpt2", error));
    TRY(gguf_write_string(writer, "tokenizer.ggml.pre", options->pre ? options->pre : "gpt-2",
                          error));
    TRY(write_tokens(writer, &vocabulary, error));
    TRY(write_texts(writer, "tokenizer.ggml.merges", &vocabulary, &vocabulary.merges,
                    vocabulary.merge_count, error));
    TRY(gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", end, error));
    TRY(gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", end, error));
    TRY(gguf_write_u32(writer, "tokenizer.ggml.unknown_token_id", end, error));
    TRY(gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", false, error));
cleanup:
    model_pieces_free(&pieces);
    vocabulary_free(&vocabulary);
    return status;
}

/* ---- SentencePiece-style BPE ---- */

/* The single characters, in the order in which a small vocabulary gets them. */
static const char SINGLES[] = " etaoinshrdlucmfwypvbgkjqxz.,'\"!?-:;()[]{}<>=+*/\\_#@%&|~^$`"
                              "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static primer_status add_spm_piece(struct vocabulary *vocabulary, const struct model_piece *piece,
                                   float score, primer_error *error)
{
    char text[3 * MODEL_PIECES_LENGTH + 1] = "";
    size_t length = 0;
    for (size_t i = 0; i < piece->length; i++) {
        if (piece->bytes[i] == ' ')
            length += utf8_encode(0x2581, text + length);
        else
            text[length++] = (char)piece->bytes[i];
    }
    return add_token(vocabulary, text, length, TYPE_NORMAL, score, error);
}

static primer_status add_spm_tokens(struct vocabulary *vocabulary,
                                    const struct model_pieces *pieces, primer_error *error)
{
    size_t merged = pieces->count - pieces->singles;
    FORWARD(add_token(vocabulary, "<unk>", 5, TYPE_UNKNOWN, 0.0F, error));
    FORWARD(add_token(vocabulary, "<s>", 3, TYPE_CONTROL, 0.0F, error));
    FORWARD(add_token(vocabulary, "</s>", 4, TYPE_CONTROL, 0.0F, error));
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", byte);
        FORWARD(add_token(vocabulary, text, 6, TYPE_BYTE, 0.0F, error));
    }
    for (size_t i = 0; i < merged; i++)
        FORWARD(add_spm_piece(vocabulary, &pieces->pieces[pieces->singles + i], -(float)i, error));
    for (size_t i = 0; i < pieces->singles; i++)
        FORWARD(add_spm_piece(vocabulary, &pieces->pieces[i], -(float)(merged + i), error));
    return PRIMER_OK;
}

static primer_status write_spm(struct gguf_writer *writer,
                               const struct model_vocabulary_options *options, size_t size,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct vocabulary vocabulary = {0};
    struct model_pieces pieces = {0};
    size_t wanted = size - SPM_LEAST, letters = 27;
    size_t singles = wanted / 2 > letters ? wanted / 2 : letters;
    singles = singles < sizeof SINGLES - 1 ? singles : sizeof SINGLES - 1;
    singles = singles < wanted ? singles : wanted;
    TRY(model_pieces_create(&pieces, (const unsigned char *)SINGLES, singles, wanted, options->seed,
                            error));
    TRY(add_spm_tokens(&vocabulary, &pieces, error));
    TRY(add_padding(&vocabulary, size, error));
    TRY(gguf_write_string(writer, "tokenizer.ggml.model", "llama", error));
    TRY(gguf_write_string(writer, "tokenizer.ggml.pre", "default", error));
    TRY(write_tokens(writer, &vocabulary, error));
    TRY(write_scores(writer, &vocabulary, error));
    TRY(gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", 1, error));
    TRY(gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", 2, error));
    TRY(gguf_write_u32(writer, "tokenizer.ggml.unknown_token_id", 0, error));
    TRY(gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", true, error));
    TRY(gguf_write_bool(writer, "tokenizer.ggml.add_eos_token", false, error));
    TRY(gguf_write_bool(writer, "tokenizer.ggml.add_space_prefix", true, error));
cleanup:
    model_pieces_free(&pieces);
    vocabulary_free(&vocabulary);
    return status;
}

/* ---- another file's ---- */

static bool is_list(const struct gguf_value *value)
{
    static const char *const LISTS[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type",
                                        "tokenizer.ggml.scores"};
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++)
        if (strlen(LISTS[i]) == value->key.length &&
            memcmp(LISTS[i], value->key.bytes, value->key.length) == 0)
            return true;
    return false;
}

static primer_status tokens_in(const struct gguf *gguf, const struct gguf_value **tokens,
                               primer_error *error)
{
    const struct gguf_value *found = gguf_value_named(gguf, "tokenizer.ggml.tokens");
    if (!found || found->type != GGUF_ARRAY || found->element_type != GGUF_STRING)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: no tokenizer.ggml.tokens of type array of string", gguf_path(gguf));
    *tokens = found;
    return PRIMER_OK;
}

static primer_status read_lists(struct vocabulary *vocabulary, const struct gguf *gguf,
                                primer_error *error)
{
    const struct gguf_value *tokens = NULL;
    const struct gguf_value *types = gguf_value_named(gguf, "tokenizer.ggml.token_type");
    const struct gguf_value *scores = gguf_value_named(gguf, "tokenizer.ggml.scores");
    size_t offset = 0;
    FORWARD(tokens_in(gguf, &tokens, error));
    for (size_t i = 0; i < tokens->count; i++) {
        struct gguf_string text = gguf_array_string(tokens, &offset);
        int32_t type = types ? (int32_t)gguf_array_integer(types, i) : TYPE_NORMAL;
        float score = scores ? (float)gguf_array_number(scores, i) : 0.0F;
        FORWARD(add_token(vocabulary, text.bytes, text.length, type, score, error));
    }
    return PRIMER_OK;
}

static primer_status write_copy(struct gguf_writer *writer,
                                const struct model_vocabulary_options *options, size_t size,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf *gguf = NULL;
    struct vocabulary vocabulary = {0};
    TRY(gguf_open(&gguf, options->kind, error));
    for (size_t i = 0; i < gguf_value_count(gguf); i++) {
        const struct gguf_value *value = gguf_value_at(gguf, i);
        if (value->key.length > 10 && memcmp(value->key.bytes, "tokenizer.", 10) == 0 &&
            !is_list(value))
            TRY(gguf_write_value(writer, value, error));
    }
    TRY(read_lists(&vocabulary, gguf, error));
    TRY(add_padding(&vocabulary, size, error));
    TRY(write_tokens(writer, &vocabulary, error));
    if (gguf_value_named(gguf, "tokenizer.ggml.scores"))
        TRY(write_scores(writer, &vocabulary, error));
cleanup:
    vocabulary_free(&vocabulary);
    gguf_free(gguf);
    return status;
}

/* ---- the door ---- */

static primer_status size_of_file(const char *path, size_t *size, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf *gguf = NULL;
    const struct gguf_value *tokens = NULL;
    TRY(gguf_open(&gguf, path, error));
    TRY(tokens_in(gguf, &tokens, error));
    *size = tokens->count;
cleanup:
    gguf_free(gguf);
    return status;
}

primer_status model_vocabulary_size(const struct model_vocabulary_options *options, size_t *size,
                                    primer_error *error)
{
    size_t least = 0, usual = DEFAULT_SIZE;
    if (strcmp(options->kind, "bpe") == 0) {
        least = BPE_LEAST;
    } else if (strcmp(options->kind, "spm") == 0) {
        least = SPM_LEAST;
    } else {
        FORWARD(size_of_file(options->kind, &least, error));
        usual = least;
    }
    size_t wanted = options->size == 0 ? usual : options->size;
    if (wanted < least)
        return error_set(error, PRIMER_EINVAL,
                         "a vocabulary of %zu tokens is too small: tokenizer '%s' has %zu", wanted,
                         options->kind, least);
    *size = wanted;
    return PRIMER_OK;
}

primer_status model_vocabulary_write(struct gguf_writer *writer,
                                     const struct model_vocabulary_options *options,
                                     primer_error *error)
{
    size_t size = 0;
    FORWARD(model_vocabulary_size(options, &size, error));
    if (strcmp(options->kind, "bpe") == 0)
        return write_bpe(writer, options, size, error);
    if (strcmp(options->kind, "spm") == 0)
        return write_spm(writer, options, size, error);
    return write_copy(writer, options, size, error);
}
