"""docs/atoms.md says what the table says; shape rules refuse in words of the catalogue."""

import itertools
from pathlib import Path

import pytest

from declarative.atoms import ATOMS, Atom, ShapeError
from declarative.atoms.table import markdown
from declarative.dims import Dim, Shape
from declarative.errors import NOWHERE, diagnostic

PAGE = Path(__file__).parents[2] / "docs" / "atoms.md"


def test_page_is_in_step():
    made = markdown()
    assert PAGE.read_text(encoding="utf-8") == made, "run python -m declarative.atoms.table > docs/atoms.md"
    assert all(f"| `{name}` |" in made for name in ATOMS)


@pytest.mark.parametrize("atom", ATOMS.values(), ids=lambda atom: atom.name)
def test_refused_shapes_have_words(atom: Atom):
    """Whatever a shape rule refuses fills the words of its code, and names arguments that exist."""
    n, m = Dim.of("n"), Dim.of("m")
    shapes = [(), (n,), (m,), (n, m), (m, m), (n, m, n)]
    count = atom.arity if isinstance(atom.arity, int) else max(atom.arity[0], 2)
    settings = {"axis": (None, 0, 1, 3), "shape": ((n,), (n, m)), "size": (n,), "k": (n,), "p": (3.0,)}
    names = [name for name, _ in atom.attrs]
    choices = [
        [value for value in settings[name] if value is not None or usual is None]
        for name, usual in atom.attrs
    ]
    for attrs in itertools.product(*choices):
        for chosen in itertools.product(shapes, repeat=count):
            error = refusal(atom, chosen, dict(zip(names, attrs, strict=True)))
            if error is not None:
                found = diagnostic(error.code, NOWHERE, text="f(x)", **error.fields)
                assert "{" not in found.message
                assert all(position < count for position, _ in error.places)


def refusal(atom: Atom, shapes: tuple[Shape, ...], attrs: dict[str, object]) -> ShapeError | None:
    try:
        atom.shape(shapes, attrs)
    except ShapeError as error:
        return error
    return None
