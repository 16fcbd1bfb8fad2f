"""NumPy: whole minimizers, a module a family, registered on ``rules`` of each."""

from __future__ import annotations

from optcheck.backends.numpy.minimizers import (
    annealing,
    conjugate_gradients,
    continuation,
    coordinate_descent,
    curriculum,
    descent,
    levenberg_marquardt,
    line_searches,
    natural_gradient,
    newton,
    pretraining,
    quasi_newton,
    scipy_annealing,
    scipy_conjugate_gradients,
    scipy_least_squares,
    scipy_line_searches,
    scipy_newton,
    scipy_quasi_newton,
)

FAMILIES = (
    annealing,
    conjugate_gradients,
    continuation,
    coordinate_descent,
    curriculum,
    descent,
    levenberg_marquardt,
    line_searches,
    natural_gradient,
    newton,
    pretraining,
    quasi_newton,
    scipy_annealing,
    scipy_conjugate_gradients,
    scipy_least_squares,
    scipy_line_searches,
    scipy_newton,
    scipy_quasi_newton,
)
