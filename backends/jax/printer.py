"""IR expressions -> Python expressions and the assignments before them, from the atoms' templates."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from declarative import ir
from declarative.analyse.structure import root_of_squares
from declarative.atoms import ATOMS
from declarative.dims import Dim
from declarative.walk import children

LEAVES = (ir.Const, ir.Size, ir.Param, ir.Unknown, ir.Bound, ir.Dual, ir.OptimalValue)


@dataclass
class Block:
    """The body of one emitted function: its lines so far, and which nodes have a name in it.

    Arrays whose first axis `walked` runs over are given part by part, the `parts` by the array's text; `counts` says
    whether something needs the value of an index variable all the same.
    """

    bounds: frozenset[str] = frozenset()
    parent: Block | None = None
    walked: ir.Binder | None = None
    parts: dict[str, str] = field(default_factory=dict)
    counts: bool = False
    lines: list[str] = field(default_factory=list)
    named: dict[int, str] = field(default_factory=dict)

    def find(self, node: ir.Expr) -> str | None:
        if id(node) in self.named:
            return self.named[id(node)]
        return self.parent.find(node) if self.parent is not None else None

    def home(self, bounds: frozenset[str]) -> Block:
        """The outermost block in which all of these index variables have a value."""
        if self.parent is None or bounds & self.bounds:
            return self
        return self.parent.home(bounds)

    def owner(self, name: str) -> Block:
        """The block in which this index variable has its values."""
        return self if name in self.bounds or self.parent is None else self.parent.owner(name)

    def within(self, other: Block) -> bool:
        """Whether it stands in the other one."""
        return self.parent is not None and (self.parent is other or self.parent.within(other))


class Printer:
    """Prints the expressions of one function; `reads` collects the names that it must bind first."""

    def __init__(
        self,
        problem: ir.Problem,
        names: Mapping[str, str],
        roots: Iterable[ir.Expr],
        taken: Iterable[str] = (),
    ):
        self.names = names
        self.labels = {id(let.value): names[let.name] for let in problem.lets}
        self.shared = _shared(tuple(roots))
        self.reads: set[str] = set()
        self.dims: set[str] = set()
        self.used = {*names.values(), *taken}
        self.static = {p.name for p in problem.params if "static" in p.properties}
        self.bounds_of: dict[int, frozenset[str]] = {}

    def fresh(self, stem: str) -> str:
        """A local name that nothing else has."""
        number = 1
        while f"{stem}{number}" in self.used:
            number += 1
        self.used.add(f"{stem}{number}")
        return f"{stem}{number}"

    def dim(self, dim: Dim) -> str:
        self.dims |= dim.names
        return dim_text(dim, self.names)

    def text(self, node: ir.Expr, block: Block) -> str:
        """The node as an expression, ready to stand as an operand."""
        known = block.find(node)
        if known is not None:
            return known
        if isinstance(node, ir.Bound):
            block.owner(node.name).counts = True
        if isinstance(node, LEAVES):
            return self._leaf(node)
        label = self.labels.get(id(node))
        if label is None and id(node) not in self.shared:
            return f"({self._compound(node, block)})"
        home = block.home(self._free(node))
        value = self._compound(node, home)
        name = label if label is not None else self.fresh("t")
        home.named[id(node)] = name
        home.lines.append(f"{name} = {tidy(value)}")
        return name

    def _leaf(self, node: ir.Expr) -> str:
        match node:
            case ir.Const(value=value):
                return number(value)
            case ir.Size(dim=dim):
                return f"({self.dim(dim)})"
            case ir.Param(name=name) | ir.Unknown(name=name):
                self.reads.add(name)
                return self.names[name]
            case ir.Bound(name=name):
                return self.names[name]
        raise TypeError(f"{type(node).__name__} does not stand in an expression")

    def _compound(self, node: ir.Expr, block: Block) -> str:
        match node:
            case ir.Apply() if (length := root_of_squares(node)) is not None:
                # The square of a length is smooth where the length is not.
                atom = "sum_squares" if node.type.shape == () and length.type.shape else "square"
                return ATOMS[atom].jax.format(self.text(length, block))
            case ir.Apply(atom="trace", args=(ir.Apply(atom="matmul", args=factors) as product,)) if (
                id(product) not in self.shared and block.find(product) is None
            ):
                # Of the product nothing but the diagonal is needed.
                first, second = (self.text(factor, block) for factor in factors)
                return f"jnp.tensordot({first}, {second}.T, 2)"
            case ir.Apply(atom=atom, args=args, attrs=attrs):
                operands = [self.text(arg, block) for arg in args]
                settings = {name: self.setting(value, block) for name, value in attrs}
                return ATOMS[atom].jax.format(*operands, args=", ".join(operands), **settings)
            case ir.Index(array=array, items=items):
                whole, kept = self._walked(array, items, block)
                if not kept:
                    return whole
                picks = ", ".join(self._item(item, block, length) for item, length in kept)
                if any(isinstance(item, ir.Node) and reads_data(item) for item in items):
                    # An index from the data may lie outside: NaN then, never a neighbour's value.
                    return f'{whole}.at[{picks}].get(mode="fill")'
                return f"{whole}[{picks}]"
            case ir.Reduce():
                return self._reduce(node, block)
            case ir.Extern(name=name, args=args):
                return f"{self.names[name]}({', '.join(self.text(arg, block) for arg in args)})"
        raise TypeError(f"{type(node).__name__} does not stand in an expression")

    def _walked(
        self, array: ir.Expr, items: tuple[ir.Expr | ir.Slice, ...], block: Block
    ) -> tuple[str, list[tuple[ir.Expr | ir.Slice, Dim]]]:
        """What is left to index and with which items, each with its axis' length. A leading index variable that runs
        over a whole axis takes the part that its function is given: no gather, whose transpose is a scatter."""
        whole, outer = self.text(array, block), None
        kept = list(zip(_needed(array, items), array.type.shape, strict=False))
        leaf = isinstance(array, ir.Param | ir.Unknown) and array.name not in self.static
        while leaf and kept and isinstance(item := kept[0][0], ir.Bound):
            home = block.owner(item.name)
            seen = outer is None or home.within(
                outer
            )  # a part that an inner function is given is not seen outside
            if not seen or home.walked != ir.Binder(item.name, Dim.of(0), kept[0][1]):
                break
            if whole not in home.parts:
                name = f"{whole}_{self.names[item.name]}"
                home.parts[whole] = self.fresh(name) if name in self.used else name
                self.used.add(home.parts[whole])
            whole, outer = home.parts[whole], home
            kept.pop(0)
        return whole, kept

    def _item(self, item: ir.Expr | ir.Slice, block: Block, length: Dim) -> str:
        """One index; `length` is that of its axis."""
        if not isinstance(item, ir.Slice):
            return tidy(self.text(item, block))
        lower = "" if item.lower == Dim.of(0) else self.dim(item.lower)
        upper = "" if item.upper == length else self.dim(item.upper)
        return f"{lower}:{upper}"

    def setting(self, value: object, block: Block) -> str:
        """An attribute of an atom as Python text."""
        if isinstance(value, Dim):
            return f"({self.dim(value)})"
        if isinstance(value, tuple):
            return "(" + "".join(f"{self.setting(item, block)}, " for item in value) + ")"
        if isinstance(value, ir.Node):
            return self.text(value, block)  # type: ignore[arg-type]
        return number(value) if isinstance(value, float) else repr(value)

    def _reduce(self, node: ir.Reduce, block: Block) -> str:
        values, mask = self.stacked([node.body], node.binders, node.where, block)
        if mask is None:
            return f"jnp.{node.op}({values}, axis=0)"
        return f'rt.reduce_where("{node.op}", {values}, {mask})'

    def stacked(
        self,
        bodies: list[ir.Expr],
        binders: tuple[ir.Binder, ...],
        where: ir.Expr | None,
        block: Block,
        join: Callable[..., str] = lambda body: body,
    ) -> tuple[str, str | None]:
        """The joined bodies over the values of the index variables, and which of them count where a filter reads
        the data."""
        if len(binders) == 1 and where is None:
            body, arrays, counts = self._function(bodies, binders, block, join, binders[0])
            given = [self._ranges(binders, where, block)[0], *arrays] if counts else arrays
            return f"jax.vmap({body})({', '.join(given)})", None
        over, mask = self._ranges(binders, where, block)
        values = f"jax.vmap({self._function(bodies, binders, block, join)[0]})({over})"
        return values, None if mask is None else f"jax.vmap({mask})({over})"

    def _ranges(
        self, binders: tuple[ir.Binder, ...], where: ir.Expr | None, block: Block
    ) -> tuple[str, str | None]:
        """The index vectors of a quantifier, and the mask function where its filter reads the data."""
        ends = [f"{self.dim(b.first)}, {self.dim(b.last)}" for b in binders]
        traced = where is not None and reads_data(where)
        if where is not None and not traced:
            return tidy(f"f(*{self.picked(where, binders, block)})")[2:-1], None
        mask = self._function([where], binders, block)[0] if where is not None else None
        if len(binders) == 1:
            first, last = self.dim(binders[0].first), self.dim(binders[0].last)
            return f"jnp.arange({last})" if first == "0" else f"jnp.arange({first}, {last})", mask
        return f"*rt.grid({''.join(f'({end}), ' for end in ends)})", mask

    def picked(self, where: ir.Expr, binders: tuple[ir.Binder, ...], block: Block) -> str:
        """The index vectors for which a filter on indices and sizes holds: known before any argument, so NumPy."""
        ends = ", ".join(f"({self.dim(b.first)}, {self.dim(b.last)})" for b in binders)
        return f"rt.pick({self._function([where], binders, block)[0].replace('jnp.', 'np.')}, {ends})"

    def _function(
        self,
        bodies: list[ir.Expr],
        binders: tuple[ir.Binder, ...],
        block: Block,
        join: Callable[..., str] = lambda body: body,
        walked: ir.Binder | None = None,
    ) -> tuple[str, list[str], bool]:
        """A lambda of the index variables, or the name of a local function where it needs assignments; the arrays of
        which it takes the parts after them; and whether it takes an index at all."""
        inner = Block(frozenset(b.name for b in binders), block, walked)
        values = tidy(join(*(self.text(body, inner) for body in bodies)))
        counts, arrays = inner.counts or not inner.parts, list(inner.parts)
        own = [self.names[b.name] for b in binders] if counts else []
        names = ", ".join([*own, *inner.parts.values()])
        if not inner.lines:
            return f"lambda {names}: {values}", arrays, counts
        name = self.fresh("term")
        block.lines += [f"def {name}({names}):", *(f"    {line}" for line in inner.lines)]
        block.lines.append(f"    return {values}")
        return name, arrays, counts

    def _free(self, node: ir.Node) -> frozenset[str]:
        """The index variables that the node reads."""
        if id(node) not in self.bounds_of:
            inner = frozenset[str]().union(*(self._free(child) for child in children(node)))
            if isinstance(node, ir.Bound):
                inner = frozenset({node.name})
            elif isinstance(node, ir.Reduce):
                inner -= {b.name for b in node.binders}
            self.bounds_of[id(node)] = inner
        return self.bounds_of[id(node)]


def tidy(text: str) -> str:
    """The expression without needless parentheses."""
    return ast.unparse(ast.parse(text.strip(), mode="eval"))


def number(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "jnp.nan" if math.isnan(value) else ("jnp.inf" if value > 0 else "(-jnp.inf)")
    text = repr(value)
    return f"({text})" if text.startswith("-") else text


def dim_text(dim: Dim, names: Mapping[str, str]) -> str:
    """Arithmetic on dimensions as Python text."""
    parts = []
    for monomial, factor in dim.terms:
        factors = [names.get(name, name) for name in monomial]
        if abs(factor) != 1 or not monomial:
            factors.insert(0, str(abs(factor)))
        parts.append((" - " if factor < 0 else " + ") + " * ".join(factors))
    text = "".join(parts)
    return ("-" if text.startswith(" - ") else "") + text[3:] if text else "0"


def _needed(array: ir.Expr, items: tuple[ir.Expr | ir.Slice, ...]) -> tuple[ir.Expr | ir.Slice, ...]:
    """The items without those at the end that take a whole axis."""
    kept = list(items)
    while kept and kept[-1] == ir.Slice(Dim.of(0), array.type.shape[len(kept) - 1]):
        kept.pop()
    return tuple(kept)


def reads_data(node: ir.Node) -> bool:
    """Whether the value is known only when arguments are: it reads more than indices and sizes."""
    if isinstance(node, ir.Slice):
        return False
    return isinstance(node, ir.Param | ir.Unknown | ir.Extern) or any(map(reads_data, children(node)))


def _shared(roots: tuple[ir.Expr, ...]) -> frozenset[int]:
    """Identities of inner nodes that stand in more than one place below the roots."""
    seen: dict[int, int] = {}

    def visit(node: ir.Node) -> None:
        seen[id(node)] = seen.get(id(node), 0) + 1
        if seen[id(node)] == 1:
            for child in children(node):
                visit(child)

    for root in roots:
        visit(root)
    return frozenset(key for key, times in seen.items() if times > 1)
