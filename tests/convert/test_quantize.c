/* test_quantize.c - sizes of quantized files from shapes alone, against published listings; the
 * mixes; and small models quantized to every target.
 *
 * Published: Phi-2 files by type, and one listing with exact bytes of a Phi-2 fine-tune whose
 * vocabulary has 50,297 rows. Those differ from our tensor bytes by the metadata alone, which is
 * the same for every type.
 */
#include "convert/quantize.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "convert/mixes.h"
#include "format/gguf.h"
#include "tools/model_maker.h"

/* ---- Phi-2's shapes ---- */

enum { LAYERS = 32, TENSORS_MOST = LAYERS * 16 + 8 };

struct shapes {
    struct mixes_tensor tensors[TENSORS_MOST];
    const struct quant_format *formats[TENSORS_MOST];
    char names[TENSORS_MOST][48];
    size_t shape[TENSORS_MOST][2];
    size_t count;
};

static void add(struct shapes *shapes, int layer, const char *name, size_t columns, size_t rows)
{
    size_t i = shapes->count++;
    if (layer < 0)
        snprintf(shapes->names[i], sizeof shapes->names[i], "%s", name);
    else
        snprintf(shapes->names[i], sizeof shapes->names[i], "blk.%d.%s", layer, name);
    shapes->shape[i][0] = columns;
    shapes->shape[i][1] = rows;
    shapes->tensors[i] =
        (struct mixes_tensor){shapes->names[i], rows == 0 ? 1 : 2, shapes->shape[i]};
}

static void phi2_shapes(struct shapes *shapes, size_t vocabulary, bool fused)
{
    const size_t d = 2560, ffn = 10240;
    shapes->count = 0;
    add(shapes, -1, "token_embd.weight", d, vocabulary);
    for (int i = 0; i < LAYERS; i++) {
        add(shapes, i, "attn_norm.weight", d, 0);
        add(shapes, i, "attn_norm.bias", d, 0);
        if (fused) {
            add(shapes, i, "attn_qkv.weight", d, 3 * d);
            add(shapes, i, "attn_qkv.bias", 3 * d, 0);
        } else {
            add(shapes, i, "attn_q.weight", d, d);
            add(shapes, i, "attn_q.bias", d, 0);
            add(shapes, i, "attn_k.weight", d, d);
            add(shapes, i, "attn_k.bias", d, 0);
            add(shapes, i, "attn_v.weight", d, d);
            add(shapes, i, "attn_v.bias", d, 0);
        }
        add(shapes, i, "attn_output.weight", d, d);
        add(shapes, i, "attn_output.bias", d, 0);
        add(shapes, i, "ffn_up.weight", d, ffn);
        add(shapes, i, "ffn_up.bias", ffn, 0);
        add(shapes, i, "ffn_down.weight", ffn, d);
        add(shapes, i, "ffn_down.bias", d, 0);
    }
    add(shapes, -1, "output_norm.weight", d, 0);
    add(shapes, -1, "output_norm.bias", d, 0);
    add(shapes, -1, "output.weight", d, vocabulary);
    add(shapes, -1, "output.bias", vocabulary, 0);
}

static uint64_t planned_bytes(struct shapes *shapes, const char *target)
{
    uint64_t bytes = 0;
    primer_error error = {0};
    const struct mix *mix = mixes_named(target);
    assert_non_null(mix);
    mixes_plan(mix, shapes->tensors, shapes->count, shapes->formats);
    assert_int_equal(
        mixes_bytes(shapes->tensors, shapes->count, shapes->formats, &bytes, &error), PRIMER_OK);
    return bytes;
}

