"""What every stage says to people: spans, diagnostics, their catalogue and their rendering."""

from declarative.errors.catalogue import CATALOGUE as CATALOGUE
from declarative.errors.catalogue import Entry as Entry
from declarative.errors.catalogue import also as also
from declarative.errors.catalogue import diagnostic as diagnostic
from declarative.errors.diagnostic import ArgumentError as ArgumentError
from declarative.errors.diagnostic import DeclError as DeclError
from declarative.errors.diagnostic import Diagnostic as Diagnostic
from declarative.errors.diagnostic import Fix as Fix
from declarative.errors.diagnostic import Label as Label
from declarative.errors.diagnostic import SolveError as SolveError
from declarative.errors.span import NOWHERE as NOWHERE
from declarative.errors.span import Source as Source
from declarative.errors.span import Span as Span
