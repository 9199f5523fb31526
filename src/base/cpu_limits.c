/* cpu_limits.c - threads and memory out of /proc and /sys.
 *
 * A process's cgroup is found in two steps (cgroups(7), proc(5)):
 *
 *   /proc/self/cgroup      4:memory:/docker/ab          0::/user.slice/x
 *                            |      |                   (version 2: number 0, no controllers)
 *                       controllers path in the hierarchy
 *   /proc/self/mountinfo   33 31 0:30 /docker /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
 *                                     |       |                          |             |
 *                                     root    mount point                type          controllers
 *
 * The folder is the mount point plus the path without the root. From there every ancestor up to the
 * mount point is asked, since each may limit what lies below it; the smallest answer counts.
 */
#include "base/cpu_limits.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_CAPACITY = 4096, /* bytes; a longer line is passed over */
    PATH_CAPACITY = 4096,
    FIELDS = 16
};

/* ---- lines of a file, without allocation ---- */

struct lines {
    int descriptor;
    size_t start, end; /* what is in `bytes` and not handed out yet */
    char bytes[LINE_CAPACITY];
};

__attribute__((format(printf, 2, 3))) static bool lines_open(struct lines *lines,
                                                             const char *format, ...)
{
    char path[PATH_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    lines->start = lines->end = 0;
    lines->descriptor =
        length < 0 || (size_t)length >= sizeof path ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    return lines->descriptor >= 0;
}

static void lines_close(struct lines *lines)
{
    if (lines->descriptor >= 0)
        close(lines->descriptor);
}

/* Puts more bytes behind those that are there; false at the end of the file. */
static bool lines_fill(struct lines *lines)
{
    memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;
    const ssize_t got =
        read(lines->descriptor, lines->bytes + lines->end, sizeof lines->bytes - 1 - lines->end);
    if (got <= 0)
        return false;
    lines->end += (size_t)got;
    return true;
}

/* The next line, without its newline, valid until the next call; NULL at the end. */
static char *lines_next(struct lines *lines)
{
    bool too_long = false;
    for (;;) {
        char *const line = lines->bytes + lines->start;
        char *const newline = memchr(line, '\n', lines->end - lines->start);
        if (newline != NULL) {
            *newline = '\0';
            lines->start = (size_t)(newline + 1 - lines->bytes);
            if (!too_long)
                return line;
            too_long = false;
            continue;
        }
        if (lines->end - lines->start == sizeof lines->bytes - 1) { /* pass its end over too */
            too_long = true;
            lines->start = lines->end;
        }
        if (lines_fill(lines))
            continue;
        if (lines->start == lines->end || too_long)
            return NULL;
        lines->bytes[lines->end] = '\0';
        lines->start = lines->end;
        return lines->bytes;
    }
}

/* A decimal number at `text`; false where there is none (such as "max" or "-1"). */
static bool parse_number(const char *text, char **end, uint64_t *value)
{
    if (*text < '0' || *text > '9')
        return false;
    *value = strtoull(text, end, 10);
    return true;
}

/* The number behind `key` and a space or colon, on a line of its own: "inactive_file 123". */
static bool keyed_number(struct lines *lines, const char *key, uint64_t *value)
{
    const size_t length = strlen(key);
    for (char *line; (line = lines_next(lines)) != NULL;) {
        if (strncmp(line, key, length) != 0 || (line[length] != ' ' && line[length] != ':'))
            continue;
        char *end;
        return parse_number(line + length + 1 + strspn(line + length + 1, " \t"), &end, value);
    }
    return false;
}

static bool keyed_number_of(const char *folder, const char *file, const char *key, uint64_t *value)
{
    struct lines lines;
    const bool found =
        lines_open(&lines, "%s/%s", folder, file) && keyed_number(&lines, key, value);
    lines_close(&lines);
    return found;
}

/* The first number of folder/file, and the second where `second` is wanted. */
static bool first_numbers(const char *folder, const char *file, uint64_t *first, uint64_t *second)
{
    struct lines lines;
    char *line = NULL, *end;
    if (lines_open(&lines, "%s/%s", folder, file))
        line = lines_next(&lines);
    bool found = line != NULL && parse_number(line, &end, first);
    if (found && second != NULL)
        found = *end == ' ' && parse_number(end + 1, &end, second);
    lines_close(&lines);
    return found;
}

/* ---- the cgroup's folder ---- */

/* True where `name` is one of the comma-separated words of `list`. */
static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (;;) {
        const size_t word = strcspn(list, ",");
        if (word == length && memcmp(list, name, length) == 0)
            return true;
        if (list[word] == '\0')
            return false;
        list += word + 1;
    }
}

/* The process's path in the hierarchy of `controller` (version 1), or in version 2's where it is
 * NULL. */
