/* bpe_train_write.c - a learned tokenizer as a file.
 *
 *   GGUF             tokenizer.ggml.model "gpt2", pre (how texts are cut), tokens, token_type
 *                    (special tokens are control tokens), merges, bos and eos (the first special
 *                    token), add_bos_token false, a chat template where one was given
 *   tokenizer.json   model BPE, added_tokens, pre_tokenizer, decoder ByteLevel
 *
 * Both write tokens in GPT-2's alphabet of bytes. Neither file exists before it is complete.
 */
#include "tokenizer/bpe_train.h"

#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "format/gguf.h"
#include "tokenizer/vocabulary.h"

#define KEY(name) "tokenizer.ggml." name

/* The texts of all ids, one after the other. */
struct texts {
    struct buffer store;
    size_t *at; /* [count + 1] in the store, by id */
    size_t count;
};

static void texts_free(struct texts *texts)
{
    buffer_free(&texts->store);
    memory_free(texts->at);
}

/* Appends the bytes in GPT-2's alphabet. */
static primer_status append_encoded(struct buffer *out, const char *bytes, size_t length,
                                    primer_error *error)
{
    FORWARD(buffer_reserve(out, 2 * length, error));
    for (size_t i = 0; i < length; i++) {
        char text[2];
        const size_t width = vocabulary_alphabet_encode((unsigned char)bytes[i], text);
        FORWARD(buffer_append(out, text, width, error));
    }
    return PRIMER_OK;
}

static primer_status append_symbol(const struct bpe_trained *trained, uint32_t symbol,
                                   struct buffer *out, primer_error *error)
{
    const struct bpe_train_token token = trained->tokens[symbol];
    return append_encoded(out, trained->bytes.bytes + token.at, token.length, error);
}

static primer_status append_special(const struct bpe_trained *trained, struct texts *texts,
                                    primer_error *error)
{
    for (size_t i = 0; i < trained->special_count; i++) {
        texts->at[texts->count++] = texts->store.length;
        FORWARD(buffer_text(&texts->store, trained->special[i], error));
    }
    return PRIMER_OK;
}

static primer_status append_symbols(const struct bpe_trained *trained, struct texts *texts,
                                    primer_error *error)
{
    uint32_t by_rank[256];
    const size_t first = trained->special_last ? 0 : trained->special_count;
    for (uint32_t byte = 0; byte < 256; byte++) {
        if (trained->written[byte])
            by_rank[(size_t)bpe_train_id(trained, byte) - first] = byte;
    }
    for (size_t i = 0; i < trained->byte_count + trained->merge_count; i++) {
        texts->at[texts->count++] = texts->store.length;
        FORWARD(append_symbol(trained,
                              i < trained->byte_count ? by_rank[i]
                                                      : (uint32_t)(256 + i - trained->byte_count),
                              &texts->store, error));
    }
    return PRIMER_OK;
}

static primer_status make_texts(const struct bpe_trained *trained, struct texts *texts,
                                primer_error *error)
{
    const size_t count = bpe_train_vocabulary(trained);
    texts->at = memory_allocate(count + 1, sizeof *texts->at);
    if (texts->at == NULL)
        return memory_failure(error, "the tokens' texts", count * sizeof *texts->at);
    if (!trained->special_last)
        FORWARD(append_special(trained, texts, error));
    FORWARD(append_symbols(trained, texts, error));
    if (trained->special_last)
        FORWARD(append_special(trained, texts, error));
    texts->at[count] = texts->store.length;
    return PRIMER_OK;
}

static primer_status append_merge(const struct bpe_trained *trained, size_t index,
                                  struct buffer *out, primer_error *error)
{
    FORWARD(append_symbol(trained, trained->merges[index].left, out, error));
    FORWARD(buffer_append(out, " ", 1, error));
    return append_symbol(trained, trained->merges[index].right, out, error);
}

static size_t first_special(const struct bpe_trained *trained)
{
    return trained->special_last ? trained->byte_count + trained->merge_count : 0;
}

/* ---- GGUF ------------------------------------------------------------------------------------ */

static primer_status write_texts(struct gguf_writer *writer, const char *key,
                                 const struct texts *texts, primer_error *error)
{
    struct gguf_string *const strings = memory_allocate(texts->count, sizeof *strings);
    if (strings == NULL)
        return memory_failure(error, key, texts->count * sizeof *strings);
    for (size_t i = 0; i < texts->count; i++)
        strings[i] = (struct gguf_string){texts->store.bytes + texts->at[i],
                                          texts->at[i + 1] - texts->at[i]};
    const primer_status status = gguf_write_strings(writer, key, strings, texts->count, error);
    memory_free(strings);
    return status;
}

static primer_status write_kinds(struct gguf_writer *writer, const struct bpe_trained *trained,
                                 primer_error *error)
{
    const size_t count = bpe_train_vocabulary(trained), special = first_special(trained);
    int32_t *const kinds = memory_allocate(count, sizeof *kinds);
    if (kinds == NULL)
        return memory_failure(error, KEY("token_type"), count * sizeof *kinds);
    for (size_t i = 0; i < count; i++)
        kinds[i] = i >= special && i - special < trained->special_count ? VOCABULARY_CONTROL
                                                                        : VOCABULARY_NORMAL;
    const primer_status status = gguf_write_i32s(writer, KEY("token_type"), kinds, count, error);
    memory_free(kinds);
    return status;
}

