# Writes outside its folder, and more into it than it may hold.
# end: finished
# > /made OSError
# > /usr/made OSError
# > /usr/bin/env OSError
# > /dev/made OSError
# > /lib/made OSError
# > /tmp/made worked
# > one file OSError
# > many files OSError
# > True
import os


def attempt(name, action):
    try:
        action()
        print(name, "worked")
    except Exception as error:
        print(name, type(error).__name__)


def fill(count, size):
    for number in range(count):
        with open(f"/tmp/fill{number}", "wb") as file:
            for _ in range(size):
                file.write(bytes(1 << 20))


for path in ["/made", "/usr/made", "/usr/bin/env", "/dev/made", "/lib/made", "/tmp/made"]:
    attempt(path, lambda: open(path, "w"))
attempt("one file", lambda: fill(1, 17))
attempt("many files", lambda: fill(4, 8))
print(sum(os.path.getsize("/tmp/" + name) for name in os.listdir("/tmp")) <= 16 << 20)
