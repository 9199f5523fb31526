# What is due at the interpreter's end.
# end: finished
# > main
# > thread
# > goodbye
import atexit
import threading
import time

atexit.register(print, "goodbye")


def work():
    time.sleep(0.05)
    print("thread")


threading.Thread(target=work).start()
print("main")
