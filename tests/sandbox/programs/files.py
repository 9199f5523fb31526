# Looks for the machine's files, the test's own among them (its path comes second in the input).
# end: finished
# > 0 found
# > True
# > True
import os

input()
found = 0
for path in [input(), "/etc/passwd", "/etc/shadow", "/etc/hostname", "/root", "/home", "/var", "/proc", "/sys",
             "/proc/1/environ", "/proc/self/fd", "/run", "/mnt", "/dev/tty", "/dev/shm", "/dev/mem", "/dev/fd"]:
    for folder in ("", "/usr/..", "/tmp/.."):
        if os.path.lexists(folder + path):
            found += 1
            print("there is", folder + path)
print(found, "found")
print(set(os.listdir("/")) <= {"usr", "lib", "lib64", "bin", "dev", "tmp", "etc"})
print(not os.path.exists("/etc") or os.listdir("/etc") == ["ld.so.cache"])
