/* test_cpu.c - levels against what the kernel lists, and limits out of a tree of system files
 * made here. */
#include "base/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cpu_limits.h"
#include "base/file.h"
#include "base/memory.h"

static char root[64];

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/primer-test-cpu-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* Writes root/path and makes the folders on the way. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    FILE *const file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void mask_of(cpu_set_t mask[CPU_LIMITS_SETS], const size_t *processors, size_t count)
{
    const size_t bytes = CPU_LIMITS_SETS * sizeof *mask;
    CPU_ZERO_S(bytes, mask);
    for (size_t i = 0; i < count; i++)
        CPU_SET_S(processors[i], bytes, mask);
}

/* ---- levels ---- */

#if defined(__x86_64__)
/* Whether the kernel lists a flag: it knows what the system saves. */
static bool listed(const char *flags, const char *flag)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, " %s ", flag);
    return strstr(flags, wanted) != NULL;
}

static void levels_are_what_the_kernel_lists(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(file_read("/proc/cpuinfo", 1 << 24, &buffer, NULL), PRIMER_OK);
    char *const flags = strstr(buffer.bytes, "\nflags");
    if (flags == NULL) {
        buffer_free(&buffer);
        skip();
    }
    *strchr(flags + 1, '\n') = ' ';
    const bool avx2 = listed(flags, "avx2") && listed(flags, "fma") && listed(flags, "f16c");
    const bool wide =
        listed(flags, "avx512f") && listed(flags, "avx512vl") && listed(flags, "avx512_vnni");
    assert_int_equal(cpu_has(CPU_AVX2), avx2);
    assert_int_equal(cpu_has_avx_vnni(), avx2 && listed(flags, "avx_vnni"));
    assert_int_equal(cpu_has(CPU_AVX2_VNNI), avx2 && (listed(flags, "avx_vnni") || wide));
    assert_int_equal(cpu_has(CPU_AVX512),
                     avx2 && wide && listed(flags, "avx512bw") && listed(flags, "avx512dq"));
    buffer_free(&buffer);
}
#else
static void levels_are_what_the_kernel_lists(void **state)
{
    (void)state;
    assert_false(cpu_has(CPU_AVX2) || cpu_has_avx_vnni());
}
#endif

static void levels_contain_the_ones_before(void **state)
{
    (void)state;
    assert_true(cpu_has(CPU_SCALAR));
    assert_true(cpu_has(cpu_best()));
    assert_true(!cpu_has(CPU_AVX512) || cpu_has(CPU_AVX2_VNNI));
    assert_true(!cpu_has(CPU_AVX2_VNNI) || cpu_has(CPU_AVX2));
    assert_true(!cpu_has(CPU_NEON_DOT) || cpu_has(CPU_NEON));
    assert_false(cpu_has(CPU_NEON) && cpu_has(CPU_AVX2));
    for (int level = (int)cpu_best() + 1; level < CPU_LEVELS; level++)
        assert_false(cpu_has((enum cpu_level)level));
    assert_false(cpu_has(CPU_LEVELS));
    assert_false(cpu_has((enum cpu_level) - 1));
}

static void levels_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < CPU_LEVELS; i++) {
        enum cpu_level level = CPU_LEVELS;
        assert_true(cpu_level_by_name(cpu_level_name((enum cpu_level)i), &level));
        assert_int_equal(level, i);
    }
    enum cpu_level level = CPU_NEON;
    assert_false(cpu_level_by_name("avx", &level));
    assert_false(cpu_level_by_name("", &level));
    assert_int_equal(level, CPU_NEON);
    assert_string_equal(cpu_level_name(CPU_AVX2_VNNI), "avx2_vnni");
    assert_string_equal(cpu_level_name(CPU_LEVELS), "unknown");
}

/* ---- this machine ---- */

static void this_machine_has_threads_and_memory(void **state)
{
    (void)state;
    const size_t allocations = memory_allocation_count();
    assert_true(cpu_thread_count() >= 1);
    assert_true(cpu_usable_count() >= cpu_thread_count());
    assert_true(cpu_memory_available() > (uint64_t)1 << 20);
    const uint64_t before = cpu_memory_resident();
    assert_true(before > 100 * 1024 && before < (uint64_t)1 << 40);
    assert_int_equal(memory_allocation_count(), allocations); /* nothing here allocates */
    unsigned char *const block = memory_allocate_aligned((size_t)64 << 20, 1);
    assert_non_null(block);
    memset(block, 1, (size_t)64 << 20);
    assert_true(cpu_memory_resident() >= before + ((uint64_t)60 << 20));
    memory_free(block);
}

