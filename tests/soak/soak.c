/* soak.c - random clients for some time: options, the models' lives, progress, the summary.
 *
 *   soak [--seconds N] [--clients N] [--seed N] MODEL MODEL DRAFT
 *
 * DRAFT has the first model's vocabulary. Every few seconds the models are opened anew, with
 * another number of threads and another prefix cache, in memory and mostly on disk too, always too
 * small; sessions on the old ones go on. Ends with status 0 only if every answer was the one given
 * alone and everything that is counted happened. */
#include "soak.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_CLIENTS       64
#define LIFE_SECONDS       5   /* of a model */
#define PROGRESS_SECONDS   10  /* between two lines */
#define STANDSTILL_SECONDS 120 /* without any event: something waits for ever */

static const char *const names[] = {
    [SOAK_MODELS_OPENED] = "models opened",
    [SOAK_SESSIONS] = "sessions",
    [SOAK_PROMPTS] = "prompts",
    [SOAK_ANSWERS] = "answers",
    [SOAK_TOKENS] = "tokens",
    [SOAK_LOGITS] = "rows of logits compared",
    [SOAK_CANCELLED_PROMPTS] = "prompts cancelled",
    [SOAK_CANCELLED_ANSWERS] = "answers cancelled",
    [SOAK_LATE_CANCELS] = "late cancels",
    [SOAK_FORKS] = "forks",
    [SOAK_REWINDS] = "rewinds",
    [SOAK_RESTORES] = "restored sessions",
    [SOAK_REFUSED_RESTORES] = "refused restores",
    [SOAK_DROPPED_TOKENS] = "dropped tokens",
    [SOAK_STOP_STRINGS] = "stop strings met",
    [SOAK_SCORES] = "scores",
    [SOAK_EMBEDDINGS] = "embeddings",
    [SOAK_LOOKUP_HITS] = "tokens guessed by look-up",
    [SOAK_DRAFT_HITS] = "tokens guessed by a draft",
    [SOAK_PREFIX_HITS] = "prefix cache hits",
    [SOAK_PREFIX_EVICTIONS] = "prefix cache evictions",
    [SOAK_DISK_TOKENS] = "tokens restored from disk",
    [SOAK_JOINED_PASSES] = "joined passes",
};

struct soak soak = {.seed = 1, .seconds = 60, .clients = 6};
static atomic_uint_fast64_t events[SOAK_EVENTS];

void soak_count(enum soak_event event, uint64_t more)
{
    atomic_fetch_add(&events[event], more);
}

uint64_t soak_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void soak_fail(const struct branch *branch, const char *format, ...)
{
    char message[1536];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fflush(stdout);
    if (branch != NULL)
        fprintf(stderr, "soak: seed %" PRIu64 ", client %zu, story %zu, model %zu: %s\n", soak.seed,
                branch->client, branch->story, branch->model, message);
    else
        fprintf(stderr, "soak: %s\n", message);
    _exit(1);
}

static int usage(void)
{
    fputs("usage: soak [--seconds N] [--clients N] [--seed N] MODEL MODEL DRAFT\n", stderr);
    return 2;
}

static bool parse(int count, char **arguments)
{
    size_t paths = 0;
    for (int i = 1; i < count; i++) {
        const char *word = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        if (word[0] != '-') {
            if (paths == SOAK_MODELS)
                return false;
            soak.paths[paths++] = word;
            continue;
        }
        const unsigned long long number = strtoull(value, NULL, 10);
        if (strcmp(word, "--seconds") == 0)
            soak.seconds = (size_t)number;
        else if (strcmp(word, "--clients") == 0)
            soak.clients = (size_t)number;
        else if (strcmp(word, "--seed") == 0)
            soak.seed = number;
        else
            return false;
        i++;
    }
    return paths == SOAK_MODELS && soak.clients > 0 && soak.clients <= MOST_CLIENTS;
}

static primer_model *open_model(size_t number, struct dice *dice)
{
    primer_model *model = NULL;
    const primer_model_options options = {
        .threads = 1 + dice_below(dice, 4),
        .prefix_cache_bytes = 60000 + dice_below(dice, 400000),
        .prefix_folder = dice_happens(dice, 80) ? soak.prefixes : NULL,
        .prefix_folder_bytes = 500000 + dice_below(dice, 2500000),
    };
    SOAK_MUST(NULL, primer_model_open(soak.paths[number], &options, &model, error));
    soak_count(SOAK_MODELS_OPENED, 1);
    return model;
}

/* The owner's part of a model ends; sessions may keep it alive. */
static void close_model(primer_model *model)
{
    primer_totals totals;
    primer_model_statistics(model, &totals);
    if (totals.joined_passes > totals.passes || totals.joined_tokens > totals.tokens)
        soak_fail(NULL, "statistics that cannot be");
    soak_count(SOAK_PREFIX_HITS, totals.prefix_hits);
    soak_count(SOAK_PREFIX_EVICTIONS, totals.prefix_evictions);
    soak_count(SOAK_JOINED_PASSES, totals.joined_passes);
    primer_model_free(model);
}

