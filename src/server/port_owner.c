/* port_owner.c - from a port to a process: proc(5).
 *
 *   /proc/net/tcp, tcp6    local address:port, state 0A (listening), ..., inode
 *   /proc/PID/fd/N         a link to "socket:[inode]"
 *   /proc/PID/comm         the process's name
 */
#include "server/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTENING = 0x0A, PROCESSES_MOST = 65536 };

/* The inode of the socket that listens at the port; 0: none in this table. */
static unsigned long inode_in(const char *table, unsigned port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");
    if (file == NULL)
        return 0;
    while (found == 0 && fgets(line, sizeof line, file) != NULL) {
        unsigned local = 0, state = 0;
        unsigned long inode = 0;
        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %lu", &local, &state,
                   &inode) == 3 &&
            local == port && state == LISTENING)
            found = inode;
    }
    fclose(file);
    return found;
}

static int holds(const char *process, const char *wanted)
{
    char path[300], link[64];
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder = opendir(path);
    int found = 0;
    for (struct dirent *entry; folder != NULL && !found && (entry = readdir(folder)) != NULL;) {
        const ssize_t length = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        if (length <= 0)
            continue;
        link[length] = '\0';
        found = strcmp(link, wanted) == 0;
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

static void name_of(const char *process, char *out, size_t capacity)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/comm", process);
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(out, (int)capacity, file) == NULL)
        snprintf(out, capacity, "another program");
    out[strcspn(out, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
}

char *port_owner(unsigned port, char out[PORT_OWNER_BYTES])
{
    char wanted[64], name[32];
    unsigned long inode = inode_in("/proc/net/tcp", port);
    if (inode == 0)
        inode = inode_in("/proc/net/tcp6", port);
    out[0] = '\0';
    DIR *folder = inode == 0 ? NULL : opendir("/proc");
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    int seen = 0;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (!isdigit((unsigned char)entry->d_name[0]) || seen++ > PROCESSES_MOST ||
            !holds(entry->d_name, wanted))
            continue;
        name_of(entry->d_name, name, sizeof name);
        snprintf(out, PORT_OWNER_BYTES, " by %s (process %.16s)", name, entry->d_name);
        break;
    }
    if (folder != NULL)
        closedir(folder);
    return out;
}
