/* file.h - files: read-only maps, whole reads, and writes that appear under their name only when
 * complete. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

/* A read-only view of a whole file, or of bytes in memory (`owned` false: nothing is unmapped). */
struct file_map {
    const unsigned char *bytes;
    size_t size;
    bool owned;
    uint64_t device, inode;                            /* identity of the file, 0 for memory */
    int64_t modified_nanoseconds, changed_nanoseconds; /* mtime, ctime */
};

primer_status file_map_open(struct file_map *map, const char *path, primer_error *error);
void file_map_memory(struct file_map *map, const void *bytes, size_t size); /* borrows */
/* Enters bytes [from, from + length) of the map, as far as it goes, in the process's page table at
 * once, which costs less than a fault for every few pages later. Only where the file's bytes are in
 * memory already, and only if the system can; else nothing. `from`: a multiple of the page size. */
void file_map_fetch(const struct file_map *map, size_t from, size_t length);
/* Takes bytes [from, from + length) of the map, in whole pages, out of the process's page table; the
 * next look at them reads them from the file again. For what is read once, from front to back. */
void file_map_forget(const struct file_map *map, size_t from, size_t length);
void file_map_close(struct file_map *map);

/* Appends a whole file (or "-": standard input) of at most `limit` bytes; on failure `out` keeps
 * what it held. */
primer_status file_read(const char *path, size_t limit, struct buffer *out, primer_error *error);

/* A writer that makes PATH.partial-PID-N, and renames it to PATH in file_writer_commit (after
 * fsync). file_writer_abandon removes the partial file; harmless after commit, after a failed
 * open, and on a zeroed writer. A full disk is an error of the write or commit that met it; the
 * writer takes nothing more after it. Commit, failed or not, ends the writer. Something under
 * PATH that is no regular file (a folder, /dev/null) is refused; a symbolic link is replaced by
 * the file.
 *
 * Opening removes the partial files of PATH that were left by processes which were killed: there is
 * no other process of that number on this machine, and nobody holds the lock that a writer has on its
 * file (so that one on another machine, or in another container, keeps what it writes). */
struct file_writer {
    int descriptor;
    char *path, *partial;
    unsigned char *pending; /* write buffer */
    size_t pending_length;
    uint64_t written; /* bytes accepted so far */
    bool failed;      /* a write was refused */
};
primer_status file_writer_open(struct file_writer *writer, const char *path, primer_error *error);
primer_status file_writer_write(struct file_writer *writer, const void *bytes, size_t length,
                                primer_error *error);
/* Puts other bytes in the place of some that were written: a header whose numbers are known last. */
primer_status file_writer_rewrite(struct file_writer *writer, uint64_t offset, const void *bytes,
                                  size_t length, primer_error *error);
/* Writes zeros up to the next multiple of `alignment`. */
primer_status file_writer_align(struct file_writer *writer, size_t alignment, primer_error *error);
primer_status file_writer_commit(struct file_writer *writer, primer_error *error);
void file_writer_abandon(struct file_writer *writer);

bool file_exists(const char *path);
/* PRIMER_EINVAL where `out` is one of the inputs, by whatever name: to write it would destroy what
 * it is made of. NULLs among the inputs, and what isn't there, are passed over. */
primer_status file_check_output(const char *out, const char *const *inputs, size_t count,
                                primer_error *error);
/* The same for several outputs (NULLs are passed over), and PRIMER_EINVAL where two of them are one
 * file, there already or not, by whatever names; or where one is "-": to be whole or not there at
 * all, an output has to be a file. */
primer_status file_check_outputs(const char *const *outputs, size_t output_count,
                                 const char *const *inputs, size_t input_count,
                                 primer_error *error);
/* "dir/name.gguf" -> "name.gguf"; borrowed. */
const char *file_base_name(const char *path);

#endif
