/* eval_part.h - the judged answers of a run that isn't done: one that is stopped, or killed, loses
 * none, and the same command goes on behind them.
 *
 *   REPORT.part   {"identity": 16 hexadecimal digits}       of all that answers and verdicts depend on
 *                 {"slot": N, "file": ..., as in a report}   one for each, in the order of judging
 *
 * A line is one write; half a line at the end doesn't count and is cut off. The file comes with the
 * first answer, and goes when the report is there.
 */
#ifndef EVAL_EVAL_PART_H
#define EVAL_EVAL_PART_H

#include <stdint.h>
#include "base/buffer.h"
#include "eval/eval_generate.h"
#include "eval/eval_item.h"
#include "eval/eval_judge.h"

struct eval_part {
    struct buffer path, line; /* path: empty where no report is written */
    uint64_t identity;
    size_t whole;   /* bytes of the lines that were found */
    int descriptor; /* -1: not open */
};

/* Fills the answers and verdicts [slots] that are there, marks these answers as given, and counts
 * them. PRIMER_EINVAL where the file is of another identity: what was worked for isn't thrown away.
 * Close it also when this fails. */
primer_status eval_part_open(struct eval_part *part, const char *report, uint64_t identity,
                             struct eval_answer *answers, struct eval_judge_verdict *verdicts,
                             size_t slots, size_t *given, primer_error *error);
/* `file`: the path of the item's. */
primer_status eval_part_add(struct eval_part *part, size_t slot, size_t sample,
                            const struct eval_item *item, const char *file,
                            const struct eval_answer *answer,
                            const struct eval_judge_verdict *verdict, primer_error *error);
/* `done`: the report is written, and the file goes. */
void eval_part_close(struct eval_part *part, bool done);

#endif
