"""Asks every engine about every variant of a problem; gives the cheapest that takes one, and all answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from declarative.errors import DeclError, Diagnostic, diagnostic
from declarative.ir import Problem, SubProblem
from declarative.plan.engine import Accept, Engine, Refuse, Variant
from declarative.plan.options import Request, closest, option_spans
from declarative.walk import contains

STEP_COST = 0.1
"""What a rewrite adds to a cost: among equals, the problem nearest to the user's wins."""


@dataclass(frozen=True)
class Answer:
    """What one engine said about one variant."""

    engine: Engine
    variant: Variant
    verdict: Accept | Refuse


@dataclass(frozen=True)
class Choice:
    """The engine and the variant that run, the engine's `method` if one was named, and who said what."""

    engine: Engine
    variant: Variant
    answers: tuple[Answer, ...]
    method: str | None = None
    request: Request = field(default_factory=Request)


def plan(variants: tuple[Variant, ...], engines: tuple[Engine, ...], request: Request) -> Choice:
    """The first variant is the user's own problem. Raises `DeclError` if nothing can run it."""
    problem = variants[0].problem
    offered, method = _offered(problem, engines, request)
    answers = tuple(Answer(engine, v, _verdict(engine, v)) for engine in offered for v in variants)
    accepted = [a for a in answers if isinstance(a.verdict, Accept)]
    if not accepted:
        raise DeclError([_nothing(problem, variants[0], answers, offered, request)])
    _check_externs(problem, request)
    best = min(accepted, key=_cost)
    _check_backward(problem, best.engine, request)
    return Choice(best.engine, best.variant, answers, method, request)


def _verdict(engine: Engine, variant: Variant) -> Accept | Refuse:
    if contains(variant.problem, SubProblem):
        return Refuse("it calls another problem, which no engine can yet")
    discrete = [unknown for unknown in variant.problem.unknowns if unknown.type.base != "real"]
    if discrete:
        return Refuse(f"`{discrete[0].name}` is of base {discrete[0].type.base}, and it finds real numbers")
    return engine.accepts(variant)


def _cost(answer: Answer) -> float:
    assert isinstance(answer.verdict, Accept)
    return answer.verdict.cost + STEP_COST * len(answer.variant.steps)


def methods(engine: Engine) -> tuple[str, ...]:
    return tuple(getattr(engine, "methods", ()))


def backwards(engine: Engine) -> tuple[str, ...]:
    return ("implicit", *getattr(engine, "backwards", ()))


def _offered(
    problem: Problem, engines: tuple[Engine, ...], request: Request
) -> tuple[list[Engine], str | None]:
    """The engines in question, and the method where the option names one; a name may be both."""
    kept = list(engines)
    if request.backend is not None:
        known = list(dict.fromkeys(engine.backend for engine in engines))
        if request.backend not in known:
            span = option_spans(problem).get("backend")
            raise DeclError(
                [diagnostic("D408", span, backend=request.backend, help=closest(request.backend, known))]
            )
        kept = [engine for engine in engines if engine.backend == request.backend]
    if request.engine == "auto":
        return kept, None
    named = [engine for engine in kept if engine.name == request.engine]
    by_method = [engine for engine in kept if request.engine in methods(engine)]
    if named:
        return [*named, *by_method], None
    if by_method:
        return by_method, request.engine
    words = ["auto", *(e.name for e in kept), *(m for e in kept for m in methods(e))]
    span = option_spans(problem).get("engine")
    raise DeclError([diagnostic("D403", span, engine=request.engine, help=closest(request.engine, words))])


def _nothing(
    problem: Problem,
    variant: Variant,
    answers: tuple[Answer, ...],
    offered: list[Engine],
    request: Request,
) -> Diagnostic:
    facts = variant.facts
    if request.engine != "auto":
        span = option_spans(problem).get("engine")
        last = _last_reason(answers, offered[0])
        help_text = "leave `engine` out and the plan chooses one"
        return diagnostic("D402", span, engine=request.engine, reason=last, help=help_text)
    reasons = "; ".join(
        f"{', '.join(names)}: {reason}" for reason, names in _by_reason(answers, offered).items()
    )
    label = facts.cls.value
    if facts.blame is not None:
        label = facts.blame.labels[0].text if facts.blame.labels else facts.blame.message
        return diagnostic(
            "D401",
            problem.statement.span,
            *facts.blame.labels,
            cls=facts.cls.value,
            label="",
            reasons=reasons,
        )
    return diagnostic("D401", problem.statement.span, cls=facts.cls.value, label=label, reasons=reasons)


def _by_reason(answers: tuple[Answer, ...], engines: list[Engine]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for engine in engines:
        grouped.setdefault(_last_reason(answers, engine), []).append(engine.name)
    return grouped


def _last_reason(answers: tuple[Answer, ...], engine: Engine) -> str:
    """Why an engine refused the variant that went furthest towards it."""
    own = [a.verdict.why for a in answers if a.engine is engine and isinstance(a.verdict, Refuse)]
    return own[-1] if own else "not asked"


def _check_externs(problem: Problem, request: Request) -> None:
    if request.externs is None:
        return
    missing = [extern for extern in problem.externs if extern.name not in request.externs]
    if missing:
        raise DeclError([diagnostic("D407", extern.span, name=extern.name) for extern in missing])


def _check_backward(problem: Problem, engine: Engine, request: Request) -> None:
    if request.backward not in backwards(engine):
        span = option_spans(problem).get("backward")
        modes = ", ".join(backwards(engine))
        raise DeclError([diagnostic("D406", span, engine=engine.name, mode=request.backward, modes=modes)])
