/* train_grow.c - a larger model of a smaller one's weights: knowledge transfer as Phi-2 had it from
 * Phi-1.5, and exact cloning.
 *
 *   source file -> shape, bound and checked by src/model
 *   options     -> the new shape                                  train_grow_map
 *   both        -> what each layer, head, dimension, unit copies  train_grow_map
 *               -> the same for rows and columns of tensors       train_grow_axis
 *               -> numbers                                        train_grow_fill
 *               -> the new file, row by row                       train_grow_file
 *
 * docs/growth.md says what is published, what was chosen, and how to train on.
 */
#include "primer_train.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "format/gguf.h"
#include "train/train_grow_file.h"

static primer_grow_shape shape_of(const struct model *model)
{
    return (primer_grow_shape){
        .vocabulary = model->vocabulary,
        .layers = model->layer_count,
        .embedding = model->embedding,
        .heads = model->heads,
        .kv_heads = model->kv_heads,
        .head_dimensions = model->head_dimensions,
        .rotary_dimensions = model->rotary_dimensions,
        .feed_forward = model->feed_forward,
        .parameters = model->parameters,
    };
}

static primer_status check_noise(const primer_grow_options *options, enum train_grow_method method,
                                 primer_error *error)
{
    if (!(options->noise >= 0) || !isfinite(options->noise))
        return error_set(error, PRIMER_EINVAL,
                         "noise: found %g, expected 0 or more, as a part of a matrix's deviation",
                         options->noise);
    if (method == TRAIN_GROW_REUSE && options->noise > 0)
        return error_set(error, PRIMER_EINVAL,
                         "noise: found %g, expected 0 with method reuse, which has no copies to "
                         "tell apart",
                         options->noise);
    return PRIMER_OK;
}

static primer_status find_format(const char *name, const struct quant_format **format,
                                 primer_error *error)
{
    char shown[64];
    *format = quant_format_named(name != NULL ? name : "F32");
    if (*format == NULL || (*format)->kind != QUANT_KIND_FLOAT)
        return error_set(error, PRIMER_EINVAL, "type: found \"%s\", expected F32, F16 or BF16",
                         error_printable(name, strlen(name), shown, sizeof shown));
    return PRIMER_OK;
}

static primer_status check_path(const struct gguf *source, const char *path, primer_error *error)
{
    struct stat found;
    const struct file_map *map = gguf_map(source);
    if (stat(path, &found) == 0 && (uint64_t)found.st_dev == map->device &&
        (uint64_t)found.st_ino == map->inode)
        return error_set(error, PRIMER_EINVAL, "%s: is the input itself; choose another output",
                         path);
    return PRIMER_OK;
}

/* Shapes, maps, axes and the file, of an open model. */
static primer_status grow(struct train_grow_file *file, primer_grow_summary *summary,
                          const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct train_grow_axes axes = {0};
    summary->from = shape_of(file->model);
    summary->method = primer_grow_method(file->method);
    status = train_grow_map_shape(&summary->from, file->options, file->method, &summary->to, error);
    if (status != PRIMER_OK) {
        error_prefix(error, "%s", gguf_path(file->source));
        goto cleanup;
    }
    TRY(train_grow_map_create(summary, file->model->architecture->form.interleaved, error));
    TRY(train_grow_axis_create(&axes, summary, file->method, error));
    file->summary = summary;
    file->axes = &axes;
    summary->to.parameters = train_grow_file_parameters(file);
    TRY(train_grow_file_write(file, path, error));
cleanup:
    train_grow_axis_free(&axes);
    return status;
}

primer_status primer_grow(const char *source, const primer_grow_options *options, const char *path,
                          primer_grow_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf *gguf = NULL;
    struct model *model = NULL;
    primer_grow_summary made = {0};
    struct train_grow_file file = {.options = options};
    TRY(train_grow_map_method(options->method, &file.method, error));
    TRY(check_noise(options, file.method, error));
    TRY(find_format(options->output_type, &file.format, error));
    TRY(gguf_open(&gguf, source, error));
    TRY(check_path(gguf, path, error));
    TRY(model_create(&model, gguf, error));
    TRY(pool_create(&file.pool, options->threads, error));
    file.source = gguf;
    file.model = model;
    TRY(grow(&file, &made, path, error));
    if (summary != NULL) {
        *summary = made;
        made = (primer_grow_summary){0};
    }
cleanup:
    primer_grow_summary_free(&made);
    pool_free(file.pool);
    model_free(model);
    gguf_free(gguf);
    return status;
}
