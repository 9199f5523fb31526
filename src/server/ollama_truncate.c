/* ollama_truncate.c - cutting a conversation at its oldest end.
 *
 *   S U A U T A U      S system, U user, A assistant, T tool
 *       |   |   |      a cut keeps every S, and everything from the cut on
 *
 * A cut stands before a user's message, so that whole turns go; where none of these is enough, also
 * before an assistant's, and before the last message whatever it is. Never before a tool's answer:
 * it belongs to the call above it. Later cuts leave fewer tokens, so that the first that fits is
 * found by halving.
 */
#include "server/ollama_truncate.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

struct search {
    json_t *messages;
    size_t most;
    ollama_truncate_count *count;
    void *context;
    size_t *cuts; /* [cut_count], rising */
    size_t cut_count;
};

static bool has_role(const json_t *message, const char *role)
{
    const char *const text = json_string_value(json_object_get(message, "role"));
    return text != NULL && strcmp(text, role) == 0;
}

static void list_cuts(struct search *search, bool turns_only)
{
    const size_t count = json_array_size(search->messages);
    search->cut_count = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *const message = json_array_get(search->messages, i);
        const bool begins = has_role(message, "user") ||
                            (!turns_only && (has_role(message, "assistant") || i + 1 == count));
        if (begins)
            search->cuts[search->cut_count++] = i;
    }
}

static json_t *keep_from(json_t *messages, size_t cut)
{
    json_t *const kept = json_array();
    size_t index;
    json_t *message;
    bool complete = kept != NULL;
    json_array_foreach(messages, index,
                       message) if (complete && (index >= cut || has_role(message, "system")))
        complete = json_array_append(kept, message) == 0;
    if (complete)
        return kept;
    json_decref(kept);
    return NULL;
}

static primer_status fits(const struct search *search, size_t cut, bool *fit, primer_error *error)
{
    size_t tokens = 0;
    json_t *const kept = keep_from(search->messages, cut);
    if (kept == NULL)
        return memory_failure(error, "a shortened conversation", 0);
    const primer_status status = search->count(search->context, kept, &tokens, error);
    json_decref(kept);
    *fit = status == PRIMER_OK && tokens <= search->most;
    return status;
}

/* The first cut that fits; *found false where none does. */
static primer_status first_that_fits(const struct search *search, size_t *cut, bool *found,
                                     primer_error *error)
{
    size_t low = 0, high = search->cut_count; /* those before `low` don't fit, from `high` on do */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        bool fit = false;
        FORWARD(fits(search, search->cuts[middle], &fit, error));
        if (fit)
            high = middle;
        else
            low = middle + 1;
    }
    *found = high < search->cut_count;
    if (*found)
        *cut = search->cuts[high];
    return PRIMER_OK;
}

primer_status ollama_truncate(json_t *messages, size_t most, ollama_truncate_count *count,
                              void *context, json_t **kept, primer_error *error)
{
    struct search search = {.messages = messages, .most = most, .count = count, .context = context};
    const size_t messages_count = json_array_size(messages);
    size_t cut = messages_count > 0 ? messages_count - 1 : 0;
    primer_status status = PRIMER_OK;
    bool found = false;
    search.cuts = memory_allocate(messages_count, sizeof *search.cuts);
    if (search.cuts == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for the places where a conversation can be cut");
    list_cuts(&search, true);
    TRY(first_that_fits(&search, &cut, &found, error));
    if (!found) {
        list_cuts(&search, false);
        TRY(first_that_fits(&search, &cut, &found, error));
    }
    *kept = keep_from(messages, cut);
    if (*kept == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a shortened conversation");
cleanup:
    memory_free(search.cuts);
    return status;
}
