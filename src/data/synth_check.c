/* synth_check.c - lessons before their check. Declared in synth_check.h.
 *
 *   requests  0 1 2 ... 511 | 512 ... 1023 | ...       a program of the sandbox for each batch: check.py,
 *                 v             v                  with the requests as its input
 *   answers   a line each                          a batch that dies is asked again, one by one
 */
#include "data/synth_check.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define BATCH       512
#define SECONDS     60.0
#define DEATHS_MOST 16
#define TRIES       3 /* of a lesson whose worker another process ends */
#define OUTPUT      ((size_t)16 << 20)

primer_status synth_check_open(struct synth_check *check, const char *script, size_t threads,
                               primer_error *error)
{
    *check = (struct synth_check){.script = script};
    const struct sandbox_options options = {
        .workers = threads, .seconds = SECONDS, .output = OUTPUT};
    return script == NULL ? PRIMER_OK : sandbox_open(&options, &check->sandbox, error);
}

void synth_check_close(struct synth_check *check)
{
    sandbox_close(check->sandbox);
    *check = (struct synth_check){0};
}

static json_t *refusal(const char *why)
{
    return json_pack("{s:b,s:s}", "keep", 0, "why", why);
}

/* A line of the script's output; NULL: it is no answer. */
static json_t *read_answer(const char *line, size_t length)
{
    json_t *answer = json_loadb(line, length, JSON_DECODE_ANY, NULL);
    if (json_is_object(answer) && json_is_boolean(json_object_get(answer, "keep")))
        return answer;
    json_decref(answer);
    return NULL;
}

/* The answers of one program, a line each; false where there are fewer than were asked for. A line
 * that is no answer refuses its lesson alone. */
static bool read_answers(const struct sandbox_result *result, size_t asked, json_t **answers)
{
    const char *at = result->output.bytes;
    size_t count = 0;
    if (result->end != SANDBOX_FINISHED || at == NULL)
        return false;
    for (; count < asked; count++) {
        const char *const end = strchr(at, '\n');
        if (end == NULL)
            break;
        answers[count] = read_answer(at, (size_t)(end - at));
        if (answers[count] == NULL)
            answers[count] = refusal("the check's answer is no JSON that can be read");
        at = end + 1;
    }
    if (count == asked)
        return true;
    while (count > 0)
        json_decref(answers[--count]);
    return false;
}

/* A batch as it is asked: places[count] of the requests. */
struct batch {
    size_t first, count; /* in `places` */
    struct buffer input;
};

static bool ask_to_go_on(void *context, size_t done, size_t all)
{
    const struct synth_check *const check = context;
    (void)done, (void)all;
    return check->keep_going(check->context);
}

static primer_status ask(struct synth_check *check, const struct batch *batches, size_t count,
                         struct sandbox_result *results, primer_error *error)
{
    struct sandbox_program *const programs = memory_allocate(count, sizeof *programs);
    if (programs == NULL)
        return memory_failure(error, "checks", count * sizeof *programs);
    for (size_t i = 0; i < count; i++)
        programs[i] = (struct sandbox_program){.source = check->script,
                                               .source_length = strlen(check->script),
                                               .input = batches[i].input.bytes,
                                               .input_length = batches[i].input.length};
    const primer_status status =
        sandbox_run(check->sandbox, programs, count, results,
                    check->keep_going == NULL ? NULL : ask_to_go_on, check, error);
    memory_free(programs);
    return status;
}

/* Of what Python says about an error the end says what it is. */
static const char *last_line(const struct buffer *text, size_t *length)
{
    size_t end = text->length;
    while (end > 0 && strchr(" \n", text->bytes[end - 1]) != NULL)
        end--;
    size_t begin = end;
    while (begin > 0 && text->bytes[begin - 1] != '\n')
        begin--;
    *length = end - begin;
    return text->bytes == NULL ? "" : text->bytes + begin;
}

static json_t *death_of(const struct sandbox_result *result)
{
    char why[200], shown[141];
    size_t length;
    const char *const line = last_line(&result->problem, &length);
    snprintf(why, sizeof why, "the check ended with %s: %s", sandbox_end_name(result->end),
             error_printable(line, length, shown, sizeof shown));
    return refusal(why);
}

