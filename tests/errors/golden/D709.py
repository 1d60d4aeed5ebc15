from unittest import mock

import cvxpy as cp

import declarative as dc

reduced = cp.Problem.get_problem_data


def later_version(problem, *args, **kwargs):
    data, chain, inverse = reduced(problem, *args, **kwargs)
    data["param_prob"].dir_cones = ["soc"]
    return data, chain, inverse


x, a = cp.Variable(3, name="x"), cp.Parameter(3, name="a")
with (
    mock.patch.object(cp.Problem, "get_problem_data", later_version),
    mock.patch.object(cp, "__version__", "2.0"),
):
    dc.from_cvxpy(cp.Problem(cp.Minimize(cp.sum_squares(x - a))))
