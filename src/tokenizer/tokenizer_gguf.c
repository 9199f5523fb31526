/* tokenizer_gguf.c - a tokenizer from a GGUF's metadata.
 *
 *   tokenizer.ggml.model          "gpt2": byte-level BPE, "llama": SentencePiece-style BPE
 *   tokenizer.ggml.pre            the pattern's name (byte-level; see pattern.c)
 *   tokenizer.ggml.tokens         [string]
 *   tokenizer.ggml.token_type     [i32] 1 normal 2 unknown 3 control 4 user-defined 5 unused 6 byte
 *   tokenizer.ggml.scores         [f32] (llama)
 *   tokenizer.ggml.merges         [string] "left right", cut at the first space after a byte
 *   tokenizer.ggml.{bos,eos,eot,eom,unknown}_token_id   4294967295: none
 *   tokenizer.ggml.add_bos_token, .add_space_prefix
 *
 * What a file leaves out: llama has ids 0 <unk>, 1 <s>, 2 </s>, adds BOS and a space, and takes the
 * kind of its tokens from their texts. A byte-level file without `pre` is of before the key
 * existed: phi2, gpt2 and starcoder models get the pattern that they have, others "default".
 */
#include "tokenizer/tokenizer_internal.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include "base/memory.h"

#define KEY(name) "tokenizer.ggml." name

static primer_status find_array(const struct gguf *gguf, const char *key, enum gguf_type type,
                                size_t count, const struct gguf_value **array, primer_error *error)
{
    const struct gguf_value *const value = gguf_value_named(gguf, key);
    *array = NULL;
    if (value == NULL)
        return PRIMER_OK;
    const bool number = value->element_type != GGUF_STRING && value->element_type != GGUF_ARRAY &&
                        value->element_type != GGUF_BOOL;
    if (value->type != GGUF_ARRAY || (type == GGUF_STRING && value->element_type != GGUF_STRING) ||
        (type != GGUF_STRING && !number))
        return error_set(error, PRIMER_EFORMAT, "%s is not an array of %s", key,
                         type == GGUF_STRING ? "strings" : "numbers");
    if (count != 0 && value->count != count)
        return error_set(error, PRIMER_EFORMAT, "%s has %llu elements, %s %zu", key,
                         (unsigned long long)value->count, KEY("tokens"), count);
    *array = value;
    return PRIMER_OK;
}

