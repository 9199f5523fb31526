/* Adapters: what they add equals adding it to the weights; the numeric contract holds with them; no
 * session has anything of another one's. */
#include "fixture.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_maker.h"
#include "base/cpu.h"
#include "base/knob.h"
#include "base/memory.h"
#include "engine/engine.h"

#define TOKENS 150

static const struct model_maker_options floats[] = {
    {.architecture = "phi2", .type = "F32", .split_qkv = true},
    {.architecture = "phi2", .type = "F32"},
    {.architecture = "llama", .type = "F32", .kv_heads = 2},
    {.architecture = "llama", .type = "F32", .kv_heads = 1, .tied = true, .ffn = 352},
};
#define FLOATS (sizeof floats / sizeof *floats)

static const struct model_maker_options quantized[] = {
    {.architecture = "phi2", .type = "Q4_0", .dimension = 320, .heads = 4, .rotary = 32},
    {.architecture = "phi2", .type = "Q4_K", .output_type = "Q6_K", .split_qkv = true},
    {.architecture = "llama", .type = "Q5_K", .window = 40, .kv_heads = 2},
    {.architecture = "llama", .type = "F16", .bias = true},
};
#define QUANTIZED (sizeof quantized / sizeof *quantized)

static primer_adapter *open_adapter(primer_model *model, const char *path)
{
    primer_adapter *adapter = NULL;
    must(primer_adapter_open(model, path, &adapter, error));
    return adapter;
}

/* Logits after the ids, in a session of its own. */
static float *logits_of(primer_model *model, const int32_t *ids, size_t count,
                        primer_session_options options, const primer_adapter_use *uses,
                        size_t use_count)
{
    const size_t vocabulary = primer_model_info(model)->vocabulary;
    primer_session *session = NULL;
    float *logits = malloc(vocabulary * sizeof *logits);
    options.adapters = uses;
    options.adapter_count = use_count;
    must(primer_session_create(model, &options, &session, error));
    must(primer_session_sync(session, ids, count, NULL, NULL, error));
    memcpy(logits, primer_session_logits(session), vocabulary * sizeof *logits);
    primer_session_free(session);
    return logits;
}

/* The root of the mean square of the difference, over that of `a`. */
static double distance(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(difference / size);
}

static void assert_same(const float *a, const float *b, size_t count, const char *what, size_t m)
{
    if (memcmp(a, b, count * sizeof *a) != 0)
        fail_msg("model %zu: %s changes the logits", m, what);
}

/* Nothing but F32 everywhere: the two ways differ by the rounding of sums alone. */
static const primer_session_options exact = {.kv_format = PRIMER_KV_F32};

static void adds_what_the_weights_would(void **state)
{
    (void)state;
    int32_t ids[40];
    for (size_t m = 0; m < FLOATS; m++) {
        const char *path = fixture_model(&floats[m], 0), *adapter = fixture_path("a.gguf"),
                   *merged = fixture_path("merged.gguf");
        adapter_maker_write(path, adapter, 8, 16, 3 + (unsigned)m, NULL, false);
        adapter_maker_merge(path, adapter, 0.75, merged);
        primer_model *base = NULL, *other = NULL;
        must(primer_model_open(path, NULL, &base, error));
        must(primer_model_open(merged, NULL, &other, error));
        const size_t vocabulary = primer_model_info(base)->vocabulary;
        fixture_ids(ids, 40, vocabulary, 5);
        primer_adapter_use use = {open_adapter(base, adapter), 0.75F};
        float *plain = logits_of(base, ids, 40, exact, NULL, 0);
        float *adapted = logits_of(base, ids, 40, exact, &use, 1);
        float *expected = logits_of(other, ids, 40, exact, NULL, 0);
        assert_true(distance(expected, plain, vocabulary) > 0.05);
        if (!(distance(expected, adapted, vocabulary) < 2e-5))
            fail_msg("model %zu: %g", m, distance(expected, adapted, vocabulary));
        free(plain);
        free(adapted);
        free(expected);
        primer_adapter_free(use.adapter);
        primer_model_free(base);
        primer_model_free(other);
    }
}

