"""Laws of cliffs: how long a steep slope can be, and what a step from it does."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.clipping import draw_settings
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.surfaces.landscapes import Landscape, computes, ratio_below, worst
from optcheck.properties.trace import Tracer, under_test
from optcheck.properties.units import implementations
from optcheck.reference import METHODS
from optcheck.reference.oracle import SAFETY
from optcheck.reference.surfaces.networks import Network, NetworkOutput

_FLOAT64 = ("float64",)
_STEEPNESS = (4.0, 64.0, 1024.0, 2.0**20)


def _cliff(steepness: float) -> NetworkOutput:
    """tanh(k w): between -1 and 1, with the slope k at 0 and a width of 1/k."""
    return NetworkOutput(Network((1, 1), "tanh", biases=False, output="tanh"), (steepness,))


@law(
    id="steep-slopes-are-short",
    title="A slope of at least s lasts no longer than the height of the cliff over s",
    statement=(
        "On the cliff tanh(k w), of height 2, the computed slope is at least s just within "
        "|w| <= artanh(sqrt(1 - s/k))/k, and below s just outside: that stretch is never longer "
        "than 2/s. The cliff falls by s times its length at least over it, and by 2 at most."
    ),
    oracle="rate",
    capability="derivative",
    equations=("cliff-large-gradient-short-range",),
    about=computes("gradient"),
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def steep_slopes_are_short(subject: Subject, data: st.DataObject) -> float:
    k = data.draw(st.sampled_from(_STEEPNESS), label="steepness")
    s = k * data.draw(st.sampled_from((0.5, 0.01, 0.9, 0.1, 1e-4)), label="s as a share of k")
    landscape = Landscape(subject, _cliff(k))
    end = math.atanh(math.sqrt(1.0 - s / k)) / k
    inner, outer = end * (1.0 - 2.0**-10), end * (1.0 + 2.0**-10)
    ratios = []
    for w in (-outer, -inner, 0.0, inner, outer, 1.0 / s, -1.0 / s):
        slope, slack = landscape.gradient([w])[0], landscape.slack("gradient", [w])[0]
        steep = abs(w) < end
        over = ratio_below(s, slope, slack) if steep else ratio_below(slope, s, slack)
        if not over <= 1.0:
            raise landscape.deviation(
                f"the slope is {slope:.6g} where it is {'at least' if steep else 'below'} {s:.6g}",
                [w],
            )
        ratios.append(over)
    drop = landscape.value([inner]) - landscape.value([-inner])
    slack = sum(landscape.slack("value", [w])[0] for w in (inner, -inner))
    for low, high in ((2.0 * inner * s, drop), (drop, 2.0)):
        ratios.append(ratio_below(low, high, slack))
        if not ratios[-1] <= 1.0:
            raise landscape.deviation(
                f"over a length of {2 * inner:.6g} it falls by {drop}", [end]
            )
    return worst(ratios)


@law(
    id="clipping-saves-the-cliff",
    title="A step from a cliff throws the parameter far, and a clipped one does not",
    statement=(
        "From the slope G of the cliff c tanh(k w) a step of gradient descent at rate epsilon is "
        "epsilon G long, over a thousand widths 1/k, to where the cliff is flat: its slope is "
        "below G by 100 orders of magnitude. With the gradient clipped at v, where epsilon v is a "
        "quarter of the width, it goes epsilon v and no farther, and the slope is still G/3."
    ),
    oracle="rate",
    capability="clipping",
    equations=("cliff-catapult",),
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def clipping_saves_the_cliff(subject: Subject, data: st.DataObject) -> float:
    k = data.draw(st.sampled_from(_STEEPNESS), label="steepness")
    h = draw_settings(subject, data)
    start = data.draw(st.sampled_from((0.0, 0.25, -0.5)), label="start, in widths") / k
    rate = 0.25 / (k * h["threshold"])
    landscape = Landscape(subject, _cliff(k))
    # As steep as it must be for a thousand widths: the rate does not change what is clipped.
    height = 16384.0 * h["threshold"] / k
    gradient = height * landscape.gradient([start])
    native = [subject.backend.asarray(gradient, subject.dtype)]

    def told() -> dict[str, object]:
        return {"hyperparameters": h, "steepness": k, "start": start, "rate": rate}

    with under_test(subject, told):
        clipped = subject.backend.to_numpy(next(iter(subject.rule.clip(native, h))))
    far, near = (_step(subject, np.array([start]), g, rate) for g in (gradient, clipped))
    # One rounding of the product and one of the difference, which is formed here once more.
    slack = SAFETY * 2.0**-52 * (abs(start) + rate * abs(gradient[0]))
    lengths = abs(far[0] - start), abs(near[0] - start)
    reach = rate * h["threshold"]
    stabiliser = h.get("stabiliser", 0.0) / abs(gradient[0])
    short = SAFETY * 2.0**-50 * (abs(start) + reach)
    ratios = [
        ratio_below(abs(lengths[0] - rate * abs(gradient[0])), 0.0, slack),
        ratio_below(1000.0 / k, lengths[0], slack),
        ratio_below(lengths[1], reach, short),
        ratio_below(reach * (1.0 - stabiliser), lengths[1], short),
    ]
    steep = landscape.gradient([start])[0]
    flat, kept = (landscape.gradient(each)[0] for each in (far, near))
    if not (max(ratios) <= 1.0 and flat <= 1e-100 * steep and kept >= steep / 3.0):
        raise Deviation(
            f"{subject.name}: from {start:.6g} a step goes {lengths[0]:.6g} far and a clipped one "
            f"{lengths[1]:.6g}, where epsilon v is {reach:.6g}; the slopes there are {flat:.6g} "
            f"and {kept:.6g}, of {steep:.6g}",
            ratio=max(ratios),
            counterexample=told(),
        )
    return worst(ratios)


def _step(subject: Subject, start: Floats, gradient: Floats, rate: float) -> Floats:
    """One step of the backend's own gradient descent, or of the equation where it has none."""
    own = [
        rule
        for rule in implementations(subject.backend)["update-rule"]
        if (rule.claim.method, rule.claim.dialect) == ("gradient-descent", "plain")
    ]
    if not own:
        return start - rate * gradient
    record = METHODS["gradient-descent"]
    asked = Subject(subject.backend, own[0], "update-rule", record, subject.dtype, subject.device)
    case = Case({"learning_rate": rate}, (start,), ((gradient,),), subject.dtype)
    return Tracer(asked, case).step((gradient,)).parameter
