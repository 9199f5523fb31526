/* train_recipe_check.c - what a recipe's fields ask of each other, and what follows from them.
 *
 * First fields that have no effect are refused; then what nothing was said of is filled from other
 * fields (train_recipe_fields.c says so in words); then what contradicts is refused. What needs
 * more than the recipe (a vocabulary, a model's own shape) is checked where that is opened.
 */
#include "train/train_recipe.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"

#define OF(field_) offsetof(primer_recipe, field_)

/* Tokens that are computed at once, and of a whole step: what counts rows fits 32 bits. */
#define BATCH_TOKENS_MOST ((uint64_t)1 << 26)
#define STEP_TOKENS_MOST  ((uint64_t)1 << 32)

static const size_t shape_fields[] = {
    OF(architecture), OF(layers), OF(embedding), OF(heads), OF(kv_heads),
    OF(feed_forward), OF(rotary), OF(context),   OF(tied),  OF(initial_deviation)};
static const size_t teacher_fields[] = {OF(temperature), OF(mix)};
static const size_t model_fields[] = {OF(tokenizer)}, adapter_fields[] = {OF(output_type)};
static const size_t lora_fields[] = {OF(lora_alpha), OF(lora_dropout), OF(lora_targets)};

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

/* ---- what follows ---------------------------------------------------------------------------- */

static void fill_shape(primer_recipe *r)
{
    const bool llama = is(r->architecture, "llama");
    const size_t head = r->embedding / r->heads;
    if (r->kv_heads == 0)
        r->kv_heads = r->heads;
    if (r->feed_forward == 0) /* three matrices instead of two: Shazeer 2020, arXiv 2002.05202 */
        r->feed_forward = llama ? (r->embedding * 8 / 3 + 31) / 32 * 32 : 4 * r->embedding;
    if (r->rotary == 0)
        r->rotary = llama ? head : head / 4 * 2 > 2 ? head / 4 * 2 : 2;
    if (r->length == 0)
        r->length = r->context;
}

/* With a model these are its own. */
static void clear_shape(primer_recipe *r)
{
    memory_free(r->architecture);
    r->architecture = NULL;
    r->layers = r->embedding = r->heads = r->kv_heads = r->feed_forward = r->rotary = 0;
    r->context = 0;
    r->tied = false;
    r->initial_deviation = 0;
    if (r->length == 0)
        r->length = 512;
}

static void fill_steps(const struct train_recipe_draft *draft)
{
    primer_recipe *const r = draft->recipe;
    const bool constant = is(r->schedule, "constant");
    if (r->rate == 0)
        r->rate = r->lora_rank > 0 ? 2e-4 : r->model != NULL ? 2e-5 : 1e-3;
    if (!train_recipe_given(draft, OF(final_rate)))
        r->final_rate = constant ? r->rate : r->rate / 10;
    if (!train_recipe_given(draft, OF(warm_up)))
        r->warm_up = r->steps / 20 < 1000 ? r->steps / 20 : 1000;
    if (r->decay_steps == 0 && is(r->schedule, "stable"))
        r->decay_steps = r->steps < 10 ? 1 : r->steps / 10;
    if (r->lora_alpha == 0)
        r->lora_alpha = 2.0 * (double)r->lora_rank;
}

/* ---- what has no effect ---------------------------------------------------------------------- */

static primer_status refuse_given(const struct train_recipe_draft *draft, const size_t *offsets,
                                  size_t count, const char *why, primer_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (train_recipe_given(draft, offsets[i]))
            return train_recipe_refuse(draft, offsets[i], error, "found it %s", why);
    return PRIMER_OK;
}
#define REFUSE_GIVEN(offsets_, why_)                                                               \
    FORWARD(refuse_given(draft, offsets_, sizeof(offsets_) / sizeof *(offsets_), why_, error))

static primer_status check_effects(const struct train_recipe_draft *draft, primer_error *error)
{
    const primer_recipe *const r = draft->recipe;
    static const size_t final_rate[] = {OF(final_rate)}, decay_steps[] = {OF(decay_steps)};
    if (r->model != NULL)
        REFUSE_GIVEN(shape_fields,
                     "beside model, expected a shape or a model: the model has its own");
    if (r->model != NULL)
        REFUSE_GIVEN(model_fields, "beside model, expected one of them: the model has its own");
    if (r->lora_rank > 0)
        REFUSE_GIVEN(adapter_fields, "beside lora-rank, expected none: adapters are kept as F32");
    if (r->teacher == NULL)
        REFUSE_GIVEN(teacher_fields, "without teacher, expected both or none");
    if (r->lora_rank == 0)
        REFUSE_GIVEN(lora_fields, "without lora-rank, expected lora-rank above 0 beside it");
    if (is(r->schedule, "constant"))
        REFUSE_GIVEN(final_rate, "beside schedule = constant, expected a schedule that falls");
    if (!is(r->schedule, "stable"))
        REFUSE_GIVEN(decay_steps, "without schedule = stable, which alone has such steps");
    return PRIMER_OK;
}

