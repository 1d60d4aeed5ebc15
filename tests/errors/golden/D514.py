import declarative as dc
from declarative import declarative


@declarative
def p(a: dc.real):
    x = dc.find("n")
    dc.minimize(dc.sum_squares(x) * a)
    dc.subject_to(x <= "1")
