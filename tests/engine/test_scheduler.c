/* Many sessions at once: each text is the one it would be alone, whoever else joins, leaves, fails
 * or is cancelled; they do share passes; nobody waits longer than one; an idle model is idle. */
#include "fixture.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

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
        {.architecture = "phi2", .type = "Q4_0", .dimension = 64, .heads = 2},
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
        must(primer_session_embed(session, ids, 100, PRIMER_POOL_MEAN, true, embedding, NULL, NULL,
                                  error));
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

/* ---- who is in which pass -------------------------------------------------------------------- */

static void pause_for(long milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

/* Takes the lead, so that whoever comes queues up. Nobody may be at work. */
static void hold(primer_model *model)
{
    struct scheduler *s = &model->scheduler;
    pthread_mutex_lock(&s->lock);
    assert_false(s->led);
    s->led = true;
    pthread_mutex_unlock(&s->lock);
}

/* Gives the lead back once that many wait. */
static void let_go(primer_model *model, size_t waiting)
{
    struct scheduler *s = &model->scheduler;
    for (int i = 0;; i++) {
        pthread_mutex_lock(&s->lock);
        if (s->waiting == waiting)
            break;
        pthread_mutex_unlock(&s->lock);
        if (i == 60000)
            fail_msg("%zu sessions didn't join the queue within a minute", waiting);
        pause_for(1);
    }
    s->led = false;
    pthread_cond_signal(&s->first->turn);
    pthread_mutex_unlock(&s->lock);
}

static struct scheduler_counts counts_of(primer_model *model)
{
    struct scheduler_counts counts;
    scheduler_count(&model->scheduler, &counts);
    return counts;
}

struct reader {
    primer_session *session;
    int32_t ids[2100];
    size_t count, held; /* to read; read before the others come */
    primer_status status;
    primer_error why;
};

static void *read_on(void *context)
{
    struct reader *r = context;
    r->status = primer_session_sync(r->session, r->ids, r->count, NULL, NULL, &r->why);
    return NULL;
}

static void open_reader(struct reader *r, primer_model *model, unsigned seed, size_t held,
                        size_t count)
{
    const primer_session_options options = {.chunk = 512};
    *r = (struct reader){.held = held, .count = count};
    fixture_ids(r->ids, count, 500, seed); /* not the last of the vocabulary: see spoil */
    must(primer_session_create(model, &options, &r->session, error));
    if (held > 0)
        must(primer_session_sync(r->session, r->ids, held, NULL, NULL, error));
}

/* All of them queue up before the first pass. */
static void read_together(primer_model *model, struct reader *readers, size_t count)
{
    pthread_t threads[CLIENTS];
    hold(model);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    let_go(model, count);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* The logits are those of another session, alone. */
static void assert_as_alone(primer_model *model, const struct reader *r)
{
    primer_session *alone = NULL;
    must(primer_session_create(model, NULL, &alone, error));
    must(primer_session_sync(alone, r->ids, r->count, NULL, NULL, error));
    assert_memory_equal(primer_session_logits(alone), primer_session_logits(r->session),
                        primer_model_info(model)->vocabulary * sizeof(float));
    primer_session_free(alone);
}

static void single_tokens_share_one_pass(void **state)
{
    (void)state;
    primer_model *model =
        fixture_open(&(struct model_maker_options){.type = "Q4_0", .dimension = 64, .heads = 2}, 2);
    static struct reader readers[CLIENTS];
    primer_totals totals;
    uint64_t passes = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        open_reader(&readers[i], model, i, 10 + 20 * i, 11 + 20 * i);
    const struct scheduler_counts before = counts_of(model);
    assert_int_equal(before.joined_passes, 0);
    read_together(model, readers, CLIENTS);
    const struct scheduler_counts after = counts_of(model);
    assert_int_equal(after.passes - before.passes, 1);
    assert_int_equal(after.tokens - before.tokens, CLIENTS);
    assert_int_equal(after.joined_passes, 1);
    assert_int_equal(after.joined_tokens, CLIENTS);
    assert_int_equal(after.reruns, 0);
    primer_model_statistics(model, &totals);
    assert_int_equal(totals.passes, after.passes);
    assert_int_equal(totals.tokens, after.tokens);
    assert_int_equal(totals.joined_passes, 1);
    for (size_t i = 0; i < PRIMER_PASS_SIZES; i++)
        passes += totals.pass_sizes[i];
    assert_int_equal(passes, totals.passes);
    assert_int_equal(totals.joined_tokens, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(readers[i].status, PRIMER_OK);
        assert_as_alone(model, &readers[i]);
        primer_session_free(readers[i].session);
    }
    primer_model_free(model);
}

static void prompts_share_what_single_tokens_leave(void **state)
{
    (void)state;
    const struct model_maker_options long_one = {
        .type = "Q4_0", .dimension = 64, .heads = 2, .context = 2048};
    primer_model *model = fixture_open(&long_one, 2);
    static struct reader readers[4];
    open_reader(&readers[0], model, 1, 0, 900);
    open_reader(&readers[1], model, 2, 50, 51);
    open_reader(&readers[2], model, 3, 0, 300);
    open_reader(&readers[3], model, 4, 70, 71);
    model->scheduler.seconds_per_token = 1e-9; /* patience is not what limits here */
    const struct scheduler_counts before = counts_of(model);
    read_together(model, readers, 4);
    const struct scheduler_counts after = counts_of(model);
    assert_int_equal(after.tokens - before.tokens, 900 + 300 + 2);
    assert_int_equal(after.longest_wait, 1);
    /* The first pass holds both tokens and 510 of the prompts; the rest takes two at least. */
    assert_in_range(after.passes - before.passes, 3, 5);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(readers[i].status, PRIMER_OK);
        assert_as_alone(model, &readers[i]);
        primer_session_free(readers[i].session);
    }
    primer_model_free(model);
}

static void the_shortest_prompt_gets_the_room(void **state)
{
    (void)state;
    struct scheduler_work book = {.tokens = 2000}, question = {.tokens = 100},
                          page = {.tokens = 300};
    struct scheduler_work *prompts[] = {&book, &question, &page};
    scheduler_share(prompts, 3, 200, 200);
    assert_int_equal(question.part, 100);
    assert_in_range(page.part, 60, 70);
    assert_in_range(book.part, 30, 40);
    assert_int_equal(question.part + page.part + book.part, 200);
    scheduler_share(prompts, 3, 16, 512);
    assert_int_equal(question.part, 16);
    assert_true(page.part == 3 && book.part == 3);
    scheduler_share(prompts, 3, 16, 18);
    assert_in_range(question.part, 12, 13);
    assert_int_equal(question.part + page.part + book.part, 18);
    page.behind = 5000; /* a page of a larger book */
    scheduler_share(prompts, 3, 200, 200);
    assert_true(page.part < book.part);
    page.behind = 0;
    scheduler_share(prompts, 3, 4000, 4000);
    assert_true(question.part == 100 && page.part == 300 && book.part == 2000);
    scheduler_share(prompts, 3, 2, 2);
    assert_true(question.part == 1 && page.part == 1 && book.part == 0);
    struct scheduler_work *alone[] = {&book};
    scheduler_share(alone, 1, 500, 512);
    assert_int_equal(book.part, 500);
}

/* ---- one fails ------------------------------------------------------------------------------- */

#define SPOILT 511 /* whose embedding is not a number */

static primer_model *open_spoilt(void)
{
    const char *path = fixture_model(&(struct model_maker_options){.dimension = 64, .heads = 2}, 3);
    struct gguf *gguf = NULL;
    const float not_a_number[1] = {NAN};
    primer_model *model = NULL;
    must(gguf_open(&gguf, path, error));
    const struct gguf_tensor *t = gguf_tensor_named(gguf, "token_embd.weight");
    assert_non_null(t);
    assert_int_equal(t->format->type, QUANT_F32);
    const long at = (long)((size_t)(t->data - gguf_map(gguf)->bytes) + SPOILT * t->row_bytes);
    gguf_free(gguf);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(not_a_number, sizeof not_a_number, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    must(primer_model_open(path, &(primer_model_options){.threads = 2, .no_prefix_cache = true},
                           &model, error));
    return model;
}

static void a_failure_is_its_owners_alone(void **state)
{
    (void)state;
    primer_model *model = open_spoilt();
    static struct reader readers[4];
    size_t held;
    for (unsigned i = 0; i < 4; i++)
        open_reader(&readers[i], model, i, 20 * i, 20 * i + (i == 3 ? 31 : 1));
    readers[2].ids[40] = SPOILT;
    read_together(model, readers, 4);
    const struct scheduler_counts after = counts_of(model);
    assert_int_equal(after.joined_passes, 1);
    assert_int_equal(after.reruns, 4);
    assert_int_equal(readers[2].status, PRIMER_ENUMERIC);
    assert_non_null(strstr(readers[2].why.message, "position 40"));
    readers[2].ids[40] = 5; /* the session is as it was, and goes on */
    primer_session_tokens(readers[2].session, &held);
    assert_int_equal(held, 40);
    must(primer_session_sync(readers[2].session, readers[2].ids, 41, NULL, NULL, error));
    readers[2].status = PRIMER_OK;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(readers[i].status, PRIMER_OK);
        assert_as_alone(model, &readers[i]);
        primer_session_free(readers[i].session);
    }
    primer_model_free(model);
}

/* ---- fairness -------------------------------------------------------------------------------- */

struct talker {
    primer_session *session;
    atomic_bool over;
    size_t tokens;
};

static bool until_over(void *context, const primer_generated *generated)
{
    struct talker *t = context;
    t->tokens += generated->id >= 0;
    return !atomic_load(&t->over);
}

static void *talk(void *context)
{
    struct talker *t = context;
    while (!atomic_load(&t->over)) {
        must(primer_session_rewind(t->session, 30, error));
        must(primer_generate(
            t->session,
            &(primer_generation){
                .max_tokens = 200, .ignore_end = true, .callback = until_over, .context = t},
            NULL, error));
    }
    return NULL;
}

static void a_long_prompt_holds_nobody_up(void **state)
{
    (void)state;
    const struct model_maker_options long_one = {
        .type = "Q4_0", .dimension = 64, .heads = 2, .context = 4096};
    primer_model *model = fixture_open(&long_one, 2);
    static struct reader reader;
    struct talker talker = {0};
    pthread_t reading, talking;
    int32_t ids[30];
    fixture_ids(ids, 30, 500, 9);
    must(primer_session_create(model, NULL, &talker.session, error));
    must(primer_session_sync(talker.session, ids, 30, NULL, NULL, error));
    open_reader(&reader, model, 10, 0, 2000);
    hold(model);
    assert_int_equal(pthread_create(&reading, NULL, read_on, &reader), 0);
    assert_int_equal(pthread_create(&talking, NULL, talk, &talker), 0);
    let_go(model, 2);
    pthread_join(reading, NULL);
    atomic_store(&talker.over, true);
    pthread_join(talking, NULL);
    assert_int_equal(reader.status, PRIMER_OK);
    const struct scheduler_counts after = counts_of(model);
    assert_true(after.joined_passes > 0);
    assert_true(talker.tokens > 0);
    assert_int_equal(after.longest_wait, 1);
    assert_as_alone(model, &reader);
    primer_session_free(reader.session);
    primer_session_free(talker.session);
    primer_model_free(model);
}

/* While somebody generates, a slow machine reads prompts in pieces that fit into its patience. */
static void pieces_fit_into_the_patience(void **state)
{
    (void)state;
    const struct model_maker_options long_one = {
        .type = "Q4_0", .dimension = 64, .heads = 2, .context = 1024};
    primer_model *model = fixture_open(&long_one, 2);
    static struct reader readers[2];
    open_reader(&readers[0], model, 1, 0, 400);
    open_reader(&readers[1], model, 2, 50, 51);
    struct scheduler_counts before = counts_of(model);
    model->scheduler.seconds_per_token = SCHEDULER_PATIENCE / 100; /* 100 tokens are enough */
    read_together(model, readers, 2);
    struct scheduler_counts after = counts_of(model);
    assert_int_equal(after.joined_passes, 1);
    assert_int_equal(after.joined_tokens, 101);
    assert_int_equal(after.tokens - before.tokens, 401);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(readers[i].status, PRIMER_OK);
        assert_as_alone(model, &readers[i]);
        primer_session_free(readers[i].session);
    }
    primer_model_free(model);
}

