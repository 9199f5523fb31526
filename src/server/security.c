/* security.c - see security.h. */
#include "server/security.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

enum { KEYS_MOST = 1024, KEY_LEAST = 8, KEY_MOST = 512, FILE_MOST = 1 << 20, NAME_MOST = 256 };

struct key {
    const char *bytes; /* in `text` */
    size_t length;
};

struct security {
    struct buffer text; /* of the key file */
    struct key *keys;   /* [key_count] */
    size_t key_count;
    bool asked; /* a key file was named */
    bool local;
    char *origins; /* NULL: none */
};

/* ---- keys ------------------------------------------------------------------------------------ */

/* Takes one line, without its end; empty ones and comments are no keys. */
static primer_status take_line(struct security *s, const char *line, size_t length, size_t number,
                               const char *path, primer_error *error)
{
    for (; length > 0 && isspace((unsigned char)*line); line++)
        length--;
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        length--;
    if (length == 0 || *line == '#')
        return PRIMER_OK;
    if (length < KEY_LEAST || length > KEY_MOST)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: line %zu: a key of %zu bytes, expected %d to %d", path, number,
                         length, KEY_LEAST, KEY_MOST);
    if (s->key_count == KEYS_MOST)
        return error_set(error, PRIMER_ELIMIT, "%s: more than %d keys", path, KEYS_MOST);
    s->keys[s->key_count++] = (struct key){line, length};
    return PRIMER_OK;
}

static primer_status read_keys(struct security *s, const char *path, primer_error *error)
{
    FORWARD(file_read(path, FILE_MOST, &s->text, error));
    s->keys = memory_allocate(KEYS_MOST, sizeof *s->keys);
    if (s->keys == NULL)
        return memory_failure(error, "keys", KEYS_MOST * sizeof *s->keys);
    const char *at = s->text.bytes, *end = at + s->text.length;
    if (s->text.length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3; /* some editors begin UTF-8 with it */
    for (size_t number = 1; s->text.length > 0 && at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline == NULL ? end : newline;
        FORWARD(take_line(s, at, (size_t)(stop - at), number, path, error));
        at = stop + 1;
    }
    if (s->key_count == 0)
        return error_set(error, PRIMER_EFORMAT, "%s: holds no key, expected one a line", path);
    return PRIMER_OK;
}

void security_free(struct security *security)
{
    if (security == NULL)
        return;
    if (security->text.bytes != NULL)
        explicit_bzero(security->text.bytes, security->text.length);
    buffer_free(&security->text);
    memory_free(security->keys);
    memory_free(security->origins);
    memory_free(security);
}

bool security_has_keys(const struct security *security)
{
    return security->asked;
}

bool security_same(const char *key, size_t key_length, const char *given, size_t length)
{
    volatile unsigned different = key_length != length;
    for (size_t i = 0; i < length; i++)
        different |= (unsigned)((unsigned char)given[i] ^ (unsigned char)key[i % key_length]);
    return different == 0;
}

bool security_key_valid(const struct security *security, const char *authorization,
                        const char *api_key)
{
    static const char scheme[] = "Bearer ";
    if (!security->asked)
        return true;
    const char *given = api_key;
    if (authorization != NULL && strncasecmp(authorization, scheme, sizeof scheme - 1) == 0) {
        given = authorization + sizeof scheme - 1;
        given += strspn(given, " ");
    }
    const size_t length = given == NULL ? 0 : strlen(given);
    bool valid = false;
    for (size_t i = 0; i < security->key_count; i++)
        valid |= security_same(security->keys[i].bytes, security->keys[i].length,
                               given == NULL ? "" : given, length);
    return valid;
}

/* ---- Host ------------------------------------------------------------------------------------ */

/* The name without its port and brackets, in small letters; false where it is none, or too long. */
static bool bare_name(const char *host, char out[NAME_MOST])
{
    size_t length = strlen(host);
    if (*host == '[') {
        length = strcspn(++host, "]");
        const char *const behind = host[length] == ']' ? host + length + 1 : "x";
        if (*behind != '\0' &&
            (*behind != ':' || behind[1 + strspn(behind + 1, "0123456789")] != '\0'))
            return false;
    } else {
        const char *colon = strchr(host, ':');
        if (colon != NULL && strchr(colon + 1, ':') == NULL)
            length = (size_t)(colon - host);
    }
    if (length > 0 && host[length - 1] == '.')
        length--;
    if (length >= NAME_MOST)
        return false;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)host[i]);
    out[length] = '\0';
    return true;
}

