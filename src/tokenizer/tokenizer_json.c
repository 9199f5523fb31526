/* tokenizer_json.c - a tokenizer from Hugging Face's tokenizer.json.
 *
 *   model            type BPE: vocab {text: id}, merges ["a b"] or [["a", "b"]], unk_token,
 *                    fuse_unk, byte_fallback, ignore_merges
 *   added_tokens     [{id, content, special, lstrip, rstrip}]
 *   pre_tokenizer    ByteLevel, also after Split and Digits in a Sequence: byte-level BPE
 *                    null or Metaspace: SentencePiece-style BPE
 *   normalizer       SentencePiece-style: Prepend "▁", Replace " " by "▁"; byte-level: none
 *   post_processor   TemplateProcessing that begins with a special token: that is BOS, and is added
 *   decoder          what follows from the above; another one is refused
 *
 * Anything else that would change the ids is refused by name. The file names neither BOS (unless it
 * is added) nor EOS: they are found by their usual texts. Added tokens are matched in the text as
 * it is, whether `normalized` or not. A Metaspace puts no space before a text that begins with one,
 * so that this one is lost in decoding.
 */
#include "tokenizer/tokenizer_internal.h"

#include <jansson.h>
#include <string.h>
#include "base/memory.h"

#define FILE_MOST ((size_t)64 << 20)

static const char *type_of(const json_t *part)
{
    const char *const type = json_string_value(json_object_get(part, "type"));
    return type == NULL ? "(no type)" : type;
}

static bool is_type(const json_t *part, const char *type)
{
    return strcmp(type_of(part), type) == 0;
}

