/* train_checkpoint.c - writing and reading checkpoints; see train_checkpoint.h.
 *
 *   prepare folder -> weights (fsync, rename) -> their hash -> state (fsync, rename) -> old ones go
 *
 * Whatever ends the process in between, what counts is either the checkpoint before or the new one:
 * weights without a state don't count, and a state names its weights by size and hash. Where a step
 * is written a second time its old state doesn't fit the new weights, unless they are the same.
 */
#include "train/train_checkpoint.h"

#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "format/gguf.h"
#include "train/train_checkpoint_files.h"

/* ---- writing --------------------------------------------------------------------------------- */

static primer_status hash_file(const char *path, uint64_t *bytes, uint64_t *hash,
                               primer_error *error)
{
    struct file_map map;
    FORWARD(file_map_open(&map, path, error));
    *bytes = map.size;
    *hash = hash_bytes(map.bytes, map.size, 0);
    file_map_close(&map);
    return PRIMER_OK;
}

/* All but the newest `keep` up to `step`, and what is left of torn ones. Later ones stay: they may
 * be another run's. */
static primer_status remove_old(const char *folder, uint64_t step, size_t keep, primer_error *error)
{
    struct train_checkpoint_list list;
    size_t kept = 0;
    FORWARD(train_checkpoint_list_make(&list, folder, error));
    for (size_t i = 0; i < list.count; i++) {
        const struct train_checkpoint_entry *const entry = &list.entries[i];
        if (entry->step > step)
            continue;
        if (entry->weights && entry->state && kept < keep)
            kept++;
        else
            train_checkpoint_folder_remove(folder, entry->step);
    }
    train_checkpoint_list_free(&list);
    return PRIMER_OK;
}

static primer_status check_sizes(const struct train_model *model,
                                 const struct train_optimizer *optimizer, primer_error *error)
{
    if (optimizer->floats == model->floats)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL, "an optimizer of %zu floats, the model has %zu",
                     optimizer->floats, model->floats);
}

primer_status train_checkpoint_write(const char *folder, const struct train_model *model,
                                     const struct train_optimizer *optimizer,
                                     const struct train_state *state, const struct gguf *tokenizer,
                                     size_t keep, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct train_checkpoint_paths paths = {0};
    struct train_checkpoint_numbers numbers = {
        .state = *state, .optimizer_step = optimizer->step, .floats = optimizer->floats};
    bool ours = false; /* what is there of this step was made by this call */
    if (keep == 0)
        return error_set(error, PRIMER_EINVAL, "keep: found 0, expected at least 1");
    FORWARD(check_sizes(model, optimizer, error));
    FORWARD(train_checkpoint_folder_prepare(folder, error));
    FORWARD(train_checkpoint_paths_make(&paths, folder, state->step, error));
    ours = !file_exists(paths.state);
    TRY(train_model_save(model, paths.weights, QUANT_F32, tokenizer, NULL, error));
    TRY(hash_file(paths.weights, &numbers.weights_bytes, &numbers.weights_hash, error));
    TRY(train_checkpoint_state_write(paths.state, &numbers, optimizer->mean, optimizer->variance,
                                     error));
    ours = false;
    TRY(remove_old(folder, state->step, keep, error));
cleanup:
    if (ours) /* room, where the disk is full */
        train_checkpoint_folder_remove(folder, state->step);
    train_checkpoint_paths_free(&paths);
    return status;
}

