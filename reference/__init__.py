"""The equations, written once and generic in their number type, and the exact oracle."""

from __future__ import annotations

from optcheck.reference import adadelta as _adadelta
from optcheck.reference import adagrad as _adagrad  # registers its methods
from optcheck.reference import adam_variants as _adam_variants
from optcheck.reference import calculus as _calculus
from optcheck.reference import chains as _chains
from optcheck.reference import descent as _descent
from optcheck.reference import distribution as _distribution
from optcheck.reference import initialization as _initialization
from optcheck.reference import minimizers as _minimizers
from optcheck.reference import nadam as _nadam
from optcheck.reference import normalization as _normalization
from optcheck.reference import rates as _rates
from optcheck.reference import sampling as _sampling
from optcheck.reference import signs as _signs
from optcheck.reference import stochastic as _stochastic
from optcheck.reference import surfaces as _surfaces
from optcheck.reference import swats as _swats
from optcheck.reference.clipping import CLIPPINGS, Clipping
from optcheck.reference.domains import Domain, DomainError, check_hyperparameters
from optcheck.reference.formats import FORMATS, Format
from optcheck.reference.procedures import PROCEDURES, Procedure, procedures
from optcheck.reference.registry import (
    EQUATIONS,
    METHODS,
    MODIFIERS,
    Dialect,
    Equation,
    Method,
    Modifier,
    equation,
    method,
    statement,
    watch_calls,
)
from optcheck.reference.schedules import SCHEDULES, Schedule
from optcheck.reference.schedules import plateau as _plateau

__all__ = [
    "CLIPPINGS",
    "EQUATIONS",
    "FORMATS",
    "METHODS",
    "MODIFIERS",
    "PROCEDURES",
    "SCHEDULES",
    "Clipping",
    "Dialect",
    "Domain",
    "DomainError",
    "Equation",
    "Format",
    "Method",
    "Modifier",
    "Procedure",
    "Schedule",
    "check_hyperparameters",
    "equation",
    "method",
    "procedures",
    "statement",
    "watch_calls",
]

del _adadelta, _adagrad, _adam_variants, _calculus, _chains, _descent, _distribution
del _initialization, _minimizers, _nadam, _normalization, _plateau, _rates, _sampling, _signs
del _stochastic, _surfaces, _swats
