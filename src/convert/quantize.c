/* quantize.c - decode, check, encode: tensor by tensor, a chunk in memory, segments in parallel.
 *
 *   source tensor  | chunk                 | chunk ...   encoded into memory, then written
 *                  | segment | segment ... |             a segment is one task of the pool
 *
 * Rows are whole blocks of both formats, so a tensor is one run of blocks and is cut without regard
 * to rows: segments are multiples of 256, the longest block. Only one chunk's bytes and a segment
 * of f32 per thread are in memory beside the map. The output doesn't depend on the number of
 * threads.
 */
#include "convert/quantize.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/pool.h"
#include "convert/mixes.h"
#include "format/gguf.h"

#define FILE_TYPE_KEY            "general.file_type"
#define QUANTIZATION_VERSION_KEY "general.quantization_version"
#define QUANTIZATION_VERSION     2

enum { SEGMENT = 8192, CHUNK_SEGMENTS = 512, SHOWN = 96 };

struct job {
    const struct gguf *source;
    const struct mix *mix;
    const struct quantize_options *options;
    struct pool *pool;
    size_t tensors;
    char *names;                         /* NUL-terminated, one after another */
    struct mixes_tensor *plans;          /* [tensors] */
    const struct quant_format **formats; /* [tensors] */
    float *scratch;                      /* [threads][SEGMENT] */
    unsigned char *chunk;                /* CHUNK_SEGMENTS * SEGMENT weights in any format */
    uint64_t done;
    struct quantize_summary summary;
};

/* One chunk of one tensor, as the tasks see it. */
struct piece {
    const struct quant_format *from, *to;
    const unsigned char *source;
    unsigned char *out;
    size_t count; /* weights */
    float *scratch;
    const struct quantize_options *changed; /* NULL: this tensor isn't changed */
    size_t tensor, start;                   /* its number; the first weight of the piece */
    _Atomic size_t broken;                  /* the first weight that can't be written; SIZE_MAX */
};

/* ---- one segment ---- */

/* Of whole blocks. */
static size_t bytes_of(const struct quant_format *format, size_t count)
{
    return count / format->block_length * format->block_bytes;
}

/* The first weight that is NaN, infinite, or not below the limit. */
static size_t first_broken(const float *weights, size_t count, float limit)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(weights[i]) < limit))
            return i;
    return SIZE_MAX;
}

static void note_broken(struct piece *piece, size_t index)
{
    size_t known = atomic_load(&piece->broken);
    while (index < known && !atomic_compare_exchange_weak(&piece->broken, &known, index))
        continue;
}

static void do_segment(void *context, size_t task, size_t thread)
{
    struct piece *piece = context;
    float *weights = piece->scratch + thread * SEGMENT;
    size_t start = task * SEGMENT;
    size_t count = piece->count - start < SEGMENT ? piece->count - start : SEGMENT;
    const unsigned char *source = piece->source + bytes_of(piece->from, start);
    unsigned char *out = piece->out + bytes_of(piece->to, start);
    piece->from->decode(source, weights, count);
    if (piece->changed != NULL)
        piece->changed->change(piece->changed->change_context, piece->tensor, piece->start + start,
                               weights, count);
    size_t broken = first_broken(weights, count, quant_format_limit(piece->to));
    if (broken != SIZE_MAX)
        note_broken(piece, start + broken);
    else if (piece->from == piece->to &&
             piece->changed == NULL) /* encoding again might change bits */
        memcpy(out, source, bytes_of(piece->to, count));
    else
        piece->to->encode(weights, NULL, out, count);
}

/* ---- one tensor ---- */

static primer_status broken_weight(const struct job *job, size_t tensor, const struct piece *piece,
                                   size_t start, primer_error *error)
{
    size_t at = atomic_load(&piece->broken), in_block = at % piece->from->block_length;
    const unsigned char *block = piece->source + bytes_of(piece->from, at - in_block);
    piece->from->decode(block, piece->scratch, piece->from->block_length);
    if (piece->changed != NULL)
        piece->changed->change(piece->changed->change_context, tensor, start + at - in_block,
                               piece->scratch, piece->from->block_length);
    double weight = (double)piece->scratch[in_block];
    return error_set(error, PRIMER_ENUMERIC, "%s: tensor '%s': weight %zu is %g, %s%s",
                     gguf_path(job->source), job->plans[tensor].name, start + at, weight,
                     isfinite(weight) ? "too large for " : "not a finite number",
                     isfinite(weight) ? piece->to->name : "");
}

