/* train_adapter.c - see train_adapter.h. */
#include "train/train_adapter.h"

#include <math.h>
#include <string.h>

#include "model/adapter.h"
#include "train/train_frozen.h"

/* ---- which matrices -------------------------------------------------------------------------- */

/* "blk.%zu.attn_q": "attn_q". */
static const char *short_name(const struct model_part *part)
{
    const char *const point = strrchr(part->name, '.');
    return point != NULL ? point + 1 : part->name;
}

static bool is_projection(enum model_role role)
{
    return role == MODEL_QUERY || role == MODEL_KEY || role == MODEL_VALUE;
}

/* Whether the file has the matrix; one of Q, K and V may also be rows of the fused one. */
static bool is_there(const struct model *base, const struct model_part *part, bool *rows_of_fused)
{
    const bool fused = train_frozen_linear(base, 0, MODEL_QUERY_KEY_VALUE) != NULL;
    *rows_of_fused = fused && is_projection(part->role);
    if (part->role < MODEL_ATTENTION_NORM || part->rows == MODEL_ONE)
        return false;
    return *rows_of_fused || train_frozen_linear(base, 0, part->role) != NULL;
}

static bool in_list(const char *list, const char *name)
{
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        const size_t length = strcspn(at, ", ");
        if (length == strlen(name) && memcmp(at, name, length) == 0)
            return true;
        at += length;
    }
    return false;
}

/* `all` is each matrix of the file: of fused ones the fused one. */
static bool is_target(const struct model *base, const struct model_part *part, const char *targets)
{
    bool rows_of_fused;
    if (!is_there(base, part, &rows_of_fused))
        return false;
    return strcmp(targets, "all") == 0 ? !rows_of_fused : in_list(targets, short_name(part));
}

/* What a name of `targets` may be. */
static primer_status refuse_target(const struct model *base, const char *name, size_t length,
                                   primer_error *error)
{
    const struct model_form *const form = &base->architecture->form;
    char known[256] = "", shown[64];
    bool rows_of_fused;
    for (size_t i = 0; i < form->part_count; i++) {
        const char *const one = short_name(&form->parts[i]);
        if (is_there(base, &form->parts[i], &rows_of_fused) &&
            strlen(known) + strlen(one) + 3 < sizeof known) {
            strcat(known, one);
            strcat(known, ", ");
        }
    }
    return error_set(error, PRIMER_EINVAL, "lora-targets: found \"%s\", expected some of %sor all",
                     error_printable(name, length, shown, sizeof shown), known);
}

static primer_status check_targets(const struct model *base, const char *targets,
                                   primer_error *error)
{
    const struct model_form *const form = &base->architecture->form;
    if (strcmp(targets, "all") == 0)
        return PRIMER_OK;
    for (const char *at = targets; *at != '\0';) {
        at += strspn(at, ", ");
        const size_t length = strcspn(at, ", ");
        bool found = length == 0, rows_of_fused;
        for (size_t i = 0; i < form->part_count && !found; i++)
            found = is_there(base, &form->parts[i], &rows_of_fused) &&
                    strlen(short_name(&form->parts[i])) == length &&
                    memcmp(short_name(&form->parts[i]), at, length) == 0;
        if (!found)
            return refuse_target(base, at, length, error);
        at += length;
    }
    return PRIMER_OK;
}

/* ---- the tensors ----------------------------------------------------------------------------- */

static primer_status add_pair(struct train_model *model, const struct model_part *part,
                              size_t layer, size_t rank, primer_error *error)
{
    struct train_tensor tensor = {.matrix = true, .layer = layer, .role = part->role};
    const size_t rows = model_extent_of(model->base, part->rows),
                 columns = model_extent_of(model->base, part->columns);
    for (int b = 0; b < 2; b++) {
        char name[MODEL_NAME_LIMIT];
        model_tensor_name(name, part->name, layer, b ? ".weight.lora_b" : ".weight.lora_a");
        if (strlen(name) >= sizeof tensor.name)
            return error_set(error, PRIMER_EINTERNAL, "the name %s is too long", name);
        strcpy(tensor.name, name);
        tensor.low_rank = b ? TRAIN_LOW_RANK_B : TRAIN_LOW_RANK_A;
        tensor.rows = b ? rows : rank;
        tensor.columns = b ? rank : columns;
        FORWARD(train_model_add(model, &tensor, error));
    }
    return PRIMER_OK;
}

