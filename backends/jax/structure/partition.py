"""The sparsity of a program's matrices -> its unknowns in blocks, of which only neighbours are coupled.

Two unknowns are coupled where P couples them, or a row (a cone: all of its rows) sees both. The levels of a
breadth-first search from an end of the graph are coupled to their neighbours alone (George and Liu, 1981); a chain
of small levels is packed into blocks of about the size at which a step of the elimination costs more than its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

Mask: TypeAlias = np.ndarray[Any, Any]

START = 4e5
"""What a block costs besides its arithmetic, in floating-point operations: scans, calls of LAPACK."""
ITERATIONS = 12
"""Factorisations of an interior point and of what refines its solution."""
EXCHANGES = 5
"""Factorisations of a dense matrix of all rows, where pivots find the active ones."""
GAIN = 1.5
"""How many times less than dense matrices blocks must cost."""
SWEEPS = 4  # of the search for an end of the graph
APART = 8
"""Blocks that nothing couples stay apart if they have no more unknowns."""
SEEN = (1, 1 / 3, 1 / 8, 1 / 24)
"""Parts of all unknowns: a row or an unknown that sees more of them may be put aside,"""
FEW = 8
"""if these are not few."""
ASIDE = 0.3
"""The part that may be put aside."""
CROWDED = 0.7
"""A row that sees more than this part leaves no blocks."""


@dataclass(frozen=True)
class Partition:
    blocks: tuple[tuple[int, ...], ...]
    """The unknowns of each block; those of none see many blocks."""
    size: int
    """Of the largest block."""
    linked: bool
    """Whether any block is coupled to the next."""
    dense: tuple[int, ...]
    """Rows that see more than two neighbouring blocks."""
    cost: float
    """Operations of a whole solve."""


def partition(P: Mask, E: Mask, dense: float, cones: Mask | None = None) -> Partition | None:
    """None where `dense`, what dense matrices cost, is less. P [n, n] and E [m, n] say what may differ from zero; rows
    of E with the same number in `cones` [m] belong together.

    Rows that see many unknowns, then unknowns that are coupled to many, are put aside where that costs less.
    """
    n = P.shape[0]
    together = np.arange(E.shape[0]) if cones is None else np.asarray(cones)
    rows = _united(E, together)
    seen, curved = np.diff(rows.indptr), sparse.csr_matrix(P, dtype=np.int32)
    best: Partition | None = None
    for aside in _outstanding(seen[together], n):
        kept = np.setdiff1d(together, together[aside])
        if seen[kept].max(initial=0) > CROWDED * n:
            continue
        coupled = sparse.csr_matrix(curved + rows[kept].T @ rows[kept])
        for far in _outstanding(np.diff(coupled.indptr), n):
            near = np.setdiff1d(np.arange(n), far)
            graph = coupled[near][:, near]
            if graph.nnz <= (CROWDED * near.size) ** 2:
                found = _chained(graph, near, aside, *E.shape[::-1])
                best = found if best is None or found.cost < best.cost else best
    return None if best is None or GAIN * best.cost > dense else best


def _outstanding(degrees: Mask, n: int) -> Iterator[Mask]:
    """Those that see more than a part of all unknowns, none first; not so many that little would be left."""
    last = -1
    for part in SEEN:
        found = np.flatnonzero(degrees > max(part * n, FEW))
        if last < len(found) <= n * ASIDE:
            last = len(found)
            yield found


def _chained(graph: Any, near: Mask, aside: Mask, n: int, m: int) -> Partition:
    """The cheapest blocks of the unknowns `near` of n beside the rows `aside` of m."""
    count, part = csgraph.connected_components(graph, directed=False)
    parts = np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part, minlength=count))[:-1])
    apart = max(map(len, parts)) <= APART
    levels = parts if apart else [level for members in parts for level in _chain(graph, members)]
    sizes = np.array([len(level) for level in levels])
    limits = [int(sizes.max())] if apart else _limits(sizes)
    groups, cost = min((_packed(sizes, limit, m, apart) for limit in limits), key=lambda option: option[1])
    blocks = tuple(tuple(int(near[i]) for k in group for i in levels[k]) for group in groups)
    size = max(map(len, blocks))
    cost += border_cost(near.size, size, len(aside) + n - near.size)
    return Partition(blocks, size, not apart, tuple(map(int, aside)), cost)


def worthwhile(dense: float) -> bool:
    """Whether a partition could pay, whatever it is: at least two blocks must be started."""
    return dense > GAIN * ITERATIONS * 2 * START


def pivoting_cost(n: int, m: int) -> float:
    """Operations of a dense quadratic program in the space of its multipliers."""
    return n**3 / 3 + m * n**2 + n * m**2 + EXCHANGES * m**3 / 3


def iteration_cost(n: int, m: int) -> float:
    """Operations of a dense interior point: Cholesky factors, the products that form their matrices, and others."""
    return ITERATIONS * (n**3 / 3 + m * n**2 + 20 * n * (n + m))


def newton_cost(n: int, m: int, diagonal: bool) -> float:
    """The same of Newton's method with m dense rows, by the smaller side where Hessians are diagonal."""
    rows = diagonal and m <= n
    return ITERATIONS * (m**3 / 3 + n * m**2 if rows else n**3 / 3 + m * n**2)


