/* data_linear.c - the equations, solved by Cholesky's factors. Declared in data_linear.h.
 *
 *   width <= samples   (X'X + lambda) w = X'y
 *   else               (XX' + lambda) a = y,  w = X'a          the same weights, smaller equations
 */
#include "data/data_linear.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

#define FOLDS 5

/* Times the width: the equations' diagonal is of the order of the samples or of the width. */
static const double lambdas[] = {0.03, 0.1, 0.3, 1, 3, 10};
#define LAMBDAS (sizeof lambdas / sizeof lambdas[0])

struct fitting {
    const struct data_table *table;
    size_t width, size, order; /* order: of the equations at most */
    double *x;                 /* [size][width], standardised */
    double *y;                 /* [size], without their mean */
    double *mean, *scale;      /* [width] */
    double rating;             /* the mean one */
    double *matrix, *factor;   /* [order][order], lower halves */
    double *right, *weights;   /* [order], [width] */
    size_t *kept;              /* samples of a fit */
};

static double dot(const double *a, const double *b, size_t count)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < count; i++)
        sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void standardise(struct fitting *fitting, const size_t *rows)
{
    const struct data_table *const table = fitting->table;
    const double count = (double)fitting->size;
    for (size_t i = 0; i < fitting->size; i++) {
        fitting->y[i] = table->ratings[rows[i]];
        fitting->rating += fitting->y[i] / count;
        for (size_t j = 0; j < fitting->width; j++)
            fitting->x[i * fitting->width + j] = (double)table->values[rows[i] * table->stride + j];
    }
    for (size_t j = 0; j < fitting->width; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < fitting->size; i++)
            mean += fitting->x[i * fitting->width + j] / count;
        for (size_t i = 0; i < fitting->size; i++) {
            const double apart = fitting->x[i * fitting->width + j] - mean;
            square += apart * apart / count;
        }
        fitting->mean[j] = mean;
        fitting->scale[j] = square > 1e-20 ? sqrt(square) : 1; /* a constant says nothing */
    }
    for (size_t i = 0; i < fitting->size; i++) {
        fitting->y[i] -= fitting->rating;
        for (size_t j = 0; j < fitting->width; j++) {
            double *const value = &fitting->x[i * fitting->width + j];
            *value = (*value - fitting->mean[j]) / fitting->scale[j];
        }
    }
}

/* Lower half of matrix + lambda to its factor; false: not positive. */
static bool factorise(const double *matrix, size_t size, double lambda, double *factor)
{
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j <= i; j++) {
            const double rest = matrix[i * size + j] + (i == j ? lambda : 0) -
                                dot(factor + i * size, factor + j * size, j);
            if (i == j && !(rest > 0))
                return false;
            factor[i * size + j] = i == j ? sqrt(rest) : rest / factor[j * size + j];
        }
    return true;
}

static void solve(const double *factor, size_t size, double *values)
{
    for (size_t i = 0; i < size; i++)
        values[i] = (values[i] - dot(factor + i * size, values, i)) / factor[i * size + i];
    for (size_t i = size; i-- > 0;) {
        values[i] /= factor[i * size + i];
        for (size_t j = 0; j < i; j++)
            values[j] -= factor[i * size + j] * values[i];
    }
}

/* The equations' matrix for the kept samples; it is the same for every lambda. */
static size_t make_matrix(struct fitting *fitting, size_t kept)
{
    const size_t width = fitting->width, order = width <= kept ? width : kept;
    double *const matrix = fitting->matrix;
    if (order == kept && kept < width) {
        for (size_t i = 0; i < kept; i++)
            for (size_t j = 0; j <= i; j++)
                matrix[i * order + j] = dot(fitting->x + fitting->kept[i] * width,
                                            fitting->x + fitting->kept[j] * width, width);
        return order;
    }
    memset(matrix, 0, order * order * sizeof *matrix);
    for (size_t s = 0; s < kept; s++) {
        const double *const x = fitting->x + fitting->kept[s] * width;
        for (size_t i = 0; i < width; i++)
            for (size_t j = 0; j <= i; j++)
                matrix[i * order + j] += x[i] * x[j];
    }
    return order;
}

static bool solve_weights(struct fitting *fitting, size_t kept, size_t order, double lambda)
{
    const size_t width = fitting->width;
    const bool dual = order == kept && kept < width;
    double *const right = fitting->right;
    if (!factorise(fitting->matrix, order, lambda, fitting->factor))
        return false;
    memset(right, 0, order * sizeof *right);
    for (size_t s = 0; s < kept; s++)
        if (dual)
            right[s] = fitting->y[fitting->kept[s]];
        else
            for (size_t i = 0; i < width; i++)
                right[i] += fitting->x[fitting->kept[s] * width + i] * fitting->y[fitting->kept[s]];
    solve(fitting->factor, order, right);
    if (!dual) {
        memcpy(fitting->weights, right, width * sizeof *right);
        return true;
    }
    memset(fitting->weights, 0, width * sizeof *right);
    for (size_t s = 0; s < kept; s++)
        for (size_t i = 0; i < width; i++)
            fitting->weights[i] += right[s] * fitting->x[fitting->kept[s] * width + i];
    return true;
}

