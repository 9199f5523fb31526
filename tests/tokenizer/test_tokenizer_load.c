/* test_tokenizer_load.c - tokenizers of a few tokens from tokenizer.json and GGUF metadata: what
 * each part of a file means, every way in which it can be wrong, and every allocation failing.
 */
#include "tokenizer/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer_helper.h"

#define SPACE      "\xE2\x96\x81"
#define BYTE_SPACE "\xC4\xA0" /* a space in GPT-2's alphabet */

#define EXPECT(tokenizer, text, flags, ids)                                                        \
    helper_expect(tokenizer, text, sizeof text - 1, flags, ids)

/* ---- tokenizer.json ---- */

static const char vocab[] = "\"a\":0,\"b\":1,\"c\":2,\"" BYTE_SPACE "\":3,\"ab\":4,\"" BYTE_SPACE
                            "ab\":5,\"1\":6,\"abc\":7";
static const char merges[] = "\"a b\",[\"" BYTE_SPACE "\",\"ab\"],\"ab c\"";
static const char added[] = "{\"id\":8,\"content\":\"<x>\",\"special\":true},"
                            "{\"id\":9,\"content\":\"  \",\"special\":false},"
                            "{\"id\":10,\"content\":\"    \",\"special\":false}";

/* The parts of a file; NULL: the valid one. */
struct parts {
    const char *vocab, *merges, *added, *more_model, *pre_tokenizer, *normalizer, *post_processor,
        *decoder;
};

static const char *json(const struct parts *parts)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "{\"added_tokens\":[%s],\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,"
             "\"decoder\":%s,\"model\":{\"type\":\"BPE\",\"vocab\":{%s},\"merges\":[%s]%s}}",
             parts->added == NULL ? added : parts->added,
             parts->normalizer == NULL ? "null" : parts->normalizer,
             parts->pre_tokenizer == NULL ? "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
                                          : parts->pre_tokenizer,
             parts->post_processor == NULL ? "null" : parts->post_processor,
             parts->decoder == NULL ? "{\"type\":\"ByteLevel\"}" : parts->decoder,
             parts->vocab == NULL ? vocab : parts->vocab,
             parts->merges == NULL ? merges : parts->merges,
             parts->more_model == NULL ? "" : parts->more_model);
    return text;
}

static void test_json_byte_level(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = helper_json(json(&(struct parts){0}));
    EXPECT(tokenizer, "ab abc", 0, "4 5 2");
    EXPECT(tokenizer, "abc", 0, "7");
    EXPECT(tokenizer, "a   ab", 0, "0 9 5"); /* two spaces are an added token, the third is text */
    EXPECT(tokenizer, "a       ab", 0, "0 10 9 5"); /* the longest first */
    EXPECT(tokenizer, "a<x>b", TOKENIZER_SPECIAL, "0 8 1");
    assert_int_equal(tokenizer_vocabulary(tokenizer), 11);
    assert_int_equal(tokenizer_bos(tokenizer), -1);
    assert_int_equal(tokenizer_eos(tokenizer), -1);
    struct token_list ids = {0};
    primer_error error = {0};
    assert_int_equal(tokenizer_encode(tokenizer, "ab?", 3, 0, &ids, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "'?' (first byte 0x3F)"));
    assert_int_equal(ids.count, 0);
    token_list_free(&ids);
    tokenizer_free(tokenizer);
    tokenizer = helper_json(json(&(struct parts){.more_model = ",\"unk_token\":\"c\""}));
    EXPECT(tokenizer, "ab??a", 0, "4 2 2 0");
    tokenizer_free(tokenizer);
    tokenizer =
        helper_json(json(&(struct parts){.more_model = ",\"unk_token\":\"c\",\"fuse_unk\":true"}));
    EXPECT(tokenizer, "ab??a", 0, "4 2 0");
    tokenizer_free(tokenizer);
    tokenizer =
        helper_json(json(&(struct parts){.merges = "", .more_model = ",\"ignore_merges\":true"}));
    EXPECT(tokenizer, "abc ab ac", 0, "7 5 3 0 2");
    tokenizer_free(tokenizer);
}

