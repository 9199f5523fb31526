/* Each operator's gradients against central differences of the same operator written plainly in
 * double precision: the loss is a fixed combination of the outputs, so that its coefficients are
 * the outputs' gradients. */
#include "train_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/pool.h"
#include "train/train_attention.h"
#include "train/train_embedding.h"
#include "train/train_head.h"
#include "train/train_linear.h"
#include "train/train_norm.h"

#define STEP      1e-5
#define TOLERANCE 2e-5 /* norm of the difference through the norm */

static struct train_context context;

/* A loss of `count` numbers. */
typedef double loss_of(const double *x, const void *shape);

static double coefficient(size_t i)
{
    return train_fixture_mixed((UINT64_C(7) << 50) + i);
}

static double *random_doubles(size_t count, uint64_t seed)
{
    double *x = malloc(count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (double)(float)(2 * train_fixture_mixed((seed << 40) + i));
    return x;
}

static float *floats_of(const double *x, size_t count)
{
    float *y = malloc(count * sizeof *y);
    for (size_t i = 0; i < count; i++)
        y[i] = (float)x[i];
    return y;
}

static float *coefficients(size_t count)
{
    float *c = malloc(count * sizeof *c);
    for (size_t i = 0; i < count; i++)
        c[i] = (float)coefficient(i);
    return c;
}

/* Each of `gradient` [count] against the loss' slope at x. */
static void check_each(const char *what, loss_of *loss, const void *shape, double *x,
                       const float *gradient, size_t count)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        const double at = x[i];
        x[i] = at + STEP;
        const double above = loss(x, shape);
        x[i] = at - STEP;
        const double slope = (above - loss(x, shape)) / (2 * STEP);
        x[i] = at;
        apart += ((double)gradient[i] - slope) * ((double)gradient[i] - slope);
        size += slope * slope;
    }
    if (!(sqrt(apart) <= TOLERANCE * sqrt(size)))
        fail_msg("%s: gradients are %.3g away", what, sqrt(apart / size));
}

/* The same along a few random directions, for what has too many numbers. */
static void check_directions(const char *what, loss_of *loss, const void *shape, double *x,
                             const float *gradient, size_t count)
{
    double *moved = malloc(count * sizeof *moved);
    for (uint64_t d = 0; d < 3; d++) {
        double *way = random_doubles(count, 100 + d);
        double expected = 0, sides[2], size = 0;
        for (size_t i = 0; i < count; i++) {
            expected += way[i] * (double)gradient[i];
            size += (double)gradient[i] * (double)gradient[i];
        }
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < count; i++)
                moved[i] = x[i] + (side == 0 ? STEP : -STEP) * way[i];
            sides[side] = loss(moved, shape);
        }
        const double slope = (sides[0] - sides[1]) / (2 * STEP);
        if (!(fabs(slope - expected) < 10 * TOLERANCE * sqrt(size)))
            fail_msg("%s: a slope is %.9g, expected %.9g", what, expected, slope);
        free(way);
    }
    free(moved);
}

/* ---- linear ---- */

enum { TOKENS = 37, IN = 7, OUT = 6 };

/* x [TOKENS][IN] | weight [OUT][IN] | bias [OUT] */
static double linear_loss(const double *p, const void *shape)
{
    const double *w = p + TOKENS * IN, *b = w + OUT * IN;
    double loss = 0;
    (void)shape;
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t o = 0; o < OUT; o++) {
            double y = b[o];
            for (size_t i = 0; i < IN; i++)
                y += w[o * IN + i] * p[t * IN + i];
            loss += coefficient(t * OUT + o) * y;
        }
    return loss;
}

static void linear(void **state)
{
    (void)state;
    enum { COUNT = TOKENS * IN + OUT * IN + OUT };
    double *p = random_doubles(COUNT, 1);
    float *f = floats_of(p, COUNT), *c = coefficients(TOKENS * OUT), g[COUNT] = {0};
    const struct train_linear l = {.in = IN,
                                   .out = OUT,
                                   .weight = f + TOKENS * IN,
                                   .bias = f + TOKENS * IN + OUT * IN,
                                   .weight_gradient = g + TOKENS * IN,
                                   .bias_gradient = g + TOKENS * IN + OUT * IN};
    train_linear_backward(&context, &l, f, c, OUT, TOKENS, g, false);
    check_each("linear", linear_loss, NULL, p, g, COUNT);
    free(p);
    free(f);
    free(c);
}

