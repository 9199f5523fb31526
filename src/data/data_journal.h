/* data_journal.h - results of finished rounds on disk, so that a run which was stopped goes on where it
 * was.
 *
 *   OUT.work   | "PRMWORK1" | key | hash of these | round 0 | round 1 | ...
 *   round      | bytes | hash | bytes of the results |
 *
 * Numbers are u64, little-endian; hashes XXH64. A round's has the key and its number as the seed, so that
 * what was torn off, or is of another run, is never taken for it. The key is a hash of all that the
 * results depend on.
 */
#ifndef DATA_DATA_JOURNAL_H
#define DATA_DATA_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

/* Zero-initialise. */
struct data_journal {
    struct buffer path;
    int descriptor;         /* where `open` */
    bool open;              /* the file is there */
    bool reading;           /* there may be another round of an earlier run */
    bool begun;             /* it was written to */
    uint64_t key, at, size; /* bytes read or written; of the file as it was found */
    uint64_t rounds;        /* so far */
};

/* Of the output `path`. *other: there is one of another run, which the first round will replace. A file
 * of that name which is no journal is refused. */
primer_status data_journal_open(struct data_journal *journal, const char *path, uint64_t key,
                                bool *other, primer_error *error);
/* Appends the results of the next round, where an earlier run left them whole; *there says so. */
primer_status data_journal_next(struct data_journal *journal, struct buffer *results, bool *there,
                                primer_error *error);
primer_status data_journal_add(struct data_journal *journal, const void *results, size_t length,
                               primer_error *error);
/* `keep`: for another run; else the file is removed. */
void data_journal_close(struct data_journal *journal, bool keep);

#endif
