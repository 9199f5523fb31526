/* train_pass.c - the buffers of a pass, and the pass itself; see train_pass.h.
 *
 * One range of memory, laid out when the pass is made; a step allocates nothing:
 *
 *   | inputs of layers 0 .. L [L + 1][tokens][embedding] | saved of each layer (recompute: of one)
 *   | scratch of a layer | gradient of the residual stream | the head's chunk | rotary tables | ...
 *
 * inputs[L] is what the last layer gave. With `recompute` a layer's saved activations are made anew
 * from its input just before its backward pass (Chen et al. 2016, arXiv 1604.06174).
 */
#include "train/train_pass.h"

#include <math.h>
#include <string.h>
#include "base/memory.h"
#include "tensor/rotary.h"
#include "train/train_embedding.h"
#include "train/train_frozen.h"
#include "train/train_head.h"
#include "train/train_layer.h"

#define NONE SIZE_MAX

/* Where a part's floats are in weights and gradients, and those of its adapter; NONE: it isn't
 * there. */
struct place {
    size_t weight, bias, a, b;
};

struct train_pass {
    struct train_shape shape;
    struct train_pass_options options;
    struct train_context context;
    size_t floats;             /* of the model's weights */
    struct place *places;      /* [layers + 1][MODEL_ROLES]; the last is the model's own */
    struct train_saved *saved; /* [layers], or [1] */
    struct train_scratch scratch;
    struct train_head head;
    float *inputs, *dx, *final_mean, *final_inverse, *hidden;
    float *cosine, *sine, *attention_scratch;
    void *block;
    size_t bytes, workspace_bytes;
};

/* ---- memory ---- */

/* Pieces of a block; while `base` is NULL they are only counted. */
struct carver {
    unsigned char *base;
    size_t used;
    bool overflow;
};

static void *carve(struct carver *c, size_t count, size_t size)
{
    size_t bytes, end;
    if (c->overflow || !memory_product(count, size, &bytes) ||
        !memory_sum(bytes, MEMORY_ALIGNMENT - 1, &bytes) ||
        !memory_sum(c->used, bytes / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT, &end)) {
        c->overflow = true;
        return NULL;
    }
    void *const piece = c->base != NULL ? c->base + c->used : NULL;
    c->used = end;
    return piece;
}

static float *carve_matrix(struct carver *c, size_t rows, size_t columns)
{
    size_t count;
    if (!memory_product(rows, columns, &count)) {
        c->overflow = true;
        return NULL;
    }
    return carve(c, count, sizeof(float));
}

static size_t query_width(const struct train_shape *s)
{
    return s->heads * s->head_dimensions;
}

static size_t fused_width(const struct train_shape *s)
{
    return (s->heads + 2 * s->kv_heads) * s->head_dimensions;
}

static void carve_saved(struct train_pass *p, struct carver *c, size_t tokens,
                        struct train_saved *saved)
{
    const struct train_shape *s = &p->shape;
    const struct model_form *form = &s->architecture->form;
    saved->mean = carve_matrix(c, tokens, 1);
    saved->inverse = carve_matrix(c, tokens, 1);
    saved->qkv = carve_matrix(c, tokens, fused_width(s));
    saved->attended = carve_matrix(c, tokens, query_width(s));
    saved->log_sums = carve_matrix(c, tokens, s->heads);
    saved->up = carve_matrix(c, tokens, s->feed_forward);
    if (form->activation == MODEL_SILU_GATE)
        saved->gate = carve_matrix(c, tokens, s->feed_forward);
    if (form->parallel)
        return;
    saved->middle = carve_matrix(c, tokens, s->embedding);
    saved->middle_mean = carve_matrix(c, tokens, 1);
    saved->middle_inverse = carve_matrix(c, tokens, 1);
}

static void carve_scratch(struct train_pass *p, struct carver *c, size_t tokens)
{
    const struct train_shape *s = &p->shape;
    p->scratch.normed = carve_matrix(c, tokens, s->embedding);
    p->scratch.dnormed = carve_matrix(c, tokens, s->embedding);
    if (p->options.dropout > 0)
        p->scratch.branch = carve_matrix(c, tokens, s->embedding);
    p->scratch.wide = carve_matrix(c, tokens, s->feed_forward);
    p->scratch.dwide = carve_matrix(c, tokens, s->feed_forward);
    p->scratch.dqkv = carve_matrix(c, tokens, fused_width(s));
    p->scratch.dattended = carve_matrix(c, tokens, query_width(s));
}