/* ---- norms ---- */

enum { WIDTH = 24 };

/* x [TOKENS][WIDTH] | weight | bias */
static double norm_loss(const double *p, const void *shape)
{
    const struct train_norm *norm = shape;
    const double *w = p + TOKENS * WIDTH, *b = w + WIDTH;
    const bool layer = norm->kind == MODEL_LAYER_NORM;
    double loss = 0;
    for (size_t t = 0; t < TOKENS; t++) {
        const double *x = p + t * WIDTH;
        double mean = 0, square = 0;
        for (size_t i = 0; layer && i < WIDTH; i++)
            mean += x[i] / WIDTH;
        for (size_t i = 0; i < WIDTH; i++)
            square += (x[i] - mean) * (x[i] - mean) / WIDTH;
        for (size_t i = 0; i < WIDTH; i++) {
            const double y = (x[i] - mean) / sqrt(square + (double)norm->epsilon) * w[i];
            loss += coefficient(t * WIDTH + i) * (layer ? y + b[i] : y);
        }
    }
    return loss;
}

static void check_norm(enum model_norm_kind kind)
{
    const size_t of_x = TOKENS * WIDTH,
                 count = of_x + (kind == MODEL_LAYER_NORM ? 2 : 1) * (size_t)WIDTH;
    double *p = random_doubles(of_x + 2 * WIDTH, 2);
    float *f = floats_of(p, of_x + 2 * WIDTH), *c = coefficients(of_x);
    float *g = calloc(of_x + 2 * WIDTH, sizeof *g);
    float out[TOKENS * WIDTH], mean[TOKENS], inverse[TOKENS];
    const bool layer = kind == MODEL_LAYER_NORM;
    const struct train_norm norm = {.kind = kind,
                                    .columns = WIDTH,
                                    .epsilon = 1e-3f,
                                    .weight = f + of_x,
                                    .bias = layer ? f + of_x + WIDTH : NULL,
                                    .weight_gradient = g + of_x,
                                    .bias_gradient = layer ? g + of_x + WIDTH : NULL};
    train_norm_forward(&context, &norm, f, TOKENS, out, mean, inverse);
    train_norm_backward(&context, &norm, f, mean, inverse, c, TOKENS, g, false);
    check_each(layer ? "LayerNorm" : "RMSNorm", norm_loss, &norm, p, g, count);
    free(p);
    free(f);
    free(c);
    free(g);
}

static void norms(void **state)
{
    (void)state;
    check_norm(MODEL_LAYER_NORM);
    check_norm(MODEL_RMS_NORM);
}

/* ---- attention ---- */

static void turn(const struct train_attention *a, const double *from, size_t position, double *to)
{
    const struct train_rotary *r = &a->rotary;
    memcpy(to, from, a->dimensions * sizeof *to);
    for (size_t i = 0; i < r->pairs; i++) {
        const size_t first = r->interleaved ? 2 * i : i,
                     second = r->interleaved ? 2 * i + 1 : i + r->pairs;
        const double cosine = (double)r->cosine[position * r->pairs + i],
                     sine = (double)r->sine[position * r->pairs + i];
        to[first] = from[first] * cosine - from[second] * sine;
        to[second] = from[first] * sine + from[second] * cosine;
    }
}

/* One query's part of the loss. */
static double query_loss(const struct train_attention *a, const double *row, size_t at, size_t t,
                         size_t head)
{
    const size_t width = train_attention_width(a), n = a->dimensions, start = a->starts[at];
    const size_t key_head = head / (a->heads / a->kv_heads);
    double query[64], key[64], sum = 0, total = 0;
    turn(a, row + t * width + head * n, t - start, query);
    for (size_t j = start; j <= t; j++) {
        const double *of_key = row + j * width + (a->heads + key_head) * n;
        double score = 0, value = 0;
        turn(a, of_key, j - start, key);
        for (size_t i = 0; i < n; i++) {
            score += query[i] * key[i];
            value += coefficient((at * a->heads + head) * n + i) * of_key[a->kv_heads * n + i];
        }
        const double p = exp(score / sqrt((double)n));
        sum += p;
        total += p * value;
    }
    return total / sum;
}