/* What an unknown character becomes depends on the one before it, so it isn't remembered with its
 * word: the text is long enough for words to be remembered. */
static void test_fused_unknown(void **state)
{
    (void)state;
    char text[1200];
    for (size_t i = 0; i < 400; i++)
        memcpy(text + 3 * i, "?\xC3\xA9", 3);
    struct tokenizer *tokenizer =
        helper_json(json(&(struct parts){.more_model = ",\"unk_token\":\"c\",\"fuse_unk\":true"}));
    helper_expect(tokenizer, text, sizeof text, 0, "2");
    tokenizer_free(tokenizer);
    for (size_t i = 0; i < 600; i++)
        memcpy(text + 2 * i, "xy", 2);
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "xyz"};
    static const int32_t kinds[] = {2, 3, 3, 1};
    const struct helper_gguf plan = {
        .model = "llama", .tokens = tokens, .count = 4, .kinds = kinds, .add_prefix = -1};
    primer_error error = {0};
    if (helper_from_gguf(&plan, &tokenizer, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    helper_expect(tokenizer, text, sizeof text, 0, "0");
    tokenizer_free(tokenizer);
}

static void test_json_pre_tokenizers(void **state)
{
    (void)state;
    static const struct {
        const char *part, *ids; /* of "ab 11abc" */
    } cases[] = {
        {"{\"type\":\"ByteLevel\"}", "4 3 6 6 7"},
        {"{\"type\":\"ByteLevel\",\"use_regex\":false}", "4 3 6 6 7"},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":"
         "true},"
         "{\"type\":\"ByteLevel\"}]}",
         "4 3 6 6 7"},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},{\"type\":\"ByteLevel\"}]"
         "}",
         "4 3 6 6 7"},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
         "\"b\"},"
         "\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\",\"use_regex\":false}]}",
         "0 1 3 6 6 0 1 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tokenizer *const tokenizer =
            helper_json(json(&(struct parts){.pre_tokenizer = cases[i].part}));
        EXPECT(tokenizer, "ab 11abc", 0, cases[i].ids);
        tokenizer_free(tokenizer);
    }
}

static const struct parts pieces = {
    .vocab = "\"<unk>\":0,\"a\":1,\"b\":2,\"" SPACE "\":3,\"" SPACE
             "a\":4,\"<0x78>\":5,\"<s>\":6,\"" SPACE SPACE "\":7",
    .merges = "\"" SPACE " a\",\"" SPACE " " SPACE "\"",
    .added = "{\"id\":6,\"content\":\"<s>\",\"special\":true}",
    .more_model = ",\"unk_token\":\"<unk>\",\"byte_fallback\":true,\"fuse_unk\":true",
    .pre_tokenizer = "null",
    .normalizer =
        "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"" SPACE "\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" SPACE "\"}]}",
    .post_processor =
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},"
        "{\"Sequence\":{\"id\":\"A\"}}]}",
    .decoder = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\"},{\"type\":"
               "\"ByteFallback\"}]}"};

