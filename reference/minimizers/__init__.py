"""Whole minimizers and their parts; each module registers its procedures."""

from __future__ import annotations

from optcheck.reference.minimizers import annealing as _annealing
from optcheck.reference.minimizers import conjugate_gradients as _conjugate_gradients
from optcheck.reference.minimizers import continuation as _continuation
from optcheck.reference.minimizers import coordinate_descent as _coordinate_descent
from optcheck.reference.minimizers import curriculum as _curriculum
from optcheck.reference.minimizers import descent as _descent
from optcheck.reference.minimizers import levenberg_marquardt as _levenberg_marquardt
from optcheck.reference.minimizers import line_searches as _line_searches
from optcheck.reference.minimizers import natural_gradient as _natural_gradient
from optcheck.reference.minimizers import newton as _newton
from optcheck.reference.minimizers import pretraining as _pretraining
from optcheck.reference.minimizers import quasi_newton as _quasi_newton

del (
    _annealing,
    _conjugate_gradients,
    _continuation,
    _coordinate_descent,
    _curriculum,
    _descent,
    _levenberg_marquardt,
    _line_searches,
    _natural_gradient,
    _newton,
    _pretraining,
    _quasi_newton,
)
