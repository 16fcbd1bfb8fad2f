"""Misprints of Bishop and Bishop, Deep Learning, section 7.3: rates, momentum, schedules, Adam."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb

from optcheck.reference.adagrad import effective_rates
from optcheck.reference.adam import ADAM, bias_correction
from optcheck.reference.descent.gradient_descent import best_factor, slow_factor_limit
from optcheck.reference.domains import Domain, count, open_interval, unit_interval
from optcheck.reference.errata.exact import slope
from optcheck.reference.errata.record import Erratum, erratum, scalar, whether, whole
from optcheck.reference.errata.recursions import alternating_share, heavy_ball
from optcheck.reference.gradient_descent import descend
from optcheck.reference.momentum import exponential_average
from optcheck.reference.schedules.decay import exponential, power_law


def _left(curvatures: Sequence[int], rate: Fraction) -> Any:
    """The longer mode after a step of gradient descent from 1 along each axis."""
    return max(abs(descend(1, each, rate)) for each in curvatures)


def _factors(case: SimpleNamespace) -> tuple[Any, Any]:
    """At the largest rate that is permitted, and at the best one.

    The longer mode is convex in the rate and made of straight pieces: it is least where two of
    the pieces meet.
    """
    curvatures = (case.first, case.second)
    pairs = itertools.combinations_with_replacement(curvatures, 2)
    meetings = [Fraction(0), *(Fraction(2, a + b) for a, b in pairs)]
    return (
        _left(curvatures, Fraction(2, max(curvatures))),
        min(_left(curvatures, rate) for rate in meetings),
    )


def _condition_number(case: SimpleNamespace) -> Fraction:
    return Fraction(max(case.first, case.second), min(case.first, case.second))


erratum(
    Erratum(
        id="B08",
        status="qualification",
        source="bishop:7.30",
        as_printed=(
            r"\eta=\frac2{\lambda_{\max}}:\ \text{convergence by }"
            r"1-\frac{2\lambda_{\min}}{\lambda_{\max}}\text{ a step}"
        ),
        as_corrected=(
            r"\eta=\frac2{\lambda_{\max}}:\ \text{none};\qquad\text{at best }"
            r"\frac{\kappa-1}{\kappa+1},\text{ at }\eta=\frac2{\lambda_{\min}+\lambda_{\max}}"
        ),
        why=(
            "at that rate the stiff mode has the factor -1; what is printed is the limit of the "
            "slow mode's factor. Asked for are the factors at that rate and at the best one"
        ),
        equations=("gd-quadratic-slowest-mode-factor", "gd-quadratic-convergence-condition"),
        variables={"first": whole(1, 20, 1), "second": whole(1, 20, 2, 10)},
        fact=_factors,
        printed=lambda case: (abs(slow_factor_limit(_condition_number(case))), None),
        corrected=lambda case: (1, best_factor(_condition_number(case))),
    )
)

erratum(
    Erratum(
        id="B09",
        status="confirmed",
        source="bishop:sec 7.3.1 (7.32)",
        as_printed=r"1+\mu+\mu^2+\dots\text{ is an arithmetic series}",
        as_corrected=r"\text{a geometric series, with the sum }(1-\mu^n)/(1-\mu)",
        why="its terms have a constant ratio, and no constant difference",
        equations=("momentum-effective-rate-constant-gradient",),
        variables={"mu": open_interval(0.5, 0.9), "n": whole(1, 30, 3)},
        fact=lambda case: sum((case.mu**k for k in range(case.n)), Fraction(0)),
        # An arithmetic series is the number of terms times the mean of the first and the last.
        printed=lambda case: case.n * (1 + case.mu ** (case.n - 1)) / 2,
        corrected=lambda case: (1 - case.mu**case.n) / (1 - case.mu),
    )
)

erratum(
    Erratum(
        id="B10",
        status="confirmed",
        source="bishop:sec 7.3.1",
        as_printed=r"0\le\mu\le1",
        as_corrected=r"0\le\mu<1",
        why="at mu = 1 nothing is damped: on w^2/2 the recursion turns for ever",
        equations=("momentum-parameter-range", "momentum-update-heavy-ball"),
        variables={"mu": Domain(0.0, 1.0, (1.0, 0.9, 0.5, 0.0)), "eta": open_interval(0.5, 0.1)},
        fact=lambda case: heavy_ball(case.eta, case.mu),
        printed=lambda case: whether(0 <= case.mu <= 1, "convergent"),
        corrected=lambda case: whether(0 <= case.mu < 1, "convergent"),
    )
)

erratum(
    Erratum(
        id="B11",
        status="qualification",
        source="bishop:sec 7.3.1, bishop:Fig 7.5",
        as_printed=r"\text{gradients that oscillate: the effective rate is close to }\eta",
        as_corrected=r"\eta/(1+\mu)",
        why="the alternating geometric series; rates are in units of eta",
        equations=("momentum-effective-rate-oscillating-gradient",),
        variables={"mu": unit_interval(0.9, 0.5, 0.0)},
        fact=lambda case: alternating_share(case.mu),
        printed=lambda case: 1,
        corrected=lambda case: 1 / (1 + case.mu),
    )
)


def _falls(schedule: Callable[[Any], Any], case: SimpleNamespace) -> str:
    """Whether a schedule is lower at the step after ``tau``, and still no negative rate."""
    before, after = (
        schedule(
            SimpleNamespace(
                initial_rate=scalar(1),
                step=scalar(step),
                decay_steps=scalar(case.s),
                exponent=scalar(case.c),
                decay_factor=scalar(case.c),
            )
        ).ball
        for step in (case.tau, case.tau + 1)
    )
    return whether(0 <= after < before, "falling")


erratum(
    Erratum(
        id="B12",
        status="qualification",
        source="bishop:7.37, bishop:7.38",
        as_printed=r"\eta^{(0)}(1+\tau/s)^c\text{ and }\eta^{(0)}c^{\tau/s}\text{ decay}",
        as_corrected=r"\text{the first for }c<0\text{, the second for }0<c<1",
        why="no sign or range is given for c, and for others the rate grows; s is also printed S",
        equations=("power-law-learning-rate-schedule", "exponential-learning-rate-schedule-base"),
        variables={
            "c": Domain(-2.0, 2.0, (0.5, -0.5, 1.5, 0.0)),
            "s": count(1, 10),
            "tau": count(1, 100),
        },
        fact=lambda case: (_falls(power_law, case), _falls(exponential, case)),
        printed=lambda case: ("falling", "falling"),
        corrected=lambda case: (
            whether(case.c < 0, "falling"),
            whether(0 < case.c < 1, "falling"),
        ),
    )
)


def _adam_step(w: int, gradient: int) -> Any:
    """By how much the first update of Adam changes ``w``."""
    h = SimpleNamespace(
        learning_rate=scalar(Fraction(1, 1000)),
        beta1=scalar(Fraction(9, 10)),
        beta2=scalar(Fraction(999, 1000)),
        epsilon=scalar(Fraction(1, 10**8)),
        step=scalar(1),
        evaluation=frozenset(),
    )
    zeros = {"first_moment": scalar(0), "second_moment": scalar(0)}
    after, _ = ADAM.dialect("epsilon-outside-root").update(scalar(w), scalar(gradient), zeros, h)
    return (after - scalar(w)).ball


def _downhill(w: int) -> int:
    """The sign of the direction in which w^2/2 falls."""
    rise = slope(lambda x: Fraction(x * x, 2), w)
    return (rise < 0) - (rise > 0)


erratum(
    Erratum(
        id="B15",
        status="confirmed",
        source="bishop:Alg 7.4",
        as_printed=(
            r"\mathbf g=-\nabla E,\quad"
            r"\Delta\mathbf w=-\eta\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\delta}"
        ),
        as_corrected=(
            r"\mathbf g=\nabla E,\quad"
            r"\Delta\mathbf w=-\eta\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\delta}"
        ),
        why="two minus signs ascend; asked for is the sign of the first step on w^2/2",
        equations=("adam-algorithm-bishop", "adam-update-epsilon-outside"),
        variables={"w": whole(-5, 5, 1, 2)},
        fact=lambda case: _downhill(case.w),
        printed=lambda case: _adam_step(case.w, -case.w).sgn(),
        corrected=lambda case: _adam_step(case.w, case.w).sgn(),
    )
)


def _average(case: SimpleNamespace) -> Any:
    """The exponential average of both gradients, from zero."""
    first = exponential_average(Fraction(0), case.g1, case.beta)
    return exponential_average(first, case.g2, case.beta)


erratum(
    Erratum(
        id="B16",
        status="confirmed",
        source="bishop:Alg 7.4",
        as_printed=r"\hat{\mathbf s}=\frac{\mathbf s}{1-\beta_1^\tau}\text{ with }\tau=0",
        as_corrected=r"\tau\leftarrow0\text{ before the loop, }\tau\leftarrow\tau+1\text{ in it}",
        why=(
            "tau is neither set nor counted, and at 0 the correction divides by zero; asked for "
            "is the mean of two gradients with the weights beta and 1"
        ),
        equations=("adam-algorithm-bishop", "adam-bias-correction"),
        variables={
            "beta": unit_interval(0.5, 0.9, 0.0),
            "g1": whole(-3, 3, 1),
            "g2": whole(-3, 3, 1),
        },
        fact=lambda case: (case.beta * case.g1 + case.g2) / Fraction(case.beta + 1),
        printed=lambda case: _average(case) / bias_correction(case.beta, 0),
        corrected=lambda case: _average(case) / bias_correction(case.beta, 2),
    )
)


def _full_blocks(case: SimpleNamespace) -> tuple[int, ...]:
    """All examples that full blocks can be cut of, one block after the other."""
    examples, used = list(range(1, case.N + 1)), []
    while len(examples) >= case.B:
        used += examples[: case.B]
        del examples[: case.B]
    return tuple(used)


def _used(case: SimpleNamespace, over: Callable[[int], bool]) -> tuple[int, ...] | None:
    """The examples until n goes back to 1; of data that have a full block."""
    if case.B > case.N:
        return None
    n, used = 1, list[int]()
    while True:
        used += range(n, n + case.B)
        n += case.B
        if over(n):
            return tuple(used)


erratum(
    Erratum(
        id="B17",
        status="confirmed",
        source="bishop:Alg 7.4",
        as_printed=r"n\leftarrow n+B;\ \textbf{if}\ n+B>N:\ \text{shuffle},\ n\leftarrow1",
        as_corrected=r"n\leftarrow n+B;\ \textbf{if}\ n+B-1>N:\ \text{shuffle},\ n\leftarrow1",
        why="the block from n ends at n + B - 1: the last full one is left out if it ends at N",
        equations=("adam-algorithm-bishop",),
        variables={"N": count(4, 10), "B": count(2, 3, 5)},
        fact=_full_blocks,
        printed=lambda case: _used(case, lambda n: n + case.B > case.N),
        corrected=lambda case: _used(case, lambda n: n + case.B - 1 > case.N),
    )
)


def _adagrad(slope: int, curvature: int) -> tuple[arb, arb]:
    """The rate of the third step, and the gradients' squares; from 0 with the rate 1/10."""
    w, squares, rate = arb(0), arb(0), arb(0)
    for _ in range(3):
        gradient = slope + curvature * w
        squares += gradient**2
        step = gradient / squares.sqrt() / 10
        w, rate = w - step, step / gradient
    return rate, squares


