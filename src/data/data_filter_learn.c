/* data_filter_learn.c - folds, fits and figures. Declared in data_filter_learn.h.
 *
 * Folds are stratified: each kind's rows are dealt to the folds in turn, in an order that a hash of
 * their ids gives, so that neither the files' order nor the threads matter.
 */
#include "data/data_filter_learn.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"

#define RESAMPLES 2000
#define HOLD_SEED 1 /* of the hash that holds out: the ratings alone say who is held out */

void data_filter_set_free(struct data_filter_set *set)
{
    memory_free(set->values);
    memory_free(set->ratings);
    memory_free(set->labels);
    memory_free(set->ids);
    memory_free(set->training);
    memory_free(set->held);
    *set = (struct data_filter_set){0};
}

void data_filter_fit_free(struct data_filter_fit *fit)
{
    data_forest_free(&fit->forest);
    data_linear_free(&fit->linear);
}

/* ---- who trains ------------------------------------------------------------------------------ */

struct place {
    uint64_t hash;
    size_t row;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *const x = a, *const y = b;
    if (x->hash != y->hash)
        return x->hash > y->hash ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

primer_status data_filter_learn_divide(struct data_filter_set *set, size_t parts,
                                       primer_error *error)
{
    struct place *const places = memory_allocate(set->count, sizeof *places);
    set->training = memory_allocate(set->count, sizeof *set->training);
    set->held = memory_allocate(set->count, sizeof *set->held);
    if (places == NULL || set->training == NULL || set->held == NULL) {
        memory_free(places);
        return memory_failure(error, "ratings", set->count * sizeof *places);
    }
    for (size_t i = 0; i < set->count; i++)
        places[i] = (struct place){hash_bytes(&set->ids[i], sizeof set->ids[i], HOLD_SEED), i};
    qsort(places, set->count, sizeof *places, compare_places);
    for (size_t i = 0; i < set->count; i++)
        if (parts > 0 && places[i].hash % parts == 0)
            set->held[set->held_count++] = places[i].row;
        else
            set->training[set->training_count++] = places[i].row;
    memory_free(places);
    return PRIMER_OK;
}

/* fold[i] of rows[i]. */
static primer_status deal(const struct data_filter_set *set, const size_t *rows, size_t count,
                          size_t folds, size_t *fold, primer_error *error)
{
    size_t dealt[2] = {0};
    for (size_t i = 0; i < count; i++)
        fold[i] = dealt[set->labels[rows[i]] != 0]++ % folds;
    if (dealt[0] < 2 * folds || dealt[1] < 2 * folds)
        return error_set(error, PRIMER_EINVAL,
                         "ratings: found %zu from the threshold on and %zu below to learn from, "
                         "expected at least %zu of each for %zu folds",
                         dealt[1], dealt[0], 2 * folds, folds);
    return PRIMER_OK;
}

/* ---- fits ------------------------------------------------------------------------------------ */

static primer_status fit_rows(const struct data_filter_set *set, const size_t *rows, size_t count,
                              const struct data_filter_learn_options *options, size_t trees,
                              struct data_filter_fit *fit, primer_error *error)
{
    const struct data_table table = {.values = set->values + options->columns.from,
                                     .stride = set->dimensions + set->features,
                                     .width = options->columns.width,
                                     .labels = set->labels,
                                     .ratings = set->ratings};
    const struct data_forest_options forest = {
        .trees = trees, .seed = options->seed, .pool = options->pool};
    *fit = (struct data_filter_fit){.method = options->method, .columns = options->columns};
    if (options->go_on != NULL && !options->go_on(options->context))
        return error_set(error, PRIMER_ECANCELED, "stopped");
    return options->method == DATA_FILTER_FOREST
               ? data_forest_grow(&fit->forest, &table, rows, count, &forest, error)
               : data_linear_fit(&fit->linear, &table, rows, count, error);
}

double data_filter_fit_score(const struct data_filter_fit *fit, const float *values)
{
    return fit->method == DATA_FILTER_FOREST
               ? data_forest_score(&fit->forest, values + fit->columns.from)
               : data_linear_score(&fit->linear, values + fit->columns.from);
}

static const float *values_of(const struct data_filter_set *set, size_t row)
{
    return set->values + row * (set->dimensions + set->features);
}

/* Buffers for folds: of rows left, their folds, and of folds within. */
struct folding {
    size_t *fold, *rest;
    double *scores;
    unsigned char *labels;
};

static primer_status folding_create(struct folding *folding, size_t count, primer_error *error)
{
    folding->fold = memory_allocate(count, sizeof *folding->fold);
    folding->rest = memory_allocate(count, sizeof *folding->rest);
    folding->scores = memory_allocate(count, sizeof *folding->scores);
    folding->labels = memory_allocate(count, 1);
    return folding->fold != NULL && folding->rest != NULL && folding->scores != NULL &&
                   folding->labels != NULL
               ? PRIMER_OK
               : memory_failure(error, "folds", count * sizeof *folding->scores);
}

static void folding_free(struct folding *folding)
{
    memory_free(folding->fold);
    memory_free(folding->rest);
    memory_free(folding->scores);
    memory_free(folding->labels);
}

static size_t rest_of(const struct folding *folding, const size_t *rows, size_t count, size_t fold)
{
    size_t rest = 0;
    for (size_t i = 0; i < count; i++)
        if (folding->fold[i] != fold)
            folding->rest[rest++] = rows[i];
    return rest;
}

/* The cut for what learns from these rows: best for their scores out of folds. Forests of a third
 * of the trees will do. */
static primer_status find_cut(const struct data_filter_set *set, const size_t *rows, size_t count,
                              const struct data_filter_learn_options *options, double *cut,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct folding folding = {0};
    struct data_filter_fit fit = {0};
    const size_t trees = options->trees == 0 ? DATA_FOREST_TREES : options->trees;
    TRY(folding_create(&folding, count, error));
    TRY(deal(set, rows, count, options->folds, folding.fold, error));
    for (size_t fold = 0; fold < options->folds; fold++) {
        const size_t rest = rest_of(&folding, rows, count, fold);
        TRY(fit_rows(set, folding.rest, rest, options, trees / 3 + 1, &fit, error));
        for (size_t i = 0; i < count; i++)
            if (folding.fold[i] == fold)
                folding.scores[i] = data_filter_fit_score(&fit, values_of(set, rows[i]));
        data_filter_fit_free(&fit);
    }
    for (size_t i = 0; i < count; i++)
        folding.labels[i] = set->labels[rows[i]];
    TRY(data_filter_learn_cut(folding.scores, folding.labels, count, cut, error));
cleanup:
    folding_free(&folding);
    return status;
}

static primer_status fit_with_cut(const struct data_filter_set *set, const size_t *rows,
                                  size_t count, const struct data_filter_learn_options *options,
                                  struct data_filter_fit *fit, primer_error *error)
{
    double cut = 0;
    FORWARD(find_cut(set, rows, count, options, &cut, error));
    FORWARD(fit_rows(set, rows, count, options, options->trees, fit, error));
    fit->cut = cut;
    return PRIMER_OK;
}

primer_status data_filter_learn_fit(const struct data_filter_set *set,
                                    const struct data_filter_learn_options *options,
                                    struct data_filter_fit *fit, primer_error *error)
{
    return fit_with_cut(set, set->training, set->training_count, options, fit, error);
}

primer_status data_filter_learn_cross(const struct data_filter_set *set, size_t count,
                                      const struct data_filter_learn_options *options,
                                      struct data_filter_figures *measure, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t *const rows = set->training;
    struct folding folding = {0};
    struct data_filter_fit fit = {0};
    unsigned char *const kept = memory_allocate(count, 1);
    if (kept == NULL)
        return memory_failure(error, "folds", count);
    TRY(folding_create(&folding, count, error));
    TRY(deal(set, rows, count, options->folds, folding.fold, error));
    for (size_t fold = 0; fold < options->folds; fold++) {
        const size_t rest = rest_of(&folding, rows, count, fold);
        TRY(fit_with_cut(set, folding.rest, rest, options, &fit, error));
        for (size_t i = 0; i < count; i++) {
            if (folding.fold[i] != fold)
                continue;
            folding.scores[i] = data_filter_fit_score(&fit, values_of(set, rows[i]));
            kept[i] = folding.scores[i] >= fit.cut;
        }
        data_filter_fit_free(&fit);
    }
    for (size_t i = 0; i < count; i++)
        folding.labels[i] = set->labels[rows[i]];
    TRY(data_filter_learn_measure(folding.scores, folding.labels, kept, count, options->seed,
                                  measure, error));
cleanup:
    folding_free(&folding);
    memory_free(kept);
    return status;
}

primer_status data_filter_learn_judge(const struct data_filter_set *set,
                                      const struct data_filter_fit *fit,
                                      struct data_filter_figures *measure, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t count = set->held_count;
    struct folding folding = {0};
    unsigned char *const kept = memory_allocate(count, 1);
    if (kept == NULL)
        return memory_failure(error, "what is held out", count);
    TRY(folding_create(&folding, count, error));
    for (size_t i = 0; i < count; i++) {
        folding.scores[i] = data_filter_fit_score(fit, values_of(set, set->held[i]));
        folding.labels[i] = set->labels[set->held[i]];
        kept[i] = folding.scores[i] >= fit->cut;
    }
    TRY(data_filter_learn_measure(folding.scores, folding.labels, kept, count, 0, measure, error));
cleanup:
    folding_free(&folding);
    memory_free(kept);
    return status;
}

/* ---- figures --------------------------------------------------------------------------------- */

struct scored {
    double score;
    size_t index;
};

static int compare_scores(const void *a, const void *b)
{
    const struct scored *const x = a, *const y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static double f1_of(size_t hits, size_t kept, size_t labelled)
{
    return kept + labelled == 0 ? 0 : 2 * (double)hits / (double)(kept + labelled);
}

primer_status data_filter_learn_cut(const double *scores, const unsigned char *labels, size_t count,
                                    double *cut, primer_error *error)
{
    size_t labelled = 0, hits = 0;
    double best = -1;
    struct scored *const sorted = memory_allocate(count, sizeof *sorted);
    if (sorted == NULL)
        return memory_failure(error, "scores", count * sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct scored){scores[i], i};
        labelled += labels[i] != 0;
    }
    qsort(sorted, count, sizeof *sorted, compare_scores);
    for (size_t i = 0; i < count; i++) {
        hits += labels[sorted[i].index] != 0;
        const double here = sorted[i].score;
        const double next = i + 1 < count ? sorted[i + 1].score : here - 1;
        const double f1 = f1_of(hits, i + 1, labelled);
        if (next < here && f1 > best) {
            best = f1;
            *cut = i + 1 < count ? next + (here - next) / 2 : here;
        }
    }
    memory_free(sorted);
    return PRIMER_OK;
}

/* The area under the ROC curve: ranks of the labelled, ties counted half. */
static double order_of(struct scored *sorted, const unsigned char *labels, size_t count)
{
    double sum = 0, labelled = 0;
    for (size_t begin = 0, end = 0; begin < count; begin = end) {
        double here = 0;
        for (end = begin; end < count && sorted[end].score == sorted[begin].score; end++)
            here += labels[sorted[end].index] != 0;
        const double others = (double)(end - begin) - here;
        sum += labelled * others + here * others / 2;
        labelled += here;
    }
    const double others = (double)count - labelled;
    return labelled > 0 && others > 0 ? sum / (labelled * others) : 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static primer_status resample(const unsigned char *labels, const unsigned char *kept, size_t count,
                              uint64_t seed, struct data_filter_figures *measure,
                              primer_error *error)
{
    struct random random;
    double *const values = memory_allocate(RESAMPLES, sizeof *values);
    if (values == NULL)
        return memory_failure(error, "resampling", RESAMPLES * sizeof *values);
    random_seed(&random, seed);
    for (size_t r = 0; r < RESAMPLES; r++) {
        size_t hits = 0, all = 0, labelled = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t drawn = (size_t)random_below(&random, count);
            hits += labels[drawn] != 0 && kept[drawn] != 0;
            all += kept[drawn] != 0;
            labelled += labels[drawn] != 0;
        }
        values[r] = f1_of(hits, all, labelled);
    }
    qsort(values, RESAMPLES, sizeof *values, compare_numbers);
    measure->low = values[RESAMPLES / 40];
    measure->high = values[RESAMPLES - 1 - RESAMPLES / 40];
    memory_free(values);
    return PRIMER_OK;
}

primer_status data_filter_learn_measure(const double *scores, const unsigned char *labels,
                                        const unsigned char *kept, size_t count, uint64_t seed,
                                        struct data_filter_figures *measure, primer_error *error)
{
    *measure = (struct data_filter_figures){.samples = count};
    if (count == 0)
        return PRIMER_OK;
    struct scored *const sorted = memory_allocate(count, sizeof *sorted);
    if (sorted == NULL)
        return memory_failure(error, "scores", count * sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct scored){scores[i], i};
        measure->labelled += labels[i] != 0;
        measure->kept += kept[i] != 0;
        measure->hits += labels[i] != 0 && kept[i] != 0;
    }
    qsort(sorted, count, sizeof *sorted, compare_scores);
    measure->order = order_of(sorted, labels, count);
    memory_free(sorted);
    const double hits = (double)measure->hits;
    measure->precision = measure->kept > 0 ? hits / (double)measure->kept : 0;
    measure->recall = measure->labelled > 0 ? hits / (double)measure->labelled : 0;
    measure->f1 = f1_of(measure->hits, measure->kept, measure->labelled);
    return resample(labels, kept, count, seed, measure, error);
}
