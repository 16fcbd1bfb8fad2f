"""Line searches: conditions on a step, brackets of a minimum, interpolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optcheck.reference.balls import Scalar
from optcheck.reference.domains import count, non_negative, open_interval, positive
from optcheck.reference.functions import dot, sqrt
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

statement(
    "line-search-problem",
    title="Line search: the best step along a direction",
    formula=r"\alpha=\operatorname{arg}\min_{\alpha>0}E(\mathbf w+\alpha\,\mathbf d)",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "goodfellow:Alg 8.10"),
    erratum="goodfellow omits the argument: the loss is taken at theta + eta rho (G24)",
)


@equation(
    "exact-step-on-a-quadratic",
    title="The best step on a quadratic",
    formula=r"\alpha=-\frac{\mathbf g^T\mathbf d}{\mathbf d^T\mathbf H\mathbf d}",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "goodfellow:sec 4.3"),
)
def exact_step(gradient: Any, direction: Any, curved: Any) -> Any:
    """``-g'd / d'(H d)``; ``curved`` is ``H d``. For ``d = -g`` it is ``g'g / g'Hg``."""
    return -(dot(gradient, direction) / dot(direction, curved))


statement(
    "armijo-condition",
    title="Sufficient decrease (Armijo)",
    formula=(
        r"f(\mathbf x+\alpha\mathbf d)\le f(\mathbf x)"
        r"+c_1\alpha\,\nabla f(\mathbf x)^T\mathbf d"
    ),
    sources=("nocedal-wright:3.4",),
)

statement(
    "strong-wolfe-condition",
    title="Strong curvature condition (Wolfe)",
    formula=(
        r"|\nabla f(\mathbf x+\alpha\mathbf d)^T\mathbf d|\le c_2|\nabla f(\mathbf x)^T\mathbf d|"
    ),
    sources=("nocedal-wright:3.7b",),
)

statement(
    "line-search-too-expensive",
    title="The price of a line search",
    formula=r"\text{cost of a step}=(\text{number of trials})\times O(n)",
    sources=("trofimov:slide 'Learning Rate Tuning'",),
)


@equation(
    "bracketing-line-search",
    title="Line search by interval bracketing",
    formula=(
        r"a<b<c<d:\quad L[b]>L[c]\Rightarrow[a,d]\leftarrow[b,d];"
        r"\qquad L[b]<L[c]\Rightarrow[a,d]\leftarrow[a,c]"
    ),
    sources=("prince:Fig 6.10", "prince:Notes Line search"),
)
def inner_points(lower: Any, upper: Any, ratio: Any) -> tuple[Any, Any]:
    """``b`` and ``c`` between ``a = lower`` and ``d = upper``.

    What is kept, [a, c] or [b, d], is ``ratio`` of the bracket.
    """
    share = ratio * (upper - lower)
    return upper - share, lower + share


RATIOS: dict[str, Callable[[Scalar], Scalar]] = {
    "thirds": lambda one: (one + one) / 3,
    "golden-section": lambda one: (sqrt(one * 5) - 1) / 2,
}

statement(
    "backtracking-step",
    title="Backtracking",
    formula=(
        r"\alpha=\alpha_0\rho^k,\quad k=\min\{j\ge0:f(\mathbf x+\alpha_0\rho^j\mathbf d)"
        r"\le f(\mathbf x)+c_1\alpha_0\rho^j\,\nabla f(\mathbf x)^T\mathbf d\}"
    ),
    sources=("nocedal-wright:Alg 3.1",),
)

statement(
    "wolfe-bracketing",
    title="When trials have bracketed a step that satisfies the Wolfe conditions",
    formula=(
        r"\phi(\alpha_i)>\phi(0)+c_1\alpha_i\phi'(0)\ \text{or}\ "
        r"\phi(\alpha_i)\ge\phi(\alpha_{i-1})\ (i>1)\ \Rightarrow\ "
        r"\alpha^\star\in(\alpha_{i-1},\alpha_i)"
    ),
    sources=("nocedal-wright:Alg 3.5",),
)


@equation(
    "quadratic-interpolation",
    title="The minimum of a quadratic through two values and a slope",
    formula=(r"x=a-\frac{\phi'(a)\,(b-a)^2}{2\big(\phi(b)-\phi(a)-\phi'(a)(b-a)\big)}"),
    sources=("nocedal-wright:3.58",),
)
def quadratic_minimum(a: Any, fa: Any, ga: Any, b: Any, fb: Any) -> Any:
    """Where a quadratic with the values ``fa``, ``fb`` and the slope ``ga`` at ``a`` is flat."""
    h = b - a
    return a - ga * h * h / (2 * (fb - fa - ga * h))


@equation(
    "cubic-interpolation-two-slopes",
    title="The minimum of a cubic through two values and two slopes",
    formula=(
        r"x=b-(b-a)\frac{\phi'(b)+d_2-d_1}{\phi'(b)-\phi'(a)+2d_2},\quad "
        r"d_1=\phi'(a)+\phi'(b)-3\frac{\phi(a)-\phi(b)}{a-b},\quad "
        r"d_2=\pm\sqrt{d_1^2-\phi'(a)\phi'(b)}"
    ),
    sources=("nocedal-wright:3.59",),
)
def cubic_minimum_of_slopes(
    a: Any, fa: Any, ga: Any, b: Any, fb: Any, gb: Any, *, ascending: bool
) -> Any:
    """Where the cubic has its minimum; the root has the sign of ``b - a`` (``ascending``)."""
    d1 = ga + gb - 3 * ((fa - fb) / (a - b))
    root = sqrt(d1 * d1 - ga * gb)
    d2 = root if ascending else -root
    return b - (b - a) * ((gb + d2 - d1) / (gb - ga + 2 * d2))


@equation(
    "cubic-interpolation-three-values",
    title="The minimum of a cubic through three values and a slope",
    formula=(
        r"x=a+\frac{-B+\sqrt{B^2-3A\phi'(a)}}{3A},\quad "
        r"A(x-a)^3+B(x-a)^2=\phi(x)-\phi(a)-\phi'(a)(x-a)\ \text{at}\ b,c"
    ),
    sources=("nocedal-wright:sec 3.5",),
)
def cubic_minimum_of_values(a: Any, fa: Any, ga: Any, b: Any, fb: Any, c: Any, fc: Any) -> Any:
    """Where the cubic has its minimum."""
    db, dc = b - a, c - a
    rb, rc = fb - fa - ga * db, fc - fa - ga * dc
    determinant = db * db * (dc * dc) * (db - dc)
    cubic = (dc * dc * rb - db * db * rc) / determinant
    square = (db * db * db * rc - dc * dc * dc * rb) / determinant
    return a + (sqrt(square * square - 3 * (cubic * ga)) - square) / (3 * cubic)


_FIRST_TRIAL = positive(1.0, 0.25, 4.0)
_SUFFICIENT_DECREASE = open_interval(1e-4, 0.1, 0.25)
_LIMIT = count(100, 20)

EXACT_QUADRATIC = procedure(
    Procedure(
        id="exact-quadratic",
        title="Exact line search on a quadratic",
        source="trofimov:slide 'Steepest Gradient Descent'",
        capability="line-search",
        dialects={
            "closed-form": Form(
                summary="-g'd / d'Hd, which is g'g / g'Hg for steepest descent",
                equations=("exact-step-on-a-quadratic", "line-search-problem"),
            )
        },
    )
)

BRACKETING = procedure(
    Procedure(
        id="bracketing",
        title="Line search by bracketing",
        source="prince:Fig 6.10",
        capability="line-search",
        hyperparameters={
            "lower": non_negative(0.0, 2.0, 8.0),
            "upper": positive(4.0, 8.0, 3.0),
            "reductions": count(6, 12),
        },
        dialects={
            "thirds": Form(
                summary="two inner points at the thirds; 2/3 of the bracket is kept each time",
                equations=("bracketing-line-search",),
            ),
            "golden-section": Form(
                summary="one new inner point each time; 0.618 of the bracket is kept",
                equations=("bracketing-line-search",),
            ),
        },
    )
)

BACKTRACKING = procedure(
    Procedure(
        id="backtracking",
        title="Backtracking to sufficient decrease",
        source="nocedal-wright:Alg 3.1",
        capability="line-search",
        hyperparameters={
            "initial_step": _FIRST_TRIAL,
            "sufficient_decrease": _SUFFICIENT_DECREASE,
            "limit": _LIMIT,
        },
        extra={"armijo": {"decrease_factor": open_interval(0.5, 0.8, 0.1)}},
        dialects={
            "armijo": Form(
                summary="the first of initial_step * decrease_factor**k that descends enough",
                equations=("armijo-condition", "backtracking-step"),
            ),
            "armijo-interpolation": Form(
                summary="the next trial is the minimum of an interpolating polynomial",
                equations=("armijo-condition", "quadratic-interpolation"),
            ),
        },
    )
)

WOLFE = procedure(
    Procedure(
        id="wolfe",
        title="Line search to the strong Wolfe conditions",
        source="nocedal-wright:sec 3.5",
        capability="line-search",
        hyperparameters={
            "sufficient_decrease": _SUFFICIENT_DECREASE,
            "curvature": open_interval(0.9, 0.3, 0.5),
            "limit": _LIMIT,
        },
        dialects={
            "strong": Form(
                summary="trials by interpolation, from 1 on, until the strong conditions hold",
                equations=("armijo-condition", "strong-wolfe-condition"),
            ),
            "strong-zoom": Form(
                summary="the same by bracketing and zoom: a trial that rises ends the bracketing",
                equations=("armijo-condition", "strong-wolfe-condition", "wolfe-bracketing"),
            ),
        },
    )
)

INTERPOLATION = procedure(
    Procedure(
        id="interpolation",
        title="The minimum of an interpolating polynomial",
        source="nocedal-wright:sec 3.5",
        capability="interpolation",
        dialects={
            "cubic-two-slopes": Form(
                summary="a cubic through the values and slopes at a and b",
                equations=("cubic-interpolation-two-slopes",),
            ),
            "cubic-three-values": Form(
                summary="a cubic through the values at a, b, c and the slope at a",
                equations=("cubic-interpolation-three-values",),
            ),
            "quadratic": Form(
                summary="a quadratic through the values at a, b and the slope at a",
                equations=("quadratic-interpolation",),
            ),
        },
    )
)
