from declarative.grammar.python import trace_function


async def square(a):
    """given a: real"""


_, _, found = trace_function(square)
