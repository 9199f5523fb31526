/* data_filter_file.c - writing and reading filters. Declared in data_filter_file.h. */
#include "data/data_filter_file.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/data_filter_features.h"

#define FORMAT     "primer filter"
#define FILE_MOST  ((size_t)1 << 30)
#define TREES_MOST 1000000

void data_filter_file_free(struct data_filter_file *file)
{
    data_filter_fit_free(&file->fit);
    *file = (struct data_filter_file){0};
}

/* ---- writing --------------------------------------------------------------------------------- */

static primer_status append_tree(const struct data_forest_tree *tree, struct buffer *out,
                                 primer_error *error)
{
    static const char *const names[] = {"{\"feature\":[", "],\"left\":[", "],\"right\":["};
    for (size_t list = 0; list < 3; list++) {
        FORWARD(buffer_text(out, names[list], error));
        for (size_t i = 0; i < tree->count; i++) {
            const struct data_forest_node *const node = &tree->nodes[i];
            const int32_t value = list == 0 ? node->feature : list == 1 ? node->left : node->right;
            FORWARD(buffer_format(out, error, i > 0 ? ",%" PRId32 : "%" PRId32, value));
        }
    }
    FORWARD(buffer_text(out, "],\"value\":[", error));
    for (size_t i = 0; i < tree->count; i++)
        FORWARD(
            buffer_format(out, error, i > 0 ? ",%.9g" : "%.9g", (double)tree->nodes[i].threshold));
    return buffer_text(out, "]}", error);
}

static primer_status append_fit(const struct data_filter_fit *fit, struct buffer *out,
                                primer_error *error)
{
    if (fit->method == DATA_FILTER_FOREST) {
        FORWARD(buffer_text(out, ",\"method\":\"forest\",\"trees\":[", error));
        for (size_t i = 0; i < fit->forest.count; i++) {
            FORWARD(buffer_text(out, i > 0 ? ",\n" : "\n", error));
            FORWARD(append_tree(&fit->forest.trees[i], out, error));
        }
        return buffer_text(out, "]}\n", error);
    }
    FORWARD(buffer_format(out, error,
                          ",\"method\":\"linear\",\"constant\":%.17g,\"lambda\":%.17g,"
                          "\"weights\":[",
                          fit->linear.constant, fit->linear.lambda));
    for (size_t i = 0; i < fit->linear.width; i++)
        FORWARD(buffer_format(out, error, i > 0 ? ",%.17g" : "%.17g", fit->linear.weights[i]));
    return buffer_text(out, "]}\n", error);
}

primer_status data_filter_file_save(const struct data_filter_file *file, const char *path,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer out = {0};
    struct file_writer writer = {0};
    TRY(buffer_format(&out, error,
                      "{\"format\":\"" FORMAT "\",\"version\":1,\"model\":\"%016" PRIx64
                      "\",\"dimensions\":%zu,\"tokens\":%zu,\"lines\":%zu,\"features\":%zu,"
                      "\"from\":%zu,\"width\":%zu,\"threshold\":%.17g,\"cut\":%.17g",
                      file->identity, file->dimensions, file->tokens, file->lines, file->features,
                      file->fit.columns.from, file->fit.columns.width, file->threshold,
                      file->fit.cut));
    TRY(append_fit(&file->fit, &out, error));
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, out.bytes, out.length, error));
    TRY(file_writer_commit(&writer, error));
cleanup:
    file_writer_abandon(&writer);
    buffer_free(&out);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static primer_status read_size(const json_t *object, const char *name, size_t most, size_t *size,
                               primer_error *error)
{
    const json_t *const value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most)
        return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a whole number from 0 to %zu",
                         name, most);
    *size = (size_t)json_integer_value(value);
    return PRIMER_OK;
}

static primer_status read_real(const json_t *object, const char *name, double *real,
                               primer_error *error)
{
    const json_t *const value = json_object_get(object, name);
    if (!json_is_number(value))
        return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a number", name);
    *real = json_number_value(value);
    return PRIMER_OK;
}

static bool int32_at(const json_t *list, size_t index, int32_t *value)
{
    const json_t *const item = json_array_get(list, index);
    if (!json_is_integer(item) || json_integer_value(item) < -1 ||
        json_integer_value(item) > INT32_MAX)
        return false;
    *value = (int32_t)json_integer_value(item);
    return true;
}

static primer_status read_tree(const json_t *object, struct data_forest_tree *tree,
                               primer_error *error)
{
    const json_t *const feature = json_object_get(object, "feature");
    const json_t *const left = json_object_get(object, "left");
    const json_t *const right = json_object_get(object, "right");
    const json_t *const value = json_object_get(object, "value");
    const size_t count = json_array_size(feature);
    bool good = count > 0 && json_array_size(left) == count && json_array_size(right) == count &&
                json_array_size(value) == count;
    tree->nodes = memory_allocate(count, sizeof *tree->nodes);
    if (tree->nodes == NULL)
        return memory_failure(error, "a tree", count * sizeof *tree->nodes);
    for (size_t i = 0; good && i < count; i++) {
        struct data_forest_node *const node = &tree->nodes[i];
        good = int32_at(feature, i, &node->feature) && int32_at(left, i, &node->left) &&
               int32_at(right, i, &node->right) && json_is_number(json_array_get(value, i));
        node->threshold = (float)json_number_value(json_array_get(value, i));
    }
    tree->count = count;
    return good ? PRIMER_OK
                : error_set(error, PRIMER_EFORMAT,
                            "\"trees\": expected lists of one length of whole numbers and a list "
                            "of numbers");
}

