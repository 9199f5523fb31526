/* test_checkpoint.c - checkpoints that are gone on from bit for bit; which are kept, which is read;
 * torn files, and bytes that changed. */
#include "checkpoint_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

struct bytes {
    unsigned char *at;
    size_t length;
};

static struct bytes slurp(const char *name)
{
    struct stat facts;
    const int descriptor = open(checkpoint_path(name), O_RDONLY);
    assert_true(descriptor >= 0 && fstat(descriptor, &facts) == 0);
    struct bytes b = {malloc((size_t)facts.st_size + 1), (size_t)facts.st_size};
    assert_int_equal(read(descriptor, b.at, b.length), b.length);
    close(descriptor);
    return b;
}

static void spill(const char *name, const unsigned char *bytes, size_t length)
{
    const int descriptor = open(checkpoint_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, length), length);
    close(descriptor);
}

/* ---- what is read is what was written -------------------------------------------------------- */

static void goes_on_bit_for_bit(void **state)
{
    (void)state;
    struct checkpoint_run whole = checkpoint_run_of(8), first = checkpoint_run_of(8),
                          second = checkpoint_run_of(8);
    checkpoint_steps(&whole, 9);
    checkpoint_steps(&first, 5);
    first.model.weights[3] = whole.model.weights[3] = -0.0f;
    checkpoint_save_well(&first, 1);
    memset(second.model.weights, 0x55, second.model.floats * sizeof(float));
    for (size_t t = 0; t < second.model.count; t++) /* gaps stay 0 */
        for (size_t i = second.model.tensors[t].offset +
                        second.model.tensors[t].rows * second.model.tensors[t].columns;
             i < (t + 1 < second.model.count ? second.model.tensors[t + 1].offset
                                             : second.model.floats);
             i++)
            second.model.weights[i] = 0;
    assert_int_equal(checkpoint_load(&second, NULL), 5);
    checkpoint_same(&first, &second);
    first.model.weights[3] = second.model.weights[3] = 0.25f;
    struct checkpoint_run again = checkpoint_run_of(8);
    checkpoint_steps(&again, 5);
    again.model.weights[3] = 0.25f;
    checkpoint_steps(&again, 4);
    checkpoint_steps(&second, 4);
    checkpoint_same(&again, &second);
    checkpoint_run_free(&again);
    checkpoint_run_free(&whole);
    checkpoint_run_free(&first);
    checkpoint_run_free(&second);
}

/* Every bit pattern of a float, as far as a few dozen can show it. */
static void odd_floats_stay(void **state)
{
    (void)state;
    static const uint32_t odd[] = {0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff, 0x80000000,
                                   0x7f800000, 0xff800000, 0x7fc00001, 0xffa12345};
    struct checkpoint_run r = checkpoint_run_of(8), other = checkpoint_run_of(8);
    checkpoint_steps(&r, 1);
    memcpy(r.model.weights, odd, sizeof odd);
    memcpy(r.optimizer.mean, odd, sizeof odd);
    memcpy(r.optimizer.variance + 5, odd, sizeof odd);
    r.state.best = 1.0 / 3;
    checkpoint_save_well(&r, 1);
    assert_int_equal(checkpoint_load(&other, NULL), 1);
    checkpoint_same(&r, &other);
    checkpoint_run_free(&r);
    checkpoint_run_free(&other);
}

static void is_a_model(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8);
    struct train_model model;
    struct gguf *gguf;
    checkpoint_steps(&r, 1);
    checkpoint_save_well(&r, 1);
    assert_int_equal(gguf_open(&gguf, checkpoint_path(WEIGHTS(1)), NULL), PRIMER_OK);
    assert_int_equal(train_model_load(&model, gguf, NULL), PRIMER_OK);
    assert_memory_equal(model.weights, r.model.weights, r.model.floats * sizeof(float));
    const struct gguf_value *const tokens = gguf_value_named(gguf, "tokenizer.ggml.tokens");
    assert_non_null(tokens);
    assert_int_equal(tokens->count, 12);
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++)
        assert_int_equal(gguf_tensor_at(gguf, i)->format->type, QUANT_F32);
    train_model_free(&model);
    gguf_free(gguf);
    checkpoint_run_free(&r);
}

/* ---- which are there ------------------------------------------------------------------------- */

