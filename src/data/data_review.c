/* data_review.c - asking a judge about the sample. Declared in data_review.h.
 *
 *   states    | given | given | skipped | open | open | ...   of the sample's lessons, in its order
 *   history   0, 1, 2                                           what undo goes back through
 *
 * At the beginning the history holds what the judge gave in former runs, so undo reaches these too.
 */
#include "data/data_review.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "data/data_review_draw.h"
#include "data/data_review_report.h"
#include "data/data_share.h"

const char data_review_rubric[] =
    "Right: it answers what was asked, every statement in it is true, and an explanation, a name\n"
    "or a docstring fits the code that it is about.\n"
    "Wrong: something in it is false or misleading, or it answers another question.\n";

void data_review_judge_free(struct data_review_judge *judge)
{
    if (judge->close != NULL)
        judge->close(judge->context);
    *judge = (struct data_review_judge){0};
}

bool data_review_is_name(const char *name)
{
    return *name != '\0' && utf8_valid(name, strlen(name));
}

#define EACH 4 /* lessons of a round for each process, where there are several */

enum state { OPEN, GIVEN, SKIPPED };

struct review {
    struct data_share share;
    struct data_review_sample sample;
    struct data_review_file file; /* what is in the output */
    struct data_review_log log;
    size_t number; /* of the judge in the file */
    const struct data_review_judge *judge;
    struct data_review_summary *summary;
    uint64_t *ids;         /* [sample] sorted */
    unsigned char *states; /* [sample] enum state */
    size_t *history;       /* [sample] */
    size_t past;           /* in the history */
};

