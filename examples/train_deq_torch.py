"""PyTorch training: a deep equilibrium layer between two linear maps tells two interleaved spirals apart."""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

import declarative as dc

WIDTH = 12


def spirals(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 2
    turn = rng.uniform(0.4, 2.2, count) * math.pi
    angle = turn + math.pi * label
    points = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) / math.pi
    points += 0.06 * rng.normal(size=points.shape)
    return torch.tensor(points, dtype=torch.float32), torch.tensor(label, dtype=torch.float32)


class Classifier(torch.nn.Module):
    """x -> z = tanh(W z + U x + b) -> a score. The equilibrium layer owns U and b.

    W is kept below 1 in its spectral norm: tanh(W z + ...) then contracts, and z exists and is unique.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = dc.load(Path(__file__).with_name("deq.decl")).deq
        rng = np.random.default_rng(0)
        first = {"U": 2.0 * rng.normal(size=(WIDTH, 2)), "b": rng.normal(size=WIDTH)}
        self.equilibrium = dc.torch.Layer(layer, learn={k: v.astype(np.float32) for k, v in first.items()})
        self.raw = torch.nn.Parameter(torch.randn(WIDTH, WIDTH) / math.sqrt(WIDTH))
        self.score = torch.nn.Linear(WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        W = 0.95 * self.raw / torch.linalg.matrix_norm(self.raw, 2).clamp(min=1)
        return self.score(self.equilibrium(W=W, x=x)).squeeze(-1)


def main(steps: int = 300, plot: str | None = "train_deq_torch.png") -> dict[str, float]:
    x, label = spirals(256, seed=1)
    test_x, test_label = spirals(256, seed=2)
    model = Classifier()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    curve = []
    for _ in track(range(steps), description="learning the equilibrium"):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x), label)
        loss.backward()
        optimiser.step()
        curve.append(loss.item())
    with torch.no_grad():
        right = ((model(test_x) > 0) == (test_label > 0.5)).float().mean().item()
    print(f"loss {curve[0]:.3f} -> {curve[-1]:.3f}; {right:.1%} of new points are right")
    if plot:
        draw(model, curve, test_x, test_label, plot)
    return {"first loss": curve[0], "last loss": curve[-1], "right": right}


def draw(model: Classifier, curve: list[float], x: torch.Tensor, label: torch.Tensor, path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(curve)
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    axis = torch.linspace(-2.5, 2.5, 60)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    with torch.no_grad():
        score = model(grid.reshape(-1, 2)).reshape(60, 60).sigmoid()
    right.contourf(axis, axis, score, levels=20, cmap="RdBu", alpha=0.7)
    right.scatter(x[:, 0], x[:, 1], c=label, cmap="RdBu", edgecolors="black", linewidths=0.3, s=14)
    right.set_aspect("equal")
    figure.savefig(path, dpi=120)
    print(f"plot: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--plot", metavar="FILE.png", default="train_deq_torch.png")
    main(**vars(parser.parse_args()))