static primer_status read_tokens(struct vocabulary *vocabulary, const struct gguf *gguf,
                                 primer_error *error)
{
    const struct gguf_value *tokens;
    FORWARD(find_array(gguf, KEY("tokens"), GGUF_STRING, 0, &tokens, error));
    if (tokens == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s is missing", KEY("tokens"));
    FORWARD(vocabulary_create(vocabulary, (size_t)tokens->count, error));
    FORWARD(buffer_reserve(&vocabulary->store, tokens->size, error));
    size_t offset = 0;
    for (size_t id = 0; id < vocabulary->count; id++) {
        const struct gguf_string text = gguf_array_string(tokens, &offset);
        FORWARD(vocabulary_set(vocabulary, id, text.bytes, text.length, error));
        FORWARD(vocabulary_enter(vocabulary, id, error));
    }
    return PRIMER_OK;
}

/* The kind that a token's text tells, where the file tells none. */
static uint8_t kind_by_text(const struct vocabulary *vocabulary, size_t id, bool byte_level)
{
    const char *const text = vocabulary_text(vocabulary, id);
    const size_t length = vocabulary->tokens[id].text_length;
    if (byte_level)
        return VOCABULARY_NORMAL;
    if (vocabulary_byte_value(text, length) >= 0)
        return VOCABULARY_BYTE;
    if (length == 5 && memcmp(text, "<unk>", 5) == 0)
        return VOCABULARY_UNKNOWN;
    const bool mark = (length == 3 && memcmp(text, "<s>", 3) == 0) ||
                      (length == 4 && memcmp(text, "</s>", 4) == 0);
    return mark ? VOCABULARY_CONTROL : VOCABULARY_NORMAL;
}

static primer_status read_kinds(struct vocabulary *vocabulary, const struct gguf *gguf,
                                bool byte_level, primer_error *error)
{
    const struct gguf_value *kinds;
    FORWARD(find_array(gguf, KEY("token_type"), GGUF_I32, vocabulary->count, &kinds, error));
    for (size_t id = 0; id < vocabulary->count; id++) {
        struct vocabulary_token *const token = &vocabulary->tokens[id];
        int64_t kind = kind_by_text(vocabulary, id, byte_level);
        if (kinds != NULL)
            kind = gguf_array_integer(kinds, id);
        if (kind < 0 || kind > VOCABULARY_BYTE)
            return error_set(error, PRIMER_EFORMAT, "%s[%zu] is %lld: expected 0 to %d",
                             KEY("token_type"), id, (long long)kind, VOCABULARY_BYTE);
        token->kind = kind == 0 || (byte_level && kind == VOCABULARY_BYTE) ? VOCABULARY_NORMAL
                                                                           : (uint8_t)kind;
        if (token->kind == VOCABULARY_BYTE &&
            vocabulary_byte_value(vocabulary_text(vocabulary, id), token->text_length) < 0)
            return error_set(error, PRIMER_EFORMAT, "token %zu is of type byte, but not \"<0xNN>\"",
                             id);
    }
    return PRIMER_OK;
}

static primer_status read_scores(struct vocabulary *vocabulary, const struct gguf *gguf,
                                 primer_error *error)
{
    const struct gguf_value *scores;
    FORWARD(find_array(gguf, KEY("scores"), GGUF_F32, vocabulary->count, &scores, error));
    for (size_t id = 0; scores != NULL && id < vocabulary->count; id++) {
        const double score = gguf_array_number(scores, id);
        if (isnan(score))
            return error_set(error, PRIMER_EFORMAT, "%s[%zu] is not a number", KEY("scores"), id);
        vocabulary->tokens[id].score = (float)score;
    }
    return PRIMER_OK;
}

/* The token whose text is `left` and `right` in a row. Most files list merges in the order of what
 * they make, so the token after the one of the merge before is looked at first. */
static primer_status find_joined(const struct vocabulary *vocabulary, struct gguf_string left,
                                 struct gguf_string right, size_t guess, struct buffer *joined,
                                 int32_t *id, primer_error *error)
{
    if (guess < vocabulary->count) {
        const char *const text = vocabulary_text(vocabulary, guess);
        if (vocabulary->tokens[guess].text_length == left.length + right.length &&
            memcmp(text, left.bytes, left.length) == 0 &&
            memcmp(text + left.length, right.bytes, right.length) == 0) {
            *id = (int32_t)guess;
            return PRIMER_OK;
        }
    }
    buffer_clear(joined);
    FORWARD(buffer_append(joined, left.bytes, left.length, error));
    FORWARD(buffer_append(joined, right.bytes, right.length, error));
    *id = vocabulary_find(vocabulary, joined->bytes, joined->length);
    return PRIMER_OK;
}

/* `guess`: the token that this merge may make; becomes the next one's. */
static primer_status read_merge(struct tokenizer *tokenizer, struct gguf_string merge, size_t index,
                                struct buffer *joined, size_t *guess, primer_error *error)
{
    const struct vocabulary *const vocabulary = &tokenizer->vocabulary;
    const char *const space =
        merge.length < 3 ? NULL : memchr(merge.bytes + 1, ' ', merge.length - 2);
    if (space == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s[%zu] is not two tokens with a space between",
                         KEY("merges"), index);
    const size_t left_length = (size_t)(space - merge.bytes);
    const size_t right_length = merge.length - left_length - 1;
    const int32_t left = vocabulary_find(vocabulary, merge.bytes, left_length);
    const int32_t right = vocabulary_find(vocabulary, space + 1, right_length);
    int32_t result;
    FORWARD(find_joined(vocabulary, (struct gguf_string){merge.bytes, left_length},
                        (struct gguf_string){space + 1, right_length}, *guess, joined, &result,
                        error));
    if (left < 0 || right < 0 || result < 0) {
        char name[96];
        return error_set(error, PRIMER_EFORMAT, "%s[%zu] '%s': %s is not in the vocabulary",
                         KEY("merges"), index,
                         error_printable(merge.bytes, merge.length, name, sizeof name),
                         left < 0    ? "the left part"
                         : right < 0 ? "the right part"
                                     : "what it makes");
    }
    *guess = (size_t)result + 1;
    bool added;
    FORWARD(merge_table_add(&tokenizer->merges, (uint32_t)left, (uint32_t)right, (uint32_t)index,
                            (uint32_t)result, &added, error));
    if (!added)
        return error_set(error, PRIMER_EFORMAT, "%s[%zu] is there twice", KEY("merges"), index);
    return PRIMER_OK;
}

static primer_status read_merges(struct tokenizer *tokenizer, const struct gguf *gguf,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer joined = {0};
    const struct gguf_value *merges;
    TRY(find_array(gguf, KEY("merges"), GGUF_STRING, 0, &merges, error));
    if (merges == NULL)
        FAIL(PRIMER_EFORMAT, "%s is missing", KEY("merges"));
    TRY(merge_table_create(&tokenizer->merges, (size_t)merges->count, error));
    size_t offset = 0, guess = 0;
    for (size_t i = 0; i < merges->count; i++)
        TRY(read_merge(tokenizer, gguf_array_string(merges, &offset), i, &joined, &guess, error));
cleanup:
    buffer_free(&joined);
    return status;
}

static primer_status read_pattern(struct tokenizer *tokenizer, const struct gguf *gguf,
                                  primer_error *error)
{
    struct gguf_string name = {0}, architecture = {0};
    FORWARD(gguf_get_string(gguf, KEY("pre"), &name, error));
    FORWARD(gguf_get_string(gguf, "general.architecture", &architecture, error));
    if (name.length == 0) {
        static const struct {
            const char *architecture, *pre;
        } before[] = {{"phi2", "phi-2"}, {"gpt2", "gpt-2"}, {"starcoder", "starcoder"}};
        name = (struct gguf_string){"default", 7};
        for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
            if (architecture.length == strlen(before[i].architecture) &&
                memcmp(architecture.bytes, before[i].architecture, architecture.length) == 0)
                name = (struct gguf_string){before[i].pre, strlen(before[i].pre)};
        }
    }
    struct pattern_habits habits;
    FORWARD(pattern_named(&tokenizer->pattern, name.bytes, name.length, &habits, error));
    tokenizer->whole_words = habits.whole_words;
    tokenizer->adds_bos = habits.adds_bos;
    return PRIMER_OK;
}

