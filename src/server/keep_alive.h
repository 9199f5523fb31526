/* keep_alive.h - how long a model stays loaded after its last use, as Ollama writes it:
 *
 *   300, 2.5       seconds          -1, "-1m"    for ever
 *   "5m", "1h30m"  Go's durations   0, "0s"      unloaded right after
 *
 * Nanoseconds; SERVER_KEEP_FOREVER for ever.
 */
#ifndef SERVER_KEEP_ALIVE_H
#define SERVER_KEEP_ALIVE_H

#include <jansson.h>
#include <stdint.h>
#include "server/problem.h"

/* Go's time.ParseDuration: a sign, then numbers with fractions, each with ns, us, ms, s, m or h;
 * "0". Errors: PRIMER_EINVAL. */
primer_status keep_alive_duration(const char *text, int64_t *nanoseconds, primer_error *error);
/* A request's member; NULL and null leave *nanoseconds. 400 names the member. */
primer_status keep_alive_member(const json_t *value, const char *name, int64_t *nanoseconds,
                                struct problem *problem, primer_error *error);
/* Of an option or a switch of the environment: there a bare number is seconds. */
primer_status keep_alive_option(const char *text, int64_t *nanoseconds, primer_error *error);

#endif
