/* sampler.c - from logits to the next token, in steps whose order can be changed.
 *
 *   logits -> candidates (id, logit)  -> step -> step -> ... -> softmax -> one id
 *
 * A step is a function and a row of the table. Truncating steps shorten the list; it is kept
 * sorted, best first, ties by lower id, from the first step that needs it on. Arithmetic is
 * binary64 over real.h and the random numbers are xoshiro256**: a seed gives the same text on every
 * machine.
 *
 * Sources: top-p, Holtzman et al. 2020; typical, Meister et al. 2022; min-p, Nguyen et al. 2024;
 * repetition penalty, Keskar et al. 2019; presence and frequency penalties as in OpenAI's API
 * reference.
 */
#include "engine/engine.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/real.h"

struct candidate {
    double logit, weight; /* weight: a step's scratch */
    int32_t id;
};

#define MOST_STEPS 16
enum { BUCKETS = 16384, FEW = 24 };

struct step;

struct primer_sampler {
    const primer_model *model;
    primer_sampling sampling;
    primer_logit_bias *bias; /* owned copy */
    const struct step *order[MOST_STEPS];
    size_t steps;
    struct random random;
    struct candidate *list;   /* [vocabulary] */
    struct candidate *spread; /* [vocabulary] a sort's scratch */
    size_t count;
    bool sorted;
    uint32_t *seen; /* [vocabulary] occurrences in the window; zero between calls */
};

struct step {
    const char *name;
    void (*apply)(primer_sampler *sampler, const int32_t *ids, size_t count);
};

primer_sampling primer_sampling_default(void)
{
    return (primer_sampling){.temperature = 0.8f,
                             .top_k = 40,
                             .top_p = 0.95f,
                             .min_p = 0.05f,
                             .typical_p = 1,
                             .repeat_penalty = 1,
                             .penalty_window = 64};
}

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

/* Sinks list[at] in a heap with the last in order on top. */
static void sink(struct candidate *list, size_t size, size_t at)
{
    const struct candidate moved = list[at];
    for (size_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(&list[child], &list[child + 1]))
            child++;
        if (!before(&moved, &list[child]))
            break;
        list[at] = list[child];
    }
    list[at] = moved;
}

static void heap_sort(struct candidate *list, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sink(list, count, i);
    for (size_t end = count; end-- > 1;) {
        const struct candidate last = list[0];
        list[0] = list[end];
        list[end] = last;
        sink(list, end, 0);
    }
}

