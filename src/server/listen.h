/* listen.h - the sockets that connections come in by. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

enum { LISTEN_MOST = 8, LISTEN_ADDRESS_BYTES = 80, LISTEN_HOST_BYTES = 256 };

struct listen_socket {
    int descriptor;
    char address[LISTEN_ADDRESS_BYTES]; /* "http://127.0.0.1:11434" */
    bool loopback;
};

struct listen {
    struct listen_socket sockets[LISTEN_MOST];
    size_t count;
};

/* `host`: one or several by commas, each "name", "name:port", "[address]:port", "http://...", "":
 * every address. `port`: beats what `host` says; NULL: that, else `fallback`. 0: a free one, the
 * same for all. Errors: PRIMER_EINVAL, PRIMER_EIO (a port that is taken: by which process, where
 * the system tells). */
primer_status listen_open(struct listen *listen, const char *host, const char *port,
                          unsigned fallback, primer_error *error);
/* What systemd's socket activation has opened: LISTEN_FDS descriptors from 3 on, where LISTEN_PID
 * is this process. *count 0: none. */
primer_status listen_inherit(struct listen *listen, const char *listen_fds, const char *listen_pid,
                             primer_error *error);
bool listen_loopback_only(const struct listen *listen);
void listen_close(struct listen *listen);

/* Splits "name:port"; the parts are copied, *port is "" where there is none. */
primer_status listen_split(const char *text, char host[LISTEN_HOST_BYTES], char port[8],
                           primer_error *error);

#endif
