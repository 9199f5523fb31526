/* train_checkpoint_files.h - what the files of checkpoints share: the state's bytes, the folder.
 *
 *   state   | "PRIMERTS" | u32 version | u32 bytes of numbers | numbers | mean | variance | hash |
 *   number  | u32 length | name | u32 kind (0: u64, 1: f64) | u32 count | count x 8 bytes |
 *
 * Little-endian; mean and variance are f32 [floats]. The hash is XXH64 of each 64 KiB before it
 * (the last may be shorter), seeded with the one before. It ends the file in every version, so
 * that a torn file and one of a later primer can be told apart.
 */
#ifndef TRAIN_TRAIN_CHECKPOINT_FILES_H
#define TRAIN_TRAIN_CHECKPOINT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/file.h"
#include "train/train_checkpoint.h"

/* ---- the state (train_checkpoint_state.c) ---- */

/* All of a state file but its arrays. */
struct train_checkpoint_numbers {
    struct train_state state;
    uint64_t optimizer_step, floats;
    uint64_t weights_bytes, weights_hash; /* of the GGUF beside it: its size, XXH64 of all of it */
};
struct train_checkpoint_state {
    struct file_map map;
    struct train_checkpoint_numbers numbers;
    const unsigned char *mean, *variance; /* [floats] f32, in the map, anywhere */
};
primer_status train_checkpoint_state_write(const char *path,
                                           const struct train_checkpoint_numbers *numbers,
                                           const float *mean, const float *variance,
                                           primer_error *error);
/* PRIMER_EFORMAT: torn. PRIMER_EUNSUPPORTED: whole, but of another version. */
primer_status train_checkpoint_state_open(struct train_checkpoint_state *state, const char *path,
                                          primer_error *error);
void train_checkpoint_state_close(struct train_checkpoint_state *state);

/* ---- the folder (train_checkpoint_folder.c) ---- */

struct train_checkpoint_entry {
    uint64_t step;
    bool weights, state; /* which of the two files is there */
};
struct train_checkpoint_list {
    struct train_checkpoint_entry *entries; /* [count], the newest first */
    size_t count, capacity;
};
/* A folder that isn't there has none. */
primer_status train_checkpoint_list_make(struct train_checkpoint_list *list, const char *folder,
                                         primer_error *error);
void train_checkpoint_list_free(struct train_checkpoint_list *list);

/* FOLDER/checkpoint-STEP.gguf, and .state; to be freed. */
struct train_checkpoint_paths {
    char *weights, *state;
};
primer_status train_checkpoint_paths_make(struct train_checkpoint_paths *paths, const char *folder,
                                          uint64_t step, primer_error *error);
void train_checkpoint_paths_free(struct train_checkpoint_paths *paths);

/* Makes the folder where it is missing, and removes what processes that are no more have left
 * half-written in it. */
primer_status train_checkpoint_folder_prepare(const char *folder, primer_error *error);
/* Removes a checkpoint, its state first; what can't be removed is logged. */
void train_checkpoint_folder_remove(const char *folder, uint64_t step);

#endif
