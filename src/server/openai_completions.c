/* openai_completions.c - POST /v1/completions: texts that go on, and the probabilities of given
 * ones.
 *
 *   {"id", "object": "text_completion", "created", "model", "choices": [{"text", "index",
 *    "logprobs": {"tokens", "token_logprobs", "top_logprobs", "text_offset"} or null,
 *    "finish_reason"}], "usage", "timings", "warnings"?}
 *
 * With `echo` the prompt is part of the text, and with `logprobs` each of its tokens is rated: the
 * engine's rows of logits are reduced at once to what is asked for. Choice i of prompt p has the
 * index p * n + i. Several prompts are answered side by side, so that the engine joins them.
 */
#include "server/endpoints.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "server/server_collect.h"
#include "server/openai_completion.h"
#include "server/openai_constraint.h"
#include "server/openai_write.h"
#include "server/state.h"

enum { DEFAULT_TOKENS = 16, LOGPROBS_MOST = 20, LANES_MOST = 64 };

/* ---- the request ----------------------------------------------------------------------------- */

/* Marks of models that can fill a gap, in the order prefix, suffix, middle. */
static const char *const fill_marks[][3] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
    {"\xE2\x96\x81<PRE>", "\xE2\x96\x81<SUF>", "\xE2\x96\x81<MID>"},
    {"<PRE>", "<SUF>", "<MID>"},
};

/* prefix mark, prompt, suffix mark, suffix, middle mark; from what follows on the model fills
 * in. A token that begins texts stays first. */
static primer_status surround(struct openai_prompt *prompt, int32_t bos, const int32_t marks[3],
                              const int32_t *suffix, size_t suffix_count, primer_error *error)
{
    const size_t count = prompt->count + suffix_count + 3;
    int32_t *ids = memory_allocate(count, sizeof *ids);
    if (ids == NULL)
        return memory_failure(error, "a prompt", count * sizeof *ids);
    const size_t begins = bos >= 0 && prompt->count > 0 && prompt->ids[0] == bos;
    if (begins > 0)
        ids[0] = bos;
    ids[begins] = marks[0];
    memcpy(ids + begins + 1, prompt->ids + begins, (prompt->count - begins) * sizeof *ids);
    ids[prompt->count + 1] = marks[1];
    if (suffix_count > 0)
        memcpy(ids + prompt->count + 2, suffix, suffix_count * sizeof *ids);
    ids[count - 1] = marks[2];
    primer_free(prompt->ids);
    prompt->ids = ids;
    prompt->count = count;
    return PRIMER_OK;
}

static primer_status read_suffix(struct openai_completion *c, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const primer_model *model = c->request.use.model;
    const char *suffix = NULL;
    int32_t *ids = NULL, marks[3] = {-1, -1, -1};
    size_t count = 0;
    TRY(fields_text(&c->request.fields, "suffix", &suffix, error));
    if (suffix == NULL || *suffix == '\0')
        return PRIMER_OK;
    for (size_t i = 0; i < sizeof fill_marks / sizeof fill_marks[0] && marks[2] < 0; i++)
        for (size_t j = 0; j < 3; j++)
            marks[j] = primer_token_find(model, fill_marks[i][j], strlen(fill_marks[i][j]));
    if (marks[0] < 0 || marks[1] < 0 || marks[2] < 0)
        return fields_wrong(&c->request.fields, "suffix", error,
                            "this model has no tokens for filling a gap");
    TRY(primer_tokenize(model, suffix, strlen(suffix), PRIMER_TEXT_CONTINUE, &ids, &count, error));
    for (size_t i = 0; i < c->prompts.count; i++)
        TRY(surround(&c->prompts.list[i], primer_token_bos(model), marks, ids, count, error));

cleanup:
    primer_free(ids);
    return status;
}