static primer_status refuse(const char *where, const json_t *part, primer_error *error)
{
    char name[64];
    const char *const type = type_of(part);
    return error_set(error, PRIMER_EUNSUPPORTED, "%s of type %s is not supported", where,
                     error_printable(type, strlen(type), name, sizeof name));
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* A number, string, ... that is there and not null. */
static bool is_set(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

/* ---- vocabulary ---- */

static primer_status read_id(const char *what, const json_t *value, size_t most, size_t *id,
                             primer_error *error)
{
    const json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || number >= (json_int_t)most)
        return error_set(error, PRIMER_EFORMAT, "the id of %s is not a number from 0 to %zu", what,
                         most - 1);
    *id = (size_t)number;
    return PRIMER_OK;
}

/* One more than the highest id. Gaps are legal as long as memory stays in proportion to the file.
 */
static primer_status count_ids(json_t *vocab, const json_t *added, size_t *count,
                               primer_error *error)
{
    const size_t most = 4 * (json_object_size(vocab) + json_array_size(added)) + 4096;
    size_t id = 0, index;
    json_t *entry;
    *count = 0;
    for (void *at = json_object_iter(vocab); at != NULL; at = json_object_iter_next(vocab, at)) {
        char name[64];
        const char *const key = json_object_iter_key(at);
        FORWARD(read_id(error_printable(key, strlen(key), name, sizeof name),
                        json_object_iter_value(at), most, &id, error));
        if (id >= *count)
            *count = id + 1;
    }
    json_array_foreach (added, index, entry) {
        FORWARD(read_id("an added token", json_object_get(entry, "id"), most, &id, error));
        if (id >= *count)
            *count = id + 1;
    }
    return PRIMER_OK;
}

static primer_status read_vocab(struct vocabulary *vocabulary, json_t *vocab, primer_error *error)
{
    for (void *at = json_object_iter(vocab); at != NULL; at = json_object_iter_next(vocab, at)) {
        const size_t id = (size_t)json_integer_value(json_object_iter_value(at));
        const char *const text = json_object_iter_key(at);
        char name[64];
        if (vocabulary->tokens[id].text_length > 0)
            return error_set(error, PRIMER_EFORMAT, "two tokens have the id %zu, one of them '%s'",
                             id, error_printable(text, strlen(text), name, sizeof name));
        FORWARD(vocabulary_set(vocabulary, id, text, strlen(text), error));
        FORWARD(vocabulary_enter(vocabulary, id, error));
    }
    return PRIMER_OK;
}

static primer_status read_added(struct vocabulary *vocabulary, const json_t *added,
                                primer_error *error)
{
    size_t index;
    json_t *entry;
    json_array_foreach (added, index, entry) {
        const size_t id = (size_t)json_integer_value(json_object_get(entry, "id"));
        struct vocabulary_token *const token = &vocabulary->tokens[id];
        const json_t *const content = json_object_get(entry, "content");
        const char *const text = json_string_value(content);
        const size_t length = json_string_length(content);
        if (text == NULL || length == 0)
            return error_set(error, PRIMER_EFORMAT, "added token %zu has no content", id);
        if (json_is_true(json_object_get(entry, "single_word")))
            return error_set(error, PRIMER_EUNSUPPORTED,
                             "added token %zu: single_word is not supported", id);
        if (token->text_length == 0) {
            FORWARD(vocabulary_set(vocabulary, id, text, length, error));
            FORWARD(vocabulary_enter(vocabulary, id, error));
        } else if (token->text_length != length ||
                   memcmp(vocabulary_text(vocabulary, id), text, length) != 0) {
            return error_set(error, PRIMER_EFORMAT,
                             "added token %zu is another token in the vocabulary", id);
        }
        token->kind = json_is_true(json_object_get(entry, "special")) ? VOCABULARY_CONTROL
                                                                      : VOCABULARY_USER_DEFINED;
        token->strips_left = json_is_true(json_object_get(entry, "lstrip"));
        token->strips_right = json_is_true(json_object_get(entry, "rstrip"));
    }
    return PRIMER_OK;
}

/* ---- merges ---- */

struct halves {
    const char *left, *right;
    size_t left_length, right_length;
};

static bool halves_of(const json_t *merge, struct halves *halves)
{
    const json_t *const left = json_array_get(merge, 0), *const right = json_array_get(merge, 1);
    if (json_array_size(merge) == 2 && json_is_string(left) && json_is_string(right)) {
        *halves = (struct halves){json_string_value(left), json_string_value(right),
                                  json_string_length(left), json_string_length(right)};
        return true;
    }
    if (!json_is_string(merge))
        return false;
    const char *const text = json_string_value(merge);
    const size_t length = json_string_length(merge);
    const char *const space = length < 3 ? NULL : memchr(text + 1, ' ', length - 2);
    if (space == NULL)
        return false;
    const size_t left_length = (size_t)(space - text);
    *halves = (struct halves){text, space + 1, left_length, length - left_length - 1};
    return true;
}

static primer_status read_merge(struct tokenizer *tokenizer, const json_t *merge, size_t index,
                                struct buffer *joined, primer_error *error)
{
    const struct vocabulary *const vocabulary = &tokenizer->vocabulary;
    struct halves halves;
    if (!halves_of(merge, &halves))
        return error_set(error, PRIMER_EFORMAT, "merge %zu is neither \"a b\" nor [\"a\", \"b\"]",
                         index);
    buffer_clear(joined);
    FORWARD(buffer_append(joined, halves.left, halves.left_length, error));
    FORWARD(buffer_append(joined, halves.right, halves.right_length, error));
    const int32_t left = vocabulary_find(vocabulary, halves.left, halves.left_length);
    const int32_t right = vocabulary_find(vocabulary, halves.right, halves.right_length);
    const int32_t result = vocabulary_find(vocabulary, joined->bytes, joined->length);
    char name[96];
    if (left < 0 || right < 0 || result < 0)
        return error_set(error, PRIMER_EFORMAT, "merge %zu: %s '%s' is not in the vocabulary",
                         index,
                         left < 0    ? "the left part of"
                         : right < 0 ? "the right part of"
                                     : "what it makes,",
                         error_printable(joined->bytes, joined->length, name, sizeof name));
    bool added;
    FORWARD(merge_table_add(&tokenizer->merges, (uint32_t)left, (uint32_t)right, (uint32_t)index,
                            (uint32_t)result, &added, error));
    if (!added)
        return error_set(error, PRIMER_EFORMAT, "merge %zu is there twice", index);
    return PRIMER_OK;
}

static primer_status read_merges(struct tokenizer *tokenizer, const json_t *merges,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer joined = {0};
    size_t index;
    json_t *merge;
    TRY(merge_table_create(&tokenizer->merges, json_array_size(merges), error));
    json_array_foreach (merges, index, merge)
        TRY(read_merge(tokenizer, merge, index, &joined, error));
cleanup:
    buffer_free(&joined);
    return status;
}

/* ---- model ---- */

static primer_status check_model(const json_t *model, primer_error *error)
{
    if (!json_is_object(model))
        return error_set(error, PRIMER_EFORMAT, "there is no object `model`");
    if (json_object_get(model, "type") != NULL && !is_type(model, "BPE"))
        return refuse("a model", model, error);
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return error_set(error, PRIMER_EUNSUPPORTED, "model.dropout is not supported");
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *const affix = json_object_get(model, affixes[i]);
        if (is_set(affix) && !is_text(affix, ""))
            return error_set(error, PRIMER_EUNSUPPORTED, "model.%s is not supported", affixes[i]);
    }
    if (!json_is_object(json_object_get(model, "vocab")) ||
        !json_is_array(json_object_get(model, "merges")))
        return error_set(error, PRIMER_EFORMAT,
                         "model.vocab or model.merges is missing, as a BPE model has them");
    return PRIMER_OK;
}

