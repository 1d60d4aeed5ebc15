"""The JAX backend: IR -> readable Python source, and the engines that it calls, one file each."""

from declarative.backends.jax.engines import ENGINES as ENGINES
