"""Symbolic dimensions: integer polynomials of dimension names, in one canonical form each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Monomial = tuple[str, ...]


@dataclass(frozen=True)
class Dim:
    """Sum of integer multiples of products of names; equal dimensions are equal objects."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def of(value: int | str | Dim) -> Dim:
        if isinstance(value, Dim):
            return value
        if isinstance(value, str):
            return Dim((((value,), 1),))
        return Dim((((), value),)) if value else Dim(())

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for monomial, _ in self.terms for name in monomial)

    @property
    def constant(self) -> int | None:
        """Its number if no name is left in it."""
        if not self.terms:
            return 0
        return self.terms[0][1] if self.terms[0][0] == () and len(self.terms) == 1 else None

    def __add__(self, other: Dim | int) -> Dim:
        total: dict[Monomial, int] = dict(self.terms)
        for monomial, factor in Dim.of(other).terms:
            total[monomial] = total.get(monomial, 0) + factor
        return _canonical(total)

    def __neg__(self) -> Dim:
        return Dim(tuple((monomial, -factor) for monomial, factor in self.terms))

    def __sub__(self, other: Dim | int) -> Dim:
        return self + (-Dim.of(other))

    def __mul__(self, other: Dim | int) -> Dim:
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in Dim.of(other).terms:
                monomial = tuple(sorted(left + right))
                total[monomial] = total.get(monomial, 0) + a * b
        return _canonical(total)

    def linear_in(self, name: str) -> tuple[Dim, Dim] | None:
        """(factor, rest) with self = factor * name + rest and no `name` in either, if it has that form."""
        factor, rest = Dim(()), Dim(())
        for monomial, coefficient in self.terms:
            if name not in monomial:
                rest = rest + Dim(((monomial, coefficient),))
            elif monomial.count(name) == 1:
                at = monomial.index(name)
                factor = factor + Dim(((monomial[:at] + monomial[at + 1 :], coefficient),))
            else:
                return None
        return factor, rest

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number, once every name has one."""
        total = 0
        for monomial, factor in self.terms:
            for name in monomial:
                factor *= sizes[name]
            total += factor
        return total

    def substitute(self, known: Mapping[str, Dim]) -> Dim:
        """The dimension with names replaced."""
        total = Dim.of(0)
        for monomial, number in self.terms:
            term = Dim.of(number)
            for name in monomial:
                term = term * known.get(name, Dim.of(name))
            total = total + term
        return total

    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, factor in self.terms:
            body = "*".join(monomial) or str(abs(factor))
            text = body if abs(factor) == 1 or not monomial else f"{abs(factor)}*{body}"
            parts.append((" - " if factor < 0 else " + ") + text)
        text = "".join(parts)
        return ("-" + text[3:] if text.startswith(" - ") else text[3:]) if text else "0"


Shape = tuple[Dim, ...]


def _canonical(total: Mapping[Monomial, int]) -> Dim:
    kept = [(monomial, factor) for monomial, factor in total.items() if factor]
    return Dim(tuple(sorted(kept, key=lambda term: (-len(term[0]), term[0]))))


# ---- unification -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clash:
    """Equation `index` cannot hold: its pattern stands for `wanted`, but the dimension is `found`.

    `wanted` is None where no whole number does, as for the pattern 2*n against 2*k + 1.
    """

    index: int
    wanted: Dim | None
    found: Dim


def bind(equations: Sequence[tuple[Dim, Dim]]) -> tuple[dict[str, Dim], list[Clash]]:
    """Solves pattern == dimension for the names in the patterns; the dimensions are as they are.

    Names of patterns and names of dimensions are different even where they are spelt alike.
    Linear systems are solved, products once all but one of their factors are known.
    """
    known: dict[str, Dim] = {}
    clashes: list[Clash] = []
    waiting = dict(enumerate(equations))
    while waiting:
        progress = False
        for index, (pattern, found) in list(waiting.items()):
            wanted, rest = _known_part(pattern, known)
            if not rest:
                if wanted != found:
                    clashes.append(Clash(index, wanted, found))
            elif len(rest) == 1 and (name := next(iter(rest))) is not None:
                factor = rest[name].constant
                value = _divide(found - wanted, factor) if factor else None
                if factor and value is None:
                    clashes.append(Clash(index, None, found))
                elif value is None:
                    continue
                else:
                    known[name] = value
            else:
                continue
            del waiting[index]
            progress = True
        if not progress:
            solved = _eliminate(
                [(rest, found - wanted) for pattern, found in waiting.values()
                 for wanted, rest in [_known_part(pattern, known)] if None not in rest]
            )  # fmt: skip
            if not solved:
                break
            known.update(solved)
    return known, clashes


def determined(patterns: Iterable[Dim], known: Iterable[str] = ()) -> frozenset[str]:
    """The names whose numbers follow from the numbers of the patterns and of the known names."""
    names = {name: Dim.of(name) for name in known}
    rows = list(patterns)
    while True:
        parts = [_known_part(row, names)[1] for row in rows]
        single = {name for part in parts if len(part) == 1 for name in part if name is not None}
        linear = [(part, Dim.of(0)) for part in parts if None not in part]
        new = single or set(_eliminate(linear))
        if not new:
            return frozenset(names)
        names.update({name: Dim.of(name) for name in new})


def _known_part(pattern: Dim, known: Mapping[str, Dim]) -> tuple[Dim, dict[str | None, Dim]]:
    """The pattern as known part + sum of factor * name; key None collects products of unknown names."""
    total, rest = Dim.of(0), dict[str | None, Dim]()
    for monomial, number in pattern.terms:
        factor, unknown = Dim.of(number), [name for name in monomial if name not in known]
        for name in monomial:
            factor = factor * known[name] if name in known else factor
        if not unknown:
            total = total + factor
        else:
            key = unknown[0] if len(unknown) == 1 else None
            rest[key] = rest.get(key, Dim.of(0)) + factor
    return total, rest


def _divide(dim: Dim, number: int) -> Dim | None:
    if any(factor % number for _, factor in dim.terms):
        return None
    return Dim(tuple((monomial, factor // number) for monomial, factor in dim.terms))


def _eliminate(system: Sequence[tuple[Mapping[str | None, Dim], Dim]]) -> dict[str, Dim]:
    """The names that a linear system with whole coefficients determines."""
    rows: list[tuple[dict[str, int], Dim]] = []
    for row, right in system:
        whole = {name: dim.constant for name, dim in row.items() if name is not None}
        factors = {name: factor for name, factor in whole.items() if factor is not None}
        if len(factors) == len(row):
            rows.append((factors, right))
    pivots: list[tuple[str, dict[str, int], Dim]] = []
    for factors, value in rows:
        line, right = {name: factor for name, factor in factors.items() if factor}, value
        for name, pivot, known in pivots:
            line, right = _cancel(line, right, name, pivot, known)
        if not line:
            continue
        lead = next(iter(line))
        pivots = [(name, *_cancel(pivot, known, lead, line, right)) for name, pivot, known in pivots]
        pivots.append((lead, line, right))
    found: dict[str, Dim] = {}
    for name, line, right in pivots:
        if set(line) == {name} and (solved := _divide(right, line[name])) is not None:
            found[name] = solved
    return found


def _cancel(
    line: dict[str, int], right: Dim, name: str, pivot: dict[str, int], value: Dim
) -> tuple[dict[str, int], Dim]:
    """The line without `name`, by the pivot line that leads with it."""
    if name not in line:
        return line, right
    a, b = pivot[name], line[name]
    keys = dict.fromkeys((*line, *pivot))
    mixed = {key: a * line.get(key, 0) - b * pivot.get(key, 0) for key in keys}
    return {key: factor for key, factor in mixed.items() if factor}, right * a - value * b
