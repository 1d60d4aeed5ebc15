"""Symbolic dimensions: integer polynomials of dimension names, in one canonical form each."""

from __future__ import annotations

from collections.abc import Mapping
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
