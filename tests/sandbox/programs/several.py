# Where several processes are allowed they work, and no more than so many.
# sandbox: several
# end: finished
# > b'out\n'
# > True
# > unshare PermissionError
import ctypes
import os
import subprocess
import time

print(subprocess.run(["/usr/bin/echo", "out"], stdout=subprocess.PIPE).stdout)
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except BlockingIOError:
    print(made <= 8)
libc = ctypes.CDLL(None, use_errno=True)
# clone(CLONE_NEWUSER | SIGCHLD, 0, ...)
number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
if libc.syscall(number, 0x10000011, 0, 0, 0, 0) < 0 and ctypes.get_errno() == 1:
    print("unshare PermissionError")
