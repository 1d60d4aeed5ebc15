"""Projections on sets, recognised and solved by formulas: what the plan chose, and that it is right."""

from pathlib import Path

import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    sets = dc.load(Path(__file__).with_suffix(".decl"))
    rng = np.random.default_rng(6)
    y, Y = 2 * rng.normal(size=5), rng.normal(size=(4, 4))
    Y = (Y + Y.T) / 2
    arguments = {
        "to_box": (y, -np.ones(5), np.ones(5)),
        "to_ball": (y, 1.0),
        "to_cone": (y,),
        "to_psd": (Y,),
    }
    values, vectors = np.linalg.eigh(Y)
    half = (1 + y[0] / np.linalg.norm(y[1:])) / 2
    expected = {
        "to_box": np.clip(y, -1, 1),
        "to_ball": y / max(1, np.linalg.norm(y)),
        "to_cone": half * np.concatenate([[np.linalg.norm(y[1:])], y[1:]]),
        "to_psd": (vectors * np.maximum(values, 0)) @ vectors.T,
    }
    measured = {}
    for name in sets:
        layer = sets[name]
        error = float(np.abs(layer(*arguments[name]) - expected[name]).max())
        report = layer.check_grad(*arguments[name])
        print(f"{name:8} {layer.info['engine']:14} error {error:.1e}   derivatives {report.worst:.1e}")
        measured[name], measured[f"{name}, derivatives"] = error, report.worst
    return measured


if __name__ == "__main__":
    main()
