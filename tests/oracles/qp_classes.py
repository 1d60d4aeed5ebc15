"""The parametric QP classes of the shared data as programs in their natural parameters."""

PROGRAMS = {
    "random_qp": """
problem random_qp
  given P: psd real[n, n], q: real[n], A: real[m, n], u: real[m]
  find x: real[n]
  minimize 1/2 * x' @ P @ x + q' @ x
  subject to A @ x <= u
""",
    "eq_qp": """
problem eq_qp
  given P: psd real[n, n], q: real[n], A: real[m, n], b: real[m]
  find x: real[n]
  minimize 1/2 * x' @ P @ x + q' @ x
  subject to A @ x == b
""",
    "portfolio": """
problem portfolio
  given mu: real[n], gamma: positive real, F: real[n, k], D: nonneg real[n]
  find x: real[n] in simplex
  minimize sum(D * x^2) + ||F' @ x||^2 - mu' @ x / gamma
""",
    "lasso": """
problem lasso
  given Ad: real[m, n], b: real[m], lam: nonneg real
  find x: real[n]
  minimize ||Ad @ x - b||^2 + lam * ||x||_1
""",
    "svm": """
problem svm
  given X: real[m, n], lab: real[m], gamma: positive real
  find x: real[n]
  minimize 1/2 * ||x||^2 + gamma / 2 * sum(max(0, lab[i] * (X[i] @ x) + 1) for i in m)
""",
    "huber": """
problem huber_fit
  given Ad: real[m, n], b: real[m]
  find x: real[n]
  minimize sum(huber(Ad @ x - b)) / 2
""",
    "control": """
problem control
  given x0: real[s], Ad: real[s, s], Bd: real[s, a]
  given Q: nonneg real[s], R: nonneg real[a], umax: positive real[a], xmax: positive real[s]
  given T: static int
  find x: real[T + 1, s], u: real[T, a]
  minimize
    sum(sum(Q * x[t]^2) + sum(R * u[t]^2) for t in T) + 10 * sum(Q * x[T]^2)
  subject to
    x[0] == x0
    x[t + 1] == Ad @ x[t] + Bd @ u[t]  for t in T
    -xmax <= x[t] <= xmax              for t in 0..T
    -umax <= u[t] <= umax              for t in T
  return u
""",
}
