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
    if (origins != NULL && *origins != '\0') {
        made->origins = memory_copy_text(origins);
        if (made->origins == NULL)
            TRY(memory_failure(error, "origins", strlen(origins)));
    }
    *security = made;
    return PRIMER_OK;

cleanup:
    security_free(made);
    return status;
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

/* ---- origins --------------------------------------------------------------------------------- */

/* One entry of the list: an origin, one without its port (any port is meant), or a beginning with a
 * star at its end. */
static bool covers(const char *entry, size_t length, const char *origin)
{
    if (length == 1 && *entry == '*')
        return true;
    if (length > 1 && entry[length - 1] == '*')
        return strncasecmp(entry, origin, length - 1) == 0;
    if (strncasecmp(entry, origin, length) != 0)
        return false;
    return origin[length] == '\0' ||
           (origin[length] == ':' && strspn(origin + length + 1, "0123456789") > 0 &&
            origin[length + 1 + strspn(origin + length + 1, "0123456789")] == '\0');
}

bool security_origin_allowed(const struct security *security, const char *origin, const char *host)
{
    const char *scheme = strstr(origin, "://");
    /* A page of this server's own; by a name that nobody else can let point here. */
    if (scheme != NULL && host != NULL && strcasecmp(scheme + 3, host) == 0 &&
        is_local(host, false))
        return true;
    for (const char *at = security->origins; at != NULL && *at != '\0';) {
        at += strspn(at, ", ");
        const size_t length = strcspn(at, ", ");
        if (length > 0 && covers(at, length, origin))
            return true;
        at += length;
    }
    return false;
}
