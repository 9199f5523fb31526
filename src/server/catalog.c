/* catalog.c - see catalog.h.
 *
 *   IDLE --(first use: opened outside of the lock)--> LOADING --> LOADED
 *   LOADED, unused --(expired, in another's way, unload)--> IDLE
 *
 * A thread of the catalog's own sleeps until the next model expires.
 */
#include "server/catalog.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/catalog_entry.h"

#define NEVER     UINT64_MAX
#define PERCEIVE  UINT64_C(100000000) /* nanoseconds: how soon it is seen that a client has gone */
#define WAIT_MOST 120.0               /* seconds that a request waits for others' models to go */

enum state { IDLE, LOADING, LOADED };

struct place {
    struct catalog_entry entry; /* constant */
    enum state state;
    size_t references;
    uint64_t expires, used; /* clock_nanoseconds; `expires` counts while nobody uses it */
    int64_t keep_alive;     /* of the last use */
    bool unload;            /* as soon as it is unused */
    primer_model *model;
    primer_chat_format *own;
    const primer_chat_format *format;
    primer_adapter *adapters[PRIMER_ADAPTERS_MOST]; /* [options.adapter_count] while LOADED */
    size_t context;
};

struct catalog {
    struct server_options options;
    float scales[PRIMER_ADAPTERS_MOST]; /* [options.adapter_count] */
    int64_t keep_alive;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending, has_thread;
    pthread_t thread;
    size_t count;
    struct place places[]; /* [count] */
};

/* ---- opening and letting go ------------------------------------------------------------------ */

static primer_status choose_format(const struct catalog *c, const char *path, primer_model *model,
                                   primer_chat_format **own, const primer_chat_format **format,
                                   primer_error *error)
{
    const char *wanted = c->options.template_name;
    if (wanted != NULL && strcmp(wanted, "own") != 0) {
        *format = primer_chat_format_named(wanted);
        return *format != NULL
                   ? PRIMER_OK
                   : error_set(error, PRIMER_EINVAL, "--template: there is no \"%s\"", wanted);
    }
    primer_error problem = {0};
    const primer_status status = primer_chat_format_own(model, own, &problem);
    if (status != PRIMER_OK && wanted != NULL) {
        *error = problem;
        return status;
    }
    if (status != PRIMER_OK)
        log_message(LOG_WARN, "%s: the chat template in this file can't be used (%s)", path,
                    problem.message);
    bool understood = false;
    *format = *own != NULL ? *own : primer_chat_format_of(model, &understood);
    return PRIMER_OK;
}

/* What a loaded place has. */
struct opened {
    primer_model *model;
    primer_chat_format *own;
    const primer_chat_format *format;
    primer_adapter *adapters[PRIMER_ADAPTERS_MOST];
};

static void close_opened(struct opened *opened)
{
    for (size_t i = 0; i < PRIMER_ADAPTERS_MOST; i++)
        primer_adapter_free(opened->adapters[i]);
    primer_chat_format_free(opened->own);
    primer_model_free(opened->model);
    *opened = (struct opened){0};
}

/* Without the lock. */
static primer_status open_model(const struct catalog *c, const struct place *place,
                                struct opened *opened, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const char *const path = place->entry.path;
    TRY(primer_model_open(path, &c->options.model, &opened->model, error));
    TRY(choose_format(c, path, opened->model, &opened->own, &opened->format, error));
    for (size_t i = 0; i < c->options.adapter_count; i++)
        TRY(primer_adapter_open(opened->model, c->options.adapters[i].path, &opened->adapters[i],
                                error));
cleanup:
    if (status != PRIMER_OK)
        close_opened(opened);
    return status;
}

static struct opened take_opened(struct place *place)
{
    struct opened opened = {place->model, place->own, place->format, {0}};
    memcpy(opened.adapters, place->adapters, sizeof opened.adapters);
    memset(place->adapters, 0, sizeof place->adapters);
    place->model = NULL;
    place->own = NULL;
    place->format = NULL;
    return opened;
}

/* Under the lock, which is given up meanwhile. */
static void let_go(struct catalog *c, struct place *place)
{
    struct opened opened = take_opened(place);
    place->state = IDLE;
    place->unload = false;
    place->context = 0;
    pthread_mutex_unlock(&c->lock);
    log_message(LOG_INFO, "%s: unloaded", place->entry.name);
    close_opened(&opened);
    pthread_mutex_lock(&c->lock);
    pthread_cond_broadcast(&c->changed);
}

