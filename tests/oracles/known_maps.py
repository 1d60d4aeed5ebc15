"""Programs that are projections or proximal maps: (name, arguments, whether it is moved)."""

from __future__ import annotations

HEAD = """problem p
  given v: real[n], A: real[m, n], b: real[m], s: real, r: positive real, w: positive real[m], V: real[n, n]
  given Q: psd real[n, n], lo: real[n], q: real[n]
  """

KNOWN_MAPS = {
    "find x: real[n]\n minimize ||x - v||^2\n subject to ||x - q|| <= r": ("ball", 1, True),
    "find x: real[n]\n minimize ||x - v||^2\n subject to ||2 * x - q||^2 <= 4": ("ball", 1, True),
    "find x: real[n]\n minimize ||x - v||^2\n subject to sum(abs(x - lo)) <= r": ("ball_1", 1, True),
    "find X: real[n, n]\n minimize ||X - V||^2\n subject to X >> 0.1 * eye(n)": ("psd", 0, True),
    "find x: real[n]\n minimize ||x - v||^2\n subject to ||x[1:n]|| <= x[0]": ("soc", 0, False),
    "find x: real[n]\n minimize ||x - v||^2\n subject to x[0:n - 1] <= x[1:n]": ("monotone", 0, False),
    "find x: real[n]\n minimize ||x - v||^2\n subject to -diff(x) <= 0": ("monotone", 0, False),
    "find x: real[n]\n minimize ||x - v||^2\n subject to q' @ x <= s": ("halfspace", 2, False),
    "find x: real[n]\n minimize ||x - v||^2\n subject to s == lo' @ x + 1": ("hyperplane", 2, False),
    "find x: real[n] in simplex\n minimize ||x - v||^2\n subject to x <= 0.5": ("knapsack", 5, False),
    "find x: real[n] in simplex\n minimize (x - v)' @ diag(exp(q)) @ (x - v)": ("knapsack", 5, False),
    "find x: nonneg real[n]\n minimize ||x - v||^2\n subject to sum(x) <= r": ("budget", 5, False),
    "find x: real[n] in ball(r)\n minimize q' @ x": ("sphere", 1, False),
    "find x: real[n]\n minimize sum(exp(q) * (x - v)^2 + r * abs(x - lo))": ("soft_threshold", 1, True),
    "find x: nonneg real[n]\n minimize ||x - v||^2 + r * sum(x) + r * ||x||_1": ("soft_threshold", 3, False),
    "find x: real[n]\n minimize ||x - v||^2 + r * sum(hinge(x))": ("soft_threshold", 1, True),
    "find x: real[n]\n minimize ||x - v||^2 + r * ||x||": ("group_threshold", 2, False),
    "find X: real[m, n]\n minimize ||X - A||^2 + r * sum(||X[i]|| for i in m)": ("group_threshold", 2, False),
    "find X: real[m, n]\n minimize ||X - A||^2 / 2 + r * ||X||_*": ("singular_threshold", 2, False),
    "find x: real[n] in simplex\n maximize v' @ x + r * entropy(x)": ("softmax", 0, False),
    "find x: nonneg real[n]\n minimize sum(x * log(x))\n subject to sum(x) == r": ("softmax", 1, False),
}
