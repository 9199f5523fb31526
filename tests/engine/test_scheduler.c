/* Many sessions at once: each text is the one it would be alone, whoever else joins, leaves or is
 * cancelled. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

#define CLIENTS 8
#define TOKENS  24

struct client {
    primer_model *model;
    unsigned number;
    size_t prompt;
    int32_t written[TOKENS], alone[TOKENS];
    bool cancelled; /* stops itself half-way */
    size_t count;
};

struct progress {
    struct client *client;
    int32_t *out;
    size_t count;
};

static bool keep(void *context, const primer_generated *g)
{
    struct progress *p = context;
    if (g->id >= 0)
        p->out[p->count++] = g->id;
    return !(p->client->cancelled && p->count == TOKENS / 2);
}

static void generate(struct client *c, int32_t *out)
{
    primer_session *session = NULL;
    struct progress progress = {c, out, 0};
    int32_t ids[400];
    fixture_ids(ids, 400, primer_model_info(c->model)->vocabulary, c->number % 3);
    primer_sampling sampling = primer_sampling_default();
    sampling.seed = c->number;
    must(primer_session_create(c->model, NULL, &session, error));
    must(primer_session_sync(session, ids, c->prompt, NULL, NULL, error));
    must(primer_generate(session,
                         &(primer_generation){.sampling = &sampling,
                                              .max_tokens = TOKENS,
                                              .ignore_end = true,
                                              .callback = keep,
                                              .context = &progress},
                         NULL, error));
    c->count = progress.count;
    primer_session_free(session);
}

static void *run_client(void *context)
{
    struct client *c = context;
    generate(c, c->written);
    return NULL;
}

static void everyone_as_when_alone(void **state)
{
    (void)state;
    static const struct model_maker_options shapes[] = {
        {.architecture = "phi2", .type = "Q4_0"},
        {.architecture = "llama", .type = "Q6_K", .kv_heads = 2},
    };
    for (size_t m = 0; m < 2; m++) {
        primer_model *model = fixture_open(&shapes[m], 2);
        struct client clients[CLIENTS];
        pthread_t threads[CLIENTS];
        for (unsigned i = 0; i < CLIENTS; i++) {
            clients[i] = (struct client){
                .model = model, .number = i, .prompt = 1 + i * 53, .cancelled = i == 2};
            generate(&clients[i], clients[i].alone);
        }
        for (size_t i = 0; i < CLIENTS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
        for (size_t i = 0; i < CLIENTS; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < CLIENTS; i++) {
            assert_int_equal(clients[i].count, i == 2 ? TOKENS / 2 : TOKENS);
            assert_memory_equal(clients[i].written, clients[i].alone,
                                clients[i].count * sizeof(int32_t));
        }
        primer_model_free(model);
    }
}

static void *score_a_text(void *context)
{
    struct client *c = context;
    primer_session *session = NULL;
    float *embedding = malloc(primer_model_info(c->model)->embedding * sizeof *embedding);
    int32_t ids[100];
    fixture_ids(ids, 100, primer_model_info(c->model)->vocabulary, 1);
    must(primer_session_create(c->model, NULL, &session, error));
    for (int i = 0; i < 5; i++)
        must(primer_session_embed(session, ids, 100, PRIMER_POOL_MEAN, true, embedding, error));
    primer_session_free(session);
    free(embedding);
    return NULL;
}

static bool count_scores(void *context, const primer_score *score)
{
    double *sum = context;
    if (score->next_logprob == score->next_logprob)
        *sum += score->next_logprob;
    return true;
}

static void scoring_among_others(void **state)
{
    (void)state;
    primer_model *model =
        fixture_open(&(struct model_maker_options){.architecture = "llama", .type = "Q8_0"}, 2);
    primer_session *session = NULL;
    int32_t ids[200];
    double alone = 0;
    struct client clients[3];
    pthread_t threads[3];
    fixture_ids(ids, 200, primer_model_info(model)->vocabulary, 4);
    must(primer_session_create(model, NULL, &session, error));
    must(primer_session_score(session, ids, 200, 0, 0, count_scores, &alone, error));
    for (unsigned i = 0; i < 3; i++) {
        clients[i] = (struct client){.model = model, .number = i, .prompt = 20};
        pthread_create(&threads[i], NULL, i == 0 ? score_a_text : run_client, &clients[i]);
    }
    for (int i = 0; i < 5; i++) {
        double together = 0;
        must(primer_session_score(session, ids, 200, 0, 0, count_scores, &together, error));
        assert_true(together == alone);
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    primer_session_free(session);
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_as_when_alone),
        cmocka_unit_test(scoring_among_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
