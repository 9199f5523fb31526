/* checkpoint_run.h - a small run to make checkpoints of, and the folder they lie in, for the tests
 * of checkpoints. */
#ifndef TESTS_TRAIN_CHECKPOINT_RUN_H
#define TESTS_TRAIN_CHECKPOINT_RUN_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "format/gguf.h"
#include "train/train_checkpoint.h"

struct checkpoint_run {
    struct train_model model;
    struct train_optimizer optimizer;
    struct train_state state;
};

extern char checkpoint_folder[64]; /* of this process's checkpoints */
extern struct gguf *checkpoint_tokenizer;

/* A model of two heads at step 0, always the same. */
struct checkpoint_run checkpoint_run_of(size_t embedding);
void checkpoint_run_free(struct checkpoint_run *run);
/* Steps whose gradients depend on their number and on the weights; every field of the state
 * moves. */
void checkpoint_steps(struct checkpoint_run *run, unsigned steps);
void checkpoint_same(const struct checkpoint_run *a, const struct checkpoint_run *b);

primer_status checkpoint_save(const struct checkpoint_run *run, size_t keep, primer_error *error);
void checkpoint_save_well(const struct checkpoint_run *run, size_t keep);
/* The step that is read into `run`, 0: none; `torn` must stand in what was skipped (NULL: nothing
 * was). */
uint64_t checkpoint_load(struct checkpoint_run *run, const char *torn);

const char *checkpoint_path(const char *name); /* in the folder; one of the last four */
const char *
checkpoint_names(void); /* what the folder holds, in order, each with a blank behind it */
void checkpoint_touch(const char *name, const char *text);

/* Of cmocka: the group's begin and end, and each test's. */
int checkpoint_begin(void **state);
int checkpoint_end(void **state);
int checkpoint_empty(void **state);

#define WEIGHTS(step)   "checkpoint-0000000" #step ".gguf"
#define STATE(step)     "checkpoint-0000000" #step ".state"
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, checkpoint_empty, checkpoint_empty)

#endif
