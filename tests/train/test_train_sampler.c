/* test_train_sampler.c - batches: rows as train_data.h draws them, every document once a pass,
 * shares by weight, and positions from which a run goes on exactly as if it had never stopped.
 */
#include "train/train_data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "shard_maker.h"

#define MOST 1024 /* tokens of a batch */

static int setup(void **state)
{
    (void)state;
    shard_folder_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    shard_folder_remove();
    return 0;
}

struct batch {
    int32_t inputs[MOST], targets[MOST];
    float weights[MOST];
    uint32_t starts[MOST];
};

static struct train_sampler *sampler_of(const struct train_source *sources, size_t count,
                                        uint64_t seed, bool whole, size_t length)
{
    struct train_sampler *sampler = NULL;
    primer_error error = {0};
    if (train_sampler_create(&sampler, sources, count, seed, whole, length, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return sampler;
}

static void next(struct train_sampler *sampler, size_t rows, struct batch *batch)
{
    primer_error error = {0};
    memset(batch, 0xEE, sizeof *batch);
    if (train_sampler_next(sampler, rows, batch->inputs, batch->targets, batch->weights,
                           batch->starts, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
}

/* ---- rows ---- */

static int odd(size_t document, size_t index)
{
    (void)document;
    return index % 2;
}

/* What the rows must be, from the documents in the order in which they were dealt: written once
 * more, token by token. */
static void check_rows(const struct batch *batch, size_t rows, size_t length,
                       const size_t *documents, const size_t *lengths, bool marked)
{
    size_t at = 0, inside = 0;
    for (size_t i = 0; i < rows; i++) {
        uint32_t start = 0;
        for (size_t j = 0; j < length; j++) {
            const size_t place = i * length + j, document = documents[at];
            const bool last = inside + 1 == lengths[document];
            start = inside == 0 ? (uint32_t)j : start;
            assert_int_equal(batch->inputs[place], shard_token(0, document, inside));
            assert_int_equal(batch->targets[place],
                             last ? 0 : shard_token(0, document, inside + 1));
            assert_true(batch->weights[place] ==
                        (float)(!last && (!marked || odd(document, inside + 1))));
            assert_int_equal(batch->starts[place], start);
            inside++;
            if (last) {
                at++;
                inside = 0;
            }
        }
    }
}

static void rows_are_packed(void **state)
{
    (void)state;
    static const size_t lengths[] = {4, 3, 9, 1, 30, 2, 7};
    for (size_t marked = 0; marked < 2; marked++) {
        struct train_shard *const shard = shard_make(0, lengths, 7, marked ? odd : NULL);
        const struct train_source source = {shard, 1};
        for (size_t length = 1; length < 24; length++) {
            struct train_sampler *const sampler = sampler_of(&source, 1, length, false, length);
            static struct batch first, batch;
            size_t order[64], count = 0;
            const size_t rows = 112 / length; /* two passes */
            /* The order, from the documents' first tokens. */
            next(sampler, rows, &first);
            for (size_t i = 0; i < rows * length; i++)
                if ((first.inputs[i] & 0xFF) == 0)
                    order[count++] = (size_t)first.inputs[i] >> 8 & 0xFF;
            check_rows(&first, rows, length, order, lengths, marked != 0);
            assert_int_equal(train_sampler_position(sampler)->rows, rows);
            train_sampler_free(sampler);
            /* Row by row they are the same. */
            struct train_sampler *const again = sampler_of(&source, 1, length, false, length);
            for (size_t i = 0; i < rows; i++) {
                next(again, 1, &batch);
                assert_memory_equal(batch.inputs, first.inputs + i * length, 4 * length);
                assert_memory_equal(batch.targets, first.targets + i * length, 4 * length);
            }
            train_sampler_free(again);
        }
        train_shard_free(shard);
    }
}

static void whole_documents_are_not_split(void **state)
{
    (void)state;
    static const size_t lengths[] = {4, 3, 9, 1, 30, 2, 7, 11, 12};
    enum { LENGTH = 10, ROWS = 100 };
    struct train_shard *const shard = shard_make(0, lengths, 9, NULL);
    const struct train_source source = {shard, 1};
    struct train_sampler *const sampler = sampler_of(&source, 1, 5, true, LENGTH);
    static struct batch batch;
    uint64_t documents = 0, tokens = 0;
    size_t seen[9] = {0}, padded = 0;
    next(sampler, ROWS, &batch);
    for (size_t i = 0; i < ROWS; i++) {
        const int32_t *const inputs = batch.inputs + i * LENGTH;
        const int32_t *const targets = batch.targets + i * LENGTH;
        size_t place = 0;
        while (place < LENGTH &&
               (place == 0 || inputs[place] != 0 || batch.weights[i * LENGTH + place] > 0)) {
            const size_t document = (size_t)inputs[place] >> 8 & 0xFF, left = LENGTH - place;
            const size_t count = lengths[document] < left ? lengths[document] : left;
            /* It begins here, and ends here but for a last token that is a target, or a cut. */
            assert_true(place == 0 || lengths[document] - 1 <= left);
            for (size_t j = 0; j < count; j++) {
                const bool last = j + 1 == lengths[document];
                assert_int_equal(inputs[place + j], shard_token(0, document, j));
                assert_int_equal(targets[place + j], last ? 0 : shard_token(0, document, j + 1));
                assert_true(batch.weights[i * LENGTH + place + j] == (last ? 0.0F : 1.0F));
                assert_int_equal(batch.starts[i * LENGTH + place + j], place);
            }
            seen[document]++;
            place += count;
            if (place < LENGTH && inputs[place] == 0 && batch.starts[i * LENGTH + place] == place &&
                targets[place] == 0)
                break;
        }
        for (size_t j = place; j < LENGTH; j++, padded++) {
            assert_int_equal(inputs[j], 0);
            assert_int_equal(targets[j], 0);
            assert_true(batch.weights[i * LENGTH + j] == 0.0F);
            assert_int_equal(batch.starts[i * LENGTH + j], place);
        }
    }
    assert_true(padded > 0);
    for (size_t i = 1; i < 9; i++)
        assert_true(seen[i] + 1 >= seen[0] && seen[i] <= seen[0] + 1);
    train_sampler_cuts(sampler, &documents, &tokens);
    assert_int_equal(documents, 2); /* of 30 and 12 tokens; 11 fill a row and its last target */
    assert_int_equal(tokens, 19 + 1);
    assert_int_equal(train_sampler_asked(sampler), train_shard_info(shard)->asked - tokens);
    train_sampler_free(sampler);
    train_shard_free(shard);
}

/* ---- order ---- */

/* Every number once a pass, for every count and several seeds; passes and seeds differ. */
static void documents_come_once_a_pass(void **state)
{
    (void)state;
    size_t lengths[256], same_pass = 0, same_seed = 0, sorted = 0, compared = 0;
    for (size_t i = 0; i < 256; i++)
        lengths[i] = 2;
    for (size_t count = 1; count <= 200; count += count < 20 ? 1 : 13) {
        struct train_shard *const shard = shard_make(0, lengths, count, NULL);
        const struct train_source source = {shard, 1};
        int32_t before[256] = {0};
        for (uint64_t seed = 0; seed < 4; seed++) {
            struct train_sampler *const sampler = sampler_of(&source, 1, seed, false, 2);
            int32_t passes[3][256];
            for (size_t pass = 0; pass < 3; pass++) {
                bool seen[256] = {false};
                bool rising = true;
                for (size_t i = 0; i < count; i++) {
                    struct batch batch;
                    next(sampler, 1, &batch);
                    const int32_t document = batch.inputs[0] >> 8;
                    assert_in_range(document, 0, count - 1);
                    assert_false(seen[document]);
                    seen[document] = true;
                    passes[pass][i] = document;
                    rising = rising && document == (int32_t)i;
                }
                sorted += count > 8 && rising;
            }
            if (count > 8) {
                same_pass += memcmp(passes[0], passes[1], count * 4) == 0;
                same_pass += memcmp(passes[1], passes[2], count * 4) == 0;
                same_seed += seed > 0 && memcmp(before, passes[0], count * 4) == 0;
                compared++;
            }
            memcpy(before, passes[0], sizeof before);
            train_sampler_free(sampler);
        }
        train_shard_free(shard);
    }
    assert_true(compared > 0);
    assert_int_equal(same_pass + same_seed + sorted, 0);
}

/* Where document 0 comes in many orders of 8 is spread evenly: chi-squared over 7 degrees of
 * freedom stays below its 99.9 % point, 24.3. */
static void places_are_even(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct train_shard *const shard = shard_make(0, lengths, 8, NULL);
    const struct train_source source = {shard, 1};
    enum { ORDERS = 4000 };
    struct train_sampler *const sampler = sampler_of(&source, 1, 11, false, 8);
    double counts[8] = {0}, sum = 0;
    for (size_t i = 0; i < ORDERS; i++) {
        struct batch batch;
        next(sampler, 1, &batch);
        for (size_t j = 0; j < 8; j++)
            counts[j] += batch.inputs[j] >> 8 == 0;
    }
    for (size_t j = 0; j < 8; j++)
        sum += (counts[j] - ORDERS / 8.0) * (counts[j] - ORDERS / 8.0) / (ORDERS / 8.0);
    assert_true(sum < 24.3);
    train_sampler_free(sampler);
    train_shard_free(shard);
}

static void shares_follow_weights(void **state)
{
    (void)state;
    static const size_t a[] = {5, 9, 120, 3}, b[] = {50, 60}, c[] = {2, 2, 2, 2, 7};
    struct train_source sources[] = {{shard_make(1, a, 4, NULL), 5},
                                     {shard_make(2, b, 2, NULL), 0.25},
                                     {shard_make(3, c, 5, NULL), 2}};
    struct train_sampler *const sampler = sampler_of(sources, 3, 1, false, 16);
    double dealt[4] = {0};
    for (size_t i = 1; i <= 2000; i++) {
        struct batch batch;
        next(sampler, 1, &batch);
        for (size_t j = 0; j < 16; j++)
            dealt[batch.inputs[j] >> 16]++;
        for (size_t j = 0; j < 3; j++) {
            assert_true(train_sampler_position(sampler)->dealt[j] == (uint64_t)dealt[j + 1]);
            const double share = sources[j].weight / 7.25 * 16 * (double)i;
            if (fabs(dealt[j + 1] - share) > 120 + 60)
                fail_msg("row %zu: source %zu has dealt %g tokens, its share is %g", i, j,
                         dealt[j + 1], share);
        }
    }
    train_sampler_free(sampler);
    for (size_t j = 0; j < 3; j++)
        train_shard_free((struct train_shard *)(uintptr_t)sources[j].shard);
}

/* ---- positions ---- */

struct mixture {
    struct train_source sources[4];
    size_t count, length;
    uint64_t seed;
    bool whole;
};

static struct mixture mixture_make(struct random *random)
{
    struct mixture made = {.count = 1 + random_below(random, 4),
                           .length = 1 + random_below(random, 40),
                           .seed = random_u64(random),
                           .whole = random_below(random, 2) == 1};
    for (size_t i = 0; i < made.count; i++) {
        size_t lengths[32];
        const size_t documents = 1 + random_below(random, 32);
        for (size_t j = 0; j < documents; j++)
            lengths[j] = 1 + random_below(random, 1 + random_below(random, 100));
        made.sources[i].shard =
            shard_make(i, lengths, documents, random_below(random, 2) ? odd : NULL);
        made.sources[i].weight = 0.1 + random_unit(random);
    }
    return made;
}

static void mixture_free(struct mixture *mixture)
{
    for (size_t i = 0; i < mixture->count; i++)
        train_shard_free((struct train_shard *)(uintptr_t)mixture->sources[i].shard);
}

static void same_batch(const struct batch *a, const struct batch *b, size_t tokens)
{
    assert_memory_equal(a->inputs, b->inputs, 4 * tokens);
    assert_memory_equal(a->targets, b->targets, 4 * tokens);
    assert_memory_equal(a->weights, b->weights, 4 * tokens);
    assert_memory_equal(a->starts, b->starts, 4 * tokens);
}

/* Another sampler, sought to any point of a run, goes on with the run's own batches; and so does
 * one that was elsewhere before. */
static void seeking_goes_on_exactly(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    for (size_t round = 0; round < 60; round++) {
        struct mixture mixture = mixture_make(&random);
        static struct batch expected, found;
        primer_error error = {0};
        struct train_sampler *const run =
            sampler_of(mixture.sources, mixture.count, mixture.seed, mixture.whole, mixture.length);
        struct train_sampler *const other =
            sampler_of(mixture.sources, mixture.count, mixture.seed, mixture.whole, mixture.length);
        for (size_t i = 0; i < 20; i++) {
            const struct train_position at = *train_sampler_position(run);
            const size_t rows = 1 + random_below(&random, MOST / mixture.length);
            next(run, rows, &expected);
            assert_int_equal(train_sampler_seek(other, &at, &error), PRIMER_OK);
            next(other, rows, &found);
            same_batch(&expected, &found, rows * mixture.length);
            assert_memory_equal(train_sampler_position(run), train_sampler_position(other),
                                sizeof at);
            next(other, 1 + random_below(&random, 3), &found);
        }
        train_sampler_free(run);
        train_sampler_free(other);
        mixture_free(&mixture);
    }
}

/* Ranks that skip each other's rows deal the rows of one that doesn't. */
static void ranks_share_the_rows(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 4);
    for (size_t round = 0; round < 30; round++) {
        struct mixture mixture = mixture_make(&random);
        enum { ROWS = 12 };
        static struct batch all, one;
        primer_error error = {0};
        struct train_sampler *const run =
            sampler_of(mixture.sources, mixture.count, mixture.seed, mixture.whole, mixture.length);
        next(run, ROWS, &all);
        for (size_t rank = 0; rank < 3; rank++) {
            struct train_sampler *const part = sampler_of(
                mixture.sources, mixture.count, mixture.seed, mixture.whole, mixture.length);
            assert_int_equal(train_sampler_skip(part, rank, &error), PRIMER_OK);
            for (size_t row = rank; row < ROWS; row += 3) {
                const size_t first = row * mixture.length;
                next(part, 1, &one);
                assert_memory_equal(one.inputs, all.inputs + first, 4 * mixture.length);
                assert_memory_equal(one.targets, all.targets + first, 4 * mixture.length);
                assert_memory_equal(one.weights, all.weights + first, 4 * mixture.length);
                assert_memory_equal(one.starts, all.starts + first, 4 * mixture.length);
                const size_t left = ROWS - 1 - row;
                assert_int_equal(train_sampler_skip(part, left < 2 ? left : 2, &error), PRIMER_OK);
            }
            assert_memory_equal(train_sampler_position(part), train_sampler_position(run),
                                sizeof(struct train_position));
            train_sampler_free(part);
        }
        train_sampler_free(run);
        mixture_free(&mixture);
    }
}

static void impossible_positions_are_refused(void **state)
{
    (void)state;
    static const size_t lengths[] = {4, 8};
    struct train_shard *const shard = shard_make(0, lengths, 2, NULL);
    const struct train_source source = {shard, 1};
    struct train_sampler *const sampler = sampler_of(&source, 1, 1, false, 3);
    struct train_sampler *const whole = sampler_of(&source, 1, 1, true, 3);
    struct batch batch;
    primer_error error = {0};
    next(sampler, 3, &batch);
    const struct train_position good = *train_sampler_position(sampler);
    for (size_t i = 0; i < 6; i++) {
        struct train_position bad = good;
        switch (i) {
        case 0:
            bad.current = 1;
            break;
        case 1:
            bad.drawn[0] = 0;
            break;
        case 2:
            bad.drawn[1] = 1;
            break;
        case 3:
            bad.dealt[5] = 1;
            break;
        case 4:
            bad.inside = 9;
            break;
        default:
            bad.current = UINT64_MAX;
            break;
        }
        assert_int_equal(train_sampler_seek(sampler, &bad, &error), PRIMER_EINVAL);
        assert_memory_equal(train_sampler_position(sampler), &good, sizeof good);
    }
    struct train_position half = good;
    half.inside = 1;
    assert_int_equal(train_sampler_seek(sampler, &half, &error), PRIMER_OK);
    assert_int_equal(train_sampler_seek(whole, &half, &error), PRIMER_EINVAL);
    train_sampler_free(sampler);
    train_sampler_free(whole);
    train_shard_free(shard);
}

/* ---- what is refused ---- */

static struct train_shard *shard_of(size_t vocabulary, uint64_t tokenizer, const char *name)
{
    struct train_shard_writer *writer = NULL;
    struct train_shard *shard = NULL;
    primer_error error = {0};
    const int32_t ids[] = {1, 2};
    assert_int_equal(
        train_shard_writer_create(&writer, shard_path(name), vocabulary, tokenizer, &error),
        PRIMER_OK);
    assert_int_equal(train_shard_write(writer, ids, NULL, 2, 0, &error), PRIMER_OK);
    assert_int_equal(train_shard_writer_finish(writer, &error), PRIMER_OK);
    train_shard_writer_free(writer);
    assert_int_equal(train_shard_open(&shard, shard_path(name), &error), PRIMER_OK);
    return shard;
}

static void sources_must_agree(void **state)
{
    (void)state;
    struct train_shard *const a = shard_of(100, 5, "a"), *const b = shard_of(101, 5, "b"),
                              *const c = shard_of(100, 6, "c"), *const d = shard_of(100, 0, "d");
    const struct {
        struct train_source sources[2];
        size_t count, length;
        const char *message;
    } cases[] = {
        {{{a, 1}, {b, 1}}, 2, 4, "source 1 has a vocabulary of 101, source 0 one of 100"},
        {{{a, 1}, {c, 1}}, 2, 4, "source 1 was made with another tokenizer"},
        {{{a, 1}, {d, 0}}, 2, 4, "weight of source 1: found 0"},
        {{{a, 1}, {d, NAN}}, 2, 4, "weight of source 1"},
        {{{a, INFINITY}}, 1, 4, "weight of source 0"},
        {{{a, 1}}, 0, 4, "sources: found 0"},
        {{{a, 1}}, 1, 0, "length of a row: found 0"},
    };
    primer_error error = {0};
    struct train_sampler *sampler = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(train_sampler_create(&sampler, cases[i].sources, cases[i].count, 1, false,
                                              cases[i].length, &error),
                         PRIMER_EINVAL);
        if (strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        assert_null(sampler);
    }
    const struct train_source unknown[] = {{a, 1}, {d, 1}};
    sampler = sampler_of(unknown, 2, 1, false, 4);
    train_sampler_free(sampler);
    train_sampler_free(NULL);
    train_shard_free(a);
    train_shard_free(b);
    train_shard_free(c);
    train_shard_free(d);
}

/* An id that is torn stops the run where it is, with the position before it. */
static void torn_data_is_an_error(void **state)
{
    (void)state;
    static const size_t lengths[] = {4, 4, 4, 4};
    struct buffer bytes = {0};
    struct train_shard *shard = NULL;
    primer_error error = {0};
    static struct batch batch;
    train_shard_free(shard_make(0, lengths, 4, NULL));
    assert_int_equal(file_read(shard_path("0.shard"), 4096, &bytes, &error), PRIMER_OK);
    memset(bytes.bytes + 128 + 4 * 9, 0xFF, 4); /* in document 2 */
    assert_int_equal(train_shard_open_memory(&shard, bytes.bytes, bytes.length, "torn", &error),
                     PRIMER_OK);
    const struct train_source source = {shard, 1};
    struct train_sampler *const sampler = sampler_of(&source, 1, 1, false, 4);
    size_t failures = 0;
    for (size_t i = 0; i < 4; i++) {
        const struct train_position before = *train_sampler_position(sampler);
        if (train_sampler_next(sampler, 1, batch.inputs, batch.targets, batch.weights, batch.starts,
                               &error) == PRIMER_OK)
            continue;
        assert_non_null(strstr(error.message, "torn: document 2: found the id"));
        assert_memory_equal(train_sampler_position(sampler), &before, sizeof before);
        failures++;
        assert_int_equal(train_sampler_skip(sampler, 1, &error), PRIMER_OK);
    }
    assert_int_equal(failures, 1);
    train_sampler_free(sampler);
    train_shard_free(shard);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_packed, setup, teardown),
        cmocka_unit_test_setup_teardown(whole_documents_are_not_split, setup, teardown),
        cmocka_unit_test_setup_teardown(documents_come_once_a_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(places_are_even, setup, teardown),
        cmocka_unit_test_setup_teardown(shares_follow_weights, setup, teardown),
        cmocka_unit_test_setup_teardown(seeking_goes_on_exactly, setup, teardown),
        cmocka_unit_test_setup_teardown(ranks_share_the_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(impossible_positions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(sources_must_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_data_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
