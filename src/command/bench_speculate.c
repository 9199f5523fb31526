/* bench_speculate.c - a text is the prompt, and the answer repeats it with one token changed, as an
 * answer does that mends a mistake in a paragraph.
 *
 *   prompt   t0 t1 ... t149 t150 t151 ... t299
 *   answer   t0 t1 ... t149  u   t151 ... t299        dictated by the choose callback
 *
 * No model's own words are needed for that: the time depends on which guesses are right, and these
 * are. Both ways compute the same logits for the same tokens.
 */
#include "command/bench_speculate.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum { TEXT = 300, ROOM = 16, SEED_TEXT = 2024 };

struct script {
    const int32_t *ids;
    size_t length, at;
};

/* Past the end it is asked no more: the answer's length is given. */
static int32_t dictate(void *context, const float *logits, size_t vocabulary)
{
    struct script *script = context;
    (void)logits, (void)vocabulary;
    return script->at < script->length ? script->ids[script->at++] : 0;
}

size_t bench_speculate_text(const primer_model *model)
{
    const size_t context = primer_model_info(model)->context;
    return context >= 2 * TEXT + ROOM ? TEXT : context < ROOM + 16 ? 8 : (context - ROOM) / 2;
}

/* The text is read, and its repetition written: tokens a second. */
static primer_status repeat(primer_session *session, const int32_t *text,
                            const struct script *script, bool guess, double *speed,
                            primer_generation_result *result, primer_error *error)
{
    struct script answer = *script;
    const primer_generation how = {.choose = dictate,
                                   .context = &answer,
                                   .no_speculation = !guess,
                                   .max_tokens = script->length,
                                   .ignore_end = true};
    FORWARD(primer_session_sync(session, text, script->length, NULL, NULL, error));
    const uint64_t begun = clock_nanoseconds();
    FORWARD(primer_generate(session, &how, result, error));
    *speed = (double)result->tokens / clock_seconds_since(begun);
    return PRIMER_OK;
}

static primer_status make_answer(const primer_model *model, const int32_t *text, size_t length,
                                 int32_t **answer, primer_error *error)
{
    int32_t *made = memory_allocate(length, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the answer", length * sizeof *made);
    for (size_t i = 0; i < length; i++)
        made[i] = text[i];
    made[length / 2] =
        (int32_t)(((size_t)made[length / 2] + 1) % primer_model_info(model)->vocabulary);
    *answer = made;
    return PRIMER_OK;
}

primer_status bench_speculate_run(const struct settings *settings, primer_model *model,
                                  double *plain, double *guessed,
                                  struct bench_speculation *speculation, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_session *session = NULL;
    int32_t *text = NULL, *answer = NULL;
    primer_generation_result result = {0};
    struct bench_speculation made = {.text = bench_speculate_text(model)};
    TRY(bench_run_ids(model, made.text, SEED_TEXT, &text, error));
    TRY(make_answer(model, text, made.text, &answer, error));
    TRY(primer_session_create(model, &settings->parameters.session, &session, error));
    const struct script script = {.ids = answer, .length = made.text};
    for (size_t run = 0; run <= settings->runs; run++) {
        TRY(repeat(session, text, &script, false, &made.plain, &result, error));
        TRY(repeat(session, text, &script, true, &made.guessed, &result, error));
        if (run == 0)
            continue;
        plain[run - 1] = made.plain;
        guessed[run - 1] = made.guessed;
    }
    made.drafted = result.drafted_tokens;
    made.accepted = result.accepted_tokens;
    made.memory = bench_run_memory(session);
    *speculation = made;

cleanup:
    primer_session_free(session);
    memory_free(answer);
    memory_free(text);
    return status;
}
