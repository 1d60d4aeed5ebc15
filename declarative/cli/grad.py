"""`decl grad FILE [PROBLEM] --data D`: the layer's derivatives against central differences."""

from __future__ import annotations

import argparse

from declarative.cli import console, data, programs


def arguments(command: argparse.ArgumentParser) -> None:
    programs.add_file(command)
    data.add(command)
    programs.add_options(command)


def run(arguments: argparse.Namespace) -> int:
    layer = programs.layer(arguments)
    values = data.read(arguments.data, layer.problem)
    solution = layer.solve(**values)
    if not solution.ok:
        console.error(f"the solve failed: {solution.status}")
        return 3
    report = layer.check_grad(**values)
    console.out(repr(report))
    return 0 if report.ok else 1
