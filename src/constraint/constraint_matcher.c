/* constraint_matcher.c - an answer being followed: a place in a constraint's masks for a
 * vocabulary.
 *
 * The last user of masks that are no longer the newest frees them; of those that nobody uses a
 * constraint keeps IDLE_MOST, for the next answer.
 */
#include "constraint/constraint_internal.h"

#include <string.h>

#include "base/memory.h"

enum { IDLE_MOST = 4, GROWTH = 4 };

struct constraint_matcher {
    primer_constraint *constraint;
    const struct constraint_vocabulary *vocabulary;
    struct masks *masks;
    uint32_t place;
    bool complete, finished; /* of the place */
    bool ended;              /* an end token was taken */
    primer_error failure;    /* of taking, to be told by the next mask */
    uint64_t *words;         /* a mask */
};

/* ---- the constraint's list of masks; the lock is held ---------------------------------------- */

static struct masks *newest(const primer_constraint *constraint, uint64_t serial)
{
    struct masks *masks = constraint->masks;
    while (masks != NULL && masks->serial != serial)
        masks = masks->next;
    return masks;
}

static void unlink_masks(primer_constraint *constraint, struct masks *masks)
{
    struct masks **at = &constraint->masks;
    while (*at != masks)
        at = &(*at)->next;
    *at = masks->next;
    masks_free(masks);
}

/* Frees what nobody uses: old masks, and all but the newest few. */
static void tidy(primer_constraint *constraint)
{
    size_t idle = 0;
    for (struct masks *masks = constraint->masks, *next; masks != NULL; masks = next) {
        next = masks->next;
        const bool old = newest(constraint, masks->serial) != masks;
        if (masks->users == 0 && (old || idle++ >= IDLE_MOST))
            unlink_masks(constraint, masks);
    }
}

static void leave(primer_constraint *constraint, struct masks *masks)
{
    if (masks != NULL)
        masks->users--;
    tidy(constraint);
}

/* Before a call: what it may cost, and no failure yet. */
static void prepare(const primer_constraint *constraint, struct masks *masks)
{
    masks->places.stacks.steps = constraint->steps_most;
    masks->places.stacks.failure = (primer_error){0};
}

/* What PLACES_FAILED means, told. */
static primer_status fail(const struct masks *masks, primer_error *error)
{
    const primer_error *const failure = &masks->places.stacks.failure;
    return error_set(error, failure->status, "%s", failure->message);
}

/* Masks for the vocabulary that have room, to be used by one more. */
static primer_status enter(primer_constraint *constraint,
                           const struct constraint_vocabulary *vocabulary, struct masks **masks,
                           primer_error *error)
{
    struct masks *found = newest(constraint, vocabulary->serial);
    if (found == NULL || masks_bytes(found) > constraint->bytes_most) {
        FORWARD(masks_create(&found, constraint->network, vocabulary,
                             GROWTH * constraint->bytes_most + ((size_t)1 << 20),
                             constraint->walk_nodes, error));
        found->next = constraint->masks;
        constraint->masks = found;
    }
    found->users++;
    prepare(constraint, found);
    *masks = found;
    return PRIMER_OK;
}

/* ---- from old masks to new ones -------------------------------------------------------------- */

/* The set in `to` that has the stacks of one in `from`; `moved` [sets of from]: what is done. Goes
 * as deep as the stacks. */
static uint32_t move_set(const struct stacks *from, uint32_t set, struct stacks *to,
                         uint32_t *moved)
{
    const struct stacks_set *const s = &from->sets[set];
    if (set <= STACKS_EMPTY || moved[set] != 0)
        return set <= STACKS_EMPTY ? set : moved[set];
    struct stacks_frame *const frames = memory_allocate(s->count, sizeof *frames);
    if (frames == NULL) {
        stacks_fail(to, PRIMER_ENOMEM, "no memory for a constraint's stacks");
        return STACKS_FAILED;
    }
    bool good = true;
    for (uint32_t i = 0; i < s->count && good; i++) {
        frames[i] = from->frames[s->first + i];
        if (frames[i].state != 0)
            frames[i].below = move_set(from, frames[i].below, to, moved);
        good = frames[i].state == 0 || frames[i].below != STACKS_FAILED;
    }
    moved[set] = good ? stacks_set(to, frames, s->count) : STACKS_FAILED;
    memory_free(frames);
    return moved[set];
}