static void test_json_pieces(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = helper_json(json(&pieces));
    EXPECT(tokenizer, "a a", TOKENIZER_BOS, "6 4 4");
    EXPECT(tokenizer, "b axyz", 0, "3 2 4 5 0");
    EXPECT(tokenizer, "a<s>a", TOKENIZER_SPECIAL, "4 6 4");
    EXPECT(tokenizer, "  b" SPACE SPACE, 0, "7 3 2 7");
    helper_round_trip(tokenizer, "a a  abx", 8, 0);
    assert_int_equal(tokenizer_bos(tokenizer), 6);
    assert_true(tokenizer_adds_bos(tokenizer));
    tokenizer_free(tokenizer);
    struct parts metaspace = pieces;
    metaspace.normalizer = NULL;
    metaspace.pre_tokenizer = "{\"type\":\"Metaspace\",\"replacement\":\"" SPACE
                              "\",\"prepend_scheme\":\"first\",\"split\":true}";
    metaspace.decoder = "{\"type\":\"Metaspace\"}";
    tokenizer = helper_json(json(&metaspace));
    EXPECT(tokenizer, "a a", 0, "4 4");
    EXPECT(tokenizer, " a", 0, "4");                           /* no second space */
    EXPECT(tokenizer, "b  b" SPACE SPACE, 0, "3 2 3 3 2 3 3"); /* every space begins a word */
    EXPECT(tokenizer, "a<s>a", TOKENIZER_SPECIAL, "4 6 1");
    tokenizer_free(tokenizer);
    metaspace.pre_tokenizer =
        "{\"type\":\"Metaspace\",\"replacement\":\"" SPACE "\",\"prepend_scheme\":\"never\"}";
    tokenizer = helper_json(json(&metaspace));
    EXPECT(tokenizer, "a a", 0, "1 4");
    tokenizer_free(tokenizer);
}

static void refuse_text(const char *text, primer_status status, const char *message)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    const primer_status found = tokenizer_from_json(&tokenizer, text, strlen(text), "file", &error);
    if (found != status || strstr(error.message, message) == NULL ||
        strncmp(error.message, "file: ", 6) != 0)
        fail_msg("status %d, expected %d: '%s', expected '%s'", found, status, error.message,
                 message);
    assert_null(tokenizer);
}

