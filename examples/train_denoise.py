"""JAX training: a denoiser that is a quadratic program learns its own operator D from noisy signals.

The signals are steps, so the best D takes differences; D starts as noise, and the loss has to find that out.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.progress import track

import declarative as dc

LENGTH, ROWS, BATCH = 16, 15, 32


def signals(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps with one or two jumps, clean and with noise."""
    clean = np.zeros((count, LENGTH))
    for row in clean:
        cuts = np.sort(rng.choice(np.arange(3, LENGTH - 2), size=2, replace=False))
        for part in np.split(np.arange(LENGTH), cuts):
            row[part] = rng.uniform(-1, 1)
    noisy = clean + 0.25 * rng.normal(size=clean.shape)
    return clean.astype(np.float32), noisy.astype(np.float32)


def main(steps: int = 300, plot: str | None = "train_denoise.png") -> dict[str, float]:
    layer = dc.load(Path(__file__).with_name("denoise.decl")).denoise
    rng = np.random.default_rng(0)
    clean, noisy = signals(rng, 512)
    test_clean, test_noisy = signals(rng, BATCH)
    learned = {
        "D": jnp.asarray(0.3 * rng.normal(size=(ROWS, LENGTH)), jnp.float32),
        "log_lam": jnp.asarray(-2.0),
    }

    def loss(learned: dict, noisy: jax.Array, clean: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = layer(noisy, learned["D"], jnp.exp(learned["log_lam"]))
        return jnp.mean((x - clean) ** 2), x

    slope_of = jax.jit(jax.value_and_grad(loss, has_aux=True))
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, steps))
    state, curve = optimiser.init(learned), []
    (before, _), _ = slope_of(learned, test_noisy, test_clean)
    for _ in track(range(steps), description="learning D"):
        some = rng.choice(512, size=BATCH, replace=False)
        (value, _), slope = slope_of(learned, noisy[some], clean[some])
        moves, state = optimiser.update(slope, state)
        learned = optax.apply_updates(learned, moves)
        curve.append(float(value))
    (after, x), _ = slope_of(learned, test_noisy, test_clean)

    noise = float(np.mean((test_noisy - test_clean) ** 2))
    print(f"mean squared error on new signals: noise {noise:.4f}, before {before:.4f}, after {after:.4f}")
    if plot:
        shown = int(np.ptp(test_clean, axis=1).argmax())  # the signal with the largest jumps
        draw(
            curve, np.asarray(learned["D"]), test_clean[shown], test_noisy[shown], np.asarray(x[shown]), plot
        )
    return {"noise": noise, "before": float(before), "after": float(after)}


def draw(
    curve: list[float], D: np.ndarray, clean: np.ndarray, noisy: np.ndarray, cleaned: np.ndarray, path: str
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(curve)
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    order = np.argsort(np.abs(D).argmax(axis=1))
    bound = np.abs(D).max()
    picture = middle.imshow(D[order], cmap="RdBu", vmin=-bound, vmax=bound)
    middle.set(title="learned D, rows sorted", xlabel="entry of x")
    figure.colorbar(picture, ax=middle)
    right.plot(noisy, ".", color="grey", label="noisy")
    right.step(range(LENGTH), clean, where="mid", color="black", label="clean")
    right.plot(cleaned, color="tab:red", label="denoised")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    print(f"plot: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--plot", metavar="FILE.png", default="train_denoise.png")
    main(**vars(parser.parse_args()))
