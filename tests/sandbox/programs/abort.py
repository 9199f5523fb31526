# end: killed
# code: 6
import os

os.abort()
