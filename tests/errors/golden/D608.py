import numpy as np

import declarative as dc

dc.compile("""\
problem pairs
  given b: real[2*n]
  find x: real[n]
  root x = b[0:n]
""")(np.ones(5))
