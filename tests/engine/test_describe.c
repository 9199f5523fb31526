/* test_describe.c - what a file says of itself: every key, long arrays and tensors by wish, the
 * same from the open model and from the file.
 */
#include "fixture.h"

#include <jansson.h>
#include <string.h>

static const struct model_maker_options tiny = {
    .layers = 1, .dimension = 64, .heads = 2, .ffn = 64, .vocabulary = 300, .context = 64};

static json_t *described(const char *path, unsigned flags)
{
    char *text = NULL;
    size_t length = 0;
    must(primer_file_describe(path, flags, &text, &length, error));
    assert_int_equal(strlen(text), length);
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    primer_free(text);
    return value;
}

static void test_head_and_metadata(void **state)
{
    (void)state;
    json_t *value = described(fixture_model(&tiny, 0), 0);
    const json_t *metadata = json_object_get(value, "metadata");
    assert_string_equal(json_string_value(json_object_get(metadata, "general.architecture")),
                        "phi2");
    assert_int_equal(json_integer_value(json_object_get(metadata, "phi2.context_length")), 64);
    assert_true(json_is_real(json_object_get(metadata, "phi2.attention.layer_norm_epsilon")));
    assert_true(json_is_null(json_object_get(metadata, "tokenizer.ggml.tokens")));
    assert_null(json_object_get(value, "tensors"));
    assert_int_equal(json_string_length(json_object_get(value, "identity")), 16);
    assert_true(json_integer_value(json_object_get(value, "modified")) > 1500000000);
    assert_true(json_integer_value(json_object_get(value, "file_bytes")) > 64 * 300);
    json_decref(value);
}

static void test_arrays_and_tensors(void **state)
{
    (void)state;
    json_t *value =
        described(fixture_model(&tiny, 0), PRIMER_DESCRIBE_ARRAYS | PRIMER_DESCRIBE_TENSORS);
    const json_t *metadata = json_object_get(value, "metadata");
    const json_t *tensors = json_object_get(value, "tensors"), *tensor = NULL;
    assert_true(json_array_size(json_object_get(metadata, "tokenizer.ggml.tokens")) >= 300);
    json_int_t weights = 0;
    size_t index = 0;
    json_array_foreach(tensors, index, tensor)
    {
        json_int_t product = 1;
        for (size_t i = 0; i < json_array_size(json_object_get(tensor, "shape")); i++)
            product *= json_integer_value(json_array_get(json_object_get(tensor, "shape"), i));
        weights += product;
        assert_true(json_is_string(json_object_get(tensor, "type")));
    }
    assert_true(index > 10);
    assert_int_equal(json_integer_value(json_object_get(value, "parameters")), weights);
    json_decref(value);
}

static void test_open_model_says_the_same(void **state)
{
    (void)state;
    primer_model *model = NULL;
    char *one = NULL, *two = NULL;
    size_t one_length = 0, two_length = 0;
    const char *path = fixture_model(&tiny, 0);
    must(primer_model_open(path, NULL, &model, error));
    must(primer_model_describe(model, PRIMER_DESCRIBE_TENSORS, &one, &one_length, error));
    must(primer_file_describe(path, PRIMER_DESCRIBE_TENSORS, &two, &two_length, error));
    assert_int_equal(one_length, two_length);
    assert_string_equal(one, two);
    primer_free(one);
    primer_free(two);
    primer_model_free(model);
}

static void test_other_weights_are_another_identity(void **state)
{
    (void)state;
    struct model_maker_options other = tiny;
    other.seed = 77;
    json_t *a = described(fixture_model(&tiny, 0), 0), *b = described(fixture_model(&other, 1), 0);
    assert_string_not_equal(json_string_value(json_object_get(a, "identity")),
                            json_string_value(json_object_get(b, "identity")));
    json_decref(a);
    json_decref(b);
}

static void test_missing_file(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    primer_error error = {0};
    assert_int_equal(primer_file_describe("/nowhere/x.gguf", 0, &text, &length, &error),
                     PRIMER_EIO);
    assert_null(text);
    assert_non_null(strstr(error.message, "/nowhere/x.gguf"));
}

static int remove_files(void **state)
{
    (void)state;
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_and_metadata),
        cmocka_unit_test(test_arrays_and_tensors),
        cmocka_unit_test(test_open_model_says_the_same),
        cmocka_unit_test(test_other_weights_are_another_identity),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