static primer_status read_forest(const json_t *object, size_t width, struct data_forest *forest,
                                 primer_error *error)
{
    const json_t *const trees = json_object_get(object, "trees");
    const size_t count = json_array_size(trees);
    if (count == 0 || count > TREES_MOST)
        return error_set(error, PRIMER_EFORMAT, "\"trees\": expected 1 to %d of them, found %zu",
                         TREES_MOST, count);
    *forest = (struct data_forest){.count = count, .width = width};
    forest->trees = memory_allocate(count, sizeof *forest->trees);
    if (forest->trees == NULL)
        return memory_failure(error, "trees", count * sizeof *forest->trees);
    for (size_t i = 0; i < count; i++)
        FORWARD(read_tree(json_array_get(trees, i), &forest->trees[i], error));
    return data_forest_check(forest, error);
}

static primer_status read_linear(const json_t *object, size_t width, struct data_linear *linear,
                                 primer_error *error)
{
    const json_t *const weights = json_object_get(object, "weights");
    if (json_array_size(weights) != width)
        return error_set(error, PRIMER_EFORMAT, "\"weights\": found %zu, expected %zu",
                         json_array_size(weights), width);
    linear->width = width;
    linear->weights = memory_allocate(width, sizeof *linear->weights);
    if (linear->weights == NULL)
        return memory_failure(error, "weights", width * sizeof *linear->weights);
    for (size_t i = 0; i < width; i++) {
        if (!json_is_number(json_array_get(weights, i)))
            return error_set(error, PRIMER_EFORMAT, "\"weights\": expected numbers");
        linear->weights[i] = json_number_value(json_array_get(weights, i));
    }
    FORWARD(read_real(object, "lambda", &linear->lambda, error));
    return read_real(object, "constant", &linear->constant, error);
}

static primer_status read_object(const json_t *object, struct data_filter_file *file,
                                 primer_error *error)
{
    const char *const format = json_string_value(json_object_get(object, "format"));
    const char *const model = json_string_value(json_object_get(object, "model"));
    const char *const method = json_string_value(json_object_get(object, "method"));
    size_t version = 0;
    if (format == NULL || strcmp(format, FORMAT) != 0)
        return error_set(error, PRIMER_EFORMAT, "\"format\": expected \"" FORMAT "\"");
    FORWARD(read_size(object, "version", INT32_MAX, &version, error));
    if (version != 1)
        return error_set(error, PRIMER_EFORMAT, "\"version\": found %zu, expected 1", version);
    if (model == NULL || strlen(model) != 16 || strspn(model, "0123456789abcdef") != 16)
        return error_set(error, PRIMER_EFORMAT, "\"model\": expected 16 hexadecimal digits");
    file->identity = strtoull(model, NULL, 16);
    FORWARD(read_size(object, "dimensions", 1 << 20, &file->dimensions, error));
    FORWARD(read_size(object, "tokens", INT32_MAX, &file->tokens, error));
    FORWARD(read_size(object, "lines", INT32_MAX, &file->lines, error));
    FORWARD(read_size(object, "features", INT32_MAX, &file->features, error));
    if (file->features != 0 && file->features != DATA_FILTER_FEATURES)
        return error_set(error, PRIMER_EFORMAT, "\"features\": found %zu, expected 0 or %d",
                         file->features, DATA_FILTER_FEATURES);
    FORWARD(read_real(object, "threshold", &file->threshold, error));
    FORWARD(read_real(object, "cut", &file->fit.cut, error));
    const size_t all = file->dimensions + file->features;
    size_t from = 0, width = 0;
    FORWARD(read_size(object, "from", all, &from, error));
    FORWARD(read_size(object, "width", all - from, &width, error));
    file->fit.columns = (struct data_filter_columns){from, width};
    if (method != NULL && strcmp(method, "forest") == 0)
        return read_forest(object, width, &file->fit.forest, error);
    file->fit.method = DATA_FILTER_LINEAR;
    if (method != NULL && strcmp(method, "linear") == 0)
        return read_linear(object, width, &file->fit.linear, error);
    return error_set(error, PRIMER_EFORMAT, "\"method\": expected \"forest\" or \"linear\"");
}

primer_status data_filter_file_load(struct data_filter_file *file, const char *path,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer bytes = {0};
    json_error_t problem;
    json_t *object = NULL;
    *file = (struct data_filter_file){0};
    TRY(file_read(path, FILE_MOST, &bytes, error));
    object = json_loadb(bytes.bytes == NULL ? "" : bytes.bytes, bytes.length, 0, &problem);
    if (!json_is_object(object))
        FAIL(PRIMER_EFORMAT, "%s: no JSON object: %s", path,
             object == NULL ? problem.text : "found another value");
    status = read_object(object, file, error);
    if (status != PRIMER_OK)
        error_prefix(error, "%s", path);
cleanup:
    json_decref(object);
    buffer_free(&bytes);
    if (status != PRIMER_OK)
        data_filter_file_free(file);
    return status;
}
