# A program is the module __main__, as usual.
# end: finished
# > __main__ True
# > Point(x=1, y=2)
# > True
import dataclasses
import pickle
import sys
import unittest


@dataclasses.dataclass
class Point:
    x: int
    y: int


print(__name__, sys.modules["__main__"].Point is Point)
print(pickle.loads(pickle.dumps(Point(1, 2))))


class Case(unittest.TestCase):
    def test(self):
        self.assertEqual(Point(1, 2), Point(1, 2))


print(unittest.TextTestRunner(stream=sys.stderr).run(unittest.defaultTestLoader.loadTestsFromTestCase(Case))
      .wasSuccessful())
exit()
