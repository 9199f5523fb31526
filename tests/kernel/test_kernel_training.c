/* test_kernel_training.c - training's functions: every level equals scalar bit for bit, what the
 * engine has too equals the engine's, and gradients equal differences of the function in double
 * precision. */
#include "kernel_check.h"

#include <math.h>
#include "kernel/training.h"

static const size_t lengths[] = {1,  2,  3,  4,  5,  7,  8,  9,   13,  15,   16,   17,
                                 23, 31, 32, 33, 47, 64, 65, 100, 255, 1023, 1025, 2600};
#define LENGTHS (sizeof lengths / sizeof lengths[0])

/* ---- levels equal scalar ---- */

enum { ARRAYS = 6 };

/* Six arrays of `count` floats, any of which an operation may read and write. */
struct trial {
    struct fence arrays[ARRAYS];
    size_t count;
    uint64_t choice;
    double value; /* out */
};

static float *array_of(const struct trial *trial, size_t i)
{
    return fence_floats(&trial->arrays[i]);
}

#define A array_of(trial, 0)
#define B array_of(trial, 1)
#define C array_of(trial, 2)
#define D array_of(trial, 3)
#define E array_of(trial, 4)
#define F array_of(trial, 5)

typedef void operation(const struct training_kernel *kernel, struct trial *trial);

static void do_gelu(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->gelu(A, trial->count, D);
    kernel->gelu(B, trial->count, B);
}

static void do_gelu_backward(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->gelu_backward(A, B, trial->count, D);
    kernel->gelu_backward(A, C, trial->count, C);
}

static void do_silu(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->silu(A, B, trial->count, D);
    kernel->silu(A, B, trial->count, A);
}

static void do_silu_backward(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->silu_backward(A, B, C, trial->count, D, E);
    kernel->silu_backward(A, B, C, trial->count, A, B);
}

static struct training_norm norm_of(struct trial *trial, bool layer)
{
    const size_t rows = 1 + trial->choice % 3 % trial->count;
    return (struct training_norm){.rows = rows,
                                  .columns = trial->count / rows,
                                  .x = A,
                                  .weight = B,
                                  .bias = layer && trial->choice / 4 % 2 ? C : NULL,
                                  .epsilon = 1e-5f,
                                  .out = D,
                                  .mean = E,
                                  .inverse = F};
}

static void do_layer_norm(const struct training_kernel *kernel, struct trial *trial)
{
    const struct training_norm norm = norm_of(trial, true);
    kernel->layer_norm(&norm);
}

static void do_rms_norm(const struct training_kernel *kernel, struct trial *trial)
{
    const struct training_norm norm = norm_of(trial, false);
    kernel->rms_norm(&norm);
}

/* Weights' gradients go to arrays of their own at the end of D and E. */
static struct training_norm_backward backward_of(struct trial *trial, bool layer)
{
    const struct training_norm norm = norm_of(trial, layer);
    return (struct training_norm_backward){.rows = norm.rows,
                                           .columns = norm.columns,
                                           .x = A,
                                           .weight = B,
                                           .mean = F,
                                           .inverse = F,
                                           .dout = C,
                                           .dx = trial->choice / 8 % 2 ? C : D,
                                           .accumulate = trial->choice / 8 % 2 == 0 &&
                                                         trial->choice / 16 % 2 == 0,
                                           .dweight = trial->choice / 32 % 4 ? E : NULL,
                                           .dbias = NULL};
}

static void do_layer_norm_backward(const struct training_kernel *kernel, struct trial *trial)
{
    struct training_norm_backward norm = backward_of(trial, true);
    if (norm.dx == C)
        norm.dbias = D;
    kernel->layer_norm_backward(&norm);
}

static void do_rms_norm_backward(const struct training_kernel *kernel, struct trial *trial)
{
    struct training_norm_backward norm = backward_of(trial, false);
    norm.mean = NULL;
    kernel->rms_norm_backward(&norm);
}

static void do_softmax(const struct training_kernel *kernel, struct trial *trial)
{
    trial->value = (double)kernel->softmax(A, trial->count);
    kernel->softmax_again(B, 1.5f, trial->count, D);
    kernel->softmax_again(C, -0.5f, trial->count, C);
}

static void do_softmax_backward(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->softmax_backward(A, B[0], 0.125f, trial->count, C);
}