static void renew(size_t number, struct dice *dice)
{
    primer_model *const next = open_model(number, dice);
    pthread_rwlock_wrlock(&soak.models_lock);
    primer_model *const old = soak.models[number];
    soak.models[number] = next;
    pthread_rwlock_unlock(&soak.models_lock);
    close_model(old);
}

static uint64_t steps(void)
{
    return events[SOAK_PROMPTS] + events[SOAK_ANSWERS] + events[SOAK_SCORES] +
           events[SOAK_EMBEDDINGS];
}

static void say_progress(size_t second)
{
    printf("%5zu s: %" PRIu64 " sessions, %" PRIu64 " prompts, %" PRIu64 " answers, %" PRIu64
           " tokens, %" PRIu64 " cancelled, %" PRIu64 " forks, %" PRIu64 " joined passes\n",
           second, (uint64_t)events[SOAK_SESSIONS], (uint64_t)events[SOAK_PROMPTS],
           (uint64_t)events[SOAK_ANSWERS], (uint64_t)events[SOAK_TOKENS],
           (uint64_t)(events[SOAK_CANCELLED_PROMPTS] + events[SOAK_CANCELLED_ANSWERS]),
           (uint64_t)events[SOAK_FORKS], (uint64_t)events[SOAK_JOINED_PASSES]);
    fflush(stdout);
}

/* Until the time is over: new models, progress, and a look whether there is any. */
static void supervise(void)
{
    struct dice dice = {soak.seed};
    uint64_t seen = 0;
    size_t seen_at = 0;
    const uint64_t start = soak_nanoseconds();
    for (size_t second = 1; second <= soak.seconds; second++) {
        const uint64_t passed = soak_nanoseconds() - start, wanted = second * 1000000000u;
        if (wanted > passed)
            nanosleep(&(struct timespec){(time_t)((wanted - passed) / 1000000000u),
                                         (long)((wanted - passed) % 1000000000u)},
                      NULL);
        if (second % LIFE_SECONDS == 0)
            renew(second / LIFE_SECONDS % SOAK_MODELS, &dice);
        if (second % PROGRESS_SECONDS == 0)
            say_progress(second);
        if (steps() != seen) {
            seen = steps();
            seen_at = second;
        } else if (second - seen_at > STANDSTILL_SECONDS) {
            fprintf(stderr, "soak: nothing happened for %d s\n", STANDSTILL_SECONDS);
            abort();
        }
    }
}

static bool summarize(void)
{
    bool all = true;
    for (size_t i = 0; i < SOAK_EVENTS; i++) {
        const uint64_t count = atomic_load(&events[i]);
        printf("%10" PRIu64 " %s%s\n", count, names[i],
               count == 0 ? ": never happened, so this run proves nothing about it" : "");
        all = all && count > 0;
    }
    return all;
}

/* The prefix cache leaves pages, and nothing else. */
static void remove_prefixes(void)
{
    DIR *const folder = opendir(soak.prefixes);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".kv") == 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    if (rmdir(soak.prefixes) != 0)
        soak_fail(NULL, "%s is not empty: a half-written page was left", soak.prefixes);
}

int main(int count, char **arguments)
{
    char folder[] = "/tmp/primer-soak-XXXXXX", prefixes[64];
    pthread_t threads[MOST_CLIENTS];
    size_t numbers[MOST_CLIENTS];
    if (!parse(count, arguments))
        return usage();
    if (mkdtemp(folder) == NULL)
        soak_fail(NULL, "no temporary folder");
    snprintf(prefixes, sizeof prefixes, "%s/prefixes", folder);
    soak.folder = folder;
    soak.prefixes = prefixes;
    pthread_rwlock_init(&soak.models_lock, NULL);
    struct dice dice = {soak.seed + 1};
    for (size_t i = 0; i < SOAK_MODELS; i++)
        soak.models[i] = open_model(i, &dice);
    soak_cancel_start();
    for (size_t i = 0; i < soak.clients; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, soak_client, &numbers[i]) != 0)
            soak_fail(NULL, "no thread for client %zu", i);
    }
    supervise();
    atomic_store(&soak.over, true);
    for (size_t i = 0; i < soak.clients; i++)
        pthread_join(threads[i], NULL);
    soak_cancel_stop();
    for (size_t i = 0; i < SOAK_MODELS; i++)
        close_model(soak.models[i]);
    pthread_rwlock_destroy(&soak.models_lock);
    remove_prefixes();
    if (rmdir(folder) != 0)
        soak_fail(NULL, "%s is not empty: a saved session was left", folder);
    return summarize() ? 0 : 1;
}
