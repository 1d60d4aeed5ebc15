"""JAX training: a denoiser that is a quadratic program learns its own operator D from noisy signals.

The signals are steps, so the best D takes differences; D starts as noise, and the loss has to find that out.
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.progress import track

import declarative as dc

LENGTH, ROWS = 16, 15


def signals(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps with one or two jumps, clean and with noise."""
    clean = np.zeros((count, LENGTH))
    for row in clean:
        cuts = np.sort(rng.choice(np.arange(3, LENGTH - 2), size=2, replace=False))
        for part in np.split(np.arange(LENGTH), cuts):
            row[part] = rng.uniform(-1, 1)
    return clean, clean + 0.25 * rng.normal(size=clean.shape)


def main(steps: int = 300, plot: str | None = "train_denoise.png") -> dict[str, float]:
    layer = dc.load(Path(__file__).with_name("denoise.decl")).denoise
    rng = np.random.default_rng(0)
    clean, noisy = signals(rng, 512)
    test_clean, test_noisy = signals(rng, 64)
    learned = {
        "D": jnp.asarray(0.3 * rng.normal(size=(ROWS, LENGTH)), jnp.float32),
        "log_lam": jnp.asarray(-2.0),
    }

    def loss(learned: dict, noisy: jax.Array, clean: jax.Array) -> jax.Array:
        x = layer(noisy, learned["D"], jnp.exp(learned["log_lam"]))
        return jnp.mean((x - clean) ** 2)

    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, steps))

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(learned: dict, state: optax.OptState, noisy: jax.Array, clean: jax.Array) -> tuple:
        value, slope = jax.value_and_grad(loss)(learned, noisy, clean)
        moves, state = optimiser.update(slope, state)
        return optax.apply_updates(learned, moves), state, value

    state, curve = optimiser.init(learned), []
    noise = float(np.mean((test_noisy - test_clean) ** 2))
    before = float(loss(learned, jnp.float32(test_noisy), jnp.float32(test_clean)))
    for _ in track(range(steps), description="learning D"):
        some = rng.choice(512, size=32, replace=False)
        learned, state, value = step(learned, state, jnp.float32(noisy[some]), jnp.float32(clean[some]))
        curve.append(float(value))
    after = float(loss(learned, jnp.float32(test_noisy), jnp.float32(test_clean)))
    print(f"mean squared error on new signals: noise {noise:.4f}, before {before:.4f}, after {after:.4f}")
    if plot:
        shown = int(np.ptp(test_clean, axis=1).argmax())  # the signal with the largest jumps
        cleaned = layer(test_noisy[shown], learned["D"], jnp.exp(learned["log_lam"]))
        draw(curve, np.asarray(learned["D"]), test_clean[shown], test_noisy[shown], np.asarray(cleaned), plot)
    return {"noise": noise, "before": before, "after": after}


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
