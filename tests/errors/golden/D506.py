from declarative import declarative


@declarative
def square(a, b):
    """
    given a: real
    find  x: real
    minimize (x - a)^2 + b
    """
