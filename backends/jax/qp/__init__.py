"""Parts of the dense quadratic programming engines: scaling, iteration, active set, optimality."""
