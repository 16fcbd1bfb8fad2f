"""The equations, written once and generic in their number type, and the exact oracle."""

from __future__ import annotations

from optcheck.reference import adagrad as _adagrad  # registers its methods
from optcheck.reference import adam as _adam
from optcheck.reference import nesterov as _nesterov
from optcheck.reference import rates as _rates
from optcheck.reference import rmsprop as _rmsprop
from optcheck.reference.clipping import CLIPPINGS, Clipping
from optcheck.reference.domains import Domain, DomainError, check_hyperparameters
from optcheck.reference.formats import FORMATS, Format
from optcheck.reference.registry import (
    EQUATIONS,
    METHODS,
    Dialect,
    Equation,
    Method,
    equation,
    method,
    statement,
    watch_calls,
)
from optcheck.reference.schedules import SCHEDULES, Schedule

__all__ = [
    "CLIPPINGS",
    "EQUATIONS",
    "FORMATS",
    "METHODS",
    "SCHEDULES",
    "Clipping",
    "Dialect",
    "Domain",
    "DomainError",
    "Equation",
    "Format",
    "Method",
    "Schedule",
    "check_hyperparameters",
    "equation",
    "method",
    "statement",
    "watch_calls",
]

del _adagrad, _adam, _nesterov, _rates, _rmsprop
