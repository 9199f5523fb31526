# More than is worth removing: the worker is replaced.
# end: finished
for number in range(1000):
    open(f"file{number}", "w").close()