static primer_status read_logprobs(struct openai_completion *c, primer_error *error)
{
    struct openai_request *r = &c->request;
    const json_t *given = fields_any(&r->fields, "logprobs");
    if (json_is_boolean(given)) { /* what some clients of chats send */
        r->answer.logprobs = json_is_true(given);
        return PRIMER_OK;
    }
    FORWARD(fields_size(&r->fields, "logprobs", 0, LOGPROBS_MOST, &r->answer.top_logprobs, error));
    r->answer.logprobs = given != NULL;
    return PRIMER_OK;
}

static primer_status read_count(struct openai_completion *c, primer_error *error)
{
    struct openai_request *r = &c->request;
    c->wanted = r->answer.choices;
    size_t best = c->wanted;
    FORWARD(fields_size(&r->fields, "best_of", 1, ANSWER_CHOICES_MOST, &best, error));
    if (best < c->wanted)
        return fields_wrong(&r->fields, "best_of", error, "expected at least n = %zu, found %zu",
                            c->wanted, best);
    if (best > c->wanted && r->stream)
        return fields_wrong(&r->fields, "best_of", error,
                            "can't be chosen from while they are streamed");
    r->answer.choices = best;
    if (c->prompts.count > OPENAI_PROMPTS_MOST / c->wanted)
        return fields_wrong(&r->fields, "n", error, "too many answers to one request");
    return PRIMER_OK;
}

static primer_status read_request(struct openai_completion *c, primer_error *error)
{
    struct openai_request *r = &c->request;
    const char *suffix = json_string_value(json_object_get(r->fields.object, "suffix"));
    const bool gap = suffix != NULL && *suffix != '\0';
    const unsigned flags =
        PRIMER_TEXT_BOS | (gap ? PRIMER_TEXT_CONTINUE : PRIMER_TEXT_SPECIAL); /* as in Ollama's */
    FORWARD(openai_prompt_list_read(&c->prompts, &r->fields, "prompt", r->use.model, flags, error));
    if (c->prompts.count == 0)
        return fields_wrong(&r->fields, "prompt", error,
                            "expected a text, tokens, or an array of them, found nothing");
    FORWARD(fields_bool(&r->fields, "echo", &c->echo, error));
    FORWARD(read_logprobs(c, error));
    FORWARD(read_count(c, error));
    if (r->max_tokens < 0 && fields_any(&r->fields, "max_tokens") == NULL)
        r->max_tokens = DEFAULT_TOKENS;
    if (r->max_tokens == 0 && !c->echo)
        return fields_wrong(&r->fields, "max_tokens", error,
                            "0 makes sense only together with \"echo\": true");
    r->answer.max_tokens = r->max_tokens < 0 ? 0 : (size_t)r->max_tokens;
    if (c->echo && json_object_get(r->fields.object, "suffix") != NULL &&
        !json_is_null(json_object_get(r->fields.object, "suffix")))
        return fields_wrong(&r->fields, "echo", error, "can't go together with a suffix");
    FORWARD(read_suffix(c, error));
    FORWARD(openai_constraint_format(r, error));
    return openai_request_warn(r, error);
}

/* ---- whole answers --------------------------------------------------------------------------- */

static void add_usage(struct answer_usage *sum, const struct answer_usage *usage)
{
    sum->prompt_tokens += usage->prompt_tokens;
    sum->cached_tokens += usage->cached_tokens;
    sum->answer_tokens += usage->answer_tokens;
    sum->drafted_tokens += usage->drafted_tokens;
    sum->accepted_tokens += usage->accepted_tokens;
    sum->prompt_seconds += usage->prompt_seconds;
    sum->generate_seconds += usage->generate_seconds;
    sum->queue_seconds = usage->queue_seconds;
    sum->load_seconds = usage->load_seconds;
}

static double mean_logprob(const struct collected_choice *choice)
{
    double sum = 0;
    for (size_t i = 0; i < choice->token_count; i++)
        sum += choice->tokens[i].logprob;
    return choice->token_count > 0 ? sum / (double)choice->token_count : -INFINITY;
}

