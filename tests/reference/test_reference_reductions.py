"""Rules that are other rules at some hyper-parameters, exact to 200 bits, and where they part.

Those of adaptive methods; test_reference_reductions_of_adam.py has the family of Adam, and
test_reference_modifiers.py weight decay and ascent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exact_numbers import EXACT, MP, contains, real
from exact_paths import FINE, gap, parameters, positions, values
from hypothesis import example, given
from hypothesis import strategies as st

from optcheck.reference import METHODS
from optcheck.reference.functions import dot
from optcheck.reference.swats import projected_rate

DECAY = st.floats(0.0, 0.999).map(lambda x: x if x > 1e-6 else 0.0)
EPSILON = st.floats(1e-10, 1.0)
RATE = st.floats(1e-3, 1.0)
NUMBER = st.floats(-10, 10).map(lambda x: x if abs(x) > 1e-6 else 0.0)
GRADIENTS = st.lists(NUMBER, min_size=1, max_size=6)
# Without epsilon no gradient is zero.
NONZERO = st.lists(st.floats(-10, 10).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=6)
CHANGING = (0.1, 0.05, 0.2)
FELT = [1.0, 2.0, -0.5]


# RMSProp. Without epsilon the place of epsilon does not matter.

PLAIN_OF = {
    "epsilon-outside-root+learning-rate-outside": "epsilon-outside-root",
    "epsilon-outside-root+centered+learning-rate-outside": "epsilon-outside-root+centered",
    "epsilon-inside-root+learning-rate-inside": "epsilon-inside-root",
    "epsilon-inside-root+centered+learning-rate-inside": "epsilon-inside-root+centered",
    "epsilon-inside-root+learning-rate-inside+nesterov": "epsilon-inside-root",
    "epsilon-outside-root+look-ahead": "epsilon-outside-root",
}


@pytest.mark.parametrize(("dialect", "plain"), PLAIN_OF.items())
@given(gradients=GRADIENTS, rate=RATE, decay=DECAY, epsilon=EPSILON)
def test_rmsprop_without_momentum(
    dialect: str, plain: str, gradients: list[float], rate: float, decay: float, epsilon: float
) -> None:
    h = {"learning_rate": rate, "decay": decay, "epsilon": epsilon}
    moved = parameters("rmsprop", dialect, gradients, momentum=0.0, **h)
    assert gap(moved, parameters("rmsprop", plain, gradients, **h)) <= 0


def test_every_momentum_of_rmsprop_has_its_plain_form() -> None:
    record = METHODS["rmsprop"]
    assert set(PLAIN_OF) == {
        each for each in record.dialects if "momentum" in record.domains(each)
    }


PLACES = [
    ("epsilon-outside-root+learning-rate-outside", "epsilon-inside-root+learning-rate-inside"),
    (
        "epsilon-outside-root+centered+learning-rate-outside",
        "epsilon-inside-root+centered+learning-rate-inside",
    ),
]


@pytest.mark.parametrize(("outside", "inside"), PLACES)
@given(
    gradients=NONZERO, rate=RATE, decay=st.sampled_from([0.5, 0.9, 0.99]), momentum=st.floats(0, 1)
)
def test_rmsprop_has_its_rate_anywhere_if_it_is_constant(
    outside: str, inside: str, gradients: list[float], rate: float, decay: float, momentum: float
) -> None:
    h = {"learning_rate": rate, "decay": decay, "epsilon": 0.0, "momentum": momentum}
    paths = [parameters("rmsprop", dialect, gradients, **h) for dialect in (outside, inside)]
    assert gap(*paths) <= 0


@pytest.mark.parametrize(("outside", "inside"), PLACES)
def test_rmsprop_parts_when_the_rate_changes(outside: str, inside: str) -> None:
    h = {"learning_rate": 1.0, "decay": 0.5, "epsilon": 0.0, "momentum": 0.5}
    first, second = (
        parameters("rmsprop", dialect, FELT, rates=CHANGING, **h) for dialect in (outside, inside)
    )
    assert gap(first[:1], second[:1]) <= 0
    assert gap(first[1:2], second[1:2]) > 0.01


@given(gradients=NONZERO, decay=st.sampled_from([0.5, 0.9, 0.99]), momentum=st.floats(0, 1))
def test_the_nesterov_form_of_rmsprop_stores_the_look_ahead_point(
    gradients: list[float], decay: float, momentum: float
) -> None:
    """Both keep the rate inside the velocity, so that this holds for changing rates too."""
    h = {"learning_rate": 0.1, "decay": decay, "epsilon": 0.0, "momentum": momentum}
    rates = [0.1, 0.05, 0.2, 0.1, 0.4, 0.1][: len(gradients)]
    nesterov = parameters(
        "rmsprop", "epsilon-inside-root+learning-rate-inside+nesterov", gradients, rates=rates, **h
    )
    path = positions("rmsprop", "epsilon-outside-root+look-ahead", gradients, rates=rates, **h)
    points = []
    for position in path:
        velocity = position.vectors["velocity"].exact
        points += (position.parameter.exact + EXACT.scalar(momentum) * velocity).balls
    assert gap(nesterov, points) <= 0


@pytest.mark.parametrize("root", ["epsilon-outside-root", "epsilon-inside-root"])
@given(gradient=NUMBER, square=st.floats(0, 10), rate=RATE, epsilon=EPSILON)
def test_centered_rmsprop_with_a_zero_mean_is_the_plain_one(
    root: str, gradient: float, square: float, rate: float, epsilon: float
) -> None:
    """A mean of -g before and a decay of 1/2 leave a mean of zero."""
    h = {"learning_rate": rate, "decay": 0.5, "epsilon": epsilon}
    before = {"second_moment": square, "first_moment": -gradient}
    (centered,) = positions("rmsprop", f"{root}+centered", [gradient], state=before, **h)
    assert centered.vectors["first_moment"].exact.balls[0] == 0
    del before["first_moment"]
    plain = parameters("rmsprop", root, [gradient], state=before, **h)
    assert gap(centered.parameter.exact.balls, plain) <= 0


@pytest.mark.parametrize("root", ["epsilon-outside-root", "epsilon-inside-root"])
def test_centered_rmsprop_takes_longer_steps_where_the_mean_is_not_zero(root: str) -> None:
    h = {"learning_rate": 0.1, "decay": 0.5, "epsilon": 0.0}
    (plain,), (centered,) = (
        parameters("rmsprop", dialect, [1.0], 0.0, **h) for dialect in (root, f"{root}+centered")
    )
    # r = 1/2 and r - m^2 = 1/4.
    assert ((centered / plain) ** 2).contains(2)


@given(first=st.integers(-9, 9), gradients=GRADIENTS, rate=RATE, decay=DECAY, epsilon=EPSILON)
def test_the_starts_of_the_mean_square(
    first: int, gradients: list[float], rate: float, decay: float, epsilon: float
) -> None:
    h = {"learning_rate": rate, "decay": decay, "epsilon": epsilon}
    gradients = [float(first), *gradients]
    given_start, own_start, plain = (
        f"epsilon-inside-root{start}" for start in ("+initial-mean-square", "+first-square", "")
    )
    # The first square is the average of itself and itself.
    ours = parameters("rmsprop", own_start, gradients, **h)
    same = parameters("rmsprop", given_start, gradients, initial_mean_square=first**2, **h)
    assert gap(ours, same) <= 0
    from_zero = parameters("rmsprop", given_start, gradients, initial_mean_square=0.0, **h)
    assert gap(from_zero, parameters("rmsprop", plain, gradients, **h)) <= 0


def test_the_starts_of_the_mean_square_differ() -> None:
    """T13: from zero the first step is longer by 1 / sqrt(1 - rho), which is 2 here."""
    h = {"learning_rate": 1.0, "decay": 0.75, "epsilon": 0.0}
    assert values(parameters("rmsprop", "epsilon-inside-root", [3.0], 0.0, **h)) == [-2.0]
    dialect = "epsilon-inside-root+first-square"
    assert values(parameters("rmsprop", dialect, [3.0], 0.0, **h)) == [-1.0]


@given(gradients=GRADIENTS, rate=RATE, decay=DECAY, epsilon=EPSILON)
def test_corrected_rmsprop_is_adam_without_a_first_decay(
    gradients: list[float], rate: float, decay: float, epsilon: float
) -> None:
    h = {"learning_rate": rate, "epsilon": epsilon}
    dialect = "epsilon-inside-root+corrected"
    corrected = parameters("rmsprop", dialect, gradients, decay=decay, **h)
    adam = parameters("adam", "epsilon-inside-root", gradients, beta1=0.0, beta2=decay, **h)
    assert gap(corrected, adam) <= 0


# AdaDelta.


@given(gradients=GRADIENTS, decay=DECAY, epsilon=EPSILON, change=st.sampled_from([0.25, 0.5, 3]))
def test_adadelta_differs_in_its_start_alone(
    gradients: list[float], decay: float, epsilon: float, change: float
) -> None:
    """The average of squared updates starts at (1 - rho) Delta^2, a double for few bits of rho."""
    decay = float(np.float16(decay))
    h = {"learning_rate": 1.0, "decay": decay, "epsilon": epsilon}
    ours = parameters("adadelta", "initial-update", gradients, initial_update=change, **h)
    start = {"second_moment": 0.0, "update_second_moment": (1 - decay) * change**2}
    plain = "epsilon-inside-roots"
    assert gap(ours, parameters("adadelta", plain, gradients, state=start, **h)) <= 0
    from_zero = parameters("adadelta", "initial-update", gradients, initial_update=0.0, **h)
    assert gap(from_zero, parameters("adadelta", plain, gradients, **h)) <= 0


# Signs.


@given(gradients=NONZERO, rate=RATE)
def test_normalised_gradients_without_epsilon_are_signs(
    gradients: list[float], rate: float
) -> None:
    signs = parameters("sign-descent", "sign", gradients, learning_rate=rate)
    h = {"learning_rate": rate, "epsilon": 0.0}
    assert gap(signs, parameters("sign-descent", "normalised", gradients, **h)) <= 0


@given(gradient=NUMBER, epsilon=EPSILON)
def test_normalised_gradients_move_less_than_the_rate(gradient: float, epsilon: float) -> None:
    """P10: alpha |g| / (|g| + epsilon), half of alpha where the gradient is epsilon."""
    h = {"learning_rate": 1.0, "epsilon": epsilon}
    (moved,) = parameters("sign-descent", "normalised", [gradient], 0.0, **h)
    size = abs(real(gradient))
    assert contains(abs(moved), size / (size + real(epsilon)))
    (half,) = parameters("sign-descent", "normalised", [epsilon], 0.0, **h)
    assert contains(half, MP.mpf(-0.5))


RPROP = {"eta_minus": 0.5, "eta_plus": 1.5, "step_size_min": 2.0**-20, "step_size_max": 2.0}
VARIANTS = list(METHODS["rprop"].dialects)


def rprop(dialect: str, gradients: list[float], losses: list[float] | None = None) -> Any:
    told = [{"loss": loss} for loss in losses or range(len(gradients))]
    signals = told if METHODS["rprop"].dialect(dialect).signals else None
    return values(
        parameters("rprop", dialect, gradients, 0.0, signals=signals, learning_rate=0.25, **RPROP)
    )


@given(sizes=st.lists(st.floats(0, 10), min_size=1, max_size=8), sign=st.sampled_from([-1, 1]))
@example(sizes=[1.0, 0.0, 1.0, 2.0], sign=1)
def test_rprop_is_one_rule_while_no_sign_changes(sizes: list[float], sign: int) -> None:
    paths = [rprop(dialect, [sign * size for size in sizes]) for dialect in VARIANTS]
    assert all(path == paths[0] for path in paths)


def test_rprop_parts_at_the_first_change_of_sign() -> None:
    """Steps of 1/4 and 3/8; the change halves the step to 3/16, which the next one keeps."""
    gradients, start = [1.0, 5.0, -0.1, -0.1], [-0.25, -0.625]
    after = {
        "rprop-minus": [-0.625 + 0.1875, -0.625 + 0.1875 * 2.5],
        "irprop-minus": [-0.625, -0.625 + 0.1875],
        "rprop-plus": [-0.25, -0.25 + 0.1875],
        "irprop-plus": [-0.25, -0.25 + 0.1875],
    }
    assert {dialect: rprop(dialect, gradients) for dialect in VARIANTS} == {
        dialect: start + path for dialect, path in after.items()
    }
    falling = rprop("irprop-plus", gradients, [3.0, 2.0, 1.0, 0.0])
    assert falling == start + after["irprop-minus"]
    # A loss that stays has not risen.
    assert rprop("irprop-plus", gradients, [1.0] * 4) == falling


@pytest.mark.parametrize("dialect", VARIANTS)
def test_the_steps_of_rprop_stay_within_their_bounds(dialect: str) -> None:
    h = {**RPROP, "learning_rate": 0.25, "step_size_min": 0.125}
    form = METHODS["rprop"].dialect(dialect)
    sizes = []
    for gradients in ([1.0] * 8, [1.0, -1.0, 0.0] * 3):
        signals = [{name: 0.0 for name in form.signals} for _ in gradients]
        path = positions("rprop", dialect, gradients, signals=signals, **h)
        sizes.append(values([each.vectors["step_size"].exact.balls[0] for each in path]))
    assert sizes[0] == [min(0.25 * 1.5**step, 2.0) for step in range(8)]
    assert min(sizes[1]) == sizes[1][-1] == 0.125


@given(gradients=st.lists(st.integers(-3, 3), min_size=1, max_size=10))
def test_irprop_plus_is_one_of_two_others(gradients: list[int]) -> None:
    rising = [float(step) for step in range(len(gradients))]
    numbers = [float(each) for each in gradients]
    assert rprop("irprop-plus", numbers, rising) == rprop("rprop-plus", numbers)
    assert rprop("irprop-plus", numbers, rising[::-1]) == rprop("irprop-minus", numbers)


@given(gradients=st.lists(st.integers(-3, 3), min_size=1, max_size=8), scale=st.integers(1, 99))
@pytest.mark.parametrize("dialect", VARIANTS)
def test_rprop_reads_signs_alone(dialect: str, gradients: list[int], scale: int) -> None:
    scaled = [float(each * (scale + step)) for step, each in enumerate(gradients)]
    assert rprop(dialect, [float(each) for each in gradients]) == rprop(dialect, scaled)


@given(gradients=GRADIENTS, rate=RATE, decay=DECAY)
def test_delta_bar_delta_that_does_not_adapt_is_gradient_descent(
    gradients: list[float], rate: float, decay: float
) -> None:
    h = {"rate_increment": 0.0, "rate_reduction": 0.0, "decay": decay}
    fixed = parameters("delta-bar-delta", "plain", gradients, learning_rate=rate, **h)
    assert gap(fixed, parameters("gradient-descent", "plain", gradients, learning_rate=rate)) <= 0


def test_delta_bar_delta_adds_and_multiplies() -> None:
    """The third gradient changes its sign, and the average of 1, 1 and -4 then agrees with -1."""
    h = {"rate_increment": 0.25, "rate_reduction": 0.5, "decay": 0.5, "learning_rate": 0.5}
    path = positions("delta-bar-delta", "plain", [1.0, 1.0, -4.0, -1.0], 0.0, **h)
    rates = values([each.vectors["rates"].exact.balls[0] for each in path])
    assert rates == [0.5, 0.75, 0.375, 0.625]
    assert values([each.parameter.exact.balls[0] for each in path]) == [-0.5, -1.25, 0.25, 0.875]


# Variance reduction.


@given(gradients=GRADIENTS, full=GRADIENTS, rate=RATE)
def test_svrg_at_its_snapshot_descends_the_full_gradient(
    gradients: list[float], full: list[float], rate: float
) -> None:
    pairs = list(zip(gradients, full, strict=False))
    signals = [{"snapshot_gradient": [own], "full_gradient": [whole]} for own, whole in pairs]
    own = [each for each, _ in pairs]
    reduced = parameters("svrg", "plain", own, signals=signals, learning_rate=rate)
    wholes = [whole for _, whole in pairs]
    assert gap(reduced, parameters("gradient-descent", "plain", wholes, learning_rate=rate)) <= 0


# SWATS.


@given(
    gradients=st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=5),
    tolerance=st.sampled_from([1e-40, 1e-3, 1.0]),
)
@example(gradients=[(1.0, 2.0), (-1.0, 5.0), (3.0, 0.5), (2.0, 2.0)], tolerance=1e-40)
def test_swats_until_it_has_switched_is_adam(
    gradients: list[tuple[float, float]], tolerance: float
) -> None:
    h = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.125}
    path = positions("swats", "plain", gradients, (1.0, -1.0), switch_tolerance=tolerance, **h)
    phases = ["adam", *(position.vectors["phase"].exact for position in path)]
    before = phases.index("sgd") if "sgd" in phases else len(path)
    swats = [ball for position in path[:before] for ball in position.parameter.exact.balls]
    adam = parameters("adam", "epsilon-outside-root", gradients[:before], (1.0, -1.0), **h)
    assert gap(swats, adam) <= 0


@given(later=st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=4))
def test_swats_that_has_switched_is_momentum(later: list[tuple[float, float]]) -> None:
    """From no velocity, with the estimated rate times 1 - beta1."""
    h = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.125}
    gradients = [(1.0, 2.0), (1.5, -0.5), *later]
    path = positions("swats", "plain", gradients, (0.0, 0.0), switch_tolerance=1e3, **h)
    assert [each.vectors["phase"].exact for each in path] == ["adam"] + ["sgd"] * (1 + len(later))
    rate = path[1].vectors["rate"].exact
    for position in path[2:]:
        assert position.vectors["rate"].exact.ball.overlaps(rate.ball)
    velocity = positions(
        "momentum", "learning-rate-outside", later, (0.0, 0.0), learning_rate=1.0, momentum=0.5
    )
    for position, unscaled in zip(path[2:], velocity, strict=True):
        for i in range(2):
            at_switch, here, moved = (
                real(each.parameter.exact.balls[i]) for each in (path[1], position, unscaled)
            )
            expected = real(rate.ball) * real(0.5) * moved
            assert abs(here - at_switch - expected) <= FINE * (1 + abs(expected))


@given(steps=st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=4))
def test_the_projected_rate_makes_the_projection_of_sgd_the_step_of_adam(
    steps: list[tuple[float, float]],
) -> None:
    """-gamma g projected on p is p."""
    p, g = (EXACT.array(each) for each in zip(*[(-a, b) for a, b in steps], strict=True))
    gamma = projected_rate(p, g)
    along = -gamma * dot(p, g) / dot(p, p)
    assert contains(along.ball, MP.mpf(1))
    assert real(along.ball.rad()) <= FINE
