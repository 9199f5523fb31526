/* test_hash.c - XXH64 against the published sanity values of its reference implementation. */
#include "base/hash.h"
#include "base/hash_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define PRIME_32 2654435761u
#define PRIME_64 11400714785074694797u

/* The buffer of the reference's self-test: the upper byte of a multiplicative sequence. */
static void fill(unsigned char *bytes, size_t length)
{
    uint64_t generator = PRIME_32;
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (unsigned char)(generator >> 56);
        generator *= PRIME_64;
    }
}

static void published_values_come_out(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        uint64_t seed, hash;
    } rows[] = {
        {0, 0, 0xEF46DB3751D8E999u},          {0, PRIME_32, 0xAC75FDA2929B17EFu},
        {1, 0, 0xE934A84ADB052768u},          {1, PRIME_32, 0x5014607643A9B4C3u},
        {4, 0, 0x9136A0DCA57457EEu},          {14, 0, 0x8282DCC4994E35C8u},
        {14, PRIME_32, 0xC3BD6BF63DEB6DF0u},  {222, 0, 0xB641AE8CB691C174u},
        {222, PRIME_32, 0x20CB8AB7AE10C14Au},
    };
    unsigned char bytes[222];
    fill(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(hash_bytes(bytes, rows[i].length, rows[i].seed) == rows[i].hash);
    assert_true(hash_bytes("a", 1, 0) == 0xD24EC4F1A98C6E5Bu);
    assert_true(hash_bytes("abc", 3, 0) == 0x44BC2CF5AD770999u);
    static const char sentence[] = "Nobody inspects the spammish repetition";
    assert_true(hash_bytes(sentence, sizeof sentence - 1, 0) == 0xFBCEA83C8A378BF1u);
}

static void alignment_does_not_matter(void **state)
{
    (void)state;
    unsigned char bytes[140], moved[160];
    fill(bytes, sizeof bytes);
    for (size_t shift = 0; shift < 9; shift++) {
        memcpy(moved + shift, bytes, sizeof bytes);
        for (size_t length = 0; length <= sizeof bytes; length++)
            assert_true(hash_bytes(moved + shift, length, 7) == hash_bytes(bytes, length, 7));
    }
}

static void every_bit_matters(void **state)
{
    (void)state;
    unsigned char bytes[71];
    fill(bytes, sizeof bytes);
    const uint64_t whole = hash_bytes(bytes, sizeof bytes, 0);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_true(hash_bytes(bytes, sizeof bytes, 0) != whole);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void nothing_may_be_null(void **state)
{
    (void)state;
    assert_true(hash_bytes(NULL, 0, 0) == 0xEF46DB3751D8E999u);
}

/* In parts or at once, and as the header draws it. */
static void a_chain_is_the_same_in_any_parts(void **state)
{
    (void)state;
    enum { PIECE = 65536, LENGTH = 2 * PIECE + 777 };
    static unsigned char bytes[LENGTH];
    static const size_t parts[] = {1, 1000, PIECE, PIECE + 1, LENGTH};
    fill(bytes, LENGTH);
    const uint64_t first = hash_bytes(bytes, PIECE, 0);
    const uint64_t second = hash_bytes(bytes + PIECE, PIECE, first);
    const uint64_t all = hash_bytes(bytes + 2 * PIECE, 777, second);
    assert_true(hash_chain_bytes(bytes, LENGTH) == all);
    assert_true(hash_chain_bytes(bytes, 2 * PIECE) == second);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct hash_chain chain;
        assert_int_equal(hash_chain_begin(&chain, "a test", NULL), PRIMER_OK);
        for (size_t at = 0; at < LENGTH; at += parts[i])
            hash_chain_add(&chain, bytes + at, LENGTH - at < parts[i] ? LENGTH - at : parts[i]);
        assert_true(hash_chain_end(&chain) == all);
        hash_chain_free(&chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_come_out),
        cmocka_unit_test(a_chain_is_the_same_in_any_parts),
        cmocka_unit_test(alignment_does_not_matter),
        cmocka_unit_test(every_bit_matters),
        cmocka_unit_test(nothing_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
