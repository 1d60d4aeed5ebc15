"""The conic form in an atom's record, read as a program and put in the place of a call of the atom.

A form is a program of the language whose givens are the atom's arguments. Here it has been rewritten so that
its value is affine (or quadratic) and its constraints are affine or memberships in cones. A call of an
elementwise atom on arrays, or of a reduction along an axis, is a family of such programs, one for each entry
of the result: their unknowns get an axis, and `arrays.lifted` takes the index out of expressions again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from declarative.analyse.structure import Structure
from declarative.analyse.terms import apply, attr, stretch
from declarative.atoms import ATOMS
from declarative.atoms.shapes import elementwise, entries
from declarative.check import check
from declarative.dims import Dim, Shape
from declarative.errors import Source
from declarative.grammar import parse
from declarative.ir import (
    Apply,
    Binder,
    Bound,
    Const,
    Constraint,
    Expr,
    Index,
    Minimize,
    Problem,
    Size,
    Slice,
    Type,
    Unknown,
)
from declarative.rewrite import arrays
from declarative.walk import constant as number
from declarative.walk import names, rewrite, substitute, walk, with_sizes

NOUGHT = Dim.of(0)


@cache
def program(atom: str, text: str) -> Problem:
    """A form's text as a problem."""
    lines = "\n  ".join(line.strip() for line in text.split(";"))
    source = Source(f"conic form of {atom}", f"problem {atom}_form\n  {lines}\n")
    file, found = parse(source)
    problems, more = check(file) if file is not None else ({}, [])
    errors = [str(one) for one in (*found, *more) if one.severity == "error"]
    assert not errors, "\n".join(errors)
    written = next(iter(problems.values()))
    return replace(written, constraints=tuple(map(arrays.whole, written.constraints)))


def text_of(expr: Apply, structure: Structure) -> str | None:
    """The form for a call, None where the atom has none."""
    rule = ATOMS[expr.atom].conic
    if rule is None or isinstance(rule, str):
        return rule
    signs = structure.curvature.signs
    return rule(tuple(map(signs, expr.args)), tuple(map(number, expr.args)))


@dataclass(frozen=True)
class Instance:
    """`value` bounds the call, where the constraints hold for some values of the unknowns."""

    value: Expr
    constraints: tuple[Constraint, ...]


Fresh = Callable[[str], str]
Make = Callable[[Shape], Expr]


def instance(
    form: Problem, expr: Apply, args: tuple[Expr, ...], bound: Expr | None, fresh: Fresh, make: Make
) -> Instance | None:
    """The form with the arguments of a call; `make` gives a new unknown of a shape, `fresh` a new name.

    `bound` replaces the unknown that is the form's value: what the call must not exceed. None where an
    argument's shape is none that the form can take.
    """
    family = _family(expr, args, fresh)
    if family is None:
        return None
    binder, given = family
    form = _named(form, fresh)
    count = () if binder is None else (binder.last,)
    values = _arguments(form, expr, given)
    if values is None:
        return None
    sizes, known = values
    form = with_sizes(form, sizes)
    for unknown in form.unknowns:
        if bound is not None and unknown.name == value_of(form):
            shared = binder is None or not bound.type.shape
            known[unknown.name] = bound if shared or binder is None else _at(_flat(bound), binder)
        else:
            whole = make((*count, *unknown.type.shape))
            known[unknown.name] = whole if binder is None else _at(whole, binder)
    assert isinstance(form.statement, Minimize)
    value = substitute(form.statement.value, known)
    constraints = [one for each in form.constraints for one in _repeated(each, form, known, given)]
    if binder is None:
        return Instance(value, tuple(constraints))
    lifted = arrays.lift(value, binder)
    if lifted is None:
        return None
    result = (
        lifted if lifted.type.shape == expr.type.shape else apply("reshape", lifted, shape=expr.type.shape)
    )
    return Instance(result, tuple(arrays.lifted(one, binder) for one in constraints))


