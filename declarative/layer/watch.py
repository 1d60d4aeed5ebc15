"""Statuses of calls outside of transformations -> an error for failures where asked, one warning for `inaccurate`."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np

from declarative.layer.solution import raise_for_status, readable
from declarative.layer.status import Status


class Inaccurate(UserWarning):
    """An element was solved, but not to the tolerance asked for."""


class Watch:
    """Of one layer. Nothing is read that nobody needs: reading waits for the solve to end."""

    def __init__(self, name: str, raises: bool):
        self._name, self._raises = name, raises
        self._warned = False
        self._later: list[Any] = []  # statuses of solves on an accelerator, for the next call

    def see(self, status: Any) -> None:
        if self._raises:
            codes = readable(status)
            if codes is not None:
                raise_for_status(codes)
                self._warn(codes)
        elif not self._warned:
            for known in self._known(status):
                self._warn(readable(known))

    def _known(self, status: Any) -> list[Any]:
        """Statuses that can be read without making the host wait for an accelerator."""
        if not isinstance(status, jax.Array) or isinstance(status, jax.core.Tracer):
            return [status]
        if next(iter(status.devices())).platform == "cpu":
            return [status]
        status.copy_to_host_async()
        waiting, self._later = [*self._later, status], []
        ended: list[Any] = []
        for one in waiting:
            (ended if one.is_ready() else self._later).append(one)
        return ended

    def _warn(self, codes: np.ndarray[Any, Any] | None) -> None:
        """Says once that an answer is not as exact as asked."""
        if codes is None or self._warned or not codes.any():
            return
        count = int(np.sum(codes == Status.INACCURATE.code))
        if count:
            self._warned = True
            text = f"{self._name}: {count} inaccurate: {Status.INACCURATE.advice}"
            warnings.warn(text, Inaccurate, stacklevel=5)


def attained(status: Any) -> bool:
    """Whether every element is solved, or cannot be; False where the status is hidden in a transformation."""
    codes = readable(status)
    if codes is None:
        return False
    return bool(np.all((codes == Status.SOLVED.code) | (codes == Status.INVALID_INPUT.code)))
