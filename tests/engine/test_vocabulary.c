/* test_vocabulary.c - a model opened for its vocabulary alone: the same tokens as the whole
 * model's, also from a file without weights or a tokenizer.json; what needs weights is refused.
 */
#include <string.h>

#include "base/memory.h"
#include "fixture.h"
#include "format/gguf.h"
#include "primer_chat.h"

static primer_status open_vocabulary(const char *path, primer_model **model, primer_error *error)
{
    const primer_model_options options = {.vocabulary_only = true};
    return primer_model_open(path, &options, model, error);
}

/* The tokenizer's keys of a model's file, and nothing else of it. */
static void strip_weights(const char *from, const char *to)
{
    primer_error error = {0};
    struct gguf *gguf = NULL;
    struct gguf_writer *writer = NULL;
    assert_int_equal(gguf_open(&gguf, from, &error), PRIMER_OK);
    assert_int_equal(gguf_writer_create(&writer, to, &error), PRIMER_OK);
    for (size_t i = 0; i < gguf_value_count(gguf); i++) {
        const struct gguf_value *const value = gguf_value_at(gguf, i);
        if (value->key.length > 10 && memcmp(value->key.bytes, "tokenizer.", 10) == 0)
            assert_int_equal(gguf_write_value(writer, value, &error), PRIMER_OK);
    }
    assert_int_equal(gguf_write_string(writer, "tokenizer.chat_template",
                                       "{% for m in messages %}{{ m.content }}{% endfor %}",
                                       &error),
                     PRIMER_OK);
    assert_int_equal(gguf_writer_finish(writer, &error), PRIMER_OK);
    gguf_writer_free(writer);
    gguf_free(gguf);
}

static void check_same(const primer_model *whole, const primer_model *vocabulary)
{
    static const char text[] = "Once upon a time, there was a  test.\n\xC3\xA9";
    int32_t *a = NULL, *b = NULL;
    size_t a_count = 0, b_count = 0;
    must(primer_tokenize(whole, text, sizeof text - 1, PRIMER_TEXT_BOS, &a, &a_count, error));
    must(primer_tokenize(vocabulary, text, sizeof text - 1, PRIMER_TEXT_BOS, &b, &b_count, error));
    assert_int_equal(a_count, b_count);
    assert_memory_equal(a, b, a_count * sizeof *a);
    assert_int_equal(primer_token_eos(whole), primer_token_eos(vocabulary));
    assert_int_equal(primer_model_info(whole)->vocabulary_hash,
                     primer_model_info(vocabulary)->vocabulary_hash);
    assert_int_not_equal(primer_model_info(vocabulary)->vocabulary_hash, 0);
    primer_free(a);
    primer_free(b);
}

static void the_tokens_are_the_same(void **state)
{
    (void)state;
    static const char *const kinds[] = {"bpe", "spm"};
    for (size_t i = 0; i < 2; i++) {
        const struct model_maker_options options = {.tokenizer = kinds[i]};
        const char *const path = fixture_model(&options, 0);
        const char *const stripped = fixture_path("stripped.gguf");
        primer_model *whole = NULL, *vocabulary = NULL, *alone = NULL;
        primer_chat_format *format = NULL;
        strip_weights(path, stripped);
        must(primer_model_open(path, NULL, &whole, error));
        must(open_vocabulary(path, &vocabulary, error));
        must(open_vocabulary(stripped, &alone, error));
        check_same(whole, vocabulary);
        check_same(whole, alone);
        assert_int_equal(primer_model_info(alone)->vocabulary,
                         primer_model_info(vocabulary)->vocabulary);
        must(primer_chat_format_own(alone, &format, error));
        assert_non_null(format);
        primer_chat_format_free(format);
        primer_model_free(whole);
        primer_model_free(vocabulary);
        primer_model_free(alone);
        fixture_remove();
    }
}

static void weights_are_refused(void **state)
{
    (void)state;
    const struct model_maker_options options = {0};
    const char *const path = fixture_model(&options, 0);
    primer_model *model = NULL;
    primer_session *session = NULL;
    primer_sampler *sampler = NULL;
    primer_error problem = {0};
    primer_totals totals;
    must(open_vocabulary(path, &model, error));
    assert_int_equal(primer_session_create(model, NULL, &session, &problem), PRIMER_EINVAL);
    assert_non_null(strstr(problem.message, "was opened for its vocabulary alone"));
    assert_null(session);
    assert_int_equal(primer_sampler_create(model, NULL, &sampler, &problem), PRIMER_OK);
    primer_sampler_free(sampler);
    primer_model_statistics(model, &totals);
    assert_int_equal(totals.passes, 0);
    primer_model_free(model);
    model = NULL;
    assert_int_equal(open_vocabulary(fixture_path("none.json"), &model, &problem), PRIMER_EIO);
    assert_int_equal(open_vocabulary(fixture_path("none.gguf"), &model, &problem), PRIMER_EIO);
    assert_null(model);
    fixture_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tokens_are_the_same),
        cmocka_unit_test(weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
