# Every signal to process 1, to the parent and to everybody.
# end: finished
# > still here
import os

for number in range(1, 65):
    for process in (1, os.getppid(), -1):
        try:
            os.kill(process, number)
        except OSError:
            pass
print("still here")
