import cvxpy as cp

from declarative.compat import CvxpyLayer

x, y, a = cp.Variable(name="x"), cp.Variable(name="y"), cp.Parameter(name="a")
CvxpyLayer(cp.Problem(cp.Minimize(cp.square(x - a))), [a], [y])
