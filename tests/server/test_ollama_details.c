/* test_ollama_details.c - sizes in Ollama's words, digests, names, tokens around a gap. */
#include "server/ollama_details.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t parameters;
        const char *text;
    } rows[] = {{0, "0"},           {999, "999"},           {260032, "260K"},
                {1000000, "1M"},    {124439808, "124.44M"}, {2779683840, "2.8B"},
                {7000000000, "7B"}, {70553706496, "70.6B"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[OLLAMA_SIZE_BYTES];
        assert_string_equal(ollama_details_size(rows[i].parameters, text), rows[i].text);
    }
}

static void test_digest(void **state)
{
    (void)state;
    char one[OLLAMA_DIGEST_BYTES], again[OLLAMA_DIGEST_BYTES], other[OLLAMA_DIGEST_BYTES];
    ollama_details_digest("0123456789abcdef", one);
    ollama_details_digest("0123456789abcdef", again);
    ollama_details_digest("0123456789abcdee", other);
    assert_int_equal(strlen(one), 64);
    assert_int_equal(strspn(one, "0123456789abcdef"), 64);
    assert_string_equal(one, again);
    for (size_t part = 0; part < 4; part++)
        assert_memory_not_equal(one + 16 * part, other + 16 * part, 16);
}

static void test_names_and_types(void **state)
{
    (void)state;
    struct catalog_entry entry = {.name = "phi-2", .type = "Q4_K", .file_type = 15};
    json_t *name = ollama_details_name(&entry);
    assert_string_equal(json_string_value(name), "phi-2:latest");
    json_decref(name);
    assert_string_equal(ollama_details_quantization(&entry), "Q4_K_M");
    entry.name = "phi-2:q4";
    entry.file_type = -1;
    name = ollama_details_name(&entry);
    assert_string_equal(json_string_value(name), "phi-2:q4");
    json_decref(name);
    assert_string_equal(ollama_details_quantization(&entry), "Q4_K");
}

static void test_listed(void **state)
{
    (void)state;
    const struct catalog_entry entry = {.name = "phi-2",
                                        .architecture = "phi2",
                                        .type = "Q4_0",
                                        .identity = "0123456789abcdef",
                                        .file_type = 2,
                                        .parameters = 2779683840,
                                        .context = 2048,
                                        .embedding = 2560};
    json_t *listed = ollama_details_listed(&entry, 1600000000);
    const json_t *details = json_object_get(listed, "details");
    static const char *const texts[] = {"parent_model", "format", "family", "parameter_size",
                                        "quantization_level"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_true(json_is_string(json_object_get(details, texts[i])));
    assert_int_equal(json_array_size(json_object_get(details, "families")), 1);
    assert_int_equal(json_integer_value(json_object_get(listed, "size")), 1600000000);
    assert_string_equal(json_string_value(json_object_get(listed, "model")), "phi-2:latest");
    json_decref(listed);
}

static void test_gap_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool found;
    } rows[] = {
        {"{\"metadata\":{\"tokenizer.ggml.fim_pre_token_id\":5,\"tokenizer.ggml.fim_suf_token_id\":"
         "6,\"tokenizer.ggml.fim_mid_token_id\":7}}",
         true},
        {"{\"metadata\":{\"tokenizer.ggml.prefix_token_id\":5,\"tokenizer.ggml.suffix_token_id\":"
         "6,\"tokenizer.ggml.middle_token_id\":7}}",
         true},
        {"{\"metadata\":{\"tokenizer.ggml.fim_pre_token_id\":5,\"tokenizer.ggml.suffix_token_id\":"
         "6,\"tokenizer.ggml.middle_token_id\":7}}",
         false},
        {"{\"metadata\":{\"tokenizer.ggml.fim_pre_token_id\":-1,\"tokenizer.ggml.fim_suf_token_id\""
         ":6,\"tokenizer.ggml.fim_mid_token_id\":7}}",
         false},
        {"{\"metadata\":{}}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t ids[OLLAMA_GAP_TOKENS] = {0};
        json_t *description = json_loads(rows[i].text, 0, NULL);
        assert_int_equal(ollama_details_gap_tokens(description, ids), rows[i].found);
        if (rows[i].found) {
            assert_int_equal(ids[0], 5);
            assert_int_equal(ids[1], 6);
            assert_int_equal(ids[2], 7);
        }
        json_decref(description);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),           cmocka_unit_test(test_digest),
        cmocka_unit_test(test_names_and_types), cmocka_unit_test(test_listed),
        cmocka_unit_test(test_gap_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
