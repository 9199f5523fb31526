/* data_synth.c - the rounds of the built-in teacher. Declared in data_synth.h; synth_run.h has the
 * parts.
 */
#include "data/data_synth.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "data/synth_output.h"
#include "data/synth_run.h"

/* ---- rounds ---------------------------------------------------------------------------------- */

static primer_status check_round(struct synth_run *run, primer_error *error)
{
    const struct buffer *requests[SYNTH_ROUND];
    static const struct buffer nothing;
    for (size_t i = 0; i < SYNTH_ROUND; i++)
        requests[i] = run->drafts[i].made ? &run->drafts[i].request : &nothing;
    const primer_status status =
        synth_check_run(&run->check, requests, SYNTH_ROUND, run->answers, error);
    return status == PRIMER_ECANCELED
               ? error_set(error, status, "stopped; the same command goes on")
               : status;
}

/* Of one process the last round is cut where there are enough; of several each keeps all that it
 * has, and what is put together is cut. Only then, as a lesson may be joined to the one before. */
static void cut_lines(struct synth_run *run, uint64_t before)
{
    const uint64_t wanted = run->options->count - before;
    size_t end = 0;
    if (run->ranks.count > 1 || run->summary->kept <= run->options->count)
        return;
    for (uint64_t i = 0; i < wanted; i++)
        end += strcspn(run->lines.bytes + end, "\n") + 1;
    run->lines.bytes[run->lines.length = end] = '\0';
    run->summary->spare = run->summary->kept - run->options->count;
    run->summary->kept = run->options->count;
}

static primer_status run_round(struct synth_run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_synth_summary *const summary = run->summary;
    const uint64_t before = summary->kept;
    TRY(synth_draft_round(run, error));
    TRY(check_round(run, error));
    buffer_clear(&run->lines);
    buffer_clear(&run->turns);
    for (size_t i = 0; i < SYNTH_ROUND; i++)
        TRY(synth_keep_draft(run, i, error));
    TRY(synth_keep_last(run, error));
    cut_lines(run, before);
    run->next += SYNTH_ROUND * run->ranks.count;
    TRY(synth_keep_floors(run, error)); /* a round that fails isn't kept */
    TRY(synth_part_add(run, error));
    if (summary->made > 100 * SYNTH_ROUND && summary->kept * 2000 < summary->made &&
        summary->kept == before)
        FAIL(PRIMER_ELIMIT,
             "%" PRIu64 " lessons were made and %" PRIu64
             " are new and wanted: the curriculum has no more",
             summary->made, summary->kept);

cleanup:
    for (size_t i = 0; i < SYNTH_ROUND; i++) {
        json_decref(run->answers[i]);
        run->answers[i] = NULL;
    }
    return status;
}

static bool keep_going(void *context)
{
    const struct synth_run *const run = context;
    const struct data_synth_options *const options = run->options;
    return options->progress == NULL ||
           options->progress(options->context, run->told, options->count);
}

static primer_status run_and_tell(struct synth_run *run, primer_error *error)
{
    FORWARD(run_round(run, error));
    run->told = run->summary->kept;
    return keep_going(run)
               ? PRIMER_OK
               : error_set(error, PRIMER_ECANCELED, "stopped; the same command goes on");
}

/* ---- several ranks --------------------------------------------------------------------------- */

/* Ranks that were stopped a round behind the others make it up, so that no number is left out. */
static primer_status catch_up(struct synth_run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t count = run->ranks.count;
    double *const done = memory_allocate(count, sizeof *done);
    double most = 0;
    if (done == NULL)
        return memory_failure(error, "the ranks' rounds", count * sizeof *done);
    done[run->ranks.rank] = (double)(run->next / SYNTH_ROUND / count);
    TRY(ranks_sum_doubles(&run->ranks, done, count, error));
    for (size_t i = 0; i < count; i++)
        most = done[i] > most ? done[i] : most;
    while (status == PRIMER_OK && (double)(run->next / SYNTH_ROUND / count) < most)
        status = run_and_tell(run, error);
    status = ranks_agree(&run->ranks, status, error);

cleanup:
    memory_free(done);
    return status;
}

