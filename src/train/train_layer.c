/* train_layer.c - see train_layer.h. */
#include "train/train_layer.h"

/* What the steps of a layer share. */
struct step {
    const struct train_context *context;
    const struct train_layer *layer;
    const struct train_attention *attention;
    const struct train_scratch *scratch;
    size_t tokens, query_width, key_width, width;
};

static struct step step_of(const struct train_context *context, const struct train_layer *layer,
                           const struct train_attention *attention,
                           const struct train_scratch *scratch)
{
    const size_t q = attention->heads * attention->dimensions,
                 kv = attention->kv_heads * attention->dimensions;
    return (struct step){context, layer, attention, scratch, attention->rows * attention->length,
                         q,       kv,    q + 2 * kv};
}

/* ---- the activation, forward and backward ---- */

struct activation_job {
    const struct step *step;
    const float *up, *gate;
    float *wide, *dwide;
};

static void activate_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct activation_job *job = context;
    const struct training_kernel *kernel = job->step->context->training;
    const size_t at = first * job->step->layer->feed_forward,
                 floats = count * job->step->layer->feed_forward;
    (void)slice;
    if (job->step->layer->form->activation == MODEL_GELU)
        kernel->gelu(job->up + at, floats, job->wide + at);
    else
        kernel->silu(job->gate + at, job->up + at, floats, job->wide + at);
}

/* The activation of what is saved, to scratch->wide. */
static void activate(const struct step *s)
{
    const struct train_saved *saved = &s->layer->saved;
    struct activation_job job = {s, saved->up, saved->gate, s->scratch->wide, NULL};
    train_over_rows(s->context, activate_rows, &job, s->tokens);
}

static void activate_rows_backward(void *context, size_t first, size_t count, size_t slice)
{
    const struct activation_job *job = context;
    const struct training_kernel *kernel = job->step->context->training;
    const size_t at = first * job->step->layer->feed_forward,
                 floats = count * job->step->layer->feed_forward;
    (void)slice;
    if (job->step->layer->form->activation == MODEL_GELU)
        kernel->gelu_backward(job->up + at, job->dwide + at, floats, job->dwide + at);
    else
        kernel->silu_backward(job->gate + at, job->up + at, job->dwide + at, floats, job->wide + at,
                              job->dwide + at);
}

/* scratch->dwide, the activation's gradient, becomes that of `up`; scratch->wide that of `gate`. */
static void activate_backward(const struct step *s)
{
    const struct train_saved *saved = &s->layer->saved;
    struct activation_job job = {s, saved->up, saved->gate, s->scratch->wide, s->scratch->dwide};
    train_over_rows(s->context, activate_rows_backward, &job, s->tokens);
}

/* ---- branches added to the residual stream ---- */

/* out += dropout(linear(x)) */
static void add_branch(const struct step *s, const struct train_linear *linear,
                       const struct train_dropout *dropout, const float *x, float *out)
{
    const size_t d = s->layer->embedding;
    if (!(dropout->probability > 0)) {
        train_linear_forward(s->context, linear, x, s->tokens, out, d, true);
        return;
    }
    float *const branch = s->scratch->branch;
    train_linear_forward(s->context, linear, x, s->tokens, branch, d, false);
    train_drop(s->context, dropout, branch, s->tokens, d);
    train_add(s->context, branch, out, s->tokens, d);
}

/* The gradient of add_branch's x, to dx; dout stays as it is. */
static void branch_backward(const struct step *s, const struct train_linear *linear,
                            const struct train_dropout *dropout, const float *x, const float *dout,
                            float *dx)
{
    const size_t d = s->layer->embedding;
    if (dropout->probability > 0) {
        train_copy(s->context, dout, s->scratch->branch, s->tokens, d);
        train_drop(s->context, dropout, s->scratch->branch, s->tokens, d);
        dout = s->scratch->branch;
    }
    train_linear_backward(s->context, linear, x, dout, d, s->tokens, dx, false);
}

/* ---- forward ---- */

/* Q, K and V as one matrix with their rows one after the other, where they lie so. */
static bool join_projections(const struct train_layer *l, struct train_linear *all)
{
    const struct train_linear *const parts[] = {&l->query, &l->key, &l->value};
    *all = l->query;
    if (all->weight == NULL)
        return false;
    for (size_t i = 1; i < 3; i++) {
        const struct train_linear *p = parts[i];
        const size_t weights = all->out * all->in;
        if (p->weight != all->weight + weights || (p->bias == NULL) != (all->bias == NULL) ||
            (p->weight_gradient == NULL) != (all->weight_gradient == NULL) ||
            (p->bias_gradient == NULL) != (all->bias_gradient == NULL) ||
            (all->bias != NULL && p->bias != all->bias + all->out) ||
            (all->weight_gradient != NULL &&
             p->weight_gradient != all->weight_gradient + weights) ||
            (all->bias_gradient != NULL && p->bias_gradient != all->bias_gradient + all->out))
            return false;
        all->out += p->out;
    }
    return true;
}

static void project(const struct step *s)
{
    const struct train_layer *l = s->layer;
    const float *x = s->scratch->normed;
    float *const qkv = l->saved.qkv;
    const bool fused = l->fused.in > 0;
    struct train_linear all;
    if (join_projections(l, &all)) {
        train_linear_forward(s->context, &all, x, s->tokens, qkv, s->width, false);
        return;
    }
    if (fused)
        train_linear_forward(s->context, &l->fused, x, s->tokens, qkv, s->width, false);
    train_linear_forward(s->context, &l->query, x, s->tokens, qkv, s->width, fused);
    train_linear_forward(s->context, &l->key, x, s->tokens, qkv + s->query_width, s->width, fused);
    train_linear_forward(s->context, &l->value, x, s->tokens, qkv + s->query_width + s->key_width,
                         s->width, fused);
}

