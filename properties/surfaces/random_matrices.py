"""Laws of random symmetric matrices: how often all eigenvalues have one sign."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.statistics import excess
from optcheck.properties.surfaces.running import found, of
from optcheck.reference.surfaces.random_matrices import (
    coin_toss_probability,
    conditional_probability,
    gaussian_probability,
)

MATRICES = 2048
ORDERS = (2, 3, 4)


@law(
    id="minima-are-rare-among-critical-points",
    title="All eigenvalues of a random symmetric matrix are positive as rarely as theory says",
    statement=(
        "Diagonal matrices of random signs have positive eigenvalues alone with probability "
        "2^-n, and negative ones alone as often. Matrices of the Gaussian orthogonal ensemble, "
        "whose eigenvalues repel, less often: with (2 - sqrt 2)/4 = 0.146, (pi - 2 sqrt 2)/(4 pi) "
        f"= 0.0249 and 0.00246 for n = 2, 3 and 4. Counted over {MATRICES} matrices of each kind."
    ),
    oracle="statistic",
    capability="factorization",
    equations=("random-critical-point-minimum-probability",),
    about=of("eigendecomposition", "eigenvalues-alone"),
    false_alarm=1e-9,
    alternative="eigenvalues that do not repel: the diagonal taken for the spectrum",
    every_path=False,
    one_dtype=True,
    share=0.05,
    dtypes=("float64",),
)
def minima_are_rare(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    random = np.random.default_rng(seed)
    ratios = []
    for order in ORDERS:
        signs = random.choice((-1.0, 1.0), (MATRICES, order))
        coins = signs[:, :, None] * np.eye(order)
        for kind, matrices, probability in (
            ("diagonal matrices of random signs", coins, coin_toss_probability(order)),
            ("Gaussian matrices", _gaussian(random, order), gaussian_probability(order)),
        ):
            spectra = _spectra(subject, matrices, seed)
            for sign, name in ((1.0, "positive"), (-1.0, "negative")):
                alone = int(np.sum((sign * spectra > 0.0).all(axis=1)))
                what = f"{kind} of order {order} with {name} eigenvalues alone"
                ratios.append(_count(subject, what, alone, probability, seed))
    return max(ratios)


def _gaussian(random: np.random.Generator, order: int) -> Floats:
    """Of the Gaussian orthogonal ensemble, the variance on the diagonal being 1."""
    square = random.standard_normal((MATRICES, order, order))
    return (square + square.transpose(0, 2, 1)) / 2.0


def _spectra(subject: Subject, matrices: Floats, seed: int) -> Floats:
    factors = found(subject, matrices) or {}
    spectra = factors.get("eigenvalues", np.empty(0))
    if spectra.shape != matrices.shape[:2]:
        raise Deviation(
            f"{subject.name}: eigenvalues of shape {spectra.shape} for a stack of matrices of "
            f"shape {matrices.shape}",
            counterexample={"matrices": matrices[:8].tolist(), "seed": seed},
        )
    return spectra


def _count(subject: Subject, what: str, count: int, probability: float, seed: int) -> float:
    ratio = excess(count, MATRICES, probability)
    if ratio <= 1.0:
        return ratio
    raise Deviation(
        f"{subject.name}: {count} of {MATRICES} {what}, for a probability of {probability:.4g}",
        ratio=ratio,
        counterexample={"seed": seed, "count": count, "probability": probability},
    )


@law(
    id="low-values-have-definite-hessians",
    title="The lower a random field is somewhere, the more often it curves upwards there",
    statement=(
        "A Gaussian random field of covariance exp(-r^2 / 2) has, given its value, the Hessian "
        "sqrt(2) G - value I with G of the Gaussian orthogonal ensemble. The share of positive "
        "definite ones falls with the value as theory says: Phi(-value / sqrt 2) in one "
        "dimension; in two Phi(-value) - exp(-value^2 / 4) Phi(-value / sqrt 2) / sqrt 2. Counted "
        f"over {MATRICES} Hessians at a low value, at 0 and at a high one."
    ),
    oracle="statistic",
    capability="factorization",
    equations=("random-critical-point-minimum-probability",),
    about=of("eigendecomposition", "eigenvalues-alone"),
    false_alarm=1e-9,
    alternative="the index does not depend on the value: the trace is left out of the matrix",
    every_path=False,
    one_dtype=True,
    share=0.05,
    dtypes=("float64",),
)
def low_values_have_definite_hessians(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    value = data.draw(st.integers(4, 12), label="8 |value|") / 8.0
    random = np.random.default_rng(seed)
    ratios = []
    for order in (1, 2):
        for height in (-value, 0.0, value):
            hessians = np.sqrt(2.0) * _gaussian(random, order) - height * np.eye(order)
            minima = int(np.sum((_spectra(subject, hessians, seed) > 0.0).all(axis=1)))
            what = f"Hessians of order {order} at the value {height:g} are positive definite"
            probability = conditional_probability(order, height)
            ratios.append(_count(subject, what, minima, probability, seed))
    return max(ratios)
