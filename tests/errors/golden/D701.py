import cvxpy as cp

from declarative.compat import CvxpyLayer

x, a, b = cp.Variable(2, name="x"), cp.Parameter(nonneg=True, name="a"), cp.Parameter(nonneg=True, name="b")
CvxpyLayer(cp.Problem(cp.Minimize(cp.sum_squares(x)), [a * b * x[0] >= 1]), [a, b], [x])
