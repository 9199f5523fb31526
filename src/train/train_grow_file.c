/* train_grow_file.c - which tensors there are, and their rows through the pool to the writer.
 *
 *   chunk of a tensor   | row | row | row | ...   a task makes some rows: decode the source's row,
 *                                                 fill the new one, encode it into the chunk
 *
 * A row depends on its number alone, so the file doesn't depend on the threads.
 */
#include "train/train_grow_file.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "format/gguf.h"

enum { CHUNK_BYTES = 4 << 20, TASK_ROWS = 16, SHOWN = 96 };

struct item {
    char name[MODEL_NAME_LIMIT]; /* in the new model */
    const struct gguf_tensor *source;
    struct train_grow_fill fill; /* without the source's mean and deviation */
    bool matrix;
};

struct job {
    const struct train_grow_file *file;
    struct item *items; /* [count] */
    size_t count;
    float *sources, *rows;  /* a row of each for every thread */
    double *scratch, *sums; /* [threads][scratch of a row], [source's rows][2] */
    size_t source_most, row_most, scratch_most, rows_most;
    unsigned char *chunk;
    size_t chunk_bytes;
    uint64_t done, all; /* bytes */
};

/* ---- the list of tensors ---- */

static enum train_grow_kind kind_of(const struct model_part *part, bool bias)
{
    if (bias)
        return TRAIN_GROW_BIAS;
    if (part->role == MODEL_ROPE_FACTORS)
        return TRAIN_GROW_FACTORS;
    if (part->rows == MODEL_ONE)
        return TRAIN_GROW_NORM;
    return part->role == MODEL_TOKEN_EMBEDDING ? TRAIN_GROW_TABLE : TRAIN_GROW_LINEAR;
}

/* Where the embedding is the output matrix too, a clone divides the final norm. */
static bool final_divided(const struct train_grow_file *file, const struct model_part *part)
{
    return file->method >= TRAIN_GROW_SPREAD && part->role == MODEL_FINAL_NORM &&
           gguf_tensor_named(file->source, "output.weight") == NULL;
}

static void add_item(struct job *job, const struct model_part *part, size_t layer, bool bias)
{
    const struct train_grow_file *file = job->file;
    const struct train_grow_axes *axes = file->axes;
    const primer_grow_map *layers = &file->summary->maps[PRIMER_GROW_LAYERS];
    const char *suffix = bias ? ".bias" : ".weight";
    char name[MODEL_NAME_LIMIT];
    const bool adds = part->role == MODEL_ATTENTION_OUTPUT || part->role == MODEL_DOWN;
    const bool layered = part->role >= MODEL_ATTENTION_NORM;
    const bool vector = bias || part->rows == MODEL_ONE;
    model_tensor_name(name, part->name, layered ? layers->sources[layer] : 0, suffix);
    const struct gguf_tensor *tensor = gguf_tensor_named(file->source, name);
    if (tensor == NULL)
        return;
    struct item *item = &job->items[job->count++];
    model_tensor_name(item->name, part->name, layer, suffix);
    item->source = tensor;
    item->matrix = !vector;
    item->fill = (struct train_grow_fill){
        .method = file->method,
        .kind = kind_of(part, bias),
        .rows = vector ? &axes->of[MODEL_ONE] : train_grow_axis_rows(axes, part),
        .columns = bias && part->rows != MODEL_ONE ? train_grow_axis_rows(axes, part)
                                                   : train_grow_axis_columns(axes, part),
        .silent = file->method >= TRAIN_GROW_SPREAD && adds && layered && layers->repeats[layer],
        .divided = final_divided(file, part),
        .noise = file->options->noise,
        .seed = hash_bytes(item->name, strlen(item->name), file->options->seed),
    };
}

/* The parts of the model, or those of one layer. */
static void add_items(struct job *job, bool layered, size_t layer)
{
    const struct model_form *form = &job->file->model->architecture->form;
    for (size_t i = 0; i < form->part_count; i++) {
        const struct model_part *part = &form->parts[i];
        if ((part->role >= MODEL_ATTENTION_NORM) != layered)
            continue;
        add_item(job, part, layer, false);
        add_item(job, part, layer, true);
    }
}

static size_t item_bytes(const struct job *job, const struct item *item)
{
    const size_t rows = item->fill.rows->count, columns = item->fill.columns->count;
    return rows * columns * (item->matrix ? job->file->format->block_bytes : sizeof(float));
}

