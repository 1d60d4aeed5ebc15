import cvxpy as cp
import numpy as np

from declarative.backends.cvxpy.clarabel import Solver


def program(params, model):
    return cp.Minimize(-cp.sum_squares(model.find(2)))


Solver(program).dual("none", None, (np.zeros(2),), ())
