"""`--data`: files and values -> one array for each parameter that they name.

`values.npz` holds arrays by name; `values.json` an object of numbers and nested lists; `values.csv` a
column for each vector, and columns `X[0]`, `X[1]`, ... for a matrix; `name=value` is one value in JSON;
`name=key@values.npz` takes an array from a file under another name. A file of `scipy.sparse.save_npz` holds one
sparse matrix, which has the file's name: `A.npz`, or `A=matrix@matrix.npz`.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import zipfile
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse

from declarative.cli import console
from declarative.errors import DeclError, diagnostic

if TYPE_CHECKING:
    from declarative import ir

Values = dict[str, Any]


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        "-d",
        metavar="D",
        action="append",
        default=[],
        help="a .npz, .json or .csv file, or name=value",
    )


def read(sources: list[str], problem: ir.Problem) -> Values:
    """Values by parameter, later sources over earlier ones; what a file holds besides is named and left out."""
    params = {param.name: param for param in problem.params}
    values: Values = {}
    unused: list[str] = []
    for text in sources:
        for name, value in _source(text, problem).items():
            if name in params:
                values[name] = _fitted(params[name], value)
            else:
                unused.append(name)
    if unused:
        console.note(f"left out, since no parameter has the name: {', '.join(unused)}")
    return values


def _source(text: str, problem: ir.Problem) -> Values:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or Path(text).exists():
        return _file(text)
    if name not in {param.name for param in problem.params}:
        names = [param.name for param in problem.params]
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        listed = ", ".join(f"`{one}`" for one in names)
        raise DeclError([diagnostic("D654", None, name=name, problem=problem.name, hint=hint, names=listed)])
    key, at, path = value.partition("@")
    if at:
        held = _file(path)
        if key not in held:
            there = ", ".join(held) or "nothing"
            raise _unreadable(path, f"it holds no `{key}`", f"it holds {there}")
        return {name: held[key]}
    try:
        return {name: json.loads(value)}
    except (ValueError, RecursionError):
        raise DeclError([diagnostic("D655", None, name=name, text=value)]) from None


def _file(path: str) -> Values:
    try:
        match Path(path).suffix.lower():
            case ".npz":
                with np.load(path, allow_pickle=False) as archive:
                    if "format" in archive.files and "shape" in archive.files:
                        return {Path(path).stem: scipy.sparse.load_npz(path)}
                    return {name: archive[name] for name in archive.files}
            case ".json":
                held = json.loads(Path(path).read_text(encoding="utf-8-sig"))
                if not isinstance(held, dict):
                    raise _unreadable(path, "it is no object", 'write {"name": value, ...}')
                return held
            case ".csv":
                return _columns(path)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read", "") from None
    except (ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise _unreadable(path, str(error).splitlines()[0], "") from None
    raise _unreadable(path, "its ending is unknown", "give a .npz, .json or .csv file, or name=value")


def _columns(path: str) -> Values:
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise _unreadable(path, "it is empty", "the first line names the columns")
    head, body = [name.strip() for name in rows[0]], rows[1:]
    if any(len(row) != len(head) for row in body):
        raise _unreadable(path, "its lines have different lengths", "")
    table = np.array([[float(cell) for cell in row] for row in body], float).reshape(len(body), len(head))
    values: Values = {}
    for j, name in enumerate(head):
        member = re.fullmatch(r"(\w+)\[\d+\]", name)
        if member is None:
            values[name] = table[:, j]
        else:
            values.setdefault(member[1], []).append(table[:, j])
    return {name: np.stack(held, axis=1) if isinstance(held, list) else held for name, held in values.items()}


def _fitted(param: ir.Parameter, value: Any) -> Any:
    """In double precision, and with plain Python values where the program wants them."""
    if param.type.base == "any":
        return value
    if scipy.sparse.issparse(value):
        return value.astype(float) if param.type.base == "real" else _fitted(param, value.toarray())
    try:
        array = np.asarray(value)
    except ValueError:
        raise DeclError([diagnostic("D655", param.span, name=param.name, text=value)]) from None
    if array.dtype == object or array.dtype.kind in "US":
        raise DeclError([diagnostic("D655", param.span, name=param.name, text=value)])
    if "static" in param.properties:
        return array.item() if array.ndim == 0 else value
    if param.type.base == "real" and array.dtype.kind in "iub":
        return array.astype(float)
    if param.type.base == "int" and array.dtype.kind == "f" and (array == np.rint(array)).all():
        return array.astype(int)  # a table holds floating-point numbers only
    return array


def _unreadable(path: str, reason: str, help: str) -> DeclError:
    return DeclError([diagnostic("D651", None, path=path, reason=reason, help=help)])