static void do_log_sum(const struct training_kernel *kernel, struct trial *trial)
{
    trial->value = kernel->log_sum(A, trial->count);
}

static void do_cross_entropy(const struct training_kernel *kernel, struct trial *trial)
{
    trial->value = kernel->cross_entropy(A, trial->count, trial->choice % trial->count, 0.25f);
}

static void do_distill(const struct training_kernel *kernel, struct trial *trial)
{
    trial->value = kernel->distill(
        &(struct training_distillation){.count = trial->count,
                                        .student = A,
                                        .teacher = B,
                                        .target = trial->choice % trial->count,
                                        .temperature = 1.0f + (float)(trial->choice % 3),
                                        .mix = (float)(trial->choice % 5) / 4.0f,
                                        .scale = 0.5f});
}

static void do_sums(const struct training_kernel *kernel, struct trial *trial)
{
    D[0] = kernel->dot(A, B, trial->count);
    trial->value = kernel->square_sum(C, trial->count);
}

static void do_vectors(const struct training_kernel *kernel, struct trial *trial)
{
    const size_t rows = 1 + trial->choice % 3 % trial->count;
    kernel->add_scaled(D, E[0], A, trial->count);
    kernel->add(E, B, trial->count);
    kernel->scale(C, F[0], trial->count);
    kernel->add_rows(A, rows, trial->count / rows, F);
}

static void do_rotate(const struct training_kernel *kernel, struct trial *trial)
{
    const size_t heads = trial->count > 4 ? 2 : 1, dimensions = trial->count / heads;
    kernel->rotate(&(struct training_rotation){.x = A,
                                               .heads = heads,
                                               .dimensions = dimensions,
                                               .cosine = B,
                                               .sine = C,
                                               .pairs = dimensions / 2,
                                               .interleaved = trial->choice % 2 == 0,
                                               .back = trial->choice / 2 % 2 == 0});
}

static void do_dropout(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->dropout(A, trial->count, trial->choice, 0.1f);
    kernel->dropout(B, trial->count, ~trial->choice, 0.0f);
    kernel->dropout(C, trial->count, trial->choice * 77, 0.9f);
}

static const struct training_adam step_of_test = {.beta_1 = 0.9f,
                                                  .rest_1 = 0.1f,
                                                  .beta_2 = 0.95f,
                                                  .rest_2 = 0.05f,
                                                  .correction_1 = 3.7f,
                                                  .correction_2 = 7.0f,
                                                  .epsilon = 1e-8f,
                                                  .rate = 3e-3f,
                                                  .decay = 0.1f,
                                                  .factor = 0.7f};

static void do_adam(const struct training_kernel *kernel, struct trial *trial)
{
    kernel->adam(&step_of_test, A, trial->count, B, C, D);
}

static const struct {
    const char *name;
    operation *call;
} operations[] = {
    {"gelu", do_gelu},
    {"gelu_backward", do_gelu_backward},
    {"silu", do_silu},
    {"silu_backward", do_silu_backward},
    {"layer_norm", do_layer_norm},
    {"layer_norm_backward", do_layer_norm_backward},
    {"rms_norm", do_rms_norm},
    {"rms_norm_backward", do_rms_norm_backward},
    {"softmax", do_softmax},
    {"softmax_backward", do_softmax_backward},
    {"log_sum", do_log_sum},
    {"cross_entropy", do_cross_entropy},
    {"distill", do_distill},
    {"dot, square_sum", do_sums},
    {"add, add_scaled, scale, add_rows", do_vectors},
    {"rotate", do_rotate},
    {"dropout", do_dropout},
    {"adam", do_adam},
};

static struct trial copy_of(const struct trial *trial)
{
    struct trial copy = *trial;
    for (size_t i = 0; i < ARRAYS; i++)
        copy.arrays[i] = fence_copy(&trial->arrays[i]);
    return copy;
}

static void free_trial(struct trial *trial)
{
    for (size_t i = 0; i < ARRAYS; i++)
        fence_free(&trial->arrays[i]);
}