/* Each matrix by itself: none is left out, or added twice. */
static void every_matrix_counts(void **state)
{
    (void)state;
    static const char *const parts[] = {"attn_q.",  "attn_k.", "attn_v.",  "attn_output",
                                        "ffn_gate", "ffn_up",  "ffn_down", "attn_qkv"};
    int32_t ids[20];
    for (size_t m = 0; m < 3; m++)
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            const char *path = fixture_model(&floats[m], 0), *adapter = fixture_path("a.gguf"),
                       *merged = fixture_path("merged.gguf");
            const bool fused = m == 1, gate = m == 2;
            const bool of_split = strncmp(parts[i], "attn_", 5) == 0 && parts[i][6] == '.';
            if ((strcmp(parts[i], "attn_qkv") == 0) != fused && (of_split || i == 7))
                continue;
            if (strcmp(parts[i], "ffn_gate") == 0 && !gate)
                continue;
            adapter_maker_write(path, adapter, 4, 8, 30 + (unsigned)i, parts[i], false);
            adapter_maker_merge(path, adapter, 1, merged);
            primer_model *base = NULL, *other = NULL;
            must(primer_model_open(path, NULL, &base, error));
            must(primer_model_open(merged, NULL, &other, error));
            const size_t vocabulary = primer_model_info(base)->vocabulary;
            fixture_ids(ids, 20, vocabulary, 6);
            primer_adapter_use use = {open_adapter(base, adapter), 1};
            float *adapted = logits_of(base, ids, 20, exact, &use, 1);
            float *expected = logits_of(other, ids, 20, exact, NULL, 0);
            float *plain = logits_of(base, ids, 20, exact, NULL, 0);
            if (!(distance(expected, adapted, vocabulary) < 2e-5) ||
                !(distance(expected, plain, vocabulary) > 1e-3))
                fail_msg("model %zu, %s: %g from the merged one, which is %g from the plain one", m,
                         parts[i], distance(expected, adapted, vocabulary),
                         distance(expected, plain, vocabulary));
            free(adapted);
            free(expected);
            free(plain);
            primer_adapter_free(use.adapter);
            primer_model_free(base);
            primer_model_free(other);
        }
}

/* Adapters of split matrices on a fused one: the fused adapter with the same rows does the same. */
static void split_on_fused(void **state)
{
    (void)state;
    int32_t ids[30];
    const char *path = fixture_model(&floats[1], 0);
    struct adapter_data fused, split = {0};
    adapter_maker_fill(&fused, path, 4, 4, 9, "attn_qkv", false);
    split = fused;
    split.tensors = NULL;
    split.count = 0;
    for (size_t i = 0; i < fused.count; i++) {
        const struct adapter_tensor *t = &fused.tensors[i];
        const size_t part = t->rows / 3; /* as many key heads as query heads */
        for (size_t p = 0; p < 3; p++) {
            struct adapter_tensor *made = NULL;
            char name[64];
            snprintf(name, sizeof name, "blk.%zu.attn_%c.weight", i, "qkv"[p]);
            must(
                adapter_data_add(&split, name, t->rank, part, t->columns, t->factor, &made, error));
            memcpy(made->a, t->a, t->rank * t->columns * sizeof *t->a);
            memcpy(made->b, t->b + p * part * t->rank, part * t->rank * sizeof *t->b);
        }
    }
    must(adapter_write_gguf(&fused, fixture_path("fused.gguf"), NULL, error));
    must(adapter_write_gguf(&split, fixture_path("split.gguf"), NULL, error));
    primer_model *model = NULL;
    must(primer_model_open(path, NULL, &model, error));
    const size_t vocabulary = primer_model_info(model)->vocabulary;
    fixture_ids(ids, 30, vocabulary, 6);
    primer_adapter_use a = {open_adapter(model, fixture_path("fused.gguf")), 1},
                       b = {open_adapter(model, fixture_path("split.gguf")), 1};
    float *one = logits_of(model, ids, 30, exact, &a, 1);
    float *other = logits_of(model, ids, 30, exact, &b, 1);
    float *plain = logits_of(model, ids, 30, exact, NULL, 0);
    assert_same(one, other, vocabulary, "splitting the adapter", 1);
    assert_true(distance(one, plain, vocabulary) > 1e-3);
    free(one);
    free(other);
    free(plain);
    primer_adapter_free(a.adapter);
    primer_adapter_free(b.adapter);
    primer_model_free(model);
    adapter_data_free(&fused);
    adapter_data_free(&split);
}

