import declarative as dc
from declarative import declarative


@declarative
def square(a: dc.real = None):
    """
    find  x: real
    minimize (x - a)^2
    """
