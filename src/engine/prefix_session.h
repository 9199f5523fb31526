/* prefix_session.h - what a session takes from the prefix cache, and leaves to it.
 *
 *   sync    pages of its ids: from memory as far as they are there, then from the disk
 *   ends    full pages to the disk, where their path is long enough; in memory they stay anyway
 *
 * Pages from the disk are read into pages of the session's own, by the model's threads, some at a
 * time, so that a pass of other sessions never waits for all of them.
 */
#ifndef ENGINE_PREFIX_SESSION_H
#define ENGINE_PREFIX_SESSION_H

#include "engine/engine.h"

/* The root of the session's options with these adapters; the caller releases it. */
primer_status prefix_session_root(const primer_session *session, const struct adapter_set *adapters,
                                  const struct prefix_root **root, primer_error *error);
/* Takes pages that others left for ids[same..), as far as at least one token stays to be computed.
 * Returns how many tokens of ids the session's cache then holds: it may be fewer than `same` where
 * a file turned out to be bad. */
size_t prefix_session_take(primer_session *session, const int32_t *ids, size_t same, size_t count);
/* Before a session's cache is freed. */
void prefix_session_store(primer_session *session);

#endif