static void nothing_is_found_in_nothing(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8), same = checkpoint_run_of(8);
    assert_int_equal(checkpoint_load(&r, NULL), 0); /* no folder */
    assert_int_equal(train_checkpoint_clear(checkpoint_folder, NULL), PRIMER_OK);
    assert_int_equal(mkdir(checkpoint_folder, 0777), 0);
    checkpoint_touch("checkpoint-1.state", "not ours");
    checkpoint_touch("checkpoint-000000001.state", "not ours");
    checkpoint_touch("checkpoint-+0000001.gguf", "not ours");
    checkpoint_touch("checkpoint-00000001.gguf.bak", "not ours");
    checkpoint_touch("checkpoint-99999999999999999999999.state", "not ours");
    checkpoint_touch("log.jsonl", "{}");
    assert_int_equal(checkpoint_load(&r, NULL), 0);
    checkpoint_same(&r, &same);
    assert_int_equal(train_checkpoint_clear(checkpoint_folder, NULL), PRIMER_OK);
    assert_string_equal(checkpoint_names(), "checkpoint-+0000001.gguf checkpoint-000000001.state "
                                            "checkpoint-00000001.gguf.bak checkpoint-1.state "
                                            "checkpoint-99999999999999999999999.state log.jsonl ");
    checkpoint_run_free(&r);
    checkpoint_run_free(&same);
}

static void the_newest_stay(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8), other = checkpoint_run_of(8);
    assert_int_equal(mkdir(checkpoint_folder, 0777), 0);
    checkpoint_touch("log.jsonl", "{}");
    for (unsigned i = 1; i <= 5; i++) {
        checkpoint_steps(&r, 1);
        if (i == 4)
            unlink(checkpoint_path(WEIGHTS(3))); /* what is torn doesn't count, and goes */
        checkpoint_save_well(&r, 2);
        if (i == 4)
            assert_string_equal(checkpoint_names(),
                                WEIGHTS(2) " " STATE(2) " " WEIGHTS(4) " " STATE(4) " log.jsonl ");
    }
    assert_string_equal(checkpoint_names(),
                        WEIGHTS(4) " " STATE(4) " " WEIGHTS(5) " " STATE(5) " log.jsonl ");
    assert_int_equal(checkpoint_load(&other, NULL), 5);
    /* Going on from 4, since 5 has lost its state: what is written then stays, 5 or no 5. */
    unlink(checkpoint_path(STATE(5)));
    assert_int_equal(checkpoint_load(&other, "checkpoint-00000005"), 4);
    checkpoint_save_well(&other, 1);
    assert_int_equal(checkpoint_load(&other, "checkpoint-00000005"), 4);
    checkpoint_steps(&other, 1);
    checkpoint_save_well(&other, 1);
    assert_string_equal(checkpoint_names(), WEIGHTS(5) " " STATE(5) " log.jsonl ");
    assert_int_equal(checkpoint_load(&other, NULL), 5);
    checkpoint_same(&r, &other);
    assert_int_equal(train_checkpoint_clear(checkpoint_folder, NULL), PRIMER_OK);
    assert_string_equal(checkpoint_names(), "log.jsonl ");
    checkpoint_run_free(&r);
    checkpoint_run_free(&other);
}

static void long_numbers_come_after_short_ones(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8), other = checkpoint_run_of(8);
    r.state.step = 99999999;
    checkpoint_save_well(&r, 2);
    r.state.step = 100000000;
    checkpoint_save_well(&r, 2);
    assert_int_equal(checkpoint_load(&other, NULL), 100000000);
    checkpoint_run_free(&r);
    checkpoint_run_free(&other);
}

/* Two checkpoints, 1 and 2; 2 is torn in some way and 1 is read. */
static void the_one_before_is_read(void **state)
{
    (void)state;
    struct checkpoint_run one = checkpoint_run_of(8), two = checkpoint_run_of(8),
                          other = checkpoint_run_of(8);
    checkpoint_steps(&one, 1);
    checkpoint_steps(&two, 2);
    for (unsigned way = 0; way < 5; way++) {
        checkpoint_save_well(&one, 3);
        checkpoint_save_well(&two, 3);
        assert_int_equal(checkpoint_load(&other, NULL), 2);
        const char *reason = NULL;
        struct bytes b = {0};
        switch (way) {
        case 0:
            unlink(checkpoint_path(STATE(2)));
            reason = WEIGHTS(2) ": its state is missing";
            break;
        case 1:
            unlink(checkpoint_path(WEIGHTS(2)));
            reason = STATE(2) ": its weights are missing";
            break;
        case 2: /* the weights of another step: a mixture */
            b = slurp(WEIGHTS(1));
            spill(WEIGHTS(2), b.at, b.length);
            reason = WEIGHTS(2) ": these aren't the weights";
            break;
        case 3:
            b = slurp(STATE(1));
            spill(STATE(2), b.at, b.length);
            reason = STATE(2) ": it is the state of step 1";
            break;
        default:
            spill(STATE(2), b.at, 0);
            reason = STATE(2) ": it is no state";
        }
        free(b.at);
        assert_int_equal(checkpoint_load(&other, reason), 1);
        checkpoint_same(&one, &other);
    }
    checkpoint_run_free(&one);
    checkpoint_run_free(&two);
    checkpoint_run_free(&other);
}

