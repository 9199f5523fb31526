/* cpu_limits.h - reading threads and memory out of a tree of system files. For cpu.c and its tests.
 *
 * `root` is put before every path: "" is the machine, a test passes a folder with a tree of its
 * own. Nothing here allocates, and a file that is missing or unreadable sets no limit.
 */
#ifndef BASE_CPU_LIMITS_H
#define BASE_CPU_LIMITS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPU_LIMITS_SETS = 8, CPU_LIMITS_PROCESSORS = CPU_LIMITS_SETS * CPU_SETSIZE };

/* Processors of the mask; without siblings, one for each core that the mask touches. */
size_t cpu_limits_cores(const char *root, const cpu_set_t mask[CPU_LIMITS_SETS],
                        bool with_siblings);

/* The smallest quota of the process's cgroup and its ancestors, in thousandths of a processor;
 * UINT64_MAX: none. */
uint64_t cpu_limits_quota(const char *root);

/* Both together: at least 1, and no more than the quota allows in full. */
size_t cpu_limits_threads(const char *root, const cpu_set_t mask[CPU_LIMITS_SETS],
                          bool with_siblings);

/* What the cgroups leave: the least of limit - usage + inactive file pages; UINT64_MAX: no
 * limit. Bytes. */
uint64_t cpu_limits_cgroup_memory(const char *root);

/* The smaller of MemAvailable and the above; bytes, UINT64_MAX: unknown. */
uint64_t cpu_limits_memory(const char *root);

uint64_t cpu_limits_resident(const char *root); /* bytes of this process; 0: unknown */
uint64_t cpu_limits_mapped(const char *root);   /* its address space in use; 0: unknown */

/* The processor's name out of /proc/cpuinfo, or the machine's out of the device tree; "" where
 * neither tells. */
void cpu_limits_model_name(const char *root, char *name, size_t capacity);

#endif