static const struct quant_format *format_in(const struct shapes *shapes, const char *name)
{
    for (size_t i = 0; i < shapes->count; i++)
        if (strcmp(shapes->tensors[i].name, name) == 0)
            return shapes->formats[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static struct shapes the_shapes; /* large */

static void test_phi2_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int fused, split; /* MB of 10^6 bytes, rounded */
    } ROWS[] = {
        {"Q2_K", 1151, 1108},   {"Q3_K_S", 1249, 1249}, {"Q3_K_M", 1483, 1424},
        {"Q3_K_L", 1682, 1573}, {"Q4_0", 1601, 1601},   {"Q4_1", 1766, 1766},
        {"Q4_K_S", 1624, 1617}, {"Q4_K_M", 1790, 1736}, {"Q5_0", 1932, 1932},
        {"Q5_1", 2097, 2097},   {"Q5_K_S", 1932, 1932}, {"Q5_K_M", 2029, 2001},
        {"Q6_K", 2283, 2283},   {"Q8_0", 2956, 2956},   {"F16", 5561, 5561},
    };
    struct shapes *shapes = &the_shapes;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        phi2_shapes(shapes, 51200, true);
        int fused = (int)((double)planned_bytes(shapes, ROWS[i].target) / 1e6 + 0.5);
        phi2_shapes(shapes, 51200, false);
        int split = (int)((double)planned_bytes(shapes, ROWS[i].target) / 1e6 + 0.5);
        if (fused != ROWS[i].fused || split != ROWS[i].split)
            fail_msg("%s: fused %d (expected %d), split %d (expected %d)", ROWS[i].target, fused,
                     ROWS[i].fused, split, ROWS[i].split);
    }
    /* Parameters: F32 is four bytes of each, and no tensor here needs padding. */
    assert_int_equal(planned_bytes(shapes, "F32"), 4 * UINT64_C(2779683840));
}

static void test_published_bytes(void **state)
{
    (void)state;
    const uint64_t metadata = 1794048;
    struct shapes *shapes = &the_shapes;
    phi2_shapes(shapes, 50297, false);
    assert_int_equal(UINT64_C(1247914656) - planned_bytes(shapes, "Q3_K_S"), metadata);
    assert_int_equal(UINT64_C(1572317856) - planned_bytes(shapes, "Q3_K_L"), metadata);
    assert_int_equal(UINT64_C(1599249216) - planned_bytes(shapes, "Q4_0"), metadata);
    assert_int_equal(UINT64_C(1734417216) - planned_bytes(shapes, "Q4_K_M"), metadata);
}

static void test_more_bits(void **state)
{
    (void)state;
    static const bool MORE[LAYERS] = {[0] = 1,  [1] = 1,  [2] = 1,  [3] = 1,  [6] = 1,  [9] = 1,
                                      [12] = 1, [15] = 1, [18] = 1, [21] = 1, [24] = 1, [27] = 1,
                                      [28] = 1, [29] = 1, [30] = 1, [31] = 1};
    struct shapes *shapes = &the_shapes;
    phi2_shapes(shapes, 51200, false);
    planned_bytes(shapes, "Q4_K_M");
    for (int i = 0; i < LAYERS; i++) {
        char name[48];
        enum quant_type wide = MORE[i] ? QUANT_Q6_K : QUANT_Q4_K;
        snprintf(name, sizeof name, "blk.%d.attn_v.weight", i);
        assert_int_equal(format_in(shapes, name)->type, wide);
        snprintf(name, sizeof name, "blk.%d.ffn_down.weight", i);
        assert_int_equal(format_in(shapes, name)->type, wide);
        snprintf(name, sizeof name, "blk.%d.attn_q.weight", i);
        assert_int_equal(format_in(shapes, name)->type, QUANT_Q4_K);
        snprintf(name, sizeof name, "blk.%d.attn_norm.weight", i);
        assert_int_equal(format_in(shapes, name)->type, QUANT_F32);
    }
    assert_int_equal(format_in(shapes, "output.weight")->type, QUANT_Q6_K);
    assert_int_equal(format_in(shapes, "token_embd.weight")->type, QUANT_Q4_K);
    planned_bytes(shapes, "Q8_0");
    assert_int_equal(format_in(shapes, "output.weight")->type, QUANT_Q8_0);
}

