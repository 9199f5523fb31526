# end: finished
# > caught
try:
    bytearray(1 << 40)
except MemoryError:
    print("caught")
