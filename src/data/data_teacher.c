/* data_teacher.c - questions, asked several at once, and what becomes of the answers. Declared in
 * data_teacher.h.
 *
 *   each thread, at its place:   number ── prompt ── ask ── judge ──> settle
 *                                (lock)                               (lock)
 *
 * No more questions are on their way than lessons are missing. A question that gets no answer gives
 * its number back, for the next thread; after too many of these in a row, and after too many answers
 * in a row that are no use, all stop. Everything that threads share is behind the one lock.
 */
#include "data/data_teacher.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/data_synth.h"
#include "data/synth_measure.h"
#include "data/synth_output.h"
#include "data/teacher.h"
#include "data/teacher_answer.h"
#include "data/teacher_prompt.h"
#include "data/teacher_record.h"
#include "ranks/ranks.h"

enum {
    PARALLEL = 4,
    PLACES_MOST = 256,
    CHECKS_MOST = 8,
    JUDGING_SECONDS = 2, /* after the run was stopped */
    CHECK_SECONDS = 20,  /* by the clock; teacher_check.py has fewer of processor time */
    REFUSED_MOST = 100,
    UNANSWERED_LEAST = 5, /* in a row; more where more are asked at once */
    UNSAID_MOST = 1000,   /* in a row */
    FLOOR_PAIRS = 1000    /* lessons before the floors hold */
};

struct check {
    pthread_mutex_t lock;
    struct sandbox *sandbox;
};

struct run {
    const struct data_teacher_options *options;
    struct data_teacher_summary *summary;
    struct curriculum *curriculum;
    struct teacher_patience patience;
    struct teacher teacher;
    struct pool *pool;
    size_t places;
    struct teacher_prompt *prompts; /* [places] */
    struct check *checks;           /* [check_count] */
    size_t check_count;

    pthread_mutex_t lock;
    pthread_cond_t settled;
    struct teacher_record record;
    struct synth_set done, written, used;
    struct synth_measure measure;
    uint64_t next, again[PLACES_MOST]; /* numbers that were given back */
    size_t again_count, on_their_way;
    size_t refused_in_row, unanswered_in_row, unsaid_in_row;
    bool stopped;
    uint64_t stopped_at;
    primer_status status; /* why */
    primer_error error;
};

/* ---- stopping -------------------------------------------------------------------------------- */

/* With the lock held. The first reason counts. */
static void stop(struct run *run, primer_status status, const primer_error *error)
{
    if (!run->stopped) {
        run->status = status;
        run->error = *error;
        run->stopped_at = clock_nanoseconds();
    }
    run->stopped = true;
    pthread_cond_broadcast(&run->settled);
}

static void ask_progress(struct run *run)
{
    const struct data_teacher_options *const options = run->options;
    primer_error error = {0};
    if (!run->stopped && options->progress != NULL &&
        !options->progress(options->context, run->summary->kept, options->count))
        stop(run, error_set(&error, PRIMER_ECANCELED, "stopped; the same command goes on"), &error);
}

static bool go_on(void *context)
{
    struct run *const run = context;
    pthread_mutex_lock(&run->lock);
    ask_progress(run);
    const bool goes_on = !run->stopped;
    pthread_mutex_unlock(&run->lock);
    return goes_on;
}

/* An answer that is there is paid for, and mostly judged in no time. */
static bool go_on_judging(void *context, size_t done, size_t all)
{
    const struct run *const run = context;
    (void)done, (void)all;
    return go_on(context) || clock_seconds_since(run->stopped_at) < JUDGING_SECONDS;
}

/* ---- lessons as lines ------------------------------------------------------------------------ */

/* What asks, in a lesson's line: by this lessons are the same, and are measured. */
static const char *asking_text(const json_t *line)
{
    static const char *const keys[] = {"text", "prompt"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (json_is_string(json_object_get(line, keys[i])))
            return json_string_value(json_object_get(line, keys[i]));
    const json_t *const first = json_array_get(json_object_get(line, "messages"), 0);
    const char *const user = json_string_value(json_object_get(first, "content"));
    return user == NULL ? "" : user;
}

static primer_status add_field(struct buffer *out, const char *key, const char *text,
                               primer_error *error)
{
    FORWARD(buffer_format(out, error, ",\"%s\":", key));
    return buffer_json_string(out, text, strlen(text), error);
}

static primer_status begin_line(const struct run *run, const struct teacher_prompt *prompt,
                                uint64_t number, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_format(out, error, "{\"index\":%" PRIu64 ",\"kind\":\"%s\"", number,
                          teacher_prompt_form_name(prompt->form)));
    FORWARD(add_field(out, "lesson", prompt->block->name, error));
    FORWARD(add_field(out, "topic", prompt->topic.bytes, error));
    return add_field(out, "teacher", run->teacher.name, error);
}