/* ---- bytes that changed ---------------------------------------------------------------------- */

/* Any length but the whole one, and any byte that differs: nothing is found, nothing changes. */
static void every_byte_counts(void **state)
{
    (void)state;
    static const char *const files[] = {STATE(1), WEIGHTS(1)};
    struct checkpoint_run r = checkpoint_run_of(8), other = checkpoint_run_of(8),
                          same = checkpoint_run_of(8);
    checkpoint_steps(&r, 1);
    checkpoint_save_well(&r, 1);
    for (size_t f = 0; f < 2; f++) {
        const struct bytes whole = slurp(files[f]);
        for (size_t length = whole.length; length-- > 0;) {
            assert_int_equal(truncate(checkpoint_path(files[f]), (off_t)length), 0);
            assert_int_equal(checkpoint_load(&other, files[f]), 0);
        }
        spill(files[f], whole.at, whole.length);
        const int descriptor = open(checkpoint_path(files[f]), O_WRONLY);
        for (size_t i = 0; i < whole.length; i++) {
            const unsigned char flipped = whole.at[i] ^ (unsigned char)(1u << i % 8);
            assert_int_equal(pwrite(descriptor, &flipped, 1, (off_t)i), 1);
            assert_int_equal(checkpoint_load(&other, files[f]), 0);
            assert_int_equal(pwrite(descriptor, &whole.at[i], 1, (off_t)i), 1);
        }
        close(descriptor);
        spill(files[f], whole.at, whole.length + 1); /* a byte too many */
        assert_int_equal(checkpoint_load(&other, files[f]), 0);
        checkpoint_same(&other, &same);
        spill(files[f], whole.at, whole.length);
        free(whole.at);
    }
    assert_int_equal(checkpoint_load(&other, NULL), 1);
    checkpoint_same(&r, &other);
    checkpoint_run_free(&r);
    checkpoint_run_free(&other);
    checkpoint_run_free(&same);
}

static void spill_hashed(const struct bytes *b)
{
    const uint64_t hash = hash_bytes(b->at, b->length - 8, 0); /* below 64 KiB: one piece */
    assert_true(b->length < 65536);
    for (size_t i = 0; i < 8; i++)
        b->at[b->length - 8 + i] = (unsigned char)(hash >> (8 * i));
    spill(STATE(1), b->at, b->length);
}

static primer_status load_hashed(const struct bytes *b, struct checkpoint_run *r, bool *found,
                                 primer_error *error)
{
    spill_hashed(b);
    return train_checkpoint_read(checkpoint_folder, &r->model, &r->optimizer, &r->state, found,
                                 NULL, error);
}

/* A state without its last number ("weights.hash", 32 bytes of the file), and with it twice. */
static void numbers_are_there_once(const struct bytes *whole, size_t header)
{
    enum { LAST = 32 };
    struct checkpoint_run r = checkpoint_run_of(8);
    struct bytes b = {malloc(whole->length + LAST), whole->length - LAST};
    const unsigned length = whole->at[12] + 256u * whole->at[13];
    primer_error error;
    bool found = false;
    memcpy(b.at, whole->at, header - LAST);
    memcpy(b.at + header - LAST, whole->at + header, whole->length - header);
    b.at[12] = (unsigned char)(length - LAST);
    b.at[13] = (unsigned char)((length - LAST) >> 8);
    assert_int_equal(load_hashed(&b, &r, &found, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "weights.hash is missing"));
    b.length = whole->length + LAST;
    memcpy(b.at, whole->at, header);
    memcpy(b.at + header, whole->at + header - LAST, LAST);
    memcpy(b.at + header + LAST, whole->at + header, whole->length - header);
    b.at[12] = (unsigned char)(length + LAST);
    b.at[13] = (unsigned char)((length + LAST) >> 8);
    assert_int_equal(load_hashed(&b, &r, &found, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "weights.hash stands there twice"));
    assert_false(found);
    free(b.at);
    checkpoint_run_free(&r);
}

