/* data_review_model.c - a language model as the judge. Declared in data_review.h.
 *
 *   rubric, lesson, question -> logits -> p("yes") against p("no")     nothing is sampled
 *
 * As the user's turn of a conversation, by the model's own template, else by its architecture's
 * format. A word may follow a blank or not, and begin with a capital: the four ways of writing it
 * count together. A way that is several tokens has the product of their probabilities.
 */
#include "data/data_review.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/real.h"
#include "primer_chat.h"

#define CONTEXT 4096 /* tokens at most, where the model has more */
#define WAYS    4

struct way {
    int32_t *ids;
    size_t count; /* 0: the same tokens as another way */
};

struct model_judge {
    primer_model *model;
    primer_session *session;
    primer_chat_format *own; /* NULL: the file has no template */
    const primer_chat_format *format;
    char *rubric, *name;
    struct way ways[2][WAYS]; /* of yes, of no */
    size_t longest;           /* tokens of a way */
    struct buffer text, json;
    int32_t *ids; /* [count] of the prompt, then of a way */
    size_t count, capacity;
};

static void free_model(void *context)
{
    struct model_judge *const judge = context;
    for (size_t word = 0; word < 2; word++)
        for (size_t i = 0; i < WAYS; i++)
            primer_free(judge->ways[word][i].ids);
    primer_chat_format_free(judge->own);
    primer_session_free(judge->session);
    primer_model_free(judge->model);
    buffer_free(&judge->text);
    buffer_free(&judge->json);
    memory_free(judge->ids);
    memory_free(judge->rubric);
    memory_free(judge->name);
    memory_free(judge);
}

/* ---- yes and no ------------------------------------------------------------------------------ */

static bool is_same(const struct way *a, const struct way *b)
{
    return a->count == b->count && a->count > 0 &&
           memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0;
}

static primer_status find_ways(struct model_judge *judge, const char *path, primer_error *error)
{
    static const char *const texts[2][WAYS] = {{"yes", "Yes", " yes", " Yes"},
                                               {"no", "No", " no", " No"}};
    for (size_t word = 0; word < 2; word++) {
        size_t different = 0;
        for (size_t i = 0; i < WAYS; i++) {
            struct way *const way = &judge->ways[word][i];
            FORWARD(primer_tokenize(judge->model, texts[word][i], strlen(texts[word][i]),
                                    PRIMER_TEXT_CONTINUE, &way->ids, &way->count, error));
            for (size_t other = 0; other < i; other++)
                if (is_same(way, &judge->ways[word][other]))
                    way->count = 0;
            different += way->count > 0;
            judge->longest = way->count > judge->longest ? way->count : judge->longest;
        }
        if (different == 0)
            return error_set(error, PRIMER_EUNSUPPORTED, "%s: its vocabulary can't write \"%s\"",
                             path, texts[word][0]);
    }
    return PRIMER_OK;
}

/* log(exp(a) + exp(b)) */
static double add_logarithms(double a, double b)
{
    const double high = a > b ? a : b, low = a > b ? b : a;
    return high == -INFINITY ? high : high + real_log(1 + real_exp(low - high));
}

/* The logarithm of how probable this way is behind the prompt; the session holds the prompt's
 * `count` tokens, or these and some more. */
static primer_status weigh_way(struct model_judge *judge, const struct way *way, double *logarithm,
                               primer_error *error)
{
    *logarithm = 0;
    for (size_t i = 0; i < way->count; i++) {
        FORWARD(
            primer_session_sync(judge->session, judge->ids, judge->count + i, NULL, NULL, error));
        *logarithm += primer_session_logprob(judge->session, way->ids[i]);
        judge->ids[judge->count + i] = way->ids[i];
    }
    return PRIMER_OK;
}

static primer_status weigh_word(struct model_judge *judge, size_t word, double *logarithm,
                                primer_error *error)
{
    *logarithm = -INFINITY;
    for (size_t i = 0; i < WAYS; i++) {
        double its = 0;
        if (judge->ways[word][i].count == 0)
            continue;
        FORWARD(weigh_way(judge, &judge->ways[word][i], &its, error));
        *logarithm = add_logarithms(*logarithm, its);
    }
    return PRIMER_OK;
}

/* ---- the prompt ------------------------------------------------------------------------------ */