static void carve_head(struct train_pass *p, struct carver *c)
{
    const struct train_shape *s = &p->shape;
    p->head.rows = carve_matrix(c, TRAIN_HEAD_CHUNK, s->embedding);
    p->head.rows_gradient = carve_matrix(c, TRAIN_HEAD_CHUNK, s->embedding);
    p->head.logits = carve_matrix(c, TRAIN_HEAD_CHUNK, s->vocabulary);
    p->head.losses = carve(c, TRAIN_HEAD_CHUNK, sizeof *p->head.losses);
    p->head.positions = carve(c, TRAIN_HEAD_CHUNK, sizeof *p->head.positions);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void carve_adapters(struct train_pass *p, struct carver *c, size_t tokens)
{
    const struct train_shape *s = &p->shape;
    const size_t widest = larger(larger(s->embedding, s->feed_forward), query_width(s));
    p->context.strip = carve_matrix(c, train_frozen_strip(widest), 1);
    for (size_t i = 0; i < 2; i++)
        p->context.thin[i] = carve_matrix(c, tokens, p->options.rank);
    if (p->options.rank_dropout > 0)
        p->context.dropped = carve_matrix(c, tokens, widest);
}

static void carve_all(struct train_pass *p, struct carver *c)
{
    const struct train_shape *s = &p->shape;
    const size_t tokens = p->options.rows * p->options.length, pairs = s->rotary_dimensions / 2;
    const size_t kept = p->options.recompute ? 1 : s->layers;
    p->places = carve(c, (s->layers + 1) * MODEL_ROLES, sizeof *p->places);
    struct train_saved *saved = carve(c, kept, sizeof *saved);
    p->saved = saved;
    p->inputs = carve_matrix(c, (s->layers + 1) * tokens, s->embedding);
    for (size_t i = 0; i < kept; i++) {
        struct train_saved one = {0};
        carve_saved(p, c, tokens, &one);
        if (saved != NULL)
            saved[i] = one;
    }
    carve_scratch(p, c, tokens);
    carve_head(p, c);
    p->hidden = carve_matrix(c, tokens, s->embedding);
    p->dx = carve_matrix(c, tokens, s->embedding);
    p->final_mean = carve_matrix(c, tokens, 1);
    p->final_inverse = carve_matrix(c, tokens, 1);
    p->cosine = carve_matrix(c, p->options.length, pairs);
    p->sine = carve_matrix(c, p->options.length, pairs);
    p->attention_scratch =
        carve_matrix(c, pool_size(p->context.pool),
                     train_attention_scratch(s->head_dimensions, p->options.length));
    const size_t widest =
        larger(larger(s->vocabulary, s->feed_forward), larger(s->embedding, fused_width(s)));
    p->context.partials =
        carve_matrix(c, TRAIN_SLICES, train_context_partial(widest, s->embedding));
    if (p->options.rank > 0)
        carve_adapters(p, c, tokens);
}

/* What is kept is divided by 1 - dropout, as f32: that isn't 0. */
static bool is_share(double dropout)
{
    return dropout >= 0 && (float)dropout < 1;
}

static primer_status check_options(const struct train_shape *shape,
                                   const struct train_pass_options *o, primer_error *error)
{
    size_t tokens;
    if (o->rows == 0 || o->length == 0 || !memory_product(o->rows, o->length, &tokens) ||
        tokens > UINT32_MAX)
        return error_set(error, PRIMER_EINVAL,
                         "a pass of %zu rows of %zu tokens: expected at least one of each, and "
                         "fewer than 2^32 tokens",
                         o->rows, o->length);
    if (o->length > shape->context)
        return error_set(error, PRIMER_ELIMIT,
                         "length: found %zu tokens a row, expected at most the model's context, "
                         "%zu",
                         o->length, shape->context);
    if (!is_share(o->dropout))
        return error_set(error, PRIMER_EINVAL, "dropout is %g, expected 0 or more, and less than 1",
                         o->dropout);
    if (!is_share(o->rank_dropout))
        return error_set(error, PRIMER_EINVAL,
                         "dropout of adapters is %g, expected 0 or more, and less than 1",
                         o->rank_dropout);
    return PRIMER_OK;
}

static primer_status fill_rotary(struct train_pass *p, primer_error *error)
{
    struct rotary rotary;
    FORWARD(rotary_create(&rotary, p->shape.rotary_dimensions, p->shape.rope_base, 1, NULL, 0, 0,
                          error));
    for (size_t t = 0; t < p->options.length; t++)
        rotary_angles(&rotary, t, p->cosine + t * rotary.pairs, p->sine + t * rotary.pairs);
    rotary_free(&rotary);
    return PRIMER_OK;
}

primer_status train_pass_measure(const struct train_shape *shape,
                                 const struct train_pass_options *options, struct pool *pool,
                                 size_t *bytes, primer_error *error)
{
    struct train_pass measured = {.shape = *shape, .options = *options, .context.pool = pool};
    struct carver carver = {0};
    FORWARD(check_options(shape, options, error));
    carve_all(&measured, &carver);
    if (carver.overflow)
        return error_set(error, PRIMER_ELIMIT,
                         "a pass of %zu rows of %zu tokens does not fit a size", options->rows,
                         options->length);
    *bytes = sizeof measured + carver.used;
    return PRIMER_OK;
}

primer_status train_pass_create(struct train_pass **pass, const struct train_shape *shape,
                                const struct train_pass_options *options, struct pool *pool,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct carver carver = {0};
    FORWARD(check_options(shape, options, error));
    struct train_pass *p = memory_allocate(1, sizeof *p);
    if (p == NULL)
        return memory_failure(error, "a pass", sizeof *p);
    p->shape = *shape;
    p->options = *options;
    p->context.pool = pool;
    p->context.kernel = kernel_best();
    p->context.training = training_kernel_of(p->context.kernel);
    p->context.bfloat = options->bfloat;
    carve_all(p, &carver);
    if (carver.overflow)
        FAIL(PRIMER_ELIMIT, "a pass of %zu rows of %zu tokens does not fit a size", options->rows,
             options->length);
    TRY(memory_reserve(carver.used, &p->block, error));
    p->bytes = carver.used;
    carver = (struct carver){.base = p->block};
    carve_all(p, &carver);
    TRY(gemm_workspace_create(&p->context.gemm, p->context.kernel, pool, error));
    TRY(fill_rotary(p, error));
    *pass = p;
    p = NULL;
cleanup:
    train_pass_free(p);
    return status;
}

void train_pass_free(struct train_pass *pass)
{
    if (pass == NULL)
        return;
    gemm_workspace_free(pass->context.gemm);
    if (pass->block != NULL)
        memory_release(pass->block, pass->bytes);
    memory_free(pass);
}

size_t train_pass_bytes(const struct train_pass *pass)
{
    return sizeof *pass + pass->bytes + gemm_workspace_bytes(pass->context.gemm);
}

/* ---- one run: a model, its gradients, a batch ---- */

struct run {
    struct train_pass *pass;
    const struct train_model *model;
    float *gradients; /* NULL: forward alone */
    const struct train_batch *batch;
    size_t tokens;
    double dropout;
    uint64_t seed;
    struct train_attention attention;
};

static void find_places(struct train_pass *p, const struct train_model *model)
{
    const size_t layers = p->shape.layers;
    for (size_t i = 0; i < (layers + 1) * MODEL_ROLES; i++)
        p->places[i] = (struct place){NONE, NONE, NONE, NONE};
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *t = &model->tensors[i];
        const size_t layer = t->layer < layers ? t->layer : layers;
        struct place *place = &p->places[layer * MODEL_ROLES + t->role];
        *(t->low_rank == TRAIN_LOW_RANK_A   ? &place->a
          : t->low_rank == TRAIN_LOW_RANK_B ? &place->b
          : t->bias                         ? &place->bias
                                            : &place->weight) = t->offset;
    }
}

