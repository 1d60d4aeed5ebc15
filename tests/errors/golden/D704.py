import cvxpy as cp

import declarative as dc

x = cp.Variable(2, boolean=True, name="x")
dc.from_cvxpy(cp.Problem(cp.Minimize(cp.sum(x)), [x[0] >= 0.5]))