static primer_status read_unknown(struct tokenizer *tokenizer, const json_t *model,
                                  primer_error *error)
{
    const json_t *const unknown = json_object_get(model, "unk_token");
    tokenizer->fuses_unknown = json_is_true(json_object_get(model, "fuse_unk"));
    if (!is_set(unknown))
        return PRIMER_OK;
    tokenizer->unknown = vocabulary_find(&tokenizer->vocabulary, json_string_value(unknown),
                                         json_string_length(unknown));
    if (tokenizer->unknown < 0)
        return error_set(error, PRIMER_EFORMAT, "model.unk_token is not in the vocabulary");
    uint8_t *const kind = &tokenizer->vocabulary.tokens[tokenizer->unknown].kind;
    if (*kind == VOCABULARY_NORMAL)
        *kind = VOCABULARY_UNKNOWN;
    return PRIMER_OK;
}

static primer_status read_model(struct tokenizer *tokenizer, const json_t *root,
                                primer_error *error)
{
    const json_t *const model = json_object_get(root, "model");
    const json_t *const added = json_object_get(root, "added_tokens");
    struct vocabulary *const vocabulary = &tokenizer->vocabulary;
    FORWARD(check_model(model, error));
    if (is_set(added) && !json_is_array(added))
        return error_set(error, PRIMER_EFORMAT, "added_tokens is not an array");
    json_t *const vocab = json_object_get(model, "vocab");
    size_t count = 0;
    FORWARD(count_ids(vocab, added, &count, error));
    FORWARD(vocabulary_create(vocabulary, count, error));
    FORWARD(read_vocab(vocabulary, vocab, error));
    FORWARD(read_added(vocabulary, added, error));
    FORWARD(read_unknown(tokenizer, model, error));
    const bool byte_fallback = json_is_true(json_object_get(model, "byte_fallback"));
    for (size_t id = 0; id < count && byte_fallback; id++) {
        struct vocabulary_token *const token = &vocabulary->tokens[id];
        if (token->kind == VOCABULARY_NORMAL &&
            vocabulary_byte_value(vocabulary_text(vocabulary, id), token->text_length) >= 0)
            token->kind = VOCABULARY_BYTE;
    }
    vocabulary_mark_ends(vocabulary);
    tokenizer->whole_words = json_is_true(json_object_get(model, "ignore_merges"));
    return read_merges(tokenizer, json_object_get(model, "merges"), error);
}

/* ---- pre_tokenizer and normalizer ---- */

static primer_status read_split(struct pattern *pattern, const json_t *part, primer_error *error)
{
    const json_t *const expression = json_object_get(json_object_get(part, "pattern"), "Regex");
    if (!json_is_string(expression))
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "a Split at anything but a Regex is not supported");
    if (!is_text(json_object_get(part, "behavior"), "Isolated") ||
        json_is_true(json_object_get(part, "invert")))
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "a Split that is not Isolated is not supported");
    return pattern_add_expression(pattern, json_string_value(expression),
                                  json_string_length(expression), error);
}

static primer_status read_metaspace(struct tokenizer *tokenizer, const json_t *part,
                                    primer_error *error)
{
    const json_t *const scheme = json_object_get(part, "prepend_scheme");
    const json_t *const replacement = json_object_get(part, "replacement");
    if (!is_text(replacement, "\xE2\x96\x81"))
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "a Metaspace that is not U+2581 is not supported");
    if (is_text(scheme, "first"))
        tokenizer->prefix = TOKENIZER_PREFIX_FIRST;
    else if (is_text(scheme, "never") || json_is_false(json_object_get(part, "add_prefix_space")))
        tokenizer->prefix = TOKENIZER_PREFIX_NEVER;
    else
        tokenizer->prefix = TOKENIZER_PREFIX_ALWAYS;
    tokenizer->prefix_once = true;
    tokenizer->pieces.splits_words = !json_is_false(json_object_get(part, "split"));
    return PRIMER_OK;
}

