"""Times what a user waits for first: `import declarative`, and `decl check` on a twenty-line file.

    python -m benchmarks.startup

Cold means an empty grammar cache; the interpreter's own start is part of every figure.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = """\
## Markowitz portfolio with a factor risk model and a turnover limit.
problem portfolio
  given
    mu:    real[n]            ## expected returns
    F:     real[n, k]         ## factor loadings
    d:     nonneg real[n]     ## specific standard deviations
    w0:    real[n]            ## current holdings
    gamma: positive real = 1
    tau:   nonneg real
  find w: real[n] in simplex
  let
    exposure = F' @ w
    risk     = ||exposure||^2 + ||d * w||^2
    turnover = ||w - w0||_1
    income   = mu' @ w
  maximize income - gamma * risk
  subject to
    budget: turnover <= tau
    cap:    w <= 0.5
  return w, risk, price = dual(budget)
"""

UNWANTED = ("cvxpy", "torch", "sympy")


def seconds(command: list[str], environment: dict[str, str], runs: int) -> float:
    """Median wall time of the command over `runs`."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    environment = dict(os.environ)
    probe = f"import sys, declarative; print([m for m in {UNWANTED} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True).stdout
    print(
        f"import declarative        {seconds([sys.executable, '-c', 'import declarative'], environment, 7):.3f} s"
    )
    print(f"  heavy modules loaded    {loaded.strip()}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portfolio.decl"
        path.write_text(PROGRAM)
        command = [sys.executable, "-m", "declarative", "check", str(path)]
        cold = []
        for run in range(5):
            fresh = environment | {"XDG_CACHE_HOME": str(Path(folder) / f"cache{run}")}
            cold.append(seconds(command, fresh, 1))
        warm = environment | {"XDG_CACHE_HOME": str(Path(folder) / "cache0")}
        print(f"decl check, warm cache    {seconds(command, warm, 9):.3f} s")
        print(f"decl check, cold cache    {statistics.median(cold):.3f} s")


if __name__ == "__main__":
    main()
