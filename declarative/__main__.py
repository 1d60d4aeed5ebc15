"""`python -m declarative` is `decl`."""

from declarative.cli.main import script

if __name__ == "__main__":
    script()
