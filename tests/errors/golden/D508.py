from declarative import declarative


@declarative
def square(a, b):
    """
    given b: real, a: real
    find  x: real
    minimize (x - a)^2 + b
    """
