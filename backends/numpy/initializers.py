"""Initial weights and biases in NumPy."""

from __future__ import annotations

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()
