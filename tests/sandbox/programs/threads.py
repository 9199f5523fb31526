# A thread that never ends, which the interpreter waits for.
# sandbox: short
# end: timeout
# > last line
import threading
import time

threading.Thread(target=time.sleep, args=(1000,)).start()
print("last line", flush=True)
