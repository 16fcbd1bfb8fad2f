"""``scipy.optimize.minimize(method="Newton-CG")``."""

from __future__ import annotations

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Hyperparameters
from optcheck.backends.minimization import MinimizerClaim
from optcheck.backends.numpy.minimizers._scipy import Options, ScipyRule


def _options(hyperparameters: Hyperparameters, tolerance: float) -> Options:
    return {"xtol": tolerance}


rules = Minimizers()
rules.add_minimizers(
    ScipyRule(
        MinimizerClaim(
            "newton",
            "truncated",
            {"library": "scipy"},
            ("float64",),
            search="wolfe",
            promises=("mean-step",),
        ),
        "Newton-CG",
        _options,
        takes_hessian=True,
    )
)