static bool same_value(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void compare_levels(const struct trial *trial, size_t o)
{
    struct trial want = copy_of(trial);
    operations[o].call(training_kernel_of(check_scalar()), &want);
    CHECK_EACH_LEVEL(kernel)
    {
        struct trial got = copy_of(trial);
        assert_int_equal(training_kernel_of(kernel)->level, kernel->level);
        operations[o].call(training_kernel_of(kernel), &got);
        for (size_t i = 0; i < ARRAYS; i++)
            check_same_fence(&got.arrays[i], &want.arrays[i], cpu_level_name(kernel->level),
                             operations[o].name);
        if (!same_value(got.value, want.value))
            fail_msg("%s %s: returns %a, scalar %a", cpu_level_name(kernel->level),
                     operations[o].name, got.value, want.value);
        free_trial(&got);
    }
    free_trial(&want);
}

static void test_levels_equal_scalar(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++)
        for (size_t i = 0; i < LENGTHS; i++) {
            struct trial trial = {.count = lengths[i], .choice = random_u64(&random)};
            for (size_t k = 0; k < ARRAYS; k++)
                trial.arrays[k] = check_floats(&random, kind, trial.count);
            for (size_t o = 0; o < sizeof operations / sizeof operations[0]; o++)
                compare_levels(&trial, o);
            free_trial(&trial);
        }
}

/* ---- what the engine has too ---- */

enum { COUNT = 203, ROWS = 4 };

static void fill(struct random *random, float *out, size_t count, double size)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)((2.0 * random_unit(random) - 1.0) * size);
}

static void test_equals_the_engine(void **state)
{
    (void)state;
    struct random random;
    float x[COUNT], y[COUNT], z[COUNT], got[COUNT], want[COUNT], mean, inverse;
    random_seed(&random, 2);
    fill(&random, x, COUNT, 8.0);
    fill(&random, y, COUNT, 1.0);
    fill(&random, z, COUNT, 1.0);
    const struct kernel *const kernel = kernel_best();
    const struct training_kernel *const training = training_kernel_of(kernel);
    kernel->finish(&(struct kernel_finish){.sums = x,
                                           .sums_stride = COUNT,
                                           .tokens = 1,
                                           .rows = COUNT,
                                           .gelu = true,
                                           .out = want,
                                           .out_stride = COUNT});
    training->gelu(x, COUNT, got);
    check_same(got, want, COUNT, "best", "gelu");
    memcpy(want, x, sizeof want);
    kernel->silu_product(want, y, COUNT);
    training->silu(x, y, COUNT, got);
    check_same(got, want, COUNT, "best", "silu");
    struct training_norm norm = {1, COUNT, x, y, z, 1e-5f, got, &mean, &inverse};
    kernel->layer_norm(x, y, z, 1e-5f, COUNT, want);
    training->layer_norm(&norm);
    check_same(got, want, COUNT, "best", "layer_norm");
    norm.bias = NULL;
    kernel->rms_norm(x, y, 1e-5f, COUNT, want);
    training->rms_norm(&norm);
    check_same(got, want, COUNT, "best", "rms_norm");
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        memcpy(got, x, sizeof got);
        memcpy(want, x, sizeof want);
        for (size_t head = 0; head < 3; head++)
            kernel->rotate(want + head * 60, y, z, 25, interleaved != 0);
        training->rotate(
            &(struct training_rotation){got, 3, 60, y, z, 25, interleaved != 0, false});
        check_same(got, want, COUNT, "best", "rotate");
    }
}

/* ---- gradients ---- */

static void near(double got, double want, double tolerance, const char *what, size_t i)
{
    if (!(fabs(got - want) <= tolerance * (1.0 + fabs(want))))
        fail_msg("%s, value %zu: %.9g, wanted %.9g", what, i, got, want);
}

