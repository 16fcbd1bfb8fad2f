"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, chapter 8: adaptive rates."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb

from optcheck.reference.adagrad import (
    effective_rates,
    epsilon_inside_root,
    epsilon_outside_root,
)
from optcheck.reference.adam import bias_correction, corrected_update
from optcheck.reference.balls import Scalar
from optcheck.reference.domains import open_interval, positive
from optcheck.reference.errata.exact import NUMBER, SIZE, curvature, slope, vertex
from optcheck.reference.errata.record import UNDEFINED, Erratum, erratum, real, scalar, whole
from optcheck.reference.momentum import exponential_average

_PARABOLA = {"p": whole(1, 3, 1, 2), "q": NUMBER, "at": NUMBER}


def _loss(case: SimpleNamespace, theta: Any) -> Any:
    return case.p * theta**2 + case.q * theta


def _slope(case: SimpleNamespace) -> Fraction:
    return slope(lambda theta: _loss(case, theta), case.at)


def _curvature(case: SimpleNamespace) -> Fraction:
    return curvature(lambda theta: _loss(case, theta), case.at)


def _way_to_minimum(case: SimpleNamespace) -> Fraction:
    return Fraction(vertex(lambda theta: _loss(case, theta)) - case.at)


def _ratio(case: SimpleNamespace, sign: int) -> Fraction | None:
    """``sign`` times step over slope, of Newton's step; at the minimum both are 0."""
    return sign * _way_to_minimum(case) / _slope(case) if _slope(case) else None


erratum(
    Erratum(
        id="G10",
        status="confirmed",
        source="goodfellow:sec 8.4.4",
        as_printed=r"\frac1{\partial^2L/\partial\theta_j^2}=\frac{\Delta\theta_j}"
        r"{\partial L/\partial\theta_j}",
        as_corrected=r"\frac1{\partial^2L/\partial\theta_j^2}=-\frac{\Delta\theta_j}"
        r"{\partial L/\partial\theta_j}",
        why="Newton's step, from which it follows, has the minus sign",
        equations=("adadelta-inverse-curvature-estimate",),
        variables=_PARABOLA,
        fact=lambda case: 1 / _curvature(case),
        printed=lambda case: _ratio(case, 1),
        corrected=lambda case: _ratio(case, -1),
    )
)


def _expansion(case: SimpleNamespace, factor: Fraction) -> Fraction:
    first = _loss(case, case.at) + _slope(case) * case.step
    return Fraction(first + factor * _curvature(case) * case.step**2)


erratum(
    Erratum(
        id="G11",
        status="confirmed",
        source="goodfellow:sec 8.4.4 footnote",
        as_printed=(
            r"L(\theta+\Delta)=L+\mathbf e_jL'\Delta+\mathbf e_jL''\Delta^2,\quad"
            r"\Delta^\star=-\frac{L''}{L''}"
        ),
        as_corrected=(
            r"L(\theta+\mathbf e_j\Delta)=L+L'\Delta+\tfrac12L''\Delta^2,\quad"
            r"\Delta^\star=-\frac{L'}{L''}"
        ),
        why="Taylor's half is missing, and the step's numerator is the slope",
        equations=("adadelta-single-parameter-taylor",),
        variables={**_PARABOLA, "step": NUMBER},
        fact=lambda case: (_loss(case, case.at + case.step), _way_to_minimum(case)),
        printed=lambda case: (
            _expansion(case, Fraction(1)),
            -_curvature(case) / _curvature(case),
        ),
        corrected=lambda case: (
            _expansion(case, Fraction(1, 2)),
            -_slope(case) / _curvature(case),
        ),
        doubt="of the numerator alone: one prime may have become two in the transcription",
    )
)


def _downhill(case: SimpleNamespace) -> int:
    """Of the moves -1, 0 and 1 the one that lowers a line of this slope; 0 if none does."""
    return min((0, -1, 1), key=lambda move: case.gradient * move)


