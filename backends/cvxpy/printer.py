"""IR expressions -> cvxpy expressions as Python text, linear in the cvxpy parameters they hold.

Parts without unknowns are printed as JAX and wrapped in `given(...)`. cvxpy re-uses its work only
where no parameter multiplies another (its DPP rule); so beside a factor that is a parameter, or as a divisor, what
holds further parameters is named by a variable of its own (`define`, `above`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from declarative import ir
from declarative.analyse.curvature import squared
from declarative.analyse.scope import Scope as Declarations
from declarative.analyse.scope import constants
from declarative.analyse.signs import Signs, as_quadratic
from declarative.atoms import ATOMS, Curvature, Sign
from declarative.backends.jax.printer import Block, Printer, tidy
from declarative.backends.jax.writer import Function
from declarative.walk import children

ARITHMETIC = frozenset({"add", "sub", "neg", "mul", "div", "pow"})
PRODUCTS = frozenset({"mul", "matmul", "dot", "outer", "kron", "where"})
SPECIAL = frozenset({"div", "quad_over_lin", "solve", "huber"})


class ConvexPrinter(Printer):
    """Prints what a program of cvxpy holds; `host` prints the parts that JAX computes."""

    def __init__(self, function: Function, objective: ir.Expr, curvature: Callable[[ir.Expr], Curvature]):
        problem = function.scope.problem
        roots = [objective, *sides(problem)]
        super().__init__(problem, function.scope.names, roots, taken={"model", "given", "cp", "ct", "np"})
        self.host = Printer(problem, function.scope.names, roots)
        self.host.reads, self.host.dims, self.host.used = self.reads, self.dims, self.used
        self.signs, self.constant = Signs(Declarations.of(problem)), constants()
        self.curvature = curvature
        self.linear = set(map(id, _terms(objective)))

    # ---- where the two languages meet ------------------------------------------------------------

    def text(self, node: ir.Expr, block: Block) -> str:
        if not self.constant(node) or plain(node):
            return super().text(node, block)
        sign = {Sign.NONNEG: ', "nonneg"', Sign.NONPOS: ', "nonpos"'}.get(self.signs(node), "")
        return f"given({tidy(self.host.text(node, block))}{sign})"

    def free(self, node: ir.Expr, block: Block) -> str:
        """The node without parameters in it."""
        if self.constant(node) or not self.holds_data(node):
            return self.text(node, block)
        if self.curvature(node) in (Curvature.AFFINE, Curvature.CONSTANT):
            return f"model.define({tidy(self.text(node, block))})"
        if isinstance(node, ir.Apply) and node.atom not in PRODUCTS | SPECIAL and as_quadratic(node) is None:
            return self._fill(node.atom, [self.free(arg, block) for arg in node.args], node.attrs, block)
        return f"model.above({tidy(self.text(node, block))})"

    def holds_data(self, node: ir.Node) -> bool:
        if isinstance(node, ir.Slice):
            return False
        if self.constant(node):  # type: ignore[arg-type]
            return not plain(node)
        return any(map(self.holds_data, children(node)))

    # ---- compound nodes -------------------------------------------------------------------------

    def _compound(self, node: ir.Expr, block: Block) -> str:
        if self.constant(node):
            return self._number(node, block)
        pair = as_quadratic(node)
        if pair is not None:
            return self._quadratic(*pair, scale=None, linear=id(node) in self.linear, block=block)
        match node:
            case ir.Apply(atom="mul", args=(left, right)) if self._scaled(node) is not None:
                return self._scaled(node, block) or ""
            case ir.Apply(atom="mul", args=(left, right)) if left == right:
                return f"cp.square({self.text(left, block)})"
            case ir.Apply(atom="div", args=(left, right)) if self.constant(left):
                inverse = ir.Apply("inv_pos", (right,), right.type)
                return self._times(left, inverse, block)
            case ir.Apply(atom="div", args=(left, right)) if not self.constant(right):
                base = squared(left)
                assert base is not None, "a quotient is convex as a constant or a square over a positive"
                return f"cp.quad_over_lin({self.text(base, block)}, {self.free(right, block)})"
            case ir.Apply(atom="div", args=(left, right)):
                return self._times(ir.Apply("div", (ir.Const(1.0), right), right.type), left, block)
            case ir.Apply(atom="quad_over_lin", args=(left, right)) if self.constant(right):
                inverse = ir.Apply("div", (ir.Const(1.0), right), right.type)
                squares = ir.Apply("sum_squares", (left,), node.type)
                return self._times(inverse, squares, block)
            case ir.Apply(atom="quad_over_lin", args=(left, right)):
                return f"cp.quad_over_lin({self.text(left, block)}, {self.free(right, block)})"
            case ir.Apply(atom="solve", args=(matrix, right)):
                inverse = ir.Apply("inv", (matrix,), matrix.type)
                return f"{self.text(inverse, block)} @ {self.free(right, block)}"
            case ir.Apply(atom="huber", args=(left, delta)) if self.holds_data(delta):
                return f"ct.huber({self.free(left, block)}, {self.text(delta, block)})"
            case ir.Apply(atom=atom, args=args, attrs=attrs) if atom in PRODUCTS:
                heavy = any(self.constant(arg) and self.holds_data(arg) for arg in args)
                operands = [(self.free if heavy else self.text)(arg, block) for arg in args]
                return self._fill(atom, operands, attrs, block)
            case ir.Apply(atom=atom, args=args, attrs=attrs):
                return self._fill(atom, [self.text(arg, block) for arg in args], attrs, block)
            case ir.Index(array=array, items=items) if any(map(self.holds_data, items)):
                return self._gathered(array, items, block)
        return super()._compound(node, block)

    def _number(self, node: ir.Expr, block: Block) -> str:
        match node:
            case ir.Apply(atom="and" | "or" as word, args=(left, right)):
                return f"{self.text(left, block)} {word} {self.text(right, block)}"
            case ir.Apply(atom="not", args=(inner,)):
                return f"not {self.text(inner, block)}"
        return super()._compound(node, block)

    def _fill(
        self, atom: str, operands: list[str], attrs: tuple[tuple[str, object], ...], block: Block
    ) -> str:
        settings = {name: self.setting(value, block) for name, value in attrs}
        template = ATOMS[atom].cvxpy
        assert template is not None
        return template.format(*operands, args=", ".join(operands), **settings)

    def _times(self, factor: ir.Expr, node: ir.Expr, block: Block) -> str:
        return self._compound(ir.Apply("mul", (factor, node), node.type), block)

    def _scaled(self, node: ir.Apply, block: Block | None = None) -> str | None:
        """A constant times a quadratic form: the constant goes into the matrix."""
        for factor, other in (node.args, node.args[::-1]):
            pair = None if self.constant(other) else as_quadratic(other)
            if self.constant(factor) and pair is not None and pair[1] is not None and not factor.type.shape:
                linear = id(node) in self.linear
                return "" if block is None else self._quadratic(*pair, factor, linear, block)
        return None

    def _quadratic(
        self, x: ir.Expr, matrix: ir.Expr | None, scale: ir.Expr | None, linear: bool, block: Block
    ) -> str:
        """x' @ M @ x; M = A' @ A becomes the squares of A @ x, for which any place is good enough."""
        if matrix is None:
            return f"cp.sum_squares({self.text(x, block)})"
        factor = _gram(matrix)
        if factor is not None and scale is None:
            return f"cp.sum_squares({self.text(factor, block)} @ {self.free(x, block)})"
        if scale is not None:
            matrix = ir.Apply("mul", (scale, matrix), matrix.type)
        sign = "-" if self.signs.nsd(matrix) else ""
        inner = ir.Apply("neg", (matrix,), matrix.type) if sign else matrix
        weights = tidy(self.host.text(inner, block))
        if not linear:  # cvxpy wants a parameter's factor there, which the matrix must have: pd, then
            return f"{sign}cp.sum_squares(given(jnp.linalg.cholesky({weights}).T) @ {self.free(x, block)})"
        return f"{sign}cp.quad_form({self.free(x, block)}, given({weights}), assume_PSD=True)"

    def _gathered(self, array: ir.Expr, items: tuple[ir.Expr | ir.Slice, ...], block: Block) -> str:
        """An index from the data along the first axis: a product with rows of the identity."""
        index = items[0]
        assert not isinstance(index, ir.Slice)
        rows = self.dim(array.type.shape[0])
        pick = f"given(jax.nn.one_hot({tidy(self.host.text(index, block))}, {rows}, dtype=dtype))"
        picked = f"({pick} @ {self.free(array, block)})"
        axes = zip(items[1:], array.type.shape[1:], strict=False)
        rest = "".join(f", {self._item(item, block, length)}" for item, length in axes)
        lead = ":" if index.type.shape else ""
        inner = f"{lead}{rest}" if lead else rest[2:]
        return f"{picked}[{inner}]" if rest else picked

    def _reduce(self, node: ir.Reduce, block: Block) -> str:
        inner = Block(frozenset(b.name for b in node.binders), block)
        body = tidy(self.text(node.body, inner))
        loops = " ".join(
            f"for {self.names[b.name]} in range({self.dim(b.first)}, {self.dim(b.last)})"
            for b in node.binders
        )
        if node.where is not None and not self.holds_data(node.where):
            loops += f" if {tidy(self.text(node.where, inner))}"
        elif node.where is not None:
            mask = f"given(({tidy(self.host.text(node.where, inner))}) * 1.0, 'nonneg')"
            body = f"cp.multiply({mask}, {tidy(self.free(node.body, inner))})"
        if inner.lines:  # names inside the loop: a function of the indices holds them
            name = self.fresh("term")
            arguments = ", ".join(self.names[b.name] for b in node.binders)
            block.lines += [f"def {name}({arguments}):", *(f"    {line}" for line in inner.lines)]
            block.lines.append(f"    return {body}")
            body = f"{name}({arguments})"
        terms = f"[{body} {loops}]"
        match node.op:
            case "sum":
                return f"sum({terms})"
            case "mean":
                values = self.fresh("terms")
                block.lines.append(f"{values} = {terms}")
                return f"sum({values}) / len({values})"
            case "max" | "min":
                return f"ct.{'largest' if node.op == 'max' else 'smallest'}({terms})"
        raise TypeError(f"{node.op} does not stand in a convex program")


def plain(node: ir.Node) -> bool:
    """Numbers and arithmetic on numbers, sizes and indices: Python computes them."""
    match node:
        case ir.Const() | ir.Size() | ir.Bound():
            return True
        case ir.Apply(atom=atom, args=args):
            comparison = ATOMS[atom].result == "bool"
            return (atom in ARITHMETIC or comparison) and all(map(plain, args))
    return False


def _terms(node: ir.Expr) -> Iterator[ir.Expr]:
    """The terms of an objective, which cvxpy keeps quadratic."""
    yield node
    match node:
        case ir.Apply(atom="add" | "sub" | "neg" | "sum", args=args):
            for arg in args:
                yield from _terms(arg)
        case ir.Reduce(op="sum" | "mean", body=body, where=None):
            yield from _terms(body)
        case ir.Apply(atom="mul", args=(left, right)) if plain(left):
            yield from _terms(right)


def _gram(matrix: ir.Expr) -> ir.Expr | None:
    """A of a matrix spelt A' @ A."""
    match matrix:
        case ir.Apply(atom="matmul", args=(ir.Apply(atom="transpose", args=(inner,)), right)) if (
            inner == right
        ):
            return right
        case ir.Apply(atom="matmul", args=(left, ir.Apply(atom="transpose", args=(inner,)))) if inner == left:
            return ir.Apply("transpose", (left,), matrix.type)
    return None


def sides(problem: ir.Problem) -> list[ir.Expr]:
    """The expressions that the constraints hold."""
    found: list[ir.Expr] = []
    for c in problem.constraints:
        match c:
            case ir.Equality(left=a, right=b) | ir.Inequality(left=a, right=b):
                found += [a, b]
            case ir.Semidefinite(greater=a, smaller=b):
                found += [a, b]
            case ir.Membership(member=a, within=within):
                found += [a, *within.args]
    return found