static int compare_ids(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* ---- what was there before ------------------------------------------------------------------- */

struct place {
    uint64_t id;
    size_t at; /* in the sample */
};

static int compare_places(const void *a, const void *b)
{
    const struct place *const x = a, *const y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int compare_positions(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The judge's verdicts on the sample, in the order in which they were given last. `rows` [sample]:
 * room for the numbers of their rows; `places` [sample] by id. */
static void recall(struct review *review, const struct place *places, size_t *rows)
{
    const size_t count = review->sample.count;
    for (size_t i = 0; i < count; i++)
        rows[i] = SIZE_MAX;
    for (size_t i = 0; i < review->file.count; i++) {
        const struct data_review_row *const row = &review->file.rows[i];
        const struct place wanted = {.id = row->id};
        const struct place *const found =
            row->judge != review->number
                ? NULL
                : bsearch(&wanted, places, count, sizeof *places, compare_places);
        if (found == NULL)
            continue;
        rows[found->at] = row->mark == DATA_REVIEW_UNDONE ? SIZE_MAX : i;
    }
    for (size_t i = 0; i < count; i++)
        if (rows[i] != SIZE_MAX) {
            review->states[i] = GIVEN;
            review->history[review->past++] = rows[i];
        }
}

/* The history holds rows so far; they are sorted, and become places in the sample. */
static primer_status remember(struct review *review, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t count = review->sample.count;
    struct place *const places = memory_allocate(count, sizeof *places);
    size_t *const rows = memory_allocate(count, sizeof *rows);
    if (places == NULL || rows == NULL) {
        status = memory_failure(error, "the sample", count * sizeof *places);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){review->sample.lessons[i].id, i};
    qsort(places, count, sizeof *places, compare_places);
    recall(review, places, rows);
    qsort(review->history, review->past, sizeof *review->history, compare_positions);
    for (size_t i = 0; i < review->past; i++) { /* a row's lesson, found by its id */
        const struct place wanted = {.id = review->file.rows[review->history[i]].id};
        const struct place *const found =
            bsearch(&wanted, places, count, sizeof *places, compare_places);
        review->history[i] = found == NULL ? 0 : found->at;
    }
    review->summary->before = review->past;
cleanup:
    memory_free(places);
    memory_free(rows);
    return status;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static primer_status write_verdict(struct review *review, size_t at,
                                   const struct data_review_verdict *verdict, double seconds,
                                   primer_error *error)
{
    return data_review_log_add(&review->log, &review->sample.lessons[at], verdict,
                               review->judge->name, seconds, error);
}

/* Back to the last lesson; *at becomes its place, where there is one. */
static primer_status undo(struct review *review, size_t *at, primer_error *error)
{
    static const struct data_review_verdict undone = {.mark = DATA_REVIEW_UNDONE,
                                                      .probability = -1};
    struct data_review_summary *const summary = review->summary;
    if (review->past == 0)
        return PRIMER_OK;
    *at = review->history[--review->past];
    if (review->states[*at] == SKIPPED) {
        summary->skipped--;
    } else {
        FORWARD(write_verdict(review, *at, &undone, 0, error));
        summary->undone++;
        if (review->past < summary->before)
            summary->before--;
        else
            summary->given--;
    }
    review->states[*at] = OPEN;
    return PRIMER_OK;
}

static primer_status ask_all(struct review *review, primer_error *error)
{
    struct data_review_summary *const summary = review->summary;
    const struct data_review_judge *const judge = review->judge;
    const size_t count = review->sample.count;
    for (size_t at = 0, low = 0; low < count; at = low) {
        struct data_review_verdict verdict = {.probability = -1};
        if (review->states[low] != OPEN) {
            low++;
            continue;
        }
        do { /* until the lesson at `at` has something that lasts */
            const uint64_t begin = clock_nanoseconds();
            verdict = (struct data_review_verdict){.probability = -1};
            FORWARD(judge->judge(judge->context, &review->sample.lessons[at], at + 1, count,
                                 &verdict, error));
            if (verdict.mark == DATA_REVIEW_QUIT)
                return PRIMER_OK;
            if (verdict.mark == DATA_REVIEW_UNDONE) {
                FORWARD(undo(review, &at, error));
                low = at < low ? at : low;
                continue;
            }
            review->states[at] = verdict.mark == DATA_REVIEW_SKIPPED ? SKIPPED : GIVEN;
            review->history[review->past++] = at;
            if (verdict.mark == DATA_REVIEW_SKIPPED) {
                summary->skipped++;
                continue;
            }
            FORWARD(write_verdict(review, at, &verdict, clock_seconds_since(begin), error));
            summary->given++;
        } while (verdict.mark == DATA_REVIEW_UNDONE);
    }
    return PRIMER_OK;
}

/* ---- asking by several processes ------------------------------------------------------------- */

struct asking {
    struct review *review;
    size_t *lessons; /* [EACH * processes] of this round */
    struct data_review_verdict *verdicts;
    double *seconds;
    size_t count;
};

static primer_status ask_own(void *context, primer_error *error)
{
    struct asking *const asking = context;
    const struct review *const review = asking->review;
    const struct data_review_judge *const judge = review->judge;
    for (size_t task = 0; task < asking->count; task++) {
        const size_t at = asking->lessons[task];
        const uint64_t begin = clock_nanoseconds();
        asking->verdicts[task] = (struct data_review_verdict){.probability = -1};
        if (!data_share_owns(&review->share, task))
            continue;
        FORWARD(judge->judge(judge->context, &review->sample.lessons[at], at + 1,
                             review->sample.count, &asking->verdicts[task], error));
        asking->seconds[task] = clock_seconds_since(begin);
    }
    return PRIMER_OK;
}

static primer_status save_verdict(void *context, size_t task, struct buffer *out,
                                  primer_error *error)
{
    const struct asking *const asking = context;
    const struct data_review_verdict *const verdict = &asking->verdicts[task];
    FORWARD(data_share_put(out, (uint64_t)verdict->mark, error));
    FORWARD(data_share_put_real(out, verdict->probability, error));
    FORWARD(data_share_put_real(out, verdict->mass, error));
    return data_share_put_real(out, asking->seconds[task], error);
}

static primer_status load_verdict(void *context, size_t task, struct cursor *in,
                                  primer_error *error)
{
    struct asking *const asking = context;
    struct data_review_verdict *const verdict = &asking->verdicts[task];
    uint64_t mark = 0;
    FORWARD(cursor_u64(in, "mark", &mark, error));
    verdict->mark = mark > DATA_REVIEW_QUIT ? DATA_REVIEW_QUIT : (enum data_review_mark)mark;
    FORWARD(cursor_f64(in, "probability", &verdict->probability, error));
    FORWARD(cursor_f64(in, "mass", &verdict->mass, error));
    return cursor_f64(in, "seconds", &asking->seconds[task], error);
}

/* What comes behind the first QUIT is asked again another time. */
static primer_status take_verdicts(struct asking *asking, bool *ended, primer_error *error)
{
    struct review *const review = asking->review;
    for (size_t task = 0; task < asking->count; task++) {
        const struct data_review_verdict *const verdict = &asking->verdicts[task];
        const size_t at = asking->lessons[task];
        *ended = verdict->mark == DATA_REVIEW_QUIT;
        if (*ended)
            return PRIMER_OK;
        const bool skipped = verdict->mark > DATA_REVIEW_DOUBTFUL;
        review->states[at] = skipped ? SKIPPED : GIVEN;
        review->summary->skipped += skipped;
        review->summary->given += !skipped;
        if (!skipped && data_share_is_first(&review->share))
            FORWARD(write_verdict(review, at, verdict, asking->seconds[task], error));
    }
    return PRIMER_OK;
}

static primer_status ask_rounds(struct asking *asking, size_t most, primer_error *error)
{
    struct review *const review = asking->review;
    bool ended = false;
    for (size_t at = 0; at < review->sample.count && !ended;) {
        asking->count = 0;
        for (; at < review->sample.count && asking->count < most; at++)
            if (review->states[at] == OPEN)
                asking->lessons[asking->count++] = at;
        const struct data_share_round round = {asking, asking->count, ask_own, save_verdict,
                                               load_verdict};
        FORWARD(data_share_run(&review->share, &round, error));
        const primer_status taken = take_verdicts(asking, &ended, error);
        FORWARD(data_share_agree(&review->share, taken, error));
    }
    return PRIMER_OK;
}

static primer_status ask_together(struct review *review, primer_error *error)
{
    const size_t most = EACH * review->share.ranks.count;
    struct asking asking = {.review = review};
    asking.lessons = memory_allocate(most, sizeof *asking.lessons);
    asking.verdicts = memory_allocate(most, sizeof *asking.verdicts);
    asking.seconds = memory_allocate(most, sizeof *asking.seconds);
    const bool made = asking.lessons != NULL && asking.verdicts != NULL && asking.seconds != NULL;
    const primer_status status =
        made ? ask_rounds(&asking, most, error)
             : memory_failure(error, "verdicts", most * sizeof *asking.verdicts);
    memory_free(asking.lessons);
    memory_free(asking.verdicts);
    memory_free(asking.seconds);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status make_room(struct review *review, primer_error *error)
{
    const size_t count = review->sample.count;
    review->ids = memory_allocate(count, sizeof *review->ids);
    review->states = memory_allocate(count, sizeof *review->states);
    review->history = memory_allocate(count, sizeof *review->history);
    if (review->ids == NULL || review->states == NULL || review->history == NULL)
        return memory_failure(error, "the sample", count * sizeof *review->ids);
    for (size_t i = 0; i < count; i++)
        review->ids[i] = review->sample.lessons[i].id;
    qsort(review->ids, count, sizeof *review->ids, compare_ids);
    return PRIMER_OK;
}

/* Of what is in the file now, others' verdicts included. */
static primer_status write_report(struct review *review, const char *output,
                                  const struct data_review_options *options, struct buffer *report,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_review_table table = {0};
    data_review_file_free(&review->file);
    TRY(data_review_file_read(&review->file, output, true, options->skip_bad, error));
    TRY(data_review_table_make(&table, &review->file, review->ids, review->sample.count, error));
    TRY(data_review_report_write(&table, &review->file, options->json, report, error));
cleanup:
    data_review_table_free(&table);
    return status;
}

/* All have read what is there before one writes. */
static primer_status open_log(struct review *review, const char *output, primer_error *error)
{
    FORWARD(data_share_agree(&review->share, PRIMER_OK, error));
    return data_share_is_first(&review->share)
               ? data_review_log_open(&review->log, output, &review->file, error)
               : PRIMER_OK;
}

static primer_status end_log(struct review *review, const char *output,
                             const struct data_review_options *options, struct buffer *report,
                             primer_error *error)
{
    if (!data_share_is_first(&review->share))
        return PRIMER_OK;
    FORWARD(data_review_log_sync(&review->log, error));
    return write_report(review, output, options, report, error);
}

primer_status data_review(const char *lessons, const char *output,
                          const struct data_review_judge *judge,
                          const struct data_review_options *options,
                          struct data_review_summary *summary, struct buffer *report,
                          primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct review review = {
        .judge = judge, .summary = summary, .log = {.descriptor = -1}, .share = DATA_SHARE_ALONE};
    *summary = (struct data_review_summary){0};
    TRY(data_share_begin(&review.share, &summary->rank, error));
    if (review.share.ranks.count > 1 && !judge->shared)
        FAIL(PRIMER_EINVAL, "a person judges for one process, and %zu were started",
             review.share.ranks.count);
    if (!data_review_is_name(judge->name))
        FAIL(PRIMER_EINVAL, "the judge's name: expected a name, in UTF-8");
    TRY(file_check_output(output, &lessons, 1, error));
    TRY(data_review_file_read(&review.file, output, true, options->skip_bad, error));
    TRY(data_review_file_judge(&review.file, judge->name, &review.number, error));
    TRY(data_review_draw(&review.sample, lessons, options, summary, error));
    TRY(make_room(&review, error));
    TRY(remember(&review, error));
    TRY(open_log(&review, output, error));
    status = review.share.ranks.count > 1 ? ask_together(&review, error) : ask_all(&review, error);
    for (size_t i = 0; i < review.sample.count; i++)
        summary->left += review.states[i] != GIVEN;
    if (status != PRIMER_OK)
        goto cleanup;
    status = end_log(&review, output, options, report, error);
    TRY(data_share_agree(&review.share, status, error));
cleanup:
    data_share_end(&review.share, status);
    memory_free(review.ids);
    memory_free(review.states);
    memory_free(review.history);
    data_review_log_close(&review.log);
    data_review_file_free(&review.file);
    data_review_sample_free(&review.sample);
    return status;
}
