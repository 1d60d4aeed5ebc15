"""Hand-written JAX for the workloads: in each module `solve(*arrays)` of a whole batch, with the derivative by hand.

The arguments are those of the layer, in its order. These are the times that a layer is held to.
"""
