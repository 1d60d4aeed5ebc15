import sys
from types import SimpleNamespace
from unittest.mock import patch

from declarative.cli import results

with patch.dict(sys.modules, {"matplotlib.figure": None}):
    results.plot(SimpleNamespace(outputs={}), "w.png", "ridge")
