"""sandbox_worker.py - what runs inside bubblewrap: one warm interpreter that forks a process for each program.

    argv:     seconds, bytes of memory, of output and of problem, processes
    request:  u64 source length | u64 input length | source | input | 16 bytes of token     on descriptor 0
    answer:   token | u8 end | u8 leaving | u16 0 | i32 exit code | f64 seconds
              | u32 output length | u32 problem length | output | problem                   on descriptor 1

All numbers are little-endian. Before the first request the worker says READY. It is process 1 of its own pid
namespace: signals from inside don't reach it, what a program leaves behind becomes its child, and one
kill(-1) ends every other process. The token is read after the fork, so that no program can have seen it; the
descriptors of the channel are closed in the program's process before its first line runs.

A program may not tamper with the interpreter that forked it: that is not dumpable (no ptrace, no memory of
another process), there is no /proc, and a filter of system calls forbids what works on a process from outside
(limits, priorities), new namespaces and mounts, memory that no limit counts, and doors into the kernel that
no program here needs.

After each program its folder is emptied. A worker that meets more than a little there answers "leaving" and
ends: its successor has a new folder.
"""
import atexit
import builtins
import bisect
import collections
import copy
import ctypes
import dataclasses
import datetime
import functools
import gc
import heapq
import io
import itertools
import json
import linecache
import math
import operator
import os
import random
import re
import resource
import select
import signal
import stat
import string
import struct
import sys
import threading
import time
import traceback
import types
import typing

import _sitebuiltins

READY = b"primer-sandbox-1"
NAME = "program.py"
FOLDER = "/tmp"
FOLDER_BYTES = 16 << 20  # as bubblewrap's --size has it
FOLDER_ENTRIES = 64  # more are left to the end of the worker
FOLDER_MOST = 8192  # more end a program: no limit of the kernel's counts what a file's name and marks take
LOOK_SECONDS = 0.05  # how often that is looked at
THREADS = 32  # of a program that may have one process
STACK_BYTES = 8 << 20
REPORT_BYTES = 1 << 20  # beyond the limit on memory: to report that there is no more
CHUNK = 1 << 16
FINISHED, ERROR, TIMEOUT, MEMORY, OUTPUT, KILLED = range(6)
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": FOLDER, "LANG": "C.UTF-8"}

# ---- the filter of system calls ---------------------------------------------------------------------

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
# Numbers on x86_64 and aarch64. From FIRST_UNKNOWN on both have the same: refused as not there, together with
# io_uring (425-427) and the newer ways to mount (428-433).
FIRST_UNKNOWN, CLONE3 = 440, 435
CALLS = {
    # another process
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # memory and marks that outlive a program or that no limit counts
    "memfd_create": (319, 279), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "quotactl": (179, 60), "fanotify_init": (300, 262),
    # the machine
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "mbind": (237, 235),
    "set_mempolicy": (238, 237), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "vhangup": (153, 58),
    "personality": (135, 92), "modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None),
    "uselib": (134, None),
}
FORKS = {"fork": (57, None), "vfork": (58, None)}
CLONE, PRLIMIT, SOCKET = (56, 220), (302, 261), (41, 198)
NEW_NAMESPACES, CLONE_THREAD = 0x7E020000, 0x00010000  # flags of clone
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: in a network namespace of its own
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, ARGUMENT_0 = 0, 4, 16  # offsets in struct seccomp_data


def filter_of(machine, processes):
    """The program that the kernel runs at each system call: (code, if true, if false, operand), 8 bytes each."""
    column = COLUMN[machine]

    def refuse_when(test, operand, errno):
        return [(test, 0, 1, operand), (RETURN, 0, 0, REFUSE | errno)]

    def argument(call, body):
        """`body` judges the first argument of `call`, and falls through where it has nothing against it."""
        return [(EQUAL, 0, len(body) + 2, call[column]), (LOAD, 0, 0, ARGUMENT_0), *body, (RETURN, 0, 0, ALLOW)]

    lines = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, AUDIT_ARCH[machine]), (RETURN, 0, 0, KILL),
             (LOAD, 0, 0, NUMBER)]
    lines += refuse_when(AT_LEAST, FIRST_UNKNOWN, ENOSYS)
    lines += refuse_when(EQUAL, CLONE3, ENOSYS)  # its flags lie where a filter can't look; libc has clone
    for number in range(425, 434):
        lines += refuse_when(EQUAL, number, ENOSYS)
    calls = {**CALLS, **FORKS} if processes == 1 else CALLS
    for numbers in calls.values():
        if numbers[column] is not None:
            lines += refuse_when(EQUAL, numbers[column], EPERM)
    clone = refuse_when(ANY_BIT, NEW_NAMESPACES, EPERM)
    if processes == 1:
        clone += [(ANY_BIT, 1, 0, CLONE_THREAD), (RETURN, 0, 0, REFUSE | EPERM)]
    lines += argument(CLONE, clone)
    lines += argument(PRLIMIT, [(EQUAL, 1, 0, 0), (RETURN, 0, 0, REFUSE | EPERM)])
    families = [(EQUAL, len(FAMILIES) - i, 0, family) for i, family in enumerate(FAMILIES)]
    lines += argument(SOCKET, families + [(RETURN, 0, 0, REFUSE | EAFNOSUPPORT)])
    lines.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2


