/* server.h - the server's door: models answered for over HTTP, until somebody stops it.
 *
 *   listen.c     sockets                    http.c       requests in, answers and streams out
 *   route.c      which path is whose        security.c   keys, Host, origins
 *   workers.c    threads and the queue      catalog.c    models by name, loaded while needed
 *   metrics.c    counters, histograms       access_log.c one line of JSON per request
 *   server_answer.c one answer, as events   openai_*.c, ollama_*.c what each API's calls look like
 *
 * A request is read on the thread of the HTTP library, handed to a worker, and answered from there;
 * a worker blocks in the engine, whose scheduler joins the sessions of all workers into one pass.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "primer.h"

#define SERVER_PORT         11434
#define SERVER_KEEP_FOREVER INT64_MAX /* a keep_alive */

struct server_alias {
    const char *name, *path;
};

/* A file for every session of the only model, and its scale where a request names none. */
struct server_adapter {
    const char *path;
    float scale;
};

/* Zero means the default, which each field names. Texts are borrowed while the server runs. */
struct server_options {
    const char *const *models; /* [model_count] files */
    size_t model_count;
    const struct server_alias *aliases; /* [alias_count] more names, and files not named above */
    size_t alias_count;
    const struct server_adapter *adapters; /* [adapter_count], at most PRIMER_ADAPTERS_MOST */
    size_t adapter_count;
    const char *host; /* "host", "host:port", several by commas; NULL: 127.0.0.1 */
    const char *port; /* NULL: 11434, or what `host` says; "0": one that is free */
    const char *listen_fds, *listen_pid; /* of systemd's socket activation; NULL: none */
    const char *key_file;                /* one key a line, "#" begins a comment; NULL: no keys */
    bool insecure;                       /* beyond loopback without keys */
    const char *origins; /* by commas, that pages may ask from (security.c); NULL: none */
    primer_model_options model;
    primer_session_options session; /* context 0: as trained; requests may ask for another */
    size_t parallel;                /* answers at once; 0: 4 */
    size_t max_queue;               /* requests that wait for a place; 0: 512 */
    size_t max_loaded;              /* models; 0: 3 */
    const char *keep_alive; /* how long an unused model stays: "5m", "-1"; NULL: 5 minutes */
    int64_t keep_alive_nanoseconds; /* the same; filled by server_run */
    const char *template_name;      /* of a chat format; NULL: the model's own, or what fits it */
    size_t body_most;               /* bytes of a request; 0: 64 MiB */
    size_t connections;             /* open at once; 0: 1024 */
    double grace_seconds;           /* running answers may go on when stopped; < 0: not at all */
    double stall_seconds;           /* a reader may take nothing for; 0: 60 */
    const char *access_log;         /* a file, "-": standard error; NULL: none */
    bool log_prompts;
};

/* Called once connections are accepted: [count] addresses as "http://127.0.0.1:11434", and the
 * names of the models. */
typedef void server_ready(void *context, const char *const *addresses, size_t count,
                          const char *const *models, size_t model_count);

/* Blocks until stopped. Errors: what can't be listened at (says by whom a port is taken), a model
 * that can't be opened, keys that are missing. PRIMER_ECANCELED: stopped, but an answer that looks
 * up no more was left behind; it may use all that was given, so that the process has to end now. */
primer_status server_run(const struct server_options *options, server_ready *ready, void *context,
                         primer_error *error);
/* From a signal's handler or any thread: nothing new is accepted, running answers may finish for
 * grace_seconds; called again, they are cancelled at once. */
void server_stop(void);

#endif