static double attention_loss(const double *qkv, const void *shape)
{
    const struct train_attention *a = shape;
    double loss = 0;
    for (size_t row = 0; row < a->rows; row++)
        for (size_t t = 0; t < a->length; t++)
            for (size_t head = 0; head < a->heads; head++)
                loss += query_loss(a, qkv + row * a->length * train_attention_width(a),
                                   row * a->length + t, t, head);
    return loss;
}

static void check_attention(struct train_attention *a, bool each)
{
    const size_t tokens = a->rows * a->length, width = train_attention_width(a),
                 out_width = a->heads * a->dimensions, pairs = a->rotary.pairs;
    double *p = random_doubles(tokens * width, 3);
    float *qkv = floats_of(p, tokens * width), *c = coefficients(tokens * out_width);
    float *g = calloc(tokens * width, sizeof *g), *out = calloc(tokens * out_width, sizeof *out);
    float *sums = calloc(tokens * a->heads, sizeof *sums);
    float *cosine = malloc(a->length * pairs * sizeof *cosine),
          *sine = malloc(a->length * pairs * sizeof *sine);
    for (size_t i = 0; i < a->length * pairs; i++) {
        cosine[i] = (float)cos((double)i * 0.3);
        sine[i] = (float)sin((double)i * 0.3);
    }
    a->rotary.cosine = cosine;
    a->rotary.sine = sine;
    a->scratch = malloc(2 * train_attention_scratch(a->dimensions, a->length) * sizeof(float));
    train_attention_rotate(&context, a, qkv, false);
    train_attention_forward(&context, a, qkv, out, sums);
    double loss = 0;
    for (size_t i = 0; i < tokens * out_width; i++)
        loss += coefficient(i) * (double)out[i];
    assert_true(fabs(loss / attention_loss(p, a) - 1) < 1e-5);
    train_attention_backward(&context, a, qkv, out, sums, c, g);
    train_attention_rotate(&context, a, g, true);
    (each ? check_each : check_directions)("attention", attention_loss, a, p, g, tokens * width);
    free(p);
    free(qkv);
    free(c);
    free(g);
    free(out);
    free(sums);
    free(cosine);
    free(sine);
    free(a->scratch);
}

static void attention(void **state)
{
    (void)state;
    static const uint32_t starts[] = {0, 0, 0, 0, 4, 4, 6, 7, 7, 7, 7,
                                      0, 1, 1, 1, 1, 1, 1, 1, 8, 8, 8};
    struct train_attention a = {.rows = 2,
                                .length = 11,
                                .starts = starts,
                                .heads = 4,
                                .kv_heads = 2,
                                .dimensions = 6,
                                .rotary = {.pairs = 2}};
    check_attention(&a, true);
    a.rotary.interleaved = true;
    a.kv_heads = 1;
    a.rotary.pairs = 3;
    check_attention(&a, true);
}

/* Several tiles of queries, and several blocks of keys; a document begins inside a tile. */
static void long_attention(void **state)
{
    (void)state;
    enum { LENGTH = 1200 };
    uint32_t starts[LENGTH];
    struct train_attention a = {.rows = 1,
                                .length = LENGTH,
                                .starts = starts,
                                .heads = 2,
                                .kv_heads = 1,
                                .dimensions = 4,
                                .rotary = {.pairs = 2}};
    for (size_t t = 0; t < LENGTH; t++)
        starts[t] = t < 30 ? 0 : t < 1190 ? 30 : 1190;
    check_attention(&a, false);
}

/* ---- embedding ---- */

