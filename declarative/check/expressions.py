"""Surface expressions -> typed IR expressions. None stands for an expression that was already reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from declarative import ir
from declarative.atoms import ATOMS, ShapeError
from declarative.check import calls, indexing, nested
from declarative.check.library import Library
from declarative.check.origin import Origins
from declarative.check.reports import Reports, did_you_mean, excerpt, nearest
from declarative.check.scope import Entry, Scope
from declarative.dims import Dim
from declarative.errors import Fix, Label, Span
from declarative.grammar import tree

CONSTANTS = {"pi": math.pi, "inf": math.inf}
ARITHMETIC = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "^": "pow",
    "@": "matmul",
    "and": "and",
    "or": "or",
}
COMPARISONS = {"<=": "less_equal", "<": "less", "==": "equal", "!=": "not_equal"}
REDUCTIONS = ("sum", "max", "min", "prod", "mean")
NUMBERS = ("real", "int")
Maybe = ir.Expr | None


@dataclass
class Outputs:
    """What only `return` may name: multipliers, the optimal value, and unknowns at a time."""

    duals: Mapping[str, ir.Type] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()  # also those of constraints that are wrong
    objective: bool = False
    has_labels: bool = True
    timed: Mapping[str, ir.Type] = field(default_factory=dict)


@dataclass
class Lowering:
    """The state of one problem's checking: names in sight, findings, and where names were declared."""

    library: Library
    reports: Reports
    scope: Scope
    origins: Origins
    problem_of: Callable[[tree.Problem, Library, Span | None], ir.Problem | None]
    outputs: Outputs | None = None
    externs: dict[str, ir.ExternSignature] = field(default_factory=dict)
    expanding: tuple[str, ...] = ()
    statics: frozenset[str] = frozenset()

    def within(self, scope: Scope, **changes: object) -> Lowering:
        return replace(self, scope=scope, **changes)  # type: ignore[arg-type]

    # ---- expressions ---------------------------------------------------------------------------

    def expr(self, node: tree.Expr) -> Maybe:
        """The typed expression, or None after a report."""
        match node:
            case tree.Number(value=value):
                return ir.Const(value, ir.Type("int" if isinstance(value, int) else "real"), span=node.span)
            case tree.Boolean(value=value):
                return ir.Const(value, ir.Type("bool"), span=node.span)
            case tree.Name():
                return self.name(node)
            case tree.Unary():
                return self._unary(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Compare():
                return self._compare(node)
            case tree.Norm():
                return self._norm(node)
            case tree.Index():
                return indexing.index(self, node)
            case tree.Call():
                return calls.call(self, node)
            case tree.Comprehension():
                return self._comprehension(node)
            case tree.IfElse(condition=condition, then=then, otherwise=otherwise):
                parts = self.all((condition, then, otherwise))
                return None if parts is None else self.apply("where", parts, node.span)
            case tree.Nested():
                return nested.in_place(self, node)
            case _:
                self.reports.add("D241", node.span, what=f"`{excerpt(node.span)}`")
                return None

    def all(self, nodes: Sequence[tree.Expr]) -> tuple[ir.Expr, ...] | None:
        """All of them, each checked even where an earlier one failed."""
        parts = [self.expr(node) for node in nodes]
        good = tuple(part for part in parts if part is not None)
        return good if len(good) == len(parts) else None

    def name(self, node: tree.Name) -> Maybe:
        entry = self.scope.find(node.name)
        if entry is not None:
            shared = entry.value is None or entry.kind in ("let", "argument")
            return entry.value if shared else replace(entry.value, span=node.span)  # type: ignore[type-var]
        if node.name in CONSTANTS:
            return ir.Const(CONSTANTS[node.name], span=node.span)
        if node.name == "objective":
            if self.outputs is not None and self.outputs.objective:
                return ir.OptimalValue(span=node.span)
            self.reports.add("D262", node.span, what="`objective`")
            return None
        if node.name in ATOMS or self.library.find(node.name) is not None:
            self.reports.add("D214", node.span, name=node.name)
            return None
        self.unknown_name(node)
        return None

    def unknown_name(self, node: tree.Name) -> None:
        known = [*self.scope.names(), *CONSTANTS]
        near = nearest(node.name, known)
        fix = Fix(node.span, near) if near else None
        self.reports.add("D201", node.span, fix=fix, name=node.name, hint=did_you_mean(node.name, known))

    # ---- operators -----------------------------------------------------------------------------

    def _unary(self, node: tree.Unary) -> Maybe:
        operand = self.expr(node.operand)
        if operand is None:
            return None
        if node.op == "+":
            return operand if self.number(operand) else None
        if node.op == "'":
            # A vector and a number are their own transposes.
            if len(operand.type.shape) < 2:
                return operand if self.number(operand) else None
            return self.apply("transpose", (operand,), node.span)
        if node.op == "not":
            return self.apply("not", (operand,), node.span)
        if isinstance(operand, ir.Const) and operand.type.base in NUMBERS:
            return replace(operand, value=-operand.value, span=node.span)
        if isinstance(operand, ir.Size):
            return ir.Size(-operand.dim, span=node.span)
        return self.apply("neg", (operand,), node.span)

    def _binary(self, node: tree.Binary) -> Maybe:
        # Long sums are deep on the left: a loop, not a recursion, goes down there.
        spine = [node]
        while isinstance(spine[-1].left, tree.Binary):
            spine.append(spine[-1].left)
        result = self.expr(spine[-1].left)
        for step in reversed(spine):
            right = self.expr(step.right)
            result = None if result is None or right is None else self.operator(step, result, right)
        return result

    def operator(self, node: tree.Binary, left: ir.Expr, right: ir.Expr) -> Maybe:
        if node.op in ("+", "-", "*") and (isinstance(left, ir.Size) or isinstance(right, ir.Size)):
            a, b = indexing.dimension(left), indexing.dimension(right)
            if a is not None and b is not None:
                dim = a + b if node.op == "+" else a - b if node.op == "-" else a * b
                return ir.Size(dim, span=node.span)
        if node.op == "*" and {len(left.type.shape), len(right.type.shape)} == {1, 2}:
            self._suggest_product(node, left, right)
            return None
        if node.op == "^" and isinstance(left, ir.Apply) and left.atom == "norm2" and _is_two(right):
            # The square of a norm is smooth where the norm is not.
            return self.apply("sum_squares", left.args, node.span)
        return self.apply(ARITHMETIC[node.op], (left, right), node.span)

    def _suggest_product(self, node: tree.Binary, left: ir.Expr, right: ir.Expr) -> None:
        text = f"{node.left.span.text} @ {node.right.span.text}"
        fits = left.type.shape[-1] == right.type.shape[0]
        shapes = (_shape_text(left), _shape_text(right))
        fix = Fix(node.span, text) if fits else None
        self.reports.add("D230", node.span, fix=fix, left=shapes[0], right=shapes[1])

    def _compare(self, node: tree.Compare) -> Maybe:
        parts = self.all(node.operands)
        if parts is None:
            return None
        result: Maybe = None
        for left, op, right in zip(parts, node.ops, parts[1:], strict=False):
            if op in ("succeeds", "precedes"):
                self.reports.add("D245", node.span)
                return None
            if op in (">", ">="):
                left, right, op = right, left, "<" if op == ">" else "<="
            step = self.apply(COMPARISONS[op], (left, right), node.span)
            if step is None:
                return None
            result = step if result is None else self.apply("and", (result, step), node.span)
        return result

    def _norm(self, node: tree.Norm) -> Maybe:
        operand = self.expr(node.operand)
        if operand is None:
            return None
        axes, kind = len(operand.type.shape), node.kind
        if axes == 0:
            return self.apply("abs", (operand,), node.span)
        if axes > 2 and kind is not None:
            self.reports.add(
                "D223", node.operand.span, wanted="a vector or a matrix", shape=_shape_text(operand)
            )
            return None
        named = {None: "norm2", "1": "norm1", "inf": "norm_inf", "F": "norm2", "*": "norm_nuc"}
        if kind == "2":
            return self.apply("norm_spec" if axes == 2 else "norm2", (operand,), node.span)
        if kind in named:
            return self.apply(named[kind], (operand,), node.span)
        try:
            p = float(kind or "")
        except ValueError:
            p = math.nan
        if not 1 <= p < math.inf:
            self.reports.add("D125", node.span, kind=kind)
            return None
        if axes == 2:
            self.reports.add("D234", node.span, kind=kind)
            return None
        return self.apply("norm_p", (operand,), node.span, {"p": p})

    # ---- comprehensions ------------------------------------------------------------------------

    def _comprehension(self, node: tree.Comprehension) -> Maybe:
        op = node.function.name
        if op not in REDUCTIONS:
            self.reports.add("D217", node.function.span, name=op)
            return None
        scope, binders = self.binders(node.binders)
        inside = self.within(scope)
        body = inside.expr(node.body)
        where = inside.condition(node.where) if node.where is not None else None
        if body is None or binders is None or (node.where is not None and where is None):
            return None
        if not self.number(body):
            return None
        if where is None:
            indexing.check_ranges(self, body, binders)
        base: ir.Base = "real" if op == "mean" else body.type.base
        return ir.Reduce(op, body, binders, where, ir.Type(base, body.type.shape), span=node.span)  # type: ignore[arg-type]

    def binders(self, nodes: Sequence[tree.Binder]) -> tuple[Scope, tuple[ir.Binder, ...] | None]:
        """The scope in which the index variables are known, and their ranges."""
        scope, binders, good = self.scope.inner(), list[ir.Binder](), True
        for node in nodes:
            name = node.name.name
            taken = self.scope.find(name) or scope.entries.get(name)
            if taken is not None or name in CONSTANTS:
                self.reports.add("D203", node.name.span, *([taken.span] if taken else []), name=name)
            if isinstance(node.domain, tree.Range):
                first, last = self.dim(node.domain.first), self.dim(node.domain.last)
                last = None if last is None else last + 1
            else:
                first, last = Dim.of(0), self.dim(node.domain)
            scope.entries[name] = Entry("index", ir.Bound(name), node.name.span)
            if first is None or last is None:
                good = False
                continue
            length = (last - first).constant
            if length is not None and length < 1:
                self.reports.add("D235", node.span, name=name)
            binders.append(ir.Binder(name, first, last, span=node.span))
        return scope, tuple(binders) if good else None

    def condition(self, node: tree.Expr) -> Maybe:
        """A scalar truth value."""
        found = self.expr(node)
        if found is None:
            return None
        if found.type.base != "bool":
            self.reports.add("D243", node.span, base=found.type.base)
            return None
        if found.type.shape:
            self.reports.add("D226", node.span, shape=_shape_text(found))
            return None
        return found

    def dim(self, node: tree.Expr) -> Dim | None:
        """A dimension: whole numbers and dimension names under +, - and *."""
        return indexing.size(self, node)

    # ---- typing --------------------------------------------------------------------------------

    def number(self, value: ir.Expr) -> bool:
        if value.type.base in NUMBERS:
            return True
        self.wrong_base(value, "a number")
        return False

    def wrong_base(self, value: ir.Expr, wanted: str) -> None:
        code = {"any": "D241", "bool": "D240"}.get(value.type.base, "D219")
        base = "truth value" if value.type.base == "bool" else value.type.base
        self.reports.add(code, value.span, what=f"`{excerpt(value.span)}`", base=base, wanted=wanted)

    def apply(
        self, atom: str, args: tuple[ir.Expr, ...], span: Span, attrs: Mapping[str, object] | None = None
    ) -> Maybe:
        """The atom on arguments that fit it, with every attribute filled."""
        record = ATOMS[atom]
        for position, argument in enumerate(args):
            wants_bool = record.takes == "bool" or (record.takes == "choice" and position == 0)
            if wants_bool and argument.type.base != "bool":
                self.reports.add("D243", argument.span, base=argument.type.base)
                return None
            if not wants_bool and not self.number(argument):
                return None
        settings = {**dict(record.attrs), **(attrs or {})}
        try:
            shape = record.shape(tuple(argument.type.shape for argument in args), settings)
        except ShapeError as error:
            self.shape_error(error, args, span)
            return None
        base: ir.Base = "bool" if record.result == "bool" else "real"
        if record.result == "same" and all(a.type.base in ("int", "bool") for a in args) and args:
            base = "int"
        return ir.Apply(atom, args, ir.Type(base, shape), tuple(settings.items()), span=span)

    def shape_error(self, error: ShapeError, args: tuple[ir.Expr, ...], span: Span) -> None:
        fields: dict[str, Any] = dict(error.fields)
        labels: list[Label] = []
        for side, (position, axis) in zip(("left", "right"), error.places, strict=False):
            argument = args[position]
            if axis is not None:
                fields[side] = self.origins.axis(argument, axis)
            labels.append(Label(argument.span, f"this is {_shape_text(argument)}"))
        unique = [label for label in labels if label.span.text and label.span != span]
        self.reports.add(error.code, span, *unique, text=excerpt(span), **fields)


def _is_two(expr: ir.Expr) -> bool:
    return isinstance(expr, ir.Const) and not isinstance(expr.value, bool) and expr.value == 2


def _shape_text(expr: ir.Expr) -> str:
    shape = expr.type.shape
    return f"[{', '.join(map(str, shape))}]" if shape else "a scalar"