static primer_status move(struct constraint_matcher *matcher, struct masks *to, primer_error *error)
{
    const struct places *const from = &matcher->masks->places;
    uint32_t *const moved = memory_allocate(from->stacks.set_count, sizeof *moved);
    if (moved == NULL)
        return memory_failure(error, "a constraint's stacks",
                              from->stacks.set_count * sizeof *moved);
    const uint32_t set =
        move_set(&from->stacks, from->places[matcher->place].set, &to->places.stacks, moved);
    const uint32_t place = places_of(&to->places, set);
    memory_free(moved);
    if (place == PLACES_FAILED)
        return fail(to, error);
    matcher->place = place;
    return PRIMER_OK;
}

/* Before each step: the newest masks, new ones where they have grown too much. */
static primer_status renew(struct constraint_matcher *matcher, primer_error *error)
{
    primer_constraint *const constraint = matcher->constraint;
    struct masks *const before = matcher->masks;
    struct masks *masks = NULL;
    prepare(constraint, before);
    if (before == newest(constraint, before->serial) &&
        masks_bytes(before) <= constraint->bytes_most)
        return PRIMER_OK;
    FORWARD(enter(constraint, matcher->vocabulary, &masks, error));
    const primer_status status = move(matcher, masks, error);
    if (status == PRIMER_OK)
        matcher->masks = masks;
    leave(constraint, status == PRIMER_OK ? before : masks);
    return status;
}

/* ---- matchers -------------------------------------------------------------------------------- */

static void be_at(struct constraint_matcher *matcher, uint32_t place)
{
    const struct places *const places = &matcher->masks->places;
    matcher->place = place;
    matcher->complete = places->places[place].ends;
    matcher->finished =
        matcher->complete && places->stacks.sets[places->places[place].set].count == 1;
}

static primer_status begin(struct constraint_matcher *matcher, primer_error *error)
{
    FORWARD(enter(matcher->constraint, matcher->vocabulary, &matcher->masks, error));
    struct masks *const masks = matcher->masks;
    if (masks->start == 0)
        masks->start = places_begin(&masks->places);
    if (masks->start == PLACES_FAILED)
        return fail(masks, error);
    be_at(matcher, masks->start);
    return PRIMER_OK;
}

primer_status constraint_matcher_create(primer_constraint *constraint,
                                        const struct constraint_vocabulary *vocabulary,
                                        struct constraint_matcher **matcher, primer_error *error)
{
    struct constraint_matcher *const made = memory_allocate(1, sizeof *made);
    uint64_t *const words = memory_allocate_aligned(vocabulary->words, sizeof *words);
    if (made == NULL || words == NULL) {
        memory_free(made);
        memory_free(words);
        return memory_failure(error, "a matcher", vocabulary->words * sizeof *words);
    }
    *made = (struct constraint_matcher){
        .constraint = constraint, .vocabulary = vocabulary, .words = words};
    pthread_mutex_lock(&constraint->lock);
    const primer_status status = begin(made, error);
    pthread_mutex_unlock(&constraint->lock);
    if (status == PRIMER_OK)
        *matcher = made;
    else
        constraint_matcher_free(made);
    return status;
}

void constraint_matcher_free(struct constraint_matcher *matcher)
{
    if (matcher == NULL)
        return;
    pthread_mutex_lock(&matcher->constraint->lock);
    leave(matcher->constraint, matcher->masks);
    pthread_mutex_unlock(&matcher->constraint->lock);
    memory_free(matcher->words);
    memory_free(matcher);
}

