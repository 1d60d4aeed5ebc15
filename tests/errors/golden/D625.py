import jax
import numpy as np
from jax.experimental.sparse import BCOO

import declarative as dc

layer = dc.compile("""\
problem program
  given
    A: real[m, n]
    b: real[m]
  find x: real[n]
  minimize ||x||^2
  subject to A @ x == b
""")
jax.jit(layer)(BCOO.fromdense(np.eye(2)), np.ones(2))
