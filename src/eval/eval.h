/* eval.h - programs that a model writes, run and judged: pass@k.
 *
 *   files ── items ──> sessions, several at once ── answers ──> sandbox ── verdicts ──> summary
 *
 * A line of a file says by its fields what it is (docs/evaluation.md):
 *
 *   prompt, calls            the text goes on; what the function gives is compared
 *   messages|request, calls  a chat; the code is taken out of the answer
 *   messages|problem, answer a chat; what the program prints last is the number
 *   prompt, test             HumanEval: the text goes on; the tests run through
 *   text, test_list          MBPP, as a chat, or with `raw` as a text that goes on
 *
 * Greedy answers don't depend on how many are made at once, nor on the threads: sessions give the
 * same bits whoever else is in their passes.
 */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"
#include "base/error.h"
#include "primer_chat.h"

enum eval_verdict_kind {
    EVAL_PASSED,
    EVAL_WRONG,     /* another result, or of another type */
    EVAL_EXCEPTION, /* raised by a call, or by the program itself */
    EVAL_SYNTAX,    /* the code can't be compiled */
    EVAL_FUNCTION,  /* it defines no function */
    EVAL_EMPTY,     /* there is no code */
    EVAL_TIMEOUT,
    EVAL_MEMORY,
    EVAL_OUTPUT,  /* too much of it */
    EVAL_ENDED,   /* the program ended before it could be judged */
    EVAL_CONTEXT, /* the prompt doesn't fit the model's context */
    EVAL_VERDICTS
};
const char *eval_verdict_name(enum eval_verdict_kind kind); /* "wrong result", ...; static */

struct eval_progress {
    size_t done, all, passed; /* answers */
    uint64_t tokens;
};

struct eval_options {
    primer_model *model;              /* unused with `answers` */
    const primer_chat_format *format; /* of chats */
    const primer_session_options *session;
    const primer_sampling *sampling;
    const char *const *stops; /* [stop_count], besides those of the format and of raw texts */
    size_t stop_count;
    size_t max_tokens;   /* 0: 512 */
    bool raw;            /* MBPP as a text that goes on */
    size_t samples;      /* answers to each item; 0: 1 */
    size_t limit;        /* items of each file; 0: all */
    size_t from, to;     /* only tasks with these numbers; 0: from the first, to the last */
    size_t parallel;     /* answers made at once; 0: 8 */
    double seconds;      /* of a program; 0: 6 */
    const char *report;  /* a line of JSON for each answer; NULL: none. Until it is whole those that
                            are judged are in REPORT.part, and the same run goes on behind them */
    const char *key;     /* a text of all besides the tests that a model's answers depend on */
    const char *answers; /* a report whose answers are judged, and nothing is made; NULL: none */
    /* Called a few times a second; false: stop. May be NULL. */
    bool (*progress)(void *context, const struct eval_progress *progress);
    void *context;
};

struct eval_summary {
    const char *path;       /* borrowed */
    size_t items, left_out; /* left out: lines with nothing to judge by */
    size_t answers, passed;
    size_t verdicts[EVAL_VERDICTS]; /* of the answers */
    double *at;                     /* [samples] pass@1, pass@2, ..., means over the items */
    double low, high;               /* Wilson's 95 % interval of pass@1 */
};

struct eval_result {
    struct eval_summary *files; /* [count], as the paths */
    size_t count, samples;
    size_t before;   /* answers that a run which was stopped had left */
    uint64_t tokens; /* written now */
    double seconds;  /* of the whole run */
};

/* PRIMER_ECANCELED: `progress` said so. PRIMER_EUNSUPPORTED: no sandbox, and why. */
primer_status eval_run(const char *const *paths, size_t count, const struct eval_options *options,
                       struct eval_result *result, primer_error *error);
void eval_result_free(struct eval_result *result);

#endif
