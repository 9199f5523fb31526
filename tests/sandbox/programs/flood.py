# Endless standard error.
# sandbox: short
# end: timeout
import os

while True:
    os.write(2, b"x" * 10000)
