"""Which engine runs a problem, and why. Asks each engine, imports none.

engine      what an engine answers         predicates  the words in which it answers
options     what the user asks, checked    choose      the plan            report   it as text
"""

from declarative.plan.choose import Answer as Answer
from declarative.plan.choose import Choice as Choice
from declarative.plan.choose import plan as plan
from declarative.plan.engine import Accept as Accept
from declarative.plan.engine import Engine as Engine
from declarative.plan.engine import Refuse as Refuse
from declarative.plan.engine import Variant as Variant
from declarative.plan.options import Request as Request
from declarative.plan.options import request as request
from declarative.plan.report import describe as describe
from declarative.plan.report import explain as explain
