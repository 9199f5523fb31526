/* teacher_answer.h - an answer's worth: its code cut out, run in the sandbox, and made a lesson.
 *
 *   answer ── fences ──> request ── teacher_check.py, in the sandbox ──> verdict
 */
#ifndef DATA_TEACHER_ANSWER_H
#define DATA_TEACHER_ANSWER_H

#include <jansson.h>
#include "data/teacher.h"
#include "data/teacher_prompt.h"
#include "sandbox/sandbox.h"

extern const char teacher_script_text[]; /* teacher_check.py */

/* *verdict: {"keep": true, "text"; or "prompt", "completion"; or "user", "assistant", "answer"}, or
 * {"keep": false, "reason", "detail"}; json_decref it. What an answer does is never an error.
 * PRIMER_ECANCELED, where `progress` (may be NULL) says so, and PRIMER_EIO, where another process ends
 * the check time and again: nothing is known of the answer. */
primer_status teacher_answer_judge(struct sandbox *sandbox, const struct teacher_prompt *prompt,
                                   const struct teacher_answer *answer, sandbox_progress *progress,
                                   void *context, json_t **verdict, primer_error *error);
/* A verdict that refuses. */
json_t *teacher_answer_refusal(const char *reason, const char *detail);

#endif
