"""Shape rules of the atoms: shapes of the arguments and attributes -> shape, or a `ShapeError`."""

from __future__ import annotations

from typing import cast

from declarative.atoms.record import Attrs, ShapeError
from declarative.dims import Dim, Shape

ONE = Dim.of(1)


def shape_text(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}]" if shape else "scalar"


# ---- elementwise -------------------------------------------------------------------------------


def elementwise(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """Scalars stretch; otherwise the same number of axes, where an axis of length 1 stretches."""
    full = [(i, shape) for i, shape in enumerate(shapes) if shape]
    if not full:
        return ()
    first, result = full[0]
    owner = [first] * len(result)
    for i, shape in full[1:]:
        if len(shape) != len(result):
            raise ShapeError(
                "D220", (first, None), (i, None), left=shape_text(result), right=shape_text(shape)
            )
        merged: list[Dim] = []
        for axis, (a, b) in enumerate(zip(result, shape, strict=True)):
            if a != b and ONE not in (a, b):
                raise ShapeError("D221", (owner[axis], axis), (i, axis), left=a, right=b)
            if a == ONE and b != ONE:
                owner[axis] = i
            merged.append(b if a == ONE else a)
        result = tuple(merged)
    return result


# ---- reductions --------------------------------------------------------------------------------


def scalar(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    return ()


def _axis(shape: Shape, attrs: Attrs) -> int | None:
    axis = cast("int | None", attrs.get("axis"))
    if axis is not None and not 0 <= axis < len(shape):
        raise ShapeError("D227", (0, None), axis=axis, axes=len(shape), shape=shape_text(shape))
    return axis


def reduced(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """All entries, or one axis."""
    axis = _axis(shapes[0], attrs)
    return () if axis is None else shapes[0][:axis] + shapes[0][axis + 1 :]


def pairwise_reduced(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """All entries of arguments that fit elementwise."""
    elementwise(shapes, attrs)
    return ()


def along(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """The same shape, taken along a vector or a named axis."""
    shape = shapes[0]
    if _axis(shape, attrs) is None and len(shape) != 1:
        raise ShapeError("D232", (0, None), axes=len(shape), shape=shape_text(shape))
    return shape


def differences(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    shape = along(shapes, attrs)
    axis = _axis(shape, attrs) or 0
    return (*shape[:axis], shape[axis] - 1, *shape[axis + 1 :])


# ---- linear algebra ----------------------------------------------------------------------------


def _axes(shape: Shape, argument: int, number: int) -> None:
    if len(shape) != number:
        wanted = {1: "a vector", 2: "a matrix"}[number]
        raise ShapeError("D223", (argument, None), wanted=wanted, shape=shape_text(shape))


def _square(shape: Shape, argument: int) -> None:
    _axes(shape, argument, 2)
    if shape[0] != shape[1]:
        raise ShapeError("D224", (argument, None), shape=shape_text(shape))


def matmul(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """NumPy's `@` on vectors and matrices."""
    left, right = shapes
    for argument, shape in enumerate(shapes):
        if not shape:
            raise ShapeError("D228", (argument, None))
        if len(shape) > 2:
            raise ShapeError("D223", (argument, None), wanted="a vector or a matrix", shape=shape_text(shape))
    if left[-1] != right[0]:
        raise ShapeError("D222", (0, len(left) - 1), (1, 0), left=left[-1], right=right[0])
    return left[:-1] + right[1:]


def transposed(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _axes(shapes[0], 0, 2)
    return shapes[0][::-1]


def inner(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _axes(shapes[0], 0, 1)
    _axes(shapes[1], 1, 1)
    return matmul(shapes, attrs)


def outer(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _axes(shapes[0], 0, 1)
    _axes(shapes[1], 1, 1)
    return shapes[0] + shapes[1]


def kron(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _axes(shapes[0], 0, 2)
    _axes(shapes[1], 1, 2)
    return tuple(a * b for a, b in zip(*shapes, strict=True))


def square_to_scalar(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _square(shapes[0], 0)
    return ()


def square_to_same(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _square(shapes[0], 0)
    return shapes[0]


def matrix_to_scalar(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _axes(shapes[0], 0, 2)
    return ()


def solution(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """x of `A @ x == b`."""
    _square(shapes[0], 0)
    matmul(shapes, attrs)
    return shapes[1]


def quad_form(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    _axes(shapes[0], 0, 1)
    _square(shapes[1], 1)
    if shapes[0][0] != shapes[1][0]:
        raise ShapeError("D222", (0, 0), (1, 0), left=shapes[0][0], right=shapes[1][0])
    return ()


def quad_over_lin(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    if shapes[1]:
        raise ShapeError("D226", (1, None), shape=shape_text(shapes[1]))
    return ()


def diagonal(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """A vector becomes a diagonal matrix, a square matrix gives its diagonal."""
    shape = shapes[0]
    if len(shape) == 1:
        return (shape[0], shape[0])
    _square(shape, 0)
    return (shape[0],)


# ---- arrangement -------------------------------------------------------------------------------


def concatenated(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """Along `axis`; scalars count as vectors of length 1."""
    full = [shape or (ONE,) for shape in shapes]
    axis = cast(int, attrs.get("axis", 0))
    result = full[0]
    _axis(result, attrs)
    for i, shape in enumerate(full[1:], start=1):
        if len(shape) != len(result):
            raise ShapeError("D220", (0, None), (i, None), left=shape_text(result), right=shape_text(shape))
        for a, (left, right) in enumerate(zip(result, shape, strict=True)):
            if a != axis and left != right:
                raise ShapeError("D221", (0, a), (i, a), left=left, right=right)
        result = (*result[:axis], result[axis] + shape[axis], *result[axis + 1 :])
    return result


def stacked(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    """Along a new `axis`."""
    axis = cast(int, attrs.get("axis", 0))
    first = shapes[0]
    if not 0 <= axis <= len(first):
        raise ShapeError("D227", (0, None), axis=axis, axes=len(first) + 1, shape=shape_text(first))
    for i, shape in enumerate(shapes[1:], start=1):
        if shape != first:
            raise ShapeError("D220", (0, None), (i, None), left=shape_text(first), right=shape_text(shape))
    return (*first[:axis], Dim.of(len(shapes)), *first[axis:])


def entries(shape: Shape) -> Dim:
    """How many numbers an array of this shape holds."""
    total = ONE
    for dim in shape:
        total = total * dim
    return total


def reshaped(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    wanted = cast(Shape, attrs["shape"])
    if entries(wanted) != entries(shapes[0]):
        raise ShapeError(
            "D233", (0, None), have=shape_text(shapes[0]), want=shape_text(wanted),
            count=entries(shapes[0]), wants=entries(wanted),
        )  # fmt: skip
    return wanted


def flat(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    return (entries(shapes[0]),)


def as_given(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    return cast(Shape, attrs["shape"])


def square_of_size(shapes: tuple[Shape, ...], attrs: Attrs) -> Shape:
    size = cast(Dim, attrs["size"])
    return (size, size)
