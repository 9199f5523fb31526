# Leaves files, folders that nobody may read, links and sockets.
# end: finished
import os
import socket

for name in ("file", "-rf", "\n", "\udcff"):
    open(name, "w").close()
os.makedirs("a/b/c")
open("a/b/c/file", "w").close()
os.chmod("a/b/c", 0)
os.chmod("a", 0)
os.symlink("/usr", "link")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
os.chmod("/tmp", 0)
