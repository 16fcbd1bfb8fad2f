"""Laws of brackets: they hold a minimum, and shrink at their ratio."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.minimization import LineResult
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.minimizers.lines import Line, deviation, of, polynomial, search, usual
from optcheck.properties.minimizers.running import worst
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, ball_arithmetic
from optcheck.reference.minimizers.line_searches import RATIOS, inner_points
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import Elementary

# Continuous and with one minimum, but neither smooth nor convex.
CUSP = Elementary(
    (
        lambda f, x: f.sqrt(f.abs(x)),
        lambda f, x: 0.5 * x / f.abs(x) ** 1.5,
        lambda f, x: -0.25 / f.abs(x) ** 1.5,
    ),
    ("abs(x[0])**0.5", "0.5*x[0]/abs(x[0])**1.5", "-0.25/abs(x[0])**1.5"),
    minimum=0.0,
)


def _bracket(subject: Subject, data: st.DataObject) -> dict[str, float]:
    h = usual(subject, data)
    # The first bracket in every run does not start at 0.
    lower = data.draw(st.sampled_from((2.0, 0.0, 8.0)), label="lower end")
    return {**h, "lower": lower, "upper": lower + h["upper"]}


def _one_minimum(subject: Subject, data: st.DataObject) -> tuple[Line, float]:
    """A function with one minimum along the line, and where that is."""
    h = _bracket(subject, data)
    # An inner point lies lower than both ends if the minimum is not next to one of them.
    place = data.draw(st.integers(4, 12), label="place of the minimum") / 16
    best = h["lower"] + place * (h["upper"] - h["lower"])
    if data.draw(st.booleans(), label="cusp"):
        return Line(CUSP, np.array([-best]), np.array([1.0]), h), best
    bend, quartic = data.draw(fractions(0.25, 4.0)), data.draw(fractions(0.0, 1.0))
    problem = polynomial({(2, 0): bend, (4, 0): quartic, (0, 2): 1.0})
    return Line(problem, np.array([-best, 0.5]), np.array([1.0, 0.0]), h), best


def _two_minima(subject: Subject, data: st.DataObject) -> Line:
    """A tilted double well whose wells both lie within the bracket."""
    h = _bracket(subject, data)
    left, right = (data.draw(st.integers(*ends), label="well") / 16 for ends in ((3, 6), (9, 13)))
    lower, width = h["lower"], h["upper"] - h["lower"]
    p, q = (left + right) * width + 2 * lower, (lower + left * width) * (lower + right * width)
    tilt = data.draw(fractions(-0.5, 0.5), label="tilt")
    powers = (q * q, tilt - 2 * p * q, p * p + 2 * q, -2 * p, 1.0)
    problem = polynomial({(k, 0): power for k, power in enumerate(powers)})
    return Line(problem, np.array([0.0, 0.0]), np.array([1.0, 0.0]), h)


@law(
    id="bracket-holds-a-minimum",
    title="The bracket always holds a minimum",
    statement=(
        "Of a function with one minimum, every bracket holds it, and the step lies in the last. "
        "Of one that is merely continuous, every bracket of the golden section holds an inner "
        "point that is no higher than its ends, if the first one does."
    ),
    oracle="exact",
    capability="line-search",
    equations=("bracketing-line-search",),
    about=of("bracketing"),
    dtypes=("float64",),
)
def bracket_holds_a_minimum(subject: Subject, data: st.DataObject) -> float:
    several = subject.claim.dialect == "golden-section" and data.draw(
        st.booleans(), label="several minima"
    )
    if several:
        line = _two_minima(subject, data)
        return _holds_a_low_point(subject, line, search(subject, line))
    line, best = _one_minimum(subject, data)
    found = search(subject, line)
    for low, high in found.brackets:
        if not low <= best <= high:
            raise deviation(
                subject, line, f"the bracket {[low, high]} has lost the minimum at {best!r}"
            )
    low, high = found.brackets[-1]
    if found.step is None or not low <= found.step <= high:
        message = f"returns {found.step!r} out of the last bracket {[low, high]}"
        raise deviation(subject, line, message)
    return 0.0


def _holds_a_low_point(subject: Subject, line: Line, found: LineResult) -> float:
    with ball_arithmetic():
        values = {t: line.exact_value(t) for t in {*found.trials, *sum(found.brackets, ())}}
        decided = math.nan
        for low, high in found.brackets:
            inner = [values[t] for t in found.trials if low < t < high]
            # Where the values are as good as equal rounding decides which is the lower one.
            noise = SAFETY * _noise(subject, line, (low, high))
            ends = min(float(values[low].mid()), float(values[high].mid()))
            holds = min((float(v.mid()) for v in inner), default=math.inf) <= ends + noise
            if math.isnan(decided) and not holds:
                return math.nan
            if not holds:
                message = f"the bracket {[low, high]} holds no point that is lower than its ends"
                raise deviation(subject, line, message)
            decided = 0.0
    return decided


def _noise(subject: Subject, line: Line, steps: Sequence[float]) -> float:
    """The rounding of values."""
    return max(
        float(
            trajectories.value_at(line.objective, line.after(t), subject.working)
            .working.balls[0]
            .rad()
        )
        for t in steps
    )


@law(
    id="bracket-shrinks-at-its-ratio",
    title="Each reduction keeps 2/3 or 0.618 of the bracket",
    statement=(
        "The inner points divide the bracket in the stated ratio, two evaluations a reduction at "
        "the thirds, and one by the golden section, where the point that is already there may be "
        "off by its rounding and the new one by as much; what is kept reaches from an end to an "
        "inner point, as often as was asked for."
    ),
    oracle="exact",
    capability="line-search",
    equations=("bracketing-line-search", "line-search-too-expensive"),
    about=of("bracketing"),
    share=0.5,
    dtypes=("float64",),
)
def bracket_shrinks_at_its_ratio(subject: Subject, data: st.DataObject) -> float:
    line, _ = _one_minimum(subject, data)
    found, h = search(subject, line), line.hyperparameters
    if found.brackets[0] != (h["lower"], h["upper"]):
        message = f"starts with {found.brackets[0]}, not with {(h['lower'], h['upper'])}"
        raise deviation(subject, line, message)
    if len(found.brackets) != h["reductions"] + 1:
        raise deviation(subject, line, f"makes {len(found.brackets) - 1} reductions")
    golden = subject.claim.dialect == "golden-section"
    each = 1 if golden else 2
    ratios = []
    held: float | None = None
    for k, ((low, high), kept) in enumerate(itertools.pairwise(found.brackets)):
        first = k + 1 if golden and k else each * k
        new = found.trials[first : first + (1 if golden and k else 2)]
        inner = sorted((*new, *([] if held is None else [held])))
        if len(inner) != 2 or kept not in ((low, inner[1]), (inner[0], high)):
            message = f"keeps {list(kept)} of {[low, high]} with the inner points {inner}"
            raise deviation(subject, line, message)
        ratios.append(_divides(subject, line, (low, high), inner, held))
        if golden:
            held = inner[0] if kept[0] == low else inner[1]
    return worst(ratios)


def _divides(
    subject: Subject,
    line: Line,
    bracket: tuple[float, float],
    inner: Sequence[float],
    held: float | None,
) -> float:
    """The inner points are where they have to be; a point that was there may be off."""
    ends = []
    for arithmetic in (Arithmetic.exact(), subject.working):
        low, high = (arithmetic.scalar(each) for each in bracket)
        ratio = RATIOS[subject.claim.dialect](arithmetic.scalar(1.0))
        ends.append(inner_points(low, high, ratio))
    with ball_arithmetic():
        off = [
            float(abs(arb(computed) - exact.ball).mid())
            for computed, exact in zip(inner, ends[0], strict=True)
        ]
    allowed = SAFETY * max(float(each.ball.rad()) for each in ends[1])
    worst_ratio = 0.0
    for at, computed in zip(off, inner, strict=True):
        more = 0.0 if held is None or computed == held else max(off[inner.index(held)], 0.0)
        if computed == held:
            continue
        worst_ratio = max(worst_ratio, at / (allowed + more))
        if at > allowed + more:
            raise deviation(
                subject,
                line,
                f"divides {list(bracket)} at {list(inner)}, by {at:.3g} off the stated ratio",
                at / (allowed + more),
            )
    return worst_ratio