static double gelu_in_double(double x)
{
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

static double silu_in_double(double x)
{
    return x / (1.0 + exp(-x));
}

static void test_activation_gradients(void **state)
{
    (void)state;
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    const double h = 1e-5;
    float x[COUNT], up[COUNT], dout[COUNT], dx[COUNT], dup[COUNT];
    struct random random;
    random_seed(&random, 3);
    for (size_t i = 0; i < COUNT; i++)
        x[i] = (float)(-20.0 + 40.0 * (double)i / (COUNT - 1));
    fill(&random, up, COUNT, 2.0);
    fill(&random, dout, COUNT, 2.0);
    kernel->gelu_backward(x, dout, COUNT, dx);
    for (size_t i = 0; i < COUNT; i++) {
        const double at = (double)x[i];
        const double slope = (gelu_in_double(at + h) - gelu_in_double(at - h)) / (2.0 * h);
        near((double)dx[i], (double)dout[i] * slope, 3e-6, "gelu_backward", i);
    }
    kernel->silu_backward(x, up, dout, COUNT, dx, dup);
    for (size_t i = 0; i < COUNT; i++) {
        const double at = (double)x[i], d = (double)dout[i];
        const double slope = (silu_in_double(at + h) - silu_in_double(at - h)) / (2.0 * h);
        near((double)dx[i], d * (double)up[i] * slope, 3e-6, "silu_backward of gate", i);
        near((double)dup[i], d * silu_in_double(at), 3e-6, "silu_backward of up", i);
    }
    const float far[] = {-1e30f, 1e30f, -INFINITY, INFINITY, -50.0f, 50.0f},
                ones[6] = {1, 1, 1, 1, 1, 1};
    kernel->gelu_backward(far, ones, 6, dx);
    for (size_t i = 0; i < 6; i++)
        assert_true(dx[i] == (far[i] > 0.0f ? 1.0f : 0.0f));
}

/* The sum of dout * norm(x) over rows, in double; values at offsets into x, weight and bias. */
static double norm_in_double(const double *x, const double *weight, const double *bias,
                             const float *dout, size_t columns, bool layer)
{
    double sum = 0.0;
    for (size_t row = 0; row < ROWS; row++) {
        const double *const at = x + row * columns;
        double mean = 0.0, square = 0.0;
        for (size_t i = 0; layer && i < columns; i++)
            mean += at[i] / (double)columns;
        for (size_t i = 0; i < columns; i++)
            square += (at[i] - mean) * (at[i] - mean) / (double)columns;
        for (size_t i = 0; i < columns; i++)
            sum += (double)dout[row * columns + i] *
                   ((at[i] - mean) / sqrt(square + 1e-5) * weight[i] + bias[i]);
    }
    return sum;
}

static double norm_slope(double *parameter, const double *x, const double *weight,
                         const double *bias, const float *dout, size_t columns, bool layer)
{
    const double before = *parameter, h = 1e-5;
    *parameter = before + h;
    const double above = norm_in_double(x, weight, bias, dout, columns, layer);
    *parameter = before - h;
    const double below = norm_in_double(x, weight, bias, dout, columns, layer);
    *parameter = before;
    return (above - below) / (2.0 * h);
}

static void widen(const float *from, size_t count, double *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

static void check_norm_gradients(bool layer)
{
    enum { COLUMNS = 37 };
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    float x[ROWS * COLUMNS], weight[COLUMNS], bias[COLUMNS], out[ROWS * COLUMNS];
    float dout[ROWS * COLUMNS], dx[ROWS * COLUMNS], dweight[COLUMNS], dbias[COLUMNS];
    float mean[ROWS], inverse[ROWS];
    double wide[ROWS * COLUMNS], wide_weight[COLUMNS], wide_bias[COLUMNS] = {0};
    struct random random;
    random_seed(&random, 4);
    fill(&random, x, ROWS * COLUMNS, 3.0);
    fill(&random, weight, COLUMNS, 2.0);
    fill(&random, bias, COLUMNS, 1.0);
    fill(&random, dout, ROWS * COLUMNS, 1.0);
    widen(x, ROWS * COLUMNS, wide);
    widen(weight, COLUMNS, wide_weight);
    const struct training_norm forward = {ROWS,  COLUMNS, x,    weight, layer ? bias : NULL,
                                          1e-5f, out,     mean, inverse};
    (layer ? kernel->layer_norm : kernel->rms_norm)(&forward);
    for (size_t i = 0; i < COLUMNS; i++)
        dweight[i] = dbias[i] = 10.0f;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        dx[i] = 5.0f;
    const struct training_norm_backward backward = {
        ROWS, COLUMNS, x, weight, mean, inverse, dout, dx, true, dweight, layer ? dbias : NULL};
    (layer ? kernel->layer_norm_backward : kernel->rms_norm_backward)(&backward);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        near((double)dx[i] - 5.0,
             norm_slope(&wide[i], wide, wide_weight, wide_bias, dout, COLUMNS, layer), 1e-5,
             "norm, dx", i);
    for (size_t i = 0; i < COLUMNS; i++) {
        near((double)dweight[i] - 10.0,
             norm_slope(&wide_weight[i], wide, wide_weight, wide_bias, dout, COLUMNS, layer), 1e-5,
             "norm, dweight", i);
        near((double)dbias[i] - 10.0,
             !layer ? 0.0
                    : norm_slope(&wide_bias[i], wide, wide_weight, wide_bias, dout, COLUMNS, layer),
             1e-5, "norm, dbias", i);
    }
}

static void test_norm_gradients(void **state)
{
    (void)state;
    check_norm_gradients(true);
    check_norm_gradients(false);
}

static double log_sum_in_double(const double *x, double inverse, size_t count)
{
    double most = x[0], sum = 0.0;
    for (size_t i = 1; i < count; i++)
        most = fmax(most, x[i]);
    for (size_t i = 0; i < count; i++)
        sum += exp((x[i] - most) * inverse);
    return log(sum) + most * inverse;
}

static double distillation_in_double(const double *student, const double *teacher, size_t target,
                                     double temperature, double mix)
{
    const double of_s = log_sum_in_double(student, 1.0 / temperature, COUNT);
    const double of_t = log_sum_in_double(teacher, 1.0 / temperature, COUNT);
    double divergence = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        const double q = teacher[i] / temperature - of_t;
        divergence += exp(q) * (q - (student[i] / temperature - of_s));
    }
    return (1.0 - mix) * (log_sum_in_double(student, 1.0, COUNT) - student[target]) +
           mix * temperature * temperature * divergence;
}

static void check_distillation(const float *student, const float *teacher, float temperature,
                               float mix)
{
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    const double h = 1e-4, scale = 0.5;
    const size_t target = 17;
    double wide[COUNT], wide_teacher[COUNT];
    float got[COUNT];
    widen(student, COUNT, wide);
    widen(teacher, COUNT, wide_teacher);
    memcpy(got, student, sizeof got);
    const double loss = kernel->distill(&(struct training_distillation){
        COUNT, got, teacher, target, temperature, mix, (float)scale});
    near(loss, distillation_in_double(wide, wide_teacher, target, (double)temperature, (double)mix),
         1e-5, "distill, loss", 0);
    for (size_t i = 0; i < COUNT; i++) {
        const double before = wide[i];
        wide[i] = before + h;
        const double above =
            distillation_in_double(wide, wide_teacher, target, (double)temperature, (double)mix);
        wide[i] = before - h;
        const double below =
            distillation_in_double(wide, wide_teacher, target, (double)temperature, (double)mix);
        wide[i] = before;
        near((double)got[i], scale * (above - below) / (2.0 * h), 1e-6, "distill, gradient", i);
    }
}

static void test_losses(void **state)
{
    (void)state;
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    float x[COUNT], teacher[COUNT], got[COUNT];
    double wide[COUNT];
    struct random random;
    random_seed(&random, 5);
    fill(&random, x, COUNT, 4.0);
    fill(&random, teacher, COUNT, 4.0);
    widen(x, COUNT, wide);
    const double log_sum = log_sum_in_double(wide, 1.0, COUNT);
    near(kernel->log_sum(x, COUNT), log_sum, 1e-6, "log_sum", 0);
    memcpy(got, x, sizeof got);
    near(kernel->cross_entropy(got, COUNT, 200, 3.0f), log_sum - wide[200], 1e-6, "cross_entropy",
         0);
    for (size_t i = 0; i < COUNT; i++)
        near((double)got[i], 3.0 * (exp(wide[i] - log_sum) - (i == 200 ? 1.0 : 0.0)), 1e-6,
             "cross_entropy, gradient", i);
    check_distillation(x, teacher, 1.0f, 0.0f);
    check_distillation(x, teacher, 1.0f, 1.0f);
    check_distillation(x, teacher, 2.5f, 0.3f);
    memcpy(got, x, sizeof got);
    near(kernel->distill(&(struct training_distillation){COUNT, got, x, 3, 2.0f, 1.0f, 1.0f}), 0.0,
         1e-6, "distill of equals", 0);
}

static void test_softmax(void **state)
{
    (void)state;
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    float x[COUNT], p[COUNT], again[COUNT], dp[COUNT], dx[COUNT];
    double wide[COUNT], sum = 0.0, correction = 0.0;
    struct random random;
    random_seed(&random, 6);
    fill(&random, x, COUNT, 5.0);
    fill(&random, dp, COUNT, 1.0);
    x[7] = -INFINITY;
    widen(x, COUNT, wide);
    const double log_sum = log_sum_in_double(wide, 1.0, COUNT);
    memcpy(p, x, sizeof p);
    const float found = kernel->softmax(p, COUNT);
    near((double)found, log_sum, 1e-6, "softmax, log_sum", 0);
    kernel->softmax_again(x, found, COUNT, again);
    for (size_t i = 0; i < COUNT; i++) {
        near((double)p[i], exp(wide[i] - log_sum), 1e-6, "softmax", i);
        near((double)again[i], exp(wide[i] - log_sum), 1e-6, "softmax_again", i);
        sum += (double)p[i];
        correction += (double)p[i] * (double)dp[i];
    }
    near(sum, 1.0, 1e-6, "softmax, sum", 0);
    assert_true(p[7] == 0.0f && again[7] == 0.0f);
    near((double)kernel->dot(p, dp, COUNT), correction, 1e-6, "dot", 0);
    memcpy(dx, dp, sizeof dx);
    kernel->softmax_backward(p, (float)correction, 0.5f, COUNT, dx);
    for (size_t i = 0; i < COUNT; i++)
        near((double)dx[i], 0.5 * (double)p[i] * ((double)dp[i] - correction), 1e-6,
             "softmax_backward", i);
}

/* ---- the rest ---- */

static void test_rotates_back(void **state)
{
    (void)state;
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    float x[120], before[120], cosine[25], sine[25];
    struct random random;
    random_seed(&random, 7);
    fill(&random, x, 120, 1.0);
    memcpy(before, x, sizeof x);
    for (size_t i = 0; i < 25; i++) {
        cosine[i] = cosf((float)i);
        sine[i] = sinf((float)i);
    }
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        struct training_rotation rotation = {x, 2, 60, cosine, sine, 25, interleaved != 0, false};
        kernel->rotate(&rotation);
        near(fabs((double)x[4] - (double)before[4]) > 1e-3, 1.0, 0.0, "rotated", 4);
        assert_true(x[50] == before[50] && x[119] == before[119]);
        rotation.back = true;
        kernel->rotate(&rotation);
        for (size_t i = 0; i < 120; i++)
            near((double)x[i], (double)before[i], 1e-6, "rotated and back", i);
    }
}