static const float *weights_at(const struct run *run, size_t offset)
{
    return offset == NONE ? NULL : run->model->weights + offset;
}

static float *gradients_at(const struct run *run, size_t offset)
{
    return offset == NONE || run->gradients == NULL ? NULL : run->gradients + offset;
}

/* Places of the zeros: the embedding's, then two of each layer, then the adapters'. */
static struct train_dropout dropout_of(const struct run *run, uint64_t place)
{
    return (struct train_dropout){run->dropout, run->seed, place};
}

static struct train_low_rank low_rank_of(const struct run *run, size_t layer, enum model_role role,
                                         size_t in, size_t out)
{
    const struct train_pass *const p = run->pass;
    const size_t at = layer * MODEL_ROLES + role, rank = p->options.rank;
    const struct place *place = &p->places[at];
    if (place->a == NONE)
        return (struct train_low_rank){0};
    return (struct train_low_rank){
        .in = in,
        .out = out,
        .rank = rank,
        .factor = (float)(run->model->alpha / (double)rank),
        .a = weights_at(run, place->a),
        .b = weights_at(run, place->b),
        .a_gradient = gradients_at(run, place->a),
        .b_gradient = gradients_at(run, place->b),
        .dropout = {run->gradients != NULL ? p->options.rank_dropout : 0, run->seed,
                    1 + 2 * p->shape.layers + at},
    };
}

