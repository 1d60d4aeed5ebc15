"""Facts about an IR problem: the record that analysis fills and that rewrite, plan and explain read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from declarative.atoms.record import Curvature
from declarative.errors import Diagnostic
from declarative.ir import Expr


class Class(Enum):
    LP = "linear program"
    QP = "convex quadratic program"
    CONVEX = "convex program"
    LEAST_SQUARES = "nonlinear least squares"
    SMOOTH = "smooth unconstrained minimisation"
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
    """minimise scale * ||x - point||^2 (+ weight * ||x||_1 for `soft_threshold`) over a known set."""

    name: str  # "free", "simplex", "box", "ball", "affine", "soc", "psd", "nonneg", "soft_threshold"
    point: Expr
    args: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Facts:
    cls: Class
    curvature: Curvature  # of sense * objective; UNKNOWN for problems that are no minimisation
    convex: bool  # certified by disciplined rules
    blame: Diagnostic | None  # why not convex, at the guilty subexpression
    degree: int | None  # of the objective in the unknowns: 0, 1, 2, or None for no low polynomial
    affine_constraints: bool
    constrained: bool
    smooth: bool  # objective and constraints twice differentiable in the unknowns
    residuals: tuple[Expr, ...] | None  # objective = sum of their squares + constant, up to `scale`
    projection: Projection | None
    unique: Certificate
    differentiable: Certificate
    findings: tuple[Diagnostic, ...] = ()