static void test_adam(void **state)
{
    (void)state;
    const struct training_kernel *const kernel = training_kernel_of(check_scalar());
    float gradient[COUNT], m[COUNT], v[COUNT], w[COUNT];
    double old_m[COUNT], old_v[COUNT], old_w[COUNT];
    const struct training_adam *const s = &step_of_test;
    struct random random;
    random_seed(&random, 8);
    fill(&random, gradient, COUNT, 1.0);
    fill(&random, m, COUNT, 0.1);
    fill(&random, v, COUNT, 0.1);
    fill(&random, w, COUNT, 1.0);
    for (size_t i = 0; i < COUNT; i++)
        v[i] = fabsf(v[i]);
    widen(m, COUNT, old_m);
    widen(v, COUNT, old_v);
    widen(w, COUNT, old_w);
    kernel->adam(s, gradient, COUNT, m, v, w);
    for (size_t i = 0; i < COUNT; i++) {
        const double g = (double)gradient[i] * 0.7, mean = 0.9 * old_m[i] + 0.1 * g;
        const double variance = 0.95 * old_v[i] + 0.05 * g * g;
        const double change = mean * 3.7 / (sqrt(variance * 7.0) + 1e-8) + 0.1 * old_w[i];
        near((double)m[i], mean, 1e-6, "adam, m", i);
        near((double)v[i], variance, 1e-6, "adam, v", i);
        near((double)w[i], old_w[i] - 3e-3 * change, 1e-6, "adam, w", i);
    }
}