/* ---- the contract ---------------------------------------------------------------------------- */

/* A model of `quantized` with two adapters, the second of one matrix of each layer and another
 * rank. */
struct setting {
    primer_model *model;
    primer_adapter_use uses[2];
    size_t vocabulary;
};

static const char *write_setting(size_t m)
{
    const char *path = fixture_model(&quantized[m], 0);
    adapter_maker_write(path, fixture_path("one.gguf"), 8, 16, 40, NULL, true);
    adapter_maker_write(path, fixture_path("two.gguf"), 19, 5, 41, "ffn_down attn_k", true);
    return path;
}

static void open_written(struct setting *s, const char *path, const primer_model_options *options)
{
    must(primer_model_open(path, options, &s->model, error));
    s->vocabulary = primer_model_info(s->model)->vocabulary;
    s->uses[0] = (primer_adapter_use){open_adapter(s->model, fixture_path("one.gguf")), 0.7F};
    s->uses[1] = (primer_adapter_use){open_adapter(s->model, fixture_path("two.gguf")), -1.3F};
}

static void open_setting(struct setting *s, size_t m, const primer_model_options *options)
{
    open_written(s, write_setting(m), options);
}

static void close_setting(struct setting *s)
{
    primer_adapter_free(s->uses[0].adapter);
    primer_adapter_free(s->uses[1].adapter);
    primer_model_free(s->model);
}

static const primer_model_options alone = {.threads = 2, .no_prefix_cache = true};

static void chunks_and_kv_formats(void **state)
{
    (void)state;
    int32_t ids[TOKENS];
    for (size_t m = 0; m < QUANTIZED; m++) {
        struct setting s;
        open_setting(&s, m, &alone);
        fixture_ids(ids, TOKENS, s.vocabulary, 7);
        for (int kv = PRIMER_KV_F16; kv <= PRIMER_KV_Q8_0; kv++) {
            primer_session_options options = {.kv_format = (primer_kv_format)kv};
            float *whole = logits_of(s.model, ids, TOKENS, options, s.uses, 2);
            static const size_t chunks[] = {1, 7, 64, 100};
            for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
                options.chunk = chunks[i];
                float *parts = logits_of(s.model, ids, TOKENS, options, s.uses, 2);
                assert_same(whole, parts, s.vocabulary, "the chunk size", m);
                free(parts);
            }
            free(whole);
        }
        close_setting(&s);
    }
}

static void threads_and_levels(void **state)
{
    (void)state;
    int32_t ids[70];
    for (size_t m = 0; m < QUANTIZED; m++) {
        float *first = NULL;
        for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVELS; level++) {
            if (!cpu_has(level))
                continue;
            for (size_t n = 1; n <= 3; n += 2) {
                struct setting s;
                knob_set(KNOB_LEVEL, cpu_level_name(level));
                open_setting(&s, m, &(primer_model_options){.threads = n});
                fixture_ids(ids, 70, s.vocabulary, 8);
                float *logits = logits_of(s.model, ids, 70, (primer_session_options){0}, s.uses, 2);
                if (first != NULL)
                    assert_same(first, logits, s.vocabulary, cpu_level_name(level), m);
                if (first == NULL)
                    first = logits;
                else
                    free(logits);
                close_setting(&s);
            }
        }
        free(first);
    }
    knob_set(KNOB_LEVEL, cpu_level_name(cpu_best()));
}