static void test_fallbacks_and_tied(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        enum quant_type at_64, at_33;
    } ROWS[] = {
        {"Q3_K_S", QUANT_Q4_0, QUANT_F16}, {"Q4_K", QUANT_Q5_0, QUANT_F16},
        {"Q5_K", QUANT_Q5_1, QUANT_F16},   {"Q6_K", QUANT_Q8_0, QUANT_F16},
        {"IQ4_XS", QUANT_IQ4_NL, QUANT_F16}, {"Q5_1", QUANT_Q5_1, QUANT_F16},
        {"BF16", QUANT_BF16, QUANT_BF16},
    };
    struct shapes *shapes = &the_shapes;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        shapes->count = 0;
        add(shapes, 0, "ffn_up.weight", 64, 8);
        add(shapes, 0, "ffn_gate.weight", 33, 8);
        add(shapes, -1, "token_embd.weight", 256, 8);
        const struct mix *mix = mixes_named(ROWS[i].target);
        bool fits = strcmp(ROWS[i].target, "BF16") == 0;
        bool by_32 = fits || strcmp(ROWS[i].target, "Q5_1") == 0;
        assert_int_equal(mixes_plan(mix, shapes->tensors, shapes->count, shapes->formats),
                         fits ? 0 : by_32 ? 1 : 2);
        assert_int_equal(shapes->formats[0]->type, ROWS[i].at_64);
        assert_int_equal(shapes->formats[1]->type, ROWS[i].at_33);
        /* Without an output matrix the embedding is the output. */
        assert_int_equal(shapes->formats[2]->type, fits ? QUANT_BF16 : QUANT_Q6_K);
    }
    assert_null(mixes_named("Q4_K_XL"));
    assert_ptr_equal(mixes_named("q4_k_m"), mixes_named("Q4_K_M"));
}

/* ---- files ---- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/primer-quantize-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *path_in(const char *name)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void make(const char *path, const struct model_maker_options *options)
{
    primer_error error = {0};
    if (model_maker_write(options, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
}

static primer_status quantize(const char *in, const char *out, const char *target, size_t threads,
                              struct quantize_summary *summary, primer_error *error)
{
    struct quantize_options options = {.target = target, .threads = threads};
    return quantize_file(in, out, &options, summary, error);
}

static struct gguf *opened(const char *path)
{
    struct gguf *gguf = NULL;
    primer_error error = {0};
    if (gguf_open(&gguf, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return gguf;
}

static float *decoded(const struct gguf_tensor *tensor, size_t *count)
{
    *count = tensor->bytes / tensor->format->block_bytes * tensor->format->block_length;
    float *weights = malloc(*count * sizeof *weights);
    assert_non_null(weights);
    tensor->format->decode(tensor->data, weights, *count);
    return weights;
}

/* Root mean square of the difference, as a part of that of the source. */
static double relative_error(const struct gguf_tensor *a, const struct gguf_tensor *b)
{
    size_t count, other;
    double difference = 0.0, size = 0.0;
    float *x = decoded(a, &count), *y = decoded(b, &other);
    assert_int_equal(count, other);
    for (size_t i = 0; i < count; i++) {
        difference += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        size += (double)x[i] * (double)x[i];
    }
    free(x);
    free(y);
    return sqrt(difference / size);
}

/* What normal deviates lose at most in each format. */
static double tolerated(enum quant_type type)
{
    switch (type) {
    case QUANT_F32: return 0.0;
    case QUANT_F16: return 0.0003;
    case QUANT_BF16: return 0.003;
    case QUANT_Q8_0: return 0.01;
    case QUANT_Q6_K: return 0.03;
    case QUANT_Q5_K:
    case QUANT_Q5_0:
    case QUANT_Q5_1: return 0.06;
    case QUANT_Q3_K: return 0.25;
    case QUANT_Q2_K: return 0.45;
    default: return 0.12;
    }
}

