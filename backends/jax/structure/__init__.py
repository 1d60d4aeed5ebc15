"""Sparsity that is certain before any number is known, and elimination along it."""
