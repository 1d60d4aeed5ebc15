"""Facts about an IR problem; changes nothing.

scope      what declarations promise, what is constant      signs       signs and definiteness
curvature  disciplined rules, and who is to blame           certificate sympy's proofs
structure  degrees, smoothness, class                       squares     residuals
linear     affine expressions as matrices                   entries     sums of functions of entries
products   products in normal form                          regions     what constraints make of one unknown
projection known projections and proximal maps              separable   bounds, and problems entry by entry
derivative symbolic derivatives, entry by entry             composite   gradients and Hessians as formulas
low_rank   diagonal plus low rank                           wellposed   uniqueness, regularity
factors    matrices in products only
proximable smooth plus known proximal maps                  problem     all of these for one problem
"""

from declarative.analyse.facts import Certificate as Certificate
from declarative.analyse.facts import Class as Class
from declarative.analyse.facts import Composite as Composite
from declarative.analyse.facts import Facts as Facts
from declarative.analyse.facts import LowRank as LowRank
from declarative.analyse.facts import Part as Part
from declarative.analyse.facts import Projection as Projection
from declarative.analyse.facts import Residual as Residual
from declarative.analyse.facts import Separable as Separable
from declarative.analyse.problem import analyse as analyse
from declarative.analyse.problem import structure_of as structure_of
