/* test_gguf.c - the GGUF reader and writer: what is written is read back, and each broken field of
 * a file is refused with a message that names it. Broken files are made here, byte by byte, from a
 * valid one.
 */
#include "format/gguf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/half.h"
#include "base/memory.h"

/* ---- a file built by hand ---- */

struct blob {
    _Alignas(64) unsigned char bytes[4096];
    size_t length;
};

static void put(struct blob *blob, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        blob->bytes[blob->length++] = (unsigned char)(value >> (8 * i));
}

static void put_text(struct blob *blob, const char *text)
{
    put(blob, strlen(text), 8);
    memcpy(blob->bytes + blob->length, text, strlen(text));
    blob->length += strlen(text);
}

/* What a test may bend; the defaults make a valid file. */
struct plan {
    uint64_t tensor_count, value_count;
    uint32_t version;
    uint32_t value_type, array_type;
    uint64_t array_count;
    const char *second_key;
    uint64_t key_length; /* 0: the true one */
    uint64_t alignment;
    uint32_t dimensions, tensor_type;
    uint64_t columns, rows, planes; /* planes: with three dimensions */
    uint64_t first_offset, second_offset, second_columns;
    const char *second_name;
    size_t data;
};

static struct plan plan_default(void)
{
    return (struct plan){.tensor_count = 2,
                         .value_count = 4,
                         .version = 3,
                         .value_type = GGUF_U32,
                         .array_type = GGUF_STRING,
                         .array_count = 2,
                         .second_key = "list",
                         .alignment = 32,
                         .dimensions = 2,
                         .tensor_type = QUANT_Q4_0,
                         .columns = 64,
                         .rows = 3,
                         .first_offset = 0,
                         .second_offset = 128,
                         .second_columns = 4,
                         .second_name = "b",
                         .data = 128 + 16};
}

/* Tensor "a": columns x rows of the plan's type (108 bytes by default), tensor "b": four f32. */
static void build(struct blob *blob, const struct plan *plan)
{
    blob->length = 0;
    memset(blob->bytes, 0, sizeof blob->bytes);
    memcpy(blob->bytes, "GGUF", 4);
    blob->length = 4;
    put(blob, plan->version, 4);
    put(blob, plan->tensor_count, 8);
    put(blob, plan->value_count, 8);
    size_t key_at = blob->length;
    put_text(blob, "number");
    if (plan->key_length != 0)
        memcpy(blob->bytes + key_at, &plan->key_length, 8);
    put(blob, plan->value_type, 4);
    put(blob, 7, 4);
    put_text(blob, plan->second_key);
    put(blob, GGUF_ARRAY, 4);
    put(blob, plan->array_type, 4);
    put(blob, plan->array_count, 8);
    put_text(blob, "one");
    put_text(blob, "");
    put_text(blob, "negative");
    put(blob, GGUF_I16, 4);
    put(blob, 0xfffe, 2);
    put_text(blob, "general.alignment");
    put(blob, GGUF_U32, 4);
    put(blob, plan->alignment, 4);
    put_text(blob, "a");
    put(blob, plan->dimensions, 4);
    put(blob, plan->columns, 8);
    if (plan->dimensions >= 2)
        put(blob, plan->rows, 8);
    if (plan->dimensions == 3)
        put(blob, plan->planes, 8);
    put(blob, plan->tensor_type, 4);
    put(blob, plan->first_offset, 8);
    put_text(blob, plan->second_name);
    put(blob, 1, 4);
    put(blob, plan->second_columns, 8);
    put(blob, QUANT_F32, 4);
    put(blob, plan->second_offset, 8);
    while (plan->alignment == 32 && blob->length % 32 != 0)
        put(blob, 0, 1);
    blob->length += plan->data;
}

static primer_status open_blob(const struct blob *blob, struct gguf **gguf, primer_error *error)
{
    /* A copy of exactly its size, so that a sanitizer sees one byte too far. */
    static void *copy;
    free(copy);
    copy = NULL;
    assert_int_equal(posix_memalign(&copy, 64, blob->length), 0);
    memcpy(copy, blob->bytes, blob->length);
    return gguf_open_memory(gguf, copy, blob->length, "blob", error);
}

static void refused(const struct plan *plan, primer_status expected, const char *words)
{
    struct blob blob;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    build(&blob, plan);
    primer_status status = open_blob(&blob, &gguf, &error);
    if (status != expected || !strstr(error.message, words) || !strstr(error.message, "blob"))
        fail_msg("expected status %d and \"%s\", got %d: %s", (int)expected, words, (int)status,
                 error.message);
    assert_int_equal(error.status, expected);
    assert_null(gguf);
}