static const struct {
    struct parts parts;
    primer_status status;
    const char *message;
} refused[] = {
    {{.vocab = "\"a\":0,\"a\":1"}, PRIMER_EFORMAT, "duplicate"},
    {{.vocab = "\"a\":0,\"b\":0"}, PRIMER_EFORMAT, "two tokens have the id 0"},
    {{.vocab = "\"a\":-1"}, PRIMER_EFORMAT, "the id of a"},
    {{.vocab = "\"a\":1048576"}, PRIMER_EFORMAT, "from 0 to 4111"},
    {{.vocab = "\"a\":99999999999999999999"}, PRIMER_EFORMAT, "too big integer"},
    {{.vocab = "\"a\":1.5"}, PRIMER_EFORMAT, "the id of a"},
    {{.vocab = "", .merges = "", .added = ""}, PRIMER_EFORMAT, "no tokens"},
    {{.merges = "\"ab\""}, PRIMER_EFORMAT, "merge 0 is neither"},
    {{.merges = "[\"a\"]"}, PRIMER_EFORMAT, "merge 0 is neither"},
    {{.merges = "\"a b\",[1,2]"}, PRIMER_EFORMAT, "merge 1 is neither"},
    {{.merges = "\"a b\",\"z b\""}, PRIMER_EFORMAT, "merge 1: the left part of 'zb'"},
    {{.merges = "\"a z\""}, PRIMER_EFORMAT, "merge 0: the right part of 'az'"},
    {{.merges = "\"b a\""}, PRIMER_EFORMAT, "merge 0: what it makes, 'ba'"},
    {{.merges = "\"a b\",\"a b\""}, PRIMER_EFORMAT, "merge 1 is there twice"},
    {{.added = "{\"id\":0,\"content\":\"z\"}"}, PRIMER_EFORMAT, "added token 0 is another"},
    {{.added = "{\"id\":20,\"content\":\"a\"}"}, PRIMER_EFORMAT, "tokens 0 and 20 are both 'a'"},
    {{.added = "{\"id\":20}"}, PRIMER_EFORMAT, "added token 20 has no content"},
    {{.added = "{\"content\":\"z\"}"}, PRIMER_EFORMAT, "the id of an added token"},
    {{.added = "7"}, PRIMER_EFORMAT, "the id of an added token"},
    {{.added = "{\"id\":20,\"content\":\"z\",\"single_word\":true}"},
     PRIMER_EUNSUPPORTED,
     "single_word"},
    {{.more_model = ",\"unk_token\":\"zz\""}, PRIMER_EFORMAT, "unk_token"},
    {{.more_model = ",\"unk_token\":3"}, PRIMER_EFORMAT, "unk_token"},
    {{.more_model = ",\"dropout\":0.1"}, PRIMER_EUNSUPPORTED, "dropout"},
    {{.more_model = ",\"end_of_word_suffix\":\"</w>\""}, PRIMER_EUNSUPPORTED, "end_of_word_suffix"},
    {{.normalizer = "{\"type\":\"NFC\"}"}, PRIMER_EUNSUPPORTED, "NFC"},
    {{.pre_tokenizer = "null"}, PRIMER_EUNSUPPORTED, "neither ByteLevel"},
    {{.pre_tokenizer = "{\"type\":\"Whitespace\"}"}, PRIMER_EUNSUPPORTED, "Whitespace"},
    {{.pre_tokenizer = "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}"},
     PRIMER_EUNSUPPORTED,
     "add_prefix_space"},
    {{.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{"
                       "\"type\":\"Digits\"}]}"},
     PRIMER_EUNSUPPORTED,
     "after ByteLevel"},
    {{.pre_tokenizer = "{\"type\":\"Split\",\"pattern\":{\"String\":\"b\"}}"},
     PRIMER_EUNSUPPORTED,
     "a Split at anything but"},
    {{.pre_tokenizer =
          "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"b\"},\"behavior\":\"Removed\"}"},
     PRIMER_EUNSUPPORTED,
     "not Isolated"},
    {{.pre_tokenizer =
          "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"b(\"},\"behavior\":\"Isolated\"}"},
     PRIMER_EFORMAT,
     "offset 2"},
    {{.pre_tokenizer = "{\"type\":\"Metaspace\",\"replacement\":\"_\"}"},
     PRIMER_EUNSUPPORTED,
     "U+2581"},
    {{.post_processor = "{\"type\":\"BertProcessing\"}"}, PRIMER_EUNSUPPORTED, "BertProcessing"},
    {{.post_processor =
          "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"q\"}}]}"},
     PRIMER_EFORMAT,
     "post_processor.single"},
    {{.decoder = "{\"type\":\"WordPiece\"}"}, PRIMER_EUNSUPPORTED, "a decoder of type WordPiece"},
};

static void test_json_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        refuse_text(json(&refused[i].parts), refused[i].status, refused[i].message);
    refuse_text("", PRIMER_EFORMAT, "line 1");
    refuse_text("[]", PRIMER_EFORMAT, "not a JSON object");
    refuse_text("{}", PRIMER_EFORMAT, "no object `model`");
    refuse_text("{\"model\":{}}", PRIMER_EFORMAT, "model.vocab or model.merges");
    refuse_text("{\"model\":{\"type\":\"WordPiece\"}}", PRIMER_EUNSUPPORTED,
                "a model of type WordPiece");
    refuse_text("{\"model\":{\"vocab\":{},\"merges\":[]},\"added_tokens\":3}", PRIMER_EFORMAT,
                "added_tokens");
    refuse_text("{\"model\":\"\xFF\"}", PRIMER_EFORMAT, "line 1");
}

/* Deep nesting is an error of the parser, not of the stack; a token may have 4,096 bytes. */
static void test_json_limits(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, '[', sizeof text - 1);
    refuse_text(text, PRIMER_EFORMAT, "depth");
    const int start = snprintf(text, sizeof text, "{\"model\":{\"vocab\":{\"");
    memset(text + start, 'a', 4097);
    strcpy(text + start + 4097, "\":0},\"merges\":[]}}");
    refuse_text(text, PRIMER_ELIMIT, "4097 bytes: at most 4096");
}

/* ---- GGUF ---- */

static const char *const gguf_tokens[] = {"a", "b",   "c", BYTE_SPACE, "ab", BYTE_SPACE "ab",
                                          "1", "<x>", "  "};