def prctl(option, first, second=0):
    if libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl {option} is refused")


# ---- the program's process --------------------------------------------------------------------------


def limit(what, value):
    resource.setrlimit(what, (value, value))


def confine():
    """What holds for the program and for all that it may start."""
    os.setsid()
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_CPU, math.ceil(seconds))
    limit(resource.RLIMIT_FSIZE, FOLDER_BYTES)
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_MSGQUEUE, 0)
    limit(resource.RLIMIT_STACK, STACK_BYTES)
    limit(resource.RLIMIT_NPROC, 1 + (processes if processes > 1 else THREADS))  # and the worker
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory + REPORT_BYTES))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(filter_header))


def execute(source):
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __file__=NAME, __cached__=None)
    sys.modules["__main__"] = main
    exec(compile(source, NAME, "exec", dont_inherit=True), main.__dict__)


def report(error, source):
    """As the interpreter reports what nobody caught, without the worker's own frames."""
    trace = error.__traceback__  # None where there was no memory for it
    for _ in (program, execute):
        trace = trace.tb_next if trace is not None else None
    error = error.with_traceback(trace)
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, trace)
        return
    lines = source.decode("utf-8", "replace").splitlines(True)
    linecache.cache[NAME] = (len(source), None, lines, NAME)
    traceback.print_exception(error)


def exit_code(error):
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 255
    print(error.code, file=sys.stderr)
    return 1


def last_acts():
    """What the interpreter does at its end: waits for threads, calls what asked for it, writes what is left."""
    threading._shutdown()
    atexit._run_exitfuncs()
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()
    if sys.stderr is not None and not sys.stderr.closed:
        sys.stderr.flush()


