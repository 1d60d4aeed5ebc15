"""A geometric program: not convex as it stands, convex in the logarithms, solved to the global optimum."""

from pathlib import Path

import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    tank = dc.load(Path(__file__).with_suffix(".decl")).tank
    volumes = np.array([1.0, 5.0, 20.0, 80.0])
    found = tank.solve(10.0, 4.0, volumes, 3.0)
    print("volume   radius   height   cost      cost of one more")
    for volume, r, h, cost, price in zip(
        volumes, found.r, found.h, found.objective, found.price, strict=True
    ):
        print(f"{volume:6.1f}   {r:6.3f}   {h:6.3f}   {cost:7.2f}   {price:7.3f}")

    step = 1e-4
    ends = [float(tank.solve(10.0, 4.0, 5.0 + way * step, 3.0).objective) for way in (1, -1)]
    error = abs(float(found.price[1]) - (ends[0] - ends[1]) / (2 * step))
    print(f"the multiplier is the slope of the optimal cost to {error:.1e}")
    return {"price error": error}


if __name__ == "__main__":
    main()
