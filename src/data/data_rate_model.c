/* data_rate_model.c - a language model as the rater. Declared in data_rate.h.
 *
 *   rubric, sample, "Rating:"  -> logits ->  p("0") ... p("5")     nothing is sampled
 *
 * As the user's turn of a conversation where the model's file has a template, else as a text to go
 * on with. A digit may follow a blank or not: both tokens count. The rating is the most probable
 * digit, the expected value the mean over the six. Where a sample doesn't fit the context its later
 * lines are left out.
 */
#include "data/data_rate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/real.h"
#include "base/utf8.h"
#include "data/data_rate_file.h"
#include "primer_chat.h"

#define CONTEXT 4096 /* tokens at most, where the model has more */
#define DIGITS  (DATA_RATE_MOST + 1)

struct model_rater {
    primer_model *model;
    primer_session *session;
    primer_chat_format *format; /* NULL: the file has none */
    char *rubric, *name;
    int32_t digits[2 * DIGITS]; /* "0", " 0", "1", ...; -1: no token of its own */
    struct buffer text, json;
};

static void free_model(void *context)
{
    struct model_rater *const rater = context;
    primer_chat_format_free(rater->format);
    primer_session_free(rater->session);
    primer_model_free(rater->model);
    buffer_free(&rater->text);
    buffer_free(&rater->json);
    memory_free(rater->rubric);
    memory_free(rater->name);
    memory_free(rater);
}

static primer_status find_digits(struct model_rater *rater, const char *path, primer_error *error)
{
    bool whole = true;
    for (size_t i = 0; i < 2 * DIGITS; i++) {
        const char text[] = {' ', (char)('0' + i / 2), '\0'};
        int32_t *ids = NULL;
        size_t count = 0;
        FORWARD(primer_tokenize(rater->model, i % 2 == 0 ? text + 1 : text, i % 2 == 0 ? 1 : 2,
                                PRIMER_TEXT_CONTINUE, &ids, &count, error));
        rater->digits[i] = count == 1 ? ids[0] : -1;
        primer_free(ids);
    }
    for (size_t i = 0; i < DIGITS; i++)
        whole = whole && (rater->digits[2 * i] >= 0 || rater->digits[2 * i + 1] >= 0);
    return whole ? PRIMER_OK
                 : error_set(error, PRIMER_EUNSUPPORTED,
                             "%s: its vocabulary has no token for each of the digits 0 to %d", path,
                             DATA_RATE_MOST);
}

/* NUL becomes U+FFFD, as a conversation can't hold it. */
static primer_status append_sample(struct buffer *out, const char *text, size_t length,
                                   primer_error *error)
{
    while (length > 0) {
        const char *const nul = memchr(text, '\0', length);
        const size_t run = nul == NULL ? length : (size_t)(nul - text);
        FORWARD(buffer_append(out, text, run, error));
        if (nul == NULL)
            return PRIMER_OK;
        FORWARD(buffer_text(out, "\xEF\xBF\xBD", error));
        text += run + 1;
        length -= run + 1;
    }
    return PRIMER_OK;
}

/* The prompt's tokens with the first `length` bytes of the sample. */
static primer_status prompt_tokens(struct model_rater *rater, const struct data_rate_sample *sample,
                                   size_t length, int32_t **ids, size_t *count, primer_error *error)
{
    buffer_clear(&rater->text);
    buffer_clear(&rater->json);
    FORWARD(buffer_format(&rater->text, error, "%s\n\nThe piece:\n\n```\n", rater->rubric));
    FORWARD(append_sample(&rater->text, sample->text, length, error));
    FORWARD(buffer_format(&rater->text, error, "\n```\n\n%s",
                          rater->format == NULL ? "The rating, a digit from 0 to 5.\nRating:"
                                                : "Answer with the rating alone, a digit from 0 "
                                                  "to 5."));
    if (rater->format == NULL)
        return primer_tokenize(rater->model, rater->text.bytes, rater->text.length, PRIMER_TEXT_BOS,
                               ids, count, error);
    FORWARD(buffer_text(&rater->json, "{\"messages\":[{\"role\":\"user\",\"content\":", error));
    FORWARD(buffer_json_string(&rater->json, rater->text.bytes, rater->text.length, error));
    FORWARD(buffer_text(&rater->json, "}]}", error));
    return primer_chat_json_tokens(rater->model, rater->format, rater->json.bytes,
                                   rater->json.length, PRIMER_CHAT_ANSWER, ids, count, error);
}

