"""Laws of continuation: each stage minimises its blur, and the stages follow the path."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions
from optcheck.properties.minimizers.outcomes import LONG
from optcheck.properties.minimizers.running import (
    Task,
    deviation,
    minimize,
    require_of,
    succeeded,
    worst,
)
from optcheck.properties.statistics import FALSE_ALARM
from optcheck.reference import trajectories
from optcheck.reference.minimizers.continuation import (
    blurred,
    blurred_wave_slope,
    convex_from,
    damping,
    wave,
    widths,
)
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import Polynomial, Problem

# Far above what rounding leaves of a gradient of the functions below.
TOLERANCE = 1e-6
SAMPLES = 1024
# Its widest blur has one minimum. That one becomes the shallower of the two of the function.
MISLEADING = Polynomial(1, ((0.25, (6,)), (-0.25, (5,)), (-1.0, (4,)), (1.25, (3,)), (-1.0, (1,))))
SHALLOW = 1.6233531107404657


def _is_continuation(subject: Subject) -> bool:
    return bool(subject.record.id == "continuation")


def _is_analytic(subject: Subject) -> bool:
    return _is_continuation(subject) and subject.claim.dialect == "analytic"


@st.composite
def wells(draw: st.DrawFn) -> Polynomial:
    """Sums of two double wells, tilted and coupled."""
    terms = [(draw(fractions(-0.5, 0.5)), (1, 1))]
    for axis in ((1, 0), (0, 1)):
        for low, high, power in ((0.25, 1.0, 4), (-3.0, 0.0, 2), (-1.0, 1.0, 1)):
            terms.append((draw(fractions(low, high)), (power * axis[0], power * axis[1])))
    return Polynomial(2, tuple(terms))


@st.composite
def double_wells(draw: st.DrawFn) -> tuple[float, float, float]:
    """``q``, ``a`` and ``b`` of ``q x**4 - a x**2 + b x``."""
    tilt = draw(fractions(0.125, 2.0)) * draw(st.sampled_from((1.0, -1.0)))
    return draw(fractions(0.25, 1.0)), draw(fractions(0.5, 4.0)), tilt


def _blurs(first: float, factor: float, stages: int) -> dict[str, float]:
    return {"initial_width": first, "factor": factor, "stages": float(stages)}


def _widths(task: Task) -> list[float]:
    h = task.hyperparameters
    return widths(h["initial_width"], h["factor"], int(h["stages"]))


def _stages(subject: Subject, task: Task) -> Sequence[Floats] | None:
    """The start and the point of each stage; None where a minimum was not found."""
    trajectory = minimize(subject, task)
    if not succeeded(subject, trajectory):
        return None
    points = [each.point for each in trajectory.iterations]
    if len(points) != 1 + len(_widths(task)):
        raise deviation(
            subject, task, f"shows {len(points) - 1} stages of {task.hyperparameters['stages']:g}"
        )
    return points


def _require_no_slope(subject: Subject, task: Task, slope: Floats, what: str) -> float:
    bound = Bound(np.zeros_like(slope), np.full_like(slope, SAFETY * task.tolerance))
    return require_of(subject, task, bound, slope, what)


def _gradient(subject: Subject, problem: Problem, point: Floats) -> Floats:
    return trajectories.gradient_at(problem, point, subject.working).expected()


@law(
    id="each-stage-minimises-its-blur",
    title="Each stage of a continuation minimises the blurred objective",
    statement=(
        "Where success is reported, the gradient of the exactly blurred objective, by the heat "
        "equation for polynomials and by the damping of its wave for a wave on a parabola, is "
        "within twice the tolerance at the point of every stage; the last stage has no blur; and "
        "no stage ends higher on its blurred objective than where the one before it ended."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("gaussian-blurred-objective", "continuation-method"),
    about=_is_analytic,
    share=0.5,
)
def each_stage_minimises_its_blur(subject: Subject, data: st.DataObject) -> float:
    h = _blurs(
        data.draw(fractions(0.25, 1.5), label="first width"),
        data.draw(st.sampled_from((0.5, 0.25, 0.75)), label="factor"),
        data.draw(st.integers(1, 5), label="stages"),
    )
    if data.draw(st.booleans(), label="wave"):
        return _stages_of_a_wave(subject, data, h)
    task = draw_task(subject, data, wells(), iterations=LONG, tolerance=TOLERANCE, fixed=h)
    points = _stages(subject, task)
    if points is None:
        return math.nan
    ratios = []
    for i, width in enumerate(_widths(task)):
        assert isinstance(task.objective, Polynomial)
        stage = blurred(task.objective, width)
        what = f"slope of the objective blurred by {width:g} after stage {i}"
        slope = _gradient(subject, stage, points[i + 1])
        ratios.append(_require_no_slope(subject, task, slope, what))
        ratios.append(_descends(subject, task, stage, points[i], points[i + 1]))
    return worst(ratios)


def _stages_of_a_wave(subject: Subject, data: st.DataObject, h: dict[str, float]) -> float:
    a = data.draw(st.integers(1, 4), label="amplitude")
    k = data.draw(st.integers(1, 2), label="frequency")
    task = draw_task(
        subject, data, st.just(wave(a, k)), iterations=LONG, tolerance=TOLERANCE, fixed=h
    )
    points = _stages(subject, task)
    if points is None:
        return math.nan
    return worst(
        [
            _require_no_slope(
                subject,
                task,
                np.array([blurred_wave_slope(a, k, width, float(point[0]))]),
                f"slope of the wave blurred by {width:g}",
            )
            for width, point in zip(_widths(task), points[1:], strict=True)
        ]
    )


def _descends(
    subject: Subject, task: Task, stage: Polynomial, before: Floats, after: Floats
) -> float:
    """Who knows slopes to the tolerance may rise by it along the way, and no further."""
    start, end = (
        trajectories.value_at(stage, point, subject.working).exact for point in (before, after)
    )
    rise = max(float((end - start).balls[0].mid()), 0.0)
    allowed = SAFETY * task.tolerance * float(np.linalg.norm(after - before))
    what = "rise of the blurred objective within a stage"
    bound = Bound(np.zeros(1), np.array([allowed]))
    return require_of(subject, task, bound, np.array([rise]), what)


@law(
    id="enough-blur-is-convex",
    title="Above a computed width the blurred objective has one minimum",
    statement=(
        "x^2/2 + a cos(k x), blurred so far that a k^2 exp(-k^2 sigma^2 / 2) <= 3/4, is convex "
        "with a curvature of at least a quarter: the first stage ends at the same point from any "
        "two starts, but for what the tolerance of the gradient leaves open."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("blurring-yields-convexity",),
    about=_is_analytic,
    share=0.25,
)
def enough_blur_is_convex(subject: Subject, data: st.DataObject) -> float:
    a = data.draw(st.integers(1, 4), label="amplitude")
    k = data.draw(st.integers(1, 3), label="frequency")
    least = convex_from(a / 0.75, k)
    width = data.draw(st.floats(least, 3.0 / k), label="width")
    h = _blurs(width, 0.5, 2)
    task = draw_task(
        subject, data, st.just(wave(a, k)), iterations=LONG, tolerance=TOLERANCE, fixed=h, reach=8
    )
    other = Task(task.objective, -task.start - 1.0, h, LONG, TOLERANCE)
    first, second = _stages(subject, task), _stages(subject, other)
    if first is None or second is None:
        return math.nan
    curvature = 1 - a * k**2 * damping(k, width)
    apart = first[1] - second[1]
    bound = Bound(np.zeros(1), np.full(1, SAFETY * 2 * TOLERANCE / curvature))
    return require_of(subject, task, bound, apart, "distance of the first stage from two starts")


@law(
    id="no-blur-makes-a-concave-function-convex",
    title="A concave quadratic stays concave, however much it is blurred",
    statement=(
        "Blurring -c x'x subtracts a constant: it has no minimum at any width, and no success is "
        "reported."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("blurred-concave-quadratic-never-convex",),
    about=_is_continuation,
    share=0.25,
)
def no_blur_makes_a_concave_function_convex(subject: Subject, data: st.DataObject) -> float:
    c = data.draw(fractions(0.25, 4.0), label="c")
    concave = Polynomial(2, ((-c, (2, 0)), (-c, (0, 2))))
    task = draw_task(subject, data, st.just(concave), iterations=40, tolerance=TOLERANCE)
    trajectory = minimize(subject, task)
    if succeeded(subject, trajectory):
        raise deviation(subject, task, f"finds a minimum of -c x'x at {trajectory.end.point}")
    return 0.0


@law(
    id="continuation-finds-the-lower-well",
    title="Through a blur that is convex, the lower well of a quartic is found",
    statement=(
        "q x^4 - a x^2 + b x is convex if it is blurred by sigma^2 >= a/(6q); at every width its "
        "slope at 0 is b, and there is one stationary point on the side of the lower well. The "
        "path of the blurred minimum stays there: from a start in either well, every stage ends "
        "on that side."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("continuation-method",),
    about=_is_analytic,
    share=0.5,
)
def continuation_finds_the_lower_well(subject: Subject, data: st.DataObject) -> float:
    q, a, b = data.draw(double_wells(), label="q, a, b")
    more = data.draw(fractions(0.125, 1.0), label="wider than convex")
    h = _blurs(
        math.sqrt(a / (6 * q)) + more,
        data.draw(st.sampled_from((0.5, 0.75)), label="factor"),
        data.draw(st.integers(2, 6), label="stages"),
    )
    problem = Polynomial(1, ((q, (4,)), (-a, (2,)), (b, (1,))))
    task = draw_task(
        subject, data, st.just(problem), iterations=LONG, tolerance=TOLERANCE, fixed=h
    )
    points = _stages(subject, task)
    if points is None:
        return math.nan
    for i, point in enumerate(points[1:]):
        if point[0] * b >= 0:
            raise deviation(
                subject, task, f"stage {i} ends at {point[0]:g}, on the side of the higher well"
            )
    return 0.0


@law(
    id="a-tracked-minimum-may-be-local",
    title="The minimum that is tracked may become a local one",
    statement=(
        "The blurred minimum of x^6/4 - x^5/4 - x^4 + 5x^3/4 - x, which is convex at a width of "
        "4, tracks to its local minimum at 1.6234 and not to the lower one at -1.6366, whatever "
        "the start."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("continuation-method",),
    about=_is_analytic,
    share=0.25,
)
def a_tracked_minimum_may_be_local(subject: Subject, data: st.DataObject) -> float:
    stages = data.draw(st.integers(6, 8), label="stages")
    task = draw_task(
        subject,
        data,
        st.just(MISLEADING),
        iterations=LONG,
        tolerance=TOLERANCE,
        fixed=_blurs(4.0, 0.75, stages),
        reach=2.0,
    )
    points = _stages(subject, task)
    if points is None:
        return math.nan
    curvature = float(MISLEADING.hessian(np.array([SHALLOW]))[0, 0])
    bound = Bound(np.array([SHALLOW]), np.array([SAFETY * TOLERANCE / curvature]))
    return require_of(subject, task, bound, points[-1], "end of the path")


# Six tails: two of a normal mean in x, two of one in y, two of a mean square.
_TAIL = math.log(6 / FALSE_ALARM)
_MEAN = math.sqrt(2 * _TAIL / SAMPLES)
_SQUARE = 2 * math.sqrt(_TAIL / SAMPLES) + 2 * _TAIL / SAMPLES


@law(
    id="a-sampled-blur-is-fair",
    title="The average over samples is that of a Gaussian of the stated width",
    statement=(
        "Blurring y^2/2 + c x^2/2 + x^2 y/2 + x^4/4 adds sigma^2/2 to its slope along y. With "
        f"{SAMPLES} samples the slope along y of the exactly blurred function at the point of a "
        "stage is made of the mean of the samples in x and y and of their mean square in x; each "
        "is further from its expectation than allowed with probability below 1e-15 (Laurent and "
        "Massart 2000, lemma 1). No blur at all, half the width, or samples of a third of the "
        "variance lie outside for sigma >= 6."
    ),
    oracle="statistic",
    false_alarm=1e-9,
    alternative="samples of half the width",
    capability="minimizer",
    equations=("gaussian-blurred-objective",),
    about=lambda subject: _is_continuation(subject) and subject.claim.dialect == "sampled",
    dtypes=("float64",),
    share=0.15,
)
def a_sampled_blur_is_fair(subject: Subject, data: st.DataObject) -> float:
    c = data.draw(fractions(0.5, 2.0), label="c")
    width = data.draw(st.sampled_from((8.0, 6.0)), label="width")
    seed = data.draw(st.integers(0, 2**31), label="seed")
    problem = Polynomial(2, ((0.5, (0, 2)), (c / 2, (2, 0)), (0.5, (2, 1)), (0.25, (4, 0))))
    h = {**_blurs(width, 0.5, 2), "samples": float(SAMPLES), "seed": float(seed)}
    task = Task(problem, np.array([0.0625, -(width**2) / 2]), h, LONG, TOLERANCE)
    points = _stages(subject, task)
    if points is None:
        return math.nan
    x, y = points[1]
    slope = y + (x**2 + width**2) / 2
    allowed = width * _MEAN + abs(x) * width * _MEAN + width**2 * _SQUARE / 2
    bound = Bound(np.zeros(1), np.array([allowed + SAFETY * TOLERANCE]))
    what = f"slope along y of the objective blurred by {width:g}"
    return require_of(subject, task, bound, np.array([slope]), what)
