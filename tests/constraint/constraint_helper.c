/* constraint_helper.c - tokenizers are written as a tokenizer.json and read as any other. */
#include "constraint_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "tokenizer/vocabulary.h"

static void add(struct buffer *json, const char *text)
{
    assert_int_equal(buffer_text(json, text, NULL), PRIMER_OK);
}

static void add_token(struct buffer *json, const char *bytes, size_t length, size_t id)
{
    char spelled[512], number[32];
    size_t used = 0;
    assert_true(2 * length < sizeof spelled);
    for (size_t i = 0; i < length; i++)
        used += vocabulary_alphabet_encode((unsigned char)bytes[i], spelled + used);
    snprintf(number, sizeof number, ":%zu", id);
    if (json->bytes[json->length - 1] != '{')
        add(json, ",");
    assert_int_equal(buffer_json_string(json, spelled, used, NULL), PRIMER_OK);
    add(json, number);
}

static void add_controls(struct buffer *json, const char *const *controls, size_t count, size_t id)
{
    char number[64];
    for (size_t i = 0; i <= count; i++) {
        snprintf(number, sizeof number, "%s{\"id\":%zu,\"content\":", i > 0 ? "," : "", id + i);
        add(json, number);
        const char *const text = i < count ? controls[i] : "</s>";
        assert_int_equal(buffer_json_string(json, text, strlen(text), NULL), PRIMER_OK);
        add(json, ",\"special\":true}");
    }
}

static struct tokenizer *read_json(struct buffer *json)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    if (tokenizer_from_json(&tokenizer, json->bytes, json->length, "made up", &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    buffer_free(json);
    return tokenizer;
}

static struct tokenizer *tokenizer_of(bool bytes, const char *const *tokens, size_t count,
                                      const char *const *controls, size_t control_count)
{
    struct buffer json = {0};
    size_t id = 0;
    add(&json, "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
               "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"merges\":[],"
               "\"vocab\":{");
    for (; bytes && id < 256; id++) {
        const char byte = (char)id;
        add_token(&json, &byte, 1, id);
    }
    for (size_t i = 0; i < count; i++)
        add_token(&json, tokens[i], strlen(tokens[i]), id++);
    add(&json, "}},\"added_tokens\":[");
    add_controls(&json, controls, control_count, id);
    add(&json, "]}");
    return read_json(&json);
}

struct tokenizer *helper_tokenizer(const char *const *tokens, size_t count,
                                   const char *const *controls, size_t control_count)
{
    return tokenizer_of(false, tokens, count, controls, control_count);
}

struct tokenizer *helper_byte_tokenizer(const char *const *more, size_t count,
                                        const char *const *controls, size_t control_count)
{
    return tokenizer_of(true, more, count, controls, control_count);
}

struct constraint_vocabulary *helper_vocabulary(const struct tokenizer *tokenizer)
{
    primer_error error = {0};
    struct constraint_vocabulary *vocabulary = NULL;
    if (constraint_vocabulary_create(tokenizer, &vocabulary, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return vocabulary;
}

primer_constraint *helper_gbnf(const char *text)
{
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    if (constraint_gbnf(text, strlen(text), &constraint, &error) != PRIMER_OK)
        fail_msg("%s: %s", text, error.message);
    return constraint;
}

primer_constraint *helper_finish(struct grammar *grammar, size_t root)
{
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    if (grammar_finish(grammar, root, &constraint, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return constraint;
}

struct constraint_matcher *helper_matcher(primer_constraint *constraint,
                                          const struct constraint_vocabulary *vocabulary)
{
    primer_error error = {0};
    struct constraint_matcher *matcher = NULL;
    if (constraint_matcher_create(constraint, vocabulary, &matcher, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return matcher;
}

const uint64_t *helper_mask(struct constraint_matcher *matcher)
{
    primer_error error = {0};
    const uint64_t *const mask = constraint_matcher_mask(matcher, &error);
    if (mask == NULL)
        fail_msg("no mask: %s", error.message);
    return mask;
}

int helper_follow_with(primer_constraint *constraint,
                       const struct constraint_vocabulary *vocabulary, const char *bytes,
                       size_t length)
{
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    int found = 0;
    for (size_t i = 0; i < length && found == 0; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        const bool allowed = helper_allowed(helper_mask(matcher), byte);
        if (constraint_matcher_take(matcher, byte) != allowed)
            fail_msg("\"%.*s\": mask and taking differ at byte %zu", (int)length, bytes, i);
        found = allowed ? 0 : -1;
    }
    if (found == 0 && constraint_matcher_complete(matcher))
        found = 1;
    constraint_matcher_free(matcher);
    return found;
}

int helper_follow(primer_constraint *constraint, const char *bytes, size_t length)
{
    struct tokenizer *const tokenizer = helper_byte_tokenizer(NULL, 0, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    const int found = helper_follow_with(constraint, vocabulary, bytes, length);
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
    return found;
}
