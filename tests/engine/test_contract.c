/* The numeric contract, end to end and by equality of bits: whatever the chunks, threads, level,
 * batch or history, the same model, options and prefix give the same logits. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/knob.h"
#include "engine/engine.h"

#define TOKENS 150

static const struct model_maker_options models[] = {
    {.architecture = "phi2",
     .type = "Q4_0",
     .head_dimension = 80,
     .heads = 4,
     .dimension = 320,
     .rotary = 32,
     .ffn = 640},
    {.architecture = "phi2", .type = "Q4_K", .output_type = "Q6_K", .split_qkv = true},
    {.architecture = "llama", .type = "F32", .kv_heads = 2},
    {.architecture = "llama", .type = "Q5_K", .window = 40, .tied = true},
    {.architecture = "llama", .type = "Q2_K", .rope = "factors", .kv_heads = 1},
    {.architecture = "llama", .type = "Q8_0", .rope = "linear:2", .bias = true},
    {.architecture = "phi2", .type = "BF16"},
    /* More blocks of columns than a piece of a panel has, and last panels that aren't full. */
    {.architecture = "llama",
     .type = "Q4_K",
     .output_type = "Q6_K",
     .vocabulary = 1003,
     .ffn = 1280},
};
#define MODELS (sizeof models / sizeof *models)

static float *read_in_chunks(primer_model *model, const int32_t *ids, size_t count,
                             primer_session_options options)
{
    const size_t vocabulary = primer_model_info(model)->vocabulary;
    primer_session *session = NULL;
    float *logits = malloc(vocabulary * sizeof *logits);
    must(primer_session_create(model, &options, &session, error));
    must(primer_session_sync(session, ids, count, NULL, NULL, error));
    memcpy(logits, primer_session_logits(session), vocabulary * sizeof *logits);
    primer_session_free(session);
    return logits;
}

static void assert_same(const float *a, const float *b, size_t count, const char *what,
                        size_t model)
{
    if (memcmp(a, b, count * sizeof *a) != 0)
        fail_msg("model %zu: %s changes the logits", model, what);
}

static void chunks_and_kv_formats(void **state)
{
    (void)state;
    int32_t ids[TOKENS];
    for (size_t m = 0; m < MODELS; m++) {
        primer_model *model = fixture_open(&models[m], 2);
        const size_t vocabulary = primer_model_info(model)->vocabulary;
        fixture_ids(ids, TOKENS, vocabulary, 7);
        for (int kv = PRIMER_KV_F16; kv <= PRIMER_KV_Q8_0; kv++) {
            primer_session_options options = {.kv_format = (primer_kv_format)kv};
            float *whole = read_in_chunks(model, ids, TOKENS, options);
            static const size_t chunks[] = {1, 7, 64, 100};
            for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
                options.chunk = chunks[i];
                float *parts = read_in_chunks(model, ids, TOKENS, options);
                assert_same(whole, parts, vocabulary, "the chunk size", m);
                free(parts);
            }
            free(whole);
        }
        primer_model_free(model);
    }
}

static void threads(void **state)
{
    (void)state;
    int32_t ids[TOKENS];
    for (size_t m = 0; m < MODELS; m++) {
        float *first = NULL;
        for (size_t n = 1; n <= 5; n += 2) {
            primer_model *model = fixture_open(&models[m], n);
            const size_t vocabulary = primer_model_info(model)->vocabulary;
            fixture_ids(ids, TOKENS, vocabulary, 8);
            float *logits = read_in_chunks(model, ids, TOKENS, (primer_session_options){0});
            if (first == NULL)
                first = logits;
            else {
                assert_same(first, logits, vocabulary, "the number of threads", m);
                free(logits);
            }
            primer_model_free(model);
        }
        free(first);
    }
}

static void levels(void **state)
{
    (void)state;
    int32_t ids[40];
    for (size_t m = 0; m < MODELS; m++) {
        float *scalar = NULL;
        for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVELS; level++) {
            if (!cpu_has(level))
                continue;
            knob_set(KNOB_LEVEL, cpu_level_name(level));
            primer_model *model = fixture_open(&models[m], 2);
            const size_t vocabulary = primer_model_info(model)->vocabulary;
            assert_string_equal(primer_model_info(model)->level, cpu_level_name(level));
            fixture_ids(ids, 40, vocabulary, 9);
            const primer_session_options options = {.self_extend_group =
                                                        models[m].window == 0 ? 4 : 0,
                                                    .self_extend_window = 16,
                                                    .context = 64};
            float *logits = read_in_chunks(model, ids, 40, options);
            if (scalar == NULL)
                scalar = logits;
            else {
                assert_same(scalar, logits, vocabulary, cpu_level_name(level), m);
                free(logits);
            }
            primer_model_free(model);
        }
        free(scalar);
    }
    knob_set(KNOB_LEVEL, cpu_level_name(cpu_best()));
}

