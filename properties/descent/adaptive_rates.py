"""Laws of rates of their own: what they equalise, what lowers them, and what they do not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.descent.modes import FLOAT64
from optcheck.properties.descent.plain import draw_integers, step_rounding
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.trace import Tracer, describe, end_of, flat, require
from optcheck.properties.update_rules import (
    final_position,
    larger,
    oracle_for,
    refuses,
    usual,
)
from optcheck.reference.adagrad import effective_rates, rotated_spread
from optcheck.reference.balls import Arithmetic
from optcheck.reference.oracle import SAFETY, Bound, Quantity

# As many coordinates as most laws have: some libraries compile anew for each number.
WIDTH = 8
_ROOTS = ("epsilon-outside-root", "epsilon-inside-root")


def asked_with(subject: Subject, **fixed: float) -> dict[str, float]:
    """The usual hyper-parameters but for ``fixed``; NotShown where a library refuses them."""
    h = {**usual(subject), **subject.claim.fixed, **fixed}
    if (reason := refuses(subject, fixed)) is not None:
        raise NotShown(reason)
    return h


def draw_gradients(data: st.DataObject, steps: int) -> list[Floats]:
    """Sizes between 1/2 and 2 with either sign, shape ``(WIDTH,)`` each.

    All their bits are in use: of short ones the oracle's order of operations may round nothing
    where another one does.
    """
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="seed of gradients"))
    shape = (steps, WIDTH)
    return list(random.uniform(0.5, 2.0, shape) * random.choice((1.0, -1.0), shape))


def _case(subject: Subject, h: Mapping[str, float], rows: list[Floats]) -> Case:
    return Case(h, (np.zeros(WIDTH),), tuple((row,) for row in rows), subject.dtype)


# The gradient that makes the rates is this much larger than a gradient of a unit distance: the
# square of the latter is lost beside its square, and the rates stay what they are.
_LARGE = 2.0**40


@law(
    id="rates-of-their-own-need-the-axes",
    title="Rates of their own equalise all curvatures along the axes, and none at 45 degrees",
    statement=(
        "With epsilon 0 a gradient far larger than those after it fixes AdaGrad's rates; from the "
        "steps that follow, on a quadratic from either unit vector, the matrix D H is read off. "
        "Where H is diagonal and that gradient in proportion to its curvatures, D H is a multiple "
        "of I. Turned by 45 degrees, tr(D H)^2 / det(D H) is (d_1 + d_2)^2/(4 d_1 d_2) "
        "(k + 1)^2/k, whatever the gradients: the condition number is k at least, that of no "
        "rates of their own, and k with equal ones."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adaptive-rates-axis-alignment",),
    about=lambda s: s.record.id == "adagrad",
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def rates_of_their_own_need_the_axes(subject: Subject, data: st.DataObject) -> float:
    condition = 2 ** data.draw(st.integers(1, 6), label="log2 of the condition number")
    equal = data.draw(st.booleans(), label="equal rates")
    first, second = draw_integers(data, 1, 16, "sizes of the gradients that make rates", 2)
    sizes = np.array([first, first if equal else second])
    scale = data.draw(st.integers(1, 16), label="aligned gradient over curvature")
    curvatures = np.array([float(condition), 1.0])
    axes = np.array([[1.0, 1.0], [1.0, -1.0]])
    turned = axes @ np.diag(curvatures) @ axes / 2.0
    h = asked_with(subject, learning_rate=1.0, epsilon=0.0, initial_accumulator=0.0)
    # Two pairs of coordinates at 45 degrees and two along the axes, one from each unit vector.
    large = _LARGE * np.concatenate([sizes, sizes, scale * curvatures, scale * curvatures])
    after = np.concatenate([turned[:, 0], turned[:, 1], [condition, 0.0], [0.0, 1.0]])
    case = Case(h, (np.sign(large),), ((large,), (after,)), subject.dtype)
    moved, allowed = _second_move(subject, case)
    ratio = require(
        Bound(np.array([1.0, 0.0, 0.0, 1.0]) / (_LARGE * scale), allowed[4:]),
        moved[4:],
        what=f"{subject.name}: D H along the axes",
        counterexample=lambda: describe(case),
    )
    d = [1 / (Fraction(_LARGE) * int(size)) for size in sizes]
    spread = float(rotated_spread(Fraction(condition), *d))
    (a, c), (b, e) = ([Fraction(each) for each in column] for column in moved[:4].reshape(2, 2))
    trace, determinant = a + e, a * e - b * c
    wrong, largest = allowed[:4].max(), np.abs(moved[:4]).max()
    # Two entries are off in the trace, which is squared, and four products in the determinant.
    slack = 4.0 * wrong * (1.0 / float(trace) + largest / float(determinant)) + 2.0**-52
    return larger(
        ratio,
        require(
            Bound(np.array([spread]), np.array([spread * slack])),
            np.array([float(trace**2 / determinant)]),
            what=f"{subject.name}: (c + 1)^2/c of the condition number c of D H at 45 degrees",
            counterexample=lambda: describe(case),
        ),
    )


def _second_move(subject: Subject, case: Case) -> tuple[Floats, Floats]:
    """How far the second update goes downhill, and how far off rounding may put that."""
    tracer = Tracer(subject, case)
    before, after = (tracer.step(gradients) for gradients in case.gradients)
    if "sum_of_squares" not in before.vectors:
        raise NotShown(f"{subject.backend.name} does not show the accumulator of adagrad")
    oracle = oracle_for(subject, case)
    there = oracle.advance(oracle.at(1, before.vectors), flat(case.gradients[1]))
    moved = before.parameter - after.parameter
    return moved, there.parameter.allowed() + step_rounding(before.parameter, moved)


@law(
    id="gradients-lower-rates-by-the-root-of-their-squares",
    title="The rates of AdaGrad fall with the root of the squares, whatever the curvature",
    statement=(
        "After gradients of any sizes, some of them rare, on coordinates that are linear and "
        "coordinates that are quadratic, one gradient for all shows the rates: each is "
        "eta / sqrt(sum of squares), with 4 times the sum half as large, so that the order of the "
        "rates is that of the sums reversed and the rare keep larger ones."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adagrad-larger-gradient-smaller-rate",),
    about=lambda s: s.record.id == "adagrad",
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def gradients_lower_rates(subject: Subject, data: st.DataObject) -> float:
    h = asked_with(subject, learning_rate=0.5, epsilon=0.0, initial_accumulator=0.0)
    slopes = 2.0 ** draw_integers(data, -6, 6, "log2 of slopes and curvatures", WIDTH)
    period = draw_integers(data, 1, 4, "one gradient in so many steps", WIDTH)
    start = draw_integers(data, 1, 16, "start times 4", WIDTH) / 4
    linear, steps, seen = np.arange(WIDTH) < WIDTH // 2, 5, [np.empty(0)]

    def gradient(w: Floats) -> Floats:
        if len(seen) > steps:
            return np.ones(WIDTH)
        appears = (len(seen) - 1) % period == 0
        seen.append(np.where(appears, np.where(linear, slopes, slopes * w), 0.0))
        return seen[-1]

    points = descend(subject, h, start, gradient, steps + 1)
    rows = [*seen[1:], np.ones(WIDTH)]
    case = replace(_case(subject, h, rows), parameters=(start,))
    exact = Arithmetic.exact()
    squares = exact.array(np.zeros(WIDTH))
    for row in rows:
        squares = squares + exact.array(row) ** 2
    rates = effective_rates(exact.scalar(h["learning_rate"]), squares).midpoints()
    final = final_position(subject, case).parameter.allowed()
    before = final_position(subject, case.until(steps)).parameter.allowed()
    return require(
        Bound(rates, final + before + SAFETY * 2.0**-53 * np.abs(rates)),
        points[-2] - points[-1],
        what=f"{subject.name}: rate after {steps} gradients of other sizes",
        counterexample=lambda: told(h, start, slopes=slopes, period=period),
    )


# Beside a square of a quarter it is nothing in double precision.
_NEGLIGIBLE = 2.0**-80


def _adagrad_or_rmsprop(subject: Subject) -> bool:
    return subject.record.id in ("adagrad", "rmsprop") and subject.claim.dialect in _ROOTS


@law(
    id="without-a-stabiliser-scales-do-not-show",
    title="Without a stabiliser no scale of a gradient shows, and no gradient is 0/0",
    statement=(
        "With epsilon 0, gradients scaled by a power of two for each coordinate (a sum over a "
        "minibatch for its mean) lead to the same parameters; a coordinate that has had no "
        "gradient is 0/0, so not a number, or held where the library guards it, and concerns no "
        "other. With an epsilon that is negligible the others end where they end with none, and "
        "that coordinate stays."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adagrad-algorithm-no-stabiliser", "rmsprop-algorithm-no-stabiliser"),
    about=_adagrad_or_rmsprop,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def without_a_stabiliser(subject: Subject, data: st.DataObject) -> float:
    fixed = {"initial_accumulator": 0.0} if subject.record.id == "adagrad" else {}
    steps = data.draw(st.integers(1, 4), label="steps")
    rows = draw_gradients(data, steps)
    silent = data.draw(st.integers(0, WIDTH - 1), label="coordinate without a gradient")
    for row in rows:
        row[silent] = 0.0
    scales = 2.0 ** draw_integers(data, -20, 20, "log2 of the scales", WIDTH)
    plain = _case(subject, asked_with(subject, epsilon=0.0, **fixed), rows)
    stabilised = _case(subject, asked_with(subject, epsilon=_NEGLIGIBLE, **fixed), rows)
    scaled = _case(subject, plain.hyperparameters, [scales * row for row in rows])
    exact = final_position(subject, plain).parameter.exact
    worst = 0.0
    for case, how in (
        (plain, "with epsilon 0"),
        (scaled, "with epsilon 0 and scaled gradients"),
        (stabilised, "with a negligible epsilon"),
    ):
        end = end_of(subject, case).parameter
        undefined = case is not stabilised and np.isnan(end[silent])
        if not (undefined or end[silent] == 0.0):
            raise Deviation(
                f"{subject.name}: {how} a coordinate without a gradient goes to {end[silent]:g}",
                counterexample={**describe(case), "coordinate": silent},
            )
        ratio = require(
            Quantity(exact, final_position(subject, case).parameter.working),
            end,
            what=f"{subject.name}: parameter {how}",
            counterexample=lambda case=case: describe(case),  # type: ignore[misc]
            body=lambda case=case: subject.rule.script(case, "parameter"),  # type: ignore[misc]
        )
        worst = larger(worst, ratio)
    return worst


DEFAULTS = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


@law(
    id="adam-does-not-see-the-scale-of-the-loss",
    title="Adam does not see the scale of the loss, gradient descent does",
    statement=(
        "At rate 0.001 with decays 0.9 and 0.999, and epsilon 0 in place of 1e-8, gradients c "
        "times as large lead Adam to the same parameters, and gradient descent c times as far. "
        "Where a library has defaults for Adam, they are these four."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-default-robustness",),
    about=lambda s: s.record.id in ("adam", "gradient-descent"),
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def adam_does_not_see_the_scale(subject: Subject, data: st.DataObject) -> float:
    _require_defaults(subject)
    sees = subject.record.id == "gradient-descent"
    given = {"learning_rate": DEFAULTS["learning_rate"]} if sees else {**DEFAULTS, "epsilon": 0.0}
    rows = draw_gradients(data, data.draw(st.integers(1, 5), label="steps"))
    c = 2.0 ** data.draw(st.sampled_from((10, -1, 1, -20, 30)), label="log2 of c")
    case = _case(subject, asked_with(subject, **given), rows)
    louder = replace(case, gradients=tuple((c * row,) for row in rows))
    exact = final_position(subject, case).parameter.exact
    return require(
        Quantity(
            exact.arithmetic.scalar(c if sees else 1.0) * exact,
            final_position(subject, louder).parameter.working,
        ),
        end_of(subject, louder).parameter,
        what=f"{subject.name}: parameter with a loss {c:g} times as large",
        counterexample=lambda: {**describe(case), "c": c},
        body=lambda: subject.rule.script(louder, "parameter"),
    )


def _require_defaults(subject: Subject) -> None:
    """What the library documents; that it does what it documents is a law of its own."""
    if subject.record.id != "adam" or subject.claim.defaults is None:
        return
    other: dict[str, Any] = {
        name: value
        for name, value in subject.claim.defaults.items()
        if DEFAULTS.get(name, value) != value
    }
    if other:
        raise Deviation(
            f"{subject.name}: its defaults are {other}, those of the texts {DEFAULTS}",
            counterexample={"defaults": dict(subject.claim.defaults)},
        )