def block_cost(count: int, size: int, m: int) -> float:
    """The same in blocks: a factor, a solve and a product for each, and m rows that see two blocks."""
    rows = m * (4 * size**2 + 40 * size)
    return ITERATIONS * (count * (START + 10 * size**3 / 3 + 60 * size**2) + rows)


def apart_cost(count: int, size: int, m: int) -> float:
    """The same where no block is coupled to another: all at once."""
    alone = 60 if size == 1 else 1000 + 10 * size**3 + 60 * size**2
    return ITERATIONS * (START + count * alone + m * (4 * size**2 + 40 * size))


def border_cost(n: int, size: int, others: int) -> float:
    """What so many dense rows and unknowns beside n in blocks add."""
    return ITERATIONS * (START + others * n * (2 * others + 6 * size + 40) + others**3) if others else 0.0


def _united(E: Mask, cones: Mask) -> Any:
    """One row for each cone, of all that its rows see."""
    places, shape = (cones, np.arange(len(cones))), (int(cones.max(initial=-1)) + 1, len(cones))
    member = sparse.csr_matrix((np.ones(len(cones), np.int32), places), shape=shape)
    return member @ sparse.csr_matrix(E, dtype=np.int32)


def _limits(sizes: Mask) -> list[int]:
    """Block sizes worth a look: from the largest level on."""
    least = int(sizes.max())
    return [least, *(limit for limit in (8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96) if limit > least)]


def _packed(sizes: Mask, limit: int, m: int, apart: bool) -> tuple[list[list[int]], float]:
    """Neighbouring levels together as long as they fit."""
    groups: list[list[int]] = []
    room = 0
    for level, size in enumerate(sizes):
        if size > room:
            groups.append([])
            room = limit
        groups[-1].append(level)
        room -= size
    size = max(int(sizes[group].sum()) for group in groups)
    return groups, (apart_cost if apart else block_cost)(len(groups), size, m)


def _chain(graph: Any, members: Mask) -> list[Mask]:
    """The levels of a connected part."""
    degree = np.diff(graph.indptr)
    start, deepest, found = members[np.argmin(degree[members])], -1.0, []
    for _ in range(SWEEPS):
        distance = csgraph.dijkstra(graph, unweighted=True, indices=start)[members]
        depth = distance.max()
        if depth <= deepest:
            break
        order = np.argsort(distance, kind="stable")
        found = np.split(members[order], np.flatnonzero(np.diff(distance[order])) + 1)
        deepest, last = depth, found[-1]
        start = last[np.argmin(degree[last])]
    return found