static primer_status write_merges(struct gguf_writer *writer, const struct bpe_trained *trained,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct texts merges = {0};
    merges.at = memory_allocate(trained->merge_count + 1, sizeof *merges.at);
    if (merges.at == NULL)
        TRY(memory_failure(error, KEY("merges"), trained->merge_count * sizeof *merges.at));
    TRY(buffer_reserve(&merges.store, 1, error));
    for (size_t i = 0; i < trained->merge_count; i++) {
        merges.at[merges.count++] = merges.store.length;
        TRY(append_merge(trained, i, &merges.store, error));
    }
    merges.at[merges.count] = merges.store.length;
    TRY(write_texts(writer, KEY("merges"), &merges, error));
cleanup:
    texts_free(&merges);
    return status;
}

static primer_status write_gguf(const struct bpe_trained *trained, const struct texts *texts,
                                const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf_writer *writer = NULL;
    TRY(gguf_writer_create(&writer, path, error));
    TRY(gguf_write_string(writer, KEY("model"), "gpt2", error));
    TRY(gguf_write_string(writer, KEY("pre"), trained->pattern.name, error));
    TRY(write_texts(writer, KEY("tokens"), texts, error));
    TRY(write_kinds(writer, trained, error));
    TRY(write_merges(writer, trained, error));
    if (trained->special_count > 0) {
        const uint32_t id = (uint32_t)first_special(trained);
        TRY(gguf_write_u32(writer, KEY("bos_token_id"), id, error));
        TRY(gguf_write_u32(writer, KEY("eos_token_id"), id, error));
    }
    TRY(gguf_write_bool(writer, KEY("add_bos_token"), false, error));
    if (trained->chat_template != NULL)
        TRY(gguf_write_string(writer, "tokenizer.chat_template", trained->chat_template, error));
    TRY(gguf_writer_finish(writer, error));
cleanup:
    gguf_writer_free(writer);
    return status;
}

/* ---- tokenizer.json -------------------------------------------------------------------------- */

static primer_status append_added(const struct bpe_trained *trained, struct buffer *out,
                                  primer_error *error)
{
    for (size_t i = 0; i < trained->special_count; i++) {
        FORWARD(buffer_format(out, error, "%s\n{\"id\":%zu,\"content\":", i > 0 ? "," : "",
                              first_special(trained) + i));
        FORWARD(buffer_json_string(out, trained->special[i], strlen(trained->special[i]), error));
        FORWARD(buffer_text(out,
                            ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                            "\"normalized\":false,\"special\":true}",
                            error));
    }
    return PRIMER_OK;
}

static primer_status append_model(const struct bpe_trained *trained, const struct texts *texts,
                                  struct buffer *out, primer_error *error)
{
    struct buffer merge = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_text(
        out,
        "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
        "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
        "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{",
        error));
    for (size_t i = 0; i < texts->count; i++) {
        TRY(buffer_text(out, i > 0 ? ",\n" : "\n", error));
        TRY(buffer_json_string(out, texts->store.bytes + texts->at[i],
                               texts->at[i + 1] - texts->at[i], error));
        TRY(buffer_format(out, error, ":%zu", i));
    }
    TRY(buffer_text(out, "},\n\"merges\":[", error));
    for (size_t i = 0; i < trained->merge_count; i++) {
        buffer_clear(&merge);
        TRY(append_merge(trained, i, &merge, error));
        TRY(buffer_text(out, i > 0 ? ",\n" : "\n", error));
        TRY(buffer_json_string(out, merge.bytes, merge.length, error));
    }
    TRY(buffer_text(out, "]}", error));
cleanup:
    buffer_free(&merge);
    return status;
}

static primer_status make_json(const struct bpe_trained *trained, const struct texts *texts,
                               struct buffer *out, primer_error *error)
{
    static const char bytes[] = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                                "\"trim_offsets\":true,\"use_regex\":true}";
    FORWARD(buffer_text(out,
                        "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
                        "\"added_tokens\":[",
                        error));
    FORWARD(append_added(trained, out, error));
    FORWARD(buffer_text(out, "],\n\"normalizer\":null,\n\"pre_tokenizer\":", error));
    FORWARD(bpe_train_pattern_json(&trained->pattern, out, error));
    FORWARD(buffer_text(out, ",\n\"post_processor\":null,\n\"decoder\":", error));
    FORWARD(buffer_text(out, bytes, error));
    FORWARD(buffer_text(out, ",\n\"model\":", error));
    FORWARD(append_model(trained, texts, out, error));
    return buffer_text(out, "}\n", error);
}

static primer_status write_json(const struct bpe_trained *trained, const struct texts *texts,
                                const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer json = {0};
    struct file_writer writer = {0};
    TRY(make_json(trained, texts, &json, error));
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, json.bytes, json.length, error));
    TRY(file_writer_commit(&writer, error));
cleanup:
    file_writer_abandon(&writer);
    buffer_free(&json);
    return status;
}

primer_status bpe_train_write(const struct bpe_trained *trained, const char *path,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct texts texts = {0};
    const bool gguf = bpe_train_is_gguf(path);
    TRY(bpe_train_pattern_check(&trained->pattern, !gguf, error));
    TRY(make_texts(trained, &texts, error));
    TRY(gguf ? write_gguf(trained, &texts, path, error) : write_json(trained, &texts, path, error));
cleanup:
    texts_free(&texts);
    return status;
}
