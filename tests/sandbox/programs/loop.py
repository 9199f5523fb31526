# sandbox: short
# end: timeout
# > begun
print("begun", flush=True)
while True:
    pass
