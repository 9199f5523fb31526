# Namespaces, mounts, the interpreter that forked it, and what else the filter of system calls is for.
# end: finished
# > refused
import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)
worked = []


def call(name, x86_64, aarch64, *arguments):
    number = {"x86_64": x86_64, "aarch64": aarch64}[os.uname().machine]
    if libc.syscall(number, *arguments) >= 0:
        worked.append(name)
    elif ctypes.get_errno() not in (1, 38):  # EPERM, ENOSYS
        worked.append(f"{name} (errno {ctypes.get_errno()})")


def attempt(name, action):
    try:
        action()
        worked.append(name)
    except (OSError, ValueError):
        pass


room = ctypes.create_string_buffer(4096)
call("unshare", 272, 97, 0x10000000)
call("unshare mounts", 272, 97, 0x00020000)
call("setns", 308, 268, 0, 0)
call("mount", 165, 40, b"none", b"/tmp", b"tmpfs", 0, None)
call("mount proc", 165, 40, b"proc", b"/tmp", b"proc", 0, None)
call("umount", 166, 39, b"/tmp", 0)
call("pivot_root", 155, 41, b"/tmp", b"/tmp")
call("fsopen", 430, 430, b"tmpfs", 0)
call("open_tree", 428, 428, -100, b"/usr", 1)
call("mount_setattr", 442, 442, -100, b"/", 0, room, 32)
call("ptrace", 101, 117, 16, 1, 0, 0)
call("process_vm_readv", 310, 270, 1, room, 1, room, 1, 0)
call("process_vm_writev", 311, 271, 1, room, 1, room, 1, 0)
call("pidfd_getfd", 438, 438, libc.syscall(434, 1, 0), 0, 0)
call("bpf", 321, 280, 0, room, 64)
call("io_uring_setup", 425, 425, 8, room)
call("keyctl", 250, 219, 0, -3, 1)
call("add_key", 248, 217, b"user", b"name", b"text", 4, -4)
call("userfaultfd", 323, 282, 0)
call("perf_event_open", 298, 241, room, 0, -1, -1, 0)
call("memfd_create", 319, 279, b"name", 0)
call("memfd_secret", 447, 447, 0)
call("shmget", 29, 194, 0, 4096, 0o1600)
call("clone3", 435, 435, room, 88)
call("sethostname", 170, 161, b"name", 4)
call("kexec_load", 246, 104, 0, 0, None, 0)
call("setxattr", 188, 5, b"/tmp", b"user.mark", b"x", 1, 0)
call("sched_setscheduler", 144, 119, 1, 5, room)
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("limits of process 1", lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)))
attempt("limits", lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40)))
attempt("priority of process 1", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
attempt("priority of all", lambda: os.setpriority(os.PRIO_USER, 0, 19))
attempt("processors of process 1", lambda: os.sched_setaffinity(1, {0}))
attempt("root", lambda: os.setuid(0))
attempt("device", lambda: os.mknod("/tmp/null", 0o020666, os.makedev(1, 3)))
attempt("memory of process 1", lambda: open("/proc/1/mem"))
print(*worked or ["refused"])
