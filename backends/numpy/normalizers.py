"""Normalisation of activations and of data in NumPy."""

from __future__ import annotations

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()
