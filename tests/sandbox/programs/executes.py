# What is executed in the program's place is under the same rules.
# end: error
# problem: PermissionError
import os

os.execv("/usr/bin/python3", ["python3", "-S", "-c", "import os; os.fork()"])
