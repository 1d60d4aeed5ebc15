"""Statuses of a solve and of its derivative; the value of each is the advice a user reads."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """Outcome of one element of a batch. `Status.SOLVED.code` is the int8 that engines carry."""

    SOLVED = "solved to the tolerance asked for"
    INACCURATE = "close, but not to the tolerance: look at `.residual`, scale the data, or raise `max_iter`"
    INFEASIBLE = "no point satisfies the constraints: relax one, or add a slack with a penalty"
    UNBOUNDED = "the objective falls without end: add bounds or a regularising term"
    DIVERGED = (
        "the iteration ran away: try another `start` or `engine`, damping, or check the model's conditions"
    )
    MAX_ITERATIONS = "stopped at `max_iter`: raise it, loosen `tol`, or try another `start` or `engine`"
    INVALID_INPUT = (
        "an argument holds NaN or infinity, or is a negative weight: clean the data before the call"
    )

    def __init__(self, advice: str):
        self.code = len(type(self).__members__)

    @property
    def advice(self) -> str:
        return self.value

    @property
    def usable(self) -> bool:
        """Whether outputs are kept under `on_fail="nan"`."""
        return self in (Status.SOLVED, Status.INACCURATE)

    def __str__(self) -> str:
        return self.name.lower()


class DerivativeStatus(Enum):
    """What the implicit function theorem says at the solution of one element."""

    REGULAR = "the solution is differentiable here and the derivative is exact"
    WEAKLY_ACTIVE = (
        "a constraint is active with a zero multiplier: one-sided derivatives differ, one of them is "
        'returned; `backward="smoothed(mu)"` averages'
    )
    DEPENDENT_CONSTRAINTS = (
        "active constraints are linearly dependent: multipliers are not unique, a least-norm element "
        "of the generalised Jacobian is returned; remove redundant constraints"
    )
    SINGULAR = (
        "the optimality system is singular: the solution is not locally unique or not differentiable, "
        "a least-norm element is returned; add a regularising term"
    )

    def __init__(self, advice: str):
        self.code = len(type(self).__members__)

    @property
    def advice(self) -> str:
        return self.value

    def __str__(self) -> str:
        return self.name.lower()
