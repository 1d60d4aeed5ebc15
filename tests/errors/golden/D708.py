import cvxpy as cp
import numpy as np

from declarative.compat import CvxpyLayer

x, a = cp.Variable(3, name="x"), cp.Parameter(3, name="a")
CvxpyLayer(cp.Problem(cp.Minimize(cp.sum_squares(x - a))), [a], [x])(np.ones((2, 4, 3)))