def program(source, descriptors):
    """Never returns."""
    code = 1
    try:
        for standard, descriptor in enumerate(descriptors):
            os.dup2(descriptor, standard)
        os.closerange(3, 256)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        gc.enable()
        confine()
        try:
            execute(source)
            code = 0
        except SystemExit as error:
            code = exit_code(error)
        except BaseException as error:
            # Needs no memory itself. Where none is left here, Python 3.11 tries for ever to enter a handler.
            reserve.clear()
            limit(resource.RLIMIT_AS, memory + REPORT_BYTES)
            report(error, source)
        last_acts()
    except SystemExit as error:
        code = exit_code(error)
    except MemoryError:
        code = 1
        os.write(2, b"\nMemoryError\n")
    except BaseException as error:
        code = code or 120  # as the interpreter ends when standard output can't be written
        os.write(2, f"\n{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(code)


# ---- supervision ------------------------------------------------------------------------------------


class Run:
    """One program while it runs: its pipes, what came out of them, how it ended."""

    def __init__(self, source, given):
        self.given = memoryview(given)
        self.output, self.output_length, self.problem = [], 0, b""
        self.late = self.crowded = False
        child_in, self.to_child = os.pipe()
        self.from_output, child_out = os.pipe()
        self.from_problem, child_err = os.pipe()
        for descriptor in (self.to_child, self.from_output, self.from_problem):
            os.set_blocking(descriptor, False)
        self.start = time.monotonic()
        self.process = os.fork()
        if self.process == 0:
            program(source, (child_in, child_out, child_err))
        for descriptor in (child_in, child_out, child_err):
            os.close(descriptor)

    def too_much(self):
        return self.output_length > output_limit or self.crowded

    def look_at_folder(self):
        state = os.statvfs(FOLDER)
        self.crowded = state.f_files - state.f_ffree > FOLDER_MOST

    def give(self):
        """True when all of the input is given, or nobody takes it."""
        try:
            while self.given:
                self.given = self.given[os.write(self.to_child, self.given[:CHUNK]):]
        except BlockingIOError:
            return False
        except OSError:
            pass
        os.close(self.to_child)
        self.to_child = None
        return True

    def take(self, descriptor):
        """False at the end of the pipe, or when nothing is there."""
        try:
            chunk = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        if descriptor == self.from_problem:
            self.problem = (self.problem + chunk)[-problem_limit:]
        else:
            self.output.append(chunk)
            self.output_length += len(chunk)
        return bool(chunk)

    def watch(self):
        """Until the program ends, or has to."""
        end = os.pidfd_open(self.process)
        poller = select.poll()
        for descriptor in (end, 0, self.from_output, self.from_problem):
            poller.register(descriptor, select.POLLIN)
        if not self.give():
            poller.register(self.to_child, select.POLLOUT)
        ended = False
        while not ended and not self.too_much():
            left = self.start + seconds - time.monotonic()
            self.late = left <= 0
            if self.late:
                break
            self.look_at_folder()
            for descriptor, _ in poller.poll(math.ceil(min(left, LOOK_SECONDS) * 1000)):
                if descriptor == 0:
                    os._exit(0)  # whoever asked is gone: everything here ends with the worker
                if descriptor == end:
                    ended = True
                elif descriptor == self.to_child:
                    if self.give():
                        poller.unregister(descriptor)
                elif not self.take(descriptor):
                    poller.unregister(descriptor)
        os.close(end)

    def finish(self):
        """Ends every process but this one, then takes what is left in the pipes; the wait status."""
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        status = os.waitpid(self.process, 0)[1]
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass
        self.seconds = time.monotonic() - self.start
        self.look_at_folder()
        while not self.too_much() and self.take(self.from_output):
            pass
        while self.take(self.from_problem):
            pass
        for descriptor in (self.to_child, self.from_output, self.from_problem):
            if descriptor is not None:
                os.close(descriptor)
        return status

    def judge(self, status):
        """(end, exit code or signal)"""
        code = os.waitstatus_to_exitcode(status)
        if self.crowded:
            self.problem = (self.problem + f"\nmore than {FOLDER_MOST} files\n".encode())[-problem_limit:]
        if self.too_much():
            return OUTPUT, abs(code)
        if self.late or code == -signal.SIGXCPU:
            return TIMEOUT, abs(code)
        if code < 0:
            return KILLED, -code
        if code == 0:
            return FINISHED, 0
        last = self.problem.rstrip().rsplit(b"\n", 1)[-1]
        return (MEMORY if last.split(b":")[0] == b"MemoryError" else ERROR), code


def empty_folder():
    """True where nothing is left: no entry, and the folder's own marks as they were."""
    budget = FOLDER_ENTRIES

    def remove(path, depth):
        nonlocal budget
        os.chmod(path, 0o700)
        for entry in os.listdir(path):
            budget -= 1
            if budget < 0 or depth == 0:
                raise OSError("too much to remove")
            name = os.path.join(path, entry)
            if stat.S_ISDIR(os.lstat(name).st_mode):
                remove(name, depth - 1)
                os.rmdir(name)
            else:
                os.unlink(name)

    try:
        if os.stat(FOLDER).st_nlink > FOLDER_ENTRIES:
            return False
        remove(FOLDER, 8)
        os.utime(FOLDER, (0, 0))
    except OSError:
        return False
    return True


def receive(length):
    """Exactly so many bytes; at the end of the channel the worker ends."""
    parts = []
    while length > 0:
        part = os.read(0, min(length, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def send(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]


def serve():
    source_length, input_length = struct.unpack("<QQ", receive(16))
    source = receive(source_length)
    run = Run(source, receive(input_length))
    token = receive(16)
    run.watch()
    end, code = run.judge(run.finish())
    output = b"".join(run.output)[:output_limit]
    clean = empty_folder()
    send(token + struct.pack("<BBHidII", end, not clean, 0, code, run.seconds, len(output), len(run.problem))
         + output + run.problem)
    if not clean:
        os._exit(0)


libc = ctypes.CDLL(None, use_errno=True)
seconds = float(sys.argv[1])
memory, output_limit, problem_limit, processes = (int(text) for text in sys.argv[2:6])
machine = os.uname().machine
if machine not in COLUMN or sys.maxsize < 2 ** 32 or sys.byteorder != "little":
    sys.exit(f"no filter of system calls is known for the processor {machine}")
if os.getpid() != 1:
    sys.exit(f"the worker is process {os.getpid()} of its namespace, not 1")
filter_text = filter_of(machine, processes)
filter_header = Filter(len(filter_text) // 8, filter_text)
prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
prctl(PR_SET_DUMPABLE, 0)
for name in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(name, signal.SIG_DFL if name == signal.SIGINT else signal.SIG_IGN)
os.closerange(3, 4096)
os.chdir(FOLDER)
os.umask(0o077)
builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
threading.stack_size(2 << 20)
reserve = [bytes(400) for _ in range(500)]  # blocks of the interpreter's own, freed where memory has run out
sys.argv[:] = [NAME]
sys.orig_argv[:] = [NAME]
sys.path[:] = [folder for folder in sys.path if folder]
gc.disable()
gc.collect()
gc.freeze()
send(READY)
while True:
    serve()
