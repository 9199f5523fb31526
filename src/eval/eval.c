/* eval.c - the whole of an evaluation: files are read, answers judged as they come. */
#include "eval/eval.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "eval/eval_generate.h"
#include "eval/eval_item.h"
#include "eval/eval_json.h"
#include "eval/eval_judge.h"
#include "eval/eval_part.h"
#include "eval/eval_report.h"

#define BATCH 64 /* answers judged at once */

struct evaluation {
    const struct eval_options *options;
    struct eval_items items;
    size_t samples, slots;
    struct eval_answer *answers;         /* [slots] */
    struct eval_judge_verdict *verdicts; /* [slots] */
    struct eval_judge *judge;
    struct eval_generate *generate; /* NULL: the answers are given */
    const char *const *paths;
    struct eval_part part;
    size_t done, passed;
};

static primer_status open_items(struct evaluation *run, const char *const *paths, size_t count,
                                struct eval_result *result, primer_error *error)
{
    const struct eval_options *const options = run->options;
    const struct eval_choice choice = {
        .raw = options->raw, .limit = options->limit, .from = options->from, .to = options->to};
    for (size_t f = 0; f < count; f++) {
        struct eval_summary *const summary = &result->files[f];
        const size_t before = run->items.count;
        summary->path = paths[f];
        summary->at = memory_allocate(run->samples, sizeof *summary->at);
        if (summary->at == NULL)
            return memory_failure(error, "a summary", run->samples * sizeof *summary->at);
        FORWARD(eval_item_read(&run->items, paths[f], f, &choice, &summary->left_out, error));
        if (run->items.count == before)
            return error_set(error, PRIMER_EINVAL,
                             "%s: nothing to judge: no line with calls, answer, test or test_list "
                             "among those asked for (%zu others)",
                             paths[f], summary->left_out);
    }
    return PRIMER_OK;
}

static primer_status open_slots(struct evaluation *run, primer_error *error)
{
    if (!memory_product(run->items.count, run->samples, &run->slots))
        return error_set(error, PRIMER_ELIMIT, "samples: %zu of %zu items are too many",
                         run->samples, run->items.count);
    run->answers = memory_allocate(run->slots, sizeof *run->answers);
    run->verdicts = memory_allocate(run->slots, sizeof *run->verdicts);
    return run->answers == NULL || run->verdicts == NULL
               ? memory_failure(error, "the answers", run->slots * sizeof *run->verdicts)
               : PRIMER_OK;
}

static primer_status judge_slots(struct evaluation *run, const size_t *slots, size_t count,
                                 primer_error *error)
{
    struct eval_judge_case cases[BATCH] = {{0}};
    struct eval_judge_verdict verdicts[BATCH];
    size_t places[BATCH], asked = 0;
    for (size_t i = 0; i < count; i++) {
        const struct eval_answer *const answer = &run->answers[slots[i]];
        const struct eval_item *const item = &run->items.items[slots[i] / run->samples];
        if (answer->refused) {
            run->verdicts[slots[i]].kind = EVAL_CONTEXT;
            continue;
        }
        cases[asked] =
            (struct eval_judge_case){.item = item,
                                     .answer = answer->text.bytes == NULL ? "" : answer->text.bytes,
                                     .length = answer->text.length};
        places[asked++] = slots[i];
    }
    FORWARD(eval_judge_run(run->judge, cases, asked, verdicts, error));
    for (size_t i = 0; i < asked; i++) {
        run->verdicts[places[i]] = verdicts[i];
        run->passed += verdicts[i].kind == EVAL_PASSED;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t slot = slots[i];
        const struct eval_item *const item = &run->items.items[slot / run->samples];
        FORWARD(eval_part_add(&run->part, slot, slot % run->samples, item, run->paths[item->file],
                              &run->answers[slot], &run->verdicts[slot], error));
    }
    run->done += count;
    return PRIMER_OK;
}

/* The next slots that have an answer. */
static primer_status take_slots(struct evaluation *run, size_t *slots, size_t *count,
                                primer_error *error)
{
    if (run->generate != NULL)
        return eval_generate_take(run->generate, slots, BATCH, count, error);
    for (*count = 0; *count < BATCH && run->done + *count < run->slots; ++*count)
        slots[*count] = run->done + *count;
    return PRIMER_OK;
}

/* False: stop. */
static bool tell(const struct evaluation *run)
{
    const struct eval_options *const options = run->options;
    const struct eval_progress now = {
        .done = run->done,
        .all = run->slots,
        .passed = run->passed,
        .tokens = run->generate == NULL ? 0 : eval_generate_tokens(run->generate)};
    return options->progress == NULL || options->progress(options->context, &now);
}

