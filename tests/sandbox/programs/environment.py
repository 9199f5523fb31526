# end: finished
# > HOME LANG PATH
# > sandbox 65534 65534
# > ['program.py'] ['program.py']
import os
import sys

print(*sorted(os.environ))
print(os.uname().nodename, os.getuid(), os.getgid())
print(sys.argv, sys.orig_argv)