static void insertion_sort(struct candidate *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct candidate moved = list[i];
        size_t at = i;
        for (; at > 0 && before(&moved, &list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

/* Which of the BUCKETS a logit falls into: never a later one than a smaller logit's. */
static size_t bucket_of(double logit, double most, double scale)
{
    const double place = (most - logit) * scale;
    return place < BUCKETS - 1 ? (size_t)place : BUCKETS - 1; /* minus infinity: the last */
}

/* The same order as heap_sort's, in far fewer steps where the list is long: logits are spread over
 * buckets by their distance to the largest, and each bucket is sorted. */
static void bucket_sort(primer_sampler *s)
{
    uint32_t starts[BUCKETS + 1] = {0};
    double most = s->list[0].logit, sum = 0, finite = 0;
    for (size_t i = 0; i < s->count; i++)
        most = fmax(most, s->list[i].logit);
    for (size_t i = 0; i < s->count; i++)
        if (isfinite(s->list[i].logit)) {
            sum += most - s->list[i].logit;
            finite++;
        }
    /* Four times the mean distance covers nearly all; the last bucket takes what is beyond. */
    const double scale = sum > 0 ? BUCKETS * finite / (4 * sum) : 0;
    if (!isfinite(scale) || scale == 0) {
        heap_sort(s->list, s->count);
        return;
    }
    for (size_t i = 0; i < s->count; i++)
        starts[bucket_of(s->list[i].logit, most, scale) + 1]++;
    for (size_t b = 0; b < BUCKETS; b++)
        starts[b + 1] += starts[b];
    for (size_t i = 0; i < s->count; i++)
        s->spread[starts[bucket_of(s->list[i].logit, most, scale)]++] = s->list[i];
    for (size_t b = 0, from = 0; b < BUCKETS; from = starts[b++])
        if (starts[b] - from <= FEW)
            insertion_sort(s->spread + from, starts[b] - from);
        else
            heap_sort(s->spread + from, starts[b] - from);
    memcpy(s->list, s->spread, s->count * sizeof *s->list);
}

static void sort(primer_sampler *s)
{
    if (!s->sorted && s->count > 1024)
        bucket_sort(s);
    else if (!s->sorted)
        heap_sort(s->list, s->count);
    s->sorted = true;
}

/* Keeps the first `wanted` in order, without sorting the rest. */
static void keep_best(primer_sampler *s, size_t wanted)
{
    if (wanted >= s->count)
        return;
    if (!s->sorted) {
        for (size_t i = wanted / 2; i-- > 0;)
            sink(s->list, wanted, i);
        for (size_t i = wanted; i < s->count; i++)
            if (before(&s->list[i], &s->list[0])) {
                s->list[0] = s->list[i];
                sink(s->list, wanted, 0);
            }
        heap_sort(s->list, wanted);
        s->sorted = true;
    }
    s->count = wanted;
}

/* Softmax of the list into `weight`; the list must be sorted. */
static void weigh(primer_sampler *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += s->list[i].weight = real_exp(s->list[i].logit - s->list[0].logit);
    for (size_t i = 0; i < s->count; i++)
        s->list[i].weight /= sum;
}

static void apply_penalties(primer_sampler *s, const int32_t *ids, size_t count)
{
    const primer_sampling *o = &s->sampling;
    if (o->repeat_penalty == 1 && o->presence_penalty == 0 && o->frequency_penalty == 0)
        return;
    const size_t window =
        o->penalty_window == 0 || o->penalty_window > count ? count : o->penalty_window;
    for (size_t i = count - window; i < count; i++)
        s->seen[ids[i]]++;
    for (size_t i = 0; i < s->count; i++) {
        struct candidate *c = &s->list[i];
        const double times = s->seen[c->id];
        if (times == 0)
            continue;
        c->logit = c->logit > 0 ? c->logit / (double)o->repeat_penalty
                                : c->logit * (double)o->repeat_penalty;
        c->logit -= (double)o->presence_penalty + times * (double)o->frequency_penalty;
    }
    for (size_t i = count - window; i < count; i++)
        s->seen[ids[i]] = 0;
    s->sorted = false;
}

static void apply_bias(primer_sampler *s, const int32_t *ids, size_t count)
{
    (void)ids, (void)count;
    for (size_t b = 0; b < s->sampling.bias_count; b++)
        for (size_t i = 0; i < s->count; i++)
            if (s->list[i].id == s->bias[b].id) {
                s->list[i].logit += (double)s->bias[b].bias;
                s->sorted = false;
                break;
            }
}

static void apply_top_k(primer_sampler *s, const int32_t *ids, size_t count)
{
    (void)ids, (void)count;
    if (s->sampling.top_k != 0)
        keep_best(s, s->sampling.top_k);
}

static void apply_top_p(primer_sampler *s, const int32_t *ids, size_t count)
{
    (void)ids, (void)count;
    double sum = 0;
    size_t kept = 0;
    if (s->sampling.top_p >= 1)
        return;
    sort(s);
    weigh(s);
    while (kept < s->count && (kept == 0 || sum < (double)s->sampling.top_p))
        sum += s->list[kept++].weight;
    s->count = kept;
}

static void apply_min_p(primer_sampler *s, const int32_t *ids, size_t count)
{
    (void)ids, (void)count;
    size_t kept = 1;
    if (s->sampling.min_p <= 0)
        return;
    sort(s);
    const double least = s->list[0].logit + real_log((double)s->sampling.min_p);
    while (kept < s->count && s->list[kept].logit >= least)
        kept++;
    s->count = kept;
}

/* Keeps the candidates whose surprise is nearest to the entropy, until they hold typical_p. */
static void apply_typical(primer_sampler *s, const int32_t *ids, size_t count)
{
    (void)ids, (void)count;
    double entropy = 0, sum = 0;
    size_t kept = 0;
    if (s->sampling.typical_p >= 1)
        return;
    sort(s);
    weigh(s);
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].weight > 0)
            entropy -= s->list[i].weight * real_log(s->list[i].weight);
    for (size_t i = 0; i < s->count;
         i++) { /* order by distance: swap roles of logit and weight for the sort */
        struct candidate *c = &s->list[i];
        const double p = c->weight, distance = p > 0 ? fabs(-real_log(p) - entropy) : HUGE_VAL;
        c->weight = c->logit;
        c->logit = -distance;
    }
    heap_sort(s->list, s->count);
    for (size_t i = 0; i < s->count; i++)
        s->list[i].logit = s->list[i].weight;
    double most = s->list[0].logit, total = 0;
    for (size_t i = 0; i < s->count; i++)
        most = s->list[i].logit > most ? s->list[i].logit : most;
    for (size_t i = 0; i < s->count; i++)
        total += s->list[i].weight = real_exp(s->list[i].logit - most);
    while (kept < s->count && (kept == 0 || sum < (double)s->sampling.typical_p * total))
        sum += s->list[kept++].weight;
    s->count = kept;
    s->sorted = false;
}

static void apply_temperature(primer_sampler *s, const int32_t *ids, size_t count)
{
    (void)ids, (void)count;
    for (size_t i = 0; i < s->count; i++)
        s->list[i].logit /= (double)s->sampling.temperature;
}

static const struct step steps[] = {
    {"penalties", apply_penalties},     {"bias", apply_bias},   {"top_k", apply_top_k},
    {"typical_p", apply_typical},       {"top_p", apply_top_p}, {"min_p", apply_min_p},
    {"temperature", apply_temperature},
};
#define STEPS (sizeof steps / sizeof *steps)

static primer_status parse_order(primer_sampler *s, const char *order, primer_error *error)
{
    if (order == NULL)
        order = "penalties,bias,top_k,typical_p,top_p,min_p,temperature";
    while (*order != '\0') {
        const size_t length = strcspn(order, ",");
        size_t i = 0;
        while (i < STEPS &&
               (strlen(steps[i].name) != length || memcmp(steps[i].name, order, length) != 0))
            i++;
        if (i == STEPS)
            return error_set(error, PRIMER_EINVAL,
                             "sampling order: unknown step \"%.*s\", expected penalties, bias, "
                             "top_k, typical_p, "
                             "top_p, min_p or temperature",
                             (int)length, order);
        if (s->steps == MOST_STEPS)
            return error_set(error, PRIMER_ELIMIT, "sampling order: more than %d steps",
                             MOST_STEPS);
        s->order[s->steps++] = &steps[i];
        order += length + (order[length] == ',');
    }
    return PRIMER_OK;
}

static primer_status check_range(const char *name, float value, float least, float most,
                                 primer_error *error)
{
    if (value >= least && value <= most)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL, "sampling: %s is %g, expected %g to %g", name,
                     (double)value, (double)least, (double)most);
}

