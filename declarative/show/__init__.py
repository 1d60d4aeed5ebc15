"""IR -> what people read: `.decl` text that checks back to an equal IR, LaTeX, an indented tree."""

from declarative.show.latex import latex as latex
from declarative.show.text import expression as expression
from declarative.show.text import text as text
from declarative.show.tree import tree as tree
