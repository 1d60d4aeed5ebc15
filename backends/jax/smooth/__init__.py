"""Parts of the engine for smooth convex programs: evaluation, linear systems, iteration, active rows."""
