"""The family of Adam at the hyper-parameters where it is another rule, and where it parts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from exact_numbers import MP, contains, real
from exact_paths import FINE, gap, parameters, positions, values
from hypothesis import assume, example, given
from hypothesis import strategies as st

from optcheck.reference import METHODS

DECAY = st.floats(0.0, 0.999).map(lambda x: x if x > 1e-6 else 0.0)
EPSILON = st.floats(1e-10, 1.0)
RATE = st.floats(1e-3, 1.0)
NUMBER = st.floats(-10, 10).map(lambda x: x if abs(x) > 1e-6 else 0.0)
GRADIENTS = st.lists(NUMBER, min_size=1, max_size=6)
# Without epsilon no gradient is zero.
NONZERO = st.lists(st.floats(-10, 10).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=6)
USUAL = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.01}


def exactly(number: Fraction) -> Any:
    return MP.mpf(number.numerator) / number.denominator


# AMSGrad.

ADAM_OF = {
    "maximum-of-raw": "epsilon-outside-root",
    "maximum-of-corrected": "epsilon-outside-root",
    "maximum-of-corrected+epsilon-inside-root": "epsilon-inside-root",
    "uncorrected": "uncorrected",
}


@pytest.mark.parametrize(("dialect", "of_adam"), ADAM_OF.items())
@given(
    sizes=st.lists(st.floats(1e-6, 10), min_size=1, max_size=6).map(sorted),
    signs=st.lists(st.sampled_from([-1, 1]), min_size=6, max_size=6),
    beta1=DECAY,
    beta2=DECAY,
    epsilon=EPSILON,
)
def test_amsgrad_is_adam_while_gradients_do_not_shrink(
    dialect: str,
    of_adam: str,
    sizes: list[float],
    signs: list[int],
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """A weighted mean of squares is below the next square, so that it grows."""
    h = {"learning_rate": 0.1, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    gradients = [sign * size for sign, size in zip(signs, sizes, strict=False)]
    amsgrad = parameters("amsgrad", dialect, gradients, **h)
    assert gap(amsgrad, parameters("adam", of_adam, gradients, **h)) <= 0


@pytest.mark.parametrize(("dialect", "of_adam"), ADAM_OF.items())
def test_amsgrad_takes_shorter_steps_after_a_large_gradient(dialect: str, of_adam: str) -> None:
    amsgrad, adam = (
        parameters(method, name, [4.0, 0.25, 0.25, 0.25], 0.0, **USUAL)
        for method, name in (("amsgrad", dialect), ("adam", of_adam))
    )
    assert gap(amsgrad[:1], adam[:1]) <= 0
    assert abs(amsgrad[-1] - amsgrad[-2]) < 0.9 * abs(adam[-1] - adam[-2])


def test_the_maximum_of_the_raw_is_not_that_of_the_corrected_second_moment() -> None:
    """g = 1, 0 and beta2 = 9/16: the roots are 4/5 and 1 where m_hat is 1/3."""
    h = {"learning_rate": 1.0, "beta1": 0.5, "beta2": 0.5625, "epsilon": 0.0}
    raw, corrected = (
        parameters("amsgrad", dialect, [1.0, 0.0], 0.0, **h)
        for dialect in ("maximum-of-raw", "maximum-of-corrected")
    )
    assert contains(raw[0], MP.mpf(-1))
    assert contains(corrected[0], MP.mpf(-1))
    assert contains(raw[1], exactly(-1 - Fraction(5, 12)))
    assert contains(corrected[1], exactly(-1 - Fraction(1, 3)))
    assert gap(raw[1:], corrected[1:]) > 0.08


@given(gradients=GRADIENTS, beta2=DECAY, epsilon=EPSILON)
def test_amsgrad_corrects_the_first_moment_alone(
    gradients: list[float], beta2: float, epsilon: float
) -> None:
    """Without a first decay there is nothing to correct."""
    h = {"learning_rate": 0.1, "beta1": 0.0, "beta2": beta2, "epsilon": epsilon}
    paths = [
        parameters("amsgrad", dialect, gradients, **h)
        for dialect in ("first-corrected", "uncorrected")
    ]
    assert gap(*paths) <= 0


# Nadam.


@given(gradients=GRADIENTS, beta1=DECAY, beta2=DECAY, epsilon=EPSILON)
def test_nadam_whose_schedule_is_at_its_end_has_a_constant_momentum(
    gradients: list[float], beta1: float, beta2: float, epsilon: float
) -> None:
    """mu_t rises to beta1; with 0 for 0.96 it is there from the first step on."""
    h = {"learning_rate": 0.1, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    at_once = {"momentum_decay": 1.0, "momentum_base": 0.0}
    scheduled = parameters("nadam", "scheduled-momentum", gradients, **h, **at_once)
    assert gap(scheduled, parameters("nadam", "constant-momentum", gradients, **h)) <= 0


@given(gradients=st.lists(st.integers(1, 9), min_size=1, max_size=6), eighths=st.integers(0, 7))
def test_nadam_whose_schedule_stands_still_weighs_with_half_of_beta1(
    gradients: list[int], eighths: int
) -> None:
    """psi = 0: mu_t = beta1 / 2 at every step, while the moment decays with beta1."""
    beta1, w, m = Fraction(eighths, 8), Fraction(0), Fraction(0)
    mu = beta1 / 2
    h = {"learning_rate": 1.0, "beta1": eighths / 8, "beta2": 0.0, "epsilon": 0.0}
    path = parameters(
        "nadam", "scheduled-momentum", gradients, 0.0, momentum_decay=0.0, momentum_base=0.96, **h
    )
    for t, (g, ball) in enumerate(zip(gradients, path, strict=True), 1):
        m = beta1 * m + (1 - beta1) * g
        w -= (mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t)) / g
        assert contains(ball, exactly(w))
        assert real(ball.rad()) <= FINE * (1 + abs(exactly(w)))


@pytest.mark.parametrize("dialect", METHODS["nadam"].dialects)
@given(gradients=GRADIENTS, beta2=DECAY, epsilon=EPSILON)
def test_nadam_without_a_first_decay_is_adam(
    dialect: str, gradients: list[float], beta2: float, epsilon: float
) -> None:
    h = {"learning_rate": 0.1, "beta1": 0.0, "beta2": beta2, "epsilon": epsilon}
    extra = {"momentum_decay": 0.004, "momentum_base": 0.96}
    extra = {name: extra[name] for name in METHODS["nadam"].extra.get(dialect, {})}
    nadam = parameters("nadam", dialect, gradients, **h, **extra)
    assert gap(nadam, parameters("adam", "epsilon-outside-root", gradients, **h)) <= 0


def test_nadam_looks_one_step_ahead() -> None:
    """beta1 = 1/2, g = 1: 1/2 * 1/2 / (3/4) + 1/2 / (1/2), a third more than Adam."""
    h = {"learning_rate": 1.0, "beta1": 0.5, "beta2": 0.0, "epsilon": 0.0}
    (moved,) = parameters("nadam", "constant-momentum", [1.0], 0.0, **h)
    assert contains(moved, exactly(Fraction(-4, 3)))


# RAdam.

PLAIN_RADAM = ("epsilon-outside-root", "epsilon-hat")


@pytest.mark.parametrize("dialect", PLAIN_RADAM)
@given(gradients=GRADIENTS, start=NUMBER, beta1=DECAY, beta2=st.floats(0.0, 0.6))
def test_radam_below_its_threshold_is_averaged_momentum_corrected(
    dialect: str, gradients: list[float], start: float, beta1: float, beta2: float
) -> None:
    """Up to beta2 = 3/5 the length never exceeds 4: the average of the gradients, corrected."""
    assume(beta2 == 0 or beta2 > 1e-6)
    h = {"learning_rate": 0.1, "beta1": beta1, "beta2": beta2, "epsilon": 0.01}
    radam = parameters("radam", dialect, gradients, start, threshold=4.0, **h)
    momentum = parameters(
        "momentum", "averaged", gradients, start, learning_rate=0.1, momentum=beta1
    )
    here = there = real(start)
    for t, (ours, theirs) in enumerate(zip(radam, momentum, strict=True), 1):
        corrected = (real(ours) - here) * (1 - real(beta1) ** t)
        assert abs(corrected - (real(theirs) - there)) <= FINE * (1 + abs(here) + abs(there))
        here, there = real(ours), real(theirs)


@pytest.mark.parametrize("dialect", METHODS["radam"].dialects)
@given(gradients=GRADIENTS, rate=RATE)
def test_radam_below_its_threshold_without_a_first_decay_is_gradient_descent(
    dialect: str, gradients: list[float], rate: float
) -> None:
    h = {"learning_rate": rate, "beta1": 0.0, "beta2": 0.5, "epsilon": 0.01, "threshold": 5.0}
    radam = parameters("radam", dialect, gradients, **h)
    assert gap(radam, parameters("gradient-descent", "plain", gradients, learning_rate=rate)) <= 0


@given(gradients=st.lists(st.floats(0.1, 9), min_size=8, max_size=8), beta1=DECAY)
def test_radam_above_its_threshold_is_adam_with_a_rectified_rate(
    gradients: list[float], beta1: float
) -> None:
    """r_t from the lengths rho_t; at beta2 = 0.999 the first five steps are plain."""
    h = {"learning_rate": 1.0, "beta1": beta1, "beta2": 0.999, "epsilon": 0.01}
    radam = parameters("radam", "epsilon-outside-root", gradients, 0.0, threshold=5.0, **h)
    adam = parameters("adam", "epsilon-outside-root", gradients, 0.0, **h)
    beta2 = real(0.999)
    longest = 2 / (1 - beta2) - 1
    for t in (6, 7, 8):
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        assert length > 5 > longest - 2 * 5 * beta2**5 / (1 - beta2**5)
        ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        ours, theirs = (real(path[t - 1]) - real(path[t - 2]) for path in (radam, adam))
        assert abs(ours - MP.sqrt(ratio) * theirs) <= FINE * 100
    (first,) = parameters("radam", "epsilon-outside-root", gradients[:1], 0.0, threshold=5.0, **h)
    assert contains(first, -real(gradients[0]))


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_the_dialects_of_radam_differ_in_epsilon_alone(epsilon: float) -> None:
    h = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": epsilon, "threshold": 4.0}
    gradients = [0.5, -1.0, 2.0, 0.25, 1.5, -0.75, 1.0]
    outside, hat = (parameters("radam", dialect, gradients, **h) for dialect in PLAIN_RADAM)
    assert gap(outside[:4], hat[:4]) <= 0
    if epsilon:
        assert gap(outside, hat) > 1e-3
    else:
        assert gap(outside, hat) <= 0


# Yogi.


@given(square=st.floats(0, 100), gradient=NUMBER, beta2=DECAY)
@example(square=0.0, gradient=2.0, beta2=0.5)
@example(square=4.0, gradient=2.0, beta2=0.5)
@example(square=8.0, gradient=2.0, beta2=0.5)
def test_the_second_moments_of_yogi_and_adam(square: float, gradient: float, beta2: float) -> None:
    """Both move by (1 - beta2) times g^2 or g^2 - v.

    Yogi's is above Adam's by (1 - beta2) v where v < g^2, and by (1 - beta2) (v - 2 g^2) where
    v > g^2: they are equal at v = 0, v = g^2 and v = 2 g^2, and nowhere else.
    """
    h = {"learning_rate": 0.1, "beta1": 0.5, "beta2": beta2, "epsilon": 1.0}
    before = {"first_moment": 0.0, "second_moment": square}
    (adam,) = positions("adam", "epsilon-outside-root", [gradient], state=before, **h)
    h["initial_accumulator"] = 0.0
    (yogi,) = positions("yogi", "second-moment-given", [gradient], state=before, **h)
    ours, theirs = (each.vectors["second_moment"].exact.balls[0] for each in (yogi, adam))
    v, squared, weight = real(square), real(gradient) ** 2, 1 - real(beta2)
    above = {-1: v, 0: MP.mpf(0), 1: v - 2 * squared}[int(MP.sign(v - squared))]
    assert abs(real(ours) - real(theirs) - weight * above) <= FINE * (1 + v + squared)


@pytest.mark.parametrize("dialect", METHODS["yogi"].dialects)
@given(gradient=NUMBER, beta1=DECAY, beta2=DECAY, epsilon=EPSILON)
def test_the_first_step_of_yogi_from_zero_is_that_of_adam(
    dialect: str, gradient: float, beta1: float, beta2: float, epsilon: float
) -> None:
    h = {"learning_rate": 0.1, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    yogi = parameters("yogi", dialect, [gradient], initial_accumulator=0.0, **h)
    assert gap(yogi, parameters("adam", "epsilon-outside-root", [gradient], **h)) <= 0


def test_the_second_moment_of_yogi_falls_more_slowly_than_that_of_adam() -> None:
    h = {"learning_rate": 0.1, "beta1": 0.0, "beta2": 0.5, "epsilon": 0.0}
    gradients = [4.0, 1.0, 1.0]
    adam, yogi = (
        [each.vectors["second_moment"].exact.balls[0] for each in path]
        for path in (
            positions("adam", "epsilon-outside-root", gradients, **h),
            positions("yogi", "second-moment-given", gradients, initial_accumulator=0.0, **h),
        )
    )
    assert values(adam) == [8.0, 4.5, 2.75]
    assert values(yogi) == [8.0, 7.5, 7.0]


# Without any decay.


@pytest.mark.parametrize(
    ("method", "dialect"),
    [
        ("adam", "epsilon-outside-root"),
        ("adam", "epsilon-hat"),
        ("adam", "uncorrected"),
        ("nadam", "constant-momentum"),
        ("adamax", "epsilon-added"),
        ("adamax", "epsilon-in-maximum"),
    ],
)
@given(gradients=GRADIENTS, rate=RATE, epsilon=EPSILON)
def test_without_decays_it_is_sign_descent(
    method: str, dialect: str, gradients: list[float], rate: float, epsilon: float
) -> None:
    h = {"learning_rate": rate, "beta1": 0.0, "beta2": 0.0, "epsilon": epsilon}
    adam = parameters(method, dialect, gradients, **h)
    h = {"learning_rate": rate, "epsilon": epsilon}
    assert gap(adam, parameters("sign-descent", "normalised", gradients, **h)) <= 0


def test_without_decays_it_is_not_gradient_descent() -> None:
    """P05: prince says that it is. The steps are those of the erratum."""
    gradient, rate = (3.0, -0.01, 0.5), 0.125
    h = {"learning_rate": rate, "beta1": 0.0, "beta2": 0.0, "epsilon": 0.0}
    adam = parameters("adam", "epsilon-outside-root", [gradient], (0.0,) * 3, **h)
    descent = parameters("gradient-descent", "plain", [gradient], (0.0,) * 3, learning_rate=rate)
    assert values(adam) == [-rate, rate, -rate]
    assert [float(ball.mid()) for ball in descent] == [-rate * each for each in gradient]
    assert gap(adam, descent) > 0.2


@given(gradient=NUMBER, exponent=st.integers(0, 100), rate=st.sampled_from([0.5, 0.1, 1.0]))
@pytest.mark.parametrize("dialect", ["epsilon-outside-root", "epsilon-hat", "uncorrected"])
def test_gradient_descent_is_the_limit_of_a_large_epsilon(
    dialect: str, gradient: float, exponent: int, rate: float
) -> None:
    """With alpha / epsilon fixed the steps differ by less than |g| / epsilon of themselves."""
    epsilon = 2.0**exponent
    h = {"learning_rate": rate * epsilon, "beta1": 0.0, "beta2": 0.0, "epsilon": epsilon}
    (adam,) = parameters("adam", dialect, [gradient], 0.0, **h)
    descent = -real(rate) * real(gradient)
    share = abs(real(gradient)) / epsilon
    assert contains(adam, descent / (1 + share))
    assert abs(real(adam) - descent) <= abs(descent) * share + FINE


# Gradient accumulation.

DIALECTS = list(METHODS["gradient-accumulation"].dialects)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(gradients=GRADIENTS, beta1=DECAY, beta2=DECAY, epsilon=EPSILON)
def test_accumulating_one_gradient_is_adam(
    dialect: str, gradients: list[float], beta1: float, beta2: float, epsilon: float
) -> None:
    h = {"learning_rate": 0.1, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    single = parameters("gradient-accumulation", dialect, gradients, accumulation_steps=1, **h)
    assert gap(single, parameters("adam", "epsilon-outside-root", gradients, **h)) <= 0


@pytest.mark.parametrize("dialect", DIALECTS)
@given(
    gradients=st.lists(st.integers(-99, 99), min_size=4, max_size=12), exponent=st.integers(1, 2)
)
def test_accumulation_is_adam_on_means_or_sums(
    dialect: str, gradients: list[int], exponent: int
) -> None:
    """The parameters rest between the updates; 2 or 4 gradients have a dyadic mean."""
    k = 2**exponent
    path = parameters("gradient-accumulation", dialect, gradients, accumulation_steps=k, **USUAL)
    share = k if dialect == "mean" else 1
    whole = len(gradients) // k
    combined = [sum(gradients[k * i : k * (i + 1)]) / share for i in range(whole)]
    adam = parameters("adam", "epsilon-outside-root", combined, **USUAL)
    assert gap(path[k - 1 :: k], adam) <= 0
    before = [real(1.0), *(real(ball) for ball in adam)]
    for t, ball in enumerate(path, 1):
        assert abs(real(ball) - before[t // k]) <= FINE


@given(gradients=st.lists(NUMBER, min_size=4, max_size=8), epsilon=EPSILON)
def test_the_sum_is_the_mean_of_larger_gradients(gradients: list[float], epsilon: float) -> None:
    """G16: Adam does not see the factor, save for epsilon."""
    h = {**USUAL, "epsilon": epsilon, "accumulation_steps": 4}
    total = parameters("gradient-accumulation", "sum", gradients, **h)
    larger = [4 * each for each in gradients]
    assert gap(total, parameters("gradient-accumulation", "mean", larger, **h)) <= 0
    h["epsilon"] = epsilon / 4
    assert gap(total, parameters("gradient-accumulation", "mean", gradients, **h)) <= 0


def test_the_sum_is_not_the_mean() -> None:
    h = {**USUAL, "accumulation_steps": 2}
    paths = [
        parameters("gradient-accumulation", dialect, [0.01, 0.03], **h) for dialect in DIALECTS
    ]
    assert gap(*paths) > 0.01
