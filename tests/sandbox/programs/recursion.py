# end: error
# problem: RecursionError: maximum recursion depth exceeded
def descend():
    descend()


descend()
