/* prefix_disk_identity.c - which file a model's bytes are in, without reading them.
 *
 * A file is the same as before when device, inode, size, time of modification and time of change
 * are: the last is set by the system at every write, rename and change of permissions, and by
 * nobody else. So a model that was overwritten in place is another one, whatever its other times
 * say; so is a copy, or a file that was renamed, which costs a miss and nothing more. The hash of
 * header and samples (engine_model.c) guards the remaining clock tick.
 *
 * Bytes in memory have no such facts, unless they lie in the program's own file (a built-in model):
 * then the program's stand for them. /proc/self/maps tells:
 *
 *   55d0c8a00000-55d0c8c00000 r--p 00000000 fe:01 1234        /usr/bin/primer
 */
#include "engine/prefix_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

enum { MAPS_MOST = 4 << 20, PATH_MOST = 4096 };

/* Whether the line is a read-only map of `path` around [first, last). */
static bool holds(char *line, const char *path, uintptr_t first, uintptr_t last)
{
    char *at = line;
    const uintptr_t start = (uintptr_t)strtoull(at, &at, 16);
    if (*at != '-')
        return false;
    const uintptr_t end = (uintptr_t)strtoull(at + 1, &at, 16);
    const char *const name = strchr(at, '/');
    return strncmp(at, " r-", 3) == 0 && name != NULL && strcmp(name, path) == 0 &&
           first >= start && last <= end;
}

static bool is_in_program(const unsigned char *bytes, size_t size)
{
    char path[PATH_MOST];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    struct buffer maps = {0};
    bool found = false;
    if (length <= 0 || file_read("/proc/self/maps", MAPS_MOST, &maps, NULL) != PRIMER_OK)
        return false;
    path[length] = '\0';
    char *rest = maps.bytes;
    for (char *line; !found && (line = strsep(&rest, "\n")) != NULL;)
        found = holds(line, path, (uintptr_t)bytes, (uintptr_t)bytes + size);
    buffer_free(&maps);
    return found;
}

bool prefix_disk_identify(const struct gguf *gguf, uint64_t contents, struct prefix_model *model)
{
    struct file_map map = *gguf_map(gguf);
    const uint64_t bytes = map.size;
    if (map.inode == 0) {
        if (!is_in_program(map.bytes, map.size) ||
            file_map_open(&map, "/proc/self/exe", NULL) != PRIMER_OK)
            return false;
        struct file_map program = map;
        file_map_close(&program);
    }
    *model = (struct prefix_model){.contents = contents,
                                   .bytes = bytes,
                                   .device = map.device,
                                   .inode = map.inode,
                                   .modified = map.modified_nanoseconds,
                                   .changed = map.changed_nanoseconds};
    return true;
}
