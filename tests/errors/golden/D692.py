import numpy as np

import declarative as dc

layer = dc.compile(
    """\
problem projection
  given y: real[n]
  find x: real[n]
  minimize ||x - y||^2
  subject to x >= 0
""",
    backend="cvxpy",
)
layer(np.ones(40_000))