static void embedding(void **state)
{
    (void)state;
    enum { ROWS = 20, COLUMNS = 5, COUNT = 64 };
    int32_t ids[COUNT];
    float *dx = coefficients(COUNT * COLUMNS), *matrix = coefficients(ROWS * COLUMNS);
    float x[COUNT * COLUMNS], g[ROWS * COLUMNS] = {0}, expected[ROWS * COLUMNS] = {0};
    for (size_t t = 0; t < COUNT; t++)
        ids[t] = (int32_t)((t * t) % ROWS);
    train_embedding_forward(&context, matrix, COLUMNS, ids, COUNT, x);
    train_embedding_backward(&context, dx, COLUMNS, ids, COUNT, g);
    for (size_t t = 0; t < COUNT; t++)
        for (size_t i = 0; i < COLUMNS; i++) {
            assert_true(x[t * COLUMNS + i] == matrix[(size_t)ids[t] * COLUMNS + i]);
            expected[(size_t)ids[t] * COLUMNS + i] += dx[t * COLUMNS + i];
        }
    assert_memory_equal(g, expected, sizeof g);
    free(dx);
    free(matrix);
}

/* ---- output matrix and loss, alone and with a teacher ---- */

enum { HEAD_TOKENS = 300, HEAD_IN = 3, VOCABULARY = 9 };

struct head_shape {
    int32_t targets[HEAD_TOKENS];
    float weights[HEAD_TOKENS];
    float teacher_hidden[HEAD_TOKENS * HEAD_IN], teacher_weight[VOCABULARY * HEAD_IN];
    double temperature, mix;
};

static void log_softmax(const double *z, double temperature, double *out)
{
    double sum = 0;
    for (size_t v = 0; v < VOCABULARY; v++)
        sum += exp(z[v] / temperature);
    for (size_t v = 0; v < VOCABULARY; v++)
        out[v] = z[v] / temperature - log(sum);
}

/* hidden [HEAD_TOKENS][HEAD_IN] | weight [VOCABULARY][HEAD_IN] | bias [VOCABULARY] */
static double head_loss(const double *p, const void *shape)
{
    const struct head_shape *s = shape;
    const double *w = p + HEAD_TOKENS * HEAD_IN, *b = w + VOCABULARY * HEAD_IN;
    double loss = 0;
    for (size_t t = 0; t < HEAD_TOKENS; t++) {
        double z[VOCABULARY], teacher[VOCABULARY], log_p[VOCABULARY], log_q[VOCABULARY], kl = 0;
        for (size_t v = 0; v < VOCABULARY; v++) {
            z[v] = b[v];
            teacher[v] = 0;
            for (size_t i = 0; i < HEAD_IN; i++) {
                z[v] += w[v * HEAD_IN + i] * p[t * HEAD_IN + i];
                teacher[v] += (double)s->teacher_weight[v * HEAD_IN + i] *
                              (double)s->teacher_hidden[t * HEAD_IN + i];
            }
        }
        log_softmax(z, 1, log_q);
        const double cross = -log_q[s->targets[t]];
        log_softmax(z, s->temperature, log_q);
        log_softmax(teacher, s->temperature, log_p);
        for (size_t v = 0; v < VOCABULARY; v++)
            kl += exp(log_p[v]) * (log_p[v] - log_q[v]);
        loss += (double)s->weights[t] *
                ((1 - s->mix) * cross + s->mix * s->temperature * s->temperature * kl);
    }
    return loss;
}

static struct train_head room_for_head(void)
{
    return (struct train_head){malloc(TRAIN_HEAD_CHUNK * HEAD_IN * sizeof(float)),
                               malloc(TRAIN_HEAD_CHUNK * HEAD_IN * sizeof(float)),
                               malloc(TRAIN_HEAD_CHUNK * VOCABULARY * sizeof(float)),
                               malloc(TRAIN_HEAD_CHUNK * sizeof(double)),
                               malloc(TRAIN_HEAD_CHUNK * sizeof(size_t))};
}

static void free_head(struct train_head *head)
{
    free(head->rows);
    free(head->rows_gradient);
    free(head->logits);
    free(head->losses);
    free(head->positions);
}

