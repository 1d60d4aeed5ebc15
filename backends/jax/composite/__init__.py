"""Smooth functions plus functions with kinks: kinks entry by entry, proximal maps, their manifolds."""
