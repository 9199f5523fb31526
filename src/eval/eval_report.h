/* eval_report.h - figures of judged answers, and the file with a line for each. */
#ifndef EVAL_EVAL_REPORT_H
#define EVAL_EVAL_REPORT_H

#include "eval/eval.h"
#include "eval/eval_generate.h"
#include "eval/eval_item.h"
#include "eval/eval_judge.h"

/* Chen et al. 2021, "Evaluating Large Language Models Trained on Code", the unbiased estimator:
 * 1 - C(n - c, k) / C(n, k), of n answers of which c pass; 1 <= k <= n. */
double eval_report_pass_at(size_t n, size_t c, size_t k);

/* Wilson 1927: the 95 % interval of a share of `n` trials. */
void eval_report_wilson(double share, size_t n, double *low, double *high);

/* Fills the summaries, whose paths and left_out are known; `at` holds [samples]. */
void eval_report_count(const struct eval_items *items, size_t samples,
                       const struct eval_judge_verdict *verdicts, struct eval_summary *summaries,
                       size_t file_count);

/* {"file","line","task_id","sample","prompt","answer","passed","verdict","why","ending","tokens"},
 * in the order of the items. */
primer_status eval_report_line(const struct eval_item *item, const char *file, size_t sample,
                               const struct eval_answer *answer,
                               const struct eval_judge_verdict *verdict, struct buffer *out,
                               primer_error *error);
primer_status eval_report_write(const char *path, const char *const *files,
                                const struct eval_items *items, size_t samples,
                                const struct eval_answer *answers,
                                const struct eval_judge_verdict *verdicts, primer_error *error);

/* The answers of such a file, or of any with "answer" in each line: one for each slot. */
primer_status eval_report_read(const char *path, struct eval_answer *answers, size_t slots,
                               primer_error *error);

#endif
