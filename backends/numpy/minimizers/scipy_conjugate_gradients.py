"""``scipy.optimize.minimize``: nonlinear conjugate gradients, with its own and a tight search."""

from __future__ import annotations

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Hyperparameters
from optcheck.backends.minimization import MinimizerClaim
from optcheck.backends.numpy.minimizers._scipy import Options, ScipyRule


def _usual(hyperparameters: Hyperparameters, tolerance: float) -> Options:
    return {"gtol": tolerance}


def _tight(hyperparameters: Hyperparameters, tolerance: float) -> Options:
    return {"gtol": tolerance, "c2": 1e-3}


def _claim(curvature: float, *, thorough_only: bool = False, **options: float) -> MinimizerClaim:
    return MinimizerClaim(
        "conjugate-gradient",
        "polak-ribiere-plus",
        {"library": "scipy", **options},
        ("float64",),
        search="wolfe",
        curvature=curvature,
        promises=("gradient-maximum",),
        thorough_only=thorough_only,
    )


rules = Minimizers()
rules.add_minimizers(
    ScipyRule(_claim(0.4), "CG", _usual),
    ScipyRule(_claim(1e-3, thorough_only=True, c2=1e-3), "CG", _tight),
)
