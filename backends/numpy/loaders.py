"""Minibatches by ``numpy.random``."""

from __future__ import annotations

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()
