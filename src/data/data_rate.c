/* data_rate.c - drawing samples, and the file of ratings that grows. Declared in data_rate.h.
 *
 * A document's priority is a hash of seed, path and line; the lowest N are the sample. So it
 * depends neither on the order of reading nor on N: a larger N has the smaller's samples, and they
 * come first. The piece of a document is chosen by the same hash.
 *
 *   | line \n | line \n | line \n |            what is there at the beginning; then appended, each
 *                                 | + line \n  line with one write. Undo cuts the last one off.
 */
#include "data/data_rate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "data/data_filter_source.h"
#include "data/data_rate_file.h"
#include "data/data_share.h"

#define SAMPLES 100 /* where no number was given */
#define EACH    4   /* samples of a round for each process, where there are several */

struct drawn {
    uint64_t priority, id, line, from, lines;
    char *path, *text;
    size_t length;
};

struct drawing {
    const struct data_rate_options *options;
    struct data_rate_summary *summary;
    struct data_share share;
    struct drawn *samples; /* [capacity], by priority */
    size_t count, capacity;
};

static void free_sample(struct drawn *sample)
{
    memory_free(sample->path);
    memory_free(sample->text);
    *sample = (struct drawn){0};
}

static void free_drawing(struct drawing *drawing)
{
    for (size_t i = 0; drawing->samples != NULL && i < drawing->count; i++)
        free_sample(&drawing->samples[i]);
    memory_free(drawing->samples);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static uint64_t priority_of(const struct data_filter_sample *document, uint64_t seed)
{
    const uint64_t hash = hash_bytes(document->path, strlen(document->path), seed);
    return hash_bytes(&document->line, sizeof document->line, hash);
}

/* The bytes of one of the document's pieces. */
static void choose_piece(const struct data_filter_sample *document, size_t most,
                         struct drawn *drawn, size_t *begin, size_t *end)
{
    const char *const text = document->text.bytes;
    const size_t length = document->text.length;
    uint64_t pieces = 0, taken = 0, from = 1;
    *begin = 0;
    *end = length;
    drawn->from = 1;
    if (most == 0)
        return;
    for (size_t at = 0; at < length; pieces++)
        at += data_filter_source_piece(text + at, length - at, most, &taken);
    uint64_t left = pieces == 0 ? 0 : hash_bytes("piece", 5, drawn->priority) % pieces;
    for (size_t at = 0; at < length; left--) {
        const size_t step = data_filter_source_piece(text + at, length - at, most, &taken);
        if (left == 0) {
            *begin = at;
            *end = at + step;
            drawn->from = from;
            drawn->lines = taken;
            return;
        }
        at += step;
        from += taken;
    }
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (memchr(" \t\r\n\f", text[i], 5) == NULL)
            return false;
    return true;
}

/* The same text in another file counts once, where its priority is lowest: false, if it is there
 * with a lower one; else it is taken away. */
static bool make_unique(struct drawing *drawing, const struct drawn *drawn)
{
    size_t at = 0;
    while (at < drawing->count && drawing->samples[at].id != drawn->id)
        at++;
    if (at == drawing->count)
        return true;
    if (drawing->samples[at].priority <= drawn->priority)
        return false;
    free_sample(&drawing->samples[at]);
    for (drawing->count--; at < drawing->count; at++)
        drawing->samples[at] = drawing->samples[at + 1];
    return true;
}

/* Into its place among those that are kept; the last one goes where there is no room. */
static primer_status keep(struct drawing *drawing, struct drawn *drawn, const char *path,
                          const char *text, primer_error *error)
{
    drawn->path = memory_copy_text(path);
    drawn->text = memory_copy_bytes(text, drawn->length);
    if (drawn->path == NULL || drawn->text == NULL) {
        free_sample(drawn);
        return memory_failure(error, "a sample", drawn->length);
    }
    if (drawing->count == drawing->capacity)
        free_sample(&drawing->samples[--drawing->count]);
    size_t at = drawing->count++;
    for (; at > 0 && drawing->samples[at - 1].priority > drawn->priority; at--)
        drawing->samples[at] = drawing->samples[at - 1];
    drawing->samples[at] = *drawn;
    return PRIMER_OK;
}

static primer_status consider(struct drawing *drawing, const struct data_filter_sample *document,
                              primer_error *error)
{
    struct data_rate_summary *const summary = drawing->summary;
    struct drawn drawn = {.line = document->line};
    size_t begin = 0, end = 0;
    if (document->status != PRIMER_OK) {
        if (!drawing->options->skip_bad)
            return error_set(error, document->status, "%s", document->error.message);
        if (summary->bad++ == 0)
            snprintf(summary->first_bad, sizeof summary->first_bad, "%.500s",
                     document->error.message);
        return PRIMER_OK;
    }
    summary->documents++;
    drawn.priority = priority_of(document, drawing->options->seed);
    if (drawing->count == drawing->capacity &&
        drawn.priority >= drawing->samples[drawing->count - 1].priority)
        return PRIMER_OK;
    choose_piece(document, drawing->options->lines, &drawn, &begin, &end);
    drawn.length = end - begin;
    drawn.id = hash_bytes(document->text.bytes + begin, drawn.length, 0);
    if (is_blank(document->text.bytes + begin, drawn.length)) {
        summary->empty++;
        return PRIMER_OK;
    }
    if (!make_unique(drawing, &drawn))
        return PRIMER_OK;
    return keep(drawing, &drawn, document->path, document->text.bytes + begin, error);
}

static primer_status draw(struct drawing *drawing, const char *const *inputs, size_t count,
                          primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct data_rate_options *const options = drawing->options;
    struct data_filter_source source = {0};
    struct data_filter_sample document = {0};
    bool more = true;
    FORWARD(data_filter_source_open(&source, inputs, count, options->field, options->separator, 0,
                                    error));
    while (more) {
        TRY(data_filter_source_next(&source, &document, &more, error));
        if (more)
            TRY(consider(drawing, &document, error));
        if (options->progress != NULL &&
            !options->progress(options->context, source.done, source.bytes))
            FAIL(PRIMER_ECANCELED, "%s: stopped", inputs[0]);
    }
    drawing->summary->drawn = drawing->count;
    if (drawing->count == 0)
        FAIL(PRIMER_EINVAL, "%s%s: there is no document with a text", inputs[0],
             count > 1 ? " and the others" : "");
cleanup:
    data_filter_sample_free(&document);
    data_filter_source_close(&source);
    return status;
}

/* ---- the file of ratings --------------------------------------------------------------------- */

struct ratings {
    int descriptor;
    const char *path;
    uint64_t bytes;
    struct data_rate_file before; /* what was there */
};

/* Half a line at the end was a rating whose writing was interrupted: it is asked for again. */
static primer_status open_ratings(struct ratings *ratings, const struct data_share *share,
                                  const char *path, primer_error *error)
{
    ratings->path = path;
    const primer_status read = data_rate_file_read(&ratings->before, path, true, false, error);
    FORWARD(data_share_agree(share, read, error)); /* all have read before one writes */
    if (!data_share_is_first(share))
        return PRIMER_OK;
    ratings->bytes = ratings->before.whole;
    ratings->descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (ratings->descriptor < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot open it: %s", path, strerror(errno));
    if (ratings->before.bytes > ratings->before.whole &&
        ftruncate(ratings->descriptor, (off_t)ratings->bytes) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot cut off half a line: %s", path,
                         strerror(errno));
    return PRIMER_OK;
}

static void close_ratings(struct ratings *ratings)
{
    if (ratings->descriptor >= 0)
        close(ratings->descriptor);
    data_rate_file_free(&ratings->before);
}

static primer_status line_of(const struct drawn *drawn, const struct data_rate_verdict *verdict,
                             const char *by, bool no_text, struct buffer *line, primer_error *error)
{
    buffer_clear(line);
    FORWARD(buffer_format(line, error, "{\"id\":\"%016" PRIx64 "\",\"path\":", drawn->id));
    FORWARD(buffer_json_string(line, drawn->path, strlen(drawn->path), error));
    FORWARD(buffer_format(line, error, ",\"line\":%" PRIu64, drawn->line));
    if (drawn->lines > 0)
        FORWARD(buffer_format(line, error, ",\"from\":%" PRIu64 ",\"lines\":%" PRIu64, drawn->from,
                              drawn->lines));
    FORWARD(buffer_format(line, error, ",\"rating\":%.6g", verdict->rating));
    if (verdict->expected >= 0)
        FORWARD(buffer_format(line, error, ",\"expected\":%.4f", verdict->expected));
    FORWARD(buffer_text(line, ",\"by\":", error));
    FORWARD(buffer_json_string(line, by, strlen(by), error));
    if (!no_text) {
        FORWARD(buffer_text(line, ",\"text\":", error));
        FORWARD(buffer_json_string(line, drawn->text, drawn->length, error));
    }
    return buffer_text(line, "}\n", error);
}

/* A line that can't be written whole leaves no part of it. */
static primer_status append(struct ratings *ratings, const struct buffer *line, primer_error *error)
{
    size_t done = 0;
    while (done < line->length) {
        const ssize_t written = write(ratings->descriptor, line->bytes + done, line->length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            const int why = errno;
            if (ftruncate(ratings->descriptor, (off_t)ratings->bytes) != 0)
                return error_set(error, PRIMER_EIO, "%s: half a line is left: %s", ratings->path,
                                 strerror(errno));
            return error_set(error, PRIMER_EIO, "%s: cannot write to it: %s", ratings->path,
                             strerror(why));
        }
        done += (size_t)written;
    }
    ratings->bytes += line->length;
    return PRIMER_OK;
}

/* ---- rating ---------------------------------------------------------------------------------- */

struct past { /* what was rated this time, for undo */
    size_t sample;
    uint64_t bytes; /* of the file before */
    double rating;
};

static void count_rating(struct data_rate_summary *summary, double rating, int step)
{
    summary->counts[(size_t)rating] += (size_t)step;
}

static primer_status write_rating(struct drawing *drawing, struct ratings *ratings,
                                  const struct drawn *drawn, const struct data_rater *rater,
                                  const struct data_rate_verdict *verdict, struct buffer *line,
                                  primer_error *error)
{
    if (data_share_is_first(&drawing->share)) {
        FORWARD(line_of(drawn, verdict, rater->name, drawing->options->no_text, line, error));
        FORWARD(append(ratings, line, error));
    }
    count_rating(drawing->summary, verdict->rating, 1);
    drawing->summary->rated++;
    return PRIMER_OK;
}

static primer_status ask_all(struct drawing *drawing, struct ratings *ratings,
                             const struct data_rater *rater, struct past *past, struct buffer *line,
                             primer_error *error)
{
    struct data_rate_summary *const summary = drawing->summary;
    size_t done = 0;
    for (size_t i = 0; i < drawing->count;) {
        const struct drawn *const drawn = &drawing->samples[i];
        const struct data_rate_sample shown = {drawn->path, drawn->text, drawn->length, drawn->id,
                                               drawn->line, drawn->from, drawn->lines};
        struct data_rate_verdict verdict = {.expected = -1};
        if (data_rate_file_find(&ratings->before, drawn->id) != NULL) {
            i++;
            continue;
        }
        FORWARD(rater->rate(rater->context, &shown, i + 1, drawing->count, &verdict, error));
        if (verdict.kind == DATA_RATE_QUIT)
            break;
        if (verdict.kind == DATA_RATE_UNDO) {
            if (done == 0)
                continue;
            const struct past *const last = &past[--done];
            if (ftruncate(ratings->descriptor, (off_t)last->bytes) != 0)
                return error_set(error, PRIMER_EIO, "%s: cannot take the last line back: %s",
                                 ratings->path, strerror(errno));
            ratings->bytes = last->bytes;
            count_rating(summary, last->rating, -1);
            summary->rated--;
            summary->undone++;
            i = last->sample;
            continue;
        }
        if (verdict.kind == DATA_RATE_SKIPPED) {
            summary->skipped++;
            i++;
            continue;
        }
        past[done++] = (struct past){i, ratings->bytes, verdict.rating};
        FORWARD(write_rating(drawing, ratings, drawn, rater, &verdict, line, error));
        i++;
    }
    return PRIMER_OK;
}

/* ---- rating by several processes ------------------------------------------------------------- */

struct asking {
    struct drawing *drawing;
    const struct data_rater *rater;
    size_t *samples; /* [EACH * processes] of this round */
    struct data_rate_verdict *verdicts;
    size_t count;
};

static primer_status ask_own(void *context, primer_error *error)
{
    struct asking *const asking = context;
    const struct drawing *const drawing = asking->drawing;
    const struct data_rater *const rater = asking->rater;
    for (size_t task = 0; task < asking->count; task++) {
        const size_t i = asking->samples[task];
        const struct drawn *const drawn = &drawing->samples[i];
        const struct data_rate_sample shown = {drawn->path, drawn->text, drawn->length, drawn->id,
                                               drawn->line, drawn->from, drawn->lines};
        struct data_rate_verdict *const verdict = &asking->verdicts[task];
        *verdict = (struct data_rate_verdict){.expected = -1};
        if (data_share_owns(&drawing->share, task))
            FORWARD(rater->rate(rater->context, &shown, i + 1, drawing->count, verdict, error));
    }
    return PRIMER_OK;
}

static primer_status save_verdict(void *context, size_t task, struct buffer *out,
                                  primer_error *error)
{
    const struct asking *const asking = context;
    const struct data_rate_verdict *const verdict = &asking->verdicts[task];
    FORWARD(data_share_put(out, (uint64_t)verdict->kind, error));
    FORWARD(data_share_put_real(out, verdict->rating, error));
    return data_share_put_real(out, verdict->expected, error);
}

static primer_status load_verdict(void *context, size_t task, struct cursor *in,
                                  primer_error *error)
{
    struct asking *const asking = context;
    struct data_rate_verdict *const verdict = &asking->verdicts[task];
    uint64_t kind = 0;
    FORWARD(cursor_u64(in, "kind of a verdict", &kind, error));
    verdict->kind = kind > DATA_RATE_QUIT ? DATA_RATE_QUIT : (enum data_rate_kind)kind;
    FORWARD(cursor_f64(in, "rating", &verdict->rating, error));
    return cursor_f64(in, "expected rating", &verdict->expected, error);
}

/* What comes behind the first QUIT is asked again another time. */
static primer_status take_verdicts(struct asking *asking, struct ratings *ratings,
                                   struct buffer *line, bool *ended, primer_error *error)
{
    struct drawing *const drawing = asking->drawing;
    for (size_t task = 0; task < asking->count; task++) {
        const struct data_rate_verdict *const verdict = &asking->verdicts[task];
        *ended = verdict->kind == DATA_RATE_QUIT;
        if (*ended)
            return PRIMER_OK;
        if (verdict->kind == DATA_RATE_SKIPPED)
            drawing->summary->skipped++;
        else if (verdict->kind == DATA_RATE_RATED)
            FORWARD(write_rating(drawing, ratings, &drawing->samples[asking->samples[task]],
                                 asking->rater, verdict, line, error));
    }
    return PRIMER_OK;
}

static primer_status ask_together(struct drawing *drawing, struct ratings *ratings,
                                  const struct data_rater *rater, struct buffer *line,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t most = EACH * drawing->share.ranks.count;
    struct asking asking = {.drawing = drawing, .rater = rater};
    asking.samples = memory_allocate(most, sizeof *asking.samples);
    asking.verdicts = memory_allocate(most, sizeof *asking.verdicts);
    if (asking.samples == NULL || asking.verdicts == NULL) {
        status = memory_failure(error, "verdicts", most * sizeof *asking.verdicts);
        goto cleanup;
    }
    bool ended = false;
    for (size_t i = 0; i < drawing->count && !ended;) {
        asking.count = 0;
        for (; i < drawing->count && asking.count < most; i++)
            if (data_rate_file_find(&ratings->before, drawing->samples[i].id) == NULL)
                asking.samples[asking.count++] = i;
        const struct data_share_round round = {&asking, asking.count, ask_own, save_verdict,
                                               load_verdict};
        TRY(data_share_run(&drawing->share, &round, error));
        status = take_verdicts(&asking, ratings, line, &ended, error);
        TRY(data_share_agree(&drawing->share, status, error));
    }
cleanup:
    memory_free(asking.samples);
    memory_free(asking.verdicts);
    return status;
}

static primer_status rate_drawn(struct drawing *drawing, const char *output,
                                const struct data_rater *rater, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_rate_summary *const summary = drawing->summary;
    struct ratings ratings = {.descriptor = -1};
    struct buffer line = {0};
    struct past *const past = memory_allocate(drawing->count, sizeof *past);
    if (past == NULL)
        return memory_failure(error, "samples", drawing->count * sizeof *past);
    TRY(open_ratings(&ratings, &drawing->share, output, error));
    for (size_t i = 0; i < ratings.before.count; i++)
        count_rating(summary, ratings.before.rows[i].rating, 1);
    for (size_t i = 0; i < drawing->count; i++)
        summary->before += data_rate_file_find(&ratings.before, drawing->samples[i].id) != NULL;
    if (drawing->share.ranks.count > 1)
        TRY(ask_together(drawing, &ratings, rater, &line, error));
    else
        TRY(ask_all(drawing, &ratings, rater, past, &line, error));
    if (data_share_is_first(&drawing->share) && fsync(ratings.descriptor) != 0 && errno != EINVAL &&
        errno != EROFS)
        FAIL(PRIMER_EIO, "%s: cannot write to it: %s", output, strerror(errno));
cleanup:
    buffer_free(&line);
    memory_free(past);
    close_ratings(&ratings);
    return status;
}

void data_rater_free(struct data_rater *rater)
{
    if (rater->close != NULL)
        rater->close(rater->context);
    *rater = (struct data_rater){0};
}

primer_status data_rate(const char *const *inputs, size_t count, const char *output,
                        const struct data_rater *rater, const struct data_rate_options *options,
                        struct data_rate_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct drawing drawing = {.options = options, .summary = summary, .share = DATA_SHARE_ALONE};
    *summary = (struct data_rate_summary){0};
    TRY(data_share_begin(&drawing.share, &summary->rank, error));
    if (drawing.share.ranks.count > 1 && !rater->shared)
        FAIL(PRIMER_EINVAL, "a person rates for one process, and %zu were started",
             drawing.share.ranks.count);
    drawing.capacity = options->count == 0 ? SAMPLES : options->count;
    drawing.samples = memory_allocate(drawing.capacity, sizeof *drawing.samples);
    if (drawing.samples == NULL) {
        status = memory_failure(error, "samples", drawing.capacity * sizeof *drawing.samples);
        goto cleanup;
    }
    TRY(file_check_output(output, inputs, count, error));
    TRY(draw(&drawing, inputs, count, error));
    TRY(rate_drawn(&drawing, output, rater, error));
cleanup:
    data_share_end(&drawing.share, status);
    free_drawing(&drawing);
    return status;
}
