/* listen.c - addresses to listening sockets.
 *
 *   "localhost:0,192.168.1.4" -> getaddrinfo for each -> a socket for each address
 *
 * IPv6 sockets take IPv6 alone, so that the same port can be had for both families.
 */
#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/port_owner.h"

enum { BACKLOG = 511, FIRST_INHERITED = 3 };

primer_status listen_split(const char *text, char host[LISTEN_HOST_BYTES], char port[8],
                           primer_error *error)
{
    const char *scheme = strstr(text, "://"), *given = text;
    if (scheme != NULL)
        text = scheme + 3;
    size_t length = strcspn(text, "/");
    const char *colon = memrchr(text, ':', length), *end = text + length;
    const char *last = end;
    port[0] = '\0';
    if (*text == '[') {
        last = memchr(text, ']', length);
        if (last == NULL || (last + 1 != end && last[1] != ':'))
            return error_set(error, PRIMER_EINVAL, "host \"%s\": expected [address]:port", given);
        colon = last + 1 == end ? NULL : last + 1;
        text++;
    } else if (colon != NULL && memchr(text, ':', (size_t)(colon - text)) != NULL) {
        colon = NULL; /* an IPv6 address without brackets */
    } else if (colon != NULL) {
        last = colon;
    }
    length = (size_t)(last - text);
    const size_t digits = colon == NULL ? 0 : (size_t)(end - colon - 1);
    if (length >= LISTEN_HOST_BYTES || digits >= 8)
        return error_set(error, PRIMER_EINVAL, "host \"%.64s...\": too long", given);
    memcpy(host, text, length);
    host[length] = '\0';
    if (colon != NULL)
        memcpy(port, colon + 1, digits);
    port[digits] = '\0';
    return PRIMER_OK;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return address->sa_family == AF_UNIX;
}

/* Fills what is told of a socket that is bound. */
static primer_status describe(struct listen_socket *out, primer_error *error)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    if (getsockname(out->descriptor, (struct sockaddr *)&address, &length) != 0)
        return error_set(error, PRIMER_EIO, "listening: %s", strerror(errno));
    out->loopback = is_loopback((struct sockaddr *)&address);
    if (address.ss_family == AF_UNIX) {
        snprintf(out->address, sizeof out->address, "unix socket");
        return PRIMER_OK;
    }
    if (getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return error_set(error, PRIMER_EIO, "listening: an address of an unknown kind");
    snprintf(out->address, sizeof out->address,
             address.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
    return PRIMER_OK;
}

static primer_status cannot_bind(const struct addrinfo *address, int problem, primer_error *error)
{
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "?", owner[PORT_OWNER_BYTES];
    getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    if (problem == EADDRINUSE)
        return error_set(error, PRIMER_EIO,
                         "%s:%s: the port is taken%s; choose another with --port N (0: any that "
                         "is free)",
                         host, port, port_owner((unsigned)atoi(port), owner));
    if (problem == EACCES)
        return error_set(error, PRIMER_EIO,
                         "%s:%s: ports below 1024 are for root; choose another with --port N", host,
                         port);
    return error_set(error, PRIMER_EIO, "%s:%s: can't listen there: %s", host, port,
                     strerror(problem));
}

static primer_status open_address(struct listen *out, const struct addrinfo *address,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    const int on = 1;
    if (out->count == LISTEN_MOST)
        return error_set(error, PRIMER_EINVAL, "host: at most %d addresses", LISTEN_MOST);
    struct listen_socket made = {
        .descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (made.descriptor < 0)
        return cannot_bind(address, errno, error);
    setsockopt(made.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        setsockopt(made.descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(made.descriptor, address->ai_addr, address->ai_addrlen) != 0 ||
        listen(made.descriptor, BACKLOG) != 0) {
        status = cannot_bind(address, errno, error);
        goto cleanup;
    }
    TRY(describe(&made, error));
    out->sockets[out->count++] = made;
    return PRIMER_OK;

cleanup:
    close(made.descriptor);
    return status;
}

/* "0" becomes the port that the first socket was given. */
static void settle_port(const struct listen *listen, char port[8])
{
    const char *colon = listen->count == 0 ? NULL : strrchr(listen->sockets[0].address, ':');
    if (strcmp(port, "0") == 0 && colon != NULL)
        snprintf(port, 8, "%s", colon + 1);
}

static primer_status open_host(struct listen *listen, const char *host, char port[8],
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_ADDRCONFIG};
    const struct addrinfo plain = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const bool every = *host == '\0' || strcmp(host, "*") == 0;
    settle_port(listen, port);
    int problem = getaddrinfo(every ? NULL : host, port, &hints, &found);
    if (problem != 0) /* AI_ADDRCONFIG knows nothing of a machine with loopback alone */
        problem = getaddrinfo(every ? NULL : host, port, &plain, &found);
    if (problem != 0)
        return error_set(error, PRIMER_EINVAL, "host \"%s\": %s", host, gai_strerror(problem));
    const size_t before = listen->count;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        char chosen[8];
        snprintf(chosen, sizeof chosen, "%s", port);
        settle_port(listen, chosen);
        const in_port_t number = htons((uint16_t)atoi(chosen));
        if (at->ai_family == AF_INET)
            ((struct sockaddr_in *)at->ai_addr)->sin_port = number;
        else if (at->ai_family == AF_INET6)
            ((struct sockaddr_in6 *)at->ai_addr)->sin6_port = number;
        else
            continue;
        status = open_address(listen, at, error);
        /* A name may have an address of a family that this machine hasn't got. */
        if (status != PRIMER_OK && (at->ai_next != NULL || listen->count > before) &&
            at->ai_family == AF_INET6)
            status = PRIMER_OK;
        TRY(status);
    }
    if (listen->count == before)
        FAIL(PRIMER_EIO, "host \"%s\": no address to listen at", host);

cleanup:
    freeaddrinfo(found);
    return status;
}

static bool is_port(const char *text)
{
    return *text != '\0' && strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) &&
           atoi(text) <= 65535;
}

