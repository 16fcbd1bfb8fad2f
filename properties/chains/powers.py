"""Laws of powers: of numbers, of products of different numbers, and of a matrix."""

from __future__ import annotations

import math

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Recurrence
from optcheck.properties.chains.running import (
    BATCH,
    SIZE,
    STEPS,
    UNIT,
    chain,
    cotangents_for,
    deviation,
    gradients,
    is_deep,
    is_linear,
    is_recurrent,
    judge,
    states,
)
from optcheck.properties.law import Subject, law
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.chains.growth import log_growth
from optcheck.reference.oracle import Bound

_FLOAT64 = ("float64",)
_PARTS = st.lists(
    st.sampled_from((1, -3, 2, 4, -1, -2, 0)), min_size=BATCH * SIZE, max_size=BATCH * SIZE
)
_FACTORS = (-1.5, 0.5, 1.25, -0.75, 1.0, 2.0, -0.3, 0.9, 1.1, -1.0, 0.0, 3.7)


def _is_power(subject: Subject) -> bool:
    return is_recurrent(subject) and is_linear(subject)


def _is_product(subject: Subject) -> bool:
    return is_deep(subject) and is_linear(subject)


def gamma(roundings: float) -> float:
    """What so many roundings may do to a product (Higham, lemma 3.1)."""
    return roundings * UNIT / (1.0 - roundings * UNIT)


