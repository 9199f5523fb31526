# The same in small pieces: not even the report has room.
# end: memory
# problem: MemoryError
import gc

gc.disable()
hog = []
while True:
    hog.append((hog, len(hog)))