def _signs(case: SimpleNamespace, epsilon: Scalar) -> tuple[Any, Any]:
    """Where the first step of AdaGrad and that of RMSProp lead."""
    g, decay = scalar(case.gradient), scalar(case.decay)
    outside = epsilon_outside_root(g**2, epsilon)
    inside = epsilon_inside_root((1 - decay) * g**2, epsilon)
    return _sign((-g / outside).ball), _sign((-g / inside).ball)


def _sign(value: arb) -> Any:
    return int(value > 0) - int(value < 0) if value.is_finite() else UNDEFINED


erratum(
    Erratum(
        id="G12",
        status="confirmed",
        source="goodfellow:Alg 8.4 to 8.6",
        as_printed=r"\Delta\theta=-\frac{\eta}{\sqrt{\mathbf r}}\odot\mathbf g",
        as_corrected=(
            r"\Delta\theta=-\frac{\eta}{\delta+\sqrt{\mathbf r}}\odot\mathbf g\ \text{ or }\ "
            r"-\frac{\eta}{\sqrt{\delta+\mathbf r}}\odot\mathbf g"
        ),
        why="r starts at 0, so that a coordinate without a gradient has 0/0 for its step",
        equations=(
            *("adagrad-algorithm-no-stabiliser", "rmsprop-algorithm-no-stabiliser"),
            *("adagrad-update-epsilon-outside", "rmsprop-update-epsilon-outside"),
            "rmsprop-nesterov-algorithm",
        ),
        variables={
            "gradient": NUMBER,
            "decay": open_interval(0.9, 0.5),
            "epsilon": positive(1e-6, 0.1),
        },
        fact=lambda case: (_downhill(case), _downhill(case)),
        printed=lambda case: _signs(case, scalar(0)),
        corrected=lambda case: _signs(case, scalar(case.epsilon)),
    )
)

_ADAM = {
    "gradient": whole(-3, 3, 1, 2, -1),
    "steps": SIZE,
    "beta1": open_interval(0.9, 0.5),
    "beta2": open_interval(0.99, 0.5),
    "epsilon": positive(0.1, 1.0),
}


def _true_moments(case: SimpleNamespace) -> arb:
    """A step with the rate 1 under a constant gradient, whose moments are known."""
    g = real(case.gradient)
    return -g / (abs(g) + real(case.epsilon))


def _moments(case: SimpleNamespace) -> tuple[Fraction, Fraction]:
    first = second = Fraction(0)
    for _ in range(case.steps):
        first = exponential_average(first, case.gradient, case.beta1)
        second = exponential_average(second, case.gradient**2, case.beta2)
    return first, second


def _uncorrected(case: SimpleNamespace) -> arb:
    first, second = map(scalar, _moments(case))
    step: Scalar = first / epsilon_outside_root(second, scalar(case.epsilon))
    return -step.ball


def _corrected(case: SimpleNamespace) -> arb:
    first, second = map(scalar, _moments(case))
    h = SimpleNamespace(
        beta1=scalar(case.beta1),
        beta2=scalar(case.beta2),
        step=case.steps,
        epsilon=scalar(case.epsilon),
        learning_rate=1,
    )
    moments = {"first_moment": first, "second_moment": second}
    change: arb = corrected_update(scalar(0), moments, h, epsilon_outside_root).ball
    return change


erratum(
    Erratum(
        id="G13",
        status="confirmed",
        source="goodfellow:Alg 8.7",
        as_printed=r"\Delta\theta=-\alpha\frac{\mathbf s}{\sqrt{\mathbf r}+\epsilon}",
        as_corrected=(
            r"\Delta\theta=-\alpha\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\epsilon}"
        ),
        why="the corrected moments are computed and then not used",
        equations=(
            *("adam-algorithm-goodfellow", "adam-update-epsilon-outside"),
            "adam-update-uncorrected",
        ),
        variables=_ADAM,
        fact=_true_moments,
        printed=_uncorrected,
        corrected=_corrected,
    )
)