/* Rounds by all ranks until they have `wanted` lessons together. */
static primer_status run_together(struct synth_run *run, double wanted, double *kept,
                                  primer_error *error)
{
    for (;;) {
        *kept = (double)run->summary->kept;
        FORWARD(ranks_sum_doubles(&run->ranks, kept, 1, error));
        run->told = (uint64_t)*kept;
        if (*kept >= wanted)
            return PRIMER_OK;
        primer_status own = run_round(run, error);
        if (own == PRIMER_OK && !keep_going(run))
            own = error_set(error, PRIMER_ECANCELED, "stopped; the same command goes on");
        FORWARD(ranks_agree(&run->ranks, own, error));
    }
}

static primer_status sum_counts(struct synth_run *run, uint64_t kept, primer_error *error)
{
    struct data_synth_summary *const summary = run->summary;
    uint64_t *const counts[] = {&summary->made,     &summary->wrong,  &summary->duplicates,
                                &summary->held_out, &summary->unsaid, &summary->programs,
                                &summary->joined};
    double sums[sizeof counts / sizeof counts[0]];
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        sums[i] = (double)*counts[i];
    FORWARD(ranks_sum_doubles(&run->ranks, sums, sizeof sums / sizeof sums[0], error));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *counts[i] = (uint64_t)sums[i];
    summary->kept = kept;
    summary->spare = summary->made - kept - summary->wrong - summary->duplicates -
                     summary->held_out - summary->unsaid - summary->joined;
    return PRIMER_OK;
}

/* What two ranks both wrote is found when their parts are put together: then there are a few more
 * rounds. */
static primer_status work_together(struct synth_run *run, const char *path, primer_error *error)
{
    uint64_t merged = 0;
    double kept = 0, wanted = (double)run->options->count;
    FORWARD(catch_up(run, error));
    while (merged < run->options->count) {
        FORWARD(run_together(run, wanted, &kept, error));
        primer_status own = PRIMER_OK;
        if (run->ranks.rank == 0)
            own = synth_part_merge(run, path, &merged, error);
        FORWARD(ranks_agree(&run->ranks, own, error));
        FORWARD(ranks_broadcast(&run->ranks, 0, &merged, sizeof merged, error));
        wanted = kept + (double)(run->options->count - merged);
    }
    return sum_counts(run, merged, error);
}

