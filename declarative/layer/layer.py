"""The Layer: a compiled problem as a function of its parameters, batched and differentiable."""

from __future__ import annotations

import html
from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax

from declarative import ir
from declarative.errors import DeclError
from declarative.layer import bind, run, values
from declarative.layer.adapters import Traced, adapter
from declarative.layer.batches import Batches
from declarative.layer.call import Call, Oversized
from declarative.layer.key import Keys, spread
from declarative.layer.options import Options
from declarative.layer.program import Program
from declarative.layer.promises import check_promises
from declarative.layer.ready import Ready
from declarative.layer.solution import Solution
from declarative.layer.watch import Inaccurate as Inaccurate
from declarative.layer.watch import Watch, attained

if TYPE_CHECKING:
    from declarative.layer.gradcheck import GradReport

Recompile = Callable[..., "Layer"]

MANY = 3e7
"""Operations of a solve below which it takes a few milliseconds, whatever the engine."""
GAIN = 2.5
"""How many times fewer another engine must need: its programs take longer to compile."""


class Layer:
    """`layer(P, q)` gives the outputs, `layer.solve(P, q)` a `Solution` with statuses and multipliers."""

    def __init__(self, program: Program, options: Options, recompile: Recompile):
        self._program = program
        self._options = options
        self._recompile = recompile
        self._cache: dict[Any, Traced] = {}  # compiled functions by the structure of a call
        self._ready: dict[Any, Ready] = {}  # the same by the key of a call
        self._large: dict[bool, Layer | None] = {}  # for calls with large matrices
        self._saved: dict[Any, float] = {}  # what blocks save, by the structure of a call
        self._batches = Batches()
        self._thorough = False  # whether an attempt has ever failed
        self._keys = Keys(program.given)
        self._watch = Watch(program.problem.name, options.on_fail == "raise")
        self.__name__ = program.problem.name
        self.__doc__ = program.problem.doc or None

    # ---- solving -------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs: one array, or a NamedTuple in the order of `return`."""
        result = self._run(args, kwargs, full=False)
        outputs = result.values["outputs"]
        return outputs[0] if len(outputs) == 1 else self._tuple(*outputs)

    def solve(self, *args: Any, check: bool = False, **kwargs: Any) -> Solution:
        """Outputs by name with statuses, residuals and multipliers; `check` tests the promises on parameters."""
        result = self._run(args, kwargs, full=True, check=check)
        facts = result.facts
        return Solution(
            outputs=dict(zip(self.info["outputs"], result.values["outputs"], strict=True)),
            objective=result.values["objective"],
            dual=result.values["dual"],
            status_code=facts["status"],
            derivative_code=facts["derivative"],
            iterations=facts["iterations"],
            residual=facts["residual"],
            gradient_error=facts["gradient_error"],
        )

    def check_grad(self, *args: Any, **kwargs: Any) -> GradReport:
        """The implicit derivative against central differences, per parameter."""
        from declarative.layer.gradcheck import check_grad

        return check_grad(self, *args, **kwargs)

    def with_options(self, **changes: Any) -> Layer:
        """The same problem, solved another way."""
        return self._recompile(**changes)

    # ---- what people look at -------------------------------------------------------------------

    @property
    def source(self) -> str:
        """The Python module that runs."""
        return self._program.source

    @property
    def problem(self) -> ir.Problem:
        return self._program.problem

    @property
    def given(self) -> tuple[ir.Parameter, ...]:
        """The parameters of a call."""
        return self._program.given

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Values of parameters that a call may leave out."""
        return self._program.defaults

    @property
    def options(self) -> Options:
        return self._options

    @property
    def info(self) -> Mapping[str, Any]:
        return self._program.info

    @property
    def signature(self) -> str:
        return bind.signature(self.__name__, self._program.given)

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """Class, certificates, and each engine's answer with its reason; with the arguments of a call, also how the
        matrices of that size are factorised."""
        if not args and not kwargs:
            return self._program.explain()
        layer, call, why = self._call(args, kwargs, full=False)
        text, program = self._program.explain(), layer._program
        text += "" if why is None else f"at this size    {program.engine}, {program.backend} backend: {why}\n"
        matrices = call.matrices
        return text if matrices is None else f"{text}matrices        {matrices}\n"

    def latex(self) -> str:
        return self._program.latex()

    def __repr__(self) -> str:
        outputs = ", ".join(self.info["outputs"])
        return f"<Layer {self.signature} -> {outputs}; {self._program.backend}, {self._program.engine}>"

    def _repr_html_(self) -> str:
        return f"<div>\\[{html.escape(self.latex())}\\]</div><pre>{html.escape(repr(self))}</pre>"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    # ---- one call ------------------------------------------------------------------------------

    @cached_property
    def _tuple(self) -> Any:
        return namedtuple(self.__name__, self.info["outputs"], rename=True)

    def _run(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], full: bool, check: bool = False
    ) -> run.Result:
        result, attempt = self._once(args, kwargs, full, check)
        if attempt and not attained(result.facts["status"]):
            # The data are not of the easy kind; those of later calls will be like them.
            self._thorough = True
            self._ready.clear()
            result, _ = self._once(args, kwargs, full, check)
        self._watch.see(result.facts["status"])
        return result

    def _once(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], full: bool, check: bool
    ) -> tuple[run.Result, bool]:
        """The result, and whether it is but an attempt."""
        outside = None if check else self._keys.of(args, kwargs)
        if outside is None:
            layer, call, _ = self._call(args, kwargs, full)
            if check:
                check_promises(self._program.problem, call.by_name, call.bound)
            ready = layer._prepared(call)
            return ready.run(call.given), ready.attempt
        key, leaves = (full, jax.config.read("jax_enable_x64"), values.place(), outside[0]), outside[1]
        found = self._ready.get(key)
        stays = found is not None and self._batches.stays(found.padding)
        if found is None or stays:
            layer, call, _ = self._call(args, kwargs, full)
            found = self._ready[key] = layer._prepared(call, stays)
        return found.run(leaves), found.attempt

    def _call(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], full: bool
    ) -> tuple[Layer, Call, str | None]:
        """The call, the layer that solves it, and why, where it is another one."""
        found = bind.match(self.__name__, self._program.given, args, kwargs)
        dense = f"the dense matrices of `{self._program.engine}`"
        try:
            call = Call(self._program, found, self._options, full)
        except Oversized as large:
            other, why = self._for_large(direct=large.args[0]), f"it spares {dense}"
            if other is None:
                return self, Call(self._program, found, self._options, full, dense=True), None
        else:
            fewer = self._fewer(call, found)
            other = self._in_blocks if fewer >= GAIN else None
            if other is None:
                return self, call, None
            why = f"in blocks, about {fewer:.2g} times fewer operations than with {dense}"
        return other, Call(other._program, found, other._options, full), why

    def _for_large(self, direct: bool) -> Layer | None:
        """The same problem on an engine that needs no dense matrices; None if none takes it.

        `direct`: by a sparse factorisation where there is a CPU only. Otherwise by products of matrices and vectors,
        which suit an accelerator.
        """
        if direct not in self._large:
            ways = [{"engine": "first_order"}, {"backend": "cvxpy"}]
            if direct and jax.default_backend() == "cpu":
                ways.reverse()
            self._large[direct] = next(filter(None, map(self._replanned, ways)), None)
        return self._large[direct]

    @cached_property
    def _in_blocks(self) -> Layer | None:
        """The same problem on an engine that looks for blocks, where this one's has none."""
        return None if self._program.blocks is None else self._replanned({"engine": self._program.blocks})

    def _fewer(self, call: Call, found: Mapping[str, Any]) -> float:
        """How many times fewer operations `_in_blocks` needs for a call; 0 where that is not asked."""
        if self._program.blocks is None or jax.default_backend() != "cpu":
            return 0.0
        key = call.structure
        if key not in self._saved:
            self._saved[key], mine = 0.0, call.operations
            if mine is not None and mine > MANY and self._in_blocks is not None:
                other = self._in_blocks
                its = Call(other._program, found, other._options, key.full).operations
                self._saved[key] = 0.0 if its is None else mine / its
        return self._saved[key]

    def _replanned(self, changes: Mapping[str, str]) -> Layer | None:
        try:
            layer = self._recompile(**changes)
        except DeclError:
            return None
        return None if layer._program.dense else layer

    def _prepared(self, call: Call, stays: bool = False) -> Ready:
        """`stays`: a size of batch that came so often is worth a compilation of its own."""
        structure, padding = call.structure, None
        alone = not call.traced and not any(map(spread, call.given))
        if alone:
            structure, padding = self._batches.rounded(structure, stays)
        attempt = alone and not self._thorough and getattr(call.module.SOLVER, "attempts", False)
        attempt = attempt and jax.default_backend() == "cpu"  # elsewhere to look at a status is to wait
        staged = values.place() == "jit"
        key = (structure, call.traced, staged, attempt)
        if key not in self._cache:
            function = run.function(call.module, structure, self._options, attempt)
            wide = structure.solve_dtype == "float64" and not call.traced
            self._cache[key] = Traced(function, wide, staged)
        return Ready(self._cache[key], adapter(call.kind), call.sources, padding, attempt)