/* Five sessions' tokens in one pass: without, two alike that follow each other, both, the other. */
static void batch(void **state)
{
    (void)state;
    enum { SEQUENCES = 5 };
    static const size_t before[SEQUENCES] = {0, 70, 5, 3, 12},
                        tokens[SEQUENCES] = {9, 1, 30, 2, 70}, from[SEQUENCES] = {0, 0, 0, 0, 1},
                        uses[SEQUENCES] = {0, 1, 1, 2, 1};
    for (size_t m = 0; m < QUANTIZED; m++) {
        struct setting s;
        open_setting(&s, m, &alone);
        const size_t embedding = primer_model_info(s.model)->embedding;
        primer_session *sessions[SEQUENCES];
        float *expected[SEQUENCES];
        int32_t ids[SEQUENCES][TOKENS];
        struct attention_sequence sequences[SEQUENCES];
        const struct adapter_set *sets[SEQUENCES];
        const int32_t *batch_ids[SEQUENCES];
        size_t row = 0;
        for (size_t i = 0; i < SEQUENCES; i++) {
            const primer_session_options options = {.adapters = s.uses + from[i],
                                                    .adapter_count = uses[i]};
            fixture_ids(ids[i], TOKENS, s.vocabulary, 20 + (unsigned)i);
            expected[i] = malloc(tokens[i] * embedding * sizeof *expected[i]);
            must(primer_session_create(s.model, &options, &sessions[i], error));
            if (before[i] != 0)
                must(primer_session_sync(sessions[i], ids[i], before[i], NULL, NULL, error));
            memcpy(sessions[i]->ids, ids[i], sizeof ids[i]);
            must(session_pass(sessions[i], tokens[i], expected[i], false, error));
            sequences[i] = (struct attention_sequence){&sessions[i]->cache, &sessions[i]->rotary,
                                                       row, before[i], tokens[i]};
            sets[i] = uses[i] > 0 ? &sessions[i]->adapters.set : NULL;
            batch_ids[i] = ids[i] + before[i];
            row += tokens[i];
        }
        must(model_forward(
            s.model->model, &s.model->scheduler.pass,
            &(struct model_batch){
                .sequences = sequences, .ids = batch_ids, .count = SEQUENCES, .adapters = sets},
            error));
        for (size_t i = 0; i < SEQUENCES; i++) {
            assert_same(expected[i],
                        s.model->scheduler.pass.hidden + sequences[i].first_row * embedding,
                        tokens[i] * embedding, "a batch with others", m);
            primer_session_free(sessions[i]);
            free(expected[i]);
        }
        close_setting(&s);
    }
}

static void scale_zero_is_none(void **state)
{
    (void)state;
    int32_t ids[TOKENS];
    for (size_t m = 0; m < QUANTIZED; m++) {
        struct setting s;
        open_setting(&s, m, &(primer_model_options){.threads = 2});
        fixture_ids(ids, TOKENS, s.vocabulary, 12);
        float *plain = logits_of(s.model, ids, TOKENS, (primer_session_options){0}, NULL, 0);
        s.uses[0].scale = s.uses[1].scale = 0;
        primer_session *session = NULL;
        primer_statistics statistics;
        must(primer_session_create(
            s.model, &(primer_session_options){.adapters = s.uses, .adapter_count = 2}, &session,
            error));
        must(primer_session_sync(session, ids, TOKENS, NULL, NULL, error));
        assert_same(plain, primer_session_logits(session), s.vocabulary, "a scale of 0", m);
        primer_session_statistics(session, &statistics);
        assert_int_equal(statistics.shared_tokens, 128);
        primer_session_free(session);
        free(plain);
        close_setting(&s);
    }
}

/* ---- histories ------------------------------------------------------------------------------- */