static void test_valid_by_hand(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct plan plan = plan_default();
        struct blob blob;
        struct gguf *gguf = NULL;
        primer_error error = {0};
        plan.version = version;
        build(&blob, &plan);
        assert_int_equal(open_blob(&blob, &gguf, &error), PRIMER_OK);
        assert_int_equal(gguf_version(gguf), version);
        assert_int_equal(gguf_tensor_count(gguf), 2);
        assert_int_equal(gguf_value_count(gguf), 4);
        const struct gguf_tensor *a = gguf_tensor_named(gguf, "a"), *b = gguf_tensor_at(gguf, 1);
        assert_int_equal(a->dimensions, 2);
        assert_int_equal(a->shape[0], 64);
        assert_int_equal(a->shape[1], 3);
        assert_int_equal(a->shape[2], 1);
        assert_int_equal(a->row_bytes, 36);
        assert_int_equal(a->bytes, 108);
        assert_int_equal(b->bytes, 16);
        assert_ptr_equal(b->data, a->data + 128);
        assert_ptr_equal(b->data + 16, gguf_map(gguf)->bytes + gguf_map(gguf)->size);
        assert_null(gguf_tensor_named(gguf, "c"));
        assert_null(gguf_tensor_at(gguf, 2));
        assert_null(gguf_value_at(gguf, 4));
        gguf_free(gguf);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct plan plan;
#define BENT(field, value, status, words)                                                          \
    plan = plan_default();                                                                         \
    plan.field = (value);                                                                          \
    refused(&plan, (status), (words))
    BENT(version, 1, PRIMER_EUNSUPPORTED, "version 1");
    BENT(version, 4, PRIMER_EUNSUPPORTED, "version 4");
    BENT(version, 0x03000000, PRIMER_EUNSUPPORTED, "big-endian");
    BENT(tensor_count, 1000, PRIMER_EFORMAT, "number of tensors is 1000");
    BENT(tensor_count, UINT64_MAX, PRIMER_ELIMIT, "number of tensors");
    BENT(value_count, 1000, PRIMER_EFORMAT, "number of metadata values is 1000");
    BENT(value_count, (uint64_t)1 << 40, PRIMER_ELIMIT, "number of metadata values");
    BENT(key_length, 70000, PRIMER_EFORMAT, "70000 bytes long");
    BENT(key_length, 60000, PRIMER_EFORMAT, "metadata key");
    BENT(key_length, UINT64_MAX, PRIMER_EFORMAT, "metadata key");
    BENT(value_type, 13, PRIMER_EFORMAT, "'number': value type is 13");
    BENT(value_type, GGUF_STRING, PRIMER_EFORMAT, "'number'");
    BENT(array_type, GGUF_ARRAY, PRIMER_EUNSUPPORTED, "'list': arrays of arrays");
    BENT(array_type, 99, PRIMER_EFORMAT, "'list': element type is 99");
    BENT(array_count, 1 << 20, PRIMER_EFORMAT, "'list': 1048576 strings");
    BENT(second_key, "number", PRIMER_EFORMAT, "'number' appears twice");
    BENT(second_key, "", PRIMER_EFORMAT, "metadata key");
    BENT(alignment, 24, PRIMER_EFORMAT, "general.alignment is 24");
    BENT(alignment, 0, PRIMER_EFORMAT, "general.alignment is 0");
    BENT(alignment, 1 << 21, PRIMER_EFORMAT, "general.alignment is 2097152");
    BENT(dimensions, 0, PRIMER_EFORMAT, "'a': 0 dimensions");
    BENT(dimensions, 5, PRIMER_EFORMAT, "'a': 5 dimensions");
    BENT(tensor_type, 4, PRIMER_EUNSUPPORTED, "'a': tensor type 4");
    BENT(tensor_type, 77, PRIMER_EUNSUPPORTED, "'a': tensor type 77");
    BENT(columns, 0, PRIMER_EFORMAT, "'a': dimension 0 has size 0");
    BENT(columns, 65, PRIMER_EFORMAT, "'a': a row has 65 weights");
    BENT(columns, (uint64_t)1 << 63, PRIMER_EFORMAT, "'a': dimension 0");
    BENT(rows, (uint64_t)1 << 60, PRIMER_EFORMAT, "'a': the product");
    BENT(rows, 4, PRIMER_EFORMAT, "'a' and 'b' overlap");
    BENT(rows, 5, PRIMER_EFORMAT, "'a': 180 bytes at offset 0");
    plan = plan_default(); /* a product that wraps around to 0 */
    plan.dimensions = 3;
    plan.rows = plan.planes = (uint64_t)1 << 32;
    refused(&plan, PRIMER_EFORMAT, "'a': the product");
    BENT(first_offset, 16, PRIMER_EFORMAT, "'a': offset 16");
    BENT(second_offset, 96, PRIMER_EFORMAT, "'a' and 'b' overlap");
    BENT(second_offset, 0, PRIMER_EFORMAT, "overlap");
    BENT(second_offset, 160, PRIMER_EFORMAT, "'b': 16 bytes at offset 160");
    BENT(second_offset, UINT64_MAX - 31, PRIMER_EFORMAT, "'b': 16 bytes");
    BENT(second_name, "a", PRIMER_EFORMAT, "tensor 'a' appears twice");
    BENT(second_name, "", PRIMER_EFORMAT, "tensor name");
    BENT(data, 128 + 15, PRIMER_EFORMAT, "'b': 16 bytes");
#undef BENT
}

