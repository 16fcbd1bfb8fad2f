"""Laws of how much of a gradient arrives: singular values, contractions, and ways around them.

The matrices are ``Q diag(sigma) P`` with ``Q`` and ``P`` made of 1/2 and -1/2: orthogonal without
a rounding, so their singular values are known exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Recurrence
from optcheck.properties.chains.jacobians import from_unit_vectors
from optcheck.properties.chains.powers import gamma
from optcheck.properties.chains.running import (
    BATCH,
    SIZE,
    STEPS,
    UNIT,
    chain,
    copied,
    cotangents_for,
    deviation,
    gradients,
    is_deep,
    is_linear,
    is_recurrent,
    states,
    within,
)
from optcheck.properties.law import Subject, law
from optcheck.reference.chains.recurrences import RATIONAL_ROUNDINGS

_FLOAT64 = ("float64",)
_HALVES = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
# Of a layer: the least and the greatest singular value.
Range = tuple[Floats, Floats]


def _is_residual(subject: Subject) -> bool:
    return subject.claim.dialect == "residual"


def _is_plain(subject: Subject) -> bool:
    return not _is_residual(subject)


def _orthogonal(random: np.random.Generator) -> Floats:
    signs = random.choice((-1.0, 1.0), (2, SIZE))
    orthogonal: Floats = signs[0][:, None] * _HALVES[random.permutation(SIZE)] * signs[1]
    return orthogonal


def _matrices(subject: Subject, random: np.random.Generator, sixteenths: Sequence[int]) -> Floats:
    """One for each layer, or one alone: their singular values are among the sixteenths."""
    count = 1 if is_recurrent(subject) else STEPS
    made = [
        _orthogonal(random) * (random.choice(sixteenths, SIZE) / 16.0) @ _orthogonal(random)
        for _ in range(count)
    ]
    return np.resize(np.array(made), (STEPS, SIZE, SIZE))


def _singular_values(matrices: Floats) -> Range:
    """The least and the greatest of each; rounded to the sixteenths that they are."""
    values = np.round(np.linalg.svd(matrices, compute_uv=False) * 16.0) / 16.0
    return values[:, -1], values[:, 0]


def _factors(subject: Subject, matrices: Floats, passed: Floats) -> Range:
    """What each layer may make of the length of a gradient, for each row of the batch.

    ``J = diag(f') W``, so that it is between the extremes of ``f'`` times those of ``W``. A
    product with W is off by ``gamma(n) ||W||_F`` of the length (Higham, section 3.5), and
    ``1 - tanh^2``, whose two roundings are of numbers up to 1, by four units at most.
    """
    low, high = (each[:, None] for each in _singular_values(matrices))
    slopes = {
        "linear": lambda states: np.ones_like(states),
        "tanh": lambda states: 1.0 - states**2,
        "relu": lambda states: (states > 0.0).astype(np.float64),
    }[subject.claim.dialect](passed[1:])
    slack = 0.0 if is_linear(subject) else 4.0 * UNIT
    rounding = gamma(SIZE + 1) * np.linalg.norm(matrices, axis=(1, 2))[:, None]
    least = np.maximum(slopes.min(axis=2) - slack, 0.0)
    return (
        np.maximum(least * (low - rounding), 0.0),
        (slopes.max(axis=2) + slack) * (high + rounding),
    )


def _starts(random: np.random.Generator) -> Floats:
    return np.round(random.normal(size=(BATCH, SIZE)) * 64.0) / 64.0 + 1.0 / 128.0


def _lengths(vectors: Floats) -> Floats:
    return np.asarray(np.linalg.norm(vectors, axis=-1))


def _widened(low: Floats, high: Floats) -> Range:
    """With the rounding of norms and of products of factors, which are computed here."""
    own = gamma(8 * STEPS)
    return low * (1.0 - own), high * (1.0 + own)


@law(
    id="singular-values-bound-a-gradient",
    title="A gradient shrinks and grows between the products of the singular values",
    statement=(
        "Layer by layer the length of what the library passes back lies between the smallest and "
        "the largest singular value of diag(f') W, from the extremes of f' at its own states and "
        "the exact ones of W. Without activation and with orthogonal layers both ends meet: "
        "states and gradients keep their length to rounding, however many layers there are."
    ),
    oracle="rate",
    capability="recurrence",
    equations=("linear-path-singular-values",),
    about=_is_plain,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def singular_values_bound_a_gradient(subject: Subject, data: st.DataObject) -> float:
    sixteenths = data.draw(
        st.sampled_from(((16,), (12, 20), (8, 16, 24), (20,))), label="singular values * 16"
    )
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="matrices"))
    matrices = _matrices(subject, random, sixteenths)
    network = chain(subject, matrices, _starts(random))
    passed = states(subject, network)
    slopes = _starts(random)
    cotangents = cotangents_for(network, {STEPS: slopes})
    found = _lengths(gradients(subject, network, cotangents)["start"]) / _lengths(slopes)
    low, high = _factors(subject, matrices, passed)
    ends = _widened(low.prod(axis=0), high.prod(axis=0))
    ratio = within(subject, network, found, ends, "a gradient over its cotangent", cotangents)
    if not is_linear(subject):
        return ratio
    grown = _lengths(passed[1:]) / _lengths(passed[:-1])
    ahead = within(subject, network, grown, _widened(low, high), "a state over the one before it")
    return max(ratio, ahead)


# Of which states the batch asks the derivative in the start, row by row.
_SPANS = (1, 3, 5, STEPS)


@law(
    id="contractions-forget-exponentially",
    title="Where all layers contract by rho, what a state remembers of another falls as rho^span",
    statement=(
        "With ||W|| = rho < 1 the library's derivative of s[t] in the start, along any direction, "
        "is at most rho^t for t = 1, 3, 5, 8, within the rounding of t products. A linear network "
        "whose matrix is rho times an orthogonal one attains it: its logarithm falls by ln rho a "
        "step, no more and no less."
    ),
    oracle="rate",
    capability="recurrence",
    equations=("long-term-gradient-exponential-decay",),
    about=is_recurrent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def contractions_forget_exponentially(subject: Subject, data: st.DataObject) -> float:
    sixteenths = data.draw(st.sampled_from((8, 12, 15, 2)), label="rho * 16")
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="matrix"))
    matrices = _matrices(subject, random, (sixteenths,))
    start = np.tile(_starts(random)[0], (BATCH, 1))
    network = chain(subject, matrices, start)
    slopes = _starts(random)
    rows = {t: np.zeros((BATCH, SIZE)) for t in _SPANS}
    for row, t in enumerate(_SPANS):
        rows[t][row] = slopes[row]
    cotangents = cotangents_for(network, rows)
    found = _lengths(gradients(subject, network, cotangents)["start"]) / _lengths(slopes)
    spans = np.array(_SPANS)
    rho = sixteenths / 16.0
    rounding = gamma(SIZE + 5) * float(np.linalg.norm(matrices[0]))
    high = (rho + rounding) ** spans
    low = (rho - rounding) ** spans if is_linear(subject) else np.zeros(len(spans))
    ends = _widened(low, high)
    return within(subject, network, found, ends, "what is left of the start", cotangents)


# Small enough that tanh(2 x) is 2 x, but for a share of (2 x)^2 / 3, while it doubles STEPS times.
_SMALL = 2.0**-16


@law(
    id="memory-needs-a-contraction",
    title="A contraction keeps a state and has a determinant below 1; such a one need not keep it",
    statement=(
        "Where ||W|| = rho < 1 the determinant of the library's one-step Jacobian is below 1 in "
        "size, and two trajectories come together as rho^t. With W = diag(2, 1/10, 1/10, 1/10) it "
        "is 0.002, and yet the trajectory that starts 2^-16 beside the fixed point 0 leaves it "
        "by a factor of 2 a step (for tanh less by x^2/3, relatively)."
    ),
    oracle="rate",
    capability="recurrence",
    equations=("memory-storage-determinant-condition",),
    about=is_recurrent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def memory_needs_a_contraction(subject: Subject, data: st.DataObject) -> float:
    sixteenths = data.draw(st.sampled_from((8, 12, 15, 4)), label="rho * 16")
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="matrix"))
    network = chain(subject, _matrices(subject, random, (sixteenths,)), _starts(random))
    passed = states(subject, network)
    _determinant_below(subject, copied(network, 0), 1.0)
    rho = sixteenths / 16.0
    apart = _lengths(passed[:, 0] - passed[:, 1])
    # Each state is off by the rounding of its product, and of its activation.
    rounding = (gamma(SIZE + 1) * 2.0 + gamma(RATIONAL_ROUNDINGS)) * _lengths(passed).max()
    high = rho ** np.arange(STEPS + 1) * apart[0] + 2.0 * rounding / (1.0 - rho)
    closer = within(
        subject, network, apart, _widened(0.0 * high, high), "a distance of two states"
    )
    beside = np.zeros((BATCH, SIZE))
    beside[:, 0] = _SMALL * np.arange(1, BATCH + 1) / BATCH
    expanding = np.tile(np.diag([2.0, 0.1, 0.1, 0.1]), (STEPS, 1, 1))
    network = chain(subject, expanding, beside)
    _determinant_below(subject, copied(network, 0), 0.002 * (1.0 + gamma(8 * SIZE)))
    grown = states(subject, network)[-1, :, 0] / beside[:, 0]
    most = np.full(BATCH, 2.0**STEPS)
    flattened = (1.0 - (2.0**STEPS * _SMALL) ** 2 / 3.0) ** STEPS
    least = most if subject.claim.dialect != "tanh" else most * flattened
    left = within(subject, network, grown, _widened(least, most), "how far it leaves 0")
    return max(closer, left)


def _determinant_below(subject: Subject, network: Recurrence, bound: float) -> None:
    """Of the first step's Jacobian, computed without a rounding."""
    found = gradients(subject, network, from_unit_vectors(network, 1))["start"]
    determinant = abs(arb_mat(found.tolist()).det())
    if not determinant <= bound:
        size = float(determinant.mid())
        message = f"its Jacobian has a determinant of size {size:.17g}, expected {bound:.3g}"
        raise deviation(subject, network, message, size / bound)


@law(
    id="skip-connections-keep-gradients",
    title="Around layers that contract, a skip connection passes the gradient on",
    statement=(
        "Through T residual layers with ||W|| = rho the library's gradient keeps between "
        "(1 - rho)^T and (1 + rho)^T of its length, for rho = 1/8 or 1/4; without the identity it "
        "would be at most rho^T."
    ),
    oracle="rate",
    capability="recurrence",
    equations=("skip-connections-shorten-paths",),
    about=_is_residual,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def skip_connections_keep_gradients(subject: Subject, data: st.DataObject) -> float:
    sixteenths = data.draw(st.sampled_from((2, 4, 1)), label="rho * 16")
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="matrices"))
    matrices = _matrices(subject, random, (sixteenths,))
    network = chain(subject, matrices, _starts(random))
    rho = sixteenths / 16.0
    rounding = gamma(SIZE + 6) * (1.0 + float(np.linalg.norm(matrices[0])))
    low, high = (1.0 - rho - rounding) ** STEPS, (1.0 + rho + rounding) ** STEPS
    slopes = _starts(random)
    cotangents = cotangents_for(network, {STEPS: slopes})
    found = _lengths(gradients(subject, network, cotangents)["start"]) / _lengths(slopes)
    ends = _widened(np.full(BATCH, low), np.full(BATCH, high))
    return within(subject, network, found, ends, "a gradient over its cotangent", cotangents)