static const int32_t gguf_kinds[] = {1, 1, 1, 1, 1, 1, 1, 3, 4};
static const char *const gguf_merges[] = {"a b", BYTE_SPACE " ab"};
static const char *const piece_tokens[] = {"<unk>", "<s>", "</s>", "<0x41>", "a", SPACE, SPACE "a"};
static const int32_t piece_kinds[] = {2, 3, 3, 6, 1, 1, 1};
static const float piece_scores[] = {0, 0, 0, 0, -1, -2, -3};

static const struct helper_gguf byte_plan = {.model = "gpt2",
                                             .pre = "gpt-2",
                                             .tokens = gguf_tokens,
                                             .count = 9,
                                             .kinds = gguf_kinds,
                                             .merges = gguf_merges,
                                             .merge_count = 2,
                                             .bos = 8,
                                             .eos = 8};
static const struct helper_gguf piece_plan = {.model = "llama",
                                              .tokens = piece_tokens,
                                              .count = 7,
                                              .kinds = piece_kinds,
                                              .scores = piece_scores};

static struct tokenizer *load(const struct helper_gguf *plan)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    if (helper_from_gguf(plan, &tokenizer, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

static void test_gguf(void **state)
{
    (void)state;
    struct helper_gguf plan = byte_plan;
    struct tokenizer *tokenizer = load(&plan);
    EXPECT(tokenizer, "ab ab  1", TOKENIZER_BOS, "4 5 8 6");
    EXPECT(tokenizer, "<x>", TOKENIZER_SPECIAL, "7");
    assert_int_equal(tokenizer_bos(tokenizer), 7);
    assert_false(tokenizer_adds_bos(tokenizer));
    assert_true(tokenizer_ends(tokenizer, 7));
    tokenizer_free(tokenizer);
    plan.add_bos = 1;
    tokenizer = load(&plan);
    EXPECT(tokenizer, "ab", TOKENIZER_BOS, "7 4");
    tokenizer_free(tokenizer);
    plan.pre = NULL; /* a file of before the key: its architecture's pattern, where that is known */
    plan.architecture = "phi2";
    tokenizer = load(&plan);
    EXPECT(tokenizer, "ab 111", 0, "4 3 6 6 6");
    tokenizer_free(tokenizer);
    tokenizer = load(&piece_plan);
    EXPECT(tokenizer, "aA a", TOKENIZER_BOS, "1 6 3 6");
    tokenizer_free(tokenizer);
}

/* Merges in another order than the tokens that they make, and neighbours that look alike. */
static void test_gguf_merges_in_any_order(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a",  "b",  "c",   "ab",           "bc",
                                         "ba", "ca", "cab", ("a" BYTE_SPACE), BYTE_SPACE};
    static const char *const pairs[] = {"a b", "b a", "c a", "b c", ("a " BYTE_SPACE), "c ab"};
    struct helper_gguf plan = byte_plan;
    plan.tokens = tokens;
    plan.kinds = NULL;
    plan.count = sizeof tokens / sizeof tokens[0];
    plan.merges = pairs;
    plan.merge_count = sizeof pairs / sizeof pairs[0];
    struct tokenizer *tokenizer = load(&plan);
    EXPECT(tokenizer, "ab", 0, "3");
    EXPECT(tokenizer, "bc", 0, "4");
    EXPECT(tokenizer, "ba", 0, "5");
    EXPECT(tokenizer, "ca", 0, "6");
    EXPECT(tokenizer, "cab", 0, "7");
    tokenizer_free(tokenizer);
}

/* What a token stands for: every byte in GPT-2's alphabet, and texts that aren't wholly in it as
 * they are. */
static void test_alphabet(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[4] = "", out[4];
        size_t length = vocabulary_alphabet_encode((unsigned char)byte, text), decoded = 0;
        assert_true(vocabulary_alphabet_decode(text, length, out, &decoded));
        assert_int_equal(decoded, 1);
        assert_int_equal((unsigned char)out[0], byte);
        assert_false(length == 2 && vocabulary_alphabet_decode(text, 1, out, &decoded));
    }
    static const char *const outside[] = {" ",
                                          "\x7F",
                                          "\xC2\xA0",
                                          "\xC2\xAD",
                                          "\xC5\x84",
                                          "\xC1\xA1",
                                          "\xC4\x61",
                                          "\x80",
                                          "\xC6\x80",
                                          "\xFF",
                                          "\xE2\x96\x81",
                                          "\xC4\xC4"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        char out[8];
        size_t decoded;
        if (vocabulary_alphabet_decode(outside[i], strlen(outside[i]), out, &decoded))
            fail_msg("text %zu is in the alphabet", i);
    }
}

