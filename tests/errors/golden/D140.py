from declarative import declarative


@declarative
def square(a):
    """problem square
    given a: real
    find  x: real
    minimize (x - a)^2
    """
