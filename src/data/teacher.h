/* teacher.h - who answers questions: a model's file or an endpoint, behind one interface.
 *
 * A teacher has places: one thread at a time asks at a place, and all places may be asked at once.
 */
#ifndef DATA_TEACHER_H
#define DATA_TEACHER_H

#include "base/buffer.h"
#include "data/data_teacher.h"

struct teacher_question {
    const char *system, *user; /* system NULL: none */
    uint64_t seed;
};

struct teacher_answer {
    struct buffer text;
    bool cut;        /* max_tokens were over */
    char reason[64]; /* on PRIMER_EIO and PRIMER_EFORMAT: what to count it under */
};

struct teacher {
    const char *name; /* what lessons call it */
    void *state;
    /* PRIMER_EIO: no answer, another time perhaps; PRIMER_EFORMAT: an answer that is none, as it
     * would be again; PRIMER_ECANCELED; else nothing more will come of this teacher. */
    primer_status (*ask)(void *state, size_t place, const struct teacher_question *question,
                         struct teacher_answer *answer, primer_error *error);
    void (*close)(void *state);
};

/* Asked while an answer is waited for; false: stop. From any thread. */
struct teacher_patience {
    bool (*go_on)(void *context);
    void *context;
};

/* teacher_local.c: a GGUF; a session at each place. `options` and `patience` are borrowed. */
primer_status teacher_local_open(const struct data_teacher_options *options, size_t places,
                                 const struct teacher_patience *patience, struct teacher *teacher,
                                 primer_error *error);
/* teacher_endpoint.c: POST URL/chat/completions; a client at each place. */
primer_status teacher_endpoint_open(const struct data_teacher_options *options, size_t places,
                                    const struct teacher_patience *patience,
                                    struct teacher *teacher, primer_error *error);
bool teacher_endpoint_is(const char *name); /* http:// or https:// */

#endif