static primer_status check_sampling(const primer_model *model, const primer_sampling *o,
                                    primer_error *error)
{
    const size_t vocabulary = model->information.vocabulary;
    FORWARD(check_range("temperature", o->temperature, 0, 1000, error));
    FORWARD(check_range("top_p", o->top_p, 0, 1, error));
    FORWARD(check_range("min_p", o->min_p, 0, 1, error));
    FORWARD(check_range("typical_p", o->typical_p, 0, 1, error));
    FORWARD(check_range("repeat_penalty", o->repeat_penalty, 1e-6f, 1000, error));
    FORWARD(check_range("presence_penalty", o->presence_penalty, -1000, 1000, error));
    FORWARD(check_range("frequency_penalty", o->frequency_penalty, -1000, 1000, error));
    for (size_t i = 0; i < o->bias_count; i++) {
        if (o->bias[i].id < 0 || (size_t)o->bias[i].id >= vocabulary)
            return error_set(error, PRIMER_EINVAL,
                             "sampling: logit bias for token %d, expected 0 to %zu", o->bias[i].id,
                             vocabulary - 1);
        if (o->bias[i].bias != o->bias[i].bias || o->bias[i].bias == INFINITY)
            return error_set(error, PRIMER_EINVAL,
                             "sampling: the logit bias of token %d is %g, expected a finite "
                             "number or -inf",
                             o->bias[i].id, (double)o->bias[i].bias);
    }
    return PRIMER_OK;
}

/* Something must be left to be chosen. Uses and clears `seen`. */
static primer_status check_choice(primer_sampler *s, primer_error *error)
{
    const size_t vocabulary = s->model->information.vocabulary;
    size_t forbidden = 0;
    for (size_t i = 0; i < s->sampling.bias_count; i++)
        if (s->bias[i].bias == -INFINITY && s->seen[s->bias[i].id]++ == 0)
            forbidden++;
    memset(s->seen, 0, vocabulary * sizeof *s->seen);
    if (forbidden < vocabulary)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL,
                     "sampling: the logit biases forbid all %zu tokens, nothing is left to choose",
                     vocabulary);
}