static struct train_linear linear_of(const struct run *run, size_t layer, enum model_role role,
                                     size_t in, size_t out)
{
    const struct place *place = &run->pass->places[layer * MODEL_ROLES + role];
    const struct model_linear *const frozen =
        run->model->base != NULL ? train_frozen_linear(run->model->base, layer, role) : NULL;
    return (struct train_linear){
        .in = in,
        .out = out,
        .weight = weights_at(run, place->weight),
        .frozen = frozen != NULL ? &frozen->weight : NULL,
        .bias = frozen != NULL ? frozen->bias : weights_at(run, place->bias),
        .weight_gradient = gradients_at(run, place->weight),
        .bias_gradient = gradients_at(run, place->bias),
        .low = low_rank_of(run, layer, role, in, out),
    };
}

static struct train_norm norm_of(const struct run *run, size_t layer, enum model_role role)
{
    const struct train_shape *s = &run->pass->shape;
    const struct place *place = &run->pass->places[layer * MODEL_ROLES + role];
    const struct model_norm *const frozen =
        run->model->base != NULL ? train_frozen_norm(run->model->base, layer, role) : NULL;
    return (struct train_norm){
        .kind = s->architecture->form.norm,
        .columns = s->embedding,
        .epsilon = s->epsilon,
        .weight = frozen != NULL ? frozen->weight : weights_at(run, place->weight),
        .bias = frozen != NULL ? frozen->bias : weights_at(run, place->bias),
        .weight_gradient = gradients_at(run, place->weight),
        .bias_gradient = gradients_at(run, place->bias),
    };
}

static struct train_linear output_of(const struct run *run)
{
    const struct train_shape *s = &run->pass->shape;
    return linear_of(run, s->layers, s->tied ? MODEL_TOKEN_EMBEDDING : MODEL_OUTPUT, s->embedding,
                     s->vocabulary);
}

/* There where the base has it, or an adapter of it is trained. */
static struct train_linear fused_of(const struct run *run, size_t layer)
{
    const struct train_shape *s = &run->pass->shape;
    const struct train_linear found =
        linear_of(run, layer, MODEL_QUERY_KEY_VALUE, s->embedding, fused_width(s));
    return found.frozen != NULL ? found : (struct train_linear){0};
}

