"""docs/atoms.md says what the table says."""

from pathlib import Path

from declarative.atoms import ATOMS
from declarative.atoms.table import markdown

PAGE = Path(__file__).parents[2] / "docs" / "atoms.md"


def test_page_is_in_step():
    made = markdown()
    assert PAGE.read_text(encoding="utf-8") == made, "run python -m declarative.atoms.table > docs/atoms.md"
    assert all(f"| `{name}` |" in made for name in ATOMS)
