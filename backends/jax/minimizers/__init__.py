"""optax, optimistix and jax.scipy: minimizers and their parts, each module with its ``rules``."""

from __future__ import annotations

from optcheck.backends.jax.minimizers import (
    conjugate_gradients,
    least_squares,
    line_searches,
    newton,
    optimistix_quasi_newton,
    quasi_newton,
)

FAMILIES = (
    conjugate_gradients,
    least_squares,
    line_searches,
    newton,
    optimistix_quasi_newton,
    quasi_newton,
)
