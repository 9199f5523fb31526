# Without the interpreter's limit: memory or the stack ends it.
# end: memory killed
import sys

sys.setrecursionlimit(10 ** 9)


def descend(depth):
    return max([depth], key=lambda d: descend(d + 1))


descend(0)