/* *spaces: something makes spaces "▁". */
static primer_status read_pre_tokenizer(struct tokenizer *tokenizer, const json_t *part,
                                        bool *spaces, primer_error *error)
{
    struct pattern *const pattern = &tokenizer->pattern;
    if (tokenizer->byte_level)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "a pre_tokenizer after ByteLevel is not supported");
    if (is_type(part, "ByteLevel")) {
        if (json_is_true(json_object_get(part, "add_prefix_space")))
            return error_set(error, PRIMER_EUNSUPPORTED,
                             "ByteLevel.add_prefix_space is not supported");
        tokenizer->byte_level = true;
        return json_is_false(json_object_get(part, "use_regex"))
                   ? PRIMER_OK
                   : pattern_add_scan(pattern, scan_gpt2, error);
    }
    if (is_type(part, "Split"))
        return read_split(pattern, part, error);
    if (is_type(part, "Digits"))
        return json_is_true(json_object_get(part, "individual_digits"))
                   ? pattern_add_scan(pattern, scan_numbers, error)
                   : pattern_add_expression(pattern, "\\p{N}+", 6, error);
    if (!is_type(part, "Metaspace"))
        return refuse("a pre_tokenizer", part, error);
    *spaces = true;
    return read_metaspace(tokenizer, part, error);
}

static primer_status read_normalizer(struct tokenizer *tokenizer, const json_t *part, bool *spaces,
                                     primer_error *error)
{
    if (is_type(part, "Prepend") && is_text(json_object_get(part, "prepend"), "\xE2\x96\x81")) {
        tokenizer->prefix = TOKENIZER_PREFIX_ALWAYS;
        return PRIMER_OK;
    }
    if (!is_type(part, "Replace") ||
        !is_text(json_object_get(json_object_get(part, "pattern"), "String"), " ") ||
        !is_text(json_object_get(part, "content"), "\xE2\x96\x81"))
        return refuse("a normalizer", part, error);
    *spaces = true;
    return PRIMER_OK;
}

/* Calls `read` for the part, or for each of the parts of a Sequence. */
static primer_status each(struct tokenizer *tokenizer, const json_t *part, const char *list,
                          primer_status (*read)(struct tokenizer *, const json_t *, bool *,
                                                primer_error *),
                          bool *spaces, primer_error *error)
{
    if (!is_set(part))
        return PRIMER_OK;
    if (!is_type(part, "Sequence"))
        return read(tokenizer, part, spaces, error);
    size_t index;
    json_t *inner;
    json_array_foreach (json_object_get(part, list), index, inner)
        FORWARD(read(tokenizer, inner, spaces, error));
    return PRIMER_OK;
}

static primer_status read_text_rules(struct tokenizer *tokenizer, const json_t *root,
                                     primer_error *error)
{
    const json_t *const normalizer = json_object_get(root, "normalizer");
    bool spaces = false;
    FORWARD(each(tokenizer, json_object_get(root, "pre_tokenizer"), "pretokenizers",
                 read_pre_tokenizer, &spaces, error));
    if (tokenizer->byte_level && is_set(normalizer))
        return refuse("a normalizer before ByteLevel", normalizer, error);
    FORWARD(each(tokenizer, normalizer, "normalizers", read_normalizer, &spaces, error));
    if (tokenizer->byte_level == spaces)
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            spaces ? "both ByteLevel and Metaspace"
                   : "neither ByteLevel, nor Metaspace, nor a Replace of spaces by U+2581");
    if (spaces && (tokenizer->pattern.count > 0 || tokenizer->whole_words))
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "Split, Digits or ignore_merges without ByteLevel is not supported");
    return PRIMER_OK;
}

/* ---- post_processor and decoder ---- */

