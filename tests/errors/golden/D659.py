from argparse import Namespace
from unittest.mock import patch

from declarative.cli import programs
from declarative.errors import Source

text = "extern def f(z: real[k]) -> real[k]\n\nproblem p\n  find z: real[3]\n  fixed point z = f(z)\n"
with patch.object(programs, "source", lambda path: Source("host.decl", text)):
    programs.layer(Namespace(file="host.decl", problem=None, path=[]))
