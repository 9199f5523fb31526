/* eval_judge.h - answers to verdicts: takes the code out, runs it in the sandbox, compares.
 *
 *   answer ── code ──> eval_judge.py + code + arguments ── sandbox ──> results ── compared here
 *
 * What calls should give never enters the sandbox, so a program can't print it; that tests ran
 * through is believed only beside a token drawn for this one program, which the judge reads before
 * the program begins. One thread at a time. */
#ifndef EVAL_EVAL_JUDGE_H
#define EVAL_EVAL_JUDGE_H

#include "base/buffer.h"
#include "eval/eval.h"
#include "eval/eval_item.h"

enum { EVAL_JUDGE_WHY = 400 };

struct eval_judge_case {
    const struct eval_item *item;
    const char *answer; /* as the model wrote it */
    size_t length;
};

struct eval_judge_verdict {
    enum eval_verdict_kind kind;
    char why[EVAL_JUDGE_WHY]; /* "f(1, 2): found 4, expected 3"; "" where nothing is to be said */
};

struct eval_judge;

/* `seconds` of one program, 0: 6; `threads` 0: as many as are worth using. */
primer_status eval_judge_open(double seconds, size_t threads, struct eval_judge **judge,
                              primer_error *error);
void eval_judge_close(struct eval_judge *judge);

/* verdicts[count]. An answer that breaks the sandbox's rules is no error of this call. */
primer_status eval_judge_run(struct eval_judge *judge, const struct eval_judge_case *cases,
                             size_t count, struct eval_judge_verdict *verdicts,
                             primer_error *error);

/* The program that an answer is: code taken out of a chat's, or the prompt with what goes on. */
primer_status eval_judge_code(const struct eval_item *item, const char *answer, size_t length,
                              struct buffer *code, primer_error *error);

#endif
