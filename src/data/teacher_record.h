/* teacher_record.h - what was answered, on disk as soon as it is known.
 *
 *   OUT.part      a line of JSON for each lesson that is kept      becomes OUT
 *   OUT.refused   a line for each answer that isn't, with the reason and what was answered
 *   OUT.state     {"identity"}: of the curriculum and what else decides the questions
 *
 * A line that was cut by the end of the process is taken away when the files are opened again; its
 * question is asked again.
 */
#ifndef DATA_TEACHER_RECORD_H
#define DATA_TEACHER_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buffer.h"

struct teacher_record {
    int part, refused; /* descriptors; -1: closed */
    struct buffer part_path, refused_path, state_path;
    uint64_t identity;
};

/* Called for each line that is there; `kept`: of OUT.part. */
typedef primer_status teacher_record_line(void *context, const json_t *line, bool kept,
                                          primer_error *error);

/* PRIMER_EINVAL where what is there isn't this run's to go on with: a complete OUT, an OUT.state of another
 * identity, a part or refused answers of no run. What was paid for isn't thrown away. Nothing is written. */
primer_status teacher_record_begin(struct teacher_record *record, const char *path,
                                   uint64_t identity, primer_error *error);
/* Begins to write, as the only process. */
primer_status teacher_record_open(struct teacher_record *record, const char *path,
                                  teacher_record_line *take, void *context, primer_error *error);
/* Appends whole lines, at once. */
primer_status teacher_record_keep(struct teacher_record *record, const struct buffer *line,
                                  primer_error *error);
primer_status teacher_record_refuse(struct teacher_record *record, const struct buffer *line,
                                    primer_error *error);
/* OUT.part becomes OUT, OUT.state goes, OUT.refused stays. */
primer_status teacher_record_finish(struct teacher_record *record, const char *path,
                                    primer_error *error);
/* A zeroed or closed one is legal. Files that hold no answer go. */
void teacher_record_close(struct teacher_record *record);

#endif
