/* bench_prefix.h - primer bench --prefix: a prompt read, against the same one kept on disk. */
#ifndef COMMAND_BENCH_PREFIX_H
#define COMMAND_BENCH_PREFIX_H

#include "base/buffer.h"
#include "command/settings.h"

/* settings->runs times, in a temporary folder: a model reads settings->prompt_tokens and is closed,
 * which keeps them; another, opened anew, gets them back. The report goes to `out`. */
primer_status bench_prefix(const struct settings *settings, const char *path, struct buffer *out,
                           primer_error *error);

#endif