static primer_status write_lesson(const struct run *run, const struct teacher_prompt *prompt,
                                  uint64_t number, const json_t *verdict, struct buffer *out,
                                  primer_error *error)
{
    static const char *const keys[] = {"text", "prompt", "completion"};
    const char *const user = json_string_value(json_object_get(verdict, "user"));
    const char *const assistant = json_string_value(json_object_get(verdict, "assistant"));
    FORWARD(begin_line(run, prompt, number, out, error));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *const text = json_string_value(json_object_get(verdict, keys[i]));
        if (text != NULL)
            FORWARD(add_field(out, keys[i], text, error));
    }
    if (user != NULL && assistant != NULL) {
        FORWARD(buffer_text(out, ",\"messages\":[{\"role\":\"user\",\"content\":", error));
        FORWARD(buffer_json_string(out, user, strlen(user), error));
        FORWARD(buffer_text(out, "},{\"role\":\"assistant\",\"content\":", error));
        FORWARD(buffer_json_string(out, assistant, strlen(assistant), error));
        FORWARD(buffer_text(out, "}]", error));
    }
    return buffer_text(out, "}\n", error);
}

/* ---- counting -------------------------------------------------------------------------------- */

static void count_reason(struct data_teacher_summary *summary, const char *reason)
{
    size_t i = 0;
    while (i < DATA_TEACHER_REASONS - 1 && summary->reasons[i].count > 0 &&
           strncmp(summary->reasons[i].text, reason, DATA_TEACHER_REASON - 1) != 0)
        i++;
    if (summary->reasons[i].count++ == 0)
        snprintf(summary->reasons[i].text, DATA_TEACHER_REASON, "%s",
                 i == DATA_TEACHER_REASONS - 1 ? "others" : reason);
}

static primer_status count_kept(struct run *run, const char *asking, const char *lesson,
                                primer_error *error)
{
    bool fresh;
    run->summary->asked++;
    run->summary->kept++;
    FORWARD(synth_set_add(&run->used, hash_bytes(lesson, strlen(lesson), 0), &fresh, error));
    return synth_measure_add(&run->measure, asking, strlen(asking), error);
}

/* A line of a former run. */
static primer_status take_line(void *context, const json_t *line, bool kept, primer_error *error)
{
    struct run *const run = context;
    const char *const lesson = json_string_value(json_object_get(line, "lesson"));
    const char *const reason = json_string_value(json_object_get(line, "reason"));
    const uint64_t number = (uint64_t)json_integer_value(json_object_get(line, "index"));
    const char *const asking = asking_text(line);
    bool fresh;
    FORWARD(synth_set_add(&run->done, number + 1, &fresh, error));
    if (!fresh)
        return PRIMER_OK;
    run->summary->resumed++;
    if (!kept) {
        run->summary->asked++;
        run->summary->refused++;
        count_reason(run->summary, reason == NULL ? "" : reason);
        return PRIMER_OK;
    }
    FORWARD(synth_set_add(&run->written, hash_bytes(asking, strlen(asking), 0), &fresh, error));
    return count_kept(run, asking, lesson == NULL ? "" : lesson, error);
}

/* ---- floors and ends ------------------------------------------------------------------------- */

static double or_default(double value, double missing)
{
    return value > 0 ? value : missing;
}

static primer_status check_floors(const struct run *run, primer_error *error)
{
    const struct data_teacher_options *const options = run->options;
    if (run->measure.pairs < FLOOR_PAIRS)
        return PRIMER_OK;
    const double distinct = synth_measure_distinct(&run->measure);
    const double least = or_default(options->least_distinct, DATA_SYNTH_LEAST_DISTINCT);
    const double similar = synth_measure_similar(&run->measure);
    const double most = or_default(options->most_similar, DATA_SYNTH_MOST_SIMILAR);
    if (distinct < least)
        return error_set(error, PRIMER_EFORMAT,
                         "only %.4f of the word trigrams are different, expected %.4f at least",
                         distinct, least);
    if (similar > most)
        return error_set(error, PRIMER_EFORMAT,
                         "lessons share %.3f of their words, expected %.3f at most", similar, most);
    return PRIMER_OK;
}