/* Under the lock: lets the one go that was unused longest; false: all are in use. */
static bool make_room(struct catalog *c)
{
    struct place *oldest = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct place *place = &c->places[i];
        if (place->state == LOADED && place->references == 0 &&
            (oldest == NULL || place->used < oldest->used))
            oldest = place;
    }
    if (oldest != NULL)
        let_go(c, oldest);
    return oldest != NULL;
}

static size_t busy_count(const struct catalog *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->places[i].state != IDLE;
    return count;
}

/* ---- the thread that unloads ----------------------------------------------------------------- */

static void wait_until(struct catalog *c, uint64_t moment)
{
    if (moment == NEVER) {
        pthread_cond_wait(&c->changed, &c->lock);
        return;
    }
    const struct timespec until = {(time_t)(moment / 1000000000), (long)(moment % 1000000000)};
    pthread_cond_timedwait(&c->changed, &c->lock, &until);
}

static void *watch(void *context)
{
    struct catalog *c = context;
    pthread_mutex_lock(&c->lock);
    while (!c->ending) {
        uint64_t next = NEVER;
        const uint64_t now = clock_nanoseconds();
        struct place *expired = NULL;
        for (size_t i = 0; i < c->count; i++) {
            struct place *place = &c->places[i];
            if (place->state != LOADED || place->references > 0)
                continue;
            if (place->expires <= now)
                expired = place;
            next = place->expires < next ? place->expires : next;
        }
        if (expired != NULL)
            let_go(c, expired);
        else
            wait_until(c, next);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* ---- using ----------------------------------------------------------------------------------- */

/* Under the lock. */
static void fill_use(const struct catalog *c, struct place *place, double load_seconds,
                     struct catalog_use *use)
{
    place->references++;
    *use = (struct catalog_use){.entry = &place->entry,
                                .model = place->model,
                                .format = place->format,
                                .load_seconds = load_seconds,
                                .adapter_count = c->options.adapter_count};
    for (size_t i = 0; i < use->adapter_count; i++)
        use->adapters[i] = (primer_adapter_use){place->adapters[i], c->scales[i]};
}

static struct place *find(struct catalog *c, const char *name)
{
    if ((name == NULL || *name == '\0') && c->count == 1)
        return &c->places[0];
    for (size_t i = 0; name != NULL && i < c->count; i++)
        if (catalog_entry_has_name(&c->places[i].entry, name))
            return &c->places[i];
    return NULL;
}

/* How a request waits for a model. */
struct waiting {
    bool (*gone)(void *context);
    void *context;
    uint64_t start; /* of waiting for others' models to go */
    struct problem *problem;
};

/* Under the lock: until something changed, or it is time to look whether the client is still
 * there. Waiting for the model's own loading has no end but the loading's. */
static primer_status wait_for_change(struct catalog *c, bool loading, struct waiting *waiting,
                                     primer_error *error)
{
    wait_until(c, clock_nanoseconds() + PERCEIVE);
    pthread_mutex_unlock(&c->lock);
    const bool gone = waiting->gone != NULL && waiting->gone(waiting->context);
    pthread_mutex_lock(&c->lock);
    if (gone)
        return error_set(error, PRIMER_ECANCELED, "the client has gone");
    if (loading)
        waiting->start = clock_nanoseconds();
    else if (clock_seconds_since(waiting->start) > WAIT_MOST)
        return problem_set(waiting->problem, 503, NULL, NULL, PRIMER_ENOMEM, error,
                           "other models are in use and leave no room; please try again");
    return PRIMER_OK;
}

/* Under the lock, which is given up meanwhile. The place is LOADED afterwards, or IDLE. */
static primer_status load(struct catalog *c, struct place *place, primer_error *error)
{
    struct opened opened = {0};
    place->state = LOADING;
    pthread_mutex_unlock(&c->lock);
    const primer_status status = open_model(c, place, &opened, error);
    pthread_mutex_lock(&c->lock);
    place->state = status == PRIMER_OK ? LOADED : IDLE;
    if (status == PRIMER_OK) {
        place->model = opened.model;
        place->own = opened.own;
        place->format = opened.format;
        memcpy(place->adapters, opened.adapters, sizeof place->adapters);
        place->keep_alive = c->keep_alive;
    }
    pthread_cond_broadcast(&c->changed);
    return status;
}

/* Under the lock: one step towards a loaded model. */
static primer_status advance(struct catalog *c, struct place *place, struct waiting *waiting,
                             double *load_seconds, primer_error *error)
{
    if (place->state == LOADING)
        return wait_for_change(c, true, waiting, error);
    if (busy_count(c) >= c->options.max_loaded)
        return make_room(c) ? PRIMER_OK : wait_for_change(c, false, waiting, error);
    const uint64_t start = clock_nanoseconds();
    const primer_status status = load(c, place, error);
    *load_seconds = clock_seconds_since(start);
    if (status == PRIMER_ENOMEM && make_room(c))
        return PRIMER_OK;
    if (status == PRIMER_ENOMEM && busy_count(c) > 0)
        return wait_for_change(c, false, waiting, error);
    if (status == PRIMER_OK || status == PRIMER_ENOMEM)
        return status;
    const primer_error found = *error; /* no fault of the request's */
    return problem_set(waiting->problem, 500, NULL, NULL, status, error, "%s", found.message);
}

primer_status catalog_use(struct catalog *catalog, const char *name, bool (*gone)(void *context),
                          void *context, struct problem *problem, struct catalog_use *use,
                          primer_error *error)
{
    struct place *place = find(catalog, name);
    char shown[128];
    if (place == NULL && (name == NULL || *name == '\0'))
        return problem_set(problem, 400, NULL, "model", PRIMER_EINVAL, error,
                           "model: expected a name, found nothing; there are several models");
    if (place == NULL)
        return problem_set(problem, 404, "model_not_found", "model", PRIMER_EINVAL, error,
                           "model '%s' not found",
                           error_printable(name, strlen(name), shown, sizeof shown));
    struct waiting waiting = {gone, context, clock_nanoseconds(), problem};
    primer_status status = PRIMER_OK;
    double load_seconds = 0;
    pthread_mutex_lock(&catalog->lock);
    while (status == PRIMER_OK && place->state != LOADED)
        status = advance(catalog, place, &waiting, &load_seconds, error);
    if (status == PRIMER_OK)
        fill_use(catalog, place, load_seconds, use);
    pthread_mutex_unlock(&catalog->lock);
    return status;
}

static struct place *place_of(struct catalog *c, const struct catalog_entry *entry)
{
    for (size_t i = 0; i < c->count; i++)
        if (&c->places[i].entry == entry)
            return &c->places[i];
    return NULL;
}

bool catalog_use_loaded(struct catalog *catalog, const struct catalog_entry *entry,
                        struct catalog_use *use)
{
    struct place *place = place_of(catalog, entry);
    pthread_mutex_lock(&catalog->lock);
    const bool loaded = place != NULL && place->state == LOADED;
    if (loaded)
        fill_use(catalog, place, 0, use);
    pthread_mutex_unlock(&catalog->lock);
    return loaded;
}

void catalog_end_use(struct catalog *catalog, struct catalog_use *use, int64_t keep_alive)
{
    struct place *place = use->model == NULL ? NULL : place_of(catalog, use->entry);
    if (place == NULL)
        return;
    pthread_mutex_lock(&catalog->lock);
    const uint64_t now = clock_nanoseconds();
    place->references--;
    if (keep_alive != CATALOG_KEEP_UNCHANGED) {
        place->used = now;
        if (keep_alive >= 0) /* else what was said last stands */
            place->keep_alive = keep_alive;
        place->expires =
            place->keep_alive == SERVER_KEEP_FOREVER ? NEVER : now + (uint64_t)place->keep_alive;
    }
    if (place->references == 0 && (place->unload || place->expires <= now))
        let_go(catalog, place);
    pthread_cond_broadcast(&catalog->changed);
    pthread_mutex_unlock(&catalog->lock);
    use->model = NULL;
}

void catalog_unload(struct catalog *catalog, const struct catalog_entry *entry)
{
    struct place *place = place_of(catalog, entry);
    pthread_mutex_lock(&catalog->lock);
    if (place != NULL && place->state == LOADED && place->references == 0)
        let_go(catalog, place);
    else if (place != NULL && place->state == LOADED)
        place->unload = true;
    pthread_mutex_unlock(&catalog->lock);
}

/* ---- looking --------------------------------------------------------------------------------- */

const struct catalog_entry *catalog_at(const struct catalog *catalog, size_t index)
{
    return index < catalog->count ? &catalog->places[index].entry : NULL;
}

const struct catalog_entry *catalog_find(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; name != NULL && i < catalog->count; i++)
        if (catalog_entry_has_name(&catalog->places[i].entry, name))
            return &catalog->places[i].entry;
    return (name == NULL || *name == '\0') && catalog->count == 1 ? &catalog->places[0].entry
                                                                  : NULL;
}

/* When it goes, on the wall's clock; one in use: as if its use ended now. */
static int64_t wall_expiry(const struct place *place)
{
    const uint64_t now = clock_nanoseconds();
    if (place->references > 0 ? place->keep_alive == SERVER_KEEP_FOREVER : place->expires == NEVER)
        return INT64_MAX;
    const uint64_t left = place->references > 0  ? (uint64_t)place->keep_alive
                          : place->expires > now ? place->expires - now
                                                 : 0;
    return clock_wall_seconds() + (int64_t)(left / 1000000000);
}

bool catalog_loaded(struct catalog *catalog, size_t index, struct catalog_state *state)
{
    bool found = false;
    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; i < catalog->count && !found; i++) {
        const struct place *place = &catalog->places[i];
        if (place->state != LOADED || index-- > 0)
            continue;
        *state =
            (struct catalog_state){&place->entry, place->references, wall_expiry(place),
                                   primer_model_info(place->model)->weight_bytes, place->context};
        found = true;
    }
    pthread_mutex_unlock(&catalog->lock);
    return found;
}