const uint64_t *constraint_matcher_mask(struct constraint_matcher *matcher, primer_error *error)
{
    const uint64_t *mask = NULL;
    if (matcher->ended) {
        error_set(error, PRIMER_EUNSUPPORTED, "the answer has ended: no token may come next");
        return NULL;
    }
    if (matcher->failure.status != PRIMER_OK) {
        error_set(error, matcher->failure.status, "%s", matcher->failure.message);
        matcher->failure = (primer_error){0};
        return NULL;
    }
    pthread_mutex_lock(&matcher->constraint->lock);
    if (renew(matcher, error) == PRIMER_OK)
        mask = masks_at(matcher->masks, matcher->place, matcher->words, error);
    pthread_mutex_unlock(&matcher->constraint->lock);
    return mask;
}

/* Goes to the place behind what was taken. Where that can't be had, the next mask says why: who
 * takes what a mask has allowed need not look. */
static bool settle(struct constraint_matcher *matcher, uint32_t place)
{
    if (place > PLACES_DEAD)
        be_at(matcher, place);
    else if (place == PLACES_FAILED && matcher->failure.status == PRIMER_OK)
        matcher->failure = matcher->masks->places.stacks.failure;
    return place > PLACES_DEAD;
}

static bool ends(const struct constraint_vocabulary *vocabulary, int32_t id)
{
    for (size_t i = 0; i < vocabulary->end_count; i++)
        if (vocabulary->ends[i] == id)
            return true;
    return false;
}

bool constraint_matcher_take(struct constraint_matcher *matcher, int32_t id)
{
    if (matcher->ended)
        return false;
    if (matcher->complete && ends(matcher->vocabulary, id)) {
        matcher->ended = true;
        return true;
    }
    pthread_mutex_lock(&matcher->constraint->lock);
    uint32_t place = PLACES_FAILED;
    matcher->failure = (primer_error){0};
    if (renew(matcher, &matcher->failure) == PRIMER_OK)
        place = masks_take(matcher->masks, matcher->place, id);
    const bool taken = settle(matcher, place);
    pthread_mutex_unlock(&matcher->constraint->lock);
    return taken;
}

/* The place behind bytes that are no whole token: PLACES_DEAD where they can't come next. The lock
 * is held. */
static primer_status place_behind(struct constraint_matcher *matcher, const char *bytes,
                                  size_t length, uint32_t *place, primer_error *error)
{
    uint32_t less;
    *place = PLACES_DEAD;
    if (matcher->ended)
        return PRIMER_OK;
    FORWARD(renew(matcher, error));
    *place = matcher->place;
    for (size_t i = 0; i<length && * place> PLACES_DEAD; i++)
        *place = places_step(&matcher->masks->places, *place, (unsigned char)bytes[i], &less);
    return *place == PLACES_FAILED ? fail(matcher->masks, error) : PRIMER_OK;
}

primer_status constraint_matcher_allows(struct constraint_matcher *matcher, const char *bytes,
                                        size_t length, bool *allowed, primer_error *error)
{
    uint32_t place;
    pthread_mutex_lock(&matcher->constraint->lock);
    const primer_status status = place_behind(matcher, bytes, length, &place, error);
    pthread_mutex_unlock(&matcher->constraint->lock);
    if (status == PRIMER_OK)
        *allowed = place > PLACES_DEAD;
    return status;
}

bool constraint_matcher_take_bytes(struct constraint_matcher *matcher, const char *bytes,
                                   size_t length)
{
    uint32_t place;
    pthread_mutex_lock(&matcher->constraint->lock);
    matcher->failure = (primer_error){0};
    if (place_behind(matcher, bytes, length, &place, &matcher->failure) != PRIMER_OK)
        place = PLACES_FAILED;
    const bool taken = settle(matcher, place);
    pthread_mutex_unlock(&matcher->constraint->lock);
    return taken;
}

bool constraint_matcher_complete(const struct constraint_matcher *matcher)
{
    return matcher->complete;
}

bool constraint_matcher_finished(const struct constraint_matcher *matcher)
{
    return matcher->ended || matcher->finished;
}
