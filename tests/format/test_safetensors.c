/* Files of named tensors: what is written is read, and what a broken file says is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/safetensors.h"

static char file_path[] = "/tmp/primer-safetensors-XXXXXX";

static void written_and_read(void **state)
{
    (void)state;
    static const float a[6] = {1, 2, 3, 4, 5, 6}, b[1] = {-7};
    const struct safetensors_output tensors[] = {{"second", 2, 3, a}, {"first", 1, 1, b}};
    struct safetensors *file = NULL;
    primer_error error = {0};
    assert_int_equal(safetensors_write(file_path, tensors, 2, &error), PRIMER_OK);
    assert_int_equal(safetensors_open(&file, file_path, &error), PRIMER_OK);
    const struct safetensors_tensor *t = safetensors_named(file, "second");
    assert_ptr_equal(t, safetensors_at(file, 0)); /* in order of the data */
    assert_int_equal(t->dimensions, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->shape[2], 1);
    assert_int_equal(t->format->type, QUANT_F32);
    assert_int_equal(t->count, 6);
    assert_memory_equal(t->data, a, sizeof a);
    t = safetensors_named(file, "first");
    assert_memory_equal(t->data, b, sizeof b);
    assert_null(safetensors_named(file, "third"));
    assert_null(safetensors_named(file, "__metadata__"));
    assert_null(safetensors_at(file, 2));
    safetensors_free(file);
}

static primer_status open_text(const char *header, size_t more, char message[1024],
                               struct safetensors **file)
{
    static unsigned char bytes[4096];
    const size_t length = strlen(header);
    primer_error error = {0};
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (unsigned char)length;
    bytes[1] = (unsigned char)(length >> 8);
    memcpy(bytes + 8, header, length);
    const primer_status status =
        safetensors_open_memory(file, bytes, 8 + length + more, "memory", &error);
    snprintf(message, 1024, "%s", error.message);
    return status;
}

static void types(void **state)
{
    (void)state;
    struct safetensors *file = NULL;
    char message[1024];
    assert_int_equal(
        open_text("{\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]},"
                  "\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                  "\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[8,8]},"
                  "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,1,1],\"data_offsets\":[12,14]}}  ",
                  14, message, &file),
        PRIMER_OK);
    assert_int_equal(safetensors_named(file, "h")->format->type, QUANT_F16);
    assert_int_equal(safetensors_named(file, "b")->format->type, QUANT_BF16);
    assert_null(safetensors_named(file, "i")->format);
    assert_string_equal(safetensors_named(file, "i")->type, "I64");
    assert_int_equal(safetensors_named(file, "i")->count, 1);
    assert_int_equal(safetensors_named(file, "none")->count, 0);
    safetensors_free(file);
}

static void refused(void **state)
{
    (void)state;
#define ENTRY(type, shape, offsets)                                                                \
    "{\"t\":{\"dtype\":" type ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
    static const struct {
        const char *header;
        size_t more;
        primer_status status;
        const char *part;
    } cases[] = {
        {"[]", 0, PRIMER_EFORMAT, "no JSON object"},
        {"{", 0, PRIMER_EFORMAT, "no JSON object"},
        {"{\"t\":3}", 0, PRIMER_EFORMAT, "no object"},
        {ENTRY("3", "[1]", "[0,4]"), 4, PRIMER_EFORMAT, "dtype"},
        {ENTRY("\"X7\"", "[1]", "[0,4]"), 4, PRIMER_EUNSUPPORTED, "X7"},
        {ENTRY("\"F32\"", "[-1]", "[0,4]"), 4, PRIMER_EFORMAT, "shape"},
        {ENTRY("\"F32\"", "[1.5]", "[0,4]"), 4, PRIMER_EFORMAT, "shape"},
        {ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, PRIMER_EFORMAT, "shape"},
        {ENTRY("\"F32\"", "[4611686018427387904,4]", "[0,4]"), 4, PRIMER_EFORMAT, "shape"},
        {ENTRY("\"F32\"", "[4611686018427387904]", "[0,0]"), 0, PRIMER_EFORMAT, "another size"},
        {ENTRY("\"F32\"", "[2]", "[0,4]"), 4, PRIMER_EFORMAT, "another size"},
        {ENTRY("\"F32\"", "[1]", "[0,4]"), 3, PRIMER_EFORMAT, "inside the file"},
        {ENTRY("\"F32\"", "[1]", "[4,0]"), 4, PRIMER_EFORMAT, "inside the file"},
        {ENTRY("\"F32\"", "[1]", "[0]"), 4, PRIMER_EFORMAT, "inside the file"},
        {ENTRY("\"F32\"", "[1]", "[-4,0]"), 4, PRIMER_EFORMAT, "inside the file"},
        {ENTRY("\"F32\"", "[1]", "[4,8]"), 8, PRIMER_EFORMAT, "don't begin where"},
        {ENTRY("\"F32\"", "[1]", "[0,4]"), 5, PRIMER_EFORMAT, "1 bytes behind"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8, PRIMER_EFORMAT, "don't begin where"},
        {"{\"a\":{},\"a\":{}}", 0, PRIMER_EFORMAT, "no JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct safetensors *file = NULL;
        char message[1024];
        const primer_status status = open_text(cases[i].header, cases[i].more, message, &file);
        assert_null(file);
        if (status != cases[i].status || strstr(message, cases[i].part) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].header, message, cases[i].part);
    }
}

static void lengths(void **state)
{
    (void)state;
    static const unsigned char longer[] = {200, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
                               huge[] = {0, 0, 0, 0, 0, 0, 0, 128, '{', '}'};
    struct safetensors *file = NULL;
    primer_error error = {0};
    assert_int_equal(safetensors_open_memory(&file, longer, 5, "m", &error), PRIMER_EFORMAT);
    assert_int_equal(safetensors_open_memory(&file, longer, sizeof longer, "m", &error),
                     PRIMER_EFORMAT);
    assert_int_equal(safetensors_open_memory(&file, huge, sizeof huge, "m", &error),
                     PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "at most"));
    assert_int_equal(safetensors_open(&file, "/nonexistent/a", &error), PRIMER_EIO);
    assert_null(file);
}

static int make(void **state)
{
    (void)state;
    const int descriptor = mkstemp(file_path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int clean(void **state)
{
    (void)state;
    return unlink(file_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(types),
        cmocka_unit_test(refused),
        cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