/* None; one; both; both with another scale; both the other way about. */
enum { WAYS = 5 };
static size_t choose_way(const struct setting *s, size_t way, primer_adapter_use uses[2])
{
    uses[0] = s->uses[way == 4 ? 1 : 0];
    uses[1] = s->uses[way == 4 ? 0 : 1];
    if (way == 3)
        uses[1].scale = -1.25F;
    return way < 2 ? way : 2;
}

/* Reads the ids in a session with these adapters; the logits are `expected`, and `reused` tokens
 * were there. */
static void assert_reads(const struct setting *s, size_t way, const int32_t *ids, size_t count,
                         const float *expected, size_t reused)
{
    primer_adapter_use uses[2];
    const primer_session_options options = {.adapters = uses,
                                            .adapter_count = choose_way(s, way, uses)};
    primer_session *session = NULL;
    primer_statistics statistics;
    must(primer_session_create(s->model, &options, &session, error));
    must(primer_session_sync(session, ids, count, NULL, NULL, error));
    assert_same(expected, primer_session_logits(session), s->vocabulary, "the prefix cache", way);
    primer_session_statistics(session, &statistics);
    assert_int_equal(statistics.reused_tokens, reused);
    primer_session_free(session);
}

/* Sessions that begin alike but for their adapters: each as if it were alone, the first time, and
 * again when its beginning is in the cache, in memory or on disk. */
static void caches_are_apart(void **state)
{
    (void)state;
    enum { LONG = 300 };
    int32_t ids[LONG];
    for (size_t m = 0; m < 2; m++) {
        struct setting s;
        float *expected[WAYS];
        char folder[160], path[160];
        snprintf(path, sizeof path, "%s", write_setting(m));
        snprintf(folder, sizeof folder, "%s%zu", fixture_path("prefixes"), m);
        open_written(&s, path, &alone);
        fixture_ids(ids, LONG, s.vocabulary, 13);
        for (size_t way = 0; way < WAYS; way++) {
            primer_adapter_use uses[2];
            const size_t count = choose_way(&s, way, uses);
            expected[way] = logits_of(s.model, ids, LONG, (primer_session_options){0}, uses, count);
        }
        for (size_t way = 1; way < 4; way++)
            assert_true(distance(expected[way - 1], expected[way], s.vocabulary) > 1e-4);
        close_setting(&s);
        open_written(&s, path, &(primer_model_options){.threads = 2});
        for (size_t turn = 0; turn < 2 * WAYS; turn++)
            assert_reads(&s, turn % WAYS, ids, LONG, expected[turn % WAYS], turn < WAYS ? 0 : 256);
        close_setting(&s);
        for (size_t turn = 0; turn < 2 * WAYS; turn++) {
            open_written(&s, path, &(primer_model_options){.threads = 2, .prefix_folder = folder});
            assert_reads(&s, turn % WAYS, ids, LONG, expected[turn % WAYS], turn < WAYS ? 0 : 256);
            close_setting(&s);
        }
        for (size_t way = 0; way < WAYS; way++)
            free(expected[way]);
    }
}

