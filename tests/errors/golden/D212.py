from declarative.check import check
from declarative.errors import Source
from declarative.grammar import parse

other, _ = parse(Source("losses.decl", "def pseudo_huber(r) = sqrt(1 + r^2) - 1"))
file, _ = parse(Source("D212.decl", "from losses import pseudohuber"))
_, found = check(file, lambda path, importer: other)
