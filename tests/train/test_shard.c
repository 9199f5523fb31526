/* test_shard.c - shards: what is written is read back; what is broken is found when it is opened,
 * read or verified, and by a message that names it; what fails leaves no file.
 */
#include "train/train_shard_layout.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "shard_maker.h"

static int setup(void **state)
{
    (void)state;
    shard_folder_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memory_fail_at(SIZE_MAX);
    shard_folder_remove();
    return 0;
}

/* ---- there and back ---- */

struct document {
    int32_t *ids;
    unsigned char *asked;
    size_t count;
};

static struct document document_make(struct random *random, size_t most, size_t vocabulary)
{
    struct document made = {.count = 1 + random_below(random, most)};
    made.ids = calloc(made.count, sizeof *made.ids);
    made.asked = calloc(made.count, 1);
    assert_non_null(made.ids);
    assert_non_null(made.asked);
    for (size_t i = 0; i < made.count; i++) {
        made.ids[i] = (int32_t)random_below(random, vocabulary);
        made.asked[i] = random_below(random, 3) > 0;
    }
    return made;
}

static void check_document(const struct train_shard *shard, uint64_t index,
                           const struct document *expected, bool marked)
{
    primer_error error = {0};
    size_t count = 0;
    int32_t *const ids = calloc(expected->count + 1, sizeof *ids);
    unsigned char *const asked = calloc(expected->count + 1, 1);
    ids[expected->count] = -7;
    asked[expected->count] = 9;
    assert_int_equal(
        train_shard_document(shard, index, expected->count + 1, ids, asked, &count, &error),
        PRIMER_OK);
    assert_int_equal(count, expected->count);
    assert_memory_equal(ids, expected->ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(asked[i], i > 0 && (!marked || expected->asked[i]));
    assert_int_equal(ids[count], -7);
    assert_int_equal(asked[count], 9);
    const size_t from = count / 3, part = count - from - count / 4;
    memset(ids, 0xFF, count * sizeof *ids);
    assert_int_equal(train_shard_slice(shard, index, from, part, ids, asked, &error), PRIMER_OK);
    assert_memory_equal(ids, expected->ids + from, part * sizeof *ids);
    for (size_t i = 0; i < part; i++)
        assert_int_equal(asked[i], from + i > 0 && (!marked || expected->asked[from + i]));
    free(ids);
    free(asked);
}

/* `documents` of at most `most` tokens, marked or not. */
static void round_trip(size_t documents, size_t most, size_t vocabulary, bool marked)
{
    primer_error error = {0};
    struct random random;
    struct train_shard_writer *writer = NULL;
    struct train_shard *shard = NULL;
    struct document *const made = calloc(documents, sizeof *made);
    uint64_t tokens = 0, asked = 0, longest = 0;
    random_seed(&random, documents + most);
    assert_int_equal(
        train_shard_writer_create(&writer, shard_path("a"), vocabulary, 0xABCDEF, &error),
        PRIMER_OK);
    train_shard_writer_key(writer, 99);
    for (size_t i = 0; i < documents; i++) {
        made[i] = document_make(&random, most, vocabulary);
        tokens += made[i].count;
        longest = made[i].count > longest ? made[i].count : longest;
        for (size_t j = 1; j < made[i].count; j++)
            asked += !marked || made[i].asked[j];
        assert_int_equal(train_shard_write(writer, made[i].ids, marked ? made[i].asked : NULL,
                                           made[i].count, 10, &error),
                         PRIMER_OK);
    }
    assert_int_equal(train_shard_writer_finish(writer, &error), PRIMER_OK);
    train_shard_writer_free(writer);
    if (train_shard_open(&shard, shard_path("a"), &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    const struct train_shard_information *const about = train_shard_info(shard);
    assert_int_equal(about->documents, documents);
    assert_int_equal(about->tokens, tokens);
    assert_int_equal(about->asked, asked);
    assert_int_equal(about->longest, longest);
    assert_int_equal(about->text_bytes, 10 * documents);
    assert_int_equal(about->vocabulary, vocabulary);
    assert_int_equal(about->tokenizer, 0xABCDEF);
    assert_int_equal(about->key, 99);
    if (train_shard_verify(shard, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < documents; i++) {
        check_document(shard, i, &made[i], marked);
        free(made[i].ids);
        free(made[i].asked);
    }
    free(made);
    train_shard_free(shard);
}

static void written_is_read(void **state)
{
    (void)state;
    round_trip(1, 1, 1, false);
    round_trip(1, 1, 70000, true);
    round_trip(3, 5, 300, true);
    round_trip(100, 130, 65536, true);
    round_trip(100, 130, 65536, false);
    round_trip(100, 130, 65537, true);
    round_trip(100, 130, (size_t)1 << 31, false);
}

/* More than one piece, and more than the tables' memory: 2 M tokens of bits, 32,768 documents. */
static void tables_leave_memory(void **state)
{
    (void)state;
    round_trip(40000, 140, 50000, true);
}

static void bits_are_left_out_where_all_are_asked(void **state)
{
    (void)state;
    struct buffer with = {0}, without = {0};
    primer_error error = {0};
    round_trip(5, 100, 100, false);
    assert_int_equal(file_read(shard_path("a"), 1 << 20, &without, &error), PRIMER_OK);
    round_trip(5, 100, 100, true);
    assert_int_equal(file_read(shard_path("a"), 1 << 20, &with, &error), PRIMER_OK);
    const uint64_t tokens = train_shard_get((const unsigned char *)with.bytes + 48, 8);
    assert_int_equal(train_shard_get((const unsigned char *)without.bytes + 48, 8), tokens);
    assert_int_equal(with.length - without.length, (tokens + 63) / 64 * 8);
    assert_int_equal(without.length, 128 + (tokens * 2 + 7) / 8 * 8 + 5 * 8 + 8);
    buffer_free(&with);
    buffer_free(&without);
}

/* Shards of another writer of the format (fuzz/make_corpus_shard.py). */
static void another_writers_shards_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t vocabulary;
        uint64_t documents, tokens, asked;
    } cases[] = {
        {"fuzz/corpus/shard/one", 5, 1, 3, 2},
        {"fuzz/corpus/shard/narrow", 100, 4, 67, 63},
        {"fuzz/corpus/shard/marked", 100, 4, 67, 32},
        {"fuzz/corpus/shard/wide", 70000, 5, 69, 64},
        {"fuzz/corpus/shard/wide-marked", 70000, 4, 67, 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        primer_error error = {0};
        struct train_shard *shard = NULL;
        int32_t ids[64];
        unsigned char asked[64];
        size_t count = 0;
        if (train_shard_open(&shard, cases[i].path, &error) != PRIMER_OK ||
            train_shard_verify(shard, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        const struct train_shard_information *const about = train_shard_info(shard);
        assert_int_equal(about->vocabulary, cases[i].vocabulary);
        assert_int_equal(about->documents, cases[i].documents);
        assert_int_equal(about->tokens, cases[i].tokens);
        assert_int_equal(about->asked, cases[i].asked);
        if (i > 0) {
            assert_int_equal(train_shard_document(shard, 3, 64, ids, asked, &count, &error),
                             PRIMER_OK);
            assert_int_equal(count, 60);
            for (size_t j = 0; j < 59; j++)
                assert_int_equal(ids[j], j + 1);
            for (size_t j = 1; j < 60; j++)
                assert_int_equal(asked[j], strstr(cases[i].path, "marked") ? (j - 1) % 2 : 1);
        }
        train_shard_free(shard);
    }
}

/* ---- a shard in memory, to be broken ---- */

static int some(size_t document, size_t index)
{
    return (document + index) % 3 != 0;
}

/* Four documents of 3, 1, 20, 6 tokens. */
static struct buffer small_shard(void)
{
    static const size_t lengths[] = {3, 1, 20, 6};
    struct buffer bytes = {0};
    primer_error error = {0};
    train_shard_free(shard_make(0, lengths, 4, some));
    assert_int_equal(file_read(shard_path("0.shard"), 1 << 20, &bytes, &error), PRIMER_OK);
    return bytes;
}

/* The header's hash is made right again. */
static void rehash(struct buffer *bytes)
{
    unsigned char *const at = (unsigned char *)bytes->bytes;
    train_shard_put(at + TRAIN_SHARD_HASHED, hash_bytes(at, TRAIN_SHARD_HASHED, 0), 8);
}

static primer_status open_bytes(const struct buffer *bytes, struct train_shard **shard,
                                primer_error *error)
{
    memset(error, 0, sizeof *error);
    *shard = NULL;
    return train_shard_open_memory(shard, bytes->bytes, bytes->length, "torn.shard", error);
}

static void header_fields_are_checked(void **state)
{
    (void)state;
    static const struct {
        size_t at, size;
        uint64_t value;
        const char *message;
        primer_status status;
    } cases[] = {
        {0, 1, 'X', "is no shard", PRIMER_EFORMAT},
        {8, 4, 2, "version: found 2, expected 1", PRIMER_EUNSUPPORTED},
        {12, 4, 2, "bytes of an id: found 2, expected 4", PRIMER_EFORMAT},
        {16, 4, 3, "flags: found 3", PRIMER_EFORMAT},
        {20, 4, 4096, "bytes of a piece: found 4096", PRIMER_EFORMAT},
        {24, 8, 0, "vocabulary: found 0", PRIMER_EFORMAT},
        {24, 8, 65536, "bytes of an id: found 4, expected 2", PRIMER_EFORMAT},
        {24, 8, UINT64_C(1) << 40, "vocabulary: found 1099511627776", PRIMER_EFORMAT},
        {40, 8, 0, "documents: found 0, expected at least 1", PRIMER_EFORMAT},
        {40, 8, 31, "tokens: found 30", PRIMER_EFORMAT},
        {40, 8, 5, "the file has", PRIMER_EFORMAT},
        {48, 8, 3, "tokens: found 3", PRIMER_EFORMAT},
        {48, 8, 33, "the file has", PRIMER_EFORMAT},
        {48, 8, UINT64_C(1) << 62, "tokens: found 4611686018427387904", PRIMER_EFORMAT},
        {56, 8, 27, "asked: found 27", PRIMER_EFORMAT},
        {72, 8, 0, "longest document: found 0", PRIMER_EFORMAT},
        {72, 8, 31, "longest document: found 31", PRIMER_EFORMAT},
        {104, 8, 1, "bytes 96 to 119: found 1", PRIMER_EFORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer bytes = small_shard();
        struct train_shard *shard;
        primer_error error;
        train_shard_put((unsigned char *)bytes.bytes + cases[i].at, cases[i].value, cases[i].size);
        rehash(&bytes);
        assert_int_equal(open_bytes(&bytes, &shard, &error), cases[i].status);
        if (strstr(error.message, cases[i].message) == NULL ||
            strstr(error.message, "torn.shard: ") != error.message)
            fail_msg("case %zu: %s", i, error.message);
        assert_null(shard);
        buffer_free(&bytes);
    }
}

static void other_lengths_are_refused(void **state)
{
    (void)state;
    struct buffer bytes = small_shard();
    struct train_shard *shard;
    primer_error error;
    const size_t length = bytes.length;
    assert_int_equal(buffer_append(&bytes, "more", 4, &error), PRIMER_OK);
    for (size_t i = 0; i < bytes.length; i++) {
        const struct buffer part = {.bytes = bytes.bytes, .length = i};
        if (i != length)
            assert_int_equal(open_bytes(&part, &shard, &error), PRIMER_EFORMAT);
    }
    const struct buffer whole = {.bytes = bytes.bytes, .length = length};
    assert_int_equal(open_bytes(&whole, &shard, &error), PRIMER_OK);
    train_shard_free(shard);
    buffer_free(&bytes);
}

/* Any single bit of the file that is changed is found, in the header at once, in the data by
 * reading it all. */
static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct buffer bytes = small_shard();
    for (size_t i = 0; i < 8 * bytes.length; i++) {
        struct train_shard *shard;
        primer_error error;
        bytes.bytes[i / 8] = (char)(bytes.bytes[i / 8] ^ 1 << i % 8);
        const primer_status status = open_bytes(&bytes, &shard, &error);
        if (i / 8 < TRAIN_SHARD_HEADER)
            assert_int_not_equal(status, PRIMER_OK);
        else if (status == PRIMER_OK)
            assert_int_equal(train_shard_verify(shard, &error), PRIMER_EFORMAT);
        assert_non_null(strstr(error.message, "torn.shard"));
        train_shard_free(shard);
        bytes.bytes[i / 8] = (char)(bytes.bytes[i / 8] ^ 1 << i % 8);
    }
    buffer_free(&bytes);
}

static void torn_documents_are_found_when_read(void **state)
{
    (void)state;
    struct buffer bytes = small_shard();
    unsigned char *const at = (unsigned char *)bytes.bytes;
    const size_t ends = 128 + 30 * 4 + 8;
    struct train_shard *shard;
    primer_error error = {0};
    size_t count = 77;
    int32_t ids[32];
    train_shard_put(at + 128 + 4 * 5, SHARD_VOCABULARY, 4); /* token 1 of document 2 */
    train_shard_put(at + 128 + 4 * 1, 0xFFFFFFFF, 4);
    assert_int_equal(open_bytes(&bytes, &shard, &error), PRIMER_OK);
    assert_int_equal(train_shard_document(shard, 2, 32, ids, NULL, &count, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "document 2: found the id 1048576"));
    assert_int_equal(train_shard_document(shard, 0, 32, ids, NULL, &count, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, "document 0: found the id 4294967295"));
    assert_int_equal(count, 77);
    assert_int_equal(train_shard_document(shard, 3, 32, ids, NULL, &count, &error), PRIMER_OK);
    train_shard_free(shard);
    static const uint64_t wrong[] = {3, 2, 31, UINT64_MAX, 24 + 4};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        train_shard_put(at + ends + 8, wrong[i], 8); /* the end of document 1 */
        assert_int_equal(open_bytes(&bytes, &shard, &error), PRIMER_OK);
        const primer_status first = train_shard_length(shard, 1, &count, &error);
        const primer_status second = train_shard_length(shard, 2, &count, &error);
        assert_true(first == PRIMER_EFORMAT || second == PRIMER_EFORMAT);
        train_shard_free(shard);
    }
    buffer_free(&bytes);
}

static void places_outside_are_refused(void **state)
{
    (void)state;
    static const size_t lengths[] = {4, 2};
    struct train_shard *const shard = shard_make(0, lengths, 2, NULL);
    primer_error error = {0};
    int32_t ids[8];
    size_t count = 0;
    assert_int_equal(train_shard_length(shard, 2, &count, &error), PRIMER_EINVAL);
    assert_int_equal(train_shard_slice(shard, 0, 2, 3, ids, NULL, &error), PRIMER_EINVAL);
    assert_int_equal(train_shard_slice(shard, 0, 5, 0, ids, NULL, &error), PRIMER_EINVAL);
    assert_int_equal(train_shard_slice(shard, 0, 1, SIZE_MAX, ids, NULL, &error), PRIMER_EINVAL);
    assert_int_equal(train_shard_slice(shard, 0, 4, 0, ids, NULL, &error), PRIMER_OK);
    ids[2] = -1;
    assert_int_equal(train_shard_document(shard, 0, 2, ids, NULL, &count, &error), PRIMER_OK);
    assert_int_equal(count, 4);
    assert_int_equal(ids[2], -1);
    train_shard_free(shard);
}

/* ---- what the writer refuses ---- */

static size_t entries(void)
{
    size_t count = 0;
    char path[600];
    snprintf(path, sizeof path, "%s", shard_path(""));
    DIR *const folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

static void writers_refuse(void **state)
{
    (void)state;
    struct train_shard_writer *writer = NULL;
    primer_error error = {0};
    const int32_t ids[] = {1, 2, 10}, negative[] = {-1};
    assert_int_equal(train_shard_writer_create(&writer, shard_path("a"), 0, 0, &error),
                     PRIMER_EINVAL);
    assert_int_equal(train_shard_writer_create(&writer, shard_path("none/a"), 10, 0, &error),
                     PRIMER_EIO);
    assert_null(writer);
    assert_int_equal(train_shard_writer_create(&writer, shard_path("a"), 10, 0, &error), PRIMER_OK);
    assert_int_equal(train_shard_writer_finish(writer, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "no document was written"));
    assert_int_equal(train_shard_write(writer, ids, NULL, 3, 0, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "token 2 of a document: found the id 10"));
    assert_int_equal(train_shard_write(writer, negative, NULL, 1, 0, &error), PRIMER_EINVAL);
    assert_int_equal(train_shard_write(writer, ids, NULL, 0, 0, &error), PRIMER_EINVAL);
    assert_int_equal(entries(), 1); /* the partial file */
    train_shard_writer_free(writer);
    assert_int_equal(entries(), 0);
    train_shard_writer_free(NULL);
    train_shard_free(NULL);
}

static primer_status write_and_open(struct train_shard **shard, primer_error *error)
{
    struct train_shard_writer *writer = NULL;
    const int32_t ids[] = {1, 2, 3};
    const unsigned char asked[] = {0, 0, 1};
    primer_status status = train_shard_writer_create(&writer, shard_path("a"), 10, 0, error);
    for (size_t i = 0; i < 3 && status == PRIMER_OK; i++)
        status = train_shard_write(writer, ids, asked, 3, 1, error);
    if (status == PRIMER_OK)
        status = train_shard_writer_finish(writer, error);
    train_shard_writer_free(writer);
    return status == PRIMER_OK ? train_shard_open(shard, shard_path("a"), error) : status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    size_t failures = 0;
    for (;; failures++) {
        struct train_shard *shard = NULL;
        primer_error error = {0};
        memory_fail_at(failures);
        const primer_status status = write_and_open(&shard, &error);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK) {
            train_shard_free(shard);
            break;
        }
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_null(shard);
        assert_true(entries() <= 1); /* no partial file is left */
    }
    assert_true(failures > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_leave_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(bits_are_left_out_where_all_are_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(another_writers_shards_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(header_fields_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(other_lengths_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_documents_are_found_when_read, setup, teardown),
        cmocka_unit_test_setup_teardown(places_outside_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(writers_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
