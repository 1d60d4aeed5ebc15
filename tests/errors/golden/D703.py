import cvxpy as cp

import declarative as dc

x, a = cp.Variable(2, name="x"), cp.Parameter(name="a")
dc.from_cvxpy(cp.Problem(cp.Minimize(x[0] - x[1]), [x[0] >= a]), gp=True)