/* ---- idleness -------------------------------------------------------------------------------- */

static double processor_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void an_idle_model_uses_no_processor(void **state)
{
    (void)state;
    static const size_t threads[] = {2, 8};
    for (size_t i = 0; i < 2; i++) {
        primer_model *model = fixture_open(
            &(struct model_maker_options){.type = "Q4_0", .dimension = 64, .heads = 2}, threads[i]);
        struct client client = {.model = model, .number = 1, .prompt = 200};
        primer_session *session = NULL;
        generate(&client, client.alone);
        must(primer_session_create(model, NULL, &session, error)); /* a session that waits */
        must(primer_session_sync(session, client.alone, TOKENS, NULL, NULL, error));
        pause_for(50); /* the last spinning is over by then */
        const double before = processor_seconds();
        pause_for(1000);
        const double used = processor_seconds() - before;
        if (used > 0.02)
            fail_msg("%zu threads with nothing to do used %.3f s of a second", threads[i], used);
        primer_session_free(session);
        primer_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_as_when_alone),
        cmocka_unit_test(scoring_among_others),
        cmocka_unit_test(single_tokens_share_one_pass),
        cmocka_unit_test(prompts_share_what_single_tokens_leave),
        cmocka_unit_test(the_shortest_prompt_gets_the_room),
        cmocka_unit_test(a_failure_is_its_owners_alone),
        cmocka_unit_test(a_long_prompt_holds_nobody_up),
        cmocka_unit_test(pieces_fit_into_the_patience),
        cmocka_unit_test(an_idle_model_uses_no_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
