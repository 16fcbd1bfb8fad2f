"""Losses and activations, written out, and SciPy's."""

from __future__ import annotations

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()