static primer_status write_prompt(struct model_judge *judge,
                                  const struct data_review_lesson *lesson, primer_error *error)
{
    struct buffer *const text = &judge->text;
    const bool alone = lesson->turn_count == 1;
    buffer_clear(text);
    buffer_clear(&judge->json);
    FORWARD(buffer_format(text, error, "%s\n%s\n", judge->rubric,
                          alone ? "The text:" : "The conversation:"));
    for (size_t i = 0; i < lesson->turn_count; i++) {
        const struct data_review_turn *const turn = &lesson->turns[i];
        if (!alone)
            FORWARD(buffer_format(text, error, "\n[%s]", turn->role));
        FORWARD(buffer_text(text, "\n", error));
        FORWARD(buffer_append(text, turn->text, turn->length, error));
        FORWARD(buffer_text(text, "\n", error));
    }
    FORWARD(buffer_format(text, error, "\nIs %s right? Answer with one word, yes or no.",
                          alone ? "this text" : "the last answer in it"));
    FORWARD(buffer_text(&judge->json, "{\"messages\":[{\"role\":\"user\",\"content\":", error));
    FORWARD(buffer_json_string(&judge->json, text->bytes, text->length, error));
    return buffer_text(&judge->json, "}],\"variables\":{\"enable_thinking\":false}}", error);
}

/* Tokens of the prompt, with room behind for a way. *fits: the context has room for both. */
static primer_status read_prompt(struct model_judge *judge, const struct data_review_lesson *lesson,
                                 bool *fits, primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(write_prompt(judge, lesson, error));
    FORWARD(primer_chat_json_tokens(judge->model, judge->format, judge->json.bytes,
                                    judge->json.length, PRIMER_CHAT_ANSWER, &ids, &count, error));
    *fits = count > 0 && count + judge->longest <= primer_session_context(judge->session);
    if (*fits) {
        memcpy(judge->ids, ids, count * sizeof *ids);
        judge->count = count;
    }
    primer_free(ids);
    return PRIMER_OK;
}

static primer_status judge_by_model(void *context, const struct data_review_lesson *lesson,
                                    size_t number, size_t count,
                                    struct data_review_verdict *verdict, primer_error *error)
{
    struct model_judge *const judge = context;
    double yes = 0, no = 0;
    bool fits = false;
    (void)number;
    (void)count;
    primer_status status = read_prompt(judge, lesson, &fits, error);
    if (status == PRIMER_OK && !fits) {
        verdict->mark = DATA_REVIEW_SKIPPED;
        return PRIMER_OK;
    }
    if (status == PRIMER_OK)
        status = weigh_word(judge, 0, &yes, error);
    if (status == PRIMER_OK)
        status = weigh_word(judge, 1, &no, error);
    if (status != PRIMER_OK) {
        error_prefix(error, "the lesson of line %llu", (unsigned long long)lesson->line);
        return status;
    }
    const double both = add_logarithms(yes, no), more = yes > no ? yes : no;
    *verdict =
        (struct data_review_verdict){.mark = yes > no ? DATA_REVIEW_RIGHT : DATA_REVIEW_WRONG,
                                     .probability = both == -INFINITY ? 0.5 : real_exp(more - both),
                                     .mass = real_exp(both)};
    return PRIMER_OK;
}

/* ---- a judge --------------------------------------------------------------------------------- */

static primer_status open_judge(struct model_judge *judge, const char *path, const char *rubric,
                                size_t threads, primer_error *error)
{
    const primer_model_options options = {.threads = threads};
    bool understood = false;
    FORWARD(primer_model_open(path, &options, &judge->model, error));
    const size_t most = primer_model_info(judge->model)->context;
    const primer_session_options session = {.context = most > CONTEXT ? CONTEXT : most};
    FORWARD(find_ways(judge, path, error));
    FORWARD(primer_session_create(judge->model, &session, &judge->session, error));
    FORWARD(primer_chat_format_own(judge->model, &judge->own, error));
    judge->format =
        judge->own != NULL ? judge->own : primer_chat_format_of(judge->model, &understood);
    judge->capacity = primer_session_context(judge->session);
    judge->ids = memory_allocate(judge->capacity, sizeof *judge->ids);
    judge->rubric = memory_copy_text(rubric);
    judge->name = memory_copy_text(file_base_name(path));
    if (judge->ids == NULL || judge->rubric == NULL || judge->name == NULL)
        return memory_failure(error, "a judge", judge->capacity * sizeof *judge->ids);
    return PRIMER_OK;
}

primer_status data_review_judge_model(struct data_review_judge *judge, const char *path,
                                      const char *rubric, size_t threads, primer_error *error)
{
    struct model_judge *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a judge", sizeof *made);
    const primer_status status = open_judge(made, path, rubric, threads, error);
    if (status != PRIMER_OK) {
        free_model(made);
        return status;
    }
    *judge = (struct data_review_judge){
        .name = made->name, .context = made, .judge = judge_by_model, .close = free_model, .shared = true};
    return PRIMER_OK;
}
