"""One `problem`: declarations, then sizes, lets, sets, what is solved, and what is returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from declarative import ir
from declarative.atoms import ShapeError
from declarative.atoms.shapes import elementwise, shape_text
from declarative.check import types
from declarative.check.constraints import lower_constraints, lower_facts, multiplier_type
from declarative.check.expressions import CONSTANTS, Lowering, Outputs
from declarative.check.library import Library
from declarative.check.options import lower_options
from declarative.check.origin import Origins
from declarative.check.reports import Reports, did_you_mean, nearest
from declarative.check.scope import Entry, Scope
from declarative.check.sets import lower_set
from declarative.check.statements import Solved, lower_statement
from declarative.dims import Dim, determined
from declarative.errors import Fix, Span
from declarative.grammar import tree
from declarative.walk import names

S = TypeVar("S", bound=tree.Node)
ProblemOf = Callable[[tree.Problem, Library, "Span | None"], "ir.Problem | None"]
Declared = tuple[tree.Name, tree.Declaration, str]  # a name, its declaration, "given" or "find"
UNDETERMINED = "every dimension follows from the shape of a given, or is a `static int`"
SOLVED = (tree.Objective, tree.FixedPoint, tree.Root, tree.Saddle, tree.Equilibrium, tree.Ode)


def lower_problem(
    node: tree.Problem,
    library: Library,
    reports: Reports,
    problem_of: ProblemOf,
) -> ir.Problem | None:
    """The problem in the IR, or None where it has an error."""
    before = reports.errors
    found = _Checker(node, library, reports, problem_of).problem()
    return found if reports.errors == before else None


class _Checker:
    """The steps for one problem; each reads what the steps before it left here."""

    def __init__(
        self,
        node: tree.Problem,
        library: Library,
        reports: Reports,
        problem_of: ProblemOf,
    ):
        self.node = node
        self.reports = reports
        self.scope = Scope()
        self.origins = Origins()
        self.types: dict[str, ir.Type] = {}
        self.dims: dict[str, Span] = {}
        self.declared = sorted(self._declared(), key=lambda item: item[2] == "find")  # givens first
        statics = frozenset(
            name.name for name, declaration, kind in self.declared
            if kind == "given" and any(word.name == "static" for word in declaration.type.properties)
        )  # fmt: skip
        self.lowering = Lowering(library, reports, self.scope, self.origins, problem_of, statics=statics)

    def problem(self) -> ir.Problem | None:
        solved = self._solved()
        self._types()
        self._sizes()
        lets = self._lets()
        params = tuple(self._parameter(name, declaration) for name, declaration, _ in self._of_kind("given"))
        variables = tuple(self._variable(name, declaration) for name, declaration, _ in self._of_kind("find"))
        unknowns = {variable.name: variable for variable in variables}
        if not self._all(tree.Find):
            self.reports.add("D109", self.node.name.span, problem=self.node.name.name)
        labels: dict[str, Span] = {}
        statement = None if solved is None else lower_statement(self.lowering, solved, unknowns, labels)
        subject_to = self._all(tree.SubjectTo)
        constraints = lower_constraints(self.lowering, [c for s in subject_to for c in s.constraints], labels)
        assumptions = lower_facts(self.lowering, self._all(tree.Assume))
        options = lower_options(self._all(tree.Options), self.scope, self.reports)
        self._no_constraints_beside_equations(solved, subject_to, variables)
        players = statement.players if isinstance(statement, ir.Equilibrium) else ()
        labelled = [c for c in (*constraints, *(c for p in players for c in p.constraints)) if c.label]
        outputs = self._outputs(solved, statement, unknowns, labelled, frozenset(labels))
        if statement is None:
            return None
        problem = ir.Problem(
            name=self.node.name.name, params=params, unknowns=variables, statement=statement,
            constraints=constraints, outputs=outputs, lets=lets, assumptions=assumptions, options=options,
            externs=tuple(self.lowering.externs.values()), dims=tuple(self.dims), doc=self.node.doc,
            span=self.node.span,
        )  # fmt: skip
        self._everything_used(problem)
        return problem

    # ---- the statements ------------------------------------------------------------------------

    def _all(self, kind: type[S]) -> list[S]:
        return [statement for statement in self.node.statements if isinstance(statement, kind)]

    def _declared(self) -> Iterator[Declared]:
        for statement in self.node.statements:
            if isinstance(statement, (tree.Given, tree.Find)):
                kind = "given" if isinstance(statement, tree.Given) else "find"
                for declaration in statement.declarations:
                    for name in declaration.names:
                        yield name, declaration, kind

    def _of_kind(self, kind: str) -> list[Declared]:
        """The first declaration of each name."""
        first = {name.name: (name, declaration, kind) for name, declaration, kind in reversed(self.declared)}
        return [item for item in self.declared if item[2] == kind and item[0] is first[item[0].name][0]]

    def _solved(self) -> Solved | None:
        found: list[Solved] = [s for s in self.node.statements if isinstance(s, SOLVED)]
        if not found:
            self.reports.add("D110", self.node.name.span, problem=self.node.name.name)
            return None
        for further in found[1:]:
            self.reports.add("D111", further.span, found[0].span, what="goal")
        return found[0]

    # ---- declarations --------------------------------------------------------------------------

    def _types(self) -> None:
        """Enters every declared name, and every dimension that a shape names."""
        sizes = {name.name for name, declaration, _ in self.declared if self._is_static_int(declaration)}
        names_declared = {name.name: name for name, _, _ in self.declared}
        for _, declaration, _ in self.declared:
            for clue in [
                clue for part in declaration.type.shape or () for clue in types.dimension_clues(part)
            ]:
                if clue.name in CONSTANTS or (clue.name in names_declared and clue.name not in sizes):
                    continue
                if clue.name not in self.dims:
                    self.dims[clue.name] = clue.span
                    place = names_declared[clue.name].span if clue.name in sizes else clue.span
                    self.scope.entries[clue.name] = Entry("dimension", ir.Size(Dim.of(clue.name)), place)
        for name, declaration, kind in self.declared:
            self._enter(name, declaration, kind)

    def _is_static_int(self, declaration: tree.Declaration) -> bool:
        words = {word.name for word in declaration.type.properties}
        return "static" in words and declaration.type.base.name == "int" and declaration.type.shape is None

    def _enter(self, name: tree.Name, declaration: tree.Declaration, kind: str) -> None:
        text = name.name
        static_int = self._is_static_int(declaration)
        if text in CONSTANTS:
            self.reports.add("D213", name.span, name=text)
            return
        taken = self.scope.entries.get(text)
        if taken is not None and not (static_int and taken.kind == "dimension" and text not in self.types):
            self.reports.add("D203", name.span, taken.span, name=text)
            return
        self.origins.places[text] = name.span
        found = self._type(declaration, kind)
        self.types[text] = found or ir.Type()
        if static_int and kind == "given":
            self.dims.setdefault(text, name.span)
            self.scope.entries[text] = Entry("dimension", ir.Size(Dim.of(text)), name.span)
            return
        value: ir.Expr | None = None
        if found is not None:
            value = ir.Param(text, found) if kind == "given" else ir.Unknown(text, found)
        self.scope.entries[text] = Entry("given" if kind == "given" else "unknown", value, name.span)

    def _type(self, declaration: tree.Declaration, kind: str) -> ir.Type | None:
        node = declaration.type
        base = types.base_of(self.lowering, node)
        if base == "any" and (kind == "find" or node.shape is not None):
            why = "an unknown is made of numbers" if kind == "find" else "a pytree has none"
            what = "`any`" if kind == "find" else "a shape"
            whom = "a name under `find`" if kind == "find" else "a name of type any"
            self.reports.add("D260", node.span, what=what, whom=whom, why=why)
            return None
        dims: list[Dim] = []
        for part in node.shape or ():
            dim = self._axis(part)
            if dim is None:
                return None
            dims.append(dim)
        return None if base is None else ir.Type(base, tuple(dims))

    def _axis(self, node: tree.Expr) -> Dim | None:
        """A declared axis: names that are no dimension get their own words."""
        for clue in types.dimension_clues(node):
            declared = next((d for n, d, _ in self.declared if n.name == clue.name), None)
            if declared is not None and not self._is_static_int(declared):
                why = "it is declared as a value; `static int` would make it a dimension"
                self.reports.add("D231", clue.span, text=clue.name, why=why)
                return None
        dim = types.pattern_dim(self.lowering, node)
        if dim is not None and dim.constant is not None and dim.constant < 1:
            self.reports.add("D280", node.span, dim=dim)
            return None
        return dim

    def _sizes(self) -> None:
        """Every dimension must follow from the shape of a given."""
        given = [(name.name, self.types.get(name.name)) for name, _, kind in self.declared if kind == "given"]
        statics = [name.name for name, d, kind in self.declared if kind == "given" and self._is_static_int(d)]
        known = determined([dim for _, type_ in given if type_ is not None for dim in type_.shape], statics)
        for name, span in self.dims.items():
            if name not in known:
                near = nearest(name, known)
                fix = Fix(span, near) if near else None
                self.reports.add(
                    "D247", span, fix=fix, name=name, hint=did_you_mean(name, known) or UNDETERMINED
                )

    def _parameter(self, name: tree.Name, declaration: tree.Declaration) -> ir.Parameter:
        type_ = self.types.get(name.name, ir.Type())
        properties, within = self._domain(declaration, type_, "given")
        default = None
        if declaration.default is not None:
            default = self._default(declaration.default, type_, "static" in properties)
        return ir.Parameter(name.name, type_, properties, within, default, declaration.doc, span=name.span)

    def _variable(self, name: tree.Name, declaration: tree.Declaration) -> ir.Variable:
        type_ = self.types.get(name.name, ir.Type())
        properties, within = self._domain(declaration, type_, "find")
        if declaration.default is not None:
            self.reports.add("D281", declaration.default.span, name=name.name)
        return ir.Variable(name.name, type_, properties, within, declaration.doc, span=name.span)

    def _domain(
        self, declaration: tree.Declaration, type_: ir.Type, kind: str
    ) -> tuple[frozenset[str], ir.Set | None]:
        properties = types.properties_of(self.lowering, declaration.type, type_, kind)
        within = None
        if declaration.within is not None:
            within = lower_set(self.lowering, declaration.within, type_)
        return properties, within

    def _default(self, node: tree.Expr, type_: ir.Type, static: bool) -> ir.Expr | None:
        value = self.lowering.expr(node)
        if value is None:
            return None
        if names(value):
            self.reports.add("D282", node.span)
            return None
        if value.type.base not in (type_.base, "int" if type_.base == "real" else type_.base):
            self.lowering.wrong_base(value, type_.base)
            return None
        try:
            fits = elementwise((type_.shape, value.type.shape), {}) == type_.shape
        except ShapeError:
            fits = False
        if not fits:
            found, wanted = shape_text(value.type.shape), shape_text(type_.shape)
            self.reports.add("D265", node.span, found=found, wanted=wanted)
            return None
        return value

    # ---- names and outputs ---------------------------------------------------------------------

    def _lets(self) -> tuple[ir.LetBinding, ...]:
        found: list[ir.LetBinding] = []
        for binding in [binding for statement in self._all(tree.Let) for binding in statement.bindings]:
            value = self.lowering.expr(binding.value)
            if binding.name is None:
                continue
            name, taken = binding.name.name, self.scope.entries.get(binding.name.name)
            if name in CONSTANTS:
                self.reports.add("D213", binding.name.span, name=name)
            elif taken is not None:
                self.reports.add("D203", binding.name.span, taken.span, name=name)
            else:
                self.scope.entries[name] = Entry("let", value, binding.name.span)
                if value is not None:
                    found.append(ir.LetBinding(name, value, span=binding.span))
        return tuple(found)

    def _outputs(
        self, solved: Solved | None, statement: ir.Statement | None, unknowns: dict[str, ir.Variable],
        labelled: Sequence[ir.Constraint], labels: frozenset[str],
    ) -> tuple[ir.Output, ...]:  # fmt: skip
        timed = (
            {name: variable.type for name, variable in unknowns.items()}
            if isinstance(solved, tree.Ode)
            else {}
        )
        written = [binding for statement_ in self._all(tree.Return) for binding in statement_.outputs]
        if not written:
            end = statement.end if isinstance(statement, ir.Ode) else None
            return tuple(
                ir.Output(name, ir.Unknown(name, v.type, span=v.span) if end is None
                          else ir.AtTime(name, end, v.type, span=v.span), span=v.span)
                for name, v in unknowns.items()
            )  # fmt: skip
        duals = {c.label: multiplier_type(c) for c in labelled if c.label is not None}
        minimizes = isinstance(solved, tree.Objective)
        context = Outputs(
            duals,
            labels,
            minimizes,
            isinstance(solved, tree.Objective | tree.Saddle | tree.Equilibrium),
            timed,
        )
        lowering = self.lowering.within(self.scope, outputs=context)
        found: dict[str, ir.Output] = {}
        for position, binding in enumerate(written):
            value = lowering.expr(binding.value)
            name = binding.name.name if binding.name is not None else _output_name(binding.value, position)
            if value is None:
                continue
            if name in found:
                self.reports.add("D283", binding.span, found[name].span, name=name)
            else:
                found[name] = ir.Output(name, value, span=binding.span)
        return tuple(found.values())

    def _no_constraints_beside_equations(
        self, solved: Solved | None, subject_to: Sequence[tree.SubjectTo], variables: Sequence[ir.Variable]
    ) -> None:
        """Equations alone decide a root, a fixed point or an initial value problem."""
        if not isinstance(solved, (tree.FixedPoint, tree.Root, tree.Ode)):
            return
        what = {tree.FixedPoint: "a fixed point", tree.Root: "a root", tree.Ode: "an initial value problem"}[
            type(solved)
        ]
        for statement in subject_to:
            self.reports.add("D284", statement.span, what=what)
        for variable in variables:
            if variable.within is not None or variable.properties:
                self.reports.add("D284", variable.span, what=what)

    # ---- what is left over ---------------------------------------------------------------------

    def _everything_used(self, problem: ir.Problem) -> None:
        parts: list[ir.Node] = [problem.statement, *problem.constraints]
        appearing = frozenset[str]().union(*(names(part) for part in parts))
        if isinstance(problem.statement, ir.Ode):
            appearing |= {name for name, _ in problem.statement.fields}
        if isinstance(problem.statement, ir.FixedPoint):
            appearing |= {name for name, _ in problem.statement.maps}
        for variable in problem.unknowns:
            if variable.name not in appearing:
                self.reports.add("D252", variable.span, name=variable.name)
        for binding in problem.lets:
            if binding.name not in self.scope.used:
                self.reports.add("D285", binding.span, name=binding.name)
        for param in problem.params:
            if (
                param.name not in self.scope.used
                and "static" not in param.properties
                and not self._sizes_others(param)
            ):
                self.reports.add("D253", param.span, name=param.name)

    def _sizes_others(self, param: ir.Parameter) -> bool:
        """Whether only this given's shape says how long some axis is."""
        others = [
            dim for name, type_ in self.types.items() if name != param.name
            for dim in type_.shape if self.scope.entries[name].kind == "given"
        ]  # fmt: skip
        statics = [
            name
            for name, entry in self.scope.entries.items()
            if entry.kind == "dimension" and name in self.types
        ]
        return any(name not in determined(others, statics) for dim in param.type.shape for name in dim.names)


def _output_name(node: tree.Expr, position: int) -> str:
    """The name that a bare output goes by: its own, that of the array or state it is read from, or its place."""
    match node:
        case tree.Name(name=name):
            return name
        case tree.Index(array=array):
            return _output_name(array, position)
        case tree.Call(function=tree.Name(name="dual"), args=(tree.Name(name=name),)):
            return name
        case tree.Call(function=tree.Name(name=name), args=(_,)) if name not in ("sum", "max", "min"):
            return name
        case _:
            return f"output{position + 1}"
