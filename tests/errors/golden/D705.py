import cvxpy as cp

import declarative as dc

x, a = cp.Variable(name="x"), cp.Parameter(complex=True, name="a")
dc.from_cvxpy(cp.Problem(cp.Minimize(cp.abs(x - a))))