static primer_status list_items(struct job *job, primer_error *error)
{
    const size_t most =
        2 * job->file->model->architecture->form.part_count * (job->file->summary->to.layers + 1);
    job->items = memory_allocate(most, sizeof *job->items);
    if (job->items == NULL)
        return memory_failure(error, "a list of tensors", most * sizeof *job->items);
    add_items(job, false, 0);
    for (size_t layer = 0; layer < job->file->summary->to.layers; layer++)
        add_items(job, true, layer);
    for (size_t i = 0; i < job->count; i++) {
        const struct train_grow_fill *fill = &job->items[i].fill;
        const size_t scratch = train_grow_fill_scratch(fill);
        if (fill->columns->source_count > job->source_most)
            job->source_most = fill->columns->source_count;
        if (fill->columns->count > job->row_most)
            job->row_most = fill->columns->count;
        if (fill->rows->source_count > job->rows_most)
            job->rows_most = fill->rows->source_count;
        if (scratch > job->scratch_most)
            job->scratch_most = scratch;
        job->all += item_bytes(job, &job->items[i]);
    }
    return PRIMER_OK;
}

uint64_t train_grow_file_parameters(const struct train_grow_file *file)
{
    const struct model_form *form = &file->model->architecture->form;
    const primer_grow_map *layers = &file->summary->maps[PRIMER_GROW_LAYERS];
    uint64_t parameters = 0;
    for (size_t i = 0; i < form->part_count; i++) {
        const struct model_part *part = &form->parts[i];
        const uint64_t rows = train_grow_axis_rows(file->axes, part)->count,
                       columns = train_grow_axis_columns(file->axes, part)->count,
                       terms = part->rows == MODEL_ONE ? columns : rows;
        const bool layered = part->role >= MODEL_ATTENTION_NORM;
        for (size_t layer = 0; layer < (layered ? layers->count : 1); layer++) {
            char name[MODEL_NAME_LIMIT];
            model_tensor_name(name, part->name, layers->sources[layer], ".weight");
            if (gguf_tensor_named(file->source, name) != NULL)
                parameters += rows * columns;
            model_tensor_name(name, part->name, layers->sources[layer], ".bias");
            if (gguf_tensor_named(file->source, name) != NULL)
                parameters += terms;
        }
    }
    return parameters;
}

/* ---- one tensor ---- */

static const float *source_row(const struct job *job, const struct item *item, size_t row,
                               size_t thread)
{
    float *out = job->sources + thread * job->source_most;
    item->source->format->decode(item->source->data + row * item->source->row_bytes, out,
                                 item->fill.columns->source_count);
    return out;
}

struct measure {
    const struct job *job;
    const struct item *item;
};

static void measure_task(void *context, size_t task, size_t thread)
{
    const struct measure *measure = context;
    const struct train_grow_fill *fill = &measure->item->fill;
    for (size_t r = task * TASK_ROWS; r < (task + 1) * TASK_ROWS; r++) {
        if (r >= fill->rows->source_count)
            return;
        const float *row = source_row(measure->job, measure->item, r, thread);
        double sum = 0, squares = 0;
        for (size_t c = 0; c < fill->columns->source_count; c++) {
            sum += (double)row[c];
            squares += (double)row[c] * (double)row[c];
        }
        measure->job->sums[2 * r] = sum;
        measure->job->sums[2 * r + 1] = squares;
    }
}

/* Mean and deviation of the source's tensor, where they are asked for; added row by row in order,
 * so that threads don't change them. */
static void measure_item(struct job *job, struct item *item)
{
    struct train_grow_fill *fill = &item->fill;
    const size_t rows = fill->rows->source_count;
    const double count = (double)rows * (double)fill->columns->source_count;
    double sum = 0, squares = 0;
    struct measure measure = {job, item};
    const bool mean = fill->method == TRAIN_GROW_REUSE && fill->kind == TRAIN_GROW_NORM;
    if (fill->silent || !(mean || (fill->kind < TRAIN_GROW_NORM && fill->noise > 0)))
        return;
    pool_run(job->file->pool, measure_task, &measure, (rows + TASK_ROWS - 1) / TASK_ROWS);
    for (size_t r = 0; r < rows; r++) {
        sum += job->sums[2 * r];
        squares += job->sums[2 * r + 1];
    }
    fill->mean = sum / count;
    const double variance = squares / count - fill->mean * fill->mean;
    fill->deviation = variance > 0 ? sqrt(variance) : 0.0;
}

struct piece {
    const struct job *job;
    const struct item *item;
    const struct quant_format *format;
    size_t first, count;   /* rows in the chunk */
    _Atomic size_t broken; /* the first row that can't be written; SIZE_MAX */
};

static bool all_below(const float *row, size_t count, float limit)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(row[i]) < limit))
            return false;
    return true;
}

