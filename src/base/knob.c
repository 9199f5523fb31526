/* knob.c - the table of environment switches, and the only getenv of the tree.
 *
 *   table[id]   name, fallback, meaning        constant
 *   values[id]  what the environment or knob_set said, "" = unset
 *
 * An empty variable counts as unset (as no-color.org and the XDG base directory specification have
 * it), though knob_empty tells the two apart. A value too long for its place (4 KiB, a path's
 * limit) counts as unset too: never cut.
 * Values live in static memory, so a pointer from knob_text stays valid; knob_set is for start-up
 * and tests, not for use while other threads read.
 */
#include "base/knob.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_CAPACITY = 4096 }; /* bytes, the NUL included */

static const struct knob table[KNOB_COUNT] = {
    [KNOB_LEVEL] = {"PRIMER_LEVEL", NULL,
                    "instruction level to force: scalar, avx2, avx2_vnni, avx512, neon, neon_dot"},
    [KNOB_THREADS] = {"PRIMER_THREADS", "0", "threads; 0: as many as are worth using"},
    [KNOB_LOG] = {"PRIMER_LOG", "warn", "what is logged: error, warn, info, debug"},
    [KNOB_HOME] = {"PRIMER_HOME", NULL,
                   "folder of history and caches; unset: $XDG_DATA_HOME/primer or "
                   "~/.local/share/primer"},
    [KNOB_XDG_DATA_HOME] = {"XDG_DATA_HOME", NULL, "where PRIMER_HOME lies if that is unset"},
    [KNOB_PREFIX_FOLDER] = {"PRIMER_PREFIX_FOLDER", NULL,
                            "folder of prompts' beginnings as read; empty: none is used; unset: "
                            "$XDG_CACHE_HOME/primer/prefixes or ~/.cache/primer/prefixes"},
    [KNOB_XDG_CACHE_HOME] = {"XDG_CACHE_HOME", NULL,
                             "where the folder of prefixes lies if that is unset"},
    [KNOB_USER_HOME] = {"HOME", NULL, "the user's folder"},
    [KNOB_NO_COLOR] = {"NO_COLOR", NULL, "any value: no colour"},
    [KNOB_TERM] = {"TERM", NULL, "kind of terminal; dumb: no colour, no line editing"},
    [KNOB_COLUMNS] = {"COLUMNS", NULL, "width of the terminal where the system doesn't tell"},
    [KNOB_EDITOR] = {"EDITOR", "vi", "editor for long input"},
    [KNOB_OLLAMA_HOST] = {"OLLAMA_HOST", NULL, "serve: where to listen, host or host:port"},
    [KNOB_OLLAMA_KEEP_ALIVE] = {"OLLAMA_KEEP_ALIVE", NULL,
                                "serve: how long an unused model stays loaded (5m); -1: for ever"},
    [KNOB_OLLAMA_ORIGINS] = {"OLLAMA_ORIGINS", NULL,
                             "serve: origins whose pages may ask, by commas"},
    [KNOB_OLLAMA_MAX_QUEUE] = {"OLLAMA_MAX_QUEUE", NULL,
                               "serve: requests that may wait for a place (512)"},
    [KNOB_OLLAMA_NUM_PARALLEL] = {"OLLAMA_NUM_PARALLEL", NULL, "serve: answers at once (4)"},
    [KNOB_OLLAMA_MAX_LOADED_MODELS] = {"OLLAMA_MAX_LOADED_MODELS", NULL,
                                       "serve: models loaded at once (3)"},
    [KNOB_OLLAMA_CONTEXT_LENGTH] = {"OLLAMA_CONTEXT_LENGTH", NULL,
                                    "serve: tokens of context where a request names none"},
    [KNOB_OLLAMA_KV_CACHE_TYPE] = {"OLLAMA_KV_CACHE_TYPE", NULL,
                                   "serve: how keys and values are kept: f16, f32, bf16, q8_0"},
    [KNOB_LISTEN_FDS] = {"LISTEN_FDS", NULL, "serve: sockets that systemd has opened"},
    [KNOB_LISTEN_PID] = {"LISTEN_PID", NULL, "serve: the process that they are meant for"},
    [KNOB_OMPI_SIZE] = {"OMPI_COMM_WORLD_SIZE", NULL,
                        "train: processes of the run, as Open MPI's mpirun says"},
    [KNOB_PMI_SIZE] = {"PMI_SIZE", NULL, "train: the same, as other launchers say"},
    [KNOB_PMIX_RANK] = {"PMIX_RANK", NULL, "train: this process's number, where no size is said"},
};

static char values[KNOB_COUNT][VALUE_CAPACITY];
static bool empty[KNOB_COUNT];
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static void store(enum knob_id id, const char *text)
{
    const size_t length = text == NULL ? 0 : strlen(text);
    values[id][0] = '\0';
    empty[id] = text != NULL && length == 0;
    if (length < VALUE_CAPACITY && length > 0)
        memcpy(values[id], text, length + 1);
}

static void load(void)
{
    for (int id = 0; id < KNOB_COUNT; id++)
        store((enum knob_id)id, getenv(table[id].name));
}

void knob_load(void)
{
    pthread_once(&loaded, load);
}

const char *knob_text(enum knob_id id)
{
    knob_load();
    return values[id][0] != '\0' ? values[id] : table[id].fallback;
}

bool knob_empty(enum knob_id id)
{
    knob_load();
    return empty[id];
}

bool knob_number(enum knob_id id, size_t *value)
{
    const char *text = knob_text(id);
    if (text == NULL || *text == '\0')
        return false;
    size_t number = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(number, (size_t)10, &number) ||
            __builtin_add_overflow(number, (size_t)(*text - '0'), &number))
            return false;
    }
    *value = number;
    return true;
}

const struct knob *knob_table(size_t *count)
{
    *count = KNOB_COUNT;
    return table;
}

void knob_set(enum knob_id id, const char *text)
{
    knob_load();
    store(id, text);
}
