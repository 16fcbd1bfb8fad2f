"""``scipy.optimize.minimize``: BFGS and L-BFGS-B."""

from __future__ import annotations

from collections.abc import Mapping

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Hyperparameters
from optcheck.backends.minimization import MinimizerClaim
from optcheck.backends.numpy.minimizers._scipy import Options, ScipyRule

_FLOAT64 = ("float64",)


def _bfgs(hyperparameters: Hyperparameters, tolerance: float) -> Options:
    return {"gtol": tolerance}


def _l_bfgs_b(hyperparameters: Hyperparameters, tolerance: float) -> Options:
    return {"gtol": tolerance, "ftol": tolerance, "maxcor": int(hyperparameters["history"])}


# Pairs with s'y = 0 alone are skipped (divided by 1e-3, in BFGS), and the searches leave none.
_SKIPPED: Mapping[str, float] = {"curvature_threshold": 0.0}

rules = Minimizers()
rules.add_minimizers(
    ScipyRule(
        MinimizerClaim(
            "bfgs",
            "product-form",
            {"library": "scipy"},
            _FLOAT64,
            fixed=_SKIPPED,
            search="wolfe",
            promises=("gradient-maximum",),
        ),
        "BFGS",
        _bfgs,
        keeps_matrix=True,
    ),
    ScipyRule(
        MinimizerClaim(
            "l-bfgs",
            "two-loop",
            {"library": "scipy"},
            _FLOAT64,
            fixed=_SKIPPED,
            search="wolfe",
            sufficient_decrease=1e-3,
            promises=("gradient-maximum", "decrease"),
        ),
        "L-BFGS-B",
        _l_bfgs_b,
    ),
)
