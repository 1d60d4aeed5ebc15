"""The reference backend: every certified convex problem as a cvxpy Problem, solved by Clarabel on the host."""

from __future__ import annotations

from declarative.backends.cvxpy.clarabel import ENGINE
from declarative.backends.cvxpy.emit import emit as emit

ENGINES = (ENGINE,)
