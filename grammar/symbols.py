"""Symbols: what a traced Python function computes with. Every operation builds a tree node with its place."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NoReturn

from declarative.errors import DeclError, Diagnostic, Span, diagnostic
from declarative.grammar import tree
from declarative.grammar.sums import balanced
from declarative.grammar.trace import Trace, current

# The functions of the language by the names that the namespace offers; a test holds them against the atoms.
ATOMS: tuple[str, ...] = tuple(
    "abs sign sqrt exp log log1p expm1 sin cos tan tanh sigmoid relu softplus square inv_pos pow huber hinge entropy "
    "rel_entropy kl log_sum_exp softmax max min maximum minimum sum mean prod norm sum_squares quad_form "
    "quad_over_lin dot outer kron trace det log_det inv sqrtm solve eig_max eig_min sum_largest diag diff cumsum "
    "concat stack reshape vec ones zeros eye interpolate stop_gradient where grad laplacian integral".split()
)
SETS: tuple[str, ...] = tuple(
    "simplex box ball sphere soc exp_cone power_cone birkhoff stiefel SO SE monotone unit_interval".split()
)
# A constant array becomes a tree of `stack` calls; beyond this many numbers it should be a parameter.
MOST_CONSTANTS = 256
_SAME_IN_NUMPY = {"absolute": "abs", "power": "pow", "concatenate": "concat"}
_UFUNCS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "true_divide": lambda a, b: a / b,
    "matmul": lambda a, b: a @ b,
    "power": lambda a, b: a**b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
}


class _NoMember(DeclError, AttributeError):
    """A symbol has no such attribute: `hasattr` says no, and whoever looks gets the diagnostic."""


class _NoMeaning(DeclError, TypeError):
    """An operation that no symbol has; Python's own machinery sees a TypeError."""


