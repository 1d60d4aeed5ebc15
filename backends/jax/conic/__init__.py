"""Conic programs: interior point on the homogeneous self-dual embedding, for products of cones."""