static void address_space_is_what_the_limit_leaves(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const uint64_t mapped = cpu_limits_mapped("");
    assert_true(mapped > cpu_memory_resident());
    const uint64_t room = (uint64_t)256 << 20;
    struct rlimit limit = {.rlim_cur = mapped + room, .rlim_max = before.rlim_max};
    struct rlimit set = {0};
    if (before.rlim_cur != RLIM_INFINITY || setrlimit(RLIMIT_AS, &limit) != 0 ||
        getrlimit(RLIMIT_AS, &set) != 0 || set.rlim_cur != limit.rlim_cur)
        skip(); /* no such limit here */
    const uint64_t left = cpu_address_space_left();
    limit.rlim_cur = mapped / 2;
    const int lowered = setrlimit(RLIMIT_AS, &limit);
    const uint64_t none = cpu_address_space_left();
    setrlimit(RLIMIT_AS, &before);
    assert_true(left <= room && left + ((uint64_t)4 << 20) > room);
    assert_int_equal(lowered, 0);
    assert_int_equal(none, 0);
    assert_true(cpu_address_space_left() == UINT64_MAX);
}

static void this_machine_has_a_name(void **state)
{
    (void)state;
    const char *const name = cpu_model_name();
    const size_t length = strlen(name);
    assert_true(length > 0);
    assert_true(name[0] != ' ' && name[length - 1] != ' ' && strstr(name, "  ") == NULL);
    assert_ptr_equal(cpu_model_name(), name);
}

/* ---- trees of system files ---- */

#define MOUNT_2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void without_files_there_is_no_limit(void **state)
{
    (void)state;
    cpu_set_t mask[CPU_LIMITS_SETS];
    const size_t processors[] = {1, 5, 6, 1030, 8191};
    mask_of(mask, processors, 5);
    assert_true(cpu_limits_quota(root) == UINT64_MAX);
    assert_true(cpu_limits_cgroup_memory(root) == UINT64_MAX);
    assert_true(cpu_limits_memory(root) == UINT64_MAX);
    assert_true(cpu_limits_resident(root) == 0);
    assert_int_equal(cpu_limits_threads(root, mask, false), 5);
    mask_of(mask, processors, 0);
    assert_int_equal(cpu_limits_threads(root, mask, false), 1);
}

static void siblings_are_one_core(void **state)
{
    (void)state;
    cpu_set_t mask[CPU_LIMITS_SETS];
    static const char *const lists[8] = {"0,4\n", "1,5\n", "2,6\n", "3,7\n",
                                         "0,4\n", "1,5\n", "2,6\n", "3,7\n"};
    for (int i = 0; i < 8; i++) {
        char path[128];
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 i);
        put(path, lists[i]);
    }
    mask_of(mask, (const size_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 8);
    assert_int_equal(cpu_limits_cores(root, mask, false), 4);
    assert_int_equal(cpu_limits_cores(root, mask, true), 8);
    mask_of(mask, (const size_t[]){4, 5}, 2); /* the first siblings aren't ours */
    assert_int_equal(cpu_limits_cores(root, mask, false), 2);
    mask_of(mask, (const size_t[]){1, 4, 5, 9}, 4); /* 9 has no file: a core of its own */
    assert_int_equal(cpu_limits_cores(root, mask, false), 3);
    put("sys/devices/system/cpu/cpu9/topology/thread_siblings_list", "8-9\n");
    mask_of(mask, (const size_t[]){8, 9}, 2);
    assert_int_equal(cpu_limits_cores(root, mask, false), 1);
    static const char *const broken[] = {"", "x", "-", "8-", "99999999999999999999", "7-5,x"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        put("sys/devices/system/cpu/cpu9/topology/thread_siblings_list", broken[i]);
        mask_of(mask, (const size_t[]){9}, 1);
        assert_int_equal(cpu_limits_cores(root, mask, false), 1);
    }
}