static void compare_files(const char *in, const char *out, const char *target)
{
    struct gguf *source = opened(in), *made = opened(out);
    primer_error error = {0};
    uint64_t file_type = 99, version = 0;
    assert_int_equal(gguf_get_u64(made, "general.file_type", &file_type, &error), PRIMER_OK);
    assert_int_equal(file_type, mixes_file_type(mixes_named(target)));
    assert_int_equal(gguf_get_u64(made, "general.quantization_version", &version, &error),
                     PRIMER_OK);
    assert_int_equal(version, 2);
    assert_int_equal(gguf_value_count(source), gguf_value_count(made));
    for (size_t i = 0; i < gguf_value_count(source); i++) {
        const struct gguf_value *value = gguf_value_at(source, i);
        char *key = memory_copy_bytes(value->key.bytes, value->key.length);
        const struct gguf_value *copy = gguf_value_named(made, key);
        assert_non_null(copy);
        if (strcmp(key, "general.file_type") != 0) {
            assert_int_equal(copy->size, value->size);
            assert_memory_equal(copy->data, value->data, value->size);
        }
        memory_free(key);
    }
    assert_int_equal(gguf_tensor_count(source), gguf_tensor_count(made));
    for (size_t i = 0; i < gguf_tensor_count(source); i++) {
        const struct gguf_tensor *a = gguf_tensor_at(source, i), *b = gguf_tensor_at(made, i);
        double found = relative_error(a, b);
        if (!(found <= tolerated(b->format->type)))
            fail_msg("%s: %.*s in %s: relative error %g", target, (int)b->name.length,
                     b->name.bytes, b->format->name, found);
        if (b->dimensions == 1)
            assert_int_equal(b->format->type, QUANT_F32);
        if (b->dimensions == 2 && strcmp(target, "F32") != 0)
            assert_int_not_equal(b->format->type, QUANT_F32);
    }
    gguf_free(source);
    gguf_free(made);
}

static void test_every_target(void **state)
{
    (void)state;
    const struct model_maker_options options = {.architecture = "llama", .layers = 2, .ffn = 256,
                                                .vocabulary = 300, .rope = "factors", .bias = true,
                                                .seed = 5};
    const char *in = path_in("in.gguf"), *out = path_in("out.gguf");
    make(in, &options);
    for (size_t i = 0; mixes_name(i); i++) {
        struct quantize_summary summary;
        primer_error error = {0};
        if (quantize(in, out, mixes_name(i), 2, &summary, &error) != PRIMER_OK)
            fail_msg("%s: %s", mixes_name(i), error.message);
        assert_int_equal(summary.requantized, 0);
        assert_int_equal(summary.fallbacks, 0);
        assert_true((summary.encoded == 0) == (i == 0)); /* the first target is F32 */
        compare_files(in, out, mixes_name(i));
        assert_int_equal(unlink(out), 0);
    }
    assert_int_equal(unlink(in), 0);
}

