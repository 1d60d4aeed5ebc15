"""A Choice as text: the class, what is certified, the rewrites, and every engine's answer with its why."""

from __future__ import annotations

from textwrap import wrap

from declarative.analyse import Certificate, Facts
from declarative.plan.choose import Answer, Choice
from declarative.plan.engine import Accept, Variant
from declarative.walk import constant as number

INF = float("inf")


def explain(choice: Choice) -> str:
    first = choice.answers[0].variant
    lines = [f"problem {first.problem.name}", *_described(first.facts)]
    steps, last = choice.variant.steps, choice.variant.facts
    lines.append("rewrites        " + ("; ".join(steps) if steps else "none"))
    if steps:
        lines.append(f"  solved as     {last.cls.value}")
        if recognised(last) not in (None, recognised(first.facts)):
            lines.append(f"  recognised    {recognised(last)}")
    method = f" ({choice.method})" if choice.method else ""
    lines.append(f"engine          {choice.engine.name}{method}, {choice.engine.backend} backend")
    lines.append("answers")
    lines.extend(_answers(choice))
    return "\n".join(lines) + "\n"


def describe(facts: Facts) -> str:
    """What the analysis knows, without a plan."""
    return "\n".join(_described(facts)) + "\n"


def _described(facts: Facts) -> list[str]:
    lines = [f"class           {facts.cls.value}"]
    if recognised(facts) is not None:
        lines.append(f"recognised      {recognised(facts)}")
    curved = (
        "log-log convex, certified: in the logarithms of the unknowns" if facts.loglog else "not certified"
    )
    lines.append(f"convex          {'certified' if facts.convex else curved}")
    if facts.blame is not None and facts.blame.labels:
        label = facts.blame.labels[0]
        lines.append(f"                line {label.span.line}: {label.text}")
    lines.append(f"smooth          {'yes' if facts.smooth else 'no'}")
    lines.extend(_wrapped("unique", _certified(facts.unique)))
    lines.extend(_wrapped("differentiable", _certified(facts.differentiable)))
    return lines


MAPS = frozenset({"soft_threshold", "group_threshold", "singular_threshold", "softmax"})


BESIDE = {
    "nonneg": "bounds",
    "box": "bounds",
    "soft_threshold": "absolute values",
    "fused_threshold": "differences of neighbours",
    "group_threshold": "norms",
    "singular_threshold": "singular values",
    "simplex": "the simplex",
    "ball": "a ball",
    "ball_1": "a ball of the 1-norm",
}
"""The parts of a composite problem in words."""


def recognised(facts: Facts) -> str | None:
    """What a problem is besides its class."""
    if facts.projection is not None:
        kind = "proximal map" if facts.projection.name in MAPS else "projection"
        return f"{kind} `{facts.projection.name}`"
    if facts.separable is not None:
        bounded = any(abs(number(end) or 0.0) != INF for pair in facts.separable.bounds for end in pair)
        return f"one problem for each entry{' between bounds' if bounded else ''}"
    beside = _beside(facts)
    if beside is not None:
        return beside
    if facts.residuals is not None:
        return "a sum of squares"
    return "a diagonal and weighted rows as Hessian" if facts.low_rank is not None else None


def _beside(facts: Facts) -> str | None:
    found = facts.composite
    names = [part.name for part in found.parts if part.name != "free"] if found is not None else []
    if found is None or not all(name in BESIDE for name in names):
        return None
    words = dict.fromkeys(BESIDE[name] for name in names)
    return f"{'a quadratic' if found.quadratic else 'a smooth function'} and {', '.join(words)}"


def _wrapped(name: str, text: str) -> list[str]:
    return wrap(text, 100, initial_indent=f"{name:<16}", subsequent_indent=" " * 16)


def _certified(certificate: Certificate) -> str:
    if certificate.holds is None:
        return certificate.condition
    return f"{'yes' if certificate.holds else 'no'}: {certificate.condition}"


def _answers(choice: Choice) -> list[str]:
    """One line an engine: its answer to the variant that runs, or to the one it liked best."""
    lines = []
    engines = list({id(answer.engine): answer.engine for answer in choice.answers}.values())
    width = max(len(engine.name) for engine in engines)
    for engine in engines:
        own = [answer for answer in choice.answers if answer.engine is engine]
        best = min(own, key=lambda answer: _rank(answer, choice.variant))
        mark = "*" if engine is choice.engine else " "
        verdict = best.verdict
        if isinstance(verdict, Accept):
            steps = len(best.variant.steps)
            where = f" [after {steps} rewrite{'s' if steps > 1 else ''}]" if steps else ""
            lines.append(f"{mark} {engine.name:<{width}}  yes, cost {verdict.cost:g}: {verdict.why}{where}")
        else:
            lines.append(f"{mark} {engine.name:<{width}}  no: {verdict.why}")
    return lines


def _rank(answer: Answer, chosen: Variant) -> tuple[int, float]:
    if isinstance(answer.verdict, Accept):
        return 0, answer.verdict.cost
    return (1, 0.0) if answer.variant is chosen else (2, 0.0)
