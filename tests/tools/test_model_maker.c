/* test_model_maker.c - generated models have the names, shapes and metadata of real ones, weights
 * of the size that is promised, and tokenizers whose merges are consistent.
 */
#include "tools/model_maker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "format/gguf.h"
#include "tools/model_set.h"

static char folder[64], path[128], other[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/primer-maker-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/model.gguf", folder);
    snprintf(other, sizeof other, "%s/other.gguf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder); /* fails where a test left something else */
}

static struct gguf *made(const struct model_maker_options *options)
{
    struct gguf *gguf = NULL;
    primer_error error = {0};
    if (model_maker_write(options, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    if (gguf_open(&gguf, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return gguf;
}

static uint64_t number(const struct gguf *gguf, const char *key)
{
    uint64_t value = 0;
    primer_error error = {0};
    if (gguf_require_u64(gguf, key, &value, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return value;
}

static void has(const struct gguf *gguf, const char *name, enum quant_type type, size_t columns,
                size_t rows)
{
    const struct gguf_tensor *tensor = gguf_tensor_named(gguf, name);
    if (!tensor)
        fail_msg("no tensor %s", name);
    assert_int_equal(tensor->format->type, type);
    assert_int_equal(tensor->dimensions, rows == 0 ? 1 : 2);
    assert_int_equal(tensor->shape[0], columns);
    assert_int_equal(tensor->shape[1], rows == 0 ? 1 : rows);
}

static bool text_is(struct gguf_string text, const char *expected)
{
    return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

/* ---- architectures ---- */

static void test_phi2(void **state)
{
    (void)state;
    const struct model_maker_options options = {.type = "Q4_0", .vocabulary = 300, .seed = 3};
    struct gguf *gguf = made(&options);
    struct gguf_string text = {0};
    double epsilon = 0;
    assert_int_equal(gguf_require_string(gguf, "general.architecture", &text, NULL), PRIMER_OK);
    assert_true(text_is(text, "phi2"));
    assert_int_equal(number(gguf, "phi2.block_count"), 2);
    assert_int_equal(number(gguf, "phi2.embedding_length"), 256);
    assert_int_equal(number(gguf, "phi2.feed_forward_length"), 512);
    assert_int_equal(number(gguf, "phi2.attention.head_count"), 4);
    assert_int_equal(number(gguf, "phi2.attention.head_count_kv"), 4);
    assert_int_equal(number(gguf, "phi2.rope.dimension_count"), 32);
    assert_int_equal(number(gguf, "phi2.context_length"), 512);
    assert_int_equal(number(gguf, "general.file_type"), 2);
    assert_int_equal(gguf_get_f64(gguf, "phi2.attention.layer_norm_epsilon", &epsilon, NULL),
                     PRIMER_OK);
    assert_true(fabs(epsilon - 1e-5) < 1e-10);
    assert_null(gguf_value_named(gguf, "phi2.rope.freq_base"));
    has(gguf, "token_embd.weight", QUANT_Q4_0, 256, 300);
    has(gguf, "blk.1.attn_qkv.weight", QUANT_Q4_0, 256, 768);
    has(gguf, "blk.1.attn_qkv.bias", QUANT_F32, 768, 0);
    has(gguf, "blk.1.attn_output.weight", QUANT_Q4_0, 256, 256);
    has(gguf, "blk.1.ffn_up.weight", QUANT_Q4_0, 256, 512);
    has(gguf, "blk.1.ffn_up.bias", QUANT_F32, 512, 0);
    has(gguf, "blk.1.ffn_down.weight", QUANT_Q4_0, 512, 256);
    has(gguf, "blk.0.attn_norm.weight", QUANT_F32, 256, 0);
    has(gguf, "blk.0.attn_norm.bias", QUANT_F32, 256, 0);
    has(gguf, "output_norm.bias", QUANT_F32, 256, 0);
    has(gguf, "output.weight", QUANT_Q4_0, 256, 300);
    has(gguf, "output.bias", QUANT_F32, 300, 0);
    assert_int_equal(gguf_tensor_count(gguf), 1 + 2 * 10 + 4);
    gguf_free(gguf);
}

static void test_phi2_split_linear(void **state)
{
    (void)state;
    const struct model_maker_options options = {.split_qkv = true, .rope = "linear:4", .rotary = 16,
                                                .output_type = "Q6_K", .type = "Q8_0"};
    struct gguf *gguf = made(&options);
    double factor = 0;
    struct gguf_string text = {0};
    has(gguf, "blk.0.attn_q.weight", QUANT_Q8_0, 256, 256);
    has(gguf, "blk.0.attn_k.bias", QUANT_F32, 256, 0);
    has(gguf, "output.weight", QUANT_Q6_K, 256, 512);
    assert_null(gguf_tensor_named(gguf, "blk.0.attn_qkv.weight"));
    assert_int_equal(gguf_require_string(gguf, "phi2.rope.scaling.type", &text, NULL), PRIMER_OK);
    assert_true(text_is(text, "linear"));
    assert_int_equal(gguf_get_f64(gguf, "phi2.rope.scaling.factor", &factor, NULL), PRIMER_OK);
    assert_true(factor == 4.0);
    assert_int_equal(number(gguf, "phi2.rope.dimension_count"), 16);
    gguf_free(gguf);
}

static void test_llama(void **state)
{
    (void)state;
    const struct model_maker_options options = {.architecture = "llama", .type = "Q6_K",
                                                .heads = 8, .kv_heads = 2, .head_dimension = 64,
                                                .window = 100, .tied = true, .rope = "factors",
                                                .bias = true, .tokenizer = "bpe"};
    struct gguf *gguf = made(&options);
    has(gguf, "blk.0.attn_q.weight", QUANT_Q6_K, 256, 512);
    has(gguf, "blk.0.attn_k.weight", QUANT_Q6_K, 256, 128);
    has(gguf, "blk.0.attn_v.bias", QUANT_F32, 128, 0);
    has(gguf, "blk.0.attn_output.weight", QUANT_Q6_K, 512, 256);
    has(gguf, "blk.0.ffn_gate.weight", QUANT_Q6_K, 256, 512);
    has(gguf, "blk.0.ffn_norm.weight", QUANT_F32, 256, 0);
    has(gguf, "rope_freqs.weight", QUANT_F32, 32, 0);
    assert_null(gguf_tensor_named(gguf, "output.weight"));
    assert_null(gguf_tensor_named(gguf, "blk.0.attn_norm.bias"));
    assert_int_equal(number(gguf, "llama.attention.sliding_window"), 100);
    assert_int_equal(number(gguf, "llama.attention.key_length"), 64);
    assert_int_equal(number(gguf, "llama.attention.value_length"), 64);
    assert_int_equal(number(gguf, "llama.rope.dimension_count"), 64);
    assert_int_equal(number(gguf, "llama.vocab_size"), 512);
    float factors[32];
    memcpy(factors, gguf_tensor_named(gguf, "rope_freqs.weight")->data, sizeof factors);
    assert_true(factors[0] == 1.0F && factors[15] == 1.0F && factors[31] == 8.0F);
    for (size_t i = 1; i < 32; i++)
        assert_true(factors[i] >= factors[i - 1]);
    gguf_free(gguf);
}

static void test_mix(void **state)
{
    (void)state;
    const struct model_maker_options options = {.type = "Q4_K_M", .mix = true, .layers = 3,
                                                .split_qkv = true};
    struct gguf *gguf = made(&options);
    has(gguf, "output.weight", QUANT_Q6_K, 256, 512);
    has(gguf, "token_embd.weight", QUANT_Q4_K, 256, 512);
    has(gguf, "blk.0.attn_q.weight", QUANT_Q4_K, 256, 256);
    has(gguf, "blk.0.attn_v.weight", QUANT_Q4_K, 256, 256); /* of three: 7 * 3 / 8 = 2 */
    has(gguf, "blk.2.attn_v.weight", QUANT_Q6_K, 256, 256);
    assert_int_equal(number(gguf, "general.file_type"), 15);
    gguf_free(gguf);
}

static void test_shapes(void **state)
{
    (void)state;
    struct model_maker_options options = {.type = "Q4_0"};
    primer_error error = {0};
    assert_int_equal(model_maker_shape(&options, "phi2", &error), PRIMER_OK);
    assert_int_equal(options.layers, 32);
    assert_int_equal(options.dimension, 2560);
    options.layers = 1; /* enough to see the rest */
    options.vocabulary = 300;
    struct gguf *gguf = made(&options);
    has(gguf, "blk.0.attn_qkv.weight", QUANT_Q4_0, 2560, 7680);
    has(gguf, "blk.0.ffn_down.weight", QUANT_Q4_0, 10240, 2560);
    assert_int_equal(number(gguf, "phi2.rope.dimension_count"), 32);
    gguf_free(gguf);
    assert_int_equal(model_maker_shape(&options, "phi9", &error), PRIMER_EINVAL);
}

/* ---- weights ---- */

struct moments {
    double mean, deviation;
    double of_means; /* root mean square of the means of 32 weights */
};

static struct moments moments_of(const struct gguf_tensor *tensor)
{
    size_t count = tensor->bytes / tensor->format->block_bytes * tensor->format->block_length;
    float *weights = malloc(count * sizeof *weights);
    double sum = 0.0, squares = 0.0, means = 0.0, of_32 = 0.0;
    assert_non_null(weights);
    tensor->format->decode(tensor->data, weights, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(isfinite(weights[i]));
        sum += (double)weights[i];
        squares += (double)weights[i] * (double)weights[i];
        of_32 += (double)weights[i] / 32.0;
        if (i % 32 == 31) {
            means += of_32 * of_32;
            of_32 = 0.0;
        }
    }
    free(weights);
    double mean = sum / (double)count;
    return (struct moments){mean, sqrt(squares / (double)count - mean * mean),
                            sqrt(means * 32.0 / (double)count)};
}

static void deviates(const struct gguf *gguf, const char *name, double mean, double deviation)
{
    const struct gguf_tensor *tensor = gguf_tensor_named(gguf, name);
    struct moments found = moments_of(tensor);
    if (fabs(found.mean - mean) > 0.1 * deviation ||
        fabs(found.deviation - deviation) > 0.1 * deviation)
        fail_msg("%s in %s: mean %g, deviation %g, expected %g", name, tensor->format->name,
                 found.mean, found.deviation, deviation);
    if (found.of_means > 0.35 * deviation) /* of independent weights it would be 0.18 */
        fail_msg("%s in %s: blocks have means of their own, %g", name, tensor->format->name,
                 found.of_means);
}

static void test_weights(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < QUANT_TYPES; type++) {
        const struct quant_format *format = quant_format_of(type);
        struct model_maker_options options = {.seed = type};
        if (!format)
            continue;
        options.type = format->name;
        struct gguf *gguf = made(&options);
        deviates(gguf, "token_embd.weight", 0.0, 1.0);
        deviates(gguf, "blk.0.ffn_up.weight", 0.0, 1.0 / 16.0);
        deviates(gguf, "blk.1.ffn_down.weight", 0.0, 1.0 / sqrt(512.0));
        deviates(gguf, "output.weight", 0.0, 2.5 / 16.0);
        assert_true(fabs(moments_of(gguf_tensor_named(gguf, "output_norm.weight")).mean - 1.0) <
                    0.05);
        assert_true(moments_of(gguf_tensor_named(gguf, "blk.0.ffn_up.bias")).deviation < 0.025);
        gguf_free(gguf);
    }
}

static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    struct model_maker_options options = {.type = "Q4_K", .layers = 1, .seed = 7};
    primer_error error = {0};
    struct gguf *a = made(&options), *b = NULL;
    assert_int_equal(model_maker_write(&options, other, &error), PRIMER_OK);
    assert_int_equal(gguf_open(&b, other, &error), PRIMER_OK);
    size_t size = gguf_map(a)->size;
    assert_int_equal(gguf_map(b)->size, size);
    assert_memory_equal(gguf_map(a)->bytes, gguf_map(b)->bytes, size);
    gguf_free(b);
    options.seed = 8;
    assert_int_equal(model_maker_write(&options, other, &error), PRIMER_OK);
    assert_int_equal(gguf_open(&b, other, &error), PRIMER_OK);
    assert_int_not_equal(memcmp(gguf_tensor_at(a, 0)->data, gguf_tensor_at(b, 0)->data, 1024), 0);
    gguf_free(a);
    gguf_free(b);
}

/* ---- tokenizers ---- */

struct tokens {
    struct gguf_string *texts;
    size_t count;
};

static struct tokens tokens_of(const struct gguf *gguf, const char *key)
{
    const struct gguf_value *list = gguf_value_named(gguf, key);
    struct tokens tokens = {0};
    size_t offset = 0;
    assert_non_null(list);
    tokens.count = list->count;
    tokens.texts = malloc(tokens.count * sizeof *tokens.texts);
    assert_non_null(tokens.texts);
    for (size_t i = 0; i < tokens.count; i++)
        tokens.texts[i] = gguf_array_string(list, &offset);
    return tokens;
}

static int by_text(const void *a, const void *b)
{
    const struct gguf_string *x = a, *y = b;
    size_t length = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->bytes, y->bytes, length);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static void all_different(const struct tokens *tokens)
{
    struct gguf_string *sorted = malloc(tokens->count * sizeof *sorted);
    assert_non_null(sorted);
    memcpy(sorted, tokens->texts, tokens->count * sizeof *sorted);
    qsort(sorted, tokens->count, sizeof *sorted, by_text);
    for (size_t i = 1; i < tokens->count; i++)
        assert_int_not_equal(by_text(&sorted[i - 1], &sorted[i]), 0);
    free(sorted);
}

/* Merge i joins to token 256 + i. */
static void merges_fit(const struct tokens *tokens, const struct tokens *merges)
{
    for (size_t i = 0; i < merges->count; i++) {
        struct gguf_string merge = merges->texts[i], joined = tokens->texts[256 + i];
        const char *space = memchr(merge.bytes, ' ', merge.length);
        assert_non_null(space);
        size_t left = (size_t)(space - merge.bytes);
        assert_int_equal(merge.length - 1, joined.length);
        assert_memory_equal(merge.bytes, joined.bytes, left);
        assert_memory_equal(space + 1, joined.bytes + left, joined.length - left);
    }
}

static void test_bpe_as_phi2(void **state)
{
    (void)state;
    const struct model_maker_options options = {.layers = 1, .dimension = 32, .heads = 2, .ffn = 32,
                                                .vocabulary = 51200, .type = "Q4_0"};
    struct gguf *gguf = made(&options);
    struct tokens tokens = tokens_of(gguf, "tokenizer.ggml.tokens");
    struct tokens merges = tokens_of(gguf, "tokenizer.ggml.merges");
    const struct gguf_value *types = gguf_value_named(gguf, "tokenizer.ggml.token_type");
    bool bos = true;
    assert_int_equal(tokens.count, 51200);
    assert_int_equal(merges.count, 50000);
    assert_true(text_is(tokens.texts[0], "!"));
    assert_true(text_is(tokens.texts[93], "~"));
    assert_true(text_is(tokens.texts[94], "\xc2\xa1"));  /* byte 161 as itself */
    assert_true(text_is(tokens.texts[188], "\xc4\x80")); /* byte 0 as U+0100 */
    assert_true(text_is(tokens.texts[220], "\xc4\xa0")); /* the space as U+0120 */
    merges_fit(&tokens, &merges);
    all_different(&tokens);
    assert_true(text_is(tokens.texts[50256], "<|endoftext|>"));
    assert_int_equal(tokens.texts[50257].length, 31);
    assert_int_equal(tokens.texts[50286].length, 2);
    assert_true(text_is(tokens.texts[50287], "\t\t\t\t\t\t\t\t\t"));
    assert_true(text_is(tokens.texts[50294], "\t\t"));
    assert_true(text_is(tokens.texts[50295], "[PAD50295]"));
    assert_int_equal(gguf_array_integer(types, 50255), 1);
    assert_int_equal(gguf_array_integer(types, 50256), 3);
    assert_int_equal(gguf_array_integer(types, 50257), 4);
    assert_int_equal(gguf_array_integer(types, 50295), 5);
    assert_int_equal(number(gguf, "tokenizer.ggml.eos_token_id"), 50256);
    assert_int_equal(gguf_get_bool(gguf, "tokenizer.ggml.add_bos_token", &bos, NULL), PRIMER_OK);
    assert_false(bos);
    free(tokens.texts);
    free(merges.texts);
    gguf_free(gguf);
}

static void test_bpe_smallest(void **state)
{
    (void)state;
    const struct model_maker_options options = {.layers = 1, .dimension = 32, .heads = 2,
                                                .vocabulary = 257};
    struct gguf *gguf = made(&options);
    struct tokens tokens = tokens_of(gguf, "tokenizer.ggml.tokens");
    assert_true(text_is(tokens.texts[256], "<|endoftext|>"));
    assert_int_equal(gguf_value_named(gguf, "tokenizer.ggml.merges")->count, 0);
    free(tokens.texts);
    gguf_free(gguf);
}

static void test_spm(void **state)
{
    (void)state;
    const struct model_maker_options options = {.architecture = "llama", .vocabulary = 700};
    struct gguf *gguf = made(&options);
    struct tokens tokens = tokens_of(gguf, "tokenizer.ggml.tokens");
    const struct gguf_value *types = gguf_value_named(gguf, "tokenizer.ggml.token_type");
    const struct gguf_value *scores = gguf_value_named(gguf, "tokenizer.ggml.scores");
    bool found = false;
    assert_int_equal(tokens.count, 700);
    all_different(&tokens);
    assert_true(text_is(tokens.texts[2], "</s>"));
    assert_true(text_is(tokens.texts[3], "<0x00>"));
    assert_true(text_is(tokens.texts[258], "<0xFF>"));
    assert_int_equal(gguf_array_integer(types, 0), 2);
    assert_int_equal(gguf_array_integer(types, 1), 3);
    assert_int_equal(gguf_array_integer(types, 258), 6);
    for (size_t i = 259; i < 700; i++) {
        assert_int_equal(gguf_array_integer(types, i), 1);
        found = found || text_is(tokens.texts[i], "\xe2\x96\x81the");
        if (i > 259)
            assert_true(gguf_array_number(scores, i) < gguf_array_number(scores, i - 1));
    }
    assert_true(found);
    assert_int_equal(number(gguf, "tokenizer.ggml.bos_token_id"), 1);
    free(tokens.texts);
    gguf_free(gguf);
}

static void test_tokenizer_of_a_file(void **state)
{
    (void)state;
    struct model_maker_options options = {.architecture = "llama", .vocabulary = 300, .layers = 1};
    primer_error error = {0};
    assert_int_equal(model_maker_write(&options, other, &error), PRIMER_OK);
    options = (struct model_maker_options){.tokenizer = other, .layers = 1};
    struct gguf *gguf = made(&options);
    has(gguf, "token_embd.weight", QUANT_F32, 256, 300);
    gguf_free(gguf);
    options.vocabulary = 310;
    gguf = made(&options);
    struct tokens tokens = tokens_of(gguf, "tokenizer.ggml.tokens");
    assert_int_equal(tokens.count, 310);
    assert_true(text_is(tokens.texts[1], "<s>"));
    assert_true(text_is(tokens.texts[309], "[PAD309]"));
    assert_int_equal(gguf_value_named(gguf, "tokenizer.ggml.scores")->count, 310);
    assert_int_equal(
        gguf_array_integer(gguf_value_named(gguf, "tokenizer.ggml.token_type"), 309), 5);
    free(tokens.texts);
    gguf_free(gguf);
    options.vocabulary = 299;
    assert_int_equal(model_maker_write(&options, path, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "299"));
}

/* ---- refusals, memory, the set ---- */

static void refused(const struct model_maker_options *options, const char *words)
{
    primer_error error = {0};
    unlink(path);
    primer_status status = model_maker_write(options, path, &error);
    if (status != PRIMER_EINVAL || !strstr(error.message, words))
        fail_msg("expected \"%s\", got %d: %s", words, (int)status, error.message);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_refusals(void **state)
{
    (void)state;
    refused(&(struct model_maker_options){.architecture = "gpt2"}, "'gpt2'");
    refused(&(struct model_maker_options){.type = "Q9_9"}, "'Q9_9'");
    refused(&(struct model_maker_options){.type = "Q9_9", .mix = true}, "'Q9_9'");
    refused(&(struct model_maker_options){.output_type = "Q4_K_M"}, "'Q4_K_M'");
    refused(&(struct model_maker_options){.rope = "norm"}, "expected neox");
    refused(&(struct model_maker_options){.rope = "factors"}, "expected neox");
    refused(&(struct model_maker_options){.rope = "linear:0.5"}, "linear:F");
    refused(&(struct model_maker_options){.rotary = 66}, "rotary");
    refused(&(struct model_maker_options){.rotary = 31}, "rotary");
    refused(&(struct model_maker_options){.tied = true}, "phi2");
    refused(&(struct model_maker_options){.heads = 4, .kv_heads = 3}, "heads");
    refused(&(struct model_maker_options){.heads = 512}, "heads");
    refused(&(struct model_maker_options){.architecture = "llama", .split_qkv = true}, "fused");
    refused(&(struct model_maker_options){.vocabulary = 256}, "too small");
    refused(&(struct model_maker_options){.type = "Q4_K", .dimension = 128}, "multiple of Q4_K");
    refused(&(struct model_maker_options){.layers = 100000}, "layers");
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    const struct model_maker_options options = {.architecture = "llama", .layers = 1,
                                                .dimension = 32, .vocabulary = 300};
    primer_error error = {0};
    primer_status status = PRIMER_ENOMEM;
    for (size_t n = 0; status != PRIMER_OK; n++) {
        memory_fail_at(n);
        status = model_maker_write(&options, path, &error);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK || status == PRIMER_ENOMEM);
        assert_true(n < 1000);
    }
}

struct written {
    char paths[128][160];
    size_t count;
};

static void note(void *context, const char *file)
{
    struct written *written = context;
    assert_true(written->count < 128);
    snprintf(written->paths[written->count++], sizeof written->paths[0], "%s", file);
}

static void test_set(void **state)
{
    (void)state;
    static struct written written;
    char set[128];
    primer_error error = {0};
    size_t bytes = 0;
    snprintf(set, sizeof set, "%s/set", folder);
    if (model_set_write(set, note, &written, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(written.count, 5 * 15);
    for (size_t i = 0; i < written.count; i++) {
        struct gguf *gguf = NULL;
        if (gguf_open(&gguf, written.paths[i], &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        bytes += gguf_map(gguf)->size;
        gguf_free(gguf);
        assert_int_equal(unlink(written.paths[i]), 0);
    }
    assert_true(bytes < 50000000);
    assert_int_equal(rmdir(set), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phi2),
        cmocka_unit_test(test_phi2_split_linear),
        cmocka_unit_test(test_llama),
        cmocka_unit_test(test_mix),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_bpe_as_phi2),
        cmocka_unit_test(test_bpe_smallest),
        cmocka_unit_test(test_spm),
        cmocka_unit_test(test_tokenizer_of_a_file),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests_name("model_maker", tests, make_folder, remove_folder);
}
