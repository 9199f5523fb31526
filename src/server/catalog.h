/* catalog.h - models by name: read at the start, loaded when asked for, let go when unused.
 *
 *   names of one entry   aliases · base name without .gguf · base name · general.name · path
 *   a name's form        [registry.ollama.ai/][library/]name[:latest], case ignored (Ollama's rule)
 *
 * An entry is LOADED while somebody uses it (references > 0) or until `expires`; several may be
 * loaded at once, at most --max-loaded, under what memory there is: the one unused longest goes
 * first. Everything below is under the catalog's lock; loading itself happens outside of it, and
 * who wants the same model meanwhile waits.
 */
#ifndef SERVER_CATALOG_H
#define SERVER_CATALOG_H

#include <stdbool.h>
#include <stdint.h>
#include "primer_chat.h"
#include "server/problem.h"
#include "server/server.h"

struct catalog;

/* What is known of a model whether it is loaded or not; constant while the server runs. */
struct catalog_entry {
    const char *name;         /* the first of its names */
    const char *const *names; /* [name_count] */
    size_t name_count;
    const char *path;
    const char *architecture, *type, *general_name, *chat_template; /* the last: or NULL */
    uint64_t parameters, file_bytes;
    size_t context, embedding; /* trained with; 0: the file doesn't say */
    const char *identity;      /* of header and samples of the weights, 16 hexadecimal digits */
    int64_t file_type;         /* general.file_type; -1: not said */
    int64_t modified;          /* the file's, seconds since 1970 */
    bool tools, thinks;        /* its chat format writes them */
};

/* A model in use: one reference. */
struct catalog_use {
    const struct catalog_entry *entry;
    primer_model *model;
    const primer_chat_format *format;                  /* never NULL */
    double load_seconds;                               /* 0: it was loaded already */
    primer_adapter_use adapters[PRIMER_ADAPTERS_MOST]; /* [adapter_count] with today's scales, which
                                                          the request may change */
    size_t adapter_count;
};

struct catalog_state { /* of /api/ps */
    const struct catalog_entry *entry;
    size_t references;
    int64_t expires; /* wall clock, seconds since 1970; INT64_MAX: never */
    uint64_t bytes;
    size_t context; /* of the sessions made last; 0: none yet */
};

primer_status catalog_create(const struct server_options *options, struct catalog **catalog,
                             primer_error *error);
void catalog_free(struct catalog *catalog);
const struct catalog_entry *catalog_at(const struct catalog *catalog, size_t index); /* or NULL */
/* NULL: no such name. `name` NULL or "": the only model where there is one alone. */
const struct catalog_entry *catalog_find(const struct catalog *catalog, const char *name);
/* Whether two names mean the same model. */
bool catalog_same_name(const char *a, const char *b);

/* Loads the model if need be, and counts a use of it. `gone` (may be NULL) is asked while it waits.
 * Errors: 404 "model 'x' not found"; 503 where memory is in use by others; what opening it says. */
primer_status catalog_use(struct catalog *catalog, const char *name, bool (*gone)(void *context),
                          void *context, struct problem *problem, struct catalog_use *use,
                          primer_error *error);
/* The model of one's own or NULL where it isn't loaded; doesn't load. Counts a use. */
bool catalog_use_loaded(struct catalog *catalog, const struct catalog_entry *entry,
                        struct catalog_use *use);
/* Ends the use. keep_alive: nanoseconds, SERVER_KEEP_FOREVER, or one of these. */
enum {
    CATALOG_KEEP_DEFAULT = -1 /* as it was: at first the server's own */,
    CATALOG_KEEP_UNCHANGED = -2
};
void catalog_end_use(struct catalog *catalog, struct catalog_use *use, int64_t keep_alive);
/* When it is used no longer it goes at once. */
void catalog_unload(struct catalog *catalog, const struct catalog_entry *entry);
/* The index-th loaded model; false past the last. */
bool catalog_loaded(struct catalog *catalog, size_t index, struct catalog_state *state);
/* The scales of adapters [options.adapter_count], for uses that begin from now on. */
void catalog_scales(struct catalog *catalog, float *scales);
void catalog_set_scales(struct catalog *catalog, const float *scales);
void catalog_note_context(struct catalog *catalog, const struct catalog_entry *entry,
                          size_t context);

#endif
