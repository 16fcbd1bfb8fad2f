"""Recurrent layers, forwards and backwards in NumPy."""

from __future__ import annotations

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()
