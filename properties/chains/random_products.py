"""Laws of products of random factors: of all of them, of a sample, and of random matrices."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from hypothesis import strategies as st
from scipy import optimize, special

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Recurrence
from optcheck.properties.chains.powers import gamma
from optcheck.properties.chains.running import (
    BATCH,
    SIZE,
    STEPS,
    chain,
    cotangents_for,
    deviation,
    gradients,
    is_deep,
    is_linear,
    judge,
    states,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import FALSE_ALARM, excess, excess_of_variance
from optcheck.reference.chains.growth import lyapunov_exponent, product_moments
from optcheck.reference.oracle import Bound

_FLOAT64 = ("float64",)
# So many chains are drawn, each with as many factors a step as there are units.
CHAINS = 32
# Of two factors and their products, two bits each: nothing rounds.
_PAIRS = ((0.5, 1.5), (0.75, 1.25), (-1.5, 0.5), (1.25, -0.75), (0.5, 2.0))


def _is_product(subject: Subject) -> bool:
    return is_deep(subject) and is_linear(subject)


def _diagonal(subject: Subject, factors: Floats) -> Recurrence:
    """A chain whose units each have factors of their own, from starts of 1."""
    layers = np.stack([np.diag(row) for row in factors])
    return chain(subject, layers, np.ones((BATCH, SIZE)))


@law(
    id="moments-of-a-product-are-powers",
    title="Moments of a product of independent factors are powers, and its log variance is linear",
    statement=(
        "All 2^T paths of two equally likely factors are put through diagonal layers: the mean of "
        "the library's products is (E f)^T exactly, their standard deviation "
        "sqrt((E f^2)^T - (E f)^(2T)), and the variance of ln|X| is T times that of ln|f|, within "
        "the rounding of these sums."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("random-product-lognormal-growth",),
    about=_is_product,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.05,
)
def moments_of_a_product_are_powers(subject: Subject, data: st.DataObject) -> float:
    pair = np.array(data.draw(st.sampled_from(_PAIRS), label="factors"))
    paths = np.array(list(product((0, 1), repeat=STEPS))).reshape(-1, SIZE, STEPS)
    networks = [_diagonal(subject, pair[each].T) for each in paths]
    found = np.concatenate([states(subject, each)[-1, 0] for each in networks])
    mean, deviation_of_all = product_moments(float(np.mean(pair)), float(np.mean(pair**2)), STEPS)
    count = len(found)
    logs, factors = np.log(np.abs(found)), np.log(np.abs(pair))
    measured = np.array([np.mean(found), np.mean(found**2), np.var(logs)])
    expected = np.array([mean, deviation_of_all**2 + mean**2, STEPS * np.var(factors)])
    # Sums of so many positive terms; a logarithm is off by a unit of its own size.
    sizes = np.array([0.0, expected[1], np.mean(logs**2) + np.mean(logs) ** 2])
    bound = Bound(expected, gamma(4 * count) * sizes)
    return judge(subject, networks[0], bound, measured, "mean, mean square or variance of ln|X|")


# After so many factors; the last one is after all of them.
_TIMES = (1, 2, 4, STEPS)


@law(
    id="lognormal-products-spread-with-time",
    title="A product of lognormal factors has a log variance of T, and a median of 1",
    statement=(
        f"{CHAINS * SIZE} products of factors exp(z), z standard normal, of random sign, are "
        "followed through the library's states: ln|X| is Gaussian with the variance t after 1, "
        f"2, 4 and {STEPS} factors, so that its sum of squares over t is chi-squared, and as "
        "many products are above 1 in size as below (Chernoff). Each measurement is that far off "
        "with probability below 1e-15."
    ),
    oracle="statistic",
    capability="recurrence",
    equations=("random-product-lognormal-growth",),
    about=_is_product,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.05,
    false_alarm=1e-9,
    alternative="one layer's factors used for all layers, or factors left out of the product",
)
def lognormal_products_spread_with_time(subject: Subject, data: st.DataObject) -> float:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    shape = (CHAINS, STEPS, SIZE)
    factors = np.exp(random.normal(size=shape)) * random.choice((-1.0, 1.0), shape)
    networks = [_diagonal(subject, each) for each in factors]
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs([states(subject, each)[:, 0] for each in networks]))
    ratios = []
    for t in _TIMES:
        squares = float(np.sum(logs[:, t] ** 2))
        ratios.append(excess_of_variance(squares, CHAINS * SIZE, t))
        if not ratios[-1] <= 1.0:
            variance = squares / (CHAINS * SIZE)
            message = f"the variance of ln|X| after {t} factors is {variance:.4g}"
            raise deviation(subject, networks[0], message, ratios[-1])
    above = int(np.sum(logs[:, STEPS] > 0.0))
    ratios.append(excess(above, CHAINS * SIZE, 0.5))
    if not ratios[-1] <= 1.0:
        message = f"{above} of {CHAINS * SIZE} products are above 1"
        raise deviation(subject, networks[0], message, ratios[-1])
    return max(ratios)


@law(
    id="random-matrices-grow-at-the-lyapunov-exponent",
    title="Products of Gaussian matrices grow at (ln(2 s^2 / n) + psi(n/2)) / 2 a factor",
    statement=(
        f"Through {CHAINS * STEPS} layers of {SIZE} units with entries of variance s^2/n, "
        "n |h'|^2 / (s^2 |h|^2) of the library's own states is chi-squared with n degrees a "
        "layer, whatever h is, so the sum over all layers is chi-squared too; the mean logarithm "
        "of the growth, of states forwards and of gradients backwards, is the Lyapunov exponent "
        "within Chernoff's bound from the exact moments of powers of chi-squared numbers."
    ),
    oracle="statistic",
    capability="recurrence",
    equations=("random-matrix-product-growth",),
    about=_is_product,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.05,
    false_alarm=1e-9,
    alternative="a skip connection around each layer; weights divided by a keep rate of 1/2",
)
def random_matrices_grow_at_the_lyapunov_exponent(subject: Subject, data: st.DataObject) -> float:
    scale = data.draw(st.sampled_from((1.0, 0.8, 1.2)), label="s")
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    squares, ahead, back = 0.0, 0.0, 0.0
    for _ in range(CHAINS):
        matrices = random.normal(size=(STEPS, SIZE, SIZE)) * scale / math.sqrt(SIZE)
        network = chain(subject, matrices, np.tile(np.eye(SIZE)[0], (BATCH, 1)))
        sizes = np.sum(states(subject, network)[:, 0] ** 2, axis=1)
        squares += float(np.sum(sizes[1:] / sizes[:-1])) * SIZE / scale**2
        ahead += 0.5 * float(np.log(sizes[-1] / sizes[0]))
        cotangents = cotangents_for(network, {STEPS: np.eye(SIZE)[:BATCH]})
        first = gradients(subject, network, cotangents)["start"][0]
        back += 0.5 * float(np.log(np.sum(first**2)))
    total = CHAINS * STEPS
    ratios = {
        "sum of squared growths over n": excess_of_variance(squares, total * SIZE, 1.0),
        "growth of its states": excess_of_growth(ahead / total, total, SIZE, scale),
        "growth of its gradients": excess_of_growth(back / total, total, SIZE, scale),
    }
    for what, ratio in ratios.items():
        if not ratio <= 1.0:
            message = (
                f"the {what} is off: mean logarithms {ahead / total:.4g} forwards and "
                f"{back / total:.4g} backwards, mean square {squares / total / SIZE:.4g}; "
                f"the exponent is {lyapunov_exponent(SIZE, scale):.4g}"
            )
            raise deviation(subject, network, message, ratio)
    return max(ratios.values())


def excess_of_growth(exponent: float, count: int, size: int, scale: float) -> float:
    """How improbable a mean logarithm of ``count`` growths is, over what is allowed.

    Each is half the logarithm of ``scale**2 / size`` times a chi-squared number X. By Chernoff a
    sum of ln X reaches x with probability ``exp(count ln E[X^a] - a x)`` at most, for every a on
    that side of 0; ``E[X^a] = 2^a Gamma(size/2 + a) / Gamma(size/2)``.
    """
    if not math.isfinite(exponent):
        return math.inf
    mean = 2.0 * (exponent - lyapunov_exponent(size, scale)) + float(special.digamma(size / 2))
    # The best a solves psi(size/2 + a) = mean; every argument of psi is above 0.
    low, high = 1e-6, 1e6
    ends = float(special.digamma(low)), float(special.digamma(high))
    best = (
        optimize.brentq(lambda z: special.digamma(z) - mean, low, high)
        if ends[0] < mean < ends[1]
        else (low if mean <= ends[0] else high)
    )
    power = best - size / 2
    log_moment = float(special.gammaln(best) - special.gammaln(size / 2))
    return count * (log_moment - power * mean) / math.log(FALSE_ALARM / 2)