/* *id: the default before; -1 where it lies outside the vocabulary. */
static primer_status read_id(const struct gguf *gguf, const char *key, size_t count, int32_t *id,
                             primer_error *error)
{
    uint64_t value = UINT64_MAX;
    FORWARD(gguf_get_u64(gguf, key, &value, error));
    if (value == UINT64_MAX) {
        if (*id >= 0 && (size_t)*id >= count)
            *id = -1;
        return PRIMER_OK;
    }
    if (value != UINT32_MAX && value >= count)
        return error_set(error, PRIMER_EFORMAT, "%s is %llu, the vocabulary has %zu tokens", key,
                         (unsigned long long)value, count);
    *id = value == UINT32_MAX ? -1 : (int32_t)value;
    return PRIMER_OK;
}

static primer_status read_ids(struct tokenizer *tokenizer, const struct gguf *gguf,
                              primer_error *error)
{
    const size_t count = tokenizer->vocabulary.count;
    const bool pieces = !tokenizer->byte_level;
    tokenizer->bos = pieces ? 1 : -1;
    tokenizer->eos = pieces ? 2 : -1;
    tokenizer->unknown = pieces ? 0 : -1;
    FORWARD(read_id(gguf, KEY("bos_token_id"), count, &tokenizer->bos, error));
    FORWARD(read_id(gguf, KEY("eos_token_id"), count, &tokenizer->eos, error));
    FORWARD(read_id(gguf, KEY("unknown_token_id"), count, &tokenizer->unknown, error));
    static const char *const ends[] = {KEY("eot_token_id"), KEY("eom_token_id")};
    for (size_t i = 0; i < 2; i++) {
        int32_t id = -1;
        FORWARD(read_id(gguf, ends[i], count, &id, error));
        if (id >= 0)
            tokenizer->vocabulary.tokens[id].ends = true;
    }
    FORWARD(gguf_get_bool(gguf, KEY("add_bos_token"), &tokenizer->adds_bos, error));
    bool prefix = pieces;
    FORWARD(gguf_get_bool(gguf, KEY("add_space_prefix"), &prefix, error));
    tokenizer->prefix = pieces && prefix ? TOKENIZER_PREFIX_ALWAYS : TOKENIZER_PREFIX_NEVER;
    return PRIMER_OK;
}