static struct train_layer layer_of(const struct run *run, size_t i)
{
    const struct train_shape *s = &run->pass->shape;
    const size_t d = s->embedding, f = s->feed_forward, q = query_width(s),
                 kv = s->kv_heads * s->head_dimensions;
    return (struct train_layer){
        .form = &s->architecture->form,
        .embedding = d,
        .feed_forward = f,
        .attention_norm = norm_of(run, i, MODEL_ATTENTION_NORM),
        .feed_forward_norm = norm_of(run, i, MODEL_FEED_FORWARD_NORM),
        .query = linear_of(run, i, MODEL_QUERY, d, q),
        .key = linear_of(run, i, MODEL_KEY, d, kv),
        .value = linear_of(run, i, MODEL_VALUE, d, kv),
        .attention_output = linear_of(run, i, MODEL_ATTENTION_OUTPUT, q, d),
        .gate = linear_of(run, i, MODEL_GATE, d, f),
        .up = linear_of(run, i, MODEL_UP, d, f),
        .down = linear_of(run, i, MODEL_DOWN, f, d),
        .fused = fused_of(run, i),
        .attention_dropout = dropout_of(run, 1 + 2 * i),
        .feed_forward_dropout = dropout_of(run, 2 + 2 * i),
        .saved = run->pass->saved[run->pass->options.recompute ? 0 : i],
    };
}

static float *input_of(const struct run *run, size_t layer)
{
    return run->pass->inputs + layer * run->tokens * run->pass->shape.embedding;
}

/* ---- what a caller may get wrong ---- */

static primer_status check_model(const struct train_pass *p, const struct train_model *model,
                                 primer_error *error)
{
    const struct train_shape *a = &p->shape, *b = &model->shape;
    if (a->architecture == b->architecture && a->vocabulary == b->vocabulary &&
        a->embedding == b->embedding && a->layers == b->layers && a->heads == b->heads &&
        a->kv_heads == b->kv_heads && a->head_dimensions == b->head_dimensions &&
        a->feed_forward == b->feed_forward && a->rotary_dimensions == b->rotary_dimensions &&
        a->tied == b->tied && (model->base != NULL) == (p->options.rank > 0))
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL, "the model's shape is not the one the pass was made of");
}

static primer_status check_position(const struct train_pass *p, const struct train_batch *b,
                                    size_t row, size_t t, primer_error *error)
{
    const size_t at = row * b->length + t;
    const float weight = b->weights[at];
    if (b->inputs[at] < 0 || (size_t)b->inputs[at] >= p->shape.vocabulary)
        return error_set(error, PRIMER_EINVAL, "row %zu, position %zu: token %d, expected 0 to %zu",
                         row, t, b->inputs[at], p->shape.vocabulary - 1);
    if (!(weight >= 0) || !isfinite(weight))
        return error_set(error, PRIMER_EINVAL,
                         "row %zu, position %zu: weight %g, expected a finite one of 0 or more",
                         row, t, (double)weight);
    if (weight > 0 && (b->targets[at] < 0 || (size_t)b->targets[at] >= p->shape.vocabulary))
        return error_set(error, PRIMER_EINVAL,
                         "row %zu, position %zu: target %d, expected 0 to %zu", row, t,
                         b->targets[at], p->shape.vocabulary - 1);
    if (b->starts[at] != t && (t == 0 || b->starts[at] != b->starts[at - 1]))
        return error_set(error, PRIMER_EINVAL,
                         "row %zu, position %zu: its document starts at %u, expected here or where "
                         "that of the token before does",
                         row, t, (unsigned)b->starts[at]);
    return PRIMER_OK;
}

static primer_status check_batch(const struct train_pass *p, const struct train_batch *b,
                                 primer_error *error)
{
    if (b->rows == 0 || b->length == 0 || b->rows > p->options.rows ||
        b->length > p->options.length)
        return error_set(error, PRIMER_EINVAL,
                         "a batch of %zu rows of %zu tokens, expected at most %zu of %zu", b->rows,
                         b->length, p->options.rows, p->options.length);
    for (size_t row = 0; row < b->rows; row++)
        for (size_t t = 0; t < b->length; t++)
            FORWARD(check_position(p, b, row, t, error));
    return PRIMER_OK;
}

static primer_status begin(struct run *run, primer_error *error)
{
    struct train_pass *const p = run->pass;
    const struct train_shape *s = &p->shape;
    FORWARD(check_model(p, run->model, error));
    FORWARD(check_batch(p, run->batch, error));
    find_places(p, run->model);
    run->tokens = run->batch->rows * run->batch->length;
    run->attention = (struct train_attention){
        .rows = run->batch->rows,
        .length = run->batch->length,
        .starts = run->batch->starts,
        .heads = s->heads,
        .kv_heads = s->kv_heads,
        .dimensions = s->head_dimensions,
        .rotary = {p->cosine, p->sine, s->rotary_dimensions / 2, s->architecture->form.interleaved},
        .scratch = p->attention_scratch,
    };
    return PRIMER_OK;
}