static bool local_v4(uint32_t a)
{
    return a == 0 || a >> 24 == 127 || a >> 24 == 10 || a >> 20 == 0xAC1 || a >> 16 == 0xC0A8 ||
           a >> 16 == 0xA9FE;
}

static bool local_v6(const struct in6_addr *a)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    static const unsigned char none[15];
    if (memcmp(a->s6_addr, mapped, sizeof mapped) == 0)
        return local_v4((uint32_t)a->s6_addr[12] << 24 | (uint32_t)a->s6_addr[13] << 16 |
                        (uint32_t)a->s6_addr[14] << 8 | a->s6_addr[15]);
    if (memcmp(a->s6_addr, none, sizeof none) == 0)
        return a->s6_addr[15] <= 1;
    return (a->s6_addr[0] & 0xFE) == 0xFC || (a->s6_addr[0] == 0xFE && a->s6_addr[1] >> 6 == 2);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

/* `others`: names too that machines of this network may take, or whoever runs its names. */
static bool is_local(const char *host, bool others)
{
    char name[NAME_MOST], own[NAME_MOST] = "";
    struct in_addr v4;
    struct in6_addr v6;
    if (!bare_name(host, name))
        return false;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return local_v4(ntohl(v4.s_addr));
    if (inet_pton(AF_INET6, name, &v6) == 1)
        return local_v6(&v6);
    if (gethostname(own, sizeof own - 1) != 0)
        own[0] = '\0';
    return strcmp(name, "localhost") == 0 || (own[0] != '\0' && strcasecmp(name, own) == 0) ||
           ends_with(name, ".localhost") ||
           (others && (ends_with(name, ".local") || ends_with(name, ".internal")));
}

bool security_host_local(const char *host)
{
    return is_local(host, true);
}

bool security_host_allowed(const struct security *security, const char *host)
{
    return !security->local || host == NULL || *host == '\0' || security_host_local(host);
}

/* ---- origins ---------------------------------------------------------------------------------
 *
 * An entry of the list is a star, or a scheme, "://" and
 *
 *   host           any port is meant
 *   host:port      a star as port: any; so does one right behind the host
 *   *.host         names below it
 *   192.168.*      addresses that begin so: the star is digits and dots
 *   *              apps with a scheme of their own
 *
 * A star elsewhere would cover names that anybody can have, and is refused.
 */

struct origin {
    const char *scheme, *host, *port; /* port: NULL where there is none */
    size_t scheme_length, host_length, port_length;
};

static bool same_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* False: there is no "://", or something behind the host and port. */
static bool take_apart(const char *text, size_t length, struct origin *origin)
{
    size_t at = 0;
    while (at + 3 <= length && memcmp(text + at, "://", 3) != 0)
        at++;
    if (at == 0 || at + 3 > length)
        return false;
    *origin = (struct origin){.scheme = text, .scheme_length = at, .host = text + at + 3};
    const char *const end = text + length, *stop = origin->host;
    bool bracket = false;
    for (; stop < end && (bracket || *stop != ':'); stop++) {
        if (*stop == '/' || *stop == '@')
            return false;
        bracket = *stop == '[' || (bracket && *stop != ']');
    }
    origin->host_length = (size_t)(stop - origin->host);
    if (stop < end) {
        origin->port = stop + 1;
        origin->port_length = (size_t)(end - origin->port);
    }
    return true;
}

/* How many of the bytes at `text` are digits or dots. */
static size_t address_length(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && ((text[count] >= '0' && text[count] <= '9') || text[count] == '.'))
        count++;
    return count;
}