static void test_names_in_messages_are_printable(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct blob blob;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    plan.second_key = "\x1b[31m\xff";
    plan.array_type = 99;
    build(&blob, &plan);
    assert_int_equal(open_blob(&blob, &gguf, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "'?[31m?'"));
}

static void test_overlap_in_any_order(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct blob blob;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    plan.first_offset = 32; /* "b" lies before "a" */
    plan.second_offset = 0;
    build(&blob, &plan);
    assert_int_equal(open_blob(&blob, &gguf, &error), PRIMER_OK);
    assert_ptr_equal(gguf_tensor_at(gguf, 0)->data, gguf_tensor_at(gguf, 1)->data + 32);
    gguf_free(gguf);
    plan.second_columns = 16; /* 64 bytes: into "a" */
    refused(&plan, PRIMER_EFORMAT, "'b' and 'a' overlap");
}

/* Every shorter file is refused, at whatever byte it is cut. */
static void test_truncated(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct blob blob;
    build(&blob, &plan);
    size_t whole = blob.length;
    for (size_t length = 0; length < whole; length++) {
        struct gguf *gguf = NULL;
        primer_error error = {0};
        blob.length = length;
        assert_int_equal(open_blob(&blob, &gguf, &error), PRIMER_EFORMAT);
        assert_non_null(strstr(error.message, "blob: "));
        assert_null(gguf);
    }
}

static void test_not_gguf(void **state)
{
    (void)state;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    _Alignas(32) static const char text[64] = "tjgg: some older file, or none at all";
    assert_int_equal(gguf_open_memory(&gguf, text, sizeof text, "old", &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "\"tjgg\""));
    assert_int_equal(gguf_open_memory(&gguf, text + 1, 60, "odd", &error), PRIMER_EINVAL);
    assert_int_equal(gguf_open(&gguf, "/no/such/file.gguf", &error), PRIMER_EIO);
    assert_non_null(strstr(error.message, "/no/such/file.gguf"));
}

/* ---- look-ups ---- */

static void test_typed_lookups(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct blob blob;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    uint64_t u64 = 99;
    int64_t i64 = 99;
    double f64 = 99.0;
    bool flag = true;
    struct gguf_string text = {0};
    build(&blob, &plan);
    assert_int_equal(open_blob(&blob, &gguf, &error), PRIMER_OK);

    assert_int_equal(gguf_get_u64(gguf, "absent", &u64, &error), PRIMER_OK);
    assert_int_equal(u64, 99);
    assert_int_equal(gguf_get_u64(gguf, "number", &u64, &error), PRIMER_OK);
    assert_int_equal(u64, 7);
    assert_int_equal(gguf_get_i64(gguf, "negative", &i64, &error), PRIMER_OK);
    assert_int_equal(i64, -2);
    assert_int_equal(gguf_get_f64(gguf, "negative", &f64, &error), PRIMER_OK);
    assert_true(f64 == -2.0);

    assert_int_equal(gguf_get_u64(gguf, "negative", &u64, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "blob: metadata key 'negative' is -2"));
    assert_int_equal(gguf_get_u64(gguf, "list", &u64, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "'list' is of type array, expected an integer"));
    assert_int_equal(gguf_get_bool(gguf, "number", &flag, &error), PRIMER_EFORMAT);
    assert_int_equal(gguf_get_string(gguf, "number", &text, &error), PRIMER_EFORMAT);
    assert_int_equal(gguf_get_f64(gguf, "list", &f64, &error), PRIMER_EFORMAT);
    assert_int_equal(u64, 7); /* a failure writes nothing */
    assert_true(flag);

    assert_int_equal(gguf_require_u64(gguf, "absent", &u64, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "'absent' is missing"));
    assert_int_equal(gguf_require_string(gguf, "absent", &text, &error), PRIMER_EFORMAT);
    assert_int_equal(gguf_require_u64(gguf, "number", &u64, &error), PRIMER_OK);
    gguf_free(gguf);
}