/* ---- forward and backward ---- */

static primer_status check_finite(const struct run *run, const float *x, size_t layer,
                                  const char *way, primer_error *error)
{
    const struct train_pass *p = run->pass;
    const size_t bad = train_not_finite(&p->context, x, run->tokens, p->shape.embedding);
    if (bad == run->tokens)
        return PRIMER_OK;
    return error_set(error, PRIMER_ENUMERIC,
                     "a NaN or infinite value in row %zu, position %zu, %s layer %zu of %zu",
                     bad / run->batch->length, bad % run->batch->length, way, layer,
                     p->shape.layers);
}

static void embed(const struct run *run, float *x)
{
    const struct train_pass *const p = run->pass;
    const size_t d = p->shape.embedding;
    const struct place *place = &p->places[p->shape.layers * MODEL_ROLES + MODEL_TOKEN_EMBEDDING];
    if (run->model->base != NULL)
        train_frozen_rows(&p->context, &run->model->base->token_embedding, run->batch->inputs,
                          run->tokens, x);
    else
        train_embedding_forward(&p->context, weights_at(run, place->weight), d, run->batch->inputs,
                                run->tokens, x);
}

/* The embedding, all layers and the final norm: pass->hidden. */
static primer_status forward(const struct run *run, primer_error *error)
{
    struct train_pass *const p = run->pass;
    const size_t d = p->shape.embedding, layers = p->shape.layers;
    const struct train_dropout dropout = dropout_of(run, 0);
    embed(run, input_of(run, 0));
    train_drop(&p->context, &dropout, input_of(run, 0), run->tokens, d);
    for (size_t i = 0; i < layers; i++) {
        const struct train_layer layer = layer_of(run, i);
        train_layer_forward(&p->context, &layer, &run->attention, &p->scratch, input_of(run, i),
                            input_of(run, i + 1));
        FORWARD(check_finite(run, input_of(run, i + 1), i, "after", error));
    }
    const struct train_norm norm = norm_of(run, layers, MODEL_FINAL_NORM);
    train_norm_forward(&p->context, &norm, input_of(run, layers), run->tokens, p->hidden,
                       p->final_mean, p->final_inverse);
    return PRIMER_OK;
}

/* From the gradient of pass->hidden to all that is before it. */
static primer_status backward(const struct run *run, const float *dhidden, primer_error *error)
{
    struct train_pass *const p = run->pass;
    const size_t d = p->shape.embedding, layers = p->shape.layers;
    const struct place *embedding = &p->places[layers * MODEL_ROLES + MODEL_TOKEN_EMBEDDING];
    const struct train_norm norm = norm_of(run, layers, MODEL_FINAL_NORM);
    const struct train_dropout dropout = dropout_of(run, 0);
    train_norm_backward(&p->context, &norm, input_of(run, layers), p->final_mean, p->final_inverse,
                        dhidden, run->tokens, p->dx, false);
    for (size_t i = layers; i-- > 0;) {
        const struct train_layer layer = layer_of(run, i);
        if (p->options.recompute)
            train_layer_forward(&p->context, &layer, &run->attention, &p->scratch, input_of(run, i),
                                NULL);
        train_layer_backward(&p->context, &layer, &run->attention, &p->scratch, input_of(run, i),
                             p->dx);
        FORWARD(check_finite(run, p->dx, i, "in the gradient of the input of", error));
    }
    if (embedding->weight == NONE)
        return PRIMER_OK;
    train_drop(&p->context, &dropout, p->dx, run->tokens, d);
    train_embedding_backward(&p->context, p->dx, d, run->batch->inputs, run->tokens,
                             gradients_at(run, embedding->weight));
    return PRIMER_OK;
}

static primer_status check_loss(const struct train_result *result, primer_error *error)
{
    if (isfinite(result->loss))
        return PRIMER_OK;
    return error_set(error, PRIMER_ENUMERIC, "the loss after the output matrix is %g",
                     result->loss);
}

