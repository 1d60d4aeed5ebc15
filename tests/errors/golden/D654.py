from declarative.cli import data
from declarative.compiler import checked, parsed
from declarative.errors import Source

text = "problem ridge\n  given X: real[m, d], y: real[m], lam: positive real\n  find w: real[d]\n"
text += "  minimize ||X @ w - y||^2 + lam * ||w||^2\n"
problem = checked(parsed(Source("ridge.decl", text)))["ridge"]
data.read(["lamb=1"], problem)
