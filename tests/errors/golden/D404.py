from declarative.compiler import checked, parsed
from declarative.errors import Source
from declarative.plan import request

text = "problem free\n  given c: real[n]\n  find x: real[n]\n  minimize ||x - c||^2"
problem = checked(parsed(Source("free.decl", text)))["free"]
found = request(problem, {"tolerance": 1e-6})
