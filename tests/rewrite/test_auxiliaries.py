"""An auxiliary that a slack constraint leaves free does not make the user's unknowns irregular."""

import numpy as np

import declarative as dc

TEXT = """
problem budgeted
  given c: real[n], r: positive real
  find x: real[n]
  minimize ||x - c||^2
  subject to budget: ||x||_1 <= r
  return x, price = dual(budget)
"""


def test_a_slack_budget_is_regular_and_has_no_price() -> None:
    c = np.array([1.0, 0.2, -0.5])
    solution = dc.compile(TEXT).solve(c, 10.0)
    np.testing.assert_allclose(solution.x, c, atol=1e-12)
    assert solution.price == 0
    assert solution.derivative.item() is dc.DerivativeStatus.REGULAR


def test_a_binding_budget_is_regular_and_its_price_is_the_slope() -> None:
    c = np.array([1.0, 0.2, -0.5])
    solution = dc.compile(TEXT).solve(c, 1.0)
    np.testing.assert_allclose(solution.x, [0.75, 0.0, -0.25], atol=1e-12)
    np.testing.assert_allclose(solution.price, 0.5, atol=1e-12)
    assert solution.derivative.item() is dc.DerivativeStatus.REGULAR