static primer_status check_rows(const struct run *run, const char *reason, const char *detail,
                                primer_error *error)
{
    const size_t most = run->options->most_refused > 0 ? run->options->most_refused : REFUSED_MOST;
    const size_t unanswered =
        2 * run->places > UNANSWERED_LEAST ? 2 * run->places : UNANSWERED_LEAST;
    char shown[301];
    error_printable(detail, strlen(detail), shown, sizeof shown);
    if (run->refused_in_row >= most)
        return error_set(
            error, PRIMER_ELIMIT,
            "%zu answers in a row were refused, the last: %s%s%s; the same command goes on",
            run->refused_in_row, reason, *shown != '\0' ? ": " : "", shown);
    if (run->unanswered_in_row >= unanswered)
        return error_set(error, PRIMER_ELIMIT,
                         "%zu questions in a row got no answer, the last: %s; the same command "
                         "goes on",
                         run->unanswered_in_row, shown);
    if (run->unsaid_in_row >= UNSAID_MOST)
        return error_set(error, PRIMER_EFORMAT, "%zu prompts in a row couldn't be said",
                         run->unsaid_in_row);
    return PRIMER_OK;
}

/* ---- settling, with the lock held ------------------------------------------------------------ */

static primer_status refuse(struct run *run, const struct teacher_prompt *prompt, uint64_t number,
                            const char *reason, const char *detail, const char *answer,
                            primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    run->summary->asked++;
    run->summary->refused++;
    run->refused_in_row++;
    run->unanswered_in_row = 0;
    count_reason(run->summary, reason);
    TRY(begin_line(run, prompt, number, &line, error));
    TRY(add_field(&line, "reason", reason, error));
    TRY(add_field(&line, "detail", detail, error));
    TRY(add_field(&line, "answer", answer, error));
    TRY(buffer_text(&line, "}\n", error));
    TRY(teacher_record_refuse(&run->record, &line, error));
    status = check_rows(run, reason, detail, error);

cleanup:
    buffer_free(&line);
    return status;
}

static primer_status keep(struct run *run, const struct teacher_prompt *prompt, uint64_t number,
                          const json_t *verdict, const char *answer, primer_error *error)
{
    struct buffer line = {0};
    primer_status status = PRIMER_OK;
    json_t *written = NULL;
    bool fresh = false;
    TRY(write_lesson(run, prompt, number, verdict, &line, error));
    written = json_loadb(line.bytes, line.length, 0, NULL);
    const char *const asking = asking_text(written);
    TRY(synth_set_add(&run->written, hash_bytes(asking, strlen(asking), 0), &fresh, error));
    if (!fresh) {
        status = refuse(run, prompt, number, "repeated", "", answer, error);
        goto cleanup;
    }
    run->refused_in_row = run->unanswered_in_row = 0;
    TRY(teacher_record_keep(&run->record, &line, error));
    TRY(count_kept(run, asking, prompt->block->name, error));
    status = check_floors(run, error);

cleanup:
    json_decref(written);
    buffer_free(&line);
    return status;
}

static primer_status settle_verdict(struct run *run, const struct teacher_prompt *prompt,
                                    uint64_t number, const json_t *verdict, const char *answer,
                                    primer_error *error)
{
    const char *const reason = json_string_value(json_object_get(verdict, "reason"));
    const char *const detail = json_string_value(json_object_get(verdict, "detail"));
    if (json_is_true(json_object_get(verdict, "keep")))
        return keep(run, prompt, number, verdict, answer, error);
    return refuse(run, prompt, number, reason == NULL ? "the check was ended" : reason,
                  detail == NULL ? "" : detail, answer, error);
}

/* No answer: another time. */
static primer_status settle_silence(struct run *run, uint64_t number, const char *reason,
                                    primer_error *error)
{
    primer_error last = *error;
    run->summary->unanswered++;
    run->unanswered_in_row++;
    count_reason(run->summary, reason);
    run->again[run->again_count++] = number;
    return check_rows(run, reason, last.message, error);
}

/* ---- a thread -------------------------------------------------------------------------------- */

/* With the lock held: waits while as many questions are on their way as lessons are missing. False:
 * nothing more to do. */