@law(
    id="auxiliary-heads-shorten-the-path",
    title="A loss at an early layer brings its gradient over the short way",
    statement=(
        "With a loss after d layers beside that after T, the gradient in the start is as long as "
        "the short way allows, but for what comes the long way: between the products of the "
        "smallest singular values over d layers less those of the largest over T, and both "
        "products of the largest added up. With rho times orthogonal layers that is rho^d "
        "against rho^T."
    ),
    oracle="rate",
    capability="recurrence",
    equations=("skip-connections-shorten-paths",),
    about=lambda subject: is_deep(subject) and _is_plain(subject),
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def auxiliary_heads_shorten_the_path(subject: Subject, data: st.DataObject) -> float:
    sixteenths = data.draw(st.sampled_from((4, 8, 2)), label="rho * 16")
    head = data.draw(st.integers(1, 3), label="layers before the head")
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="matrices"))
    matrices = _matrices(subject, random, (sixteenths,))
    network = chain(subject, matrices, _starts(random))
    passed = states(subject, network)
    early, late = _starts(random), _starts(random)
    cotangents = cotangents_for(network, {head: early, STEPS: late})
    found = _lengths(gradients(subject, network, cotangents)["start"])
    low, high = _factors(subject, matrices, passed)
    short = low[:head].prod(axis=0) * _lengths(early), high[:head].prod(axis=0) * _lengths(early)
    far = high.prod(axis=0) * _lengths(late)
    # The two are added in one rounding of each entry.
    sums = gamma(2) * (short[1] + far)
    ends = _widened(np.maximum(short[0] - far - sums, 0.0), short[1] + far + sums)
    return within(subject, network, found, ends, "a gradient with an early loss", cotangents)