/* Tokens that fit; the sample's later half goes until they do. */
static primer_status fit_prompt(struct model_rater *rater, const struct data_rate_sample *sample,
                                int32_t **ids, size_t *count, primer_error *error)
{
    const size_t most = primer_session_context(rater->session) - 1;
    for (size_t length = sample->length;;) {
        FORWARD(prompt_tokens(rater, sample, length, ids, count, error));
        if (*count <= most)
            return PRIMER_OK;
        primer_free(*ids);
        *ids = NULL;
        if (length == 0)
            return error_set(error, PRIMER_ELIMIT,
                             "the rubric alone has %zu tokens, the context room for %zu", *count,
                             most);
        length = utf8_complete(sample->text, length / 2);
    }
}

static void judge(const struct model_rater *rater, struct data_rate_verdict *verdict)
{
    double chance[DIGITS] = {0}, sum = 0, mean = 0;
    size_t best = 0;
    for (size_t i = 0; i < 2 * DIGITS; i++)
        if (rater->digits[i] >= 0 && (i % 2 == 0 || rater->digits[i] != rater->digits[i - 1]))
            chance[i / 2] += real_exp(primer_session_logprob(rater->session, rater->digits[i]));
    for (size_t i = 0; i < DIGITS; i++) {
        sum += chance[i];
        mean += (double)i * chance[i];
        if (chance[i] > chance[best])
            best = i;
    }
    *verdict = (struct data_rate_verdict){
        .kind = DATA_RATE_RATED, .rating = (double)best, .expected = sum > 0 ? mean / sum : -1};
}

static primer_status rate_by_model(void *context, const struct data_rate_sample *sample,
                                   size_t number, size_t count, struct data_rate_verdict *verdict,
                                   primer_error *error)
{
    struct model_rater *const rater = context;
    int32_t *ids = NULL;
    size_t length = 0;
    (void)number;
    (void)count;
    primer_status status = fit_prompt(rater, sample, &ids, &length, error);
    if (status == PRIMER_OK)
        status = primer_session_sync(rater->session, ids, length, NULL, NULL, error);
    primer_free(ids);
    if (status != PRIMER_OK) {
        error_prefix(error, "%s:%" PRIu64, sample->path, sample->line + sample->from - 1);
        return status;
    }
    judge(rater, verdict);
    return PRIMER_OK;
}

static primer_status open_rater(struct model_rater *rater, const char *path, const char *rubric,
                                size_t threads, primer_error *error)
{
    const primer_model_options options = {.threads = threads};
    FORWARD(primer_model_open(path, &options, &rater->model, error));
    const primer_model_information *const about = primer_model_info(rater->model);
    const primer_session_options session = {.context = about->context > CONTEXT ? CONTEXT
                                                                                : about->context};
    FORWARD(find_digits(rater, path, error));
    FORWARD(primer_session_create(rater->model, &session, &rater->session, error));
    FORWARD(primer_chat_format_own(rater->model, &rater->format, error));
    rater->rubric = memory_copy_text(rubric);
    const size_t length = strlen(about->name) + sizeof "model ";
    rater->name = memory_allocate(length, 1);
    if (rater->rubric == NULL || rater->name == NULL)
        return memory_failure(error, "the rubric", strlen(rubric));
    snprintf(rater->name, length, "model %s", about->name);
    return PRIMER_OK;
}

primer_status data_rater_model(struct data_rater *rater, const char *path, const char *rubric,
                               size_t threads, primer_error *error)
{
    struct model_rater *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a rater", sizeof *made);
    const primer_status status = open_rater(made, path, rubric, threads, error);
    if (status != PRIMER_OK) {
        free_model(made);
        return status;
    }
    *rater = (struct data_rater){.name = made->name,
                                 .context = made,
                                 .rate = rate_by_model,
                                 .close = free_model,
                                 .shared = true};
    return PRIMER_OK;
}
