"""Misprints of Trofimov's slides on the initialisation of weights."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from fractions import Fraction
from types import SimpleNamespace

from flint import acb, arb

from optcheck.reference.domains import count
from optcheck.reference.errata.record import Erratum, erratum, real, scalar, whole
from optcheck.reference.initialization.distributions import cut_variance
from optcheck.reference.initialization.fans import glorot_variance, harmonic_mean_of_variances
from optcheck.reference.initialization.propagation import product_variance

FANS = {"N": count(3, 300), "M": count(5, 500)}


def _target(case: SimpleNamespace) -> Fraction:
    return Fraction(2, case.N + case.M)


@functools.cache
def _share_left() -> arb:
    """The variance of a standard Gaussian between -2 and 2, by integration."""
    mass = acb.integral(lambda z, _: (-z * z / 2).exp(), -2, 2).real
    return acb.integral(lambda z, _: z * z * (-z * z / 2).exp(), -2, 2).real / mass


erratum(
    Erratum(
        id="T04",
        status="confirmed",
        source=(
            "trofimov:slides 'Network Weights Initialization', "
            "'Xavier/Glorot Weight Initialization Method'"
        ),
        as_printed=r"w\sim N^*\Big(0,\sqrt{\tfrac2{N+M}}\Big):\ \mathrm{Var}\,w=\frac2{N+M}",
        as_corrected=(
            r"\mathrm{Var}\,w=0.7737\cdot\frac2{N+M}\text{, unless the scale is divided by }0.8796"
        ),
        why="the Gaussian is cut at two deviations, which takes a part of its variance away",
        equations=(
            "truncated-normal-distribution",
            "glorot-initialisation-linear-tanh",
            "glorot-initialisation-relu",
            "glorot-initialisation-logistic",
        ),
        variables=FANS,
        fact=lambda case: _share_left() * real(_target(case)),
        printed=_target,
        corrected=lambda case: (
            cut_variance(scalar(2)).ball * real(glorot_variance(case.N, case.M, Fraction(1)))
        ),
    )
)


def _harmonic_mean(first: Fraction, second: Fraction) -> Fraction:
    return 2 / (1 / first + 1 / second)


erratum(
    Erratum(
        id="T05",
        status="confirmed",
        source="trofimov:slide 'Variances of Weights'",
        as_printed=r"\sigma^2=\mathrm{HM}(N,M)",
        as_corrected=r"\sigma^2=\mathrm{HM}\Big(\frac1N,\frac1M\Big)=\frac2{N+M}",
        why=(
            "the formula on the slide is right and its sentence, of the mean of the numbers of "
            "connections, is not: it is that of the variances that keep the signals one way each"
        ),
        equations=("glorot-variance",),
        variables=FANS,
        fact=lambda case: _harmonic_mean(Fraction(1, case.N), Fraction(1, case.M)),
        printed=lambda case: _harmonic_mean(Fraction(case.N), Fraction(case.M)),
        corrected=lambda case: harmonic_mean_of_variances(case.N, case.M),
    )
)


def _moments(values: Sequence[int]) -> tuple[Fraction, Fraction]:
    """Mean and variance of numbers that are equally likely."""
    mean = Fraction(sum(values), len(values))
    return mean, sum(((each - mean) ** 2 for each in values), Fraction(0)) / len(values)


def _both(case: SimpleNamespace) -> tuple[tuple[int, int], tuple[int, int]]:
    return (case.w1, case.w2), (case.y1, case.y2)


erratum(
    Erratum(
        id="T11",
        status="qualification",
        source="trofimov:slide 'Variances of Neurons' Activations'",
        as_printed=r"D[wy]=D[w]\,D[y]",
        as_corrected=(
            r"D[wy]=D[w]\,D[y]+m_w^2D[y]+m_y^2D[w]\quad(=D[w]\,\mathbb E[y^2]\text{ for }m_w=0)"
        ),
        why=(
            "rectified inputs have a mean; here w and y are independent, each one of two numbers "
            "with probability 1/2"
        ),
        equations=("forward-variance-recursion-linear", "product-variance-identity"),
        variables={
            "w1": whole(-3, 3, -1),
            "w2": whole(-3, 3, 1),
            "y1": whole(-3, 3, 0),
            "y2": whole(-3, 3, 2),
        },
        fact=lambda case: _moments([w * y for w, y in itertools.product(*_both(case))])[1],
        printed=lambda case: _moments(_both(case)[0])[1] * _moments(_both(case)[1])[1],
        corrected=lambda case: product_variance(
            *_moments(_both(case)[0]), *_moments(_both(case)[1])
        ),
    )
)

erratum(
    Erratum(
        id="T15",
        status="notation",
        source="trofimov:slide 'Good Information Flowing'",
        as_printed=r"L\text{ layers and the loss }L",
        as_corrected=r"L\text{ layers and the loss }E",
        why="one letter for two things",
        equations=("good-information-flow-conditions",),
        unchecked="a clash of letters: nothing is claimed",
    )
)

erratum(
    Erratum(
        id="T17",
        status="dialect",
        source="trofimov:slide 'Network Weights Initialization'",
        as_printed=r"N(0,s)\text{ as in the other texts: the variance is }s",
        as_corrected=r"N(0,s)\text{ with the standard deviation }s\text{: the variance is }s^2",
        why=(
            "a dialect of notation: at s^2 = 2/(N + M) the slides' uniform distribution, up to "
            "sqrt(6/(N + M)), has the same variance, which is asked for"
        ),
        equations=("weight-init-distributions", "glorot-initialisation-linear-tanh"),
        variables=FANS,
        # Of a uniform distribution: the integral of x^2/(2 b) from -b to b.
        fact=lambda case: Fraction(6, case.N + case.M) / 3,
        printed=lambda case: real(_target(case)).sqrt(),
        corrected=lambda case: glorot_variance(case.N, case.M, Fraction(1)),
    )
)
