"""Continuation: minimise ever less blurred objectives, each from the minimum of the one before."""

from __future__ import annotations

import math

from optcheck.reference.domains import Domain, count, open_interval, positive
from optcheck.reference.problems import Elementary, Polynomial
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

SOURCE = "goodfellow:sec 8.7.5"


@equation(
    "continuation-method",
    title="Continuation: a series of objectives of increasing difficulty",
    formula=(
        r"\boldsymbol\theta^{(i)}=\text{local-min}(J^{(i)};\ \text{from }"
        r"\boldsymbol\theta^{(i-1)}),\quad J^{(n)}=J"
    ),
    sources=(SOURCE, "goodfellow:Fig 8.11"),
)
def widths(initial_width: float, factor: float, stages: int) -> list[float]:
    """The blur of each stage: a geometric series, and 0 at the last, which is the objective."""
    return [*(initial_width * factor**stage for stage in range(stages - 1)), 0.0]


@equation(
    "gaussian-blurred-objective",
    title="An objective blurred by a Gaussian",
    formula=(
        r"J^{(i)}(\boldsymbol\theta)=\mathbb E_{\boldsymbol\theta'\sim"
        r"\mathcal N(\boldsymbol\theta';\,\boldsymbol\theta,\,\sigma^{(i)2}\mathbf I)}"
        r"J(\boldsymbol\theta')"
    ),
    sources=(SOURCE,),
    erratum=(
        "printed with a second argument on the left, and without the separator of argument and "
        "parameters of the normal density (G39)"
    ),
)
def blurred(problem: Polynomial, width: float) -> Polynomial:
    """The expectation of ``problem`` at ``x + width z``, with a standard normal ``z``.

    By the heat equation it is ``exp(width**2 / 2 Laplacian)`` of the polynomial, a finite sum.
    """
    layer, terms, order = problem, list(problem.terms), 0
    while layer.terms:
        order += 1
        layer = _laplacian(layer, width**2 / (2 * order))
        terms += layer.terms
    collected: dict[tuple[int, ...], float] = {}
    for coefficient, powers in terms:
        collected[powers] = collected.get(powers, 0.0) + coefficient
    return Polynomial(problem.dimension, tuple((c, powers) for powers, c in collected.items()))


def _laplacian(problem: Polynomial, scale: float) -> Polynomial:
    terms = (
        (scale * c, powers)
        for i, slope in enumerate(problem.derivatives)
        for c, powers in slope.derivatives[i].terms
    )
    return Polynomial(problem.dimension, tuple(terms))


statement(
    "blurred-concave-quadratic-never-convex",
    title="Blurring a concave quadratic never makes it convex",
    formula=(
        r"J(\boldsymbol\theta)=-\boldsymbol\theta^T\boldsymbol\theta\Rightarrow "
        r"J^{(i)}(\boldsymbol\theta)=-\boldsymbol\theta^T\boldsymbol\theta-n\sigma^{(i)2},"
        r"\quad\nabla^2J^{(i)}=-2\mathbf I"
    ),
    sources=(SOURCE,),
)


@equation(
    "blurring-yields-convexity",
    title="How much blurring makes a wave on a parabola convex",
    formula=(
        r"\theta^2/2+a\cos k\theta\ \text{blurred is convex}\iff ak^2e^{-k^2\sigma^2/2}\le1;"
        r"\quad 1-e^{-\theta^2/2}\ \text{never is}"
    ),
    sources=(SOURCE,),
    erratum=(
        "the text says that whatever has finite global minima becomes convex if it is blurred "
        "enough; bounded functions that are not constant never do (G40)"
    ),
)
def convex_from(amplitude: float, frequency: float) -> float:
    """The width from which on ``wave`` is convex: 0 where it is convex as it stands."""
    return math.sqrt(max(0.0, 2 * math.log(amplitude * frequency**2))) / frequency


def damping(frequency: float, width: float) -> float:
    """What blurring leaves of a wave of this frequency."""
    return math.exp(-((frequency * width) ** 2) / 2)


def wave(amplitude: int, frequency: int) -> Elementary:
    """``x**2 / 2 + amplitude cos(frequency x)``: many wells on a parabola."""
    a, k = amplitude, frequency
    return Elementary(
        (
            lambda f, x: x * x / 2 + a * f.cos(k * x),
            lambda f, x: x - a * k * f.sin(k * x),
            lambda f, x: 1 - a * k * k * f.cos(k * x),
        ),
        (
            f"x[0]**2/2 + {a}*cos({k}*x[0])",
            f"x[0] - {a * k}*sin({k}*x[0])",
            f"1 - {a * k * k}*cos({k}*x[0])",
        ),
    )


def blurred_wave_slope(amplitude: int, frequency: int, width: float, x: float) -> float:
    """The slope of the blurred ``wave``: the parabola keeps its own, the wave is damped."""
    a = amplitude * damping(frequency, width)
    return x - a * frequency * math.sin(frequency * x)


def _stages(*typical: int) -> Domain:
    return Domain(1, 8, tuple(float(each) for each in typical), integer=True)


CONTINUATION = procedure(
    Procedure(
        id="continuation",
        title="Continuation by blurring",
        source=SOURCE,
        capability="minimizer",
        objective="blurred",
        hyperparameters={
            "initial_width": positive(1.0, 2.0, 0.5),
            "factor": open_interval(0.5, 0.25),
            "stages": _stages(4, 2, 1),
        },
        dialects={
            "analytic": Form(
                summary="each stage minimises the expectation under the blur itself",
                equations=("continuation-method", "gaussian-blurred-objective"),
            ),
            "sampled": Form(
                summary="each stage minimises an average over samples of the blur",
                equations=("continuation-method", "gaussian-blurred-objective"),
            ),
        },
        extra={
            "sampled": {
                "samples": count(16, 8),
                "seed": Domain(0, math.inf, (0.0, 1.0), high_included=False, integer=True),
            }
        },
    )
)