static primer_status write_tensor(struct job *job, struct gguf_writer *writer, size_t index,
                                  primer_error *error)
{
    const struct gguf_tensor *tensor = gguf_tensor_at(job->source, index);
    size_t count = tensor->bytes / tensor->format->block_bytes * tensor->format->block_length;
    struct piece piece = {.from = tensor->format, .to = job->formats[index], .out = job->chunk};
    piece.scratch = job->scratch;
    piece.tensor = index;
    const struct quantize_options *const options = job->options;
    if (options->changes != NULL && options->changes(options->change_context, index))
        piece.changed = options;
    for (size_t start = 0; start < count; start += piece.count) {
        size_t left = count - start, most = (size_t)SEGMENT * CHUNK_SEGMENTS;
        piece.count = left < most ? left : most;
        piece.source = tensor->data + bytes_of(piece.from, start);
        piece.start = start;
        atomic_init(&piece.broken, SIZE_MAX);
        pool_run(job->pool, do_segment, &piece, (piece.count + SEGMENT - 1) / SEGMENT);
        if (atomic_load(&piece.broken) != SIZE_MAX)
            return broken_weight(job, index, &piece, start, error);
        FORWARD(gguf_write_data(writer, piece.out, bytes_of(piece.to, piece.count), error));
        job->done += bytes_of(piece.from, piece.count);
        if (job->options->progress &&
            !job->options->progress(job->options->context, job->done, job->summary.bytes_in))
            return error_set(error, PRIMER_ECANCELED, "%s: stopped before all weights were written",
                             gguf_path(job->source));
    }
    return PRIMER_OK;
}

/* ---- the plan ---- */

static primer_status take_names(struct job *job, primer_error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < job->tensors; i++)
        bytes += gguf_tensor_at(job->source, i)->name.length + 1;
    job->names = memory_allocate(bytes, 1);
    job->plans = memory_allocate(job->tensors, sizeof *job->plans);
    job->formats = memory_allocate(job->tensors, sizeof *job->formats);
    if (!job->names || !job->plans || !job->formats)
        return memory_failure(error, "a plan of formats", bytes);
    char *name = job->names;
    for (size_t i = 0; i < job->tensors; i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(job->source, i);
        memcpy(name, tensor->name.bytes, tensor->name.length);
        job->plans[i] = (struct mixes_tensor){name, tensor->dimensions, tensor->shape};
        name += tensor->name.length + 1;
    }
    return PRIMER_OK;
}

static void count_tensor(struct job *job, size_t index)
{
    const struct gguf_tensor *tensor = gguf_tensor_at(job->source, index);
    const struct quant_format *to = job->formats[index];
    job->summary.tensors++;
    job->summary.bytes_in += tensor->bytes;
    if (to == tensor->format)
        return;
    job->summary.encoded++;
    if (tensor->format->kind != QUANT_KIND_FLOAT)
        job->summary.requantized++;
}

static primer_status make_plan(struct job *job, primer_error *error)
{
    job->tensors = gguf_tensor_count(job->source);
    if (job->tensors == 0)
        return error_set(error, PRIMER_EINVAL, "%s: there are no tensors in it",
                         gguf_path(job->source));
    FORWARD(take_names(job, error));
    job->summary.fallbacks = mixes_plan(job->mix, job->plans, job->tensors, job->formats);
    for (size_t i = 0; i < job->tensors; i++)
        count_tensor(job, i);
    return mixes_bytes(job->plans, job->tensors, job->formats, &job->summary.bytes_out, error);
}

/* ---- the file ---- */

static bool key_is(const struct gguf_value *value, const char *key)
{
    return value->key.length == strlen(key) &&
           memcmp(value->key.bytes, key, value->key.length) == 0;
}

