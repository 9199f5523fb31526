# sandbox: short
# end: timeout
import time

time.sleep(1000)