static primer_status begin_teacher(const struct train_teacher *teacher, const struct run *student,
                                   struct run *run, primer_error *error)
{
    if (teacher->model->shape.vocabulary != student->model->shape.vocabulary)
        return error_set(error, PRIMER_EINVAL,
                         "the teacher's vocabulary is %zu, expected the student's, %zu",
                         teacher->model->shape.vocabulary, student->model->shape.vocabulary);
    if (!(teacher->temperature > 0) || !(teacher->mix >= 0 && teacher->mix <= 1))
        return error_set(error, PRIMER_EINVAL,
                         "the teacher's temperature is %g and mix %g, expected above 0, and 0 to 1",
                         teacher->temperature, teacher->mix);
    *run = (struct run){.pass = teacher->pass, .model = teacher->model, .batch = student->batch};
    FORWARD(begin(run, error));
    return forward(run, error);
}

primer_status train_pass_backward(struct train_pass *pass, const struct train_model *model,
                                  const struct train_batch *batch, float scale, uint64_t seed,
                                  const struct train_teacher *teacher, float *gradients,
                                  struct train_result *result, primer_error *error)
{
    struct run run = {.pass = pass,
                      .model = model,
                      .gradients = gradients,
                      .batch = batch,
                      .dropout = pass->options.dropout,
                      .seed = seed};
    struct run teaching;
    struct train_linear teacher_output;
    struct train_head_teacher head_teacher;
    struct train_result found;
    FORWARD(begin(&run, error));
    if (teacher != NULL) {
        FORWARD(begin_teacher(teacher, &run, &teaching, error));
        teacher_output = output_of(&teaching);
        head_teacher = (struct train_head_teacher){&teacher->pass->context, &teacher->pass->head,
                                                   &teacher_output,         teacher->pass->hidden,
                                                   teacher->temperature,    teacher->mix};
    }
    FORWARD(forward(&run, error));
    const struct train_linear output = output_of(&run);
    const struct train_head_task task = {.output = &output,
                                         .hidden = pass->hidden,
                                         .tokens = run.tokens,
                                         .targets = batch->targets,
                                         .weights = batch->weights,
                                         .scale = scale,
                                         .teacher = teacher != NULL ? &head_teacher : NULL,
                                         .dhidden = pass->scratch.dnormed};
    train_head_run(&pass->context, &pass->head, &task, &found.loss, &found.weight);
    FORWARD(check_loss(&found, error));
    FORWARD(backward(&run, pass->scratch.dnormed, error));
    *result = found;
    return PRIMER_OK;
}

primer_status train_pass_loss(struct train_pass *pass, const struct train_model *model,
                              const struct train_batch *batch, struct train_result *result,
                              primer_error *error)
{
    struct run run = {.pass = pass, .model = model, .batch = batch};
    struct train_result found;
    FORWARD(begin(&run, error));
    FORWARD(forward(&run, error));
    const struct train_linear output = output_of(&run);
    const struct train_head_task task = {.output = &output,
                                         .hidden = pass->hidden,
                                         .tokens = run.tokens,
                                         .targets = batch->targets,
                                         .weights = batch->weights};
    train_head_run(&pass->context, &pass->head, &task, &found.loss, &found.weight);
    FORWARD(check_loss(&found, error));
    *result = found;
    return PRIMER_OK;
}

primer_status train_pass_logits(struct train_pass *pass, const struct train_model *model,
                                const struct train_batch *batch, float *out, primer_error *error)
{
    struct run run = {.pass = pass, .model = model, .batch = batch};
    FORWARD(begin(&run, error));
    FORWARD(forward(&run, error));
    const struct train_linear output = output_of(&run);
    for (size_t t = 0; t < run.tokens; t += TRAIN_HEAD_CHUNK) {
        const size_t left = run.tokens - t;
        train_linear_forward(&pass->context, &output, pass->hidden + t * output.in,
                             left < TRAIN_HEAD_CHUNK ? left : TRAIN_HEAD_CHUNK,
                             out + t * output.out, output.out, false);
    }
    return PRIMER_OK;
}
