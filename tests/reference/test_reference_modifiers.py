"""What is joined to a dialect: in one order, whatever the order of the names; and what it does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn_cases import PAIRS, in_order, told, usual
from exact_numbers import contains, real, working
from exact_paths import gap, parameters, values
from hypothesis import given
from hypothesis import strategies as st

from optcheck.reference import METHODS, MODIFIERS, DomainError
from optcheck.reference.oracle import UpdateOracle

DECAY = st.floats(0.0, 0.999).map(lambda x: x if x > 1e-6 else 0.0)
RATE = st.floats(1e-3, 1.0)
NUMBER = st.floats(-10, 10).map(lambda x: x if abs(x) > 1e-6 else 0.0)
GRADIENTS = st.lists(NUMBER, min_size=1, max_size=5)


def takes_modifiers(method: str, dialect: str) -> bool:
    """Dialects that look ahead, or are told more than one gradient, have none."""
    form = METHODS[method].dialects[dialect]
    return form.evaluation_point is None and not form.signals


JOINABLE = [pair for pair in PAIRS if takes_modifiers(*pair)]
ADAM = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.01}


# Names.


@pytest.mark.parametrize(
    ("method", "base"),
    [
        ("adam", "epsilon-hat"),
        ("rmsprop", "epsilon-outside-root+centered"),
        ("rprop", "rprop-plus"),
    ],
)
def test_the_order_of_the_names_does_not_matter(method: str, base: str) -> None:
    record = METHODS[method]
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=3), random.normal(size=(4, 3))
    results = set()
    for names in itertools.permutations(MODIFIERS):
        name = "+".join([base, *names])
        h = in_order(usual(record, name))
        w, state = start, None
        for gradient in gradients:
            w, state = record.step(name, w, gradient, state, **h)
        form = record.dialect(name)
        results.add((tuple(w), form.summary, form.equations, tuple(sorted(h))))
    assert len(results) == 1


def test_decay_is_added_after_the_sign_has_changed_and_taken_from_a_falling_rate() -> None:
    """g = 2 at w = 4: -2 + 4 / 4 = -1, and w falls by a quarter of 4 beside the update."""
    h = {"learning_rate": 1.0, "weight_decay": 0.25, "rate_decay": 1.0}
    name = "plain+maximize+coupled+decoupled+rate-decay"
    path = values(parameters("gradient-descent", name, [2.0, 0.0], 4.0, **h))
    assert path[0] == 4.0 + 1.0 - 0.25 * 4.0
    # At half the rate: the gradient of the penalty is 1, and so is the decay beside it.
    assert path[1] == 4.0 - 0.5 * 1.0 - 0.5 * 1.0


@pytest.mark.parametrize(("method", "dialect"), sorted(set(PAIRS) - set(JOINABLE)))
@pytest.mark.parametrize("name", MODIFIERS)
def test_what_looks_ahead_or_is_told_more_takes_no_modifier(
    method: str, dialect: str, name: str
) -> None:
    with pytest.raises(DomainError, match=rf"\+{name} is not defined"):
        METHODS[method].dialect(f"{dialect}+{name}")


@pytest.mark.parametrize(("method", "dialect"), JOINABLE)
def test_a_joined_dialect_has_the_parts_of_both(method: str, dialect: str) -> None:
    record = METHODS[method]
    plain, joined = record.dialect(dialect), record.dialect(f"{dialect}+rate-decay+maximize")
    assert joined.equations == (*plain.equations, "inverse-time-rate", "gradient-ascent-update")
    assert joined.summary.startswith(plain.summary)
    assert joined.signals == plain.signals
    assert (joined.evaluation_point is None) == (plain.evaluation_point is None)
    assert joined.initial_state is plain.initial_state
    domains = record.domains(f"{dialect}+rate-decay+maximize")
    assert domains == {**record.domains(dialect), **MODIFIERS["rate-decay"].hyperparameters}


@pytest.mark.parametrize(
    "name", ["plain+decay", "plain+", "+plain", "plain+coupled+", "maximize", "coupled+plain", ""]
)
def test_an_unknown_name_is_refused_with_all_that_there_are(name: str) -> None:
    record = METHODS["gradient-descent"]
    for call in (record.dialect, record.domains):
        with pytest.raises(DomainError) as caught:
            call(name)
        assert str(caught.value) == (
            f"gradient-descent has no dialect {name!r}; it has plain, each with + decoupled, "
            "coupled, rate-decay, maximize"
        )


# Nothing is added.


@pytest.mark.parametrize(("method", "dialect"), JOINABLE)
@pytest.mark.parametrize("name", ["coupled", "decoupled", "rate-decay"])
def test_a_decay_of_zero_changes_nothing(method: str, dialect: str, name: str) -> None:
    record, joined = METHODS[method], f"{dialect}+{name}"
    h = {**in_order(usual(record, dialect)), "learning_rate": 0.01}
    nothing = dict.fromkeys(MODIFIERS[name].hyperparameters, 0.0)
    # A dialect that decays already does so by the same number.
    h.update({each: 0.0 for each in nothing if each in h})
    random = np.random.default_rng(0)
    gradients = random.normal(size=(3, 2))
    signals = [told(record, dialect, random, (2,)) for _ in gradients]
    start = (1.0, -1.0)
    plain = parameters(method, dialect, gradients, start, signals=signals, **h)
    decayed = parameters(method, joined, gradients, start, signals=signals, **{**h, **nothing})
    assert gap(plain, decayed) <= 0


# Weight decay.


@given(gradients=GRADIENTS, start=NUMBER, rate=RATE, weight_decay=DECAY)
def test_for_gradient_descent_coupled_and_decoupled_decay_are_one(
    gradients: list[float], start: float, rate: float, weight_decay: float
) -> None:
    h = {"learning_rate": rate, "weight_decay": weight_decay}
    coupled, decoupled = (
        parameters("gradient-descent", f"plain+{name}", gradients, start, **h)
        for name in ("coupled", "decoupled")
    )
    assert gap(coupled, decoupled) <= 0
    for name, path in (("coupled", coupled), ("decoupled", decoupled)):
        still = parameters("weight-decay", name, gradients, start, momentum=0.0, **h)
        assert gap(still, path) <= 0


def test_with_momentum_coupled_and_decoupled_decay_part() -> None:
    """From 1, without gradients: the velocity remembers the penalty, and the decay does not."""
    h = {"learning_rate": 0.5, "momentum": 0.5, "weight_decay": 0.5}
    coupled, decoupled = (
        values(parameters("weight-decay", dialect, [0.0, 0.0], 1.0, **h))
        for dialect in ("coupled", "decoupled")
    )
    assert coupled == [0.75, 0.75 - 0.5 * (0.5 * 0.5 + 0.5 * 0.75)]
    assert decoupled == [0.75, 0.75 * 0.75]


@pytest.mark.parametrize("weight_decay", [0.125, 0.25])
def test_adam_normalises_coupled_decay_and_not_decoupled_decay(weight_decay: float) -> None:
    """Without a gradient the coupled step is the learning rate, whatever the decay."""
    h = {"learning_rate": 0.5, "beta1": 0.0, "beta2": 0.0, "weight_decay": weight_decay}
    dialect = "epsilon-outside-root+coupled"
    assert values(parameters("adam", dialect, [0.0], 4.0, epsilon=0.0, **h)) == [3.5]
    dialect = "epsilon-outside-root+decoupled"
    moved = values(parameters("adam", dialect, [0.0], 4.0, epsilon=1.0, **h))
    assert moved == [4.0 - 0.5 * weight_decay * 4.0]


ORDERS: dict[str, Callable[..., Any]] = {
    "(w - step) - decay": lambda w, step, decay: (w - step) - decay,
    "w - (step + decay)": lambda w, step, decay: w - (step + decay),
    "(w - decay) - step": lambda w, step, decay: (w - decay) - step,
}


@pytest.mark.parametrize("order", ORDERS)
@given(
    w=st.floats(-100, 100, width=32),
    g=st.floats(-100, 100, width=32),
    rate=st.floats(2.0**-10, 1, width=32),
    weight_decay=st.floats(2.0**-10, 1, width=32),
)
def test_decoupled_decay_may_be_taken_off_in_any_order(
    order: str, w: float, g: float, rate: float, weight_decay: float
) -> None:
    h = {"learning_rate": rate, "weight_decay": weight_decay}
    oracle = UpdateOracle(METHODS["gradient-descent"], "plain+decoupled", h, working("float32"))
    point = oracle.advance(oracle.start([w]), [g]).parameter
    numbers = (np.float32(each) for each in (w, g, rate, weight_decay))
    parameter, gradient, eta, decay = numbers
    computed = ORDERS[order](parameter, eta * gradient, eta * (decay * parameter))
    assert computed.dtype == np.float32
    assert point.judge([computed])[0] <= 1


@given(gradients=GRADIENTS, start=NUMBER, momentum=DECAY, weight_decay=DECAY)
@pytest.mark.parametrize("name", ["coupled", "decoupled"])
def test_the_method_of_weight_decay_is_momentum_joined_with_it(
    name: str, gradients: list[float], start: float, momentum: float, weight_decay: float
) -> None:
    h = {"learning_rate": 0.1, "momentum": momentum, "weight_decay": weight_decay}
    method = parameters("weight-decay", name, gradients, start, **h)
    joined = parameters("momentum", f"learning-rate-outside+{name}", gradients, start, **h)
    assert gap(method, joined) <= 0


@given(gradients=GRADIENTS, start=NUMBER, weight_decay=DECAY)
def test_adamw_is_adam_with_decoupled_decay(
    gradients: list[float], start: float, weight_decay: float
) -> None:
    adam = parameters("adam", "epsilon-outside-root", gradients, start, **ADAM)
    for dialect in METHODS["adamw"].dialects:
        assert (
            gap(adam, parameters("adamw", dialect, gradients, start, weight_decay=0.0, **ADAM))
            <= 0
        )
    h = {**ADAM, "weight_decay": weight_decay}
    adamw = parameters("adamw", "decoupled", gradients, start, **h)
    joined = parameters("adam", "epsilon-outside-root+decoupled", gradients, start, **h)
    assert gap(adamw, joined) <= 0


@given(gradients=GRADIENTS, start=NUMBER, weight_decay=DECAY, exponent=st.integers(0, 6))
def test_adamw_scales_its_decay_by_the_rate_or_not(
    gradients: list[float], start: float, weight_decay: float, exponent: int
) -> None:
    """With eta lambda for lambda the two are one, as long as the rate is constant."""
    h = {**ADAM, "learning_rate": 2.0**-exponent}
    scaled = parameters("adamw", "decoupled", gradients, start, weight_decay=weight_decay, **h)
    product = weight_decay * 2.0**-exponent
    unscaled = parameters(
        "adamw", "decoupled-unscaled", gradients, start, weight_decay=product, **h
    )
    assert gap(scaled, unscaled) <= 0


def test_adamw_that_scales_its_decay_parts_when_the_rate_changes() -> None:
    h = {**ADAM, "learning_rate": 0.5}
    rates, gradients = (0.5, 0.25), (1.0, 1.0)
    scaled, unscaled = (
        parameters("adamw", dialect, gradients, 4.0, rates, weight_decay=weight_decay, **h)
        for dialect, weight_decay in (("decoupled", 0.5), ("decoupled-unscaled", 0.25))
    )
    assert gap(scaled[:1], unscaled[:1]) <= 0
    assert gap(scaled[1:], unscaled[1:]) > 0.1


# A falling rate.


@given(gradients=st.lists(NUMBER, min_size=3, max_size=3))
@pytest.mark.parametrize(
    ("method", "dialect"),
    [
        ("adam", "epsilon-hat"),
        ("adagrad", "epsilon-inside-root"),
        ("radam", "epsilon-outside-root"),
    ],
)
def test_a_falling_rate_is_a_schedule(method: str, dialect: str, gradients: list[float]) -> None:
    """6 / (1 + (t - 1) 1) is 6, 3, 2."""
    h = {**usual(METHODS[method], dialect), "epsilon": 0.01, "learning_rate": 6.0}
    falling = parameters(method, f"{dialect}+rate-decay", gradients, rate_decay=1.0, **h)
    assert gap(falling, parameters(method, dialect, gradients, rates=[6.0, 3.0, 2.0], **h)) <= 0


# Ascent.


@given(gradients=GRADIENTS, start=NUMBER, momentum=DECAY)
def test_to_maximise_twice_is_to_minimise(
    gradients: list[float], start: float, momentum: float
) -> None:
    h = {"learning_rate": 0.1, "momentum": momentum}
    descent = parameters("momentum", "learning-rate-outside", gradients, start, **h)
    twice = parameters("maximize", "plain+maximize", gradients, start, **h)
    assert gap(descent, twice) <= 0
    update = METHODS["momentum"].dialect("learning-rate-outside").update
    wrap = MODIFIERS["maximize"].wrap
    state = {"velocity": np.array([0.5])}
    arguments = np.array([start]), np.array(gradients[:1]), state, SimpleNamespace(**h)
    assert wrap(wrap(update))(*arguments) == update(*arguments)


@pytest.mark.parametrize(("method", "dialect"), JOINABLE)
def test_to_maximise_is_to_minimise_with_the_other_sign(method: str, dialect: str) -> None:
    record = METHODS[method]
    h = in_order(usual(record, dialect))
    gradients = np.random.default_rng(0).normal(size=(4, 2))
    ascent = parameters(method, f"{dialect}+maximize", gradients, (1.0, -1.0), **h)
    assert gap(ascent, parameters(method, dialect, -gradients, (1.0, -1.0), **h)) <= 0


@given(gradients=GRADIENTS, start=NUMBER, momentum=DECAY, weight_decay=DECAY)
def test_the_method_of_ascent_is_momentum_joined_with_it(
    gradients: list[float], start: float, momentum: float, weight_decay: float
) -> None:
    h = {"learning_rate": 0.1, "momentum": momentum}
    ascent = parameters("maximize", "plain", gradients, start, **h)
    joined = "learning-rate-outside+maximize"
    assert gap(ascent, parameters("momentum", joined, gradients, start, **h)) <= 0
    h["weight_decay"] = weight_decay
    ascent = parameters("maximize", "coupled", gradients, start, **h)
    assert gap(ascent, parameters("momentum", f"{joined}+coupled", gradients, start, **h)) <= 0


@pytest.mark.parametrize("name", ["coupled", "decoupled"])
@given(start=NUMBER, rate=RATE, weight_decay=RATE)
def test_decay_shrinks_the_parameter_of_an_ascent_too(
    name: str, start: float, rate: float, weight_decay: float
) -> None:
    """Without a gradient: w (1 - eta lambda), as in a descent."""
    h = {"learning_rate": rate, "weight_decay": weight_decay}
    ascent, descent = (
        parameters("gradient-descent", f"plain+{names}", [0.0], start, **h)
        for names in (f"{name}+maximize", name)
    )
    assert contains(ascent[0], real(start) * (1 - real(rate) * real(weight_decay)))
    assert gap(ascent, descent) <= 0