static void quotas_of_version_2_are_those_of_all_ancestors(void **state)
{
    (void)state;
    cpu_set_t mask[CPU_LIMITS_SETS];
    mask_of(mask, (const size_t[]){0, 1, 2, 3}, 4);
    put("proc/self/cgroup", "0::/user.slice/app.scope\n");
    put("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" MOUNT_2);
    assert_true(cpu_limits_quota(root) == UINT64_MAX);
    put("sys/fs/cgroup/user.slice/app.scope/cpu.max", "max 100000\n");
    assert_true(cpu_limits_quota(root) == UINT64_MAX);
    assert_int_equal(cpu_limits_threads(root, mask, false), 4);
    put("sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n");
    assert_int_equal(cpu_limits_quota(root), 2500);
    assert_int_equal(cpu_limits_threads(root, mask, false), 2);
    put("sys/fs/cgroup/user.slice/app.scope/cpu.max", "50000 100000\n");
    assert_int_equal(cpu_limits_quota(root), 500);
    assert_int_equal(cpu_limits_threads(root, mask, false), 1);
    put("sys/fs/cgroup/user.slice/app.scope/cpu.max", "1000000 100000\n");
    assert_int_equal(cpu_limits_quota(root), 2500);
    put("sys/fs/cgroup/cpu.max", "100000 100000\n"); /* a container's own top */
    assert_int_equal(cpu_limits_quota(root), 1000);
    static const char *const broken[] = {"", "x\n", "100000\n", "5 0\n", "max\n"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        put("sys/fs/cgroup/cpu.max", broken[i]);
        assert_int_equal(cpu_limits_quota(root), 2500);
    }
}