void catalog_scales(struct catalog *catalog, float *scales)
{
    pthread_mutex_lock(&catalog->lock);
    memcpy(scales, catalog->scales, catalog->options.adapter_count * sizeof *scales);
    pthread_mutex_unlock(&catalog->lock);
}

void catalog_set_scales(struct catalog *catalog, const float *scales)
{
    pthread_mutex_lock(&catalog->lock);
    memcpy(catalog->scales, scales, catalog->options.adapter_count * sizeof *scales);
    pthread_mutex_unlock(&catalog->lock);
}

void catalog_note_context(struct catalog *catalog, const struct catalog_entry *entry,
                          size_t context)
{
    struct place *place = place_of(catalog, entry);
    pthread_mutex_lock(&catalog->lock);
    if (place != NULL)
        place->context = context;
    pthread_mutex_unlock(&catalog->lock);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* Adds the file unless it is there already. */
static primer_status add(struct catalog *c, const char *path, primer_error *error)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->places[i].entry.path, path) == 0)
            return PRIMER_OK;
    struct place *place = &c->places[c->count];
    FORWARD(catalog_entry_fill(&place->entry, path, &c->options, error));
    const char *name = place->entry.name;
    for (size_t i = 0; i < c->count; i++)
        if (catalog_entry_has_name(&c->places[i].entry, name)) {
            error_set(error, PRIMER_EINVAL,
                      "%s: another model is called \"%s\" too; give one another name "
                      "(--alias NAME=FILE)",
                      path, name);
            catalog_entry_free(&place->entry);
            return PRIMER_EINVAL;
        }
    place->expires = NEVER;
    c->count++;
    return PRIMER_OK;
}

