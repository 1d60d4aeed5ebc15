import cvxpy as cp

import declarative as dc

x, a = cp.Variable(2, pos=True, name="x"), cp.Parameter(pos=True, name="a")
dc.from_cvxpy(cp.Problem(cp.Minimize(x[0] * x[1]), [x[0] >= a]))