/* The indices of the choices, the likeliest first where there are more than wanted. */
static void rank(const struct openai_completion *c, const struct collected *collected,
                 size_t order[ANSWER_CHOICES_MOST])
{
    const size_t made = c->request.answer.choices;
    for (size_t i = 0; i < made; i++)
        order[i] = i;
    for (size_t i = 1; made > c->wanted && i < made; i++)
        for (size_t j = i; j > 0 && mean_logprob(&collected->choices[order[j]]) >
                                        mean_logprob(&collected->choices[order[j - 1]]);
             j--) {
            const size_t swap = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swap;
        }
}

static primer_status write_choices(struct openai_completion *c, size_t prompt,
                                   const struct collected *collected,
                                   const struct openai_rating *rating, primer_error *error)
{
    size_t order[ANSWER_CHOICES_MOST];
    rank(c, collected, order);
    for (size_t i = 0; i < c->wanted; i++) {
        const size_t index = prompt * c->wanted + i;
        FORWARD(buffer_format(&c->text, error, "%s{\"index\":%zu,", index > 0 ? "," : "", index));
        FORWARD(openai_completion_choice(c, prompt, rating, &collected->choices[order[i]], &c->text,
                                         error));
        FORWARD(buffer_text(&c->text, "}", error));
    }
    return PRIMER_OK;
}

static primer_status generate(struct openai_completion *c, size_t prompt,
                              struct collected *collected, struct answer_usage *usage,
                              primer_error *error)
{
    struct answer_request *answer = &c->request.answer;
    answer->ids = c->prompts.list[prompt].ids;
    answer->count = c->prompts.list[prompt].count;
    collected->keep_tokens = answer->logprobs || answer->choices > c->wanted;
    const bool logprobs = answer->logprobs;
    answer->logprobs = collected->keep_tokens;
    primer_status status = server_answer_run(c->request.exchange, answer, server_collect_sink,
                                             collected, usage, error);
    answer->logprobs = logprobs;
    if (collected->status != PRIMER_OK)
        status = error_set(error, collected->status, "no memory for an answer");
    return status;
}

static primer_status answer_prompt(struct openai_completion *c, size_t prompt, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct openai_rating rating = {0};
    struct answer_usage usage = {.prompt_tokens = c->prompts.list[prompt].count};
    struct collected *collected = memory_allocate(1, sizeof *collected);
    if (collected == NULL)
        return memory_failure(error, "an answer", sizeof *collected);
    if (c->echo && c->request.answer.logprobs)
        TRY(openai_completion_rate(c, prompt, &rating, error));
    if (!openai_completion_known(c, prompt, &rating, collected, &usage))
        TRY(generate(c, prompt, collected, &usage, error));
    TRY(write_choices(c, prompt, collected, &rating, error));
    add_usage(&c->usage, &usage);

cleanup:
    openai_completion_rating_free(&rating);
    server_collect_free(collected);
    memory_free(collected);
    return status;
}

/* ---- several prompts, side by side ----------------------------------------------------------- */

struct answered {
    struct buffer text; /* its choices */
    struct answer_usage usage;
    primer_status status;
    primer_error error;
};

struct lanes {
    const struct openai_completion *completion;
    struct answered *answers; /* [prompts.count]; each is one lane's */
    atomic_size_t next;       /* the first prompt that nobody has taken */
    atomic_bool failed;
};

static void *run_lane(void *context)
{
    struct lanes *lanes = context;
    struct openai_completion own = *lanes->completion;
    const size_t count = own.prompts.count;
    size_t i;
    while (!atomic_load(&lanes->failed) && (i = atomic_fetch_add(&lanes->next, 1)) < count) {
        struct answered *answered = &lanes->answers[i];
        own.text = (struct buffer){0};
        own.usage = (struct answer_usage){0};
        answered->status = answer_prompt(&own, i, &answered->error);
        answered->text = own.text;
        answered->usage = own.usage;
        if (answered->status != PRIMER_OK)
            atomic_store(&lanes->failed, true);
    }
    return NULL;
}

