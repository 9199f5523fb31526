# As many files as there is time for.
# end: output
# problem: more than 8192 files
number = 0
while True:
    number += 1
    open(f"file{number}", "w").close()