static void forked_restored_rewound(void **state)
{
    (void)state;
    int32_t ids[TOKENS], other[TOKENS];
    for (size_t m = 0; m < MODELS; m++) {
        primer_model *model = fixture_open(&models[m], 2);
        const size_t vocabulary = primer_model_info(model)->vocabulary;
        fixture_ids(ids, TOKENS, vocabulary, 10);
        fixture_ids(other, TOKENS, vocabulary, 11);
        memcpy(other, ids, 70 * sizeof *ids);
        for (int kv = PRIMER_KV_F16; kv <= PRIMER_KV_Q8_0; kv++) {
            const primer_session_options options = {.kv_format = (primer_kv_format)kv};
            float *alone = read_in_chunks(model, ids, TOKENS, options);
            float *alone_other = read_in_chunks(model, other, TOKENS, options);
            primer_session *session = NULL, *fork = NULL, *restored = NULL;
            must(primer_session_create(model, &options, &session, error));
            must(primer_session_sync(session, ids, 70, NULL, NULL, error));
            must(primer_session_fork(session, &fork, error));
            must(primer_session_save(session, fixture_path("saved"), error));
            must(primer_session_sync(session, ids, TOKENS, NULL, NULL, error));
            must(primer_session_sync(fork, other, TOKENS, NULL, NULL, error));
            assert_same(alone, primer_session_logits(session), vocabulary, "having a fork", m);
            assert_same(alone_other, primer_session_logits(fork), vocabulary, "being a fork", m);
            must(primer_session_create(model, &options, &restored, error));
            must(primer_session_restore(restored, fixture_path("saved"), error));
            must(primer_session_sync(restored, ids, TOKENS, NULL, NULL, error));
            assert_same(alone, primer_session_logits(restored), vocabulary, "saving and restoring",
                        m);
            must(primer_session_rewind(restored, 33, error));
            must(primer_session_sync(restored, other, TOKENS, NULL, NULL, error));
            assert_same(alone_other, primer_session_logits(restored), vocabulary, "rewinding", m);
            primer_statistics statistics;
            primer_session_statistics(restored, &statistics);
            assert_int_equal(statistics.reused_tokens, 70 + 33);
            primer_session_free(fork);
            primer_session_free(session);
            primer_session_free(restored);
            free(alone);
            free(alone_other);
        }
        primer_model_free(model);
    }
}

/* Three sessions' tokens in one pass, each at another depth: every row as when it is alone. */
static void batch(void **state)
{
    (void)state;
    enum { SEQUENCES = 3 };
    static const size_t before[SEQUENCES] = {0, 70, 5}, tokens[SEQUENCES] = {9, 1, 30};
    for (size_t m = 0; m < MODELS; m++) {
        primer_model *model = fixture_open(&models[m], 2);
        const size_t embedding = primer_model_info(model)->embedding;
        const size_t vocabulary = primer_model_info(model)->vocabulary;
        primer_session *sessions[SEQUENCES];
        float *alone[SEQUENCES];
        int32_t ids[SEQUENCES][TOKENS];
        struct attention_sequence sequences[SEQUENCES];
        const int32_t *batch_ids[SEQUENCES];
        size_t row = 0;
        for (size_t i = 0; i < SEQUENCES; i++) {
            fixture_ids(ids[i], TOKENS, vocabulary, 20 + (unsigned)i);
            alone[i] = malloc(tokens[i] * embedding * sizeof *alone[i]);
            must(primer_session_create(model, NULL, &sessions[i], error));
            if (before[i] != 0)
                must(primer_session_sync(sessions[i], ids[i], before[i], NULL, NULL, error));
            memcpy(sessions[i]->ids, ids[i], sizeof ids[i]);
            must(session_pass(sessions[i], tokens[i], alone[i], false, error));
            sequences[i] = (struct attention_sequence){&sessions[i]->cache, &sessions[i]->rotary,
                                                       row, before[i], tokens[i]};
            batch_ids[i] = ids[i] + before[i];
            row += tokens[i];
        }
        must(model_forward(model->model, &model->scheduler.pass,
                           &(struct model_batch){.sequences = sequences,
                                                  .ids = batch_ids,
                                                  .count = SEQUENCES}, error));
        for (size_t i = 0; i < SEQUENCES; i++) {
            assert_same(alone[i], model->scheduler.pass.hidden + sequences[i].first_row * embedding,
                        tokens[i] * embedding, "a batch with others", m);
            primer_session_free(sessions[i]);
            free(alone[i]);
        }
        primer_model_free(model);
    }
}

static bool keep_logprobs(void *context, const primer_score *score)
{
    double *out = context;
    out[score->position] = score->next_logprob;
    return true;
}

/* Scoring, appending one by one and reading at once agree; Self-Extend is plain attention up to its
 * window. */
static void score_append_self_extend(void **state)
{
    (void)state;
    int32_t ids[60];
    double scores[60];
    for (size_t m = 0; m < MODELS; m++) {
        primer_model *model = fixture_open(&models[m], 2);
        const size_t vocabulary = primer_model_info(model)->vocabulary;
        primer_session *session = NULL;
        fixture_ids(ids, 60, vocabulary, 12);
        must(primer_session_create(model, NULL, &session, error));
        must(primer_session_score(session, ids, 60, 0, 3, keep_logprobs, scores, error));
        must(primer_session_rewind(session, 0, error));
        for (size_t i = 0; i + 1 < 60; i++) {
            must(primer_session_append(session, ids[i], error));
            assert_true(primer_session_logprob(session, ids[i + 1]) == scores[i]);
        }
        primer_session_free(session);
        if (models[m].window == 0) {
            float *plain = read_in_chunks(model, ids, 60, (primer_session_options){0});
            float *extended = read_in_chunks(
                model, ids, 60,
                (primer_session_options){.self_extend_group = 4, .self_extend_window = 60});
            float *other = read_in_chunks(
                model, ids, 60,
                (primer_session_options){.self_extend_group = 4, .self_extend_window = 32});
            assert_same(plain, extended, vocabulary, "Self-Extend within its window", m);
            assert_memory_not_equal(plain, other, vocabulary * sizeof *plain);
            free(plain);
            free(extended);
            free(other);
        }
        primer_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_and_kv_formats),
        cmocka_unit_test(threads),
        cmocka_unit_test(levels),
        cmocka_unit_test(forked_restored_rewound),
        cmocka_unit_test(batch),
        cmocka_unit_test(score_append_self_extend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