static size_t keep_but(struct fitting *fitting, size_t fold)
{
    size_t kept = 0;
    for (size_t i = 0; i < fitting->size; i++)
        if (i % FOLDS != fold)
            fitting->kept[kept++] = i;
    return kept;
}

/* Squared errors of samples left out. */
static size_t best_lambda(struct fitting *fitting)
{
    double errors[LAMBDAS] = {0};
    size_t best = 0;
    for (size_t fold = 0; fold < FOLDS && fitting->size >= 2 * FOLDS; fold++) {
        const size_t kept = keep_but(fitting, fold), order = make_matrix(fitting, kept);
        for (size_t l = 0; l < LAMBDAS; l++) {
            if (!solve_weights(fitting, kept, order, lambdas[l] * (double)fitting->width)) {
                errors[l] = INFINITY;
                continue;
            }
            for (size_t i = fold; i < fitting->size; i += FOLDS) {
                const double error =
                    fitting->y[i] -
                    dot(fitting->weights, fitting->x + i * fitting->width, fitting->width);
                errors[l] += error * error;
            }
        }
    }
    for (size_t l = 1; l < LAMBDAS; l++)
        if (errors[l] < errors[best])
            best = l;
    return fitting->size >= 2 * FOLDS ? best : LAMBDAS - 1;
}

static primer_status allocate(struct fitting *fitting, primer_error *error)
{
    const size_t width = fitting->width, size = fitting->size;
    size_t cells = 0, square = 0;
    fitting->order = width <= size ? width : size;
    /* A fit without a fold may have fewer samples than numbers, and then as many equations. */
    if (!memory_product(width, size, &cells) ||
        !memory_product(fitting->order, fitting->order, &square))
        return memory_failure(error, "a regression", SIZE_MAX);
    fitting->x = memory_allocate(cells, sizeof *fitting->x);
    fitting->y = memory_allocate(size, sizeof *fitting->y);
    fitting->mean = memory_allocate(width, sizeof *fitting->mean);
    fitting->scale = memory_allocate(width, sizeof *fitting->scale);
    fitting->matrix = memory_allocate(square, sizeof *fitting->matrix);
    fitting->factor = memory_allocate(square, sizeof *fitting->factor);
    fitting->right = memory_allocate(fitting->order, sizeof *fitting->right);
    fitting->weights = memory_allocate(width, sizeof *fitting->weights);
    fitting->kept = memory_allocate(size, sizeof *fitting->kept);
    return fitting->x != NULL && fitting->y != NULL && fitting->mean != NULL &&
                   fitting->scale != NULL && fitting->matrix != NULL && fitting->factor != NULL &&
                   fitting->right != NULL && fitting->weights != NULL && fitting->kept != NULL
               ? PRIMER_OK
               : memory_failure(error, "a regression", cells * sizeof *fitting->x);
}

static void free_fitting(struct fitting *fitting)
{
    memory_free(fitting->x);
    memory_free(fitting->y);
    memory_free(fitting->mean);
    memory_free(fitting->scale);
    memory_free(fitting->matrix);
    memory_free(fitting->factor);
    memory_free(fitting->right);
    memory_free(fitting->weights);
    memory_free(fitting->kept);
}

primer_status data_linear_fit(struct data_linear *linear, const struct data_table *table,
                              const size_t *rows, size_t count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct fitting fitting = {.table = table, .width = table->width, .size = count};
    *linear = (struct data_linear){.width = table->width};
    if (count == 0 || table->width == 0)
        return error_set(error, PRIMER_EINVAL, "a regression: found %zu samples of %zu numbers",
                         count, table->width);
    TRY(allocate(&fitting, error));
    standardise(&fitting, rows);
    linear->lambda = lambdas[best_lambda(&fitting)];
    const size_t kept = keep_but(&fitting, FOLDS);
    const size_t order = make_matrix(&fitting, kept);
    if (!solve_weights(&fitting, kept, order, linear->lambda * (double)table->width))
        FAIL(PRIMER_ENUMERIC, "a regression: the samples' numbers aren't finite");
    linear->weights = memory_allocate(table->width, sizeof *linear->weights);
    if (linear->weights == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for %zu weights", table->width);
    linear->constant = fitting.rating;
    for (size_t j = 0; j < table->width; j++) {
        linear->weights[j] = fitting.weights[j] / fitting.scale[j];
        linear->constant -= linear->weights[j] * fitting.mean[j];
    }
cleanup:
    free_fitting(&fitting);
    return status;
}

void data_linear_free(struct data_linear *linear)
{
    memory_free(linear->weights);
    *linear = (struct data_linear){0};
}

double data_linear_score(const struct data_linear *linear, const float *x)
{
    double sum = linear->constant;
    for (size_t i = 0; i < linear->width; i++)
        sum += linear->weights[i] * (double)x[i];
    return sum;
}