static void test_arrays(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct blob blob;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    build(&blob, &plan);
    assert_int_equal(open_blob(&blob, &gguf, &error), PRIMER_OK);
    const struct gguf_value *list = gguf_value_named(gguf, "list");
    size_t offset = 0;
    assert_int_equal(list->count, 2);
    struct gguf_string one = gguf_array_string(list, &offset);
    assert_int_equal(one.length, 3);
    assert_memory_equal(one.bytes, "one", 3);
    assert_int_equal(gguf_array_string(list, &offset).length, 0);
    assert_int_equal(offset, list->size);
    assert_int_equal(gguf_array_string(list, &offset).length, 0);
    assert_int_equal(offset, list->size);
    assert_int_equal(gguf_array_integer(list, 0), 0);
    gguf_free(gguf);
}

/* ---- writing ---- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/primer-gguf-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails, and so does the test, if anything was left behind */
}

static const char *path_in(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static primer_status write_sample(const char *path, primer_error *error)
{
    static const int32_t integers[3] = {-1, 0, INT32_MAX};
    static const float floats[2] = {-0.5F, 3.0F};
    static const struct gguf_string words[3] = {{"caf\xc3\xa9", 5}, {"", 0}, {"a\0b", 3}};
    const size_t shape_a[3] = {32, 2, 2}, shape_b[1] = {5};
    unsigned char blocks[4 * 18];
    const float bias[5] = {1, 2, 3, 4, 5};
    primer_status status = PRIMER_OK;
    struct gguf_writer *writer = NULL;
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (unsigned char)(i * 7);
    TRY(gguf_writer_create(&writer, path, error));
    TRY(gguf_write_string(writer, "general.architecture", "phi2", error));
    TRY(gguf_write_u32(writer, "u32", 4000000000U, error));
    TRY(gguf_write_u64(writer, "u64", UINT64_MAX, error));
    TRY(gguf_write_f32(writer, "f32", 1.5F, error));
    TRY(gguf_write_bool(writer, "bool", true, error));
    TRY(gguf_write_strings(writer, "words", words, 3, error));
    TRY(gguf_write_i32s(writer, "integers", integers, 3, error));
    TRY(gguf_write_f32s(writer, "floats", floats, 2, error));
    TRY(gguf_declare_tensor(writer, "a", 3, shape_a, quant_format_of(QUANT_Q4_0), error));
    TRY(gguf_declare_tensor(writer, "b", 1, shape_b, quant_format_of(QUANT_F32), error));
    TRY(gguf_write_data(writer, blocks, 18, error)); /* in pieces */
    TRY(gguf_write_data(writer, blocks + 18, sizeof blocks - 18, error));
    TRY(gguf_write_data(writer, bias, sizeof bias, error));
    TRY(gguf_writer_finish(writer, error));
cleanup:
    gguf_writer_free(writer);
    return status;
}

static void check_sample(const struct gguf *gguf)
{
    uint64_t u64 = 0;
    int64_t i64 = 0;
    double f64 = 0;
    bool flag = false;
    struct gguf_string text = {0};
    primer_error error = {0};
    assert_int_equal(gguf_version(gguf), 3);
    assert_int_equal(gguf_require_string(gguf, "general.architecture", &text, &error), PRIMER_OK);
    assert_int_equal(text.length, 4);
    assert_memory_equal(text.bytes, "phi2", 4);
    assert_int_equal(gguf_get_u64(gguf, "u32", &u64, &error), PRIMER_OK);
    assert_int_equal(u64, 4000000000U);
    assert_int_equal(gguf_get_u64(gguf, "u64", &u64, &error), PRIMER_OK);
    assert_true(u64 == UINT64_MAX);
    assert_int_equal(gguf_get_i64(gguf, "u64", &i64, &error), PRIMER_EFORMAT);
    assert_int_equal(gguf_get_f64(gguf, "f32", &f64, &error), PRIMER_OK);
    assert_true(f64 == 1.5);
    assert_int_equal(gguf_get_bool(gguf, "bool", &flag, &error), PRIMER_OK);
    assert_true(flag);
    const struct gguf_value *words = gguf_value_named(gguf, "words");
    size_t offset = 0;
    assert_int_equal(gguf_array_string(words, &offset).length, 5);
    assert_int_equal(gguf_array_string(words, &offset).length, 0);
    text = gguf_array_string(words, &offset);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.bytes, "a\0b", 3);
    assert_int_equal(offset, words->size);
    const struct gguf_value *integers = gguf_value_named(gguf, "integers");
    assert_int_equal(gguf_array_integer(integers, 0), -1);
    assert_int_equal(gguf_array_integer(integers, 2), INT32_MAX);
    assert_int_equal(gguf_array_integer(integers, 3), 0); /* past the end */
    const struct gguf_value *floats = gguf_value_named(gguf, "floats");
    assert_true(gguf_array_number(floats, 0) == -0.5);
    const struct gguf_tensor *a = gguf_tensor_named(gguf, "a"), *b = gguf_tensor_named(gguf, "b");
    assert_int_equal(a->bytes, 72);
    assert_int_equal(a->shape[2], 2);
    for (size_t i = 0; i < a->bytes; i++)
        assert_int_equal(a->data[i], (i * 7) & 255);
    assert_int_equal((size_t)(b->data - a->data), 96);
    for (uint32_t i = 0; i < 5; i++) {
        float value;
        memcpy(&value, b->data + 4 * i, 4);
        assert_true(value == (float)(i + 1));
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    struct gguf *gguf = NULL;
    primer_error error = {0};
    const char *path = path_in("sample.gguf");
    assert_int_equal(write_sample(path, &error), PRIMER_OK);
    assert_int_equal(gguf_open(&gguf, path, &error), PRIMER_OK);
    assert_string_equal(gguf_path(gguf), path);
    check_sample(gguf);
    assert_int_equal(gguf_map(gguf)->size % 32, 0);
    gguf_free(gguf);
    assert_int_equal(unlink(path), 0);
}

/* Copying every value of one file into another keeps them all. */
static void test_copy_values(void **state)
{
    (void)state;
    struct plan plan = plan_default();
    struct blob blob;
    struct gguf *source = NULL, *copy = NULL;
    struct gguf_writer *writer = NULL;
    primer_error error = {0};
    const char *path = path_in("copy.gguf");
    plan.alignment = 64; /* the writer keeps to 32: the key must not travel */
    build(&blob, &plan);
    blob.length -= plan.data;
    while (blob.length % 64 != 0)
        put(&blob, 0, 1);
    blob.length += plan.data;
    assert_int_equal(open_blob(&blob, &source, &error), PRIMER_OK);
    assert_int_equal(gguf_writer_create(&writer, path, &error), PRIMER_OK);
    for (size_t i = 0; i < gguf_value_count(source); i++)
        assert_int_equal(gguf_write_value(writer, gguf_value_at(source, i), &error), PRIMER_OK);
    assert_int_equal(gguf_writer_finish(writer, &error), PRIMER_OK);
    gguf_writer_free(writer);
    assert_int_equal(gguf_open(&copy, path, &error), PRIMER_OK);
    assert_int_equal(gguf_tensor_count(copy), 0);
    assert_int_equal(gguf_value_count(copy), 3);
    assert_null(gguf_value_named(copy, "general.alignment"));
    for (size_t i = 0; i < 3; i++) {
        const struct gguf_value *a = gguf_value_at(source, i), *b = gguf_value_at(copy, i);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->count, b->count);
        assert_int_equal(a->size, b->size);
        assert_memory_equal(a->data, b->data, a->size);
    }
    gguf_free(copy);
    gguf_free(source);
    assert_int_equal(unlink(path), 0);
}

