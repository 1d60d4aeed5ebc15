"""Problems of cvxpy as layers: `CvxpyLayer`, which stands in for that of cvxpylayers, and `from_cvxpy`."""

from declarative.compat.layer import CvxpyLayer as CvxpyLayer
from declarative.compat.problem import from_cvxpy as from_cvxpy
