"""Conjugate gradients: the coefficients that differ, and the recursion that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import Domain, positive
from optcheck.reference.functions import choose, dot, maximum
from optcheck.reference.procedures import Direction, Form, Iterate, Procedure, procedure
from optcheck.reference.registry import equation, statement

# Maps the gradient, the one before it and the direction taken there to the coefficient.
Coefficient = Callable[[Any, Any, Any], Any]

statement(
    "cg-update",
    title="Update of conjugate gradients",
    formula=(
        r"\mathbf w(\tau+1)=\mathbf w(\tau)+\alpha(\tau)\mathbf d(\tau),\quad"
        r"\alpha(\tau)=\operatorname{arg}\min_{\alpha>0}E(\mathbf w(\tau)+\alpha\,\mathbf d(\tau))"
    ),
    sources=("trofimov:slide 'CGD (Conjugate Gradient Descent)'", "goodfellow:Alg 8.10"),
)


@equation(
    "cg-initial-direction",
    title="The first direction is the negative gradient",
    formula=r"\mathbf d(0)=-\nabla E(\mathbf w(0))",
    sources=("trofimov:slide 'Conjugate Directions'", "goodfellow:Alg 8.10"),
)
def initial_direction(gradient: Any) -> Any:
    """``-g``."""
    return -gradient


@equation(
    "cg-direction-update",
    title="Recursion of the conjugate directions",
    formula=r"\mathbf d(\tau)=-\nabla E(\mathbf w(\tau))+\beta(\tau)\,\mathbf d(\tau-1)",
    sources=("trofimov:slide 'Conjugate Directions'", "goodfellow:Alg 8.10"),
)
def conjugate_direction(gradient: Any, beta: Any, direction: Any) -> Any:
    """``-g + beta d``, where ``d`` is the direction before this one."""
    return -gradient + beta * direction


statement(
    "cg-direction-update-positive-gradient",
    title="Recursion of the conjugate directions (goodfellow 8.18, corrected)",
    formula=(
        r"\mathbf d_t=-\nabla_{\boldsymbol\theta}J(\boldsymbol\theta)+\beta_t\mathbf d_{t-1}"
    ),
    sources=("goodfellow:8.18", "goodfellow:sec 8.5.2"),
    function=conjugate_direction,
    erratum="printed with + grad J, which ascends unless the search may go backwards (G23)",
)


@equation(
    "fletcher-reeves-beta",
    title="Coefficient of Fletcher and Reeves",
    formula=r"\beta_t=\frac{\mathbf g_t^T\mathbf g_t}{\mathbf g_{t-1}^T\mathbf g_{t-1}}",
    sources=("goodfellow:8.19", "trofimov:slide 'Conjugate Directions'"),
)
def fletcher_reeves(gradient: Any, before: Any, direction: Any = None) -> Any:
    """``g'g`` over that of the gradient ``before``; the direction does not enter."""
    return dot(gradient, gradient) / dot(before, before)


@equation(
    "polak-ribiere-beta",
    title="Coefficient of Polak and Ribiere",
    formula=(
        r"\beta_t=\frac{(\mathbf g_t-\mathbf g_{t-1})^T\mathbf g_t}"
        r"{\mathbf g_{t-1}^T\mathbf g_{t-1}}"
    ),
    sources=(
        "goodfellow:8.20",
        "goodfellow:Alg 8.10",
        "trofimov:slide 'Conjugate Directions'",
    ),
    erratum="Algorithm 8.10 prints (g - g_{-1})^T g_t: the subscripts are lost (G24)",
)
def polak_ribiere(gradient: Any, before: Any, direction: Any = None) -> Any:
    """``(g - before)'g / before'before``; the direction does not enter."""
    return dot(gradient - before, gradient) / dot(before, before)


@equation(
    "polak-ribiere-plus",
    title="Coefficient of Polak and Ribiere, never negative",
    formula=r"\beta(\tau):=\max\{0,\beta(\tau)\}",
    sources=("trofimov:slide 'Conjugate Gradient Descent'", "nocedal-wright:5.45"),
)
def polak_ribiere_plus(gradient: Any, before: Any, direction: Any = None) -> Any:
    """0 where Polak and Ribiere's is negative: the direction is then the negative gradient."""
    return maximum(polak_ribiere(gradient, before), 0)


@equation(
    "hestenes-stiefel-beta",
    title="Coefficient of Hestenes and Stiefel",
    formula=(
        r"\beta_t=\frac{(\mathbf g_t-\mathbf g_{t-1})^T\mathbf g_t}"
        r"{(\mathbf g_t-\mathbf g_{t-1})^T\mathbf d_{t-1}}"
    ),
    sources=("nocedal-wright:5.46",),
)
def hestenes_stiefel(gradient: Any, before: Any, direction: Any) -> Any:
    """``y'g / y'd`` with ``y = g - before``."""
    change = gradient - before
    return dot(change, gradient) / dot(change, direction)