/* Two rows of bits: how often both are zero, or one. */
static void test_dropout(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    static float x[MANY], y[MANY];
    const struct training_kernel *const kernel = training_kernel_of(kernel_best());
    const double probability = 0.2;
    size_t none = 0, both = 0, follows = 0;
    for (size_t i = 0; i < MANY; i++)
        x[i] = y[i] = 1.0f;
    kernel->dropout(x, MANY, training_key(1, 2, 3), (float)probability);
    kernel->dropout(y, MANY, training_key(1, 2, 4), (float)probability);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(x[i] == 0.0f || x[i] == 1.0f / (1.0f - 0.2f));
        none += x[i] == 0.0f;
        both += x[i] == 0.0f && y[i] == 0.0f;
        follows += i > 0 && x[i] == 0.0f && x[i - 1] == 0.0f;
    }
    /* Five deviations of a binomial distribution. */
    near((double)none / MANY, 0.2, 5.0 * sqrt(0.2 * 0.8 / MANY), "share of zeros", 0);
    near((double)both / MANY, 0.04, 5.0 * sqrt(0.04 * 0.96 / MANY), "share of both", 0);
    near((double)follows / MANY, 0.04, 5.0 * sqrt(0.04 * 0.96 / MANY), "share of neighbours", 0);
    assert_true(training_key(1, 2, 3) != training_key(1, 3, 2));
    assert_true(training_key(1, 2, 3) != training_key(2, 2, 3));
    /* The same call again has the same zeros. */
    for (size_t i = 0; i < MANY; i++)
        y[i] = 1.0f;
    kernel->dropout(y, MANY, training_key(1, 2, 3), (float)probability);
    assert_memory_equal(x, y, sizeof x);
}