static void switched_forked_restored(void **state)
{
    (void)state;
    int32_t ids[TOKENS];
    for (size_t m = 0; m < QUANTIZED; m++) {
        struct setting s;
        const primer_session_options options = {0};
        primer_session *session = NULL, *fork = NULL, *restored = NULL;
        primer_error error_ = {0};
        size_t held = 0;
        open_setting(&s, m, &(primer_model_options){.threads = 2});
        fixture_ids(ids, TOKENS, s.vocabulary, 14);
        float *none = logits_of(s.model, ids, TOKENS, options, NULL, 0);
        float *one = logits_of(s.model, ids, TOKENS, options, s.uses, 1);
        float *both = logits_of(s.model, ids, TOKENS, options, s.uses, 2);
        must(primer_session_create(s.model, NULL, &session, error));
        static const size_t counts[] = {0, 1, 2, 1, 0, 2};
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            must(primer_session_set_adapters(session, s.uses, counts[i], error));
            primer_session_tokens(session, &held);
            assert_int_equal(held, 0);
            must(primer_session_sync(session, ids, TOKENS, NULL, NULL, error));
            assert_same(counts[i] == 0   ? none
                        : counts[i] == 1 ? one
                                         : both,
                        primer_session_logits(session), s.vocabulary, "switching", m);
            must(primer_session_set_adapters(session, s.uses, counts[i], error));
            primer_session_tokens(session, &held);
            assert_int_equal(held, TOKENS); /* the same ones: nothing is lost */
        }
        must(primer_session_fork(session, &fork, error));
        must(primer_session_save(session, fixture_path("saved"), error));
        must(primer_session_rewind(fork, 100, error));
        must(primer_session_sync(fork, ids, TOKENS, NULL, NULL, error));
        assert_same(both, primer_session_logits(fork), s.vocabulary, "forking", m);
        must(primer_session_create(s.model, NULL, &restored, error));
        assert_int_equal(primer_session_restore(restored, fixture_path("saved"), &error_),
                         PRIMER_EFORMAT);
        assert_non_null(strstr(error_.message, "adapters"));
        must(primer_session_set_adapters(restored, s.uses, 2, error));
        must(primer_session_restore(restored, fixture_path("saved"), error));
        must(primer_session_rewind(restored, 100, error));
        must(primer_session_sync(restored, ids, TOKENS, NULL, NULL, error));
        assert_same(both, primer_session_logits(restored), s.vocabulary, "restoring", m);
        primer_session_free(session);
        primer_session_free(fork);
        primer_session_free(restored);
        free(none);
        free(one);
        free(both);
        close_setting(&s);
    }
}

/* ---- generation ------------------------------------------------------------------------------ */

#define WRITTEN 48

struct writing {
    primer_session *session;
    int32_t prompt[20];
    const primer_generation *generation;
    pthread_t thread;
};

static void *write_on(void *context)
{
    struct writing *w = context;
    primer_generation_result result;
    must(primer_session_sync(w->session, w->prompt, 20, NULL, NULL, error));
    must(primer_generate(w->session, w->generation, &result, error));
    return NULL;
}

/* Sessions with different adapters that generate at once, guesses and all, write what each writes
 * alone without guesses. */
static void many_at_once(void **state)
{
    (void)state;
    enum { SESSIONS = 6 };
    primer_sampling greedy = primer_sampling_default();
    greedy.temperature = 0;
    const primer_generation plain = {.sampling = &greedy,
                                     .max_tokens = WRITTEN,
                                     .ignore_end = true,
                                     .no_speculation = true},
                            guessing = {
                                .sampling = &greedy, .max_tokens = WRITTEN, .ignore_end = true};
    for (size_t m = 0; m < 2; m++) {
        struct setting s;
        struct writing writings[SESSIONS];
        int32_t expected[SESSIONS][20 + WRITTEN];
        size_t count = 0, different = 0;
        open_setting(&s, m, &alone);
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < SESSIONS; i++) {
                const primer_session_options options = {.adapters = s.uses, .adapter_count = i % 3};
                writings[i].generation = pass == 0 ? &plain : &guessing;
                fixture_ids(writings[i].prompt, 20, s.vocabulary, 50);
                must(primer_session_create(s.model, &options, &writings[i].session, error));
                if (pass == 0)
                    write_on(&writings[i]);
                else
                    pthread_create(&writings[i].thread, NULL, write_on, &writings[i]);
            }
            for (size_t i = 0; i < SESSIONS; i++) {
                if (pass == 1)
                    pthread_join(writings[i].thread, NULL);
                const int32_t *ids = primer_session_tokens(writings[i].session, &count);
                assert_int_equal(count, 20 + WRITTEN);
                if (pass == 0)
                    memcpy(expected[i], ids, sizeof expected[i]);
                else
                    assert_memory_equal(expected[i], ids, sizeof expected[i]);
                primer_session_free(writings[i].session);
            }
        }
        for (size_t i = 1; i < 3; i++)
            different += memcmp(expected[0], expected[i], sizeof expected[i]) != 0;
        assert_int_equal(different, 2);
        close_setting(&s);
    }
}

