/* fuzz_checkpoint.c - any bytes as the state file of a checkpoint: they are refused with a message,
 * or what was read, written again, is read as the same.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "fuzz_driver.h"
#include "train/train_checkpoint_files.h"

#define PIECE ((size_t)64 * 1024)
enum { HASH = 8 };

/* A file without a name, and a name for it. */
static int make_file(const void *bytes, size_t size, char path[64])
{
    const int file = memfd_create("state", MFD_CLOEXEC);
    fuzz_check(file >= 0 && write(file, bytes, size) == (ssize_t)size, "a file in memory");
    snprintf(path, 64, "/proc/self/fd/%d", file);
    return file;
}

/* Bit by bit: a number may be NaN. */
static bool same(const struct train_checkpoint_state *a, const struct train_checkpoint_state *b)
{
    const size_t bytes = (size_t)a->numbers.floats * sizeof(float);
    return memcmp(&a->numbers, &b->numbers, sizeof a->numbers) == 0 &&
           memcmp(a->mean, b->mean, bytes) == 0 && memcmp(a->variance, b->variance, bytes) == 0;
}

static void check_again(const struct train_checkpoint_state *state)
{
    char path[64];
    primer_error error = {0};
    struct train_checkpoint_state again = {0};
    const size_t bytes = (size_t)state->numbers.floats * sizeof(float);
    float *const arrays = malloc(2 * bytes + 1); /* in the file they stand anywhere */
    fuzz_check(arrays != NULL, "memory for the arrays");
    memcpy(arrays, state->mean, bytes);
    memcpy((char *)arrays + bytes, state->variance, bytes);
    /* Written files are synced, which costs nothing in memory. */
    snprintf(path, sizeof path, "%s/primer-fuzz-checkpoint-%d",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    fuzz_check(train_checkpoint_state_write(path, &state->numbers, arrays,
                                            arrays + state->numbers.floats, &error) == PRIMER_OK,
               "what was read can be written");
    fuzz_check(train_checkpoint_state_open(&again, path, &error) == PRIMER_OK,
               "what was written can be read");
    unlink(path);
    fuzz_check(same(state, &again), "what was read is read as the same again");
    train_checkpoint_state_close(&again);
    free(arrays);
}

static void try_open(const void *bytes, size_t size)
{
    char path[64];
    primer_error error = {0};
    struct train_checkpoint_state state = {0};
    const int file = make_file(bytes, size, path);
    const primer_status status = train_checkpoint_state_open(&state, path, &error);
    fuzz_status(status, &error);
    if (status == PRIMER_OK)
        check_again(&state);
    else
        fuzz_check(state.map.bytes == NULL, "a state comes out on success alone");
    train_checkpoint_state_close(&state);
    close(file);
}

/* As it is; and with the hash at the end made right, behind which all else stands. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_open(data, size);
    if (size < HASH)
        return 0;
    unsigned char *const copy = malloc(size);
    fuzz_check(copy != NULL, "memory for the input");
    memcpy(copy, data, size);
    uint64_t hash = 0;
    for (size_t at = 0; at < size - HASH; at += PIECE)
        hash = hash_bytes(copy + at, size - HASH - at < PIECE ? size - HASH - at : PIECE, hash);
    for (unsigned i = 0; i < HASH; i++)
        copy[size - HASH + i] = (unsigned char)(hash >> (8 * i));
    try_open(copy, size);
    free(copy);
    return 0;
}
