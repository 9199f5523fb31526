/* data_read.h - files of documents, read one after the other in bounded memory.
 *
 *   text        | line \n line \n SEPARATOR \n line \n ... |     a record: what lies between two
 *   JSON lines  | line \n line \n \n line ... |                  a record: a line that isn't blank
 */
#ifndef DATA_DATA_READ_H
#define DATA_DATA_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

#define DATA_LINE_MOST     ((size_t)64 << 20)         /* bytes of a line of JSON */
#define DATA_DOCUMENT_MOST (((size_t)1 << 30) - 4096) /* bytes of a document of a text */

struct data_reader {
    int descriptor;
    const char *path; /* borrowed */
    const char *separator;
    bool json;            /* lines of JSON; else a text */
    bool separated;       /* a separator was met */
    bool ended;           /* nothing is left in the file */
    uint64_t line;        /* of what is read next, from 1 */
    uint64_t done;        /* bytes */
    uint64_t least;       /* bytes that the file has: it is an error to meet its end before */
    unsigned char *bytes; /* what was read ahead */
    size_t begin, end;    /* of it */
};

/* How large files are before any of them is read: sizes[count], for `least`, to be freed by
 * memory_free; *all is their sum. PRIMER_EINVAL for what is no regular file. */
primer_status data_read_sizes(const char *const *paths, size_t count, uint64_t **sizes,
                              uint64_t *all, primer_error *error);

/* PRIMER_EINVAL where the name's ending is none of those of data.h. `least` is the size that the file
 * has now; who measured it before (data_read_sizes) puts that in its place. */
primer_status data_reader_open(struct data_reader *reader, const char *path, const char *separator,
                               primer_error *error);
void data_reader_close(struct data_reader *reader);
/* The next record to `record`, which is emptied first; *line is where it begins, *more is false
 * behind the last. A line of JSON that is too long is passed over, and *too_long true. A file that has
 * become shorter than `least` is PRIMER_EIO; one that has grown is read to where it ends now. */
primer_status data_reader_next(struct data_reader *reader, struct buffer *record, uint64_t *line,
                               bool *too_long, bool *more, primer_error *error);

/* PRIMER_EIO: the file has become shorter than it was at the beginning. */
primer_status data_read_shrunk(const char *path, uint64_t found, uint64_t expected,
                               primer_error *error);

/* PRIMER_EFORMAT names the line, the text's being `line`, and the first byte that is no UTF-8. */
primer_status data_read_check_text(const char *text, size_t length, const char *path, uint64_t line,
                                   primer_error *error);

#endif