static void test_writer_refusals(void **state)
{
    (void)state;
    struct gguf_writer *writer = NULL;
    primer_error error = {0};
    const size_t shape[2] = {32, 1}, bad[1] = {33}, none[1] = {0};
    const struct quant_format *q4_0 = quant_format_of(QUANT_Q4_0);
    unsigned char data[40] = {0};
    const char *path = path_in("never.gguf");
    assert_int_equal(gguf_writer_create(&writer, path, &error), PRIMER_OK);
    assert_int_equal(gguf_write_u32(writer, "k", 1, &error), PRIMER_OK);
    assert_int_equal(gguf_write_u32(writer, "k", 1, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "'k' is written twice"));
    assert_int_equal(gguf_write_u32(writer, "general.alignment", 64, &error), PRIMER_EINVAL);
    assert_int_equal(gguf_declare_tensor(writer, "t", 1, bad, q4_0, &error), PRIMER_EINVAL);
    assert_int_equal(gguf_declare_tensor(writer, "t", 1, none, q4_0, &error), PRIMER_EINVAL);
    assert_int_equal(gguf_declare_tensor(writer, "t", 2, shape, q4_0, &error), PRIMER_OK);
    assert_int_equal(gguf_declare_tensor(writer, "t", 2, shape, q4_0, &error), PRIMER_EINVAL);
    assert_int_equal(gguf_write_data(writer, data, 19, &error), PRIMER_EINTERNAL);
    assert_non_null(strstr(error.message, "'t' takes 18 more"));
    assert_int_equal(gguf_write_data(writer, data, 17, &error), PRIMER_OK);
    assert_int_equal(gguf_writer_finish(writer, &error), PRIMER_EINTERNAL);
    assert_non_null(strstr(error.message, "got only 17 of its 18"));
    assert_int_equal(gguf_write_data(writer, data, 1, &error), PRIMER_OK);
    assert_int_equal(gguf_write_data(writer, data, 1, &error), PRIMER_EINTERNAL);
    assert_int_equal(gguf_write_u32(writer, "late", 1, &error), PRIMER_EINTERNAL);
    gguf_writer_free(writer); /* unfinished: nothing stays, as remove_folder sees */
    assert_int_equal(access(path, F_OK), -1);
}