static void note_broken(struct piece *piece, size_t row)
{
    size_t known = atomic_load(&piece->broken);
    while (row < known && !atomic_compare_exchange_weak(&piece->broken, &known, row))
        continue;
}

static void piece_task(void *context, size_t task, size_t thread)
{
    struct piece *piece = context;
    const struct job *job = piece->job;
    const struct train_grow_fill *fill = &piece->item->fill;
    const size_t columns = fill->columns->count, row_bytes = columns * piece->format->block_bytes;
    float *out = job->rows + thread * job->row_most;
    double *scratch = job->scratch + thread * job->scratch_most;
    for (size_t i = task * TASK_ROWS; i < (task + 1) * TASK_ROWS && i < piece->count; i++) {
        const size_t row = piece->first + i;
        const float *source = source_row(job, piece->item, fill->rows->sources[row], thread);
        train_grow_fill_row(fill, row, source, scratch, out);
        if (!all_below(out, columns, quant_format_limit(piece->format)))
            note_broken(piece, row);
        else
            piece->format->encode(out, NULL, job->chunk + i * row_bytes, columns);
    }
}

static primer_status broken_row(const struct job *job, const struct item *item,
                                const struct quant_format *format, size_t row, primer_error *error)
{
    char shown[SHOWN];
    return error_set(
        error, PRIMER_ENUMERIC,
        "%s: tensor %s: row %u holds what is not a finite number, or what is too "
        "large for %s",
        gguf_path(job->file->source),
        error_printable(item->source->name.bytes, item->source->name.length, shown, sizeof shown),
        item->fill.rows->sources[row], format->name);
}

static primer_status write_item(struct job *job, struct gguf_writer *writer, struct item *item,
                                primer_error *error)
{
    const primer_grow_options *options = job->file->options;
    const struct quant_format *format =
        item->matrix ? job->file->format : quant_format_of(QUANT_F32);
    const size_t rows = item->fill.rows->count,
                 row_bytes = item->fill.columns->count * format->block_bytes;
    measure_item(job, item);
    struct piece piece = {.job = job, .item = item, .format = format};
    atomic_init(&piece.broken, SIZE_MAX);
    for (piece.first = 0; piece.first < rows; piece.first += piece.count) {
        const size_t left = rows - piece.first, fit = job->chunk_bytes / row_bytes;
        piece.count = left < fit ? left : fit;
        pool_run(job->file->pool, piece_task, &piece, (piece.count + TASK_ROWS - 1) / TASK_ROWS);
        const size_t broken = atomic_load(&piece.broken);
        if (broken != SIZE_MAX)
            return broken_row(job, item, format, broken, error);
        FORWARD(gguf_write_data(writer, job->chunk, piece.count * row_bytes, error));
        job->done += piece.count * row_bytes;
        if (options->progress != NULL && !options->progress(options->context, job->done, job->all))
            return error_set(error, PRIMER_ECANCELED, "%s: stopped before all weights were written",
                             gguf_path(job->file->source));
    }
    return PRIMER_OK;
}

/* ---- metadata ---- */

#define FILE_TYPE_KEY "general.file_type"
#define NAME_KEY      "general.name"

/* Keys of the architecture that say sizes. `needed`: else written only where the source has it. */
struct size_key {
    const char *key; /* after "ARCHITECTURE." */
    size_t value;
    bool needed;
};
enum { SIZE_KEYS = 8 };

static void size_keys(const primer_grow_shape *to, struct size_key keys[SIZE_KEYS])
{
    const bool own = to->heads * to->head_dimensions != to->embedding;
    const struct size_key all[SIZE_KEYS] = {
        {"block_count", to->layers, true},
        {"embedding_length", to->embedding, true},
        {"feed_forward_length", to->feed_forward, true},
        {"attention.head_count", to->heads, true},
        {"attention.head_count_kv", to->kv_heads, to->kv_heads != to->heads},
        {"attention.key_length", to->head_dimensions, own},
        {"attention.value_length", to->head_dimensions, own},
        {"rope.dimension_count", to->rotary_dimensions,
         to->rotary_dimensions != to->head_dimensions},
    };
    memcpy(keys, all, sizeof all);
}

static void full_key(const struct train_grow_file *file, const char *key,
                     char out[MODEL_NAME_LIMIT])
{
    snprintf(out, MODEL_NAME_LIMIT, "%s.%s", file->model->architecture->name, key);
}

static bool key_is(const struct gguf_value *value, const char *key)
{
    return value->key.length == strlen(key) &&
           memcmp(value->key.bytes, key, value->key.length) == 0;
}