/* A start and two steps of one lane, times ones: values are rounded, the odd step is added first. */
static void test_rounds_to_bfloat(void **state)
{
    (void)state;
    static const struct {
        float steps[2], start, want;
    } cases[] = {
        {{1.0f, 0.0f}, 0.0f, 1.0f},
        {{0x1.01p0f, 0.0f}, 0.0f, 1.0f},
        {{0x1.03p0f, 0.0f}, 0.0f, 0x1.04p0f},
        {{0.0f, 0x1.010002p0f}, 0.0f, 0x1.02p0f},
        {{-0x1.01p0f, 0.0f}, 0.0f, -1.0f},
        {{INFINITY, 0.0f}, 0.0f, INFINITY},
        {{0x1.ffp127f, 0.0f}, 0.0f, INFINITY},
        {{0x1.fffffcp-127f, 0.0f}, 0.0f, 0.0f},
        {{0x1p-126f, 0.0f}, 0.0f, 0x1p-126f},
        {{1.0f, 0x1.8p-24f}, 0.0f, 0x1.000002p0f},
        {{0x1p-30f, -1.0f}, 1.0f, 0x1p-30f},
        {{-1.0f, 0x1p-30f}, 1.0f, 0.0f},
    };
    const float ones[] = {1.0f, 1.0f};
    for (int level = 0; level < CPU_LEVELS; level++) {
        if (kernel_at((enum cpu_level)level) == NULL)
            continue;
        const struct training_kernel *const kernel =
            training_kernel_of(kernel_at((enum cpu_level)level));
        float a[2 + TRAINING_PACK_SLACK], b[256], got;
        kernel->pack_bfloat(ones, 1, 1, 1, 2, kernel->tile_columns, b);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            got = cases[i].start;
            kernel->pack_bfloat(cases[i].steps, 2, 1, 1, 2, 1, a);
            kernel->tile_bfloat(&(struct training_tile){.rows = 1,
                                                        .columns = 1,
                                                        .depth = 2,
                                                        .a = a,
                                                        .b = b,
                                                        .out = &got,
                                                        .out_row = 1,
                                                        .accumulate = true});
            check_same(&got, &cases[i].want, 1, cpu_level_name((enum cpu_level)level), "bfloat");
        }
    }
}

static void test_square_sum(void **state)
{
    (void)state;
    const float x[] = {1.0f, 0x1.01p0f, 0x1.03p0f, 0x1.010002p0f};
    double exact = 0.0;
    for (size_t i = 0; i < 4; i++)
        exact += (double)x[i] * (double)x[i];
    near(training_kernel_of(kernel_best())->square_sum(x, 4), exact, 1e-15, "square_sum", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_equal_scalar),
        cmocka_unit_test(test_equals_the_engine),
        cmocka_unit_test(test_activation_gradients),
        cmocka_unit_test(test_norm_gradients),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_rotates_back),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_rounds_to_bfloat),
        cmocka_unit_test(test_square_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
