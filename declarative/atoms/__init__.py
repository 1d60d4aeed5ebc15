"""The table of atoms: one record per function of the language, pure data, no backend imported."""

from declarative.atoms import arithmetic, arrangement, elementwise, linear_algebra, norms, reductions
from declarative.atoms.record import Atom as Atom
from declarative.atoms.record import Curvature as Curvature
from declarative.atoms.record import Example as Example
from declarative.atoms.record import Monotone as Monotone
from declarative.atoms.record import ShapeError as ShapeError
from declarative.atoms.record import Sign as Sign

TABLES = (arithmetic, elementwise, reductions, linear_algebra, norms, arrangement)

ATOMS: dict[str, Atom] = {atom.name: atom for table in TABLES for atom in table.ATOMS}

LATER: tuple[str, ...] = ("der", "grad", "laplacian", "integral", "interpolate")
"""Functions of the language that have no row yet."""