static bool take_number(struct run *run, uint64_t *number)
{
    const struct data_teacher_summary *const summary = run->summary;
    for (;;) {
        ask_progress(run);
        if (run->stopped || summary->kept >= run->options->count)
            return false;
        if (summary->kept + run->on_their_way < run->options->count)
            break;
        pthread_cond_wait(&run->settled, &run->lock);
    }
    if (run->again_count > 0) {
        *number = run->again[--run->again_count];
    } else {
        while (synth_set_has(&run->done, run->next + 1))
            run->next++;
        *number = run->next++;
    }
    run->on_their_way++;
    return true;
}

static primer_status judge(struct run *run, size_t place, const struct teacher_prompt *prompt,
                           const struct teacher_answer *answer, json_t **verdict,
                           primer_error *error)
{
    struct check *const check = &run->checks[place % run->check_count];
    pthread_mutex_lock(&check->lock);
    const primer_status status =
        teacher_answer_judge(check->sandbox, prompt, answer, go_on_judging, run, verdict, error);
    pthread_mutex_unlock(&check->lock);
    return status;
}

/* Asks one question and settles what came of it. */
static primer_status work_on(struct run *run, size_t place, uint64_t number,
                             struct teacher_answer *answer, primer_error *error)
{
    struct teacher_prompt *const prompt = &run->prompts[place];
    const uint64_t seed = hash_bytes(&number, sizeof number, run->options->seed + 1);
    json_t *verdict = NULL;
    bool made = false;
    buffer_clear(&answer->text);
    answer->cut = false;
    answer->reason[0] = '\0';
    primer_status status = teacher_prompt_make(prompt, seed, &made, error);
    const struct teacher_question question = {
        .system = prompt->system.length > 0 ? prompt->system.bytes : NULL,
        .user = prompt->user.length > 0 ? prompt->user.bytes : "",
        .seed = seed};
    if (status == PRIMER_OK && made)
        status = run->teacher.ask(run->teacher.state, place, &question, answer, error);
    const bool asked = status == PRIMER_OK && made;
    if (asked)
        status = judge(run, place, prompt, answer, &verdict, error);
    pthread_mutex_lock(&run->lock);
    run->on_their_way--;
    const char *const text = answer->text.length > 0 ? answer->text.bytes : "";
    if (asked && status == PRIMER_OK) {
        run->unsaid_in_row = 0;
        status = settle_verdict(run, prompt, number, verdict, text, error);
    } else if (status == PRIMER_OK) {
        run->summary->unsaid++;
        run->unsaid_in_row++;
        status = check_rows(run, "", "", error);
    } else if (status == PRIMER_EIO && !asked && !run->stopped) {
        status = settle_silence(run, number, answer->reason, error);
    } else if (status == PRIMER_EFORMAT && !asked && answer->reason[0] != '\0') {
        status = refuse(run, prompt, number, answer->reason, error->message, text, error);
    }
    if (status != PRIMER_OK)
        stop(run, status, error);
    pthread_cond_broadcast(&run->settled);
    pthread_mutex_unlock(&run->lock);
    json_decref(verdict);
    return status;
}

static void work(void *context, size_t task, size_t thread)
{
    struct run *const run = context;
    struct teacher_answer answer = {0};
    uint64_t number = 0;
    (void)thread;
    for (;;) {
        primer_error error = {0};
        pthread_mutex_lock(&run->lock);
        const bool more = take_number(run, &number);
        pthread_mutex_unlock(&run->lock);
        if (!more || work_on(run, task, number, &answer, &error) != PRIMER_OK)
            break;
    }
    buffer_free(&answer.text);
}

/* ---- begin and end --------------------------------------------------------------------------- */

static primer_status open_checks(struct run *run, primer_error *error)
{
    const size_t threads = run->options->threads > 0 ? run->options->threads : cpu_thread_count();
    const size_t wanted = threads < CHECKS_MOST ? threads : CHECKS_MOST;
    const size_t count = run->places < wanted ? run->places : wanted;
    const struct sandbox_options options = {
        .workers = 1, .seconds = CHECK_SECONDS, .output = (size_t)4 << 20};
    run->checks = memory_allocate(count, sizeof *run->checks);
    if (run->checks == NULL)
        return memory_failure(error, "checks", count * sizeof *run->checks);
    for (; run->check_count < count; run->check_count++) {
        FORWARD(sandbox_open(&options, &run->checks[run->check_count].sandbox, error));
        pthread_mutex_init(&run->checks[run->check_count].lock, NULL);
    }
    return PRIMER_OK;
}

