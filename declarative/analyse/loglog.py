"""Log-log curvature: an expression of positive unknowns -> its logarithm as an expression of their logarithms.

    x = exp(u)          log(c x^a y^b) = log(c) + a u + b v          monomials become affine
                        log(f + g)     = log_sum_exp(log f, log g)   posynomials convex
                        log(max(f, g)) = max(log f, log g)           generalised ones too

Disciplined rules then say whether the logarithm is convex, affine or concave in the logarithms (Agrawal,
Diamond, Boyd: Disciplined geometric programming, 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from declarative.analyse.scope import Memo
from declarative.analyse.structure import Structure
from declarative.analyse.terms import add, apply, is_zero, mul, neg, ones, stretch, sub
from declarative.ir import (
    Apply,
    Const,
    Constraint,
    Equality,
    Expr,
    Index,
    Inequality,
    Membership,
    Minimize,
    Problem,
    Reduce,
    Semidefinite,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

HALF, TWO = Const(0.5), Const(2.0)
ARRANGED = frozenset({"transpose", "reshape", "vec", "concat", "stack", "diag"})
EXTREME = frozenset({"max", "min", "maximum", "minimum"})


@dataclass
class NotLogLog(Exception):
    """The subexpression whose logarithm has no such form, and why in words."""

    expr: Expr
    reason: str


class Logarithms:
    """`logs(e)` is log(e); `unknowns` are the logarithms of the unknowns, by name. Raises `NotLogLog`."""

    def __init__(self, structure: Structure, unknowns: Mapping[str, Expr]):
        self.structure, self.unknowns = structure, unknowns
        self._known = Memo(self._compute)

    def __call__(self, expr: Expr) -> Expr:
        return self._known(expr)

    def _compute(self, expr: Expr) -> Expr:
        if self.structure.constant(expr):
            if not self.structure.curvature.signs.positive(expr):
                raise NotLogLog(expr, "this coefficient is not known to be positive")
            value = number(expr)
            return Const(0.0) if value == 1 and not expr.type.shape else apply("log", expr)
        match expr:
            case Unknown(name=name):
                return self.unknowns[name]
            case Index(array=array, items=items) if self._fixed(items):
                return replace(expr, array=self(array))
            case Reduce(op="prod", body=body):
                return replace(expr, op="sum", body=self(body))
            case Reduce(op="max" | "min", body=body):
                return replace(expr, body=self(body))
            case Apply(atom=atom) if atom in _RULES:
                return _RULES[atom](self, expr)
            case Apply(atom=atom, args=args) if atom in ARRANGED or atom in EXTREME:
                return replace(expr, args=tuple(map(self, args)))
            case Apply(atom="sub"):
                raise NotLogLog(expr, "a difference is no posynomial")
            case Apply(atom=atom):
                raise NotLogLog(expr, f"`{atom}` is no posynomial")
            case _:
                raise NotLogLog(expr, "this is no posynomial")

    def _fixed(self, items: tuple[object, ...]) -> bool:
        return all(not isinstance(item, (Apply, Unknown)) or self.structure.constant(item) for item in items)

    # ---- rules --------------------------------------------------------------------------------

    def _sum(self, expr: Apply) -> Expr:
        addends = [self(part) for part in self._addends(expr)]
        shape = expr.type.shape
        if not shape:
            return apply("log_sum_exp", apply("stack", *addends, axis=0), axis=None)
        stacked = apply("stack", *(stretch(one, shape) for one in addends), axis=0)
        return apply("log_sum_exp", stacked, axis=0)

    def _addends(self, expr: Expr) -> list[Expr]:
        if isinstance(expr, Apply) and expr.atom == "add" and not self.structure.constant(expr):
            return [part for arg in expr.args for part in self._addends(arg)]
        return [expr]

    def _total(self, expr: Apply) -> Expr:
        return replace(expr, atom="log_sum_exp", args=(self(expr.args[0]),))

    def _mean(self, expr: Apply) -> Expr:
        raise NotLogLog(expr, "write the mean as a sum over a number")

    def _power(self, expr: Apply) -> Expr:
        base, exponent = expr.args
        if not self.structure.constant(exponent):
            raise NotLogLog(expr, "the exponent is not constant")
        return mul(exponent, self(base))

    def _inner(self, expr: Apply) -> Expr:
        """Products of vectors and matrices: sums of products along the axis that they share."""
        left, right = expr.args
        a, b = self(left), self(right)
        shapes = tuple(map(len, (left.type.shape, right.type.shape)))
        if shapes == (1, 1):
            return apply("log_sum_exp", add(a, b), axis=None)
        if shapes == (2, 1):
            return apply("log_sum_exp", add(a, apply("outer", ones(left.type.shape[:1]), b)), axis=1)
        if shapes == (1, 2):
            return apply("log_sum_exp", add(apply("outer", a, ones(right.type.shape[1:])), b), axis=0)
        raise NotLogLog(expr, "a product of two matrices is not taken apart")


def _product(logs: Logarithms, expr: Apply) -> Expr:
    return add(*map(logs, expr.args))


def _quotient(logs: Logarithms, expr: Apply) -> Expr:
    return sub(*map(logs, expr.args))


def _times(factor: Expr) -> Callable[[Logarithms, Apply], Expr]:
    return lambda logs, expr: mul(factor, logs(expr.args[0]))


_RULES: dict[str, Callable[[Logarithms, Apply], Expr]] = {
    "add": Logarithms._sum,
    "sum": Logarithms._total,
    "mean": Logarithms._mean,
    "mul": _product,
    "div": _quotient,
    "pow": Logarithms._power,
    "matmul": Logarithms._inner,
    "dot": Logarithms._inner,
    "sqrt": _times(HALF),
    "square": _times(TWO),
    "inv_pos": lambda logs, expr: neg(logs(expr.args[0])),
    "prod": lambda logs, expr: replace(expr, atom="sum", args=(logs(expr.args[0]),)),
    "sum_squares": lambda logs, expr: apply("log_sum_exp", mul(TWO, logs(expr.args[0])), axis=None),
    "norm2": lambda logs, expr: mul(HALF, apply("log_sum_exp", mul(TWO, logs(expr.args[0])), axis=None)),
}


# ---- whole problems ------------------------------------------------------------------------------


def attempted(problem: Problem) -> bool:
    """Whether it minimises over unknowns that are all declared positive, and nothing else."""
    positive = all(
        v.properties == frozenset({"positive"}) and v.within is None and v.type.base == "real"
        for v in problem.unknowns
    )
    return isinstance(problem.statement, Minimize) and bool(problem.unknowns) and positive


def in_logarithms(problem: Problem, structure: Structure) -> tuple[Problem, Logarithms]:
    """Objective and constraints in the logarithms of the unknowns, whose names are new; outputs stay as they are.

    Raises `NotLogLog`. It is a geometric program where disciplined rules certify the result.
    """
    statement = problem.statement
    assert isinstance(statement, Minimize)
    taken = {item.name for items in (problem.params, problem.unknowns, problem.lets) for item in items}
    taken |= set(problem.dims)
    names = {v.name: f"log_{v.name}" for v in problem.unknowns}
    while taken & set(names.values()):
        names = {old: f"{new}_" for old, new in names.items()}
    logs = Logarithms(
        structure, {v.name: Unknown(names[v.name], v.type, span=v.span) for v in problem.unknowns}
    )
    found = [_constraint(constraint, logs) for constraint in problem.constraints]
    changed = replace(
        problem,
        unknowns=tuple(Variable(names[v.name], v.type, doc=v.doc, span=v.span) for v in problem.unknowns),
        statement=replace(statement, value=logs(statement.value)),
        constraints=tuple(one for one in found if one is not None),
        lets=(),
    )
    return changed, logs


def _constraint(constraint: Constraint, logs: Logarithms) -> Constraint | None:
    """None for `0 <= e` without a label, which holds anyway."""
    match constraint:
        case Inequality(left=left, right=right, label=None) if is_zero(left):
            logs(right)
            return None
        case Equality(left=left, right=right) | Inequality(left=left, right=right):
            return replace(constraint, left=logs(left), right=logs(right))
        case Membership(member=member):
            raise NotLogLog(member, "a geometric program knows no sets")
        case Semidefinite(greater=greater):
            raise NotLogLog(greater, "a geometric program knows no matrix inequalities")


def guilty(problem: Problem, changed: Problem, structure: Structure) -> NotLogLog:
    """Why logarithms that exist are not certified convex; `structure` is that of the changed problem."""
    statement, own, curvature = changed.statement, problem.statement, structure.curvature
    assert isinstance(statement, Minimize)
    assert isinstance(own, Minimize)
    if not (curvature.convex if statement.sense > 0 else curvature.concave)(statement.value):
        wanted = "a posynomial to be minimized" if statement.sense > 0 else "a monomial to be maximized"
        return NotLogLog(own.value, f"this is not {wanted}")
    for log in changed.constraints:
        assert isinstance(log, Equality | Inequality)
        if isinstance(log, Equality):
            sides, wanted = (log.left, log.right), "both sides of `==` must be monomials"
            wrong = next((side for side in sides if not curvature.affine(side)), None)
        elif curvature.convex(log.left):
            wrong, wanted = log.right, "the larger side must be a monomial"
            wrong = None if curvature.concave(log.right) else wrong
        else:
            wrong, wanted = log.left, "the smaller side must be a posynomial"
        if wrong is not None:
            return NotLogLog(replace(wrong, span=log.span), wanted)
    return NotLogLog(own.value, "this is no posynomial")