static bool usable_entry(const char *entry, size_t length)
{
    struct origin o;
    if (length == 1 && *entry == '*')
        return true;
    if (!take_apart(entry, length, &o) || memchr(o.scheme, '*', o.scheme_length) != NULL)
        return false;
    if (o.port != NULL && !same_text(o.port, o.port_length, "*", 1) &&
        strspn(o.port, "0123456789") < o.port_length)
        return false;
    const char *star = memchr(o.host, '*', o.host_length);
    if (star == NULL || o.host_length == 1)
        return o.host_length > 0;
    if (star == o.host)
        return o.host_length > 2 && o.host[1] == '.' &&
               memchr(o.host + 1, '*', o.host_length - 1) == NULL;
    return star == o.host + o.host_length - 1 &&
           (star[-1] != '.' || address_length(o.host, o.host_length - 1) == o.host_length - 1);
}

static bool covers_host(const struct origin *entry, const struct origin *given)
{
    const char *host = entry->host;
    const size_t length = entry->host_length;
    if (length == 1 && *host == '*')
        return true;
    if (length > 1 && *host == '*')
        return given->host_length > length - 1 &&
               strncasecmp(given->host + given->host_length - (length - 1), host + 1, length - 1) ==
                   0;
    if (length > 1 && host[length - 1] == '*' && host[length - 2] != '.')
        return same_text(host, length - 1, given->host, given->host_length);
    if (length > 1 && host[length - 1] == '*')
        return given->host_length > length - 1 && strncasecmp(given->host, host, length - 1) == 0 &&
               address_length(given->host, given->host_length) == given->host_length;
    return same_text(host, length, given->host, given->host_length);
}

static bool covers(const char *entry, size_t length, const char *origin)
{
    struct origin e, given;
    if (length == 1 && *entry == '*')
        return true;
    if (!take_apart(entry, length, &e) || !take_apart(origin, strlen(origin), &given))
        return false;
    if (given.port != NULL && strspn(given.port, "0123456789") < given.port_length)
        return false;
    if (!same_text(e.scheme, e.scheme_length, given.scheme, given.scheme_length) ||
        !covers_host(&e, &given))
        return false;
    return e.port == NULL || same_text(e.port, e.port_length, "*", 1) ||
           (given.port != NULL && same_text(e.port, e.port_length, given.port, given.port_length));
}

/* Takes the list's next entry; false: there is none. */
static bool next_entry(const char **at, const char **entry, size_t *length)
{
    *entry = *at + strspn(*at, ", ");
    *length = strcspn(*entry, ", ");
    *at = *entry + *length;
    return *length > 0;
}

static primer_status take_origins(struct security *s, const char *origins, primer_error *error)
{
    const char *entry;
    size_t length;
    for (const char *at = origins; next_entry(&at, &entry, &length);) {
        char shown[128];
        if (!usable_entry(entry, length))
            return error_set(error, PRIMER_EINVAL,
                             "origins: found \"%s\", expected * or scheme://host[:port], the host "
                             "also as *.name or as an address's beginning (192.168.*)",
                             error_printable(entry, length, shown, sizeof shown));
    }
    s->origins = memory_copy_text(origins);
    return s->origins != NULL ? PRIMER_OK : memory_failure(error, "origins", strlen(origins));
}

bool security_origin_allowed(const struct security *security, const char *origin, const char *host)
{
    const char *scheme = strstr(origin, "://"), *entry;
    size_t length;
    /* A page of this server's own; by a name that nobody else can let point here. */
    if (scheme != NULL && host != NULL && strcasecmp(scheme + 3, host) == 0 &&
        is_local(host, false))
        return true;
    for (const char *at = security->origins; at != NULL && next_entry(&at, &entry, &length);)
        if (covers(entry, length, origin))
            return true;
    return false;
}

/* ---- making ---------------------------------------------------------------------------------- */

primer_status security_create(const char *key_file, const char *origins, bool local,
                              struct security **security, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct security *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the server's keys", sizeof *made);
    made->local = local;
    made->asked = key_file != NULL;
    if (key_file != NULL)
        TRY(read_keys(made, key_file, error));
    if (origins != NULL && *origins != '\0')
        TRY(take_origins(made, origins, error));
    *security = made;
    return PRIMER_OK;

cleanup:
    security_free(made);
    return status;
}
