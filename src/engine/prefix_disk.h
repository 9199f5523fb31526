/* prefix_disk.h - pages of keys and values in files, so that a later process need not compute them.
 *
 *   FOLDER/0123456789abcdef0123456789abcdef.kv       one full page of 64 tokens
 *   FOLDER/.partial-PID-N                            one that is being written
 *
 *   file: header { "PRIMERPX", version, origin, index, key } | i32 ids[(index + 1) * 64]
 *         | page [page_bytes] | u64 checksum
 *
 * The name is the key: a chain of hashes over the origin (what pages depend on besides the tokens)
 * and all ids so far. The name only finds the file: origin and ids stand in it in full and are
 * compared, so two prefixes whose keys collide are never taken for one another. The checksum is the
 * XXH64 of every piece in file order (header, ids, 128 KiB of the page at a time), each seeded with
 * the one before it.
 *
 * A page is read into memory of its own and checked there: what happens to the file later changes
 * nothing. A file that is torn, altered or foreign is removed and counts as none. Writing goes to a
 * name of its own and is renamed; nothing is flushed, after a loss of power the checksum tells.
 *
 * The least recently used files go when the budget is exceeded: the time of last use is the file's
 * modification time, a nanosecond earlier for each page further on, so that a path goes from its
 * leaf. Any number of processes may share a folder; each looks at it again whenever it has written
 * a sixteenth of the budget, so that several can exceed it by that much each.
 *
 * Nothing here is an error to the caller: what can't be kept isn't, and the log says why, once.
 * Lock: `disk->lock` guards the allowance; all else is constant.
 */
#ifndef ENGINE_PREFIX_DISK_H
#define ENGINE_PREFIX_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "format/gguf.h"
#include "kv/kv.h"

#define PREFIX_DISK_PAGES 4 /* fewer pages than these (256 tokens) are not worth their files */
#define PREFIX_DISK_LEAST                                                                          \
    ((uint64_t)64 << 10) /* bytes that a file counts as at least, which bounds their number */

struct prefix_key {
    uint64_t word[2];
};

/* Which file a model came from, and what it was like. */
struct prefix_model {
    uint64_t contents; /* hash of everything before the tensors, and of samples of each */
    uint64_t bytes, device, inode;
    int64_t modified, changed; /* nanoseconds; the latter can't be set by anybody */
};

/* What the contents of a page depend on besides the tokens. Compared byte for byte: no padding. */
struct prefix_origin {
    uint64_t numerics, program; /* version of docs/NUMERICS.md; hash of primer's */
    struct prefix_model model;
    uint64_t format, layers, heads, dimensions, rotary, page_bytes; /* of struct kv_geometry */
    uint64_t trained, group, window; /* trained context; Self-Extend */
    double rope_base, rope_scale;    /* as the session's options have them */
    uint64_t adapters[2]; /* hashes of contents and scales, in order; 0: none (model/adapter.h) */
};

struct prefix_disk;
/* Makes the folder (mode 0700, with those above it) where it is missing. Budget 0: the lesser of
 * 8 GiB and a quarter of the file system's free space. *disk is NULL, and the log says why, where
 * the folder can't be used; PRIMER_ENOMEM alone is an error. */
primer_status prefix_disk_create(struct prefix_disk **disk, const char *folder, uint64_t budget,
                                 primer_error *error);
void prefix_disk_free(struct prefix_disk *disk);

/* Facts about the file that the model was opened from; for a model in memory, about the program, if
 * the bytes are a part of it. False where it can't be told which file they came from: such a
 * model's pages must not be kept. Reads none of the model's bytes; `contents` is the caller's. */
bool prefix_disk_identify(const struct gguf *gguf, uint64_t contents, struct prefix_model *model);

/* The key of no tokens, and of 64 more. */
struct prefix_key prefix_disk_root(const struct prefix_origin *origin);
struct prefix_key prefix_disk_next(const struct prefix_key *key, const int32_t *ids);

/* Of page `index`, whose tokens are the last of ids [(index + 1) * 64] and whose key is `key`. */
struct prefix_file {
    const struct prefix_origin *origin;
    struct prefix_key key;
    const int32_t *ids;
    size_t index;
    int64_t now; /* nanoseconds of the path's use, the same for all its pages (prefix_disk_now) */
};
int64_t prefix_disk_now(void);
bool prefix_disk_has(const struct prefix_disk *disk, const struct prefix_key *key);
/* Fills page [origin->page_bytes]; false: there is no such page, and `page` is undefined. */
bool prefix_disk_load(struct prefix_disk *disk, const struct prefix_file *file,
                      unsigned char *page);
/* Writes the page unless it is there already, which counts as a use of it. */
void prefix_disk_store(struct prefix_disk *disk, const struct prefix_file *file,
                       const unsigned char *page);

#endif
