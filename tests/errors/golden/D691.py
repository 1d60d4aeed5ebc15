import jax
import jax.numpy as jnp

from declarative.backends.cvxpy import clarabel

jax.jvp(lambda v: clarabel._first_order(jnp.eye(2), v), (jnp.ones(2),), (jnp.ones(2),))
