/* sandbox.h - runs Python programs that nobody has read: fast, many at a time, each for itself.
 *
 *   sandbox ── worker 0: bwrap ── python3 (warm) ── fork: program
 *          └── worker 1: bwrap ── python3 (warm) ── fork: program ...
 *
 * Each worker is one bubblewrap with namespaces of its own (users, processes, network, mounts, IPC,
 * names): a program sees /usr read-only, /tmp empty and its own, no network, no /proc, nothing else
 * of the machine. docs/sandbox.md says what is bounded and how. Where bubblewrap, python3 or the
 * system's permission is missing sandbox_open refuses; nothing ever runs bare.
 *
 * SANDBOX_FINISHED says that the program's process ended with status 0, no more: a program can end
 * itself early. Who judges by it lets the program print something at its end that it can't know
 * before.
 *
 * A sandbox serves one thread at a time. It keeps no lock, no file and no state between programs.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"
#include "base/error.h"

enum { SANDBOX_PROBLEM = 4096 }; /* bytes kept of the end of standard error */

/* 0 or NULL: the default.
 *
 *   workers    the processors that may be used
 *   seconds    3: wall clock of one program; rounded up, processor time of each process
 *   memory     bytes, 256 MiB: address space of one process, the interpreter's 20 MiB included
 *   output     bytes of standard output, 64 KiB
 *   processes  1: no other process, up to 32 threads; n: n processes and threads together, each
 *              process with `memory` of its own
 *   path       folders with bwrap and python3, by colons: "/usr/bin:/usr/local/bin" */
struct sandbox_options {
    size_t workers;
    double seconds;
    size_t memory, output, processes;
    const char *path;
};

struct sandbox_program {
    const char *source; /* UTF-8 as Python takes it; any bytes are allowed */
    size_t source_length;
    const char *input; /* standard input */
    size_t input_length;
};

enum sandbox_end {
    SANDBOX_FINISHED, /* exit status 0 */
    SANDBOX_ERROR,    /* an exception, or another exit status */
    SANDBOX_TIMEOUT,  /* of wall clock or processor time */
    SANDBOX_MEMORY,   /* a MemoryError that nobody caught */
    SANDBOX_OUTPUT, /* more standard output (`output` holds the beginning) or files than allowed */
    SANDBOX_KILLED, /* a signal, or its worker died with it */
    SANDBOX_ENDS
};

struct sandbox_result {
    enum sandbox_end end;
    int exit_code;                 /* SANDBOX_KILLED: the signal, 0 where the worker died */
    bool ended_outside;            /* another process killed the worker: no verdict */
    struct buffer output, problem; /* standard output; the end of standard error */
    double seconds;                /* from its start to the end of its last process */
};

struct sandbox;

/* Called between programs and at least ten times a second; false: stop. */
typedef bool sandbox_progress(void *context, size_t done, size_t all);

/* Tries a program. PRIMER_EUNSUPPORTED: says what is missing and how to get it. */
primer_status sandbox_open(const struct sandbox_options *options, struct sandbox **sandbox,
                           primer_error *error);
/* Runs each program once and writes results[count] in their order; free them with
 * sandbox_results_free. What a program does is never an error of this call. PRIMER_ECANCELED:
 * `progress` (may be NULL) said so. */
primer_status sandbox_run(struct sandbox *sandbox, const struct sandbox_program *programs,
                          size_t count, struct sandbox_result *results, sandbox_progress *progress,
                          void *context, primer_error *error);
void sandbox_results_free(struct sandbox_result *results, size_t count);
void sandbox_close(struct sandbox *sandbox); /* NULL is legal */

const char *sandbox_end_name(enum sandbox_end end); /* "finished", "timeout", ...; static */

#endif
