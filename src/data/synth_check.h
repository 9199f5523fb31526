/* synth_check.h - lessons put before the curriculum's check.py, many at a time, in the sandbox. */
#ifndef DATA_SYNTH_CHECK_H
#define DATA_SYNTH_CHECK_H

#include <jansson.h>
#include "base/buffer.h"
#include "sandbox/sandbox.h"

struct synth_check {
    struct sandbox *sandbox;
    const char *script; /* borrowed */
    /* NULL, or asked now and then while programs run; false stops with PRIMER_ECANCELED. */
    bool (*keep_going)(void *context);
    void *context;
};

/* `threads` 0: as many as are worth using. Without a script nothing is checked, and what has holes
 * can't be said. */
primer_status synth_check_open(struct synth_check *check, const char *script, size_t threads,
                               primer_error *error);
void synth_check_close(struct synth_check *check);

/* requests[count]: a line of JSON each, its end included, or empty: not asked. answers[count]: an object of
 * check.py each, to be given back with json_decref; NULL: not asked. What the script or the sandbox
 * couldn't do is an answer too: {"keep": false, "why": ...}. Nothing is one that another process has
 * done: PRIMER_EIO. */
primer_status synth_check_run(struct synth_check *check, const struct buffer *const *requests,
                              size_t count, json_t **answers, primer_error *error);

#endif
