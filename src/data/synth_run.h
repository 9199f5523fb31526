/* synth_run.h - one run of the built-in teacher, as its files share it.
 *
 *   numbers | round 0 | round 1 | round 2 | ...    2,048 lessons each; of N processes, rank r does
 *               |         |                        rounds r, r + N, r + 2 N ...
 *               v         v
 *   synth_draft.c    lessons are made, on all threads
 *   synth_check.c    ... and put before the check
 *   synth_keep.c     split, repetitions, lines, floors
 *   synth_part.c     what was kept, on disk: OUT.part and OUT.state; of several ranks put together
 */
#ifndef DATA_SYNTH_RUN_H
#define DATA_SYNTH_RUN_H

#include <jansson.h>
#include "base/pool.h"
#include "data/data_synth.h"
#include "data/synth_check.h"
#include "data/synth_lesson.h"
#include "data/synth_measure.h"
#include "ranks/ranks.h"

enum { SYNTH_ROUND = 2048, SYNTH_DRAFT_BLOCKS = 4 + 2 * SYNTH_SLOTS };

struct synth_draft {
    struct synth_turn turns[SYNTH_TURNS];
    size_t turn_count;
    struct buffer request, topic, entry;
    const struct curriculum_block *lesson;
    const struct curriculum_block *blocks[SYNTH_DRAFT_BLOCKS]; /* that it is made of */
    size_t block_count;
    bool made, composed, pair_held, wording_held, numbers_held;
};

struct synth_run {
    const struct data_synth_options *options;
    struct data_synth_summary *summary;
    struct curriculum *curriculum;
    struct pool *pool;
    struct synth_lesson *lessons; /* [pool_size] */
    primer_error *errors;         /* [pool_size] */
    struct synth_draft *drafts;   /* [SYNTH_ROUND] */
    json_t **answers;             /* [SYNTH_ROUND] */
    struct synth_check check;
    struct synth_set written, idea_trees;
    bool *used; /* [blocks of the curriculum] a lesson has been about it */
    struct synth_measure measure;
    struct ranks ranks;
    uint64_t next;       /* the first number of this rank's next round */
    uint64_t told;       /* lessons kept, of all ranks: for progress */
    int part;            /* OUT.part, or OUT.rank-N.part */
    uint64_t part_bytes; /* whole rounds of it */
    bool fresh;          /* part and state were made by this process, and hold no round */
    struct buffer part_path, state_path, lines;
    /* The turns of the last of the lines, where it is a conversation: another may be joined to it. */
    struct buffer turns;
    size_t last_line; /* where the last line begins */
    bool has_last;    /* it isn't counted yet */
};

/* ---- synth_draft.c --------------------------------------------------------------------------- */

/* The drafts of the numbers from run->next on. */
primer_status synth_draft_round(struct synth_run *run, primer_error *error);
void synth_draft_free(struct synth_draft *draft);
/* run->idea_trees: the trees of all ideas' code, which lessons show whatever is held out. */
primer_status synth_draft_survey(struct synth_run *run, primer_error *error);

/* ---- synth_keep.c ---------------------------------------------------------------------------- */

/* Counts draft number i with its answer, and appends its line to run->lines where it is kept. */
primer_status synth_keep_draft(struct synth_run *run, size_t i, primer_error *error);
/* After the last draft of a round: its line counts too. */
primer_status synth_keep_last(struct synth_run *run, primer_error *error);
/* Of what comes behind a line's index, which every line has: equal for repetitions. */
uint64_t synth_keep_hash(const char *line, size_t length);
/* PRIMER_EFORMAT where too many lessons are wrong or alike: a fault of the curriculum, and the sooner
 * said the better. */
primer_status synth_keep_floors(const struct synth_run *run, primer_error *error);

/* ---- synth_part.c ---------------------------------------------------------------------------- */

/* Opens what an earlier run left, or begins anew. PRIMER_EINVAL: what is there is of other settings, or
 * of no run at all, or another process writes it; it stays as it is. */
primer_status synth_part_open(struct synth_run *run, const char *path, primer_error *error);
/* Appends run->lines, and says in the state how far it is. */
primer_status synth_part_add(struct synth_run *run, primer_error *error);
/* The part becomes PATH. */
primer_status synth_part_finish(struct synth_run *run, const char *path, primer_error *error);
/* The parts of all ranks, in the order of the lessons' numbers, become PATH where they have the wanted
 * number of different lessons; *kept: how many there are. */
primer_status synth_part_merge(struct synth_run *run, const char *path, uint64_t *kept,
                               primer_error *error);
/* A run that ended before its first round leaves nothing. */
void synth_part_close(struct synth_run *run);

#endif
