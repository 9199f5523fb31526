/* soak_client.c - a client tells stories: sessions that read, write, fork, are cancelled, rewound,
 * saved and restored, in random order with random settings; each step is compared at once with a
 * model of the story's own, opened for it, of one thread and without a prefix cache. */
#include "soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGINNINGS 6 /* that prompts share */
#define MOST_TAIL  60

uint64_t dice_roll(struct dice *dice)
{
    uint64_t x = dice->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

size_t dice_below(struct dice *dice, size_t count)
{
    return (size_t)(dice_roll(dice) % count);
}

bool dice_happens(struct dice *dice, unsigned percent)
{
    return dice_below(dice, 100) < percent;
}

/* ---- sessions and what they hold ------------------------------------------------------------- */

void soak_session(struct branch *branch, size_t model, const primer_session_options *options,
                  primer_session **session)
{
    pthread_rwlock_rdlock(&soak.models_lock);
    SOAK_MUST(branch, primer_session_create(soak.models[model], options, session, error));
    pthread_rwlock_unlock(&soak.models_lock);
    soak_count(SOAK_SESSIONS, 1);
}

void soak_end(primer_session *session)
{
    primer_statistics statistics;
    if (session == NULL)
        return;
    primer_session_statistics(session, &statistics);
    soak_count(SOAK_DISK_TOKENS, statistics.restored_tokens);
    primer_session_free(session);
}

primer_session *soak_alone(struct branch *branch)
{
    struct branch *b = branch;
    primer_session *session = NULL;
    primer_session_options options = b->options;
    options.chunk = 0;
    if (b->alone == NULL)
        SOAK_MUST(b,
                  primer_model_open(soak.paths[b->model],
                                    &(primer_model_options){.threads = 1, .no_prefix_cache = true},
                                    &b->alone, error));
    SOAK_MUST(b, primer_session_create(b->alone, &options, &session, error));
    return session;
}

void soak_note(struct branch *branch)
{
    const int32_t *ids = primer_session_tokens(branch->session, &branch->count);
    if (branch->count > SOAK_CONTEXT)
        soak_fail(branch, "a session holds %zu tokens, more than its context", branch->count);
    memcpy(branch->held, ids, branch->count * sizeof *ids);
}

void soak_holds(const struct branch *branch, const primer_session *session, const int32_t *ids,
                size_t count, const char *after)
{
    size_t held;
    const int32_t *there = primer_session_tokens(session, &held);
    if (held != count || memcmp(there, ids, count * sizeof *ids) != 0)
        soak_fail(branch, "after %s a session of %zu tokens holds others than the %zu expected",
                  after, held, count);
}

void soak_same_logits(struct branch *branch, const char *after)
{
    struct branch *b = branch;
    primer_session *alone = soak_alone(b);
    const size_t vocabulary = primer_model_info(b->alone)->vocabulary;
    const float *logits = primer_session_logits(b->session);
    soak_note(b);
    SOAK_MUST(b, primer_session_sync(alone, b->held, b->count, NULL, NULL, error));
    if (logits == NULL)
        soak_fail(b, "no logits after %s", after);
    if (memcmp(logits, primer_session_logits(alone), vocabulary * sizeof *logits) != 0)
        soak_fail(b, "the logits after %s of %zu tokens differ", after, b->count);
    soak_count(SOAK_LOGITS, 1);
    primer_session_free(alone);
}

void soak_hear_cancel(struct branch *branch)
{
    int32_t ids[SOAK_CONTEXT];
    size_t count;
    primer_error why;
    const int32_t *held = primer_session_tokens(branch->session, &count);
    memcpy(ids, held, count * sizeof *ids);
    soak_count(SOAK_LATE_CANCELS, 1);
    if (primer_session_sync(branch->session, ids, count, NULL, NULL, &why) != PRIMER_ECANCELED)
        soak_fail(branch, "a cancel that came after its call was lost");
    SOAK_MUST(branch, primer_session_sync(branch->session, ids, count, NULL, NULL, error));
    soak_holds(branch, branch->session, ids, count, "a late cancel");
}

/* ---- prompts --------------------------------------------------------------------------------- */

static int32_t random_id(struct dice *dice, size_t vocabulary)
{
    return (int32_t)dice_below(dice, vocabulary);
}

/* What this session is to read: a beginning that others have too, or what it holds, and a tail of
 * its own, which may repeat what came before. At most `most` tokens. */
static size_t make_prompt(struct branch *b, int32_t *ids, size_t most)
{
    struct dice *d = &b->dice;
    const size_t vocabulary = primer_model_info(primer_session_model(b->session))->vocabulary;
    size_t count = 0;
    if (b->count > 0 && dice_happens(d, 40)) {
        count = 1 + dice_below(d, b->count);
        memcpy(ids, b->held, count * sizeof *ids);
    } else if (dice_happens(d, 85)) {
        struct dice shared = {soak.seed * 31 + dice_below(d, BEGINNINGS)};
        const size_t length = 70 + dice_below(&shared, 310);
        const size_t kinds = dice_happens(&shared, 50) ? 12 : vocabulary;
        while (count < length)
            ids[count++] = random_id(&shared, kinds);
        if (dice_happens(d, 30))
            count = 1 + dice_below(d, count);
    }
    const size_t tail = 1 + dice_below(d, MOST_TAIL);
    const bool repeats = count > tail && dice_happens(d, 30);
    for (size_t i = 0; i < tail; i++, count++)
        ids[count] = repeats ? ids[count - tail] : random_id(d, vocabulary);
    return count < most ? count : most;
}

/* A cancelled prompt leaves its beginning, and can be read again. */
static void after_cancel(struct branch *b, const int32_t *ids, size_t count)
{
    size_t held;
    const int32_t *there = primer_session_tokens(b->session, &held);
    soak_count(SOAK_CANCELLED_PROMPTS, 1);
    if (held >= count || memcmp(there, ids, held * sizeof *ids) != 0)
        soak_fail(b, "a cancelled prompt of %zu tokens left %zu, not its beginning", count, held);
    SOAK_MUST(b, primer_session_sync(b->session, ids, count, NULL, NULL, error));
}

static void read_prompt(struct branch *b)
{
    int32_t ids[2 * SOAK_CONTEXT];
    primer_error why;
    const size_t context = primer_session_context(b->session);
    const size_t count = make_prompt(b, ids, context);
    const bool arm = dice_happens(&b->dice, 30);
    if (arm)
        soak_cancel_arm(&b->slot, b->session, dice_below(&b->dice, b->typical + 1));
    const uint64_t start = soak_nanoseconds();
    const primer_status status = primer_session_sync(b->session, ids, count, NULL, NULL, &why);
    const bool fired = arm && soak_cancel_disarm(&b->slot);
    if (status == PRIMER_OK && fired)
        soak_hear_cancel(b);
    else if (status == PRIMER_ECANCELED && fired)
        after_cancel(b, ids, count);
    else if (status != PRIMER_OK)
        soak_fail(b, "a prompt of %zu tokens: %s", count, why.message);
    else
        b->typical = soak_nanoseconds() - start;
    soak_holds(b, b->session, ids, count, "a prompt");
    soak_note(b);
    soak_count(SOAK_PROMPTS, 1);
    if (dice_happens(&b->dice, 40))
        soak_same_logits(b, "a prompt");
}

/* ---- what else can be done with a session ---------------------------------------------------- */

static void rewind_some(struct branch *b)
{
    const size_t count = dice_below(&b->dice, b->count + 1);
    SOAK_MUST(b, primer_session_rewind(b->session, count, error));
    soak_count(SOAK_REWINDS, 1);
    soak_holds(b, b->session, b->held, count, "a rewind");
    soak_note(b);
    if (count == 0)
        read_prompt(b);
}

/* Another session with other keys refuses what was saved. */
static void refuse(struct branch *b, const char *path)
{
    primer_session *other = NULL;
    primer_session_options options = b->options;
    primer_error why;
    options.kv_format = (primer_kv_format)((options.kv_format + 1) % 4);
    soak_session(b, b->model, &options, &other);
    if (primer_session_restore(other, path, &why) != PRIMER_EFORMAT)
        soak_fail(b, "a session of another KV format was restored");
    soak_count(SOAK_REFUSED_RESTORES, 1);
    soak_end(other);
}

static void save_and_restore(struct branch *b)
{
    char path[256];
    primer_session *saved = b->session;
    snprintf(path, sizeof path, "%s/%zu-%zu-%llx", soak.folder, b->client, b->story,
             (unsigned long long)dice_roll(&b->dice));
    SOAK_MUST(b, primer_session_save(saved, path, error));
    soak_session(b, b->model, &b->options, &b->session);
    SOAK_MUST(b, primer_session_restore(b->session, path, error));
    soak_holds(b, b->session, b->held, b->count, "restoring");
    if (dice_happens(&b->dice, 20))
        refuse(b, path);
    unlink(path);
    soak_end(saved);
    soak_count(SOAK_RESTORES, 1);
    if (dice_happens(&b->dice, 50) && primer_session_logits(b->session) != NULL)
        soak_same_logits(b, "restoring");
}

struct sum {
    double sum;
    size_t count, most; /* positions; 0: all */
};

static bool add_score(void *context, const primer_score *score)
{
    struct sum *sum = context;
    if (score->top_count > 0)
        sum->sum += score->top[0].logprob;
    if (score->next_logprob == score->next_logprob)
        sum->sum += 3 * score->next_logprob;
    return ++sum->count != sum->most;
}

static void score(struct branch *b)
{
    int32_t ids[2 * SOAK_CONTEXT];
    const size_t count = make_prompt(b, ids, primer_session_context(b->session));
    const size_t from = dice_below(&b->dice, count), top = dice_below(&b->dice, 3);
    struct sum sums[2] = {{0, 0, dice_happens(&b->dice, 20) ? count : 0}};
    primer_session *alone = soak_alone(b), *sessions[] = {b->session, alone};
    sums[1] = sums[0];
    for (size_t i = 0; i < 2; i++) {
        const primer_status status =
            primer_session_score(sessions[i], ids, count, from, top, add_score, &sums[i], NULL);
        if (status != PRIMER_OK && (status != PRIMER_ECANCELED || sums[i].count != sums[i].most))
            soak_fail(b, "a score of %zu tokens failed: %s", count, primer_status_name(status));
    }
    if (sums[0].count != sums[1].count || sums[0].sum != sums[1].sum)
        soak_fail(b, "a score of %zu tokens from %zu is %.17g, alone %.17g", count, from,
                  sums[0].sum, sums[1].sum);
    soak_count(SOAK_SCORES, 1);
    primer_session_free(alone);
    soak_note(b);
}

static void embed(struct branch *b)
{
    int32_t ids[2 * SOAK_CONTEXT];
    const size_t count = make_prompt(b, ids, primer_session_context(b->session));
    const primer_pooling pooling = dice_happens(&b->dice, 50) ? PRIMER_POOL_MEAN : PRIMER_POOL_LAST;
    primer_session *alone = soak_alone(b);
    const size_t size = primer_model_info(b->alone)->embedding;
    float *vectors = malloc(2 * size * sizeof *vectors);
    SOAK_MUST(
        b, primer_session_embed(b->session, ids, count, pooling, true, vectors, NULL, NULL, error));
    SOAK_MUST(b, primer_session_embed(alone, ids, count, pooling, true, vectors + size, NULL, NULL,
                                      error));
    if (memcmp(vectors, vectors + size, size * sizeof *vectors) != 0)
        soak_fail(b, "an embedding of %zu tokens differs", count);
    soak_count(SOAK_EMBEDDINGS, 1);
    primer_session_free(alone);
    free(vectors);
    soak_note(b);
}

static void write_some(struct branch *b)
{
    if (b->count == 0)
        read_prompt(b);
    if (dice_happens(&b->dice, 15))
        soak_write_by_hand(b);
    else
        soak_write(b);
}

static void *follow(void *branch)
{
    for (size_t i = 0; i < 2; i++)
        write_some(branch);
    return NULL;
}

/* The other branch goes on in a thread of its own, while this one writes. */
static void fork_in_two(struct branch *b)
{
    struct branch *other = calloc(1, sizeof *other);
    pthread_t thread;
    other->client = b->client;
    other->story = b->story;
    other->dice.state = dice_roll(&b->dice);
    other->model = b->model;
    other->options = b->options;
    other->typical = b->typical;
    SOAK_MUST(b, primer_session_fork(b->session, &other->session, error));
    soak_count(SOAK_FORKS, 1);
    soak_count(SOAK_SESSIONS, 1);
    soak_holds(b, other->session, b->held, b->count, "a fork");
    soak_note(other);
    soak_cancel_join(&other->slot);
    if (pthread_create(&thread, NULL, follow, other) != 0)
        soak_fail(b, "no thread for the other branch");
    write_some(b);
    pthread_join(thread, NULL);
    soak_cancel_leave(&other->slot);
    soak_end(other->session);
    primer_model_free(other->alone);
    free(other);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void choose_options(struct branch *b)
{
    static const size_t chunks[] = {0, 1, 5, 16, 17, 64, 100, 300};
    struct dice *d = &b->dice;
    primer_session_options *o = &b->options;
    o->kv_format = (primer_kv_format)dice_below(d, 4);
    o->context = dice_happens(d, 30) ? 100 + dice_below(d, 100) : SOAK_CONTEXT;
    o->chunk = chunks[dice_below(d, sizeof chunks / sizeof *chunks)];
    if (dice_happens(d, 30)) {
        o->drop_oldest = true;
        o->keep = dice_below(d, 40);
    }
    if (dice_happens(d, 10))
        o->rope_base = 20000;
    if (dice_happens(d, 10)) {
        o->self_extend_group = 2;
        o->self_extend_window = 64;
    }
}

/* The same model, or the smaller one with its vocabulary. */
static void choose_draft(struct branch *b)
{
    const bool small = b->model == 0 && dice_happens(&b->dice, 50);
    if (dice_happens(&b->dice, 40))
        soak_session(b, small ? 2 : b->model, &(primer_session_options){.context = SOAK_CONTEXT},
                     &b->draft);
}

static void tell(struct branch *b)
{
    typedef void act(struct branch *);
    static act *const acts[] = {write_some,  write_some,  write_some,       read_prompt,
                                read_prompt, fork_in_two, rewind_some,      save_and_restore,
                                score,       embed,       save_and_restore, write_some};
    choose_options(b);
    soak_session(b, b->model, &b->options, &b->session);
    choose_draft(b);
    read_prompt(b);
    for (size_t steps = dice_below(&b->dice, 6); steps > 0 && !atomic_load(&soak.over); steps--) {
        if (b->count == 0)
            read_prompt(b);
        acts[dice_below(&b->dice, sizeof acts / sizeof *acts)](b);
    }
    soak_end(b->draft);
    soak_end(b->session);
    primer_model_free(b->alone);
}

void *soak_client(void *number)
{
    const size_t client = *(const size_t *)number;
    struct branch *b = malloc(sizeof *b);
    for (size_t story = 0; !atomic_load(&soak.over); story++) {
        memset(b, 0, sizeof *b);
        b->client = client;
        b->story = story;
        b->dice.state = soak.seed * 1000003 + client * 1009 + story * 0x10001;
        b->model = dice_below(&b->dice, 2);
        b->typical = 5000000;
        soak_cancel_join(&b->slot);
        tell(b);
        soak_cancel_leave(&b->slot);
    }
    free(b);
    return NULL;
}