static primer_status add_all(struct train_model *model, const struct train_adapter_options *options,
                             primer_error *error)
{
    const struct model_form *const form = &model->base->architecture->form;
    for (size_t layer = 0; layer < model->base->layer_count; layer++)
        for (size_t i = 0; i < form->part_count; i++)
            if (is_target(model->base, &form->parts[i], options->targets))
                FORWARD(add_pair(model, &form->parts[i], layer, options->rank, error));
    return PRIMER_OK;
}

primer_status train_adapter_create(struct train_model *model, const struct model *base,
                                   const struct train_adapter_options *options, primer_error *error)
{
    primer_status status = PRIMER_OK;
    /* A file has alpha as f32. */
    struct train_model made = {.base = base, .alpha = (double)(float)options->alpha};
    if (options->rank == 0 || !isfinite(made.alpha) || !(made.alpha > 0))
        return error_set(error, PRIMER_EINVAL,
                         "adapters of rank %zu and alpha %g, expected both above 0", options->rank,
                         options->alpha);
    FORWARD(train_model_shape_of(base, &made.shape, error));
    FORWARD(check_targets(base, options->targets, error));
    TRY(add_all(&made, options, error));
    if (made.count == 0)
        FAIL(PRIMER_EINVAL, "lora-targets: no matrix is named, expected some, or all");
    TRY(train_model_list(&made, error));
    TRY(add_all(&made, options, error));
    TRY(train_model_allocate(&made, error));
    *model = made;
    return PRIMER_OK;
cleanup:
    train_model_free(&made);
    return status;
}

void train_adapter_initialize(struct train_model *model, struct random *random)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *const t = &model->tensors[i];
        const double deviation = 1.0 / sqrt(3.0 * (double)t->columns);
        float *const weights = model->weights + t->offset;
        for (size_t k = 0; k < t->rows * t->columns; k++)
            weights[k] =
                t->low_rank == TRAIN_LOW_RANK_A ? (float)(deviation * random_normal(random)) : 0.0f;
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

/* A and B of one matrix, which are neighbours in the list. */
static primer_status add_data(struct adapter_data *data, const struct train_model *model, size_t at,
                              primer_error *error)
{
    const struct train_tensor *const a = &model->tensors[at], *const b = a + 1;
    struct adapter_tensor *tensor = NULL;
    char name[sizeof a->name];
    strcpy(name, a->name);
    name[strlen(name) - strlen(".lora_a")] = '\0';
    FORWARD(adapter_data_add(data, name, a->rows, b->rows, a->columns,
                             model->alpha / (double)a->rows, &tensor, error));
    memcpy(tensor->a, model->weights + a->offset, a->rows * a->columns * sizeof(float));
    memcpy(tensor->b, model->weights + b->offset, b->rows * b->columns * sizeof(float));
    return PRIMER_OK;
}

bool train_adapter_is_gguf(const char *path)
{
    const size_t length = strlen(path), tail = strlen(".gguf");
    return length > tail && strcmp(path + length - tail, ".gguf") == 0;
}

primer_status train_adapter_save(const struct train_model *model, const char *path,
                                 const char *name, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct adapter_data data = adapter_data_for(model->base);
    for (size_t i = 0; i < model->count; i += 2)
        TRY(add_data(&data, model, i, error));
    if (train_adapter_is_gguf(path))
        TRY(adapter_write_gguf(&data, path, name, error));
    else
        TRY(adapter_write_peft(&data, path, name, error));
cleanup:
    adapter_data_free(&data);
    return status;
}