static primer_status read_post_processor(struct tokenizer *tokenizer, const json_t *part,
                                         bool *unused, primer_error *error)
{
    (void)unused;
    if (is_type(part, "ByteLevel"))
        return PRIMER_OK;
    if (!is_type(part, "TemplateProcessing"))
        return refuse("a post_processor", part, error);
    const json_t *const first =
        json_object_get(json_array_get(json_object_get(part, "single"), 0), "SpecialToken");
    if (first == NULL)
        return PRIMER_OK;
    const json_t *const name = json_object_get(first, "id");
    tokenizer->bos = json_is_string(name)
                         ? vocabulary_find(&tokenizer->vocabulary, json_string_value(name),
                                           json_string_length(name))
                         : -1;
    if (tokenizer->bos < 0)
        return error_set(error, PRIMER_EFORMAT,
                         "the special token of post_processor.single is not in the vocabulary");
    tokenizer->adds_bos = true;
    return PRIMER_OK;
}

static primer_status check_decoder(struct tokenizer *tokenizer, const json_t *part, bool *unused,
                                   primer_error *error)
{
    static const char *const of_pieces[] = {"Replace", "ByteFallback", "Fuse", "Strip",
                                            "Metaspace"};
    (void)unused;
    bool fits = tokenizer->byte_level && is_type(part, "ByteLevel");
    for (size_t i = 0; i < sizeof of_pieces / sizeof of_pieces[0]; i++)
        fits = fits || (!tokenizer->byte_level && is_type(part, of_pieces[i]));
    return fits ? PRIMER_OK : refuse("a decoder", part, error);
}

/* The first of the texts that is an added special token; -1: none. */
static int32_t find_mark(const struct vocabulary *vocabulary, const char *const *texts,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t id = vocabulary_find(vocabulary, texts[i], strlen(texts[i]));
        if (id >= 0 && vocabulary->tokens[id].kind == VOCABULARY_CONTROL)
            return id;
    }
    return -1;
}

static void find_marks(struct tokenizer *tokenizer)
{
    static const char *const begins[] = {"<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>",
                                         "<|endoftext|>"};
    static const char *const ends[] = {"</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>",
                                       "<|im_end|>"};
    if (tokenizer->bos < 0)
        tokenizer->bos =
            find_mark(&tokenizer->vocabulary, begins, sizeof begins / sizeof begins[0]);
    tokenizer->eos = find_mark(&tokenizer->vocabulary, ends, sizeof ends / sizeof ends[0]);
}

static primer_status read_all(struct tokenizer *tokenizer, const json_t *root, primer_error *error)
{
    if (!json_is_object(root))
        return error_set(error, PRIMER_EFORMAT, "not a JSON object");
    bool unused = false;
    FORWARD(read_model(tokenizer, root, error));
    FORWARD(read_text_rules(tokenizer, root, error));
    FORWARD(each(tokenizer, json_object_get(root, "post_processor"), "processors",
                 read_post_processor, &unused, error));
    FORWARD(each(tokenizer, json_object_get(root, "decoder"), "decoders", check_decoder, &unused,
                 error));
    if (!tokenizer->byte_level)
        FORWARD(pieces_from_merges(tokenizer, error));
    find_marks(tokenizer);
    const json_t *const model = json_object_get(root, "model");
    return tokenizer_complete(tokenizer, json_is_true(json_object_get(model, "byte_fallback")),
                              error);
}

static primer_status parse(const char *bytes, size_t length, json_t **root, primer_error *error)
{
    if (length > FILE_MOST)
        return error_set(error, PRIMER_ELIMIT, "%zu bytes: at most %zu", length, FILE_MOST);
    json_error_t reason;
    *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &reason);
    if (*root != NULL)
        return PRIMER_OK;
    /* Where jansson ran out of memory it mostly says nothing. */
    if (json_error_code(&reason) == json_error_out_of_memory || reason.text[0] == '\0')
        return memory_failure(error, "the file's JSON", length);
    return error_set(error, PRIMER_EFORMAT, "line %d: %s", reason.line, reason.text);
}

primer_status tokenizer_from_json(struct tokenizer **tokenizer, const char *bytes, size_t length,
                                  const char *name, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *root = NULL;
    struct tokenizer *made = tokenizer_allocate(error);
    if (made == NULL)
        return PRIMER_ENOMEM;
    TRY(parse(bytes, length, &root, error));
    TRY(read_all(made, root, error));
    *tokenizer = made;
    made = NULL;
cleanup:
    if (status != PRIMER_OK)
        error_prefix(error, "%s", name);
    json_decref(root);
    tokenizer_free(made);
    return status;
}
