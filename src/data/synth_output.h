/* synth_output.h - what a run of data synth may write: OUT, and the files beside it.
 *
 *   OUT             the lessons, once they are complete
 *   OUT.part        the lessons so far; locked by the run that writes them
 *   OUT.state       of which run that part is; made together with it
 *
 * What stands there and is of no such run is never written over: it is named and refused, before the
 * first lesson.
 */
#ifndef DATA_SYNTH_OUTPUT_H
#define DATA_SYNTH_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

/* PRIMER_EINVAL where `out` can't be replaced by a file (a folder, /dev/null), or is one of the
 * curriculum's own files or of inputs[count]; NULLs among these are passed over. */
primer_status synth_output_check(const char *out, const char *const *folders, size_t folder_count,
                                 const char *const *inputs, size_t count, primer_error *error);
/* PRIMER_EINVAL where `path` isn't a regular file, or holds something and no state says of which run it
 * is. Nothing of that name is fine. */
primer_status synth_output_check_part(const char *path, bool has_state, primer_error *error);
/* Opens `path` for writing, makes it where it isn't, and locks it while *descriptor is open.
 * PRIMER_EINVAL: another process does. */
primer_status synth_output_open(const char *path, int *descriptor, primer_error *error);

#endif
