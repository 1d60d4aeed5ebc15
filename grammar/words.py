"""Spellings that mean the same: what Unicode says in one sign and ASCII in a word. Pure tables, no parsing."""

from __future__ import annotations

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lam", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lam", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
# Capitals that look like Latin letters, final sigma, and the letters' other shapes.
_ALSO_GREEK = {
    "Α": "Alpha", "Β": "Beta", "Ε": "Epsilon", "Ζ": "Zeta", "Η": "Eta", "Ι": "Iota", "Κ": "Kappa", "Μ": "Mu",
    "Ν": "Nu", "Ο": "Omicron", "Ρ": "Rho", "Τ": "Tau", "Χ": "Chi", "ς": "sigma", "ϵ": "epsilon", "ϑ": "theta",
    "ϕ": "phi", "ϖ": "pi", "ϱ": "rho", "ϰ": "kappa", "µ": "mu",
}  # fmt: skip
_LETTERS = {**_GREEK, **_ALSO_GREEK}
_TO_GREEK = {word: letter for letter, word in _GREEK.items()}

SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_FROM_SUBSCRIPT = {ord(sign): str(digit) for digit, sign in enumerate(SUBSCRIPTS)}
_FROM_SUPERSCRIPT = {ord("⁻"): "-", **{ord(sign): str(digit) for digit, sign in enumerate(SUPERSCRIPTS)}}
_TO_SUPERSCRIPT = {ord("-"): "⁻", **{ord(str(digit)): sign for digit, sign in enumerate(SUPERSCRIPTS)}}

FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
}  # fmt: skip
TO_FRACTION = {pair: sign for sign, pair in FRACTIONS.items()}

_WHOLE_NAMES = {"ℝ": "real", "ℤ": "int", "∞": "inf"}
_TO_WHOLE_NAME = {word: sign for sign, word in _WHOLE_NAMES.items()}

# Terminals whose two spellings are fixed texts: (ASCII, Unicode).
SIGNS = {
    "LE": ("<=", "≤"),
    "GE": (">=", "≥"),
    "NE": ("!=", "≠"),
    "IN": ("in", "∈"),
    "SUCCEEDS": (">>", "⪰"),
    "PRECEDES": ("<<", "⪯"),
    "TIMES": ("*", "·"),
    "PRIME": ("'", "ᵀ"),
    "ARROW": ("->", "→"),
}


def ascii_name(text: str) -> str:
    """The name itself, as the tree holds it: `λ₁` is `lam1`."""
    if text.isascii():
        return str(text)
    if text in _WHOLE_NAMES:
        return _WHOLE_NAMES[text]
    return "".join(_LETTERS.get(char, char) for char in text).translate(_FROM_SUBSCRIPT)


def unicode_name(text: str) -> str:
    """The name with Greek letters for the parts between underscores that spell one: `lam_max` is `λ_max`."""
    if text in _TO_WHOLE_NAME:
        return _TO_WHOLE_NAME[text]
    return "_".join(_TO_GREEK.get(part, part) for part in text.split("_"))


def superscript_value(text: str) -> str:
    """`⁻¹` -> `-1`."""
    return text.translate(_FROM_SUPERSCRIPT)


def superscript(digits: str) -> str:
    """`2` -> `²`."""
    return digits.translate(_TO_SUPERSCRIPT)


def norm_kind(text: str) -> str | None:
    """The kind behind a closing norm bar: `||_inf`, `‖_∞` and `‖∞` all say "inf"; None for bare bars."""
    kind = text.removeprefix("||").removeprefix("‖").removeprefix("_").replace("∞", "inf")
    return kind.translate(_FROM_SUBSCRIPT) or None


def ascii_bars(text: str) -> str:
    kind = norm_kind(text)
    return "||" if kind is None else f"||_{kind}"


def unicode_bars(text: str) -> str:
    kind = norm_kind(text)
    if kind is None:
        return "‖"
    if kind.isdigit():
        return "‖" + "".join(SUBSCRIPTS[int(digit)] for digit in kind)
    return "‖_∞" if kind == "inf" else f"‖_{kind}"
