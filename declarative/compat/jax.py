"""`from declarative.compat.jax import CvxpyLayer`, where `from cvxpylayers.jax import CvxpyLayer` was."""

from declarative.compat.layer import CvxpyLayer as CvxpyLayer