class Symbol:
    """An expression of the program, or (by `terms`) the sum of several."""

    def __init__(self, node: tree.Expr | None, terms: tuple[Symbol, ...] = (), span: Span | None = None):
        self._node = node
        self._terms = terms
        self._span = span

    @cached_property
    def node(self) -> tree.Expr:
        if self._node is not None:
            return self._node
        assert self._span is not None
        return balanced([("+", term.node) for term in self._terms], self._span)

    # ---- arithmetic -----------------------------------------------------------------------------

    def __add__(self, other: Any) -> Symbol:
        place = current().here()
        terms = (*(self._terms or (self,)), lift(other))
        return Symbol(None, terms, place)

    def __radd__(self, other: Any) -> Symbol:
        if isinstance(other, int) and other == 0:  # the start of Python's own sum()
            return self
        return lift(other) + self

    def __sub__(self, other: Any) -> Symbol:
        return _binary("-", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _binary("-", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _binary("*", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _binary("*", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _binary("/", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _binary("/", other, self)

    def __matmul__(self, other: Any) -> Symbol:
        return _binary("@", self, other)

    def __rmatmul__(self, other: Any) -> Symbol:
        return _binary("@", other, self)

    def __pow__(self, other: Any) -> Symbol:
        return _binary("^", self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return _binary("^", other, self)

    def __neg__(self) -> Symbol:
        return _unary("-", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return call("abs", self)

    @property
    def T(self) -> Symbol:
        return _unary("'", self)

    def __getitem__(self, key: Any) -> Symbol:
        items = key if isinstance(key, tuple) else (key,)
        place = current().here()
        return Symbol(tree.Index(self.node, tuple(_item(item, place) for item in items), span=place))

    # ---- comparisons and logic ------------------------------------------------------------------

    def __le__(self, other: Any) -> Symbol:
        return _compare("<=", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return _compare(">=", self, other)

    def __lt__(self, other: Any) -> Symbol:
        return _compare("<", self, other)

    def __gt__(self, other: Any) -> Symbol:
        return _compare(">", self, other)

    def __eq__(self, other: Any) -> Symbol:  # type: ignore[override]
        return _compare("==", self, other)

    def __ne__(self, other: Any) -> Symbol:  # type: ignore[override]
        return _compare("!=", self, other)

    __hash__ = object.__hash__

    def __rshift__(self, other: Any) -> Symbol:
        return _compare("succeeds", self, other)

    def __rrshift__(self, other: Any) -> Symbol:
        return _compare("succeeds", other, self)

    def __lshift__(self, other: Any) -> Symbol:
        return _compare("precedes", self, other)

    def __rlshift__(self, other: Any) -> Symbol:
        return _compare("precedes", other, self)

    def __and__(self, other: Any) -> Symbol:
        return _binary("and", self, other)

    def __or__(self, other: Any) -> Symbol:
        return _binary("or", self, other)

    def __invert__(self) -> Symbol:
        return _unary("not", self)

    # ---- what a symbol cannot do ----------------------------------------------------------------

    def __bool__(self) -> bool:
        _refuse_truth()

    def __iter__(self) -> Iterator[Symbol]:
        refuse("D504", wanted="a loop", instead="index it by numbers, or use `dc.each` inside `dc.sum`")

    def __len__(self) -> int:
        refuse(
            "D504", wanted="its length", instead="take the length from a closure, or use a dimension's name"
        )

    def __float__(self) -> float:
        refuse(
            "D504", wanted="a number", instead="use the functions of `dc`, as `dc.exp(x)` for `math.exp(x)`"
        )

    __int__ = __complex__ = __float__

    def __index__(self) -> int:
        refuse(
            "D504", wanted="an integer", instead="use `dc.each` inside `dc.sum`, or a number of the closure"
        )

    def __contains__(self, item: Any) -> bool:
        refuse("D518", what="in", instead="dc.member(x, 'simplex')")

    def __setitem__(self, key: Any, value: Any) -> None:
        refuse("D517")

    def __floordiv__(self, other: Any) -> NoReturn:
        refuse("D518", what="//", instead="/")

    def __mod__(self, other: Any) -> NoReturn:
        refuse("D518", what="%", instead="a function of `dc`")

    def __xor__(self, other: Any) -> NoReturn:
        refuse("D518", what="^", instead="**")

    __rfloordiv__, __rmod__, __rxor__ = __floordiv__, __mod__, __xor__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        instead = f"`dc.{name}(x)`" if name in ATOMS else "a function of `dc`, as in `dc.sum(x)`"
        raise _NoMember([_found("D505", member=name, instead=instead)])

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        refuse("D505", member="()", instead="a function of `dc`")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        refuse(
            "D503",
            function="an array constructor",
            instead="keep symbols apart; `dc.stack` makes an array of them",
        )

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any, **__: Any) -> NoReturn:
        _refuse_function("torch." + getattr(function, "__name__", "function"))

    def __array_function__(self, function: Any, *_: Any, **__: Any) -> NoReturn:
        _refuse_function("np." + getattr(function, "__name__", "function"))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Symbol:
        """NumPy's operators between an array and a symbol; any other function of NumPy is refused."""
        name = ufunc.__name__
        if method == "__call__" and name in _UFUNCS and len(inputs) == 2:
            left, right = inputs
            return _UFUNCS[name](lift(left), right)
        _refuse_function(f"np.{name}")


def twin(name: str) -> str:
    """What to write for a function of NumPy, JAX, PyTorch or `math`."""
    name = name.split(".")[-1]
    name = _SAME_IN_NUMPY.get(name, name)
    return f"`dc.{name}`" if name in ATOMS else "a function of `dc`"


# ---- building nodes --------------------------------------------------------------------------------


def lift(value: Any) -> Symbol:
    """A symbol for anything that may stand in an expression: numbers and small arrays of them are constants."""
    if isinstance(value, Symbol):
        return value
    return Symbol(constant(value, current().here()))


def constant(value: Any, at: Span) -> tree.Expr:
    if hasattr(value, "tolist") and hasattr(value, "shape"):  # NumPy and JAX arrays, known by what they offer
        size = math.prod(value.shape)
        if size > MOST_CONSTANTS or len(value.shape) > 2 or size == 0:
            refuse("D513", at=at, size="x".join(map(str, value.shape)), limit=MOST_CONSTANTS)
        value = value.tolist()
    if isinstance(value, bool):
        return tree.Boolean(value, span=at)
    if isinstance(value, int | float) and not math.isnan(value) and abs(value) < 1 << 1023:
        return _number(value, at)
    if isinstance(value, list | tuple) and value:
        items = tuple(item.node if isinstance(item, Symbol) else constant(item, at) for item in value)
        if len(items) > MOST_CONSTANTS:
            refuse("D513", at=at, size=str(len(items)), limit=MOST_CONSTANTS)
        return tree.Call(tree.Name("stack", span=at), items, span=at)
    if isinstance(value, float) and math.isinf(value):
        infinity = tree.Name("inf", span=at)
        return infinity if value > 0 else tree.Unary("-", infinity, span=at)
    if isinstance(value, int | float):
        refuse("D514", at=at, kind="NaN" if isinstance(value, float) else "a number beyond every double")
    refuse("D514", at=at, kind=f"a value of type `{type(value).__name__}`")


def _number(value: int | float, at: Span) -> tree.Expr:
    positive = tree.Number(abs(value), repr(abs(value)), span=at)
    return tree.Unary("-", positive, span=at) if math.copysign(1, value) < 0 else positive


def _binary(op: Any, left: Any, right: Any) -> Symbol:
    place = current().here()
    return Symbol(tree.Binary(op, lift(left).node, lift(right).node, span=place))


def _unary(op: Any, operand: Symbol) -> Symbol:
    return Symbol(tree.Unary(op, operand.node, span=current().here()))


def _compare(op: Any, left: Any, right: Any) -> Symbol:
    place = current().here()
    return Symbol(tree.Compare((lift(left).node, lift(right).node), (op,), span=place))


def _item(key: Any, at: Span) -> tree.Expr | tree.Slice:
    if isinstance(key, slice):
        if key.step is not None:
            refuse("D518", what="a slice with a step", instead="x[lo:hi]")
        ends = (None if end is None else lift(end).node for end in (key.start, key.stop))
        return tree.Slice(*ends, span=at)
    return lift(key).node


def call(name: str, *args: Any, **keywords: Any) -> Symbol:
    """A call of a function of the language; one generator over `dc.each` makes a comprehension."""
    trace = current()
    place = trace.here()
    function = tree.Name(name, span=place)
    if len(args) == 1 and not keywords and isinstance(args[0], Iterator):
        with trace.binding() as binders:
            items = [lift(item) for item in args[0]]
        if binders and len(items) == 1:
            return Symbol(tree.Comprehension(function, items[0].node, tuple(binders), span=place))
        args = (items,)
    if name in ("stack", "concat") and len(args) == 1 and isinstance(args[0], list | tuple):
        args = tuple(args[0])
    named = tuple(tree.Keyword(key, lift(value).node, span=place) for key, value in keywords.items())
    return Symbol(tree.Call(function, tuple(lift(value).node for value in args), named, span=place))


# ---- refusals --------------------------------------------------------------------------------------


def _found(code: str, *, at: Span | None = None, **fields: Any) -> Diagnostic:
    trace = Trace.active()
    return diagnostic(code, at if at is not None or trace is None else trace.here(), **fields)


def refuse(code: str, *, at: Span | None = None, **fields: Any) -> NoReturn:
    raise _NoMeaning([_found(code, at=at, **fields)])


def _refuse_function(otherwise: str) -> NoReturn:
    """A function of another library, under the name that the program calls it by."""
    trace = Trace.active()
    name = otherwise if trace is None else trace.files.called(*trace.files.here()) or otherwise
    refuse("D503", function=name, instead=twin(name))


def _refuse_truth() -> NoReturn:
    """Say which Python construct asked for the truth of a symbol."""
    trace = Trace.active()
    if trace is None:
        refuse("D502", what="this")
    file, here = trace.files.here()
    around = list(file.enclosing(here))
    for node in reversed(around):
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            parts = [node.left, *node.comparators]
            text = [file.span_of(part).text for part in parts]
            refuse("D501", at=file.span_of(node), first=_pair(node, text, 0), second=_pair(node, text, 1))
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            refuse("D518", at=file.span_of(node), what="in", instead="dc.member(x, 'simplex')")
        if isinstance(node, ast.stmt | ast.IfExp | ast.BoolOp | ast.comprehension):
            break
    refuse("D502", at=here, what=_construct(around, file.span_of, here))


def _pair(node: ast.Compare, text: list[str], index: int) -> str:
    signs = {ast.LtE: "<=", ast.Lt: "<", ast.GtE: ">=", ast.Gt: ">", ast.Eq: "=="}
    return f"{text[index]} {signs.get(type(node.ops[index]), '<=')} {text[index + 1]}"


def _construct(around: list[ast.AST], span_of: Callable[[Any], Span], here: Span) -> str:
    for node in reversed(around):
        if isinstance(node, ast.BoolOp):
            return "`and`" if isinstance(node.op, ast.And) else "`or`"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return "`not`"
        if isinstance(node, ast.IfExp | ast.If):
            return "`if`"
        if isinstance(node, ast.While):
            return "`while`"
        if isinstance(node, ast.Assert):
            return "`assert`"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return f"`{node.func.id}`"
    return "this"