static void attend(const struct step *s)
{
    const struct train_saved *saved = &s->layer->saved;
    project(s);
    train_attention_rotate(s->context, s->attention, saved->qkv, false);
    train_attention_forward(s->context, s->attention, saved->qkv, saved->attended, saved->log_sums);
}

static void widen(const struct step *s)
{
    const struct train_layer *l = s->layer;
    const float *x = s->scratch->normed;
    train_linear_forward(s->context, &l->up, x, s->tokens, l->saved.up, l->feed_forward, false);
    if (l->form->activation == MODEL_SILU_GATE)
        train_linear_forward(s->context, &l->gate, x, s->tokens, l->saved.gate, l->feed_forward,
                             false);
}

void train_layer_forward(const struct train_context *context, const struct train_layer *layer,
                         const struct train_attention *attention,
                         const struct train_scratch *scratch, const float *in, float *out)
{
    const struct step s = step_of(context, layer, attention, scratch);
    const struct train_saved *saved = &layer->saved;
    float *const joined = layer->form->parallel ? out : saved->middle;
    train_norm_forward(context, &layer->attention_norm, in, s.tokens, scratch->normed, saved->mean,
                       saved->inverse);
    attend(&s);
    if (joined != NULL) {
        train_copy(context, in, joined, s.tokens, layer->embedding);
        add_branch(&s, &layer->attention_output, &layer->attention_dropout, saved->attended,
                   joined);
    }
    if (!layer->form->parallel)
        train_norm_forward(context, &layer->feed_forward_norm, saved->middle, s.tokens,
                           scratch->normed, saved->middle_mean, saved->middle_inverse);
    widen(&s);
    if (out == NULL)
        return;
    if (!layer->form->parallel)
        train_copy(context, saved->middle, out, s.tokens, layer->embedding);
    activate(&s);
    add_branch(&s, &layer->down, &layer->feed_forward_dropout, scratch->wide, out);
}

/* ---- backward ---- */

/* dx, the gradient of the layer's output; scratch->normed, what the branch read; scratch->dnormed
 * is set to its gradient. */
static void feed_forward_backward(const struct step *s, const float *dx)
{
    const struct train_layer *l = s->layer;
    const struct train_scratch *scratch = s->scratch;
    activate(s);
    branch_backward(s, &l->down, &l->feed_forward_dropout, scratch->wide, dx, scratch->dwide);
    activate_backward(s);
    train_linear_backward(s->context, &l->up, scratch->normed, scratch->dwide, l->feed_forward,
                          s->tokens, scratch->dnormed, false);
    if (l->form->activation == MODEL_SILU_GATE)
        train_linear_backward(s->context, &l->gate, scratch->normed, scratch->wide, l->feed_forward,
                              s->tokens, scratch->dnormed, true);
}

/* scratch->dqkv to scratch->dnormed, which is set, or added to. */
static void project_backward(const struct step *s, bool accumulate)
{
    const struct train_layer *l = s->layer;
    const float *x = s->scratch->normed, *dqkv = s->scratch->dqkv;
    float *const dnormed = s->scratch->dnormed;
    struct train_linear all;
    if (join_projections(l, &all)) {
        train_linear_backward(s->context, &all, x, dqkv, s->width, s->tokens, dnormed, accumulate);
        return;
    }
    if (l->fused.in > 0) {
        train_linear_backward(s->context, &l->fused, x, dqkv, s->width, s->tokens, dnormed,
                              accumulate);
        accumulate = true;
    }
    train_linear_backward(s->context, &l->query, x, dqkv, s->width, s->tokens, dnormed, accumulate);
    train_linear_backward(s->context, &l->key, x, dqkv + s->query_width, s->width, s->tokens,
                          dnormed, true);
    train_linear_backward(s->context, &l->value, x, dqkv + s->query_width + s->key_width, s->width,
                          s->tokens, dnormed, true);
}

/* As feed_forward_backward; scratch->dnormed is set, or added to. */
static void attention_backward(const struct step *s, const float *dx, bool accumulate)
{
    const struct train_layer *l = s->layer;
    const struct train_scratch *scratch = s->scratch;
    branch_backward(s, &l->attention_output, &l->attention_dropout, l->saved.attended, dx,
                    scratch->dattended);
    train_attention_backward(s->context, s->attention, l->saved.qkv, l->saved.attended,
                             l->saved.log_sums, scratch->dattended, scratch->dqkv);
    train_attention_rotate(s->context, s->attention, scratch->dqkv, true);
    project_backward(s, accumulate);
}

void train_layer_backward(const struct train_context *context, const struct train_layer *layer,
                          const struct train_attention *attention,
                          const struct train_scratch *scratch, const float *in, float *dx)
{
    const struct step s = step_of(context, layer, attention, scratch);
    const struct train_saved *saved = &layer->saved;
    if (!layer->form->parallel) {
        train_norm_forward(context, &layer->feed_forward_norm, saved->middle, s.tokens,
                           scratch->normed, saved->middle_mean, saved->middle_inverse);
        feed_forward_backward(&s, dx);
        train_norm_backward(context, &layer->feed_forward_norm, saved->middle, saved->middle_mean,
                            saved->middle_inverse, scratch->dnormed, s.tokens, dx, true);
    }
    train_norm_forward(context, &layer->attention_norm, in, s.tokens, scratch->normed, saved->mean,
                       saved->inverse);
    if (layer->form->parallel)
        feed_forward_backward(&s, dx);
    attention_backward(&s, dx, layer->form->parallel);
    train_norm_backward(context, &layer->attention_norm, in, saved->mean, saved->inverse,
                        scratch->dnormed, s.tokens, dx, true);
}
