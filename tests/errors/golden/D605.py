import numpy as np

import declarative as dc

layer = dc.compile("""\
problem fit
  given
    X: real[m, d]
    y: real[m]
    lam: positive real = 1
  find w: real[d]
  minimize ||X @ w - y||^2 + lam * ||w||^2
""")
layer(np.ones(5), np.ones(5))
