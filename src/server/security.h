/* security.h - who may ask: keys, the Host header, the origins of pages.
 *
 *   key      a file of keys, compared in constant time; `Authorization: Bearer KEY` or `x-api-key`
 *   Host     where only loopback is listened at, a name that a page could have been made to
 *            resolve to loopback (DNS rebinding) is refused
 *   Origin   a page's; refused unless listed: it could otherwise ask a server on its reader's
 *            machine
 */
#ifndef SERVER_SECURITY_H
#define SERVER_SECURITY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

struct security; /* constant once made */

/* `key_file`, `origins`: of struct server_options. `local`: only loopback is listened at. */
primer_status security_create(const char *key_file, const char *origins, bool local,
                              struct security **security, primer_error *error);
void security_free(struct security *security);

bool security_has_keys(const struct security *security);
/* `authorization`, `api_key`: the headers, NULL where absent. True where no keys are asked for. */
bool security_key_valid(const struct security *security, const char *authorization,
                        const char *api_key);
/* Takes the same time for all keys of `length` bytes. */
bool security_same(const char *key, size_t key_length, const char *given, size_t length);
/* `host`: the header, NULL where absent. */
bool security_host_allowed(const struct security *security, const char *host);
/* The rule itself: localhost, NAME.localhost, .local, .internal, this machine's name, and addresses
 * that are loopback, private, link-local or unspecified; with or without a port. */
bool security_host_local(const char *host);
/* Whether a page of `origin` may ask, `host` being the server's own name in this request. */
bool security_origin_allowed(const struct security *security, const char *origin, const char *host);

#endif