static void check_head(double mix)
{
    enum { COUNT = HEAD_TOKENS * HEAD_IN + VOCABULARY * HEAD_IN + VOCABULARY };
    struct head_shape s = {.temperature = 2.5, .mix = mix};
    double *p = random_doubles(COUNT, 4), loss, weight;
    float *f = floats_of(p, COUNT), g[COUNT] = {0};
    struct train_head head = room_for_head(), teaching = room_for_head();
    for (size_t t = 0; t < HEAD_TOKENS; t++) {
        s.targets[t] = (int32_t)(t * 5 % VOCABULARY);
        s.weights[t] = (float)(t % 4) * 0.5f;
    }
    for (size_t i = 0; i < HEAD_TOKENS * HEAD_IN; i++)
        s.teacher_hidden[i] = (float)coefficient(i);
    for (size_t i = 0; i < VOCABULARY * HEAD_IN; i++)
        s.teacher_weight[i] = 4 * (float)coefficient(5000 + i);
    const struct train_linear output = {.in = HEAD_IN,
                                        .out = VOCABULARY,
                                        .weight = f + HEAD_TOKENS * HEAD_IN,
                                        .bias = f + COUNT - VOCABULARY,
                                        .weight_gradient = g + HEAD_TOKENS * HEAD_IN,
                                        .bias_gradient = g + COUNT - VOCABULARY};
    const struct train_linear teacher_output = {
        .in = HEAD_IN, .out = VOCABULARY, .weight = s.teacher_weight};
    const struct train_head_teacher teacher = {&context,         &teaching,     &teacher_output,
                                               s.teacher_hidden, s.temperature, s.mix};
    const struct train_head_task task = {.output = &output,
                                         .hidden = f,
                                         .tokens = HEAD_TOKENS,
                                         .targets = s.targets,
                                         .weights = s.weights,
                                         .scale = 1,
                                         .teacher = mix > 0 ? &teacher : NULL,
                                         .dhidden = g};
    train_head_run(&context, &head, &task, &loss, &weight);
    assert_true(fabs(weight - 225) < 1e-9);
    assert_true(fabs(loss / head_loss(p, &s) - 1) < 1e-5);
    check_each(mix > 0 ? "distillation" : "loss", head_loss, &s, p, g, COUNT);
    free_head(&head);
    free_head(&teaching);
    free(p);
    free(f);
}

static void loss_alone(void **state)
{
    (void)state;
    check_head(0);
}

static void distillation(void **state)
{
    (void)state;
    check_head(0.7);
    check_head(1);
}

/* ---- dropout ---- */

static void dropout(void **state)
{
    (void)state;
    enum { ROWS = 400, COLUMNS = 50 };
    static float x[ROWS * COLUMNS], y[ROWS * COLUMNS];
    struct train_dropout drop = {.probability = 0.25, .seed = 3, .place = 5};
    size_t zeros = 0;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        x[i] = y[i] = 1;
    train_drop(&context, &drop, x, ROWS, COLUMNS);
    train_drop(&context, &drop, y, ROWS, COLUMNS);
    assert_memory_equal(x, y, sizeof x);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        if (x[i] > 0)
            assert_true(fabs((double)x[i] * 0.75 - 1) < 1e-6);
        zeros += !(x[i] > 0);
        y[i] = 1;
    }
    assert_in_range(zeros, ROWS * COLUMNS * 23 / 100, ROWS * COLUMNS * 27 / 100);
    drop.place++;
    train_drop(&context, &drop, y, ROWS, COLUMNS);
    assert_memory_not_equal(x, y, sizeof x);
}

static int set_up(void **state)
{
    (void)state;
    if (pool_create(&context.pool, 2, NULL) != PRIMER_OK)
        return 1;
    context.kernel = kernel_best();
    context.training = training_kernel_of(context.kernel);
    context.partials = malloc(TRAIN_SLICES * train_context_partial(64, WIDTH) * sizeof(float));
    return gemm_workspace_create(&context.gemm, context.kernel, context.pool, NULL) != PRIMER_OK;
}

static int tear_down(void **state)
{
    (void)state;
    gemm_workspace_free(context.gemm);
    pool_free(context.pool);
    free(context.partials);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear),         cmocka_unit_test(norms),     cmocka_unit_test(attention),
        cmocka_unit_test(long_attention), cmocka_unit_test(embedding), cmocka_unit_test(loss_alone),
        cmocka_unit_test(distillation),   cmocka_unit_test(dropout),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
