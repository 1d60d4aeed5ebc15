"""Surface syntax: `.decl` text and decorated Python functions both become one tree."""

if __name__ != "declarative.grammar":
    raise ImportError("import declarative.grammar, not grammar: the folder is a part of declarative")

from declarative.grammar.format import format_file as format_file
from declarative.grammar.parse import parse as parse
from declarative.grammar.parse import parse_body as parse_body
