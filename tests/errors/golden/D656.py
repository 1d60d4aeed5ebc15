import declarative as dc
from declarative.cli import run

text = "problem ridge\n  given X: real[m, d], y: real[m], lam: positive real\n  find w: real[d]\n"
text += "  minimize ||X @ w - y||^2 + lam * ||w||^2\n"
run._gradient("w:mu", dc.compile(text))
