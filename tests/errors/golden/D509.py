from typing import Annotated

from declarative import declarative


@declarative
def square(a: Annotated[float, "real[n]]"]):
    """
    find  x: real
    minimize ||x - a||^2
    """