erratum(
    Erratum(
        id="G14",
        status="confirmed",
        source="goodfellow:Alg 8.7",
        as_printed=(
            r"\Delta\theta=-\alpha\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\epsilon}"
            r"\odot\mathbf g"
        ),
        as_corrected=(
            r"\Delta\theta=-\alpha\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\epsilon}"
        ),
        why="the gradient is in s already: twice, it has lost its sign",
        equations=("adam-algorithm-goodfellow", "adam-update-epsilon-outside"),
        variables=_ADAM,
        fact=_true_moments,
        printed=lambda case: _corrected(case) * case.gradient,
        corrected=_corrected,
    )
)


def _first_moment(case: SimpleNamespace) -> Fraction:
    moment = Fraction(0)
    for _ in range(case.steps):
        moment = exponential_average(moment, case.gradient, case.decay)
    return moment


erratum(
    Erratum(
        id="G15",
        status="transcription-doubtful",
        source="goodfellow:Alg 8.7",
        as_printed=r"\hat{\mathbf s}\leftarrow\frac{\mathbf s}{1-\rho t/1}",
        as_corrected=r"\hat{\mathbf s}\leftarrow\frac{\mathbf s}{1-\rho_1^t}",
        why="what a constant gradient has as its mean is itself",
        equations=("adam-bias-correction", "adam-algorithm-goodfellow"),
        variables={"gradient": NUMBER, "steps": SIZE, "decay": open_interval(0.9, 0.5)},
        fact=lambda case: case.gradient,
        printed=lambda case: _first_moment(case) / (1 - case.decay * case.steps),
        corrected=lambda case: _first_moment(case) / bias_correction(case.decay, case.steps),
        doubt="an index and an exponent have become a quotient; the line below has both",
    )
)


def _last_rate(case: SimpleNamespace, scale: int) -> arb:
    """What AdaGrad's algorithm makes of the last of two gradients, over that gradient."""
    first, last = arb(case.g1 * scale), arb(case.g2 * scale)
    step = last / (first**2 + last**2).sqrt()
    return step / last


erratum(
    Erratum(
        id="G52",
        status="confirmed",
        source="goodfellow:sec 8.4.1",
        as_printed=r"\text{rates inversely proportional to }\sum_\tau g_i(\tau)^2",
        as_corrected=r"\text{rates inversely proportional to }\sqrt{\sum_\tau g_i(\tau)^2}",
        why="Algorithm 8.4 divides by the root",
        equations=("adagrad-larger-gradient-smaller-rate",),
        variables={"g1": SIZE, "g2": SIZE, "scale": whole(1, 5, 1, 2)},
        fact=lambda case: _last_rate(case, case.scale) / _last_rate(case, 1),
        printed=lambda case: Fraction(1, case.scale**2),
        corrected=lambda case: effective_rates(scalar(1), scalar(case.scale) ** 2).ball,
    )
)

erratum(
    Erratum(
        id="G17",
        status="notation",
        source="goodfellow:Alg 8.1, Alg 8.4, sec 8.4.4",
        as_printed=(
            r"\theta\leftarrow\theta_k-\eta\hat{\mathbf g},\ "
            r"\theta\leftarrow\theta+\Delta\theta_t,\ \text{Fig. 8.8}"
        ),
        as_corrected=(
            r"\theta\leftarrow\theta-\eta_k\hat{\mathbf g},\ "
            r"\theta\leftarrow\theta+\Delta\theta,\ \text{Algorithm 8.8}"
        ),
        why="indices are mixed, and an algorithm is called a figure",
        equations=("sgd-minibatch-mean-algorithm", "adagrad-algorithm-no-stabiliser"),
        unchecked="a stray index and a wrong reference claim nothing that could be computed",
    )
)