/* Bytes that somebody changed together with the hash: they get as far as the parser. */
static void hashed_nonsense_is_refused(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8), other = checkpoint_run_of(8);
    primer_error error;
    bool found;
    checkpoint_steps(&r, 1);
    checkpoint_save_well(&r, 1);
    const struct bytes whole = slurp(STATE(1));
    struct bytes b = {malloc(whole.length), whole.length};
    const size_t header = whole.length - 8 - 2 * r.model.floats * sizeof(float);
    memcpy(b.at, whole.at, whole.length);
    assert_int_equal(load_hashed(&b, &other, &found, &error), PRIMER_OK);
    assert_true(found);
    b.at[8] = 2;
    assert_int_equal(load_hashed(&b, &other, &found, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "version 2, expected 1"));
    numbers_are_there_once(&whole, header);
    size_t refused = 0;
    for (size_t i = 8; i < header; i++)
        for (unsigned bit = 0; bit < 8; bit += 7) {
            memcpy(b.at, whole.at, whole.length);
            b.at[i] ^= (unsigned char)(1u << bit);
            const primer_status status = load_hashed(&b, &other, &found, &error);
            assert_true(status == PRIMER_OK || status == PRIMER_EUNSUPPORTED ||
                        status == PRIMER_EINVAL);
            refused += status != PRIMER_OK || !found;
        }
    assert_true(refused > 2 * 200); /* lengths, names, kinds, counts */
    for (size_t length = 24; length < whole.length; length++) {
        memcpy(b.at, whole.at, length);
        b.length = length;
        assert_int_not_equal(load_hashed(&b, &other, &found, &error), PRIMER_OK);
    }
    free(b.at);
    free(whole.at);
    checkpoint_run_free(&r);
    checkpoint_run_free(&other);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static void refuse(struct checkpoint_run *r, primer_status wanted, const char *text)
{
    bool found = false;
    primer_error error = {0};
    assert_int_equal(train_checkpoint_read(checkpoint_folder, &r->model, &r->optimizer, &r->state,
                                           &found, NULL, &error),
                     wanted);
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.message, text);
    assert_false(found);
    assert_int_equal(error.status, wanted);
}

static void other_models_are_refused(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8), larger = checkpoint_run_of(16);
    primer_error error = {0};
    checkpoint_steps(&r, 1);
    assert_int_equal(checkpoint_save(&r, 0, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "keep"));
    checkpoint_save_well(&r, 1);
    refuse(&larger, PRIMER_EINVAL, "token_embd.weight is 8 x 12, expected 16 x 12");
    /* Fewer tensors than the file has. */
    struct checkpoint_run fewer = checkpoint_run_of(8);
    fewer.model.count--;
    refuse(&fewer, PRIMER_EINVAL, "tensors, expected");
    fewer.model.count++;
    snprintf(fewer.model.tensors[1].name, sizeof fewer.model.tensors[1].name, "strange");
    refuse(&fewer, PRIMER_EINVAL, "strange is missing");
    fewer.optimizer.floats++;
    refuse(&fewer, PRIMER_EINVAL, "an optimizer of");
    assert_int_equal(checkpoint_save(&fewer, 1, NULL), PRIMER_EINVAL);
    checkpoint_run_free(&fewer);
    checkpoint_run_free(&r);
    checkpoint_run_free(&larger);
}

static void folders_may_be_refused(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8);
    primer_error error = {0};
    const char *const deep = checkpoint_path("not/there");
    assert_int_equal(
        train_checkpoint_write(deep, &r.model, &r.optimizer, &r.state, NULL, 1, &error),
        PRIMER_EIO);
    assert_non_null(strstr(error.message, "not/there: cannot make the folder"));
    assert_int_equal(mkdir(checkpoint_folder, 0777), 0);
    checkpoint_touch("file", "x");
    bool found;
    assert_int_equal(train_checkpoint_read(checkpoint_path("file"), &r.model, &r.optimizer,
                                           &r.state, &found, NULL, &error),
                     PRIMER_EIO);
    assert_int_equal(train_checkpoint_write(checkpoint_path("file"), &r.model, &r.optimizer,
                                            &r.state, NULL, 1, &error),
                     PRIMER_EIO);
    checkpoint_run_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(goes_on_bit_for_bit),
        IN_FOLDER(odd_floats_stay),
        IN_FOLDER(is_a_model),
        IN_FOLDER(nothing_is_found_in_nothing),
        IN_FOLDER(the_newest_stay),
        IN_FOLDER(long_numbers_come_after_short_ones),
        IN_FOLDER(the_one_before_is_read),
        IN_FOLDER(every_byte_counts),
        IN_FOLDER(hashed_nonsense_is_refused),
        IN_FOLDER(other_models_are_refused),
        IN_FOLDER(folders_may_be_refused),
    };
    return cmocka_run_group_tests(tests, checkpoint_begin, checkpoint_end);
}
