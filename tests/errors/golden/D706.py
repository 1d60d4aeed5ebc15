import cvxpy as cp

from declarative.compat import CvxpyLayer

x, a, b = cp.Variable(name="x"), cp.Parameter(name="a"), cp.Parameter(name="b")
CvxpyLayer(cp.Problem(cp.Minimize(cp.square(x - a)), [x >= b]), [a], [x])