static void test_quantized_source(void **state)
{
    (void)state;
    const struct model_maker_options options = {.layers = 1, .type = "Q8_0", .vocabulary = 300};
    const char *in = path_in("q8.gguf"), *out = path_in("out.gguf");
    struct quantize_summary summary;
    primer_error error = {0};
    make(in, &options);
    /* The same format: the bytes are copied, not encoded again. */
    assert_int_equal(quantize(in, out, "Q8_0", 1, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.encoded, 0);
    struct gguf *a = opened(in), *b = opened(out);
    for (size_t i = 0; i < gguf_tensor_count(a); i++)
        assert_memory_equal(gguf_tensor_at(a, i)->data, gguf_tensor_at(b, i)->data,
                            gguf_tensor_at(a, i)->bytes);
    gguf_free(a);
    gguf_free(b);
    assert_int_equal(quantize(in, out, "Q4_K_M", 1, &summary, &error), PRIMER_OK);
    assert_int_equal(summary.requantized, 6); /* embedding, output, four matrices of the layer */
    assert_int_equal(summary.encoded, 6);
    assert_true(summary.bytes_out < summary.bytes_in);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(unlink(out), 0);
}

static void assert_same_files(const char *a, const char *b)
{
    struct gguf *x = opened(a), *y = opened(b);
    assert_int_equal(gguf_map(x)->size, gguf_map(y)->size);
    assert_memory_equal(gguf_map(x)->bytes, gguf_map(y)->bytes, gguf_map(x)->size);
    gguf_free(x);
    gguf_free(y);
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    const struct model_maker_options options = {.layers = 1, .vocabulary = 301};
    const char *in = path_in("in.gguf"), *one = path_in("one.gguf"), *three = path_in("three.gguf");
    primer_error error = {0};
    make(in, &options);
    assert_int_equal(quantize(in, one, "Q4_K_S", 1, NULL, &error), PRIMER_OK);
    assert_int_equal(quantize(in, three, "Q4_K_S", 3, NULL, &error), PRIMER_OK);
    assert_same_files(one, three);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(unlink(one), 0);
    assert_int_equal(unlink(three), 0);
}

/* A file of one F32 matrix of 64 x 200 with one weight that is `value`, at `index`. */
static void write_one(const char *path, size_t index, float value)
{
    enum { COLUMNS = 64, ROWS = 200 };
    const size_t shape[2] = {COLUMNS, ROWS};
    struct gguf_writer *writer = NULL;
    primer_error error = {0};
    float *weights = calloc(COLUMNS * ROWS, sizeof *weights);
    assert_non_null(weights);
    weights[index] = value;
    assert_int_equal(gguf_writer_create(&writer, path, &error), PRIMER_OK);
    assert_int_equal(gguf_declare_tensor(writer, "blk.0.ffn_up.weight", 2, shape,
                                         quant_format_of(QUANT_F32), &error),
                     PRIMER_OK);
    assert_int_equal(gguf_write_data(writer, weights, COLUMNS * ROWS * sizeof *weights, &error),
                     PRIMER_OK);
    assert_int_equal(gguf_writer_finish(writer, &error), PRIMER_OK);
    gguf_writer_free(writer);
    free(weights);
}

static void test_weights_that_no_format_holds(void **state)
{
    (void)state;
    const char *in = path_in("in.gguf"), *out = path_in("out.gguf");
    primer_error error = {0};
    write_one(in, 8200, NAN); /* in the second segment */
    for (size_t i = 0; mixes_name(i); i++) { /* F32 to F32 too */
        assert_int_equal(quantize(in, out, mixes_name(i), 2, NULL, &error), PRIMER_ENUMERIC);
        assert_non_null(
            strstr(error.message, "in.gguf: tensor 'blk.0.ffn_up.weight': weight 8200"));
        assert_int_equal(access(out, F_OK), -1);
    }
    write_one(in, 3, -INFINITY);
    assert_int_equal(quantize(in, out, "Q4_0", 2, NULL, &error), PRIMER_ENUMERIC);
    assert_non_null(strstr(error.message, "weight 3 is -inf"));
    write_one(in, 12799, 70000.0F);
    assert_int_equal(quantize(in, out, "F16", 2, NULL, &error), PRIMER_ENUMERIC);
    assert_non_null(strstr(error.message, "weight 12799 is 70000, too large for F16"));
    assert_int_equal(quantize(in, out, "BF16", 2, NULL, &error), PRIMER_OK);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(unlink(out), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    const char *in = path_in("in.gguf"), *link = path_in("link.gguf");
    primer_error error = {0};
    struct gguf_writer *writer = NULL;
    write_one(in, 0, 1.0F);
    assert_int_equal(quantize(in, in, "Q8_0", 1, NULL, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "is the input itself"));
    assert_int_equal(symlink(in, link), 0);
    assert_int_equal(quantize(in, link, "Q8_0", 1, NULL, &error), PRIMER_EINVAL);
    assert_int_equal(quantize(in, path_in("no/such/out"), "Q8_0", 1, NULL, &error), PRIMER_EIO);
    assert_int_equal(quantize(in, path_in("out"), "Q4_K_XL", 1, NULL, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "'Q4_K_XL'"));
    assert_non_null(strstr(error.message, " Q4_K_M "));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(quantize(in, path_in("out"), "Q8_0", 1, NULL, &error), PRIMER_EIO);

    in = path_in("empty.gguf");
    assert_int_equal(gguf_writer_create(&writer, in, &error), PRIMER_OK);
    assert_int_equal(gguf_write_u32(writer, "split.count", 3, &error), PRIMER_OK);
    assert_int_equal(gguf_writer_finish(writer, &error), PRIMER_OK);
    gguf_writer_free(writer);
    assert_int_equal(quantize(in, path_in("out"), "Q8_0", 1, NULL, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "one of 3 parts"));
    assert_int_equal(unlink(in), 0);
}

static size_t left_in_folder(void)
{
    DIR *opened = opendir(folder);
    size_t files = 0;
    assert_non_null(opened);
    for (const struct dirent *entry; (entry = readdir(opened)) != NULL;)
        files += entry->d_name[0] != '.';
    closedir(opened);
    return files;
}

struct seen {
    uint64_t calls, last, total;
    bool stop;
};

static bool see(void *context, uint64_t done, uint64_t total)
{
    struct seen *seen = context;
    assert_true(done > seen->last);
    seen->calls++;
    seen->last = done;
    seen->total = total;
    return !seen->stop;
}

static void test_progress(void **state)
{
    (void)state;
    const char *in = path_in("in.gguf"), *out = path_in("out.gguf");
    struct seen seen = {0};
    struct quantize_options options = {
        .target = "Q4_0", .threads = 1, .progress = see, .context = &seen};
    struct quantize_summary summary;
    primer_error error = {0};
    write_one(in, 0, 1.0F);
    assert_int_equal(quantize_file(in, out, &options, &summary, &error), PRIMER_OK);
    assert_true(seen.calls >= 1);
    assert_int_equal(seen.last, 64 * 200 * 4);
    assert_int_equal(seen.total, 64 * 200 * 4);
    assert_int_equal(summary.bytes_in, 64 * 200 * 4);
    assert_int_equal(summary.bytes_out, 2 * 200 * 18);
    assert_int_equal(unlink(out), 0);

    /* Whoever is told of progress can stop it, and no file is left. */
    seen = (struct seen){.stop = true};
    assert_int_equal(quantize_file(in, out, &options, NULL, &error), PRIMER_ECANCELED);
    assert_non_null(strstr(error.message, in));
    assert_int_equal(seen.calls, 1);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(left_in_folder(), 0);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    const char *in = path_in("in.gguf"), *out = path_in("out.gguf");
    primer_error error = {0};
    primer_status status = PRIMER_ENOMEM;
    size_t n = 0;
    write_one(in, 0, 1.0F);
    for (; status != PRIMER_OK; n++) {
        unlink(out);
        memory_fail_at(n);
        status = quantize(in, out, "Q4_0", 2, NULL, &error);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK || status == PRIMER_ENOMEM);
        assert_true(n < 1000);
    }
    assert_true(n > 10);
    assert_int_equal(unlink(in), 0);
    assert_int_equal(unlink(out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phi2_sizes),
        cmocka_unit_test(test_published_bytes),
        cmocka_unit_test(test_more_bits),
        cmocka_unit_test(test_fallbacks_and_tied),
        cmocka_unit_test(test_every_target),
        cmocka_unit_test(test_quantized_source),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_weights_that_no_format_holds),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests_name("quantize", tests, make_folder, remove_folder);
}
