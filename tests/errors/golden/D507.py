from typing import Annotated

from declarative import declarative


@declarative
def square(a: Annotated[float, "real"]):
    """
    given a: real
    find  x: real
    minimize (x - a)^2
    """