static void quotas_of_version_1_are_found_by_controller(void **state)
{
    (void)state;
    put("proc/self/cgroup", "12:cpuset:/wrong\n7:memory:/wrong\n4:cpu,cpuacct:/docker/ab\n"
                            "1:name=systemd:/docker/ab\n0::/\n");
    put("proc/self/mountinfo",
        "35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup "
        "rw,cpuacct,cpu\n" MOUNT_2);
    put("sys/fs/cgroup/cpuset/wrong/cpu.cfs_quota_us", "1\n");
    put("sys/fs/cgroup/cpuset/wrong/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n");
    assert_true(cpu_limits_quota(root) == UINT64_MAX);
    put("sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "300000\n");
    assert_int_equal(cpu_limits_quota(root), 3000);
    put("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "75000\n");
    assert_int_equal(cpu_limits_quota(root), 3000); /* no period, no quota */
    put("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "50000\n");
    assert_int_equal(cpu_limits_quota(root), 1500);
}

/* Inside a container of version 1, the mount shows only the container's part of the hierarchy while
 * /proc/self/cgroup has the path from its top. */
static void mounted_parts_are_taken_off_the_path(void **state)
{
    (void)state;
    put("proc/self/cgroup", "4:cpu:/docker/ab/inner\n");
    put("proc/self/mountinfo",
        "33 31 0:30 /docker/ab /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
    put("sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "20000\n");
    put("sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "10000\n");
    assert_int_equal(cpu_limits_quota(root), 2000);
    put("proc/self/cgroup", "4:cpu:/docker/ab\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "40000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "10000\n");
    assert_int_equal(cpu_limits_quota(root), 4000);
    put("proc/self/cgroup", "4:cpu:/docker/abc\n"); /* not below the part: only the top is seen */
    assert_int_equal(cpu_limits_quota(root), 4000);
    put("proc/self/cgroup", "4:cpu:/../../elsewhere\n"); /* outside the namespace */
    assert_int_equal(cpu_limits_quota(root), 4000);
}

static void memory_of_version_2_is_limit_less_usage(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/a/b\n");
    put("proc/self/mountinfo", MOUNT_2);
    put("proc/meminfo", "MemTotal:       2000 kB\nMemFree:  10 kB\nMemAvailable:    1000 kB\n");
    assert_int_equal(cpu_limits_memory(root), 1000 * 1024);
    put("sys/fs/cgroup/a/b/memory.max", "max\n");
    put("sys/fs/cgroup/a/b/memory.current", "5000\n");
    assert_true(cpu_limits_cgroup_memory(root) == UINT64_MAX);
    put("sys/fs/cgroup/a/memory.max", "900000\n");
    put("sys/fs/cgroup/a/memory.current", "700000\n");
    assert_int_equal(cpu_limits_cgroup_memory(root), 200000);
    put("sys/fs/cgroup/a/memory.stat", "anon 1\nfile 2\ninactive_anon 7\ninactive_file 50000\n");
    assert_int_equal(cpu_limits_cgroup_memory(root), 250000);
    assert_int_equal(cpu_limits_memory(root), 250000);
    put("sys/fs/cgroup/a/memory.current", "990000\n"); /* above the limit */
    assert_int_equal(cpu_limits_memory(root), 0);
    put("sys/fs/cgroup/a/memory.current", "1000\n"); /* more reclaimable than used */
    assert_int_equal(cpu_limits_memory(root), 900000);
}

static void memory_of_version_1_is_limit_less_usage(void **state)
{
    (void)state;
    put("proc/self/cgroup", "4:memory:/a\n0::/\n");
    put("proc/self/mountinfo",
        "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" MOUNT_2);
    put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "5000\n");
    assert_true(cpu_limits_memory(root) == UINT64_MAX);
    put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "100000\n");
    put("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n");
    assert_int_equal(cpu_limits_memory(root), 97000);
}

/* Container hosts have mounts whose options are longer than a page. */
static void long_lines_are_passed_over(void **state)
{
    (void)state;
    static char text[40000];
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    for (size_t length = 4080; length < 13000; length += length < 4110 ? 1 : 997) {
        memset(text, 'o', length);
        snprintf(text + length, sizeof text - length, "\n%s", MOUNT_2);
        put("proc/self/mountinfo", text);
        assert_int_equal(cpu_limits_quota(root), 2000);
    }
    memset(text, 'o', 4095); /* the rest of a line is no line, whatever it looks like */
    snprintf(text + 4095, sizeof text - 4095, "%s%s",
             "30 23 0:26 / /wrong rw - cgroup2 cgroup2 rw\n", MOUNT_2);
    put("wrong/cpu.max", "100000 100000\n");
    put("proc/self/mountinfo", text);
    assert_int_equal(cpu_limits_quota(root), 2000);
    memset(text, 'o', 9000);
    text[9000] = '\0'; /* no end of line at all */
    put("proc/self/mountinfo", text);
    assert_true(cpu_limits_quota(root) == UINT64_MAX);
    put("proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"); /* last line */
    assert_int_equal(cpu_limits_quota(root), 2000);
}

static void broken_lines_are_passed_over(void **state)
{
    (void)state;
    static const char *const broken[] = {"",
                                         "\n\n",
                                         "x",
                                         "0:",
                                         "0",
                                         ":::",
                                         "30 23 - cgroup2",
                                         "1 2 3 4 5 6 - cgroup2",
                                         "- - - - - - - - -"};
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char text[256];
        put("proc/self/cgroup", broken[i]);
        put("proc/self/mountinfo", broken[i]);
        assert_true(cpu_limits_quota(root) == UINT64_MAX);
        assert_true(cpu_limits_cgroup_memory(root) == UINT64_MAX);
        snprintf(text, sizeof text, "%s\n0::/\n", broken[i]);
        put("proc/self/cgroup", text);
        snprintf(text, sizeof text, "%s\n%s", broken[i], MOUNT_2);
        put("proc/self/mountinfo", text);
        assert_int_equal(cpu_limits_quota(root), 2000);
    }
}

static void residents_and_names_are_read(void **state)
{
    (void)state;
    char name[32];
    assert_int_equal(cpu_limits_mapped(root), 0);
    put("proc/self/statm", "1000 25 10 1 0 5 0\n");
    assert_int_equal(cpu_limits_mapped(root), 1000 * sysconf(_SC_PAGESIZE));
    assert_true(cpu_limits_resident(root) >= 25 * 4096);
    cpu_limits_model_name(root, name, sizeof name);
    assert_string_equal(name, "");
    put("sys/firmware/devicetree/base/model", "Small Board 4");
    cpu_limits_model_name(root, name, sizeof name);
    assert_string_equal(name, "Small Board 4");
    put("proc/cpuinfo", "processor\t: 0\nmodel\t\t: 5\nmodel name\t: Fast Processor 9\n");
    cpu_limits_model_name(root, name, sizeof name);
    assert_string_equal(name, "Fast Processor 9");
    cpu_limits_model_name(root, name, 5);
    assert_string_equal(name, "Fast");
}

#define in_root(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_what_the_kernel_lists),
        cmocka_unit_test(levels_contain_the_ones_before),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(this_machine_has_threads_and_memory),
        cmocka_unit_test(address_space_is_what_the_limit_leaves),
        cmocka_unit_test(this_machine_has_a_name),
        in_root(without_files_there_is_no_limit),
        in_root(siblings_are_one_core),
        in_root(quotas_of_version_2_are_those_of_all_ancestors),
        in_root(quotas_of_version_1_are_found_by_controller),
        in_root(mounted_parts_are_taken_off_the_path),
        in_root(memory_of_version_2_is_limit_less_usage),
        in_root(memory_of_version_1_is_limit_less_usage),
        in_root(long_lines_are_passed_over),
        in_root(broken_lines_are_passed_over),
        in_root(residents_and_names_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
