/* ollama_time.h - times and durations as Ollama writes them. */
#ifndef SERVER_OLLAMA_TIME_H
#define SERVER_OLLAMA_TIME_H

#include <stdint.h>

enum { OLLAMA_TIME_BYTES = 40 };

/* "2026-11-28T07:03:11.012345678Z"; nanoseconds since 1970. Returns `out`. */
const char *ollama_time_precise(int64_t nanoseconds, char out[OLLAMA_TIME_BYTES]);
/* "2026-11-28T07:03:11+00:00": without a fraction and with a numeric offset, which the parsers of
 * all languages read. Seconds since 1970; INT64_MAX ("never"): what Ollama says for it, 292 years
 * after `now`. */
const char *ollama_time_plain(int64_t seconds, int64_t now, char out[OLLAMA_TIME_BYTES]);
/* Seconds as integer nanoseconds; 0 for what is no positive finite number. */
int64_t ollama_time_nanoseconds(double seconds);

#endif