primer_status catalog_create(const struct server_options *options, struct catalog **catalog,
                             primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t most = options->model_count + options->alias_count;
    struct catalog *c = memory_allocate(1, sizeof *c + most * sizeof c->places[0]);
    if (c == NULL)
        return memory_failure(error, "the models' catalog", most * sizeof c->places[0]);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    c->options = *options;
    c->keep_alive = options->keep_alive_nanoseconds;
    for (size_t i = 0; i < options->model_count; i++)
        TRY(add(c, options->models[i], error));
    for (size_t i = 0; i < options->alias_count; i++)
        TRY(add(c, options->aliases[i].path, error));
    if (options->adapter_count > PRIMER_ADAPTERS_MOST)
        FAIL(PRIMER_EINVAL, "--adapter: found %zu of them, at most %d", options->adapter_count,
             PRIMER_ADAPTERS_MOST);
    if (options->adapter_count > 0 && c->count > 1)
        FAIL(PRIMER_EINVAL, "--adapter: found %zu models, expected one alone, which it is for",
             c->count);
    for (size_t i = 0; i < options->adapter_count; i++)
        c->scales[i] = options->adapters[i].scale;
    if (pthread_create(&c->thread, NULL, watch, c) != 0)
        FAIL(PRIMER_EIO, "the system gives no thread for the catalog");
    c->has_thread = true;
    *catalog = c;
    return PRIMER_OK;

cleanup:
    catalog_free(c);
    return status;
}

void catalog_free(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    pthread_mutex_lock(&catalog->lock);
    catalog->ending = true;
    pthread_cond_broadcast(&catalog->changed);
    pthread_mutex_unlock(&catalog->lock);
    if (catalog->has_thread)
        pthread_join(catalog->thread, NULL);
    for (size_t i = 0; i < catalog->count; i++) {
        struct opened opened = take_opened(&catalog->places[i]);
        close_opened(&opened);
        catalog_entry_free(&catalog->places[i].entry);
    }
    pthread_mutex_destroy(&catalog->lock);
    pthread_cond_destroy(&catalog->changed);
    memory_free(catalog);
}
