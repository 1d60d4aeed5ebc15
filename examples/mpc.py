"""Model-predictive control on recorded robot data: a walking robot's sequence of programs, solved as one batch.

The data are the programs of a linear inverted pendulum that walks (LIPMWALK). They are looked for in the
folder that DECLARATIVE_DATA names, then in ../shared/data beside the repository.
"""

import argparse
import os
import time
from pathlib import Path

import jax
import numpy as np

import declarative as dc

HERE = Path(__file__).parent


def recorded() -> dict[str, np.ndarray] | None:
    """Programs of 30 control steps with their solutions, or None where the data are absent."""
    named = os.environ.get("DECLARATIVE_DATA")
    folders = [Path(named)] if named else []
    for folder in (*folders, HERE.parents[1] / "shared" / "data"):
        path = folder / "mpc" / "LIPMWALK.npz"
        if path.is_file():
            print(f"data: {path.name}, 30 control steps of a walking robot")
            with np.load(path) as archive:
                return {name: archive[name] for name in ("P", "q", "G", "h", "x_opt")}
    return None


def generated(steps: int = 30, horizon: int = 8) -> dict[str, np.ndarray]:
    """A cart pushed to the origin, condensed in the same way: u has the pushes of one horizon."""
    print(
        "data: none recorded found, so a generated cart; DECLARATIVE_DATA names the folder of the real ones"
    )
    A, B = np.array([[1, 0.1], [0, 1]]), np.array([[0.005], [0.1]])
    powers = [np.linalg.matrix_power(A, t) for t in range(horizon + 1)]
    reach = np.block(
        [
            [powers[t - 1 - k] @ B if k < t else np.zeros((2, 1)) for k in range(horizon)]
            for t in range(1, horizon + 1)
        ]
    )
    drift = np.concatenate(powers[1:])
    start = np.random.default_rng(0).uniform(-1, 1, size=(steps, 2))
    P = 2 * (reach.T @ reach + 0.01 * np.eye(horizon))
    q = 2 * start @ (reach.T @ drift).T
    G = np.concatenate([np.eye(horizon), -np.eye(horizon)])
    return {"P": P, "q": q, "G": G, "h": np.ones((steps, 2 * horizon))}


def main(plot: str | None = None) -> dict[str, float]:
    layer = dc.load(HERE / "mpc.decl").condensed
    data = recorded() or generated()
    P, q, G, h = (data[name] for name in "PqGh")

    start = time.perf_counter()
    found = layer.solve(P, q, G, h)
    first = time.perf_counter() - start
    start = time.perf_counter()
    found = layer.solve(P, q, G, h)
    again = time.perf_counter() - start
    print(found)
    print(f"time: {first:.2f} s with compilation, then {again / len(q) * 1e3:.2f} ms a step")

    measured = {"residual": float(np.max(found.residual)), "failed": float(not found.ok)}
    if "x_opt" in data:
        measured["error"] = float(np.abs(found.u - data["x_opt"]).max())
        print(f"largest difference from the recorded solutions: {measured['error']:.1e}")

    free = int((found.price > 1e-6).sum(axis=1).argmin())  # the step that touches the fewest limits
    with jax.enable_x64(True):
        slope = jax.jacrev(lambda q: layer(P, q, G, h[free]).u[0])(q[free])
    print(f"the first input's derivative in q, step {free}: {np.round(slope[:4], 3)} ...")
    if plot:
        draw(np.asarray(found.u), np.asarray(found.price), plot)
    return measured


def draw(u: np.ndarray, price: np.ndarray, path: str) -> None:
    """The plan of every step, and which limits it touches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    plans, limits = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    steps = np.arange(len(u))
    plans.plot(steps, u[:, 0], color="black", linewidth=2, label="input applied")
    plans.plot(steps, u[:, 1:4], linewidth=1, label=["planned, 1 ahead", "2 ahead", "3 ahead"])
    plans.set_ylabel("input")
    plans.legend(fontsize=8)
    limits.imshow(price.T > 1e-6, aspect="auto", cmap="Greys", interpolation="nearest")
    limits.set_ylabel("active limit")
    limits.set_xlabel("control step")
    figure.savefig(path, dpi=120)
    print(f"plot: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE.png", help="draw inputs and active limits")
    main(**vars(parser.parse_args()))