@equation(
    "dai-yuan-beta",
    title="Coefficient of Dai and Yuan",
    formula=(
        r"\beta_t=\frac{\mathbf g_t^T\mathbf g_t}{(\mathbf g_t-\mathbf g_{t-1})^T\mathbf d_{t-1}}"
    ),
    sources=("nocedal-wright:5.49",),
)
def dai_yuan(gradient: Any, before: Any, direction: Any) -> Any:
    """``g'g / y'd`` with ``y = g - before``."""
    return dot(gradient, gradient) / dot(gradient - before, direction)


@equation(
    "conjugacy-definition",
    title="Conjugate directions",
    formula=r"\mathbf d_t^T\mathbf H\,\mathbf d_{t-1}=0",
    sources=("goodfellow:sec 8.5.2",),
)
def conjugacy(direction: Any, curved: Any) -> Any:
    """``d'(H d')``, which is 0; ``curved`` is ``H`` times the other direction."""
    return dot(direction, curved)


statement(
    "conjugacy-as-orthogonality-in-whitened-space",
    title="Conjugate directions are orthogonal where the quadratic is round",
    formula=(
        r"\mathbf d_t^T\mathbf H\mathbf d_{t-1}"
        r"=(\boldsymbol\Lambda^{1/2}\mathbf Q^T\mathbf d_t)^T"
        r"(\boldsymbol\Lambda^{1/2}\mathbf Q^T\mathbf d_{t-1})=0"
    ),
    sources=("goodfellow:sec 8.5.2",),
    erratum="printed with d_{t-1} in both factors, a squared norm that is never 0 (G21)",
)

statement(
    "cg-versus-steepest-descent-in-whitened-space",
    title="Conjugate gradients need a step for each distinct curvature",
    formula=(
        r"\text{steepest descent in }\phi\text{-space: }1\text{ step};\quad"
        r"\text{conjugate gradients: orthogonal searches there, }\le k\text{ steps}"
    ),
    sources=("goodfellow:sec 8.5.2",),
    erratum="printed as being steepest descent in that space, which is Newton's step (G22)",
)

statement(
    "cg-quadratic-finite-termination",
    title="Conjugate gradients minimise a quadratic of m variables in m steps",
    formula=(
        r"E\text{ quadratic},\ \mathbf H\succ0,\ \mathbf w\in\mathbb R^m"
        r"\ \Rightarrow\ \nabla E(\mathbf w(m))=0"
    ),
    sources=("trofimov:slide 'Conjugate Gradient Descent'", "goodfellow:sec 8.5.2"),
)

statement(
    "cg-gradient-stays-orthogonal",
    title="The gradient stays orthogonal to all directions before",
    formula=r"\nabla J(\boldsymbol\theta_t)^T\mathbf d_s=0,\quad s<t",
    sources=("goodfellow:sec 8.5.2", "goodfellow:Fig 8.9"),
)

statement(
    "cg-restart",
    title="Periodic reset of the direction",
    formula=r"\tau\bmod m=0\ \Rightarrow\ \mathbf d(\tau)=-\nabla E(\mathbf w(\tau))",
    sources=("trofimov:slide 'Conjugate Gradient Descent'", "goodfellow:sec 8.5.2"),
    function=initial_direction,
)

statement(
    "nonlinear-conjugate-gradient-algorithm",
    title="The method of conjugate gradients (goodfellow, Algorithm 8.10)",
    formula=(
        r"\beta_t=\frac{(\mathbf g_t-\mathbf g_{t-1})^T\mathbf g_t}"
        r"{\mathbf g_{t-1}^T\mathbf g_{t-1}},\ \beta_0=0;\ "
        r"\boldsymbol\rho_t=-\mathbf g_t+\beta_t\boldsymbol\rho_{t-1};\ "
        r"\boldsymbol\theta_{t+1}=\boldsymbol\theta_t+\eta^*\boldsymbol\rho_t"
    ),
    sources=("goodfellow:Alg 8.10",),
    erratum="beta_0 = 0 is missing, and the loss is taken at theta + eta rho (G24)",
)

statement(
    "cg-cost-like-steepest-descent",
    title="A step costs one gradient and one line search, as in steepest descent",
    formula=r"\text{per step: one gradient}+\text{one line search}+O(m)\text{ of vector work}",
    sources=("trofimov:slide 'Conjugate Gradient Descent'",),
)

statement(
    "cg-nonquadratic-effectiveness",
    title="Conjugate gradients need fewer iterations than steepest descent",
    formula=r"\#\text{iterations}_{CG}<\#\text{iterations}_{GD}\text{ to equal tolerance}",
    sources=("trofimov:slide 'Conjugate Gradient Descent'", "goodfellow:sec 8.5.2"),
)


