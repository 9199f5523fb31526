/* knob.h - the one table of environment switches, and the only reader of the environment.
 *
 * knob_load is called once by src/command (or by the library at its first call when nobody did);
 * everything else asks the table. `primer inspect --knobs` prints it.
 */
#ifndef BASE_KNOB_H
#define BASE_KNOB_H

#include <stdbool.h>
#include <stddef.h>

enum knob_id {
    KNOB_LEVEL,      /* PRIMER_LEVEL      instruction level to force */
    KNOB_THREADS,    /* PRIMER_THREADS    threads, 0 = measured */
    KNOB_LOG,        /* PRIMER_LOG        error, warn, info, debug */
    KNOB_HOME,       /* PRIMER_HOME       where history and caches live; else $XDG_DATA_HOME/primer,
                      *                   else ~/.local/share/primer */
    KNOB_XDG_DATA_HOME,
    KNOB_PREFIX_FOLDER, /* PRIMER_PREFIX_FOLDER  prefixes on disk; empty: none */
    KNOB_XDG_CACHE_HOME,
    KNOB_USER_HOME,  /* HOME */
    KNOB_NO_COLOR,   /* NO_COLOR          any value: no colour */
    KNOB_TERM,       /* TERM */
    KNOB_COLUMNS,    /* COLUMNS */
    KNOB_EDITOR,     /* EDITOR */
    /* What a server is told: Ollama's names, since people have set them already. */
    KNOB_OLLAMA_HOST,
    KNOB_OLLAMA_KEEP_ALIVE,
    KNOB_OLLAMA_ORIGINS,
    KNOB_OLLAMA_MAX_QUEUE,
    KNOB_OLLAMA_NUM_PARALLEL,
    KNOB_OLLAMA_MAX_LOADED_MODELS,
    KNOB_OLLAMA_CONTEXT_LENGTH,
    KNOB_OLLAMA_KV_CACHE_TYPE,
    KNOB_LISTEN_FDS, /* LISTEN_FDS, LISTEN_PID   systemd's socket activation */
    KNOB_LISTEN_PID,
    /* What a launcher tells each of its processes: Open MPI's, those that speak PMI, or PMIx. */
    KNOB_OMPI_SIZE, /* OMPI_COMM_WORLD_SIZE */
    KNOB_PMI_SIZE,
    KNOB_PMIX_RANK,
    KNOB_COUNT
};

struct knob {
    const char *name, *fallback, *meaning; /* fallback NULL: unset */
};

void knob_load(void); /* idempotent, thread-safe */
const char *knob_text(enum knob_id id);  /* NULL when unset and without fallback; static */
/* True: set to nothing. Most take that for unset; where nothing means something, this tells. */
bool knob_empty(enum knob_id id);
bool knob_number(enum knob_id id, size_t *value); /* false: unset or not a number */
const struct knob *knob_table(size_t *count);
/* Tests, and command-line flags that stand for a knob. The text is copied. */
void knob_set(enum knob_id id, const char *text);

#endif