/* ---- memory ---- */

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    const char *path = path_in("memory.gguf");
    primer_error error = {0};
    primer_status status = PRIMER_ENOMEM;
    size_t n = 0;
    for (; status != PRIMER_OK; n++) {
        memory_fail_at(n);
        status = write_sample(path, &error);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK || status == PRIMER_ENOMEM);
        /* A failure after the renaming (of the folder's flush) leaves a whole file; else there is
         * none. */
        if (status == PRIMER_OK || access(path, F_OK) == 0) {
            struct gguf *gguf = NULL;
            assert_int_equal(gguf_open(&gguf, path, &error), PRIMER_OK);
            gguf_free(gguf);
        }
        assert_true(n < 1000);
    }
    assert_true(n > 5);
    status = PRIMER_ENOMEM;
    for (n = 0; status != PRIMER_OK; n++) {
        struct gguf *gguf = NULL;
        memory_fail_at(n);
        status = gguf_open(&gguf, path, &error);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK || status == PRIMER_ENOMEM);
        assert_true((gguf != NULL) == (status == PRIMER_OK));
        gguf_free(gguf);
    }
    assert_true(n > 5);
    assert_int_equal(unlink(path), 0);
}

static void test_real_file(void **state)
{
    (void)state;
    const char *shared = getenv("PRIMER_SHARED");
    char path[512];
    struct gguf *gguf = NULL;
    primer_error error = {0};
    uint64_t layers = 0;
    snprintf(path, sizeof path, "%s/models/stories260K.gguf", shared ? shared : "../shared");
    if (access(path, R_OK) != 0)
        skip();
    assert_int_equal(gguf_open(&gguf, path, &error), PRIMER_OK);
    assert_int_equal(gguf_require_u64(gguf, "llama.block_count", &layers, &error), PRIMER_OK);
    assert_int_equal(layers, 5);
    assert_int_equal(gguf_value_named(gguf, "tokenizer.ggml.tokens")->count, 512);
    assert_int_equal(gguf_tensor_named(gguf, "token_embd.weight")->shape[0], 64);
    gguf_free(gguf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_by_hand),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_names_in_messages_are_printable),
        cmocka_unit_test(test_overlap_in_any_order),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_not_gguf),
        cmocka_unit_test(test_typed_lookups),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_copy_values),
        cmocka_unit_test(test_writer_refusals),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_real_file),
    };
    return cmocka_run_group_tests_name("gguf", tests, make_folder, remove_folder);
}