/* One program for one request; what it dies of is its answer, unless that was another process. */
static primer_status ask_alone(struct synth_check *check, const struct buffer *request,
                               json_t **answer, bool *died, primer_error *error)
{
    const struct batch batch = {.count = 1, .input = *request};
    for (int i = 0; i < TRIES; i++) {
        struct sandbox_result result = {0};
        FORWARD(ask(check, &batch, 1, &result, error));
        const bool outside = result.ended_outside;
        *died = !outside && !read_answers(&result, 1, answer);
        if (*died)
            *answer = death_of(&result);
        sandbox_results_free(&result, 1);
        if (!outside)
            return *answer == NULL ? memory_failure(error, "a check's answer", 0) : PRIMER_OK;
    }
    return error_set(error, PRIMER_EIO, "a check was killed by another process, %d times", TRIES);
}

static primer_status cut_batches(const struct buffer *const *requests, const size_t *places,
                                 size_t asked, struct batch *batches, size_t count,
                                 primer_error *error)
{
    for (size_t b = 0; b < count; b++) {
        struct batch *const batch = &batches[b];
        batch->first = b * BATCH;
        batch->count = asked - batch->first < BATCH ? asked - batch->first : BATCH;
        for (size_t i = 0; i < batch->count; i++) {
            const struct buffer *const request = requests[places[batch->first + i]];
            FORWARD(buffer_append(&batch->input, request->bytes, request->length, error));
        }
    }
    return PRIMER_OK;
}

/* Reads what came of the batches; those that died are asked again. Where one lesson after another
 * kills the check it's the check that is broken, and the rest isn't asked. */
static primer_status take_answers(struct synth_check *check, const struct buffer *const *requests,
                                  const size_t *places, const struct batch *batches, size_t count,
                                  const struct sandbox_result *results, json_t **answers,
                                  primer_error *error)
{
    size_t deaths = 0, before = 0;
    for (size_t b = 0; b < count; b++) {
        json_t *found[BATCH];
        const bool whole = read_answers(&results[b], batches[b].count, found);
        for (size_t i = 0; i < batches[b].count; i++) {
            const size_t place = places[batches[b].first + i];
            if (whole) {
                answers[place] = found[i];
            } else if (deaths >= DEATHS_MOST) {
                answers[place] = json_incref(answers[before]);
            } else {
                bool died;
                FORWARD(ask_alone(check, requests[place], &answers[place], &died, error));
                deaths = died ? deaths + 1 : 0;
                before = place;
            }
        }
    }
    return PRIMER_OK;
}

static void drop(json_t **answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(answers[i]);
        answers[i] = NULL;
    }
}

primer_status synth_check_run(struct synth_check *check, const struct buffer *const *requests,
                              size_t count, json_t **answers, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t asked = 0;
    size_t *const places = memory_allocate(count + 1, sizeof *places);
    memset(answers, 0, count * sizeof *answers);
    for (size_t i = 0; places != NULL && i < count; i++)
        if (requests[i]->length > 0)
            places[asked++] = i;
    const size_t batch_count = (asked + BATCH - 1) / BATCH;
    struct batch *const batches = memory_allocate(batch_count + 1, sizeof *batches);
    struct sandbox_result *const results = memory_allocate(batch_count + 1, sizeof *results);
    if (places == NULL || batches == NULL || results == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for the check of %zu lessons", count);
    if (check->script == NULL)
        FAIL(PRIMER_EINVAL, "the curriculum has no check.py");
    TRY(cut_batches(requests, places, asked, batches, batch_count, error));
    if (batch_count > 0)
        TRY(ask(check, batches, batch_count, results, error));
    status = take_answers(check, requests, places, batches, batch_count, results, answers, error);
    sandbox_results_free(results, batch_count);
    if (status != PRIMER_OK)
        drop(answers, count);

cleanup:
    for (size_t b = 0; batches != NULL && b < batch_count; b++)
        buffer_free(&batches[b].input);
    memory_free(results);
    memory_free(batches);
    memory_free(places);
    return status;
}