primer_status primer_sampler_create(const primer_model *model, const primer_sampling *sampling,
                                    primer_sampler **sampler, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t vocabulary = model->information.vocabulary;
    primer_sampler *s = memory_allocate(1, sizeof *s);
    if (s == NULL)
        return memory_failure(error, "a sampler", sizeof *s);
    s->model = model;
    s->sampling = sampling != NULL ? *sampling : primer_sampling_default();
    TRY(check_sampling(model, &s->sampling, error));
    TRY(parse_order(s, s->sampling.order, error));
    s->list = memory_allocate(vocabulary, sizeof *s->list);
    s->spread = memory_allocate(vocabulary, sizeof *s->spread);
    s->seen = memory_allocate(vocabulary, sizeof *s->seen);
    s->bias = memory_allocate(s->sampling.bias_count, sizeof *s->bias);
    if (s->list == NULL || s->spread == NULL || s->seen == NULL || s->bias == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a sampler over %zu tokens", vocabulary);
    if (s->sampling.bias_count != 0)
        memcpy(s->bias, s->sampling.bias, s->sampling.bias_count * sizeof *s->bias);
    s->sampling.bias = s->bias;
    s->sampling.order = NULL;
    TRY(check_choice(s, error));
    random_seed(&s->random, s->sampling.seed);
    *sampler = s;
    s = NULL;
cleanup:
    primer_sampler_free(s);
    return status;
}

void primer_sampler_free(primer_sampler *sampler)
{
    if (sampler == NULL)
        return;
    memory_free(sampler->list);
    memory_free(sampler->spread);
    memory_free(sampler->seen);
    memory_free(sampler->bias);
    memory_free(sampler);
}

static int32_t choose(primer_sampler *s)
{
    sort(s);
    weigh(s);
    double left = random_unit(&s->random);
    size_t i = 0;
    while (i + 1 < s->count && left >= s->list[i].weight)
        left -= s->list[i++].weight;
    return s->list[i].id;
}

/* Its place in the list. */
static size_t most_probable(const primer_sampler *s)
{
    size_t best = 0;
    for (size_t i = 1; i < s->count && !s->sorted; i++)
        if (before(&s->list[i], &s->list[best]))
            best = i;
    return best;
}

/* The candidates in order of their ids. */
static void list_candidates(primer_sampler *s, const float *logits, const uint64_t *allowed)
{
    size_t vocabulary = s->model->information.vocabulary;
    const size_t tokens = tokenizer_vocabulary(s->model->tokenizer);
    if (allowed != NULL && tokens < vocabulary) /* rows of the matrix that are no tokens */
        vocabulary = tokens;
    s->count = 0;
    s->sorted = false;
    for (size_t i = 0; i < vocabulary; i++)
        if (allowed == NULL || (allowed[i / 64] >> (i % 64) & 1) != 0)
            s->list[s->count++] = (struct candidate){(double)logits[i], 0, (int32_t)i};
}

primer_status primer_sampler_next(primer_sampler *sampler, const primer_session *session,
                                  int32_t *id, primer_error *error)
{
    return sampler_next_allowed(sampler, session, NULL, id, error);
}

primer_status sampler_next_allowed(primer_sampler *sampler, const primer_session *session,
                                   const uint64_t *allowed, int32_t *id, primer_error *error)
{
    primer_sampler *s = sampler;
    if (session->model != s->model)
        return error_set(error, PRIMER_EINVAL, "the sampler was made for another model");
    if (!session->logits_valid)
        return error_set(error, PRIMER_EINVAL, "the session has no logits: nothing was read yet");
    list_candidates(s, session->logits, allowed);
    const bool greedy = s->sampling.temperature == 0;
    for (size_t i = 0; i < s->steps && s->count > 0; i++)
        if (!greedy || s->order[i]->apply == apply_penalties || s->order[i]->apply == apply_bias)
            s->order[i]->apply(s, session->ids, session->count);
    if (s->count == 0 || s->list[most_probable(s)].logit == -INFINITY)
        return error_set(error, PRIMER_EINVAL,
                         "nothing is left to choose: the logit biases forbid all that the "
                         "constraint, and the samplers before them, leave");
    *id = greedy ? s->list[most_probable(s)].id : choose(s);
    return PRIMER_OK;
}
