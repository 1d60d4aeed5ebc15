"""Random affine expressions of the unknowns and their values inside: what functions and constraints are given."""

from __future__ import annotations

import numpy as np

from tests.agreement.programs import Program


def affine(p: Program, rows: int, size: str) -> tuple[str, np.ndarray]:
    """A linear function of the unknowns; `size` names the dimension."""
    a = p.rng.normal(size=(rows, p.n))
    text, value = f"{p.given(f'real[{size}, n]', a)} @ x", a @ p.inside
    if "y" in p.others and p.rng.integers(2):
        b = p.rng.normal(size=(rows, p.others["y"].size))
        text, value = f"{text} + {p.given(f'real[{size}, k]', b)} @ y", value + b @ p.others["y"]
    return text, value


def drawn(p: Program, rows: int, size: str = "") -> tuple[str, np.ndarray]:
    """`A @ x - b` or another spelling, and its value inside; `size` names the dimension where it matters."""
    spelling = None if size else p.rng.choice([None, None, None, *SPELLINGS])
    if spelling is None:
        size = size or f"m{len(p.givens)}"
        text, value = affine(p, rows, size)
    else:
        text, value, size = spelling(p)
    b = p.rng.normal(size=value.shape)
    return f"{text} - {p.given(f'real[{size}]', b)}", value - b


def _scaled(p: Program) -> tuple[str, np.ndarray, str]:
    """A parameter that enters in no linear way."""
    q = p.rng.normal() * 0.3
    return f"exp({p.given('real', q)}) * x", np.exp(q) * p.inside, "n"


def _differences(p: Program) -> tuple[str, np.ndarray, str]:
    return "diff(x)", np.diff(p.inside), "n - 1"


def _running(p: Program) -> tuple[str, np.ndarray, str]:
    return "cumsum(x)", np.cumsum(p.inside), "n"


def _whole(p: Program) -> tuple[str, np.ndarray, str]:
    return "x", p.inside, "n"


def _picked(p: Program) -> tuple[str, np.ndarray, str]:
    """Entries at places that are data."""
    size, places = f"m{len(p.givens)}", p.rng.integers(0, p.n, size=3)
    return f"x[{p.given(f'int[{size}]', places)}]", p.inside[places], size


SPELLINGS = (_scaled, _differences, _running, _whole, _picked)


def above_zero(p: Program, rows: int, size: str = "") -> tuple[str, np.ndarray]:
    """An affine expression that is at least 0.5 inside."""
    size = size or f"m{len(p.givens)}"
    text, inside = affine(p, rows, size)
    value = p.rng.uniform(0.5, 2.0, size=rows)
    return f"({text} + {p.given(f'real[{size}]', value - inside)})", value


def definite(p: Program) -> tuple[str, np.ndarray, str]:
    """A symmetric matrix, affine in the unknowns, with eigenvalues of at least 0.5 inside; and its dimension."""
    if "S" in p.others and p.rng.integers(2):
        d, value = "d", p.others["S"]
        parts, k = ["S"], len(value)
    else:
        k, d = int(p.rng.integers(2, 4)), f"k{len(p.givens)}"
        parts, value = [], np.zeros((k, k))
        for i in range(min(2, p.n)):
            s = p.rng.normal(size=(k, k))
            parts.append(f"x[{i}] * {p.given(f'symmetric real[{d}, {d}]', s + s.T)}")
            value = value + p.inside[i] * (s + s.T)
    base = (0.5 + p.rng.uniform(0, 1) - np.linalg.eigvalsh(value)[0]) * np.eye(k)
    s = p.rng.normal(size=(k, k)) * 0.3
    base = base + s @ s.T
    return f"({' + '.join(parts)} + {p.given(f'symmetric real[{d}, {d}]', base)})", value + base, d


def rectangle(p: Program) -> tuple[str, np.ndarray]:
    """A rectangular matrix that is affine in x."""
    d = len(p.givens)
    a, b = p.rng.normal(size=(2, 3)), p.rng.normal(size=(2, 3))
    text = f"(x[0] * {p.given(f'real[r{d}, s{d}]', a)} - {p.given(f'real[r{d}, s{d}]', b)})"
    return text, p.inside[0] * a - b