/* ---- what contradicts ------------------------------------------------------------------------ */

static primer_status check_shape(const struct train_recipe_draft *draft, primer_error *error)
{
    const primer_recipe *const r = draft->recipe;
    const size_t head = r->embedding / r->heads;
    if (r->tokenizer == NULL)
        return train_recipe_refuse(draft, OF(tokenizer), error,
                                   "found nothing, expected a path, since no model is given");
    if (r->embedding % r->heads != 0)
        return train_recipe_refuse(draft, OF(heads), error,
                                   "found %zu, expected a divisor of embedding, %zu", r->heads,
                                   r->embedding);
    if (r->heads % r->kv_heads != 0)
        return train_recipe_refuse(draft, OF(kv_heads), error,
                                   "found %zu, expected a divisor of heads, %zu", r->kv_heads,
                                   r->heads);
    if (r->rotary % 2 != 0 || r->rotary > head)
        return train_recipe_refuse(
            draft, OF(rotary), error,
            "found %zu, expected an even number up to embedding / heads, %zu", r->rotary, head);
    if (r->tied && !is(r->architecture, "llama"))
        return train_recipe_refuse(draft, OF(tied), error,
                                   "found yes with architecture %s, expected llama",
                                   r->architecture);
    if (r->length > r->context)
        return train_recipe_refuse(draft, OF(length), error,
                                   "found %zu, expected at most context, %zu", r->length,
                                   r->context);
    return PRIMER_OK;
}

static primer_status check_sizes(const struct train_recipe_draft *draft, primer_error *error)
{
    const primer_recipe *const r = draft->recipe;
    const uint64_t tokens = (uint64_t)r->batch * r->length;
    if (tokens > BATCH_TOKENS_MOST)
        return train_recipe_refuse(draft, OF(batch), error,
                                   "found %" PRIu64 " tokens of batch * length, expected at most "
                                   "%" PRIu64,
                                   tokens, BATCH_TOKENS_MOST);
    if (tokens * r->accumulate > STEP_TOKENS_MOST)
        return train_recipe_refuse(draft, OF(accumulate), error,
                                   "found %" PRIu64 " tokens of batch * length * accumulate, "
                                   "expected at most %" PRIu64,
                                   tokens * r->accumulate, STEP_TOKENS_MOST);
    return PRIMER_OK;
}

static primer_status check_schedule(const struct train_recipe_draft *draft, primer_error *error)
{
    const primer_recipe *const r = draft->recipe;
    if (r->final_rate > r->rate)
        return train_recipe_refuse(draft, OF(final_rate), error,
                                   "found %g, expected at most rate, %g", r->final_rate, r->rate);
    if (r->warm_up >= r->steps)
        return train_recipe_refuse(draft, OF(warm_up), error,
                                   "found %" PRIu64 ", expected less than steps, %" PRIu64,
                                   r->warm_up, r->steps);
    if (r->decay_steps > r->steps)
        return train_recipe_refuse(draft, OF(decay_steps), error,
                                   "found %" PRIu64 ", expected at most steps, %" PRIu64,
                                   r->decay_steps, r->steps);
    if (is(r->schedule, "stable") && r->warm_up > r->steps - r->decay_steps)
        return train_recipe_refuse(draft, OF(warm_up), error,
                                   "found %" PRIu64 ", expected at most steps - decay-steps, "
                                   "%" PRIu64,
                                   r->warm_up, r->steps - r->decay_steps);
    return PRIMER_OK;
}

/* Names of letters, digits, '_' and '.', by commas. */
static bool is_name_list(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    for (;;) {
        const size_t length = strspn(text, letters);
        if (length == 0)
            return false;
        text += length;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static primer_status check_lora(const struct train_recipe_draft *draft, primer_error *error)
{
    const primer_recipe *const r = draft->recipe;
    char shown[80];
    if (r->lora_rank > 0 && r->model == NULL)
        return train_recipe_refuse(draft, OF(lora_rank), error,
                                   "found %zu without model, expected a model to adapt",
                                   r->lora_rank);
    if (!is_name_list(r->lora_targets))
        return train_recipe_refuse(
            draft, OF(lora_targets), error, "found \"%s\", expected names by commas, or all",
            error_printable(r->lora_targets, strlen(r->lora_targets), shown, sizeof shown));
    return PRIMER_OK;
}

primer_status train_recipe_check(struct train_recipe_draft *draft, primer_error *error)
{
    const bool fresh = draft->recipe->model == NULL;
    FORWARD(check_effects(draft, error));
    if (fresh)
        fill_shape(draft->recipe);
    else
        clear_shape(draft->recipe);
    fill_steps(draft);
    if (fresh)
        FORWARD(check_shape(draft, error));
    FORWARD(check_sizes(draft, error));
    FORWARD(check_schedule(draft, error));
    return check_lora(draft, error);
}