/* As many as answers may run at once, each prompt's choices counted; one where a prompt will be
 * refused, since a request has one place for what is wrong with it. */
static size_t lane_count(const struct openai_completion *c)
{
    const size_t parallel = exchange_server(c->request.exchange)->options.parallel;
    const size_t each = c->request.answer.choices > 1 ? c->request.answer.choices : 1;
    const size_t fits = parallel > each ? parallel / each : 1;
    const size_t most = fits < LANES_MOST ? fits : LANES_MOST;
    for (size_t i = 0; i < c->prompts.count; i++) {
        const size_t count = c->prompts.list[i].count;
        if (count == 0 || count >= c->request.answer.session.context)
            return 1;
    }
    return c->prompts.count < most ? c->prompts.count : most;
}

static void run_lanes(struct lanes *lanes, size_t count)
{
    pthread_t threads[LANES_MOST];
    size_t started = 0;
    while (started + 1 < count && pthread_create(&threads[started], NULL, run_lane, lanes) == 0)
        started++;
    run_lane(lanes);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

static primer_status answer_prompts(struct openai_completion *c, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t count = c->prompts.count;
    struct lanes lanes = {.completion = c,
                          .answers = memory_allocate(count, sizeof *lanes.answers)};
    if (lanes.answers == NULL)
        return memory_failure(error, "answers", count * sizeof *lanes.answers);
    run_lanes(&lanes, lane_count(c));
    for (size_t i = 0; i < count; i++) { /* the first that failed says why */
        struct answered *answered = &lanes.answers[i];
        if (answered->status != PRIMER_OK) {
            *error = answered->error;
            status = answered->status;
            break;
        }
    }
    for (size_t i = 0; i < count && status == PRIMER_OK; i++) {
        status = buffer_append(&c->text, lanes.answers[i].text.bytes, lanes.answers[i].text.length,
                               error);
        add_usage(&c->usage, &lanes.answers[i].usage);
    }
    for (size_t i = 0; i < count; i++)
        buffer_free(&lanes.answers[i].text);
    memory_free(lanes.answers);
    return status;
}

static primer_status answer_whole(struct openai_completion *c, primer_error *error)
{
    const struct openai_request *r = &c->request;
    FORWARD(buffer_format(&c->text, error,
                          "{\"id\":\"%s\",\"object\":\"text_completion\","
                          "\"created\":%lld,\"model\":",
                          r->id, (long long)r->created));
    FORWARD(buffer_json_string(&c->text, r->name, strlen(r->name), error));
    FORWARD(buffer_text(&c->text, ",\"system_fingerprint\":\"fp_primer\",\"choices\":[", error));
    FORWARD(answer_prompts(c, error));
    FORWARD(buffer_text(&c->text, "],", error));
    FORWARD(openai_write_usage(&c->text, &c->usage, error));
    FORWARD(buffer_text(&c->text, ",", error));
    FORWARD(openai_write_timings(&c->text, &c->usage, error));
    FORWARD(openai_write_warnings(&c->text, r->warnings, error));
    FORWARD(buffer_text(&c->text, "}", error));
    exchange_set_usage(r->exchange, c->usage.prompt_tokens, c->usage.answer_tokens);
    return exchange_answer(r->exchange, 200, "application/json; charset=utf-8", c->text.bytes,
                           c->text.length, error);
}

primer_status openai_completions(struct exchange *exchange, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct openai_completion c = {.echo = false};
    TRY(openai_request_open(&c.request, exchange, "cmpl", error));
    TRY(read_request(&c, error));
    status = c.request.stream ? openai_completion_stream(&c, error) : answer_whole(&c, error);

cleanup:
    openai_prompt_list_free(&c.prompts);
    buffer_free(&c.text);
    openai_request_close(&c.request);
    return status;
}
