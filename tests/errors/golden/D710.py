import cvxpy as cp

from declarative.compat import CvxpyLayer


class Solver:
    """A custom one."""


x, a = cp.Variable(name="x"), cp.Parameter(name="a")
CvxpyLayer(cp.Problem(cp.Minimize(cp.square(x - a))), [a], [x], solver=Solver())