static primer_status work_alone(struct synth_run *run, const char *path, primer_error *error)
{
    while (run->summary->kept < run->options->count)
        FORWARD(run_and_tell(run, error));
    return synth_part_finish(run, path, error);
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* Blocks that lessons can be about: all but the words that they are said in. */
static size_t count_topics(const struct curriculum *curriculum)
{
    static const char *const words[] = {"phrase", "table", "type", "mix"};
    size_t count = 0, topics = 0;
    const struct curriculum_block *const blocks = curriculum_all(curriculum, &count);
    for (size_t i = 0; i < count; i++) {
        bool word = false;
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            word = word || strcmp(blocks[i].kind, words[j]) == 0;
        topics += word ? 0 : 1;
    }
    return topics;
}

/* Of all ranks together. */
static primer_status count_used(struct synth_run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t count = 0;
    curriculum_all(run->curriculum, &count);
    double *const used = memory_allocate(count, sizeof *used);
    if (used == NULL)
        return memory_failure(error, "the topics that were used", count * sizeof *used);
    for (size_t i = 0; i < count; i++)
        used[i] = run->used[i] ? 1 : 0;
    TRY(ranks_sum_doubles(&run->ranks, used, count, error));
    for (size_t i = 0; i < count; i++)
        run->summary->topics_used += used[i] > 0 ? 1 : 0;

cleanup:
    memory_free(used);
    return status;
}

static primer_status open_run(struct synth_run *run, const char *const *folders,
                              size_t folder_count, const char *path, primer_error *error)
{
    FORWARD(curriculum_read(folders, folder_count, &run->curriculum, error));
    FORWARD(synth_output_check(path, folders, folder_count, NULL, 0, error));
    FORWARD(pool_create(&run->pool, run->options->threads, error));
    const size_t threads = pool_size(run->pool);
    size_t blocks = 0;
    curriculum_all(run->curriculum, &blocks);
    run->used = memory_allocate(blocks, sizeof *run->used);
    run->lessons = memory_allocate(threads, sizeof *run->lessons);
    run->errors = memory_allocate(threads, sizeof *run->errors);
    run->drafts = memory_allocate(SYNTH_ROUND, sizeof *run->drafts);
    run->answers = memory_allocate(SYNTH_ROUND, sizeof *run->answers);
    if (run->used == NULL || run->lessons == NULL || run->errors == NULL || run->drafts == NULL ||
        run->answers == NULL)
        return memory_failure(error, "drafts of lessons", SYNTH_ROUND * sizeof *run->drafts);
    for (size_t i = 0; i < threads; i++)
        FORWARD(synth_lesson_create(&run->lessons[i], run->curriculum, run->options->only, error));
    FORWARD(synth_check_open(&run->check, curriculum_check(run->curriculum), threads, error));
    run->check.keep_going = keep_going;
    run->check.context = run;
    run->next = run->ranks.rank * SYNTH_ROUND;
    return run->options->split == DATA_SYNTH_TEST ? synth_draft_survey(run, error) : PRIMER_OK;
}

static void close_run(struct synth_run *run)
{
    for (size_t i = 0; run->lessons != NULL && i < pool_size(run->pool); i++)
        synth_lesson_free(&run->lessons[i]);
    for (size_t i = 0; run->drafts != NULL && i < SYNTH_ROUND; i++)
        synth_draft_free(&run->drafts[i]);
    synth_part_close(run);
    memory_free(run->lessons);
    memory_free(run->errors);
    memory_free(run->drafts);
    memory_free(run->answers);
    synth_check_close(&run->check);
    pool_free(run->pool);
    curriculum_free(run->curriculum);
    synth_set_free(&run->written);
    memory_free(run->used);
    synth_set_free(&run->idea_trees);
    synth_measure_free(&run->measure);
    buffer_free(&run->part_path);
    buffer_free(&run->state_path);
    buffer_free(&run->lines);
    buffer_free(&run->turns);
}

primer_status data_synth_make(const char *const *folders, size_t folder_count, const char *path,
                              const struct data_synth_options *options,
                              struct data_synth_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *summary = (struct data_synth_summary){0};
    struct synth_run run = {
        .options = options, .summary = summary, .part = -1, .ranks = {.count = 1}};
    FORWARD(ranks_begin(&run.ranks, error));
    summary->rank = run.ranks.rank;
    summary->processes = run.ranks.count;
    status = open_run(&run, folders, folder_count, path, error);
    if (status == PRIMER_OK)
        status = synth_part_open(&run, path, error);
    if (run.ranks.count > 1)
        status = ranks_agree(&run.ranks, status, error);
    if (status != PRIMER_OK)
        goto cleanup;
    status = run.ranks.count > 1 ? work_together(&run, path, error) : work_alone(&run, path, error);
    if (status != PRIMER_OK && (status != PRIMER_ECANCELED || run.ranks.count > 1))
        goto cleanup;
    summary->distinct = synth_measure_distinct(&run.measure);
    summary->similar = synth_measure_similar(&run.measure);
    summary->topics = count_topics(run.curriculum);
    const primer_status counted = count_used(&run, error);
    status = status == PRIMER_OK ? counted : status;

cleanup:
    close_run(&run);
    ranks_end(&run.ranks, status != PRIMER_OK);
    return status;
}
