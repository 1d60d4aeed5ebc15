import declarative as dc
from declarative import declarative


@declarative
def square(a: dc.real, *others):
    x = dc.find()
    dc.minimize((x - a) ** 2)
