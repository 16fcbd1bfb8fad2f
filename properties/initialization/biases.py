"""Laws of initial biases: their values, and what units and gates make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb
from hypothesis import strategies as st
from scipy import special

from optcheck.backends.interface import Floats
from optcheck.backends.layers import InitializerRule, Layer, ShowsMemory
from optcheck.properties.initialization.drawing import (
    Plan,
    deviation,
    draw,
    draw_plan,
    require,
    seeds,
    taken,
)
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.statistics import excess
from optcheck.properties.trace import require as require_values
from optcheck.properties.trace import under_test
from optcheck.reference.balls import EXACT_BITS, Balls, Scalar, ball_arithmetic
from optcheck.reference.initialization.biases import softmax
from optcheck.reference.oracle import SAFETY, Bound, Quantity

_LAYERS = (
    Layer(3, 5, parameter="bias"),
    Layer(3, 8, "recurrent", parameter="bias", gates=4),
    Layer(2, 20, "recurrent", parameter="bias", gates=4),
)
_CELLS = Layer(2, 8, "recurrent", parameter="bias", gates=4)
_FORGET = 1
_UNITS = 4096


def _is_constant(subject: Subject) -> bool:
    return bool(subject.record.id == "constant-bias")


def _of_all_units(subject: Subject) -> bool:
    return _is_constant(subject) and subject.claim.dialect == "all-units"


def _of_forget_gates(subject: Subject) -> bool:
    return _is_constant(subject) and subject.claim.dialect == "forget-gate"


@law(
    id="biases-start-at-their-constant",
    title="Biases start exactly at their constant",
    statement=(
        "All biases are the constant, 0 or 0.1 or 1, rounded to the format; where the forget gate "
        "alone is set, the second quarter of the biases of a long short-term memory is, and all "
        "others are 0."
    ),
    oracle="exact",
    capability="initializer",
    equations=(
        "bias-initialisation-zero",
        "bias-initialisation-small-positive",
        "forget-gate-bias-one",
    ),
    about=_is_constant,
    share=0.25,
)
def biases_start_at_their_constant(subject: Subject, data: st.DataObject) -> float:
    plan = draw_plan(subject, data, taken(subject, _LAYERS))
    biases, value = draw(subject, plan)[0], plan.hyperparameters["value"]
    expected = np.full_like(biases, value)
    if _of_forget_gates(subject):
        gates = np.zeros((plan.layer.gates, len(biases) // plan.layer.gates))
        gates[_FORGET] = value
        expected = gates.ravel()
    return require_values(
        Bound(expected, np.abs(expected) * 2.0**-subject.working.bits),
        biases,
        what=f"{subject.name}: bias",
        counterexample=plan.describe,
    )


@law(
    id="units-start-active-as-biases-say",
    title="Biases decide how many rectified units start active",
    statement=(
        "With Gaussian weights half of 4096 units are active where the biases are 0, and "
        "Phi(b/sd(a)) of them where they are b: 84 per cent for b = 0.1 and pre-activations of "
        "that deviation. A count that is refused has a probability below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("bias-initialisation-zero", "bias-initialisation-small-positive"),
    about=_of_all_units,
    dtypes=("float32", "float64"),
    one_dtype=True,
    share=0.1,
    false_alarm=1e-9,
    alternative="biases of 0 for 0.1, or of -0.1; biases of 0.1 for 0",
)
def units_start_active_as_biases_say(subject: Subject, data: st.DataObject) -> float:
    value = data.draw(st.sampled_from((0.0, 0.1)), label="bias")
    layer = Layer(1, _UNITS, parameter="bias")
    plan = draw_plan(subject, data, (layer,), value=value)
    expected = float(special.ndtr(plan.hyperparameters["value"] / 0.1))
    weights = _gaussian_weights(subject, replace(layer, parameter="weight"), plan.seed)
    active = int(np.sum(weights + draw(subject, plan)[0] > 0.0))
    message = f"{active} of {_UNITS} units are active, for {_UNITS * expected:.0f}"
    return require(subject, plan, excess(active, _UNITS, expected), message)


def _gaussian_weights(subject: Subject, layer: Layer, seed: int) -> Floats:
    """Of deviation 0.1, by the library's own initializer; by NumPy's where it has none."""
    rules: list[InitializerRule] = [
        rule
        for rule in subject.backend.initializers()  # type: ignore[attr-defined]
        if rule.claim.method == "normal" and not rule.claim.fixed
    ]
    if not rules:
        return np.random.default_rng(seed).normal(0.0, 0.1, layer.outputs)
    plan = Plan(layer, {"scale": 0.1}, seed)
    with under_test(subject, plan.describe):
        return rules[0].draw(layer, {"scale": 0.1}, seed=seed, dtype=subject.dtype).ravel()


@law(
    id="open-forget-gates-remember",
    title="A forget gate with bias one keeps what 0.5^T loses",
    statement=(
        "A long short-term memory of the library with these biases and no weights keeps "
        "sigma(b)^T of its cells after T steps, and the derivative of what is left in what was "
        "there is sigma(b)^T too, within the rounding budget: 0.731^T for b = 1, 0.5^T for b = 0."
    ),
    oracle="exact",
    capability="initializer",
    equations=("forget-gate-bias-one",),
    about=_of_forget_gates,
    share=0.2,
)
def open_forget_gates_remember(subject: Subject, data: st.DataObject) -> float:
    plan = draw_plan(subject, data, (_CELLS,))
    steps = data.draw(st.integers(1, 30), label="steps")
    shown = None
    if isinstance(subject.rule, ShowsMemory):
        with under_test(subject, plan.describe):
            shown = subject.rule.memory(
                plan.layer, plan.hyperparameters, steps, dtype=subject.dtype
            )
    if shown is None:
        raise NotShown(f"{subject.name} does not run cells with these biases")
    quantity = _remembered(subject, plan.hyperparameters["value"], steps)
    ratios = [
        require_values(
            quantity,
            numbers[index : index + 1],
            what=f"{subject.name}: {what} after {steps} steps, cell {index}",
            counterexample=plan.describe,
        )
        for numbers, what in zip(shown, ("memory", "derivative"), strict=True)
        for index in range(len(numbers))
    ]
    return max(ratios)


def _remembered(subject: Subject, bias: float, steps: int) -> Quantity:
    """The gate to the power of the number of steps, multiplied one by one."""
    balls = []
    for bits in (EXACT_BITS, subject.working.bits):
        power = -Scalar(arb(bias), bits)
        gate = 1 / (1 + power.function("exp"))
        left = Scalar(arb(1), bits)
        for _ in range(steps):
            left = left * gate
        balls.append(left.ball)
    exact = subject.working.exact()
    return Quantity(Balls(balls[:1], exact), Balls(balls[1:], subject.working))


@st.composite
def _classes(draw: st.DrawFn) -> Layer:
    """Biases for two to six classes that occur, some of them rarely."""
    counts = draw(st.lists(st.integers(1, 1000), min_size=2, max_size=6))
    frequencies = tuple(count / sum(counts) for count in counts)
    return Layer(4, len(counts), parameter="bias", frequencies=frequencies)


@law(
    id="softmax-of-biases-is-the-marginal",
    title="Without weights the output has the frequencies of the classes",
    statement=(
        "The softmax of the biases is the vector of the frequencies of the classes, and so the "
        "cross-entropy at the start is their entropy, within what rounding the frequencies and "
        "their logarithms to the format does to it; the softmax is evaluated in exact arithmetic."
    ),
    oracle="exact",
    capability="initializer",
    equations=("output-bias-marginal-initialisation",),
    about=lambda subject: bool(subject.record.id == "marginal-bias"),
    share=0.3,
)
def softmax_of_biases_is_the_marginal(subject: Subject, data: st.DataObject) -> float:
    # The shape is compiled for; the frequencies are not.
    layer = data.draw(_classes(), label="classes")
    plan = Plan(layer, {}, data.draw(seeds(), label="seed"))
    biases = draw(subject, plan)[0]
    found = softmax([Scalar(arb(each), EXACT_BITS) for each in biases.tolist()])
    bits = subject.working.bits
    rounded = [Scalar(arb(each), bits).function("log") for each in layer.frequencies]
    budget = softmax([Scalar(each.ball, EXACT_BITS) for each in rounded])
    ratios = []
    with ball_arithmetic():
        total = sum((arb(each) for each in layer.frequencies), arb(0))
        for index, (a, b) in enumerate(zip(found, budget, strict=True)):
            share = arb(layer.frequencies[index]) / total
            allowed = SAFETY * b.ball.rad()
            ratio = float((abs(a.ball - share) / allowed).mid())
            if not ratio <= 1.0:
                probability = float(a.ball.mid())
                message = (
                    f"the softmax gives class {index} {probability:.9g}, "
                    f"for {layer.frequencies[index]:.9g}"
                )
                raise deviation(subject, plan, message, ratio, biases=biases.tolist())
            ratios.append(ratio)
    return max(ratios)
