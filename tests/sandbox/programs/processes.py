# Makes other processes where only one is allowed, threads where some are.
# end: finished
# > fork PermissionError
# > run PermissionError
# > spawn PermissionError
# > [0, 1, 4, 9, 16, 25, 36, 49]
# > RuntimeError
import concurrent.futures
import os
import subprocess
import threading
import time


def attempt(name, action):
    try:
        print(name, "worked", action())
    except Exception as error:
        print(name, type(error).__name__)


attempt("fork", os.fork)
attempt("run", lambda: subprocess.run(["/usr/bin/env"]))
attempt("spawn", lambda: os.posix_spawn("/usr/bin/env", ["env"], {}))
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(list(pool.map(lambda x: x * x, range(8))))
try:
    for _ in range(200):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError as error:
    print(type(error).__name__)
