"""Moreau through its own interface, without a framework in between: its active-set path, which is its fastest."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Case, Contender, Outcome, Prepared


def quadratic(case: Case) -> Prepared:
    """Data lie in its own layout beforehand: what is timed is set-up, solution and derivative."""
    import moreau

    inputs, batch = case.inputs, case.batch
    rows = [(name, right) for name, right in (("A", "b"), ("G", "h")) if name in inputs]
    n = inputs["P"].shape[-1]
    sizes = [inputs[name].shape[-2] for name, _ in rows]
    count = dict(zip((name for name, _ in rows), sizes, strict=True))
    m = sum(sizes)

    def batched(name: str, rank: int) -> np.ndarray:
        value = inputs[name]
        return np.broadcast_to(value, (batch, *value.shape[-rank:]))

    def stacked(names: list[str], rank: int) -> np.ndarray:
        """Shared where all are."""
        if case.shared.issuperset(names):
            return np.concatenate([inputs[name] for name in names])
        return np.concatenate([batched(name, rank) for name in names], axis=1)

    matrix = stacked([name for name, _ in rows], 2)
    quadratic_values = inputs["P"].reshape(*inputs["P"].shape[:-2], n * n)
    matrix_values = matrix.reshape(*matrix.shape[:-2], m * n)
    # The right-hand sides are always a batch.
    q = np.ascontiguousarray(batched("q", 1))
    right = np.concatenate([batched(name, 1) for _, name in rows], axis=1)

    solver = moreau.CompiledSolver(
        n,
        m,
        np.arange(n + 1) * n,
        np.tile(np.arange(n), n),
        np.arange(m + 1) * n,
        np.tile(np.arange(n), m),
        moreau.Cones(num_zero_cones=count.get("A", 0), num_nonneg_cones=count.get("G", 0)),
        moreau.Settings(solver="active_set", device="cpu", batch_size=batch, enable_grad=True),
    )

    def run() -> Any:
        solver.setup(quadratic_values, matrix_values)
        found = solver.solve(q, right)
        return found.x, solver.backward(case.weights)

    def read(result: Any) -> Outcome:
        solution, found = result
        splits = np.cumsum(sizes)[:-1]
        matrices = np.split(_batch(found["dA_values"], batch, (m, n)), splits, axis=1)
        sides = np.split(np.asarray(found["db"]).reshape(batch, m), splits, axis=1)
        gradients = {
            "P": _batch(found["dP_values"], batch, (n, n)),
            "q": np.asarray(found["dq"]).reshape(batch, n),
            **{name: value for (name, _), value in zip(rows, matrices, strict=True)},
            **{name: value for (_, name), value in zip(rows, sides, strict=True)},
        }
        for name in case.shared:
            # Its gradient in shared matrices is summed already.
            gradients[name] = gradients[name].sum(axis=0)
        return Outcome(np.asarray(solution).reshape(batch, n), gradients)

    return Prepared(run, read)


def _batch(values: Any, batch: int, shape: tuple[int, int]) -> np.ndarray:
    return np.asarray(values).reshape(-1, *shape)


def sparsemax(case: Case) -> Prepared:
    """P is 2I; the bounds are a cone of the unknowns, the sum is the one row."""
    import moreau

    batch, n = case.inputs["v"].shape
    positive = moreau.DirectConeSpec(kind="nonneg", indices=list(range(n)))
    solver = moreau.CompiledSolver(
        n,
        1,
        np.arange(n + 1),
        np.arange(n),
        np.array([0, n]),
        np.arange(n),
        moreau.Cones(num_zero_cones=1, dir_cones=[positive]),
        moreau.Settings(device="cpu", batch_size=batch, enable_grad=True),
    )
    solver.setup(np.full(n, 2.0), np.ones(n))
    q, total = -2 * case.inputs["v"], np.ones((batch, 1))

    def run() -> Any:
        return solver.solve(q, total).x, solver.backward(case.weights)["dq"]

    return Prepared(run, lambda result: Outcome(result[0], {"v": -2 * result[1]}))


def psd(case: Case) -> Prepared:
    """P is 2I."""
    import moreau

    batch, n, _ = case.inputs["V"].shape
    size, cone = triangle(n)
    none = np.zeros(1, int), np.zeros(0, int)
    solver = moreau.CompiledSolver(
        size,
        0,
        np.arange(size + 1),
        np.arange(size),
        *none,
        moreau.Cones(dir_cones=[cone]),
        moreau.Settings(device="cpu", batch_size=batch, enable_grad=True),
    )
    solver.setup(np.full(size, 2.0), np.zeros(0))
    q, right, weights = -2 * packed(case.inputs["V"]), np.zeros((batch, 0)), packed(case.weights)

    def run() -> Any:
        return solver.solve(q, right).x, solver.backward(weights)["dq"]

    return Prepared(run, lambda result: Outcome(unpacked(result[0], n), {"V": -2 * unpacked(result[1], n)}))


def sdp(case: Case) -> Prepared:
    """Data lie in its own layout beforehand, as for quadratic programs."""
    import moreau

    batch, p, n, _ = case.inputs["A"].shape
    size, cone = triangle(n)
    solver = moreau.CompiledSolver(
        size,
        p,
        np.zeros(size + 1, int),
        np.zeros(0, int),
        np.arange(p + 1) * size,
        np.tile(np.arange(size), p),
        moreau.Cones(num_zero_cones=p, dir_cones=[cone]),
        moreau.Settings(device="cpu", batch_size=batch, enable_grad=True),
    )
    C, A, b = packed(case.inputs["C"]), packed(case.inputs["A"]).reshape(batch, p * size), case.inputs["b"]
    nothing, weights = np.zeros((batch, 0)), packed(case.weights)

    def run() -> Any:
        solver.setup(nothing, A)
        return solver.solve(C, b).x, solver.backward(weights)

    def read(result: Any) -> Outcome:
        solution, found = result
        matrices = unpacked(np.asarray(found["dA_values"]).reshape(batch, p, size), n)
        gradients = {"C": unpacked(found["dq"], n), "A": matrices, "b": np.asarray(found["db"])}
        return Outcome(unpacked(solution, n), gradients)

    return Prepared(run, read)


def triangle(n: int) -> tuple[int, Any]:
    """Of a semidefinite unknown of order n: its numbers, and that they make such a matrix."""
    import moreau

    size = n * (n + 1) // 2
    return size, moreau.DirectConeSpec(kind="psd_triangle", indices=list(range(size)), psd_k=n)


def packed(matrix: np.ndarray) -> np.ndarray:
    """Of symmetric parts: the upper triangle, column by column, off-diagonal entries times the root of two."""
    column, row = np.tril_indices(matrix.shape[-1])
    even = (matrix + matrix.swapaxes(-1, -2)) / 2
    return even[..., row, column] * np.where(row == column, 1, np.sqrt(2))


def unpacked(vector: np.ndarray, n: int) -> np.ndarray:
    column, row = np.tril_indices(n)
    matrix = np.empty((*np.shape(vector)[:-1], n, n))
    matrix[..., row, column] = matrix[..., column, row] = vector / np.where(row == column, 1, np.sqrt(2))
    return matrix


CONTENDERS = (
    Contender(
        "moreau",
        ("moreau",),
        ("moreau",),
        {
            "qp": quadratic,
            "mpc": quadratic,
            "mpc_equality": quadratic,
            "sparsemax": sparsemax,
            "psd": psd,
            "sdp": sdp,
        },
        "own interface; active-set path for quadratic programs, direct cones for sparsemax, psd and sdp",
    ),
)
