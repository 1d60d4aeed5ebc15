"""Total variation: a noisy signal in steps, for a batch of penalties; the jumps are exact, the rest is flat."""

from pathlib import Path

import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    piecewise = dc.load(Path(__file__).with_suffix(".decl")).piecewise
    rng = np.random.default_rng(4)
    truth = np.repeat([0.0, 2.0, -1.0, 0.5], 15)
    y = truth + 0.3 * rng.normal(size=truth.size)
    lams = np.array([0.1, 0.5, 2.0, 8.0])

    x = piecewise(y, lams)
    print("penalty   jumps   distance from the truth")
    for lam, row in zip(lams, x, strict=True):
        jumps = np.count_nonzero(np.abs(np.diff(row)) > 1e-9)
        print(f"{lam:7.1f}   {jumps:5d}   {np.sqrt(np.mean((row - truth) ** 2)):.3f}")

    # Optimal where the running sum of x - y stays within lam, reaches it at jumps alone, and ends at zero.
    pull = np.cumsum(x - y, axis=1)
    excess = float((np.abs(pull) - lams[:, None]).max())
    at_jumps = np.abs(np.abs(pull[:, :-1]) - lams[:, None])[np.abs(np.diff(x)) > 1e-9]
    error = max(excess, float(np.abs(pull[:, -1]).max()), float(at_jumps.max()))
    print(f"optimality: {error:.1e}")
    return {"optimality": error, "distance": float(np.sqrt(np.mean((x[2] - truth) ** 2)))}


if __name__ == "__main__":
    main()
