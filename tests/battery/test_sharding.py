"""A batch split over two devices of the CPU: same values and gradients, and no deadlock in LAPACK."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

CODE = """
    import jax, jax.numpy as jnp, numpy as np
    from jax.sharding import Mesh, PartitionSpec as P
    import declarative as dc

    layer = dc.compile('''
    problem p
      given P: psd real[n, n], q: real[n], h: real[m], G: real[m, n]
      find x: real[n]
      minimize 1/2 * x' @ P @ x + q' @ x
      subject to G @ x <= h
    ''')
    rng = np.random.default_rng(0)
    root = rng.normal(size=(64, 50, 50)) / 7
    data = [root @ root.swapaxes(1, 2) + np.eye(50), rng.normal(size=(64, 50)), np.ones((64, 3))]
    data = [jnp.asarray(a, jnp.float32) for a in (*data, rng.normal(size=(3, 50)))]
    mesh = Mesh(np.array(jax.devices()), ("batch",))
    specs = (P("batch"), P("batch"), P("batch"), P())

    def split(function):
        return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=P("batch"), check_vma=False))

    def slope(*data):
        return jax.grad(lambda q: jnp.sum(jnp.sin(layer(data[0], q, *data[2:]))))(data[1])

    assert len(jax.devices()) == 2
    for function in (layer, slope):
        np.testing.assert_allclose(split(lambda *d: function(*d))(*data), jax.jit(function)(*data), atol=1e-4)
    print("same")
"""


@pytest.mark.slow
def test_shard_map() -> None:
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CODE)],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.strip() == "same", done.stderr