static primer_status copy_metadata(const struct job *job, struct gguf_writer *writer,
                                   primer_error *error)
{
    for (size_t i = 0; i < gguf_value_count(job->source); i++) {
        const struct gguf_value *value = gguf_value_at(job->source, i);
        if (!key_is(value, FILE_TYPE_KEY) && !key_is(value, QUANTIZATION_VERSION_KEY))
            FORWARD(gguf_write_value(writer, value, error));
    }
    FORWARD(gguf_write_u32(writer, QUANTIZATION_VERSION_KEY, QUANTIZATION_VERSION, error));
    return gguf_write_u32(writer, FILE_TYPE_KEY, mixes_file_type(job->mix), error);
}

static primer_status check_source(const struct gguf *source, primer_error *error)
{
    uint64_t parts = 1;
    FORWARD(gguf_get_u64(source, "split.count", &parts, error));
    if (parts > 1)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: one of %llu parts of a split model; join the parts first",
                         gguf_path(source), (unsigned long long)parts);
    return PRIMER_OK;
}

static primer_status check_out(const struct gguf *source, const char *out, primer_error *error)
{
    struct stat found;
    const struct file_map *map = gguf_map(source);
    if (stat(out, &found) == 0 && (uint64_t)found.st_dev == map->device &&
        (uint64_t)found.st_ino == map->inode)
        return error_set(error, PRIMER_EINVAL, "%s: is the input itself; choose another output",
                         out);
    return PRIMER_OK;
}

static primer_status find_mix(const char *target, const struct mix **mix, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer names = {0};
    char shown[SHOWN];
    *mix = mixes_named(target);
    if (*mix)
        return PRIMER_OK;
    for (size_t i = 0; mixes_name(i); i++)
        TRY(buffer_format(&names, error, " %s", mixes_name(i)));
    FAIL(PRIMER_EINVAL, "no quantization is called '%s'; there are%s",
         error_printable(target, strlen(target), shown, sizeof shown), names.bytes);
cleanup:
    buffer_free(&names);
    return status;
}

static primer_status prepare(struct job *job, primer_error *error)
{
    FORWARD(pool_create(&job->pool, job->options->threads, error));
    job->scratch = memory_allocate_aligned(pool_size(job->pool), SEGMENT * sizeof(float));
    job->chunk = memory_allocate_aligned(CHUNK_SEGMENTS, SEGMENT * sizeof(float));
    if (!job->scratch || !job->chunk)
        return memory_failure(error, "quantizing", CHUNK_SEGMENTS * SEGMENT * sizeof(float));
    return PRIMER_OK;
}

static primer_status write_file(struct job *job, struct gguf_writer *writer, primer_error *error)
{
    FORWARD(copy_metadata(job, writer, error));
    for (size_t i = 0; i < job->tensors; i++)
        FORWARD(gguf_declare_tensor(writer, job->plans[i].name, job->plans[i].dimensions,
                                    job->plans[i].shape, job->formats[i], error));
    for (size_t i = 0; i < job->tensors; i++)
        FORWARD(write_tensor(job, writer, i, error));
    return gguf_writer_finish(writer, error);
}

primer_status quantize_file(const char *in, const char *out, const struct quantize_options *options,
                            struct quantize_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct job job = {.options = options};
    struct gguf *source = NULL;
    struct gguf_writer *writer = NULL;
    TRY(find_mix(options->target, &job.mix, error));
    TRY(gguf_open(&source, in, error));
    job.source = source;
    TRY(check_source(source, error));
    TRY(check_out(source, out, error));
    TRY(make_plan(&job, error));
    TRY(prepare(&job, error));
    TRY(gguf_writer_create(&writer, out, error));
    TRY(write_file(&job, writer, error));
    if (summary)
        *summary = job.summary;
cleanup:
    gguf_writer_free(writer);
    pool_free(job.pool);
    memory_free(job.scratch);
    memory_free(job.chunk);
    memory_free(job.names);
    memory_free(job.plans);
    memory_free(job.formats);
    gguf_free(source);
    return status;
}
