import warnings

import scipy.sparse

import declarative as dc
from declarative.errors import diagnostic

layer = dc.compile("""\
problem first
  given A: real[m, n]
  find x: real
  minimize (x - A[0, 0])^2
""")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    layer(scipy.sparse.coo_array(([2.0], ([0], [0])), shape=(4_000_001, 1)))
found = [diagnostic("D626", None, name="A", entries=4_000_001, engine=layer.info["engine"])]
assert [str(one.message) for one in caught] == [f"{found[0].message}: {found[0].help}"]