/* Phi-3's special tokens take the white space after them. */
static void test_gguf_strips(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<|user|>", "a", SPACE, SPACE "a"};
    static const int32_t kinds[] = {2, 3, 3, 3, 1, 1, 1};
    struct helper_gguf plan = {
        .model = "llama", .tokens = tokens, .count = 7, .kinds = kinds, .name = "My PHI-3 mini"};
    struct tokenizer *tokenizer = load(&plan);
    EXPECT(tokenizer, "<|user|>\n a<s> a", TOKENIZER_SPECIAL, "3 6 1 5 6");
    tokenizer_free(tokenizer);
    plan.name = "phi";
    tokenizer = load(&plan);
    EXPECT(tokenizer, "<|user|> a", TOKENIZER_SPECIAL, "3 5 6");
    tokenizer_free(tokenizer);
}

static void refuse(const struct helper_gguf *plan, primer_status status, const char *message)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    const primer_status found = helper_from_gguf(plan, &tokenizer, &error);
    if (found != status || strstr(error.message, message) == NULL ||
        strstr(error.message, ".gguf: ") == NULL)
        fail_msg("status %d, expected %d: '%s', expected '%s'", found, status, error.message,
                 message);
    assert_null(tokenizer);
}

#define REFUSE(base, status, message, ...)                                                         \
    do {                                                                                           \
        struct helper_gguf plan = base;                                                            \
        __VA_ARGS__;                                                                               \
        refuse(&plan, status, message);                                                            \
    } while (0)

static void test_gguf_refused(void **state)
{
    (void)state;
    static const char *const twice[] = {"a", "a"}, *const bad_merges[][2] = {{"a b", "ab"},
                                                                             {"a b", "z b"},
                                                                             {"a b", "a z"},
                                                                             {"a b", "b a"},
                                                                             {"a b", "a b"}};
    static const int32_t bad_kinds[] = {1, 1, 1, 1, 1, 1, 1, 3, 7},
                         byte_kinds[] = {2, 3, 3, 6, 6, 1, 1};
    static const float bad_scores[] = {0, 0, 0, 0, -1, __builtin_nanf(""), -3};
    REFUSE(byte_plan, PRIMER_EUNSUPPORTED, "'bert': expected gpt2 or llama", plan.model = "bert");
    REFUSE(byte_plan, PRIMER_EFORMAT, "tokenizer.ggml.model", plan.model = NULL);
    REFUSE(byte_plan, PRIMER_EUNSUPPORTED, "unknown pre-tokenizer 'brand-new'",
           plan.pre = "brand-new");
    REFUSE(byte_plan, PRIMER_EFORMAT, "tokenizer.ggml.tokens is missing", plan.tokens = NULL);
    REFUSE(byte_plan, PRIMER_EFORMAT, "tokenizer.ggml.merges is missing", plan.merges = NULL);
    REFUSE(byte_plan, PRIMER_EFORMAT, "token_type has 8 elements, tokenizer.ggml.tokens 9",
           plan.fewer_kinds = 1);
    REFUSE(byte_plan, PRIMER_EFORMAT, "token_type[8] is 7: expected 0 to 6",
           plan.kinds = bad_kinds);
    REFUSE(piece_plan, PRIMER_EFORMAT, "token 4 is of type byte", plan.kinds = byte_kinds);
    REFUSE(piece_plan, PRIMER_EFORMAT, "scores[5] is not a number", plan.scores = bad_scores);
    REFUSE(piece_plan, PRIMER_EFORMAT, "scores is not an array of numbers",
           plan.wrong_types = true);
    REFUSE(piece_plan, PRIMER_EFORMAT, "bos_token_id is 7, the vocabulary has 7 tokens",
           plan.bos = 8);
    REFUSE(piece_plan, PRIMER_EFORMAT, "tokens 0 and 1 are both 'a'",
           (plan.tokens = twice, plan.count = 2, plan.kinds = NULL, plan.scores = NULL));
    static const char *const messages[] = {
        "merges[1] is not two tokens", "merges[1] 'z b': the left part",
        "merges[1] 'a z': the right part", "merges[1] 'b a': what it makes",
        "merges[1] is there twice"};
    for (size_t i = 0; i < 5; i++)
        REFUSE(byte_plan, PRIMER_EFORMAT, messages[i], plan.merges = bad_merges[i]);
}

