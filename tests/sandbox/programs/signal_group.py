# end: killed
# code: 9
import os

os.killpg(0, 9)
