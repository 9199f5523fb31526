# Folders deeper than any path can name.
# end: finished
import os

for _ in range(2000):
    os.mkdir("deep")
    os.chdir("deep")