/* ---- no memory ---- */

/* Each allocation of loading, encoding and decoding fails in turn: an error, nothing lost, and with
 * memory again the same ids. (jansson's are its own: it reads past a string whose buffer can't
 * grow.) */
static void fail_each_allocation(const char *text, const char *ids)
{
    static const char sample[] = "a a  ab<x>ab ab a";
    bool done = false;
    for (size_t n = 0; !done; n++) {
        primer_error error = {0};
        struct tokenizer *tokenizer = NULL;
        struct token_list list = {0};
        struct buffer back = {0};
        memory_fail_at(n);
        primer_status status = tokenizer_from_json(&tokenizer, text, strlen(text), "file", &error);
        if (status == PRIMER_OK)
            status = tokenizer_encode(tokenizer, sample, sizeof sample - 1, 0, &list, &error);
        if (status == PRIMER_OK)
            status = tokenizer_decode(tokenizer, list.ids, list.count, 0, &back, &error);
        memory_fail_at(SIZE_MAX);
        done = status == PRIMER_OK;
        if (!done && status != PRIMER_ENOMEM)
            fail_msg("allocation %zu: status %d, '%s'", n, status, error.message);
        if (tokenizer != NULL)
            EXPECT(tokenizer, "a ab", 0, ids);
        if (done)
            assert_true(n > 8);
        tokenizer_free(tokenizer);
        token_list_free(&list);
        buffer_free(&back);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fail_each_allocation(json(&(struct parts){.more_model = ",\"unk_token\":\"c\""}), "0 5");
    fail_each_allocation(
        json(&(struct parts){
            .more_model = ",\"unk_token\":\"c\"",
            .pre_tokenizer =
                "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                "\"Regex\":\"(?:b)\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\"}]}"}),
        "0 3 0 1");
    fail_each_allocation(json(&pieces), "4 4 2");
}

static void test_gguf_no_memory(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct helper_gguf plan = i == 0 ? byte_plan : piece_plan;
        struct tokenizer *tokenizer = NULL;
        size_t failures = 0;
        while (tokenizer == NULL) {
            primer_error error = {0};
            plan.fail_at = failures + 1;
            const primer_status status = helper_from_gguf(&plan, &tokenizer, &error);
            assert_true(status == (tokenizer == NULL ? PRIMER_ENOMEM : PRIMER_OK));
            failures += tokenizer == NULL;
        }
        assert_true(failures > 5);
        tokenizer_free(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_byte_level),
        cmocka_unit_test(test_json_pre_tokenizers),
        cmocka_unit_test(test_fused_unknown),
        cmocka_unit_test(test_json_pieces),
        cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_json_limits),
        cmocka_unit_test(test_gguf),
        cmocka_unit_test(test_gguf_merges_in_any_order),
        cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_gguf_strips),
        cmocka_unit_test(test_gguf_refused),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_gguf_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