/* When it is stopped the answers that are whole are judged still. */
static primer_status judge_all(struct evaluation *run, primer_error *error)
{
    for (bool stopped = false; run->done < run->slots;) {
        size_t slots[BATCH], count = 0;
        FORWARD(take_slots(run, slots, &count, error));
        if (count > 0)
            FORWARD(judge_slots(run, slots, count, error));
        const bool goes_on = tell(run);
        if ((stopped && count == 0) || (!goes_on && run->generate == NULL))
            return error_set(error, PRIMER_ECANCELED, "interrupted");
        if (!goes_on && !stopped)
            eval_generate_stop(run->generate);
        stopped = stopped || !goes_on;
    }
    return PRIMER_OK;
}

/* Of all that the answers and their verdicts depend on. */
static primer_status make_identity(const struct evaluation *run, uint64_t *identity,
                                   primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    const char *const key = run->options->key == NULL ? "" : run->options->key;
    *identity = hash_bytes(key, strlen(key), run->samples);
    for (size_t i = 0; i < run->items.count; i++) {
        const struct eval_item *const item = &run->items.items[i];
        buffer_clear(&text);
        TRY(eval_json_append(item->source, &text, error));
        if (item->messages != NULL)
            TRY(eval_json_append(item->messages, &text, error));
        else
            TRY(buffer_append(&text, item->prompt.bytes, item->prompt.length, error));
        *identity = hash_bytes(text.bytes, text.length, *identity);
    }
cleanup:
    buffer_free(&text);
    return status;
}

static primer_status open_part(struct evaluation *run, struct eval_result *result,
                               primer_error *error)
{
    uint64_t identity = 0;
    if (run->options->report == NULL)
        return PRIMER_OK;
    FORWARD(make_identity(run, &identity, error));
    FORWARD(eval_part_open(&run->part, run->options->report, identity, run->answers, run->verdicts,
                           run->slots, &result->before, error));
    run->done = result->before;
    for (size_t slot = 0; slot < run->slots; slot++)
        run->passed += run->answers[slot].given && run->verdicts[slot].kind == EVAL_PASSED;
    return PRIMER_OK;
}

static primer_status answer_all(struct evaluation *run, struct eval_result *result,
                                primer_error *error)
{
    const struct eval_options *const options = run->options;
    const uint64_t begun = clock_nanoseconds();
    if (options->answers != NULL) {
        FORWARD(eval_report_read(options->answers, run->answers, run->slots, error));
    } else {
        FORWARD(open_part(run, result, error));
        FORWARD(eval_generate_open(options, &run->items, run->answers, &run->generate, error));
    }
    FORWARD(judge_all(run, error));
    result->tokens = run->generate == NULL ? 0 : eval_generate_tokens(run->generate);
    result->seconds = clock_seconds_since(begun);
    return PRIMER_OK;
}

primer_status eval_run(const char *const *paths, size_t count, const struct eval_options *options,
                       struct eval_result *result, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct evaluation run = {.options = options,
                             .samples = options->samples > 0 ? options->samples : 1,
                             .paths = paths,
                             .part = {.descriptor = -1}};
    struct eval_result made = {.count = count, .samples = run.samples};
    made.files = memory_allocate(count + 1, sizeof *made.files);
    if (made.files == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for %zu summaries", count);
    TRY(open_items(&run, paths, count, &made, error));
    TRY(open_slots(&run, error));
    TRY(eval_judge_open(options->seconds, 0, &run.judge, error));
    TRY(answer_all(&run, &made, error));
    eval_report_count(&run.items, run.samples, run.verdicts, made.files, count);
    if (options->report != NULL)
        TRY(eval_report_write(options->report, paths, &run.items, run.samples, run.answers,
                              run.verdicts, error));
    *result = made;

cleanup:
    eval_generate_close(run.generate);
    eval_judge_close(run.judge);
    eval_part_close(&run.part, status == PRIMER_OK);
    for (size_t i = 0; run.answers != NULL && i < run.slots; i++)
        buffer_free(&run.answers[i].text);
    memory_free(run.answers);
    memory_free(run.verdicts);
    eval_item_free(&run.items);
    if (status != PRIMER_OK)
        eval_result_free(&made);
    return status;
}

void eval_result_free(struct eval_result *result)
{
    for (size_t i = 0; result->files != NULL && i < result->count; i++)
        memory_free(result->files[i].at);
    memory_free(result->files);
    *result = (struct eval_result){0};
}