static bool count_allocations(void *context, const primer_generated *generated)
{
    size_t *counts = context;
    (void)generated;
    if (counts[0]++ == 4)
        counts[1] = memory_allocation_count();
    counts[2] = memory_allocation_count();
    return true;
}

static void tokens_allocate_nothing(void **state)
{
    (void)state;
    struct setting s;
    int32_t ids[20];
    size_t counts[3] = {0};
    primer_session *session = NULL;
    primer_generation_result result;
    const primer_generation generation = {
        .max_tokens = 60, .ignore_end = true, .callback = count_allocations, .context = counts};
    open_setting(&s, 0, &alone);
    fixture_ids(ids, 20, s.vocabulary, 15);
    must(primer_session_create(s.model,
                               &(primer_session_options){.adapters = s.uses, .adapter_count = 2},
                               &session, error));
    must(primer_session_sync(session, ids, 20, NULL, NULL, error));
    must(primer_generate(session, &generation, &result, error));
    assert_true(counts[0] >= 60);
    assert_int_equal(counts[1], counts[2]);
    primer_session_free(session);
    close_setting(&s);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void wrong_uses(void **state)
{
    (void)state;
    struct setting s, other;
    primer_session *session = NULL;
    primer_error error_ = {0};
    primer_adapter_use many[PRIMER_ADAPTERS_MOST + 1];
    open_setting(&s, 0, &alone);
    open_setting(&other, 1, &alone);
    must(primer_session_create(s.model, NULL, &session, error));
    assert_int_equal(primer_session_set_adapters(session, other.uses, 1, &error_), PRIMER_EINVAL);
    assert_non_null(strstr(error_.message, "not for the session's model"));
    s.uses[0].scale = NAN;
    assert_int_equal(primer_session_set_adapters(session, s.uses, 1, &error_), PRIMER_EINVAL);
    s.uses[0].scale = 1;
    for (size_t i = 0; i <= PRIMER_ADAPTERS_MOST; i++)
        many[i] = s.uses[0];
    must(primer_session_set_adapters(session, many, PRIMER_ADAPTERS_MOST, error));
    assert_int_equal(primer_session_set_adapters(session, many, PRIMER_ADAPTERS_MOST + 1, &error_),
                     PRIMER_ELIMIT);
    primer_session_free(session);
    close_setting(&other);
    close_setting(&s);
}

/* Whoever lets go first: the rest goes on. */
static void adapter_outlives_its_handle(void **state)
{
    (void)state;
    struct setting s;
    int32_t ids[20];
    primer_session *session = NULL;
    open_setting(&s, 0, &alone);
    fixture_ids(ids, 20, s.vocabulary, 16);
    float *expected = logits_of(s.model, ids, 20, (primer_session_options){0}, s.uses, 2);
    must(primer_session_create(s.model,
                               &(primer_session_options){.adapters = s.uses, .adapter_count = 2},
                               &session, error));
    close_setting(&s);
    must(primer_session_sync(session, ids, 20, NULL, NULL, error));
    assert_same(expected, primer_session_logits(session), s.vocabulary, "closing its model", 0);
    primer_session_free(session);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_what_the_weights_would),
        cmocka_unit_test(every_matrix_counts),
        cmocka_unit_test(split_on_fused),
        cmocka_unit_test(chunks_and_kv_formats),
        cmocka_unit_test(threads_and_levels),
        cmocka_unit_test(batch),
        cmocka_unit_test(scale_zero_is_none),
        cmocka_unit_test(caches_are_apart),
        cmocka_unit_test(switched_forked_restored),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(tokens_allocate_nothing),
        cmocka_unit_test(wrong_uses),
        cmocka_unit_test(adapter_outlives_its_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
