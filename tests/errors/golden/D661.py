from types import SimpleNamespace

from declarative.cli import results

results.write(SimpleNamespace(outputs={}), "w.txt")
