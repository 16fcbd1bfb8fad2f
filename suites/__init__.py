"""Problems with known solutions, and the benchmarks."""

from __future__ import annotations

from optcheck.suites.problems import PROBLEMS, Quadratic

__all__ = ["PROBLEMS", "Quadratic"]