/* Phi-3's special tokens take the white space after them; GGUF has no key for it, so the model's
 * name says it, as in llama.cpp. */
static primer_status read_strips(struct vocabulary *vocabulary, const struct gguf *gguf,
                                 primer_error *error)
{
    struct gguf_string name = {0};
    FORWARD(gguf_get_string(gguf, "general.name", &name, error));
    bool phi3 = false;
    for (size_t i = 0; i + 4 <= name.length && !phi3; i++) {
        if (tolower((unsigned char)name.bytes[i]) != 'p' ||
            tolower((unsigned char)name.bytes[i + 1]) != 'h' ||
            tolower((unsigned char)name.bytes[i + 2]) != 'i')
            continue;
        const size_t at = i + 3 + (name.bytes[i + 3] == '-');
        phi3 = at < name.length && name.bytes[at] == '3';
    }
    static const char *const plain[] = {"<unk>", "<s>", "<|endoftext|>"};
    for (size_t id = 0; phi3 && id < vocabulary->count; id++) {
        const uint8_t kind = vocabulary->tokens[id].kind;
        vocabulary->tokens[id].strips_right = kind == VOCABULARY_CONTROL ||
                                              kind == VOCABULARY_UNKNOWN ||
                                              kind == VOCABULARY_USER_DEFINED;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        const int32_t id = vocabulary_find(vocabulary, plain[i], strlen(plain[i]));
        if (id >= 0)
            vocabulary->tokens[id].strips_right = false;
    }
    return PRIMER_OK;
}

static primer_status read_all(struct tokenizer *tokenizer, const struct gguf *gguf,
                              primer_error *error)
{
    struct gguf_string model;
    FORWARD(gguf_require_string(gguf, KEY("model"), &model, error));
    tokenizer->byte_level = model.length == 4 && memcmp(model.bytes, "gpt2", 4) == 0;
    if (!tokenizer->byte_level && (model.length != 5 || memcmp(model.bytes, "llama", 5) != 0)) {
        char name[64];
        return error_set(error, PRIMER_EUNSUPPORTED, "%s is '%s': expected gpt2 or llama",
                         KEY("model"),
                         error_printable(model.bytes, model.length, name, sizeof name));
    }
    struct vocabulary *const vocabulary = &tokenizer->vocabulary;
    FORWARD(read_tokens(vocabulary, gguf, error));
    FORWARD(read_kinds(vocabulary, gguf, tokenizer->byte_level, error));
    vocabulary_mark_ends(vocabulary);
    FORWARD(read_strips(vocabulary, gguf, error));
    if (tokenizer->byte_level) {
        FORWARD(read_pattern(tokenizer, gguf, error));
        FORWARD(read_merges(tokenizer, gguf, error));
    } else {
        tokenizer->adds_bos = tokenizer->fuses_unknown = true;
        FORWARD(read_scores(vocabulary, gguf, error));
        FORWARD(pieces_from_scores(tokenizer, error));
    }
    FORWARD(read_ids(tokenizer, gguf, error));
    return tokenizer_complete(tokenizer, !tokenizer->byte_level, error);
}

primer_status tokenizer_from_gguf(struct tokenizer **tokenizer, const struct gguf *gguf,
                                  primer_error *error)
{
    struct tokenizer *const made = tokenizer_allocate(error);
    if (made == NULL)
        return PRIMER_ENOMEM;
    const primer_status status = read_all(made, gguf, error);
    if (status != PRIMER_OK) {
        if (error != NULL && strncmp(error->message, gguf_path(gguf), strlen(gguf_path(gguf))) != 0)
            error_prefix(error, "%s", gguf_path(gguf));
        tokenizer_free(made);
        return status;
    }
    *tokenizer = made;
    return PRIMER_OK;
}
