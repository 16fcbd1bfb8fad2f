"""Laws of minimizers, line searches, curricula and pre-training; each module registers its own."""

from __future__ import annotations

from optcheck.properties.minimizers import annealing as _annealing
from optcheck.properties.minimizers import brackets as _brackets
from optcheck.properties.minimizers import changes_of_variables as _changes_of_variables
from optcheck.properties.minimizers import conjugate_gradients as _conjugate_gradients
from optcheck.properties.minimizers import conjugate_paths as _conjugate_paths
from optcheck.properties.minimizers import continuation as _continuation
from optcheck.properties.minimizers import coordinate_descent as _coordinate_descent
from optcheck.properties.minimizers import curriculum as _curriculum
from optcheck.properties.minimizers import exact_search as _exact_search
from optcheck.properties.minimizers import interpolation as _interpolation
from optcheck.properties.minimizers import levenberg_marquardt as _levenberg_marquardt
from optcheck.properties.minimizers import limited_memory as _limited_memory
from optcheck.properties.minimizers import line_searches as _line_searches
from optcheck.properties.minimizers import natural_divergence as _natural_divergence
from optcheck.properties.minimizers import natural_gradient as _natural_gradient
from optcheck.properties.minimizers import newton as _newton
from optcheck.properties.minimizers import newton_raphson as _newton_raphson
from optcheck.properties.minimizers import outcomes as _outcomes
from optcheck.properties.minimizers import pretraining as _pretraining
from optcheck.properties.minimizers import quasi_newton as _quasi_newton
from optcheck.properties.minimizers import returned as _returned
from optcheck.properties.minimizers import saddle_points as _saddle_points
from optcheck.properties.minimizers import shown_matrices as _shown_matrices
from optcheck.properties.minimizers import steps as _steps
from optcheck.properties.minimizers import superlinear as _superlinear
from optcheck.properties.minimizers import trials as _trials
from optcheck.properties.minimizers import truncated_newton as _truncated_newton

del (
    _annealing,
    _brackets,
    _changes_of_variables,
    _conjugate_gradients,
    _conjugate_paths,
    _continuation,
    _coordinate_descent,
    _curriculum,
    _exact_search,
    _interpolation,
    _levenberg_marquardt,
    _limited_memory,
    _line_searches,
    _natural_divergence,
    _natural_gradient,
    _newton,
    _newton_raphson,
    _outcomes,
    _pretraining,
    _quasi_newton,
    _returned,
    _saddle_points,
    _shown_matrices,
    _steps,
    _superlinear,
    _trials,
    _truncated_newton,
)