primer_status train_checkpoint_clear(const char *folder, primer_error *error)
{
    struct train_checkpoint_list list;
    FORWARD(train_checkpoint_list_make(&list, folder, error));
    for (size_t i = 0; i < list.count; i++)
        train_checkpoint_folder_remove(folder, list.entries[i].step);
    train_checkpoint_list_free(&list);
    return PRIMER_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A checkpoint being looked at: nothing of it goes anywhere before all of it was checked. */
struct candidate {
    struct train_checkpoint_paths paths;
    struct train_checkpoint_state state;
    struct file_map map; /* of the weights */
    struct gguf *gguf;
};

static void candidate_free(struct candidate *c)
{
    gguf_free(c->gguf);
    file_map_close(&c->map);
    train_checkpoint_state_close(&c->state);
    train_checkpoint_paths_free(&c->paths);
}

static primer_status open_state(struct candidate *c, const struct train_checkpoint_entry *entry,
                                primer_error *error)
{
    if (!entry->state)
        return error_set(error, PRIMER_EFORMAT, "%s: its state is missing", c->paths.weights);
    if (!entry->weights)
        return error_set(error, PRIMER_EFORMAT, "%s: its weights are missing", c->paths.state);
    FORWARD(train_checkpoint_state_open(&c->state, c->paths.state, error));
    const uint64_t step = c->state.numbers.state.step;
    if (step != entry->step)
        return error_set(error, PRIMER_EFORMAT, "%s: it is the state of step %llu", c->paths.state,
                         (unsigned long long)step);
    return PRIMER_OK;
}

static primer_status open_weights(struct candidate *c, primer_error *error)
{
    const struct train_checkpoint_numbers *const n = &c->state.numbers;
    FORWARD(file_map_open(&c->map, c->paths.weights, error));
    if (c->map.size != n->weights_bytes ||
        hash_bytes(c->map.bytes, c->map.size, 0) != n->weights_hash)
        return error_set(error, PRIMER_EFORMAT, "%s: these aren't the weights that its state names",
                         c->paths.weights);
    return gguf_open_memory(&c->gguf, c->map.bytes, c->map.size, c->paths.weights, error);
}

/* From here on a difference means another model, not a torn file. */
static primer_status check_tensor(const struct candidate *c, const struct train_tensor *tensor,
                                  primer_error *error)
{
    const struct gguf_tensor *const found = gguf_tensor_named(c->gguf, tensor->name);
    if (found == NULL)
        return error_set(error, PRIMER_EINVAL, "%s: a checkpoint of another model: %s is missing",
                         c->paths.weights, tensor->name);
    const size_t rows = found->dimensions > 1 ? found->shape[1] : 1;
    if (found->dimensions > 2 || found->shape[0] != tensor->columns || rows != tensor->rows)
        return error_set(error, PRIMER_EINVAL,
                         "%s: a checkpoint of another model: %s is %zu x %zu, expected %zu x %zu",
                         c->paths.weights, tensor->name, found->shape[0], rows, tensor->columns,
                         tensor->rows);
    if (found->format->type != QUANT_F32)
        return error_set(error, PRIMER_EINVAL, "%s: %s is %s, expected F32", c->paths.weights,
                         tensor->name, found->format->name);
    return PRIMER_OK;
}

static primer_status check_model(const struct candidate *c, const struct train_model *model,
                                 primer_error *error)
{
    const size_t tensors = gguf_tensor_count(c->gguf);
    for (size_t i = 0; i < model->count; i++)
        FORWARD(check_tensor(c, &model->tensors[i], error));
    if (tensors != model->count)
        return error_set(error, PRIMER_EINVAL,
                         "%s: a checkpoint of another model: it has %zu tensors, expected %zu",
                         c->paths.weights, tensors, model->count);
    if (c->state.numbers.floats != model->floats)
        return error_set(error, PRIMER_EINVAL,
                         "%s: a checkpoint of another model: its optimizer has %llu floats, "
                         "expected %zu",
                         c->paths.state, (unsigned long long)c->state.numbers.floats,
                         model->floats);
    return PRIMER_OK;
}

static void take_over(const struct candidate *c, struct train_model *model,
                      struct train_optimizer *optimizer, struct train_state *state)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *const tensor = &model->tensors[i];
        const struct gguf_tensor *const found = gguf_tensor_named(c->gguf, tensor->name);
        memcpy(model->weights + tensor->offset, found->data, found->bytes);
    }
    memcpy(optimizer->mean, c->state.mean, model->floats * sizeof(float));
    memcpy(optimizer->variance, c->state.variance, model->floats * sizeof(float));
    optimizer->step = c->state.numbers.optimizer_step;
    *state = c->state.numbers.state;
}

/* PRIMER_EFORMAT: it is torn. */
static primer_status read_one(const char *folder, const struct train_checkpoint_entry *entry,
                              struct train_model *model, struct train_optimizer *optimizer,
                              struct train_state *state, primer_error *error)
{
    struct candidate c = {0};
    primer_status status = PRIMER_OK;
    TRY(train_checkpoint_paths_make(&c.paths, folder, entry->step, error));
    TRY(open_state(&c, entry, error));
    TRY(open_weights(&c, error));
    TRY(check_model(&c, model, error));
    take_over(&c, model, optimizer, state);
cleanup:
    candidate_free(&c);
    return status;
}

static primer_status note_torn(struct buffer *torn, const primer_error *why, primer_error *error)
{
    if (torn->length > 0)
        FORWARD(buffer_text(torn, "\n", error));
    return buffer_text(torn, why->message, error);
}

primer_status train_checkpoint_read(const char *folder, struct train_model *model,
                                    struct train_optimizer *optimizer, struct train_state *state,
                                    bool *found, char **skipped, primer_error *error)
{
    struct train_checkpoint_list list = {0};
    struct buffer torn = {0};
    primer_status status = PRIMER_OK;
    bool whole = false;
    TRY(check_sizes(model, optimizer, error));
    TRY(train_checkpoint_list_make(&list, folder, error));
    for (size_t i = 0; i < list.count && !whole; i++) {
        primer_error why;
        status = read_one(folder, &list.entries[i], model, optimizer, state, &why);
        whole = status == PRIMER_OK;
        if (status != PRIMER_OK && status != PRIMER_EFORMAT)
            FAIL(status, "%s", why.message);
        if (!whole)
            TRY(note_torn(&torn, &why, error));
        status = PRIMER_OK;
    }
    *found = whole;
    if (skipped != NULL) {
        *skipped = torn.bytes;
        torn = (struct buffer){0};
    }
cleanup:
    buffer_free(&torn);
    train_checkpoint_list_free(&list);
    return status;
}