static bool cgroup_path(const char *root, const char *controller, char path[PATH_CAPACITY])
{
    struct lines lines;
    bool found = false;
    if (!lines_open(&lines, "%s/proc/self/cgroup", root))
        return false;
    for (char *line; !found && (line = lines_next(&lines)) != NULL;) {
        char *const list = strchr(line, ':');
        char *const at = list == NULL ? NULL : strchr(list + 1, ':');
        if (at == NULL || at[1] != '/')
            continue;
        *at = '\0';
        found = controller == NULL ? list[1] == '\0' : listed(list + 1, controller);
        if (found) /* one that leaves the hierarchy, as namespaces may show, stands for its top */
            snprintf(path, PATH_CAPACITY, "%s", strstr(at + 1, "/..") != NULL ? "/" : at + 1);
    }
    lines_close(&lines);
    return found;
}

/* Cuts a line at its spaces; returns how many fields there are, at most FIELDS. */
static size_t split(char *line, char *fields[FIELDS])
{
    size_t count = 0;
    for (char *rest; count < FIELDS; line = rest) {
        const size_t length = strcspn(line, " ");
        rest = line + length + (line[length] != '\0');
        line[length] = '\0';
        fields[count++] = line;
        if (*rest == '\0')
            break;
    }
    return count;
}

/* Where the hierarchy is mounted, and which part of it. */
static bool cgroup_mount(const char *root, const char *controller, char part[PATH_CAPACITY],
                         char point[PATH_CAPACITY])
{
    struct lines lines;
    bool found = false;
    if (!lines_open(&lines, "%s/proc/self/mountinfo", root))
        return false;
    for (char *line; !found && (line = lines_next(&lines)) != NULL;) {
        char *fields[FIELDS];
        const size_t count = split(line, fields);
        size_t dash = 6; /* behind any number of optional fields */
        while (dash < count && strcmp(fields[dash], "-") != 0)
            dash++;
        if (dash + 3 >= count)
            continue;
        found = controller == NULL ? strcmp(fields[dash + 1], "cgroup2") == 0
                                   : strcmp(fields[dash + 1], "cgroup") == 0 &&
                                         listed(fields[dash + 3], controller);
        if (found) {
            snprintf(part, PATH_CAPACITY, "%s", fields[3]);
            snprintf(point, PATH_CAPACITY, "%s%s", root, fields[4]);
        }
    }
    lines_close(&lines);
    return found;
}

typedef uint64_t folder_limit(const char *folder);