def value_of(form: Problem) -> str | None:
    """The name of the unknown that a form minimises or maximises, if it is one."""
    assert isinstance(form.statement, Minimize)
    value = form.statement.value
    return value.name if isinstance(value, Unknown) else None


# ---- a family of calls ---------------------------------------------------------------------------


def _family(
    expr: Apply, args: tuple[Expr, ...], fresh: Fresh
) -> tuple[Binder | None, tuple[Expr, ...]] | None:
    """The index of a family of calls and the arguments of one of them; no index where there is one call."""
    if ATOMS[expr.atom].elementwise:
        shape = expr.type.shape
        if not shape:
            return None, args
        binder = Binder(fresh("i"), NOUGHT, entries(shape))
        flat = [arg if not arg.type.shape else _flat(stretch(arg, shape)) for arg in args]
        return binder, tuple(arg if not arg.type.shape else _at(arg, binder) for arg in flat)
    axis = attr(expr, "axis")
    if axis is None or len(args[0].type.shape) == 1:
        return None, args
    if len(args[0].type.shape) != 2:
        return None
    rows = args[0] if axis == 1 else apply("transpose", args[0])
    binder = Binder(fresh("i"), NOUGHT, rows.type.shape[0])
    return binder, (_at(rows, binder),)


def _at(array: Expr, binder: Binder) -> Expr:
    """array[i]"""
    rest = array.type.shape[1:]
    items: tuple[Expr | Slice, ...] = (Bound(binder.name), *(Slice(NOUGHT, dim) for dim in rest))
    return Index(array, items, Type(array.type.base, rest))


def _flat(expr: Expr) -> Expr:
    return expr if len(expr.type.shape) == 1 else apply("reshape", expr, shape=(entries(expr.type.shape),))


# ---- names and arguments -------------------------------------------------------------------------


def _named(form: Problem, fresh: Fresh) -> Problem:
    """The form with index variables that nothing else has."""
    renamed = {node.name: fresh("i") for node in walk(form) if isinstance(node, Binder)}

    def rule(node: object) -> object:
        if isinstance(node, (Binder, Bound)):
            return replace(node, name=renamed.get(node.name, node.name))
        return node

    return rewrite(form, rule) if renamed else form  # type: ignore[arg-type]


def _arguments(
    form: Problem, expr: Apply, args: tuple[Expr, ...]
) -> tuple[dict[str, Dim], dict[str, Expr]] | None:
    """What the form's dimensions and givens are: the arguments in order, then attributes by name."""
    sizes: dict[str, Dim] = {}
    known: dict[str, Expr] = {}
    settings = {**dict(ATOMS[expr.atom].attrs), **dict(expr.attrs)}
    formals = {param.type.shape for param in form.params if param.name not in settings}
    joint = None
    if len(args) > 1 and len(formals) == 1 and () not in formals:  # arguments that fit elementwise
        joint = elementwise(tuple(arg.type.shape for arg in args), {})
    for position, param in enumerate(form.params):
        if param.name in settings:
            setting = settings[param.name]
            known[param.name] = Size(setting) if isinstance(setting, Dim) else Const(float(str(setting)))
            continue
        arg = args[position]
        if param.type.shape and joint is not None:
            arg = stretch(arg, joint)
        if len(param.type.shape) == 1:
            arg = _flat(arg)
        if len(arg.type.shape) != len(param.type.shape):
            return None
        for formal, actual in zip(param.type.shape, arg.type.shape, strict=True):
            sizes[str(formal)] = actual
        known[param.name] = arg
    return sizes, known


def _repeated(
    constraint: Constraint, form: Problem, known: dict[str, Expr], args: tuple[Expr, ...]
) -> Iterator[Constraint]:
    """The constraint, and again for each argument beyond the form's givens if it reads the last of them."""
    yield substitute(constraint, known)
    last = form.params[-1].name
    for arg in args[len(form.params) :]:
        if last in names(constraint):
            yield substitute(constraint, {**known, last: arg})