@law(
    id="powers-of-one-factor",
    title="A factor that is repeated T times is alpha^T, forwards and backwards",
    statement=(
        "With a diagonal matrix each unit of a linear network is alpha^t times its start, and the "
        "derivative of the last state in the start is alpha^T, within T roundings. It vanishes "
        "where |alpha| < 1 and explodes where |alpha| > 1, for negative factors too, which "
        "alternate."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("scalar-power-growth",),
    about=_is_power,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def powers_of_one_factor(subject: Subject, data: st.DataObject) -> float:
    factors = st.lists(st.sampled_from(_FACTORS), min_size=SIZE, max_size=SIZE)
    alpha = np.array(data.draw(factors, label="factors"))
    start = np.arange(1.0, BATCH * SIZE + 1.0).reshape(BATCH, SIZE) / 8.0
    network = chain(subject, np.tile(np.diag(alpha), (STEPS, 1, 1)), start)
    with ball_arithmetic():
        exact = [[float((arb(a) ** t).mid()) for a in alpha.tolist()] for t in range(STEPS + 1)]
    powers = np.array(exact)
    # Of the powers themselves, and of what they are multiplied with; start and eighths are exact.
    relative = np.array([gamma(t + 2) for t in range(STEPS + 1)])[:, None, None]
    expected = powers[:, None, :] * start
    bound = Bound(expected.ravel(), (relative * np.abs(expected)).ravel())
    forwards = judge(subject, network, bound, states(subject, network), "a state is no power")
    cotangents = cotangents_for(network, {STEPS: start})
    found = gradients(subject, network, cotangents)["start"]
    bound = Bound(expected[-1].ravel(), (relative[-1] * np.abs(expected[-1])).ravel())
    backwards = judge(subject, network, bound, found, "its gradient is no power", cotangents)
    size = np.abs(found / start)
    if np.any(size[:, np.abs(alpha) < 1.0] >= 1.0) or np.any(size[:, np.abs(alpha) > 1.0] <= 1.0):
        message = f"its gradients are {size.tolist()} times what they were, for factors {alpha}"
        raise deviation(subject, network, message, cotangents=cotangents)
    return float(np.fmax(forwards, backwards))


@law(
    id="mean-logarithm-decides-about-a-product",
    title="A long product vanishes or explodes by the mean logarithm of its factors",
    statement=(
        "Through diagonal layers with factors f_k the library's gradient is exp(K mean ln|f_k|) "
        "times the cotangent in size, within the rounding of the product and of its logarithm. "
        "Three quarters of factors 0.9 and a few of 100 explode, three quarters of 1.1 and a few "
        "of 0.01 vanish: the count of factors below 1 does not decide."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("vanishing-exploding-product",),
    about=_is_product,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def mean_logarithm_decides_about_a_product(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**16), label="factors")
    random = np.random.default_rng(seed)
    few = random.permutation(STEPS) < STEPS // 4
    factors = np.stack(
        [
            np.where(few, 100.0, 0.9),
            np.where(few, 0.01, 1.1),
            np.exp(random.normal(size=STEPS)) * random.choice((-1.0, 1.0), STEPS),
            np.exp(random.normal(size=STEPS) - 0.5),
        ],
        axis=1,
    )
    network = chain(subject, np.stack([np.diag(row) for row in factors]), np.ones((BATCH, SIZE)))
    cotangents = cotangents_for(network, {STEPS: np.ones((BATCH, SIZE))})
    found = np.abs(gradients(subject, network, cotangents)["start"])
    means = np.array([log_growth(column) for column in factors.T])
    # Each logarithm is off by a unit at most, and the sum and its product by that of T additions.
    sizes = np.sum(np.abs(np.log(np.abs(factors))), axis=0)
    off = gamma(STEPS + 4) * sizes + gamma(STEPS + 1)
    expected = np.exp(STEPS * means)
    allowed = expected * (np.expm1(off) + 2.0 * UNIT)
    bound = Bound(np.tile(expected, BATCH), np.tile(allowed, BATCH))
    ratio = judge(subject, network, bound, found, "its gradient is no product", cotangents)
    if not (np.all(found[:, 0] > 1.0) and np.all(found[:, 1] < 1.0)):
        message = f"the count of its factors decides: gradients of size {found[0].tolist()}"
        raise deviation(subject, network, message, cotangents=cotangents)
    return ratio


def _eigenvectors(data: st.DataObject) -> tuple[Floats, Floats]:
    """An integer matrix with an integer inverse, and that: two planes, mixed by a permutation."""
    vectors, inverse = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    for plane in (slice(0, 2), slice(2, 4)):
        # The simplest ones make the matrix of the text.
        a = data.draw(st.sampled_from((-10, *range(-9, 11))), label="shear")
        b = data.draw(st.sampled_from((0, 1, -1)), label="shear back")
        vectors[plane, plane] = [[1.0, a], [b, 1.0 + a * b]]
        inverse[plane, plane] = [[1.0 + a * b, -a], [-b, 1.0]]
    order = np.array(data.draw(st.permutations(range(SIZE)), label="order"))
    return vectors[order], inverse[:, order]


@law(
    id="repeated-matrix-aligns-with-its-eigenvectors",
    title="States align with the right eigenvector, gradients with the left one, at |l2/l1|",
    statement=(
        "For W = V diag(l) V^-1 of short integers, where nothing rounds, the library's states are "
        "V diag(l^t) V^-1 s and its derivatives in the start V^-T diag(l^T) V^T g, to the last "
        "bit. So the part beside the dominant eigenvector shrinks by exactly |l2/l1| a step, and "
        "the whole by the spectral radius, whatever the singular values are; [[1, 5], [0, 1/2]] "
        "drives all to (1, 0), and its transpose to (1, 10)."
    ),
    oracle="rate",
    capability="recurrence",
    equations=("feedforward-versus-recurrent-power-method",),
    about=_is_power,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.25,
)
def repeated_matrix_aligns_with_its_eigenvectors(subject: Subject, data: st.DataObject) -> float:
    vectors, inverse = _eigenvectors(data)
    dominant = data.draw(st.sampled_from((1.0, -1.0, 0.5, -2.0, 1.5)), label="dominant eigenvalue")
    shares = data.draw(
        st.lists(st.sampled_from((0.5, -0.5, 0.25, 0.0)), min_size=SIZE - 1, max_size=SIZE - 1),
        label="the others over it",
    )
    values = dominant * np.array([1.0, *shares])
    parts = np.array(data.draw(_PARTS, label="parts"), dtype=np.float64).reshape(BATCH, SIZE)
    parts[:, 0] += np.where(parts[:, 0] < 0.0, -1.0, 1.0)
    matrix = vectors * values @ inverse
    network = chain(subject, np.tile(matrix, (STEPS, 1, 1)), parts @ vectors.T)
    powers = values ** np.arange(STEPS + 1)[:, None]
    along = powers[:, None, :] * parts
    ahead = _exactly(subject, network, states(subject, network), along @ vectors.T, "states")
    cotangents = cotangents_for(network, {STEPS: parts @ inverse})
    found = gradients(subject, network, cotangents)["start"]
    _exactly(subject, network, found, along[-1] @ inverse, "gradients", cotangents)
    return max(
        _aligned(subject, network, ahead[-1], vectors.T, parts, shares, "state"),
        _aligned(subject, network, found, inverse, parts, shares, "gradient"),
    )


def _exactly(
    subject: Subject,
    network: Recurrence,
    found: Floats,
    expected: Floats,
    what: str,
    cotangents: Floats | None = None,
) -> Floats:
    bound = Bound(expected.ravel(), np.zeros(expected.size))
    judge(subject, network, bound, found, f"its {what} are no powers of the matrix", cotangents)
    return found


def _aligned(
    subject: Subject,
    network: Recurrence,
    found: Floats,
    directions: Floats,
    parts: Floats,
    shares: list[float],
    what: str,
) -> float:
    """The sine of the angle to the first direction, over what the others can make of it."""
    lengths = np.linalg.norm(directions, axis=1)
    first = directions[0] / lengths[0]
    ratios: list[float] = []
    for row, weights in zip(found, parts, strict=True):
        beside = np.linalg.norm(row - (row @ first) * first) / np.linalg.norm(row)
        others = np.abs(weights[1:]) * np.abs(shares) ** STEPS @ lengths[1:]
        # All that is beside the first one is part of the others; the row is at least the rest.
        rest = abs(weights[0]) * lengths[0] - others
        allowed = others / rest + gamma(8 * SIZE) if rest > 0.0 else math.inf
        ratios.append(float(beside / allowed))
        if not ratios[-1] <= 1.0:
            message = f"a {what} is off its eigenvector by {beside:.3g}, allowed {allowed:.3g}"
            raise deviation(subject, network, message, ratios[-1])
    return max(ratios)