/* The smallest answer of `limit` from the process's folder up to the mount point. */
static uint64_t smallest_limit(const char *root, const char *controller, folder_limit *limit)
{
    char path[PATH_CAPACITY], part[PATH_CAPACITY], folder[2 * PATH_CAPACITY];
    if (!cgroup_path(root, controller, path) || !cgroup_mount(root, controller, part, folder))
        return UINT64_MAX;
    const size_t top = strlen(folder), prefix = strcmp(part, "/") == 0 ? 0 : strlen(part);
    const char *below = path;
    if (strncmp(path, part, prefix) == 0 && (path[prefix] == '/' || path[prefix] == '\0'))
        below += prefix;
    if (strcmp(below, "/") != 0)
        snprintf(folder + top, sizeof folder - top, "%s", below);
    uint64_t least = UINT64_MAX;
    for (;;) {
        const uint64_t here = limit(folder);
        least = here < least ? here : least;
        char *const slash = strrchr(folder + top, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* ---- threads ---- */

static uint64_t thousandths(uint64_t quota, uint64_t period)
{
    if (period == 0 || quota > UINT64_MAX / 1000)
        return UINT64_MAX;
    return quota * 1000 / period;
}

static uint64_t quota_version_1(const char *folder)
{
    uint64_t quota, period;
    if (!first_numbers(folder, "cpu.cfs_quota_us", &quota, NULL) ||
        !first_numbers(folder, "cpu.cfs_period_us", &period, NULL))
        return UINT64_MAX;
    return thousandths(quota, period);
}

static uint64_t quota_version_2(const char *folder)
{
    uint64_t quota, period;
    return first_numbers(folder, "cpu.max", &quota, &period) ? thousandths(quota, period)
                                                             : UINT64_MAX;
}

uint64_t cpu_limits_quota(const char *root)
{
    const uint64_t one = smallest_limit(root, "cpu", quota_version_1);
    const uint64_t two = smallest_limit(root, NULL, quota_version_2);
    return one < two ? one : two;
}

static bool in_mask(const cpu_set_t mask[CPU_LIMITS_SETS], size_t processor)
{
    return processor < CPU_LIMITS_PROCESSORS &&
           CPU_ISSET_S(processor, CPU_LIMITS_SETS * sizeof(cpu_set_t), mask);
}

/* The first processor of a list such as "0-1,64" that the mask has; `itself` where none is. */
static size_t first_in_mask(const char *list, const cpu_set_t mask[CPU_LIMITS_SETS], size_t itself)
{
    uint64_t from, to;
    for (char *end; parse_number(list, &end, &from); list = end + 1) {
        to = from;
        if (*end == '-' && !parse_number(end + 1, &end, &to))
            return itself;
        for (uint64_t i = from; i <= to && i < CPU_LIMITS_PROCESSORS; i++) {
            if (in_mask(mask, (size_t)i))
                return (size_t)i;
        }
        if (*end != ',')
            return itself;
    }
    return itself;
}

/* True where an earlier processor of the mask sits on the same core. */
static bool is_sibling(const char *root, const cpu_set_t mask[CPU_LIMITS_SETS], size_t processor)
{
    struct lines lines;
    size_t first = processor;
    if (lines_open(&lines, "%s/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", root,
                   processor)) {
        const char *const list = lines_next(&lines);
        if (list != NULL)
            first = first_in_mask(list, mask, processor);
    }
    lines_close(&lines);
    return first < processor;
}

size_t cpu_limits_cores(const char *root, const cpu_set_t mask[CPU_LIMITS_SETS], bool with_siblings)
{
    size_t count = 0;
    for (size_t i = 0; i < CPU_LIMITS_PROCESSORS; i++)
        count += in_mask(mask, i) && (with_siblings || !is_sibling(root, mask, i));
    return count;
}

size_t cpu_limits_threads(const char *root, const cpu_set_t mask[CPU_LIMITS_SETS],
                          bool with_siblings)
{
    const size_t cores = cpu_limits_cores(root, mask, with_siblings);
    const uint64_t allowed = cpu_limits_quota(root) / 1000;
    const size_t least = allowed < cores ? (size_t)allowed : cores;
    return least == 0 ? 1 : least;
}

/* ---- memory ---- */

static uint64_t left_of(const char *folder, const char *limit_file, const char *usage_file,
                        const char *reclaimable_key)
{
    uint64_t limit, usage, reclaimable = 0;
    if (!first_numbers(folder, limit_file, &limit, NULL) ||
        !first_numbers(folder, usage_file, &usage, NULL))
        return UINT64_MAX;
    if (limit >= (uint64_t)INT64_MAX / 2) /* version 1 writes "no limit" as a huge number */
        return UINT64_MAX;
    keyed_number_of(folder, "memory.stat", reclaimable_key, &reclaimable);
    const uint64_t bound = usage > reclaimable ? usage - reclaimable : 0;
    return limit > bound ? limit - bound : 0;
}

static uint64_t memory_version_1(const char *folder)
{
    return left_of(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
}

static uint64_t memory_version_2(const char *folder)
{
    return left_of(folder, "memory.max", "memory.current", "inactive_file");
}

uint64_t cpu_limits_cgroup_memory(const char *root)
{
    const uint64_t one = smallest_limit(root, "memory", memory_version_1);
    const uint64_t two = smallest_limit(root, NULL, memory_version_2);
    return one < two ? one : two;
}

uint64_t cpu_limits_memory(const char *root)
{
    char folder[PATH_CAPACITY];
    uint64_t kibibytes, available = UINT64_MAX;
    const int length = snprintf(folder, sizeof folder, "%s/proc", root);
    if (length > 0 && (size_t)length < sizeof folder &&
        keyed_number_of(folder, "meminfo", "MemAvailable", &kibibytes) &&
        kibibytes < UINT64_MAX / 1024)
        available = kibibytes * 1024;
    const uint64_t left = cpu_limits_cgroup_memory(root);
    return left < available ? left : available;
}

/* The first two numbers of /proc/self/statm, which counts pages, in bytes. */
static bool read_sizes(const char *root, uint64_t *mapped, uint64_t *resident)
{
    char folder[PATH_CAPACITY];
    const long page = sysconf(_SC_PAGESIZE);
    const int length = snprintf(folder, sizeof folder, "%s/proc/self", root);
    if (length < 0 || (size_t)length >= sizeof folder || page <= 0 ||
        !first_numbers(folder, "statm", mapped, resident))
        return false;
    *mapped *= (uint64_t)page;
    *resident *= (uint64_t)page;
    return true;
}

uint64_t cpu_limits_resident(const char *root)
{
    uint64_t mapped, resident;
    return read_sizes(root, &mapped, &resident) ? resident : 0;
}

uint64_t cpu_limits_mapped(const char *root)
{
    uint64_t mapped, resident;
    return read_sizes(root, &mapped, &resident) ? mapped : 0;
}

/* ---- the name ---- */

void cpu_limits_model_name(const char *root, char *name, size_t capacity)
{
    struct lines lines;
    name[0] = '\0';
    if (lines_open(&lines, "%s/proc/cpuinfo", root)) {
        for (char *line; name[0] == '\0' && (line = lines_next(&lines)) != NULL;) {
            const char *const colon = strchr(line, ':');
            if (colon != NULL &&
                (strncmp(line, "model name", 10) == 0 || strncmp(line, "Hardware", 8) == 0))
                snprintf(name, capacity, "%s", colon + 1 + strspn(colon + 1, " \t"));
        }
    }
    lines_close(&lines);
    if (name[0] != '\0')
        return;
    if (lines_open(&lines, "%s/sys/firmware/devicetree/base/model", root)) {
        const char *const line = lines_next(&lines);
        if (line != NULL)
            snprintf(name, capacity, "%s", line);
    }
    lines_close(&lines);
}
