"""PyTorch in and out: autograd of every order and mode, torch.func, the module."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import declarative as dc  # noqa: E402
from declarative import Status  # noqa: E402
from tests.layer.toy import failing, toy  # noqa: E402

# PyTorch's own forward mode says this when it is first used.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


def data(*lead: int, dtype: Any = None) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    a = torch.tensor(rng.normal(size=(3, 3)) + 3 * np.eye(3), dtype=dtype)
    b = torch.tensor(rng.normal(size=(*lead, 3)), dtype=dtype)
    return a.requires_grad_(), b.requires_grad_()


def outputs(a: Any, b: Any) -> tuple[Any, ...]:
    return tuple(toy()(a, b))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values(dtype: Any) -> None:
    a, b = data(4, dtype=dtype)
    x, total = toy()(a, b)
    assert x.dtype == total.dtype == dtype
    torch.testing.assert_close(x, torch.linalg.solve(a, b[..., None])[..., 0])


def test_without_a_copy() -> None:
    """A tensor goes in by DLPack, and what comes out can be changed in place without harm."""
    a, b = (t.detach() for t in data())
    layer = toy()
    first = layer(a, b).x
    kept = first.clone()
    first.zero_()
    torch.testing.assert_close(layer(a, b).x, kept)


def test_gradcheck() -> None:
    layer, args = toy(), data(2)

    def function(a: Any, b: Any) -> tuple[Any, ...]:
        return tuple(layer(a, b))

    assert torch.autograd.gradcheck(function, args, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, args)


def test_backward_matches_autograd() -> None:
    a, b = data(4)
    toy()(a, b).x.sum().backward()
    got = a.grad, b.grad
    a.grad = b.grad = None
    torch.linalg.solve(a, b[..., None]).sum().backward()
    torch.testing.assert_close(got, (a.grad, b.grad))


def test_torch_func() -> None:
    layer = toy()
    a, b = (t.detach() for t in data(4))

    def ours(b: Any) -> Any:
        return layer(a, b).total

    def theirs(b: Any) -> Any:
        return 2 * torch.linalg.solve(a, b).sum()

    func = torch.func
    torch.testing.assert_close(func.vmap(ours)(b), func.vmap(theirs)(b))
    torch.testing.assert_close(func.vmap(func.grad(ours))(b), func.vmap(func.grad(theirs))(b))
    torch.testing.assert_close(func.jacfwd(ours)(b[0]), func.jacfwd(theirs)(b[0]))
    torch.testing.assert_close(func.jacrev(ours)(b[0]), func.jacrev(theirs)(b[0]))
    torch.testing.assert_close(
        func.hessian(lambda a: layer(a, b[0]).total)(a),
        func.hessian(lambda a: 2 * torch.linalg.solve(a, b[0]).sum())(a),
    )


def test_a_batch_of_cotangents() -> None:
    a, b = data()
    x = toy()(a, b).x
    rows = torch.func.vmap(lambda ct: torch.autograd.grad(x, b, ct, retain_graph=True)[0])(
        torch.eye(3, dtype=x.dtype)
    )
    torch.testing.assert_close(rows, torch.linalg.inv(a))


def test_changing_an_argument_before_backward_is_noticed() -> None:
    a, b = data()
    total = toy()(a * 1, c := b * 1).total
    c.detach().mul_(2)
    c.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_failures() -> None:
    a, b = data(dtype=torch.float32)
    bad = torch.tensor(np.asarray(failing(Status.UNBOUNDED, 3)), dtype=torch.float32)
    both = torch.stack([a.detach(), bad]).requires_grad_()
    solution = toy().solve(both, b)
    assert list(solution.status) == [Status.SOLVED, Status.UNBOUNDED]
    solution.x[0].sum().backward()
    assert torch.isfinite(both.grad[0]).all()
    assert torch.isfinite(b.grad).all()
    with pytest.raises(dc.SolveError):
        toy(on_fail="raise")(both, b)


def test_numpy_and_numbers_go_along() -> None:
    a, _ = data(dtype=torch.float64)
    x, total = toy()(a, np.ones(3), 3)
    assert x.dtype == torch.float64
    total.backward()
    assert torch.isfinite(a.grad).all()


def test_traced_arrays_do_not() -> None:
    import jax
    import jax.numpy as jnp

    a, _ = data()
    with pytest.raises(dc.ArgumentError, match="D613"):
        jax.vmap(lambda b: toy()(a, b).x)(jnp.ones((2, 3)))


def test_non_contiguous_empty_and_integer_tensors() -> None:
    a, b = (t.detach() for t in data(4))
    torch.testing.assert_close(toy()(a.T, b).x, torch.linalg.solve(a.T, b[..., None])[..., 0])
    assert toy()(a, b[:0]).x.shape == (0, 3)
    assert toy()(torch.eye(3, dtype=torch.int64), b).x.dtype == torch.float64


# ---- the module --------------------------------------------------------------------------------


def test_module_learns() -> None:
    torch.manual_seed(0)
    module = dc.torch.Layer(toy(pd=True), learn=["A", "scale"])
    target = torch.randn(8, 3)
    x = module(torch.ones(8, 3)).x
    assert x.shape == (8, 3)
    assert {name for name, _ in module.named_parameters()} == {"A", "scale"}
    optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = (module(target).x - target / 2).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    assert (torch.linalg.eigvalsh(module.parameters_of_layer()["A"]) > 0).all()


def test_module_with_first_values() -> None:
    first = torch.eye(3, dtype=torch.float64) * 4
    module = dc.torch.Layer(toy(pd=True), learn={"A": first})
    torch.testing.assert_close(module.parameters_of_layer()["A"], first)
    torch.testing.assert_close(
        module(torch.ones(3, dtype=torch.float64)).x, torch.ones(3, dtype=torch.float64) / 4
    )
    assert "learn=['A']" in repr(module)


def test_module_without_sizes() -> None:
    module = dc.torch.Layer(toy(), learn=["A", "b"])
    with pytest.raises(dc.ArgumentError, match="D615"):
        module()
    assert dc.torch.Layer(toy(), learn=["A", "b"], sizes={"n": 2})().x.shape == (2,)
    with pytest.raises(dc.ArgumentError, match="what can be learned is `A`, `b`, `scale`"):
        dc.torch.Layer(toy(), learn=["C"])