static primer_status open_list(struct listen *listen, const char *hosts, const char *port,
                               unsigned fallback, primer_error *error)
{
    for (const char *at = hosts;; at++) {
        char one[LISTEN_HOST_BYTES + 32], name[LISTEN_HOST_BYTES], own[8], chosen[8];
        const size_t length = strcspn(at, ",");
        if (length >= sizeof one)
            return error_set(error, PRIMER_EINVAL, "host: a name of %zu bytes is too long", length);
        memcpy(one, at, length);
        one[length] = '\0';
        FORWARD(listen_split(one, name, own, error));
        if (port != NULL && !is_port(port))
            return error_set(error, PRIMER_EINVAL,
                             "port: found \"%.32s\", expected a number from 0 to 65535", port);
        snprintf(chosen, sizeof chosen, "%s", port != NULL ? port : own);
        if (chosen[0] == '\0')
            snprintf(chosen, sizeof chosen, "%u", fallback % 65536);
        if (!is_port(chosen))
            return error_set(error, PRIMER_EINVAL,
                             "host \"%s\": the port is \"%s\", expected a number from 0 to 65535",
                             one, chosen);
        FORWARD(open_host(listen, name, chosen, error));
        at += length;
        if (*at == '\0')
            return PRIMER_OK;
    }
}

primer_status listen_open(struct listen *listen, const char *host, const char *port,
                          unsigned fallback, primer_error *error)
{
    const primer_status status =
        open_list(listen, host == NULL ? "127.0.0.1" : host, port, fallback, error);
    if (status != PRIMER_OK)
        listen_close(listen);
    return status;
}

primer_status listen_inherit(struct listen *listen, const char *listen_fds, const char *listen_pid,
                             primer_error *error)
{
    primer_status status = PRIMER_OK;
    if (listen_fds == NULL || listen_pid == NULL || atol(listen_pid) != (long)getpid())
        return PRIMER_OK;
    const long count = atol(listen_fds);
    if (count < 1 || count > LISTEN_MOST)
        return error_set(error, PRIMER_EINVAL, "LISTEN_FDS: found \"%.32s\", expected 1 to %d",
                         listen_fds, LISTEN_MOST);
    for (int i = 0; i < (int)count; i++) {
        struct listen_socket *out = &listen->sockets[listen->count];
        int listens = 0;
        socklen_t size = sizeof listens;
        out->descriptor = FIRST_INHERITED + i;
        if (getsockopt(out->descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
            listens == 0)
            FAIL(PRIMER_EINVAL, "LISTEN_FDS: descriptor %d is no listening socket",
                 out->descriptor);
        fcntl(out->descriptor, F_SETFD, FD_CLOEXEC);
        const int flags = fcntl(out->descriptor, F_GETFL);
        fcntl(out->descriptor, F_SETFL, flags | O_NONBLOCK);
        TRY(describe(out, error));
        listen->count++;
    }

cleanup:
    if (status != PRIMER_OK)
        listen_close(listen);
    return status;
}

bool listen_loopback_only(const struct listen *listen)
{
    for (size_t i = 0; i < listen->count; i++)
        if (!listen->sockets[i].loopback)
            return false;
    return true;
}

void listen_close(struct listen *listen)
{
    for (size_t i = 0; i < listen->count; i++)
        if (listen->sockets[i].descriptor >= 0)
            close(listen->sockets[i].descriptor);
    listen->count = 0;
}