def _recursion(coefficient: Coefficient) -> Direction:
    """The direction at the end of a path; those that a library does not show are found again."""

    def direction(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
        here = path[-1]
        if len(path) == 1:
            return initial_direction(here.gradient)
        before = path[-2]
        taken = before.direction if before.direction is not None else direction(path[:-1], h)
        beta = coefficient(here.gradient, before.gradient, taken)
        return conjugate_direction(here.gradient, beta, taken)

    return direction


def _restarted(plain: Direction) -> Direction:
    """From every ``restart_every``-th iteration on, as if it were the first."""

    def direction(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
        since = (len(path) - 1) % int(h.given["restart_every"])
        return plain(path[len(path) - 1 - since :], h)

    return direction


def _guarded(plain: Direction, denominator: Coefficient) -> Direction:
    """The negative gradient where the coefficient is undefined, or where ``d`` does not descend.

    ``denominator`` is that of the coefficient, and undefined means ``smallest_denominator``.
    """

    def direction(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
        here = path[-1]
        downhill = initial_direction(here.gradient)
        if len(path) == 1:
            return downhill

        def descending() -> Any:
            d = plain(path, h)
            return choose(-dot(here.gradient, d), lambda: d, lambda: downhill)

        size = denominator(here.gradient, path[-2].gradient, path[-2].direction)
        return choose(size - h.smallest_denominator, descending, lambda: downhill)

    return direction


def _before_squared(gradient: Any, before: Any, direction: Any) -> Any:
    return dot(before, before)


def _change_along(gradient: Any, before: Any, direction: Any) -> Any:
    return abs(dot(gradient - before, direction))


_COEFFICIENTS: dict[str, tuple[Coefficient, Coefficient]] = {
    "fletcher-reeves": (fletcher_reeves, _before_squared),
    "polak-ribiere": (polak_ribiere, _before_squared),
    "polak-ribiere-plus": (polak_ribiere_plus, _before_squared),
    "hestenes-stiefel": (hestenes_stiefel, _change_along),
    "dai-yuan": (dai_yuan, _change_along),
}
_SUMMARIES = {
    "fletcher-reeves": "beta is the ratio of the squared lengths of the gradients",
    "polak-ribiere": "beta from the change of the gradient",
    "polak-ribiere-plus": "as polak-ribiere, and 0 where that is negative",
    "hestenes-stiefel": "beta from the change of the gradient along the direction",
    "dai-yuan": "the squared length of the gradient over its change along the direction",
}
_OWN = {
    "fletcher-reeves": ("fletcher-reeves-beta",),
    "polak-ribiere": ("polak-ribiere-beta", "nonlinear-conjugate-gradient-algorithm"),
    "polak-ribiere-plus": ("polak-ribiere-beta", "polak-ribiere-plus"),
    "hestenes-stiefel": ("hestenes-stiefel-beta",),
    "dai-yuan": ("dai-yuan-beta",),
}
_COMMON = (
    "cg-update",
    "cg-initial-direction",
    "cg-direction-update",
    "cg-direction-update-positive-gradient",
)
_RESTARTED = ("fletcher-reeves", "polak-ribiere")
_GUARDED = ("fletcher-reeves", "polak-ribiere-plus", "hestenes-stiefel", "dai-yuan")


def _forms() -> dict[str, Form]:
    plain = {name: _recursion(beta) for name, (beta, _) in _COEFFICIENTS.items()}
    forms = {name: Form(_SUMMARIES[name], (*_COMMON, *_OWN[name]), plain[name]) for name in plain}
    for name in _RESTARTED:
        forms[f"{name}+restart"] = Form(
            f"{_SUMMARIES[name]}; every restart_every iterations the negative gradient",
            (*_COMMON, *_OWN[name], "cg-restart"),
            _restarted(plain[name]),
        )
    for name in _GUARDED:
        forms[f"{name}+descent"] = Form(
            f"{_SUMMARIES[name]}; the negative gradient where the direction does not descend, "
            "or where the denominator of beta is at most smallest_denominator",
            (*_COMMON, *_OWN[name]),
            _guarded(plain[name], _COEFFICIENTS[name][1]),
        )
    return forms


_EVERY = Domain(1, float("inf"), (2.0, 4.0), high_included=False, integer=True)

CONJUGATE_GRADIENT = procedure(
    Procedure(
        id="conjugate-gradient",
        title="Conjugate gradients",
        source="goodfellow:Alg 8.10",
        capability="minimizer",
        dialects=_forms(),
        extra={
            **{f"{name}+restart": {"restart_every": _EVERY} for name in _RESTARTED},
            **{
                f"{name}+descent": {"smallest_denominator": positive(2.0**-52)}
                for name in _GUARDED
            },
        },
    )
)