/* Whether a key is written anew, or says what is true of the source alone. */
static bool replaced(const struct train_grow_file *file, const struct size_key keys[SIZE_KEYS],
                     const struct gguf_value *value)
{
    static const char *const others[] = {FILE_TYPE_KEY, NAME_KEY, "general.quantization_version",
                                         "general.size_label", "general.parameter_count"};
    char full[MODEL_NAME_LIMIT];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (key_is(value, others[i]))
            return true;
    for (size_t i = 0; i < SIZE_KEYS; i++) {
        full_key(file, keys[i].key, full);
        if (key_is(value, full))
            return true;
    }
    return false;
}

static primer_status write_name(const struct train_grow_file *file, struct gguf_writer *writer,
                                primer_error *error)
{
    char text[512];
    struct gguf_string name = {"model", 5};
    const primer_grow_shape *to = &file->summary->to;
    FORWARD(gguf_get_string(file->source, NAME_KEY, &name, error));
    const int length = name.length < 256 ? (int)name.length : 256;
    snprintf(text, sizeof text, "%.*s, grown by %s to %zu layers of %zu", length, name.bytes,
             file->summary->method, to->layers, to->embedding);
    return gguf_write_string(writer, NAME_KEY, text, error);
}

static uint32_t file_type(const struct quant_format *format)
{
    return format->type == QUANT_F32 ? 0 : format->type == QUANT_F16 ? 1 : 32;
}

static primer_status write_metadata(const struct train_grow_file *file, struct gguf_writer *writer,
                                    primer_error *error)
{
    struct size_key keys[SIZE_KEYS];
    char full[MODEL_NAME_LIMIT];
    size_keys(&file->summary->to, keys);
    for (size_t i = 0; i < gguf_value_count(file->source); i++) {
        const struct gguf_value *value = gguf_value_at(file->source, i);
        if (!replaced(file, keys, value))
            FORWARD(gguf_write_value(writer, value, error));
    }
    FORWARD(write_name(file, writer, error));
    FORWARD(gguf_write_u32(writer, FILE_TYPE_KEY, file_type(file->format), error));
    for (size_t i = 0; i < SIZE_KEYS; i++) {
        full_key(file, keys[i].key, full);
        if (keys[i].needed || gguf_value_named(file->source, full) != NULL)
            FORWARD(gguf_write_u32(writer, full, (uint32_t)keys[i].value, error));
    }
    return PRIMER_OK;
}

/* ---- the file ---- */

static primer_status prepare(struct job *job, primer_error *error)
{
    const size_t threads = pool_size(job->file->pool), row_bytes = job->row_most * sizeof(float);
    job->chunk_bytes = row_bytes > CHUNK_BYTES ? row_bytes : CHUNK_BYTES;
    job->sources = memory_allocate_aligned(threads * job->source_most, sizeof(float));
    job->rows = memory_allocate_aligned(threads * job->row_most, sizeof(float));
    job->scratch = memory_allocate_aligned(threads * job->scratch_most, sizeof(double));
    job->sums = memory_allocate_aligned(2 * job->rows_most, sizeof(double));
    job->chunk = memory_allocate_aligned(job->chunk_bytes, 1);
    if (job->sources == NULL || job->rows == NULL || job->scratch == NULL || job->sums == NULL ||
        job->chunk == NULL)
        return memory_failure(error, "growing a model", job->chunk_bytes);
    return PRIMER_OK;
}

static primer_status declare_item(const struct job *job, struct gguf_writer *writer,
                                  const struct item *item, primer_error *error)
{
    const size_t shape[2] = {item->fill.columns->count, item->fill.rows->count};
    const struct quant_format *format =
        item->matrix ? job->file->format : quant_format_of(QUANT_F32);
    return gguf_declare_tensor(writer, item->name, item->matrix ? 2 : 1, shape, format, error);
}

primer_status train_grow_file_write(const struct train_grow_file *file, const char *path,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf_writer *writer = NULL;
    struct job job = {.file = file};
    TRY(list_items(&job, error));
    TRY(prepare(&job, error));
    TRY(gguf_writer_create(&writer, path, error));
    TRY(write_metadata(file, writer, error));
    for (size_t i = 0; i < job.count; i++)
        TRY(declare_item(&job, writer, &job.items[i], error));
    for (size_t i = 0; i < job.count; i++)
        TRY(write_item(&job, writer, &job.items[i], error));
    TRY(gguf_writer_finish(writer, error));
cleanup:
    gguf_writer_free(writer);
    memory_free(job.items);
    memory_free(job.sources);
    memory_free(job.rows);
    memory_free(job.scratch);
    memory_free(job.sums);
    memory_free(job.chunk);
    return status;
}