def _lower(first: Any, second: Any) -> str:
    """Which of two rates is the lower one."""
    return "first" if first < second else "second" if second < first else "neither"


def _by_squares(case: SimpleNamespace) -> str:
    ends = ((case.g1, case.h1), (case.g2, case.h2))
    rates = (effective_rates(scalar(1), scalar(_adagrad(*each)[1])).ball for each in ends)
    return _lower(*rates)


erratum(
    Erratum(
        id="B20",
        status="qualification",
        source="bishop:sec 7.3.3",
        as_printed=r"\text{the rates of parameters with high curvature fall most}",
        as_corrected=r"\eta_i=\eta\big/\sqrt{\textstyle\sum_\tau g_i(\tau)^2}",
        why=(
            "the sum has first derivatives alone; asked for is the lower rate of two, on "
            "g w + h w^2/2 with slopes g and curvatures h"
        ),
        equations=("adagrad-larger-gradient-smaller-rate",),
        variables={
            "g1": whole(1, 5, 2),
            "h1": whole(0, 5, 0),
            "g2": whole(1, 5, 1),
            "h2": whole(0, 5, 0),
        },
        fact=lambda case: _lower(_adagrad(case.g1, case.h1)[0], _adagrad(case.g2, case.h2)[0]),
        printed=lambda case: _lower(case.h2, case.h1),
        corrected=_by_squares,
    )
)
