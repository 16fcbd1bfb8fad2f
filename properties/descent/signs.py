"""Laws of where rules that read signs end up: in a cycle, or adrift."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.descent.adaptive_rates import WIDTH, asked_with
from optcheck.properties.descent.modes import FLOAT64
from optcheck.properties.descent.plain import draw_integers
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject, law
from optcheck.properties.trace import Tracer, describe, require
from optcheck.properties.update_rules import larger, positions_of
from optcheck.reference.oracle import Bound
from optcheck.reference.signs import drift, resting_offsets

# Offsets are less than this many learning rates, and so the steps until a cycle.
_FARTHEST = 6


@law(
    id="sign-descent-ends-in-a-cycle-of-two",
    title="Sign descent ends in a cycle of two about the minimum",
    statement=(
        "On a sum of kinks and of polygons whose slopes double with the distance, one for each "
        "coordinate, a start that is not a multiple of the learning rate away from the minimum "
        "leads to two points on either side, one learning rate apart, between which it "
        "alternates for ever: r and r - alpha away, with r the offset modulo alpha. From a "
        "multiple it comes to rest at the minimum."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("sign-descent-bounces",),
    about=lambda s: s.record.id == "sign-descent",
    every_path=False,
    dtypes=FLOAT64,
    share=0.2,
)
def sign_descent_ends_in_a_cycle(subject: Subject, data: st.DataObject) -> float:
    exactly = subject.claim.dialect == "sign"
    rate = 2.0 ** data.draw(st.integers(-6, 2), label="log2 of the learning rate")
    h = asked_with(subject, learning_rate=rate, **({} if exactly else {"epsilon": 0.0}))
    units = draw_integers(data, 1 - 8 * _FARTHEST, 8 * _FARTHEST - 1, "offsets in eighths", WIDTH)
    # Without epsilon a gradient of 0 is 0/0: there no offset is a multiple.
    units = units if exactly else np.where(units % 8 == 0, units + 1, units)
    minimum = draw_integers(data, -8, 8, "minima", WIDTH)
    start, kinks = minimum + units / 8 * rate, np.arange(WIDTH) < WIDTH // 2

    def gradient(w: Floats) -> Floats:
        # Powers of two, whose quotients and inverses are exact.
        sizes = np.exp2(np.frexp(w - minimum)[1])
        return np.sign(w - minimum) * np.where(kinks, 1.0, sizes)

    points = descend(subject, h, start, gradient, _FARTHEST + 4)
    case = Case(h, (start,), tuple((gradient(w),) for w in points[:-1]), subject.dtype)
    *_, position = positions_of(subject, case)
    rests = np.array([resting_offsets(each / 8, 1.0) for each in units]) * rate
    worst = 0.0
    for pair in (points[-2:], points[-3:-1]):
        ratio = require(
            Bound((minimum[:, None] + rests).ravel(), np.repeat(position.parameter.allowed(), 2)),
            np.sort(pair, axis=0)[::-1].T.ravel(),
            what=f"{subject.name}: the two points of its cycle",
            counterexample=lambda: told(h, start, minimum=minimum, points=points),
        )
        worst = larger(worst, ratio)
    return worst


# One gradient in so many is of the other sign, and as large as all others together.
_CYCLE = 10
# Factors with which the steps are at their largest again before the next one.
_FACTORS = ((0.5, 1.2), (0.5, 1.5), (0.75, 1.25), (0.25, 2.0))


def _drifts(subject: Subject) -> bool:
    dialects = ("rprop-minus", "irprop-minus", "rprop-plus")
    return subject.record.id == "rprop" and subject.claim.dialect in dialects


@law(
    id="rprop-drifts-where-gradients-have-mean-zero",
    title="Rprop drifts on minibatches whose mean gradient is zero, gradient descent does not",
    statement=(
        f"Of {_CYCLE} gradients all but one are +a and one is minus their sum. Gradient descent "
        "is back where it was after each cycle. Rprop, its steps at their largest, goes against "
        "the sign of the many, by the same drift in every cycle: the sum of min(s eta_plus^k, 1) "
        "less what the one takes back, times the largest step; s is eta_minus (squared in "
        "Rprop-, which moves on both changes of sign)."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("rprop-minibatch-failure",),
    about=lambda s: _drifts(s) or s.record.id == "gradient-descent",
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def rprop_drifts(subject: Subject, data: st.DataObject) -> float:
    largest = data.draw(st.sampled_from((50.0, 1.0, 0.125)), label="largest step")
    minus, plus = data.draw(st.sampled_from(_FACTORS), label="factors")
    adapts = subject.record.id == "rprop"
    factors = {"eta_minus": minus, "eta_plus": plus, "step_size_max": largest}
    fixed = {"learning_rate": largest, **(factors if adapts else {})}
    sizes = draw_integers(data, 1, 32, "sizes, times 16", WIDTH) / 16
    many = sizes * (draw_integers(data, 0, 1, "signs", WIDTH) * 2 - 1)
    cycle = [*[many] * (_CYCLE - 1), -(_CYCLE - 1) * many]
    h = asked_with(subject, **fixed)
    case = Case(h, (np.zeros(WIDTH),), tuple((g,) for g in cycle * 3), subject.dtype)
    tracer, points = Tracer(subject, case), []
    for step, gradients in enumerate(case.gradients, start=1):
        tracer.advance(gradients)
        if step % _CYCLE == 0:
            points.append(tracer.parameter())
    allowed = [each.parameter.allowed() for each in positions_of(subject, case)][
        _CYCLE - 1 :: _CYCLE
    ]
    expected = np.zeros(WIDTH)
    if adapts:
        exact = SimpleNamespace(**{name: Fraction(value) for name, value in h.items()})
        expected = -np.sign(many) * float(drift(subject.claim.dialect, exact, _CYCLE))
    worst = 0.0
    for index in (1, 2):
        ratio = require(
            Bound(expected, allowed[index] + allowed[index - 1]),
            points[index] - points[index - 1],
            what=f"{subject.name}: drift in cycle {index + 1}",
            counterexample=lambda: describe(case.until(_CYCLE)),
        )
        worst = larger(worst, ratio)
    return worst
