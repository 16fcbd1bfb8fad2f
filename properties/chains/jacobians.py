"""Laws of Jacobians: of one step, of all of them, and what they make of a parameter's gradient.

With as many equal rows in a batch as there are units, one backward pass from the unit vectors
shows a whole Jacobian.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Recurrence
from optcheck.properties.chains.running import (
    alone,
    cotangents_for,
    draw_chain,
    form_of,
    gradients,
    is_deep,
    is_recurrent,
    judge,
    one_step,
    states,
    worst,
)
from optcheck.properties.law import Subject, law
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.chains.recurrences import gradients_of, step_jacobian
from optcheck.reference.oracle import SAFETY, Bound

_DTYPES = ("float32", "float64")


def from_unit_vectors(network: Recurrence, t: int) -> Floats:
    """Cotangents that show the Jacobian of the state after ``t`` steps."""
    return cotangents_for(network, {t: np.eye(network.start.shape[1])})


def _with_budgets(values: Floats, allowed: Floats) -> arb_mat:
    """A matrix of balls that hold what the numbers would be without rounding."""
    radii = allowed.reshape(values.shape)
    return arb_mat(
        [
            [arb(float(v), float(r)) for v, r in zip(*rows, strict=True)]
            for rows in zip(values, radii, strict=True)
        ]
    )


def _step(subject: Subject, network: Recurrence, t: int, start: Floats) -> dict[str, arb_mat]:
    """The Jacobian of step ``t`` at a state, and the derivatives of its units in its weights."""
    here = one_step(subject, network, t, np.tile(start, (len(start), 1)))
    cotangents = from_unit_vectors(here, 1)
    found = gradients(subject, here, cotangents)
    by_itself = alone(here)
    quantities = gradients_of(form_of(subject), by_itself, cotangents[:2], subject.working)
    weights = found["weights"] if is_recurrent(subject) else found["weights"][0]
    return {
        "state": _with_budgets(found["start"], quantities["start"].allowed()),
        "weights": _with_budgets(weights, quantities["weights"].allowed()),
    }


def _bound(product: arb_mat, allowed: Floats) -> Bound:
    """What is the product of matrices that are known so well, and may be off by so much more."""
    entries = product.entries()
    middles = np.array([float(each.mid()) for each in entries])
    radii = np.array([float(each.rad().abs_upper()) for each in entries])
    return Bound(middles, np.asarray(radii * SAFETY + allowed, dtype=np.float64))


@law(
    id="step-jacobian-is-a-diagonal-times-the-weights",
    title="The Jacobian of a step is diag(f'(a)) W, with the identity around it if it is residual",
    statement=(
        "Entry by entry the library's derivative of a state in the one before it is f'(a_i) W_ij, "
        "1 - tanh^2 or the step of a rectifier at the argument of the same step, within the "
        "rounding of that product; a residual layer adds 1 on the diagonal."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("rnn-layer-jacobian-factorisation", "skip-connections-shorten-paths"),
    dtypes=_DTYPES,
    share=0.1,
)
def step_jacobian_is_a_diagonal_times_the_weights(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data, copies=True)
    t = data.draw(st.integers(0, network.steps - 1), label="step")
    here = one_step(subject, network, t, states(subject, network)[t])
    cotangents = from_unit_vectors(here, 1)
    found = gradients(subject, here, cotangents)["start"]
    quantity = step_jacobian(form_of(subject), alone(here), subject.working)
    return judge(subject, here, quantity, found, "its Jacobian is off", cotangents)


@law(
    id="long-jacobian-is-the-product-of-its-steps",
    title="The Jacobian over all steps is the product of those of the steps, the last one first",
    statement=(
        "The library's derivative of the last state in the start is J_T ... J_2 J_1 of its own "
        "one-step Jacobians at its own states, in this order, within what the rounding of each "
        "of them (carried through the product in balls) and of the long recursion allows."
    ),
    oracle="identity",
    capability="recurrence",
    equations=("state-jacobian-product", "jacobian-product-composition"),
    dtypes=("float64",),
    share=0.1,
)
def long_jacobian_is_the_product_of_its_steps(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data, copies=True)
    passed = states(subject, network)
    cotangents = from_unit_vectors(network, network.steps)
    found = gradients(subject, network, cotangents)["start"]
    budget = gradients_of(form_of(subject), network, cotangents, subject.working)["start"]
    steps = [_step(subject, network, t, passed[t][0]) for t in range(network.steps)]
    with ball_arithmetic():
        product = steps[0]["state"]
        for each in steps[1:]:
            product = each["state"] * product
        bound = _bound(product, budget.allowed())
    return judge(subject, network, bound, found, "its long Jacobian is no product", cotangents)


@law(
    id="first-layer-gradient-sums-over-paths",
    title="The gradient in the weights of the first layer is a sum over all paths",
    statement=(
        "The library's derivative of a function of the last layer in W_mi of the first one is "
        "the sum, over all paths from unit m to an output, of the products of the library's own "
        "partial derivatives along them, within the rounding of both."
    ),
    oracle="identity",
    capability="recurrence",
    equations=("jacobian-chain-gradient",),
    about=is_deep,
    dtypes=("float64",),
    share=0.1,
)
def first_layer_gradient_sums_over_paths(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data, copies=True)
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="slopes of the error"))
    n = network.start.shape[1]
    slopes = np.zeros((n, n))
    slopes[0] = random.normal(size=n)  # the error is a function of one example
    cotangents = cotangents_for(network, {network.steps: slopes})
    found = gradients(subject, network, cotangents)["weights"]
    budget = gradients_of(form_of(subject), network, cotangents, subject.working)["weights"]
    passed = states(subject, network)
    steps = [_step(subject, network, t, passed[t][0]) for t in range(network.steps)]
    with ball_arithmetic():
        along = arb_mat([[arb(v) for v in slopes[0].tolist()]])
        for each in reversed(steps[1:]):
            along = along * each["state"]
        first = steps[0]["weights"]
        sums = arb_mat([[along[0, m] * first[m, i] for i in range(n)] for m in range(n)])
        bound = _bound(sums, budget.allowed()[: n * n])
    return judge(subject, network, bound, found[0], "it is no sum over paths", cotangents)


@law(
    id="gradient-is-the-sum-over-time",
    title="The gradient of a late loss is the sum of what the parameters did at each time",
    statement=(
        "For a loss of the last state the library's derivatives in the shared parameters are the "
        "sums over t of those of step t alone, at the library's own state before it and with the "
        "loss's derivative in the state after it, both taken by the library from one-step chains. "
        "Each step counts once: the two agree within twice the budget of the recursion."
    ),
    oracle="identity",
    capability="recurrence",
    equations=("bptt-gradient-decomposition",),
    about=is_recurrent,
    dtypes=("float64",),
    share=0.1,
)
def gradient_is_the_sum_over_time(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data)
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="slopes of the loss"))
    after = random.normal(size=network.start.shape)
    cotangents = cotangents_for(network, {network.steps: after})
    found = gradients(subject, network, cotangents)
    budgets = gradients_of(form_of(subject), network, cotangents, subject.working)
    passed = states(subject, network)
    shared = [name for name in ("weights", "bias", "input_weights") if name in found]
    sums = {name: np.zeros_like(found[name]) for name in shared}
    for t in reversed(range(network.steps)):
        here = one_step(subject, network, t, passed[t])
        parts = gradients(subject, here, cotangents_for(here, {1: after}))
        for name in shared:
            sums[name] += parts[name]
        after = parts["start"]
    return worst(
        [
            judge(
                subject,
                network,
                Bound(sums[name].ravel(), 2.0 * budgets[name].allowed()),
                found[name],
                f"its gradient in {name} is no sum over time",
                cotangents,
            )
            for name in shared
        ]
    )
