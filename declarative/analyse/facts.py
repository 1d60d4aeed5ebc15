"""Facts about an IR problem: the record that analysis fills and that rewrite, plan and explain read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from declarative.atoms.record import Curvature
from declarative.errors import Diagnostic
from declarative.ir import Binder, Expr


class Class(Enum):
    LP = "linear program"
    QP = "convex quadratic program"
    CONVEX = "convex program"
    LEAST_SQUARES = "nonlinear least squares"
    SMOOTH = "smooth unconstrained minimisation"
    GEOMETRIC = "geometric program"
    NONLINEAR = "constrained or nonsmooth nonconvex minimisation"
    FIXED_POINT = "fixed point"
    ROOT = "root"
    SADDLE = "saddle point"
    EQUILIBRIUM = "Nash equilibrium"
    ODE = "initial value problem"


@dataclass(frozen=True)
class Certificate:
    """`holds` True: proven. False: disproven. None: holds under `condition`, in words."""

    holds: bool | None
    condition: str


@dataclass(frozen=True)
class Projection:
    """shift + the x that minimises 1/2 ||x - point||^2 over a known set, or a proximal map; x is the only unknown.

    | name | args | x minimises 1/2 ||x - point||^2 over |
    |---|---|---|
    | free, nonneg, soc, psd, monotone | | all of space, x >= 0, a cone |
    | simplex | radius, absent for 1 | x >= 0, sum(x) == radius |
    | box | lower, upper: scalars or of x's shape, infinite where open | lower <= x <= upper |
    | ball, ball_1, sphere | radius | norm(x) <= radius, == for the sphere |
    | affine | A, b | A @ x == b |
    | hyperplane, halfspace | normal, level | sum(normal * x) == level, <= level |
    | knapsack, budget | lower, upper, normal, level, weights | box and plane or half-space, in a weighted norm |

    | name | args | x minimises |
    |---|---|---|
    | soft_threshold | threshold[, lower, upper] | 1/2 ||x - point||^2 + sum(threshold * abs(x)) |
    | group_threshold | threshold, rows | 1/2 ||x - point||^2 + threshold * (norms of x's rows, summed) |
    | singular_threshold | threshold, rows | 1/2 ||x - point||^2 + threshold * (x's singular values, summed) |
    | softmax | radius, absent for 1 | sum(x * log(x)) - point' @ x over the simplex |

    `point` has the shape of x. Sets and kinks stand about the origin: `shift`, None for 0, moves them.
    """

    name: str
    point: Expr
    args: tuple[Expr, ...] = ()
    shift: Expr | None = None


@dataclass(frozen=True)
class Separable:
    """The minimiser is found entry by entry: lower <= x <= upper for each unknown, infinite where open."""

    bounds: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class Part:
    """What stands beside a smooth function of an unknown: a proximal map or a set, named as in `Projection`.

    | name | args | the function of x |
    |---|---|---|
    | fused_threshold | threshold | threshold * sum(abs(x[i + 1] - x[i])) |
    """

    name: str
    args: tuple[Expr, ...] = ()
    shift: Expr | None = None


@dataclass(frozen=True)
class Composite:
    """What is minimised is `smooth`, differentiable, plus one part for each unknown, in their order."""

    smooth: Expr
    parts: tuple[Part, ...]
    quadratic: bool
    twice: bool  # twice continuously differentiable


@dataclass(frozen=True)
class LowRank:
    """The Hessian is diag(diagonal) + the sum over (E, c) of E' diag(c) E; diagonal and c are numbers or vectors.

    The diagonal is certainly positive, each c nonnegative.
    """

    diagonal: Expr
    factors: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class Residual:
    """`value`, an array, once for every value of the binders where `where` holds."""

    value: Expr
    binders: tuple[Binder, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True)
class Facts:
    cls: Class
    curvature: Curvature  # of sense * objective; UNKNOWN for problems that are no minimisation
    convex: bool  # certified by disciplined rules, or as a known map
    blame: Diagnostic | None  # why not convex, at the guilty subexpression
    degree: int | None  # of the objective in the unknowns: 0, 1, 2, or None for no low polynomial
    affine_constraints: bool
    constrained: bool
    smooth: bool  # objective and constraints twice differentiable in the unknowns
    residuals: tuple[Residual, ...] | None  # the minimiser of the sum of their squares is the problem's
    projection: Projection | None
    separable: Separable | None
    low_rank: LowRank | None  # of an unconstrained quadratic problem
    composite: Composite | None
    unique: Certificate
    differentiable: Certificate
    findings: tuple[Diagnostic, ...] = ()
    loglog: bool = False  # convex in the logarithms of its unknowns, which are positive