static uint64_t identify(const struct run *run)
{
    const char *const only = run->options->only == NULL ? "" : run->options->only;
    const uint64_t numbers[] = {curriculum_hash(run->curriculum), run->options->seed};
    return hash_bytes(only, strlen(only), hash_bytes(numbers, sizeof numbers, 2));
}

static primer_status open_run(struct run *run, const char *const *folders, size_t folder_count,
                              const char *path, primer_error *error)
{
    const struct data_teacher_options *const options = run->options;
    const bool endpoint = teacher_endpoint_is(options->teacher);
    run->places = options->parallel > 0 ? options->parallel : endpoint ? PARALLEL : 1;
    if (run->places > PLACES_MOST)
        return error_set(error, PRIMER_ELIMIT, "found %zu questions at once, expected %d at most",
                         run->places, PLACES_MOST);
    const char *const inputs[] = {endpoint ? NULL : options->teacher, options->key_file};
    FORWARD(curriculum_read(folders, folder_count, &run->curriculum, error));
    FORWARD(synth_output_check(path, folders, folder_count, inputs, 2, error));
    FORWARD(teacher_record_begin(&run->record, path, identify(run), error));
    run->prompts = memory_allocate(run->places, sizeof *run->prompts);
    if (run->prompts == NULL)
        return memory_failure(error, "prompts", run->places * sizeof *run->prompts);
    for (size_t i = 0; i < run->places; i++)
        FORWARD(teacher_prompt_create(&run->prompts[i], run->curriculum, options->only, error));
    FORWARD(endpoint
                ? teacher_endpoint_open(options, run->places, &run->patience, &run->teacher, error)
                : teacher_local_open(options, run->places, &run->patience, &run->teacher, error));
    FORWARD(open_checks(run, error));
    FORWARD(pool_create(&run->pool, run->places, error));
    FORWARD(teacher_record_open(&run->record, path, take_line, run, error));
    return check_floors(run, error);
}

static void close_run(struct run *run)
{
    pool_free(run->pool);
    if (run->teacher.close != NULL)
        run->teacher.close(run->teacher.state);
    for (size_t i = 0; i < run->check_count; i++) {
        sandbox_close(run->checks[i].sandbox);
        pthread_mutex_destroy(&run->checks[i].lock);
    }
    for (size_t i = 0; run->prompts != NULL && i < run->places; i++)
        teacher_prompt_free(&run->prompts[i]);
    memory_free(run->checks);
    memory_free(run->prompts);
    teacher_record_close(&run->record);
    synth_set_free(&run->done);
    synth_set_free(&run->written);
    synth_set_free(&run->used);
    synth_measure_free(&run->measure);
    curriculum_free(run->curriculum);
    pthread_cond_destroy(&run->settled);
    pthread_mutex_destroy(&run->lock);
}

static void summarize(struct run *run)
{
    curriculum_kind(run->curriculum, "prompt", &run->summary->prompts);
    run->summary->prompts_used = run->used.count;
    run->summary->distinct = synth_measure_distinct(&run->measure);
    run->summary->similar = synth_measure_similar(&run->measure);
}

primer_status data_teacher_make(const char *const *folders, size_t folder_count, const char *path,
                                const struct data_teacher_options *options,
                                struct data_teacher_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *summary = (struct data_teacher_summary){0};
    struct run run = {.options = options, .summary = summary};
    struct ranks ranks = {.count = 1};
    run.patience = (struct teacher_patience){go_on, &run};
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.settled, NULL);
    TRY(ranks_begin(&ranks, error));
    if (ranks.count > 1)
        FAIL(PRIMER_EUNSUPPORTED, "a teacher is asked by one process, and %zu were started",
             ranks.count);
    TRY(open_run(&run, folders, folder_count, path, error));
    pool_run(run.pool, work, &run, run.places);
    summarize(&run);
    if (run.stopped) {
        if (error != NULL)
            *error = run.error;
        status = run.status;
        goto cleanup;
    }
    status = teacher_record_finish(&run.record, path, error);

cleanup:
    ranks_end(&ranks, status != PRIMER_OK);
    close_run(&run);
    return status;
}
