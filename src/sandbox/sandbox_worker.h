/* sandbox_worker.h - one worker: a bubblewrap with a warm interpreter in it, and what is said over
 * the channel.
 *
 *   starting ── says it is ready ──> idle ── begin ──> busy ── answer ──> idle
 *      any ── ends, breaks the rules, is late ──> dead: stop, and start another
 *
 * Only for sandbox.c. The channel is a socket that never blocks; sandbox_worker.py draws what goes
 * over it.
 */
#ifndef SANDBOX_SANDBOX_WORKER_H
#define SANDBOX_SANDBOX_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "sandbox/sandbox.h"

/* The text of sandbox_worker.py, NUL-terminated. */
extern const char sandbox_script_text[];

enum { SANDBOX_LINKS = 3, SANDBOX_PATH = 256, SANDBOX_TOKEN = 16, SANDBOX_HEAD = 24 };

/* What all workers of a sandbox have in common. */
struct sandbox_setting {
    double seconds;
    size_t memory, output, processes;
    char bwrap[SANDBOX_PATH], python[SANDBOX_PATH];
    /* /lib and the like as the machine has them: where a link points to; "": a folder, or nothing.
     */
    char link[SANDBOX_LINKS][SANDBOX_PATH];
};

enum sandbox_state { SANDBOX_DEAD, SANDBOX_STARTING, SANDBOX_IDLE, SANDBOX_BUSY };

struct sandbox_worker {
    enum sandbox_state state;
    pid_t process;          /* bubblewrap's; the interpreter ends with it */
    int channel, complaint; /* socket; read end of its standard error */
    bool leaving;           /* it has said that it ends */
    uint64_t deadline;      /* nanoseconds: late from then on */
    /* busy: */
    const struct sandbox_program *program;
    size_t index, sent; /* of the program; bytes of the request */
    unsigned char lengths[16], token[SANDBOX_TOKEN];
    struct buffer answer;
};

/* Finds /lib and the like. */
void sandbox_worker_links(struct sandbox_setting *setting);
primer_status sandbox_worker_start(struct sandbox_worker *worker,
                                   const struct sandbox_setting *setting, primer_error *error);
/* Ends it and all that runs in it; a dead one stays dead. */
void sandbox_worker_stop(struct sandbox_worker *worker);
/* It has ended, and by a signal that no program inside can send: by other processes of the machine,
 * or by the kernel for want of memory. False for one that sandbox_worker_stop has to end. */
bool sandbox_worker_ended_outside(const struct sandbox_worker *worker);
/* The last line that it complained in, into text[capacity]; "" without. */
void sandbox_worker_complaint(const struct sandbox_worker *worker, char *text, size_t capacity);

/* Gives an idle worker a program, which stays the caller's. */
primer_status sandbox_worker_begin(struct sandbox_worker *worker,
                                   const struct sandbox_setting *setting,
                                   const struct sandbox_program *program, size_t index,
                                   primer_error *error);
/* What poll is to wait for; 0: nothing. */
short sandbox_worker_events(const struct sandbox_worker *worker);
/* Sends and receives what can be without waiting. false: it is dead or has broken the rules. */
bool sandbox_worker_step(struct sandbox_worker *worker, const struct sandbox_setting *setting,
                         struct sandbox_result *result, bool *answered);

#endif
