/* data_review_file.h - verdicts, a line of JSON each.
 *
 *   {"id": 16 hexadecimal digits, "index": N, "kind": text, "verdict": "right" | "wrong" |
 *    "doubtful" | "undone", "by": text, "note": text, "seconds": X,
 *    "probability": X, "mass": X (a model's), "text": the lesson's title}
 *
 * Of a judge's lines for one lesson the last one counts; "undone" takes back those before. A file
 * only grows, so several may write to it. "kind", "index", "note", "seconds" and "text" may be
 * missing, and other fields may be there.
 */
#ifndef DATA_DATA_REVIEW_FILE_H
#define DATA_DATA_REVIEW_FILE_H

#include "data/data_review.h"

#define DATA_REVIEW_JUDGES 64 /* at most, of all files together */

struct data_review_row {
    uint64_t id, index;
    enum data_review_mark mark; /* one that counts, or DATA_REVIEW_UNDONE */
    size_t judge;
    char *kind, *title;
};

struct data_review_file {
    struct data_review_row *rows; /* [count] in their order, of one file behind the other */
    size_t count, capacity;
    char *judges[DATA_REVIEW_JUDGES]; /* [judge_count] names */
    size_t judge_count;
    uint64_t torn, bad; /* half lines at ends; lines left out by skip_bad */
    char first_bad[512];
    uint64_t whole, bytes; /* of the last file: its lines that have an end; all of it */
};

/* Adds a file's rows to a struct that began zeroed. A file that isn't there has none, if
 * `may_miss`. A last line without an end counts if it is whole; what else looks like a verdict's
 * beginning there is torn. Errors name file, line, field, found and expected. */
primer_status data_review_file_read(struct data_review_file *file, const char *path, bool may_miss,
                                    bool skip_bad, primer_error *error);
void data_review_file_free(struct data_review_file *file);
/* The number of a judge, who is entered where new. */
primer_status data_review_file_judge(struct data_review_file *file, const char *name,
                                     size_t *number, primer_error *error);

/* For appending. Half a line at the end, of a writing that was interrupted, is cut off. */
struct data_review_log {
    const char *path; /* borrowed */
    int descriptor;
    struct buffer line;
};
/* `file`: what was read from the path just before. */
primer_status data_review_log_open(struct data_review_log *log, const char *path,
                                   const struct data_review_file *file, primer_error *error);
/* With one write; a line that can't be written whole leaves no part of it. */
primer_status data_review_log_add(struct data_review_log *log,
                                  const struct data_review_lesson *lesson,
                                  const struct data_review_verdict *verdict, const char *by,
                                  double seconds, primer_error *error);
/* To the disk. */
primer_status data_review_log_sync(struct data_review_log *log, primer_error *error);
void data_review_log_close(struct data_review_log *log);

#endif
