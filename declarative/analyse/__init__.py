"""Facts about an IR problem; changes nothing."""

from declarative.analyse.facts import Certificate as Certificate
from declarative.analyse.facts import Class as Class
from declarative.analyse.facts import Facts as Facts
from declarative.analyse.facts import Projection as Projection
from declarative.analyse.facts import Residual as Residual
