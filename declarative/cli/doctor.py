"""`decl doctor`: versions, devices and backends found on this machine."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from importlib.util import find_spec

from declarative.cli import console

PACKAGES = {
    "jax": "the JAX backend",
    "jaxlib": "the JAX backend",
    "numpy": "arrays",
    "lark": "the parser",
    "sympy": "certificates",
    "equinox": "`dc.nn.Layer`",
    "optimistix": "engines for smooth problems",
    "lineax": "linear solves",
    "cvxpy": "the cvxpy backend",
    "clarabel": "the cvxpy backend",
    "rich": "this command",
    "torch": "PyTorch tensors, `dc.torch.Layer`: the extra `torch`",
    "matplotlib": "plots: the extra `plot`",
    "diffrax": "initial value problems: the extra `ode`",
}


def arguments(command: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> int:
    from declarative import __version__

    console.out(
        f"declarative-layers {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    )
    console.table(
        ("package", "version", "for"), [(name, _version(name), use) for name, use in PACKAGES.items()]
    )
    console.out()
    console.table(("device", "kind"), _devices())
    console.out()
    console.table(("backend", "state"), _backends())
    return 0 if find_spec("jax") else 1


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not found"


def _devices() -> list[tuple[str, str]]:
    import jax

    return [(str(device), device.device_kind) for device in jax.devices()]


def _backends() -> list[tuple[str, str]]:
    rows = [("jax", f"ready, {_default()}")]
    missing = [name for name in ("cvxpy", "clarabel", "scipy") if find_spec(name) is None]
    rows.append(("cvxpy", f"needs {', '.join(missing)}" if missing else "ready, on the CPU"))
    rows.append(
        ("torch tensors", "ready" if find_spec("torch") else "pip install 'declarative-layers[torch]'")
    )
    return rows


def _default() -> str:
    import jax

    return f"on the {jax.default_backend().upper()}"
