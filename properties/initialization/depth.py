"""Laws of depth: how the length of a signal walks through many layers, and how far."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from scipy import special

from optcheck.backends.interface import Floats
from optcheck.properties.initialization.signals import (
    SQUARES,
    WIDE,
    Passage,
    Stack,
    backwards,
    forwards,
    is_gaussian,
    is_orthogonal,
    squares,
)
from optcheck.properties.initialization.walks import excess_of_sum
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.statistics import excess
from optcheck.reference.initialization.propagation import Growth, Search, scale_search
from optcheck.reference.surfaces.factorizations import Allowed, gamma

DEPTH = 50
WALKS = SQUARES // DEPTH
# Blocks of so many units wander so much that their drift shows beside their growth on average.
SLIM = 4
BLOCKS = 16


@law(
    id="signals-walk-at-random-through-depth",
    title="Through 50 layers signals keep their size, vanish or explode at the predicted rate",
    statement=(
        f"The logarithm of the squared length of a signal, and of a delta, after {DEPTH} layers "
        f"of {WIDE} units, linear or rectified, is a sum of independent growths of known "
        "distribution: M sigma^2 or half of it on average, so that He's weights keep it through "
        "rectified layers, Glorot's and those of gain 1 through linear ones, and others multiply "
        "it in every layer. An orthogonal matrix multiplies every length by its gain, to the "
        "error of its orthogonality; with rectifiers a gain near sqrt 2 keeps it. A sum is "
        "further off than allowed with probability below 1e-15 (Chernoff by the exact cumulants)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=(
        "good-information-flow-conditions",
        "small-weights-vanish-large-explode",
        "gain-factor-initialisation",
        "random-walk-initialisation-depth",
    ),
    about=lambda subject: is_gaussian(subject) or is_orthogonal(subject),
    every_path=False,
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative=(
        "a factor of 2 that is forgotten; the gain for its square; Gaussian matrices for "
        "orthogonal ones"
    ),
)
def signals_walk_at_random(subject: Subject, data: st.DataObject) -> float:
    stack = _about_one(subject, data)
    ratios = []
    for relu in (False, True):
        for name, passes in (("signals", forwards), ("deltas", backwards)):
            what = f"{name} through {DEPTH} {'rectified' if relu else 'linear'} layers"
            # Nothing rectifies what comes back through the first layer.
            first = 1 if relu and name == "deltas" else 0
            growths = np.concatenate(
                [
                    _growths(stack, passes(walk, rectified=relu)[first:])
                    for walk in stack.weights.reshape(WALKS, DEPTH, WIDE, WIDE)
                ]
            )
            if is_orthogonal(subject) and not relu:
                ratios.append(_isometric(stack, what, growths))
            else:
                ratios.append(_walk(stack, what, growths, stack.growth(rectified=relu)))
    return max(ratios)


def _about_one(subject: Subject, data: st.DataObject) -> Stack:
    """Layers; a scale, where there is one, lets signals vanish, keeps or magnifies them."""
    per_layer = data.draw(st.sampled_from((1.0, 0.25, 2.0, 4.0)), label="M sigma^2")
    return squares(subject, data, scale=math.sqrt(per_layer / WIDE))


def _growths(stack: Stack, passages: Sequence[Passage]) -> Floats:
    """The logarithms of the squared lengths of what leaves, where any unit is active."""
    found = np.array([each.leaves @ each.leaves for each in passages])
    if not np.any(found > 0.0):
        raise stack.deviation("no signal leaves any layer")
    growths: Floats = np.log(found[found > 0.0])
    return growths


def _walk(stack: Stack, what: str, growths: Floats, growth: Growth) -> float:
    mean = float(growths.mean())
    message = (
        f"the logarithm of the squared length of {what} grows by {mean:.4g} in a layer, "
        f"{len(growths)} layers long, for {growth.mean:.4g}"
    )
    total = float(growths.sum())
    return stack.require(message, excess_of_sum(total, [(growth.cumulants, len(growths))]))


def _isometric(stack: Stack, what: str, growths: Floats) -> float:
    """No length is multiplied by anything but the gain, to the error of orthogonality.

    The inner products here have the error of as many roundings, relative to the sum of the
    magnitudes of their terms (Higham, section 3.1), of which the squared length has two and a sum.
    """
    unit, n = 2.0**-stack.subject.working.bits, WIDE
    own = 2.0 * math.sqrt(n) * gamma(n, unit) + 2.0 * gamma(n + 4, unit)
    allowed = Allowed(n, unit).orthonormality + gamma(4, unit) + own
    worst = float(np.max(np.abs(np.exp(growths) / stack.plan.hyperparameters["gain"] ** 2 - 1.0)))
    message = f"a layer multiplies the squared length of {what} by 1 + {worst:.3g} times gain^2"
    return stack.require(message, worst / allowed)


@law(
    id="depth-makes-a-random-walk",
    title="The logarithm of a signal's length has a drift below that of its mean square",
    statement=(
        f"In linear layers of n = {SLIM} units, blocks of larger ones, the squared length is "
        "multiplied by n sigma^2 and a chi-square variable over n in each layer: its logarithm "
        "drifts by ln(2 sigma^2) + psi(n/2), which is 0.27 below ln(n sigma^2). A quarter of the "
        "growths lies in the lowest and in the highest quarter of their distribution, and one "
        "layer tells nothing of the next: the variance of the walk is psi'(n/2) = 0.64 times the "
        "depth. Further off than allowed with probability below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("random-walk-initialisation-depth",),
    about=is_gaussian,
    every_path=False,
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative="one matrix that is repeated; units that are all drawn alike; a factor of 2",
)
def depth_makes_a_random_walk(subject: Subject, data: st.DataObject) -> float:
    stack = squares(subject, data)
    # Blocks of one place are the layers of a walk.
    walks = stack.blocks(SLIM).reshape(-1, SQUARES, SLIM, SLIM)[:BLOCKS]
    growths = np.concatenate([_growths(stack, forwards(walk, rectified=False)) for walk in walks])
    growth = stack.growth(SLIM, rectified=False)
    ratios = [_walk(stack, "signals", growths, growth)]
    shares = special.gammainc(SLIM / 2, np.exp(growths) / stack.variance / 2)
    for quarter, inside in (("lowest", shares < 0.25), ("highest", shares > 0.75)):
        count = int(np.sum(inside))
        message = f"{count} of {len(shares)} growths lie in the {quarter} quarter"
        ratios.append(stack.require(message, excess(count, len(shares), 0.25)))
    above = (shares > 0.5).reshape(-1, 2)
    alike = int(np.sum(above[:, 0] == above[:, 1]))
    message = f"{alike} of {len(above)} pairs of neighbouring layers grow alike, not half of them"
    ratios.append(stack.require(message, excess(alike, len(above), 0.5)))
    return max(ratios)


# Where tanh leaves 0.95, and where its slope is below 1/10.
_SATURATED = math.atanh(0.95)
_STEEP = math.atanh(math.sqrt(0.9))


@law(
    id="large-weights-saturate-tanh",
    title="With large weights tanh units saturate, with small ones they are linear and vanish",
    statement=(
        f"For {WIDE} inputs of plus and minus 1 the pre-activations are Gaussian with standard "
        "deviation s = sqrt(M) sigma. As many outputs as theory says lie beyond 0.95, and as many "
        "slopes below 1/10: with s = 8 four of five; with s = 1/8 none. Half of the outputs lie "
        "within the tanh of 0.674 s, which is nearly 1 for one and 0.084 for the other. Counts "
        "are further off than allowed with probability below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("small-weights-vanish-large-explode",),
    about=lambda subject: is_gaussian(subject) and subject.record.id == "normal",
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative="the variance for the standard deviation; a factor of 2 that is forgotten",
)
def large_weights_saturate_tanh(subject: Subject, data: st.DataObject) -> float:
    spread = data.draw(st.sampled_from((8.0, 4.0, 2.0)), label="s")
    signs = np.where(np.arange(WIDE) % 2, 1.0, -1.0)
    ratios = []
    for scale in (spread, 1.0 / spread):
        stack = squares(subject, data, scale=scale / math.sqrt(WIDE))
        before = (stack.weights @ signs).ravel()
        outputs = np.tanh(before)
        for what, found, place in (
            ("outputs beyond 0.95", np.abs(outputs) > 0.95, _SATURATED),
            ("slopes below 1/10", 1.0 - outputs**2 < 0.1, _STEEP),
        ):
            count, chance = int(np.sum(found)), float(2.0 * special.ndtr(-place / scale))
            message = (
                f"{count} of {found.size} {what} for s = {scale:g}, for a probability of "
                f"{chance:.4g}"
            )
            ratios.append(stack.require(message, excess(count, found.size, chance)))
        ratios.append(_halved(stack, scale, outputs))
    return max(ratios)


def _halved(stack: Stack, scale: float, outputs: Floats) -> float:
    """Half of the outputs lie within the tanh of the quartiles of their pre-activations."""
    median = math.tanh(scale * float(special.ndtri(0.75)))
    count = int(np.sum(np.abs(outputs) < median))
    message = f"{count} of {outputs.size} outputs are smaller than {median:.4g}, for half"
    return stack.require(message, excess(count, outputs.size, 0.5))


@law(
    id="scale-search-ends-with-all-layers-spread",
    title="Scaling weights up by the spread of one minibatch ends after the predicted number",
    statement=(
        f"The search multiplies the weights of {SQUARES} rectified layers, one after another, "
        "by c until two examples make pre-activations of a standard deviation tau. It ends. The "
        "squared spread of a layer is c^2k eps^2 chi^2 times that of what enters it: the sum over "
        "the layers of 2 k ln c is further from its prediction than allowed with probability "
        "below 1e-15 (Chernoff by the exact cumulants)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("initial-scale-search",),
    about=is_gaussian,
    every_path=False,
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative="units that are all drawn alike; weights too large or too small by a factor of 2",
)
def scale_search_ends(subject: Subject, data: st.DataObject) -> float:
    stack = _about_one(subject, data)
    factor = 1.0 + data.draw(fractions(0.125, 1.0), label="c - 1")
    # Two examples that make a layer of mean growth spread by a quarter of tau.
    first = np.where(np.arange(WIDE) % 2, 1.0, -1.0)
    minibatch = np.stack([first, np.where(np.arange(WIDE) % 3, 1.0, -1.0)])
    expected = math.sqrt(stack.variance) * float(np.linalg.norm(minibatch[0] - minibatch[1])) / 2.0
    minibatch /= 4.0 * expected
    try:
        search = scale_search(list(stack.weights), minibatch, 1.0, factor, limit=200)
    except ValueError as error:
        raise stack.deviation(f"the search does not end: {error}") from None
    return stack.require(*_scalings(stack, search, minibatch, factor))


def _scalings(stack: Stack, search: Search, minibatch: Floats, factor: float) -> tuple[str, float]:
    """What is said of the number of scalings, and the excess."""
    signals, needed = minibatch, 0.0
    for weights, found in zip(search.weights, search.spreads, strict=True):
        # Half the difference of two examples, root mean square over the units that see it.
        difference = float(np.linalg.norm(signals[0] - signals[1])) / 2.0
        needed += 2.0 * math.log(found * math.sqrt(WIDE) / difference)
        signals = np.maximum(signals @ weights.T, 0.0)
    growth = stack.growth(rectified=False)
    own = needed - 2.0 * math.log(factor) * sum(search.scalings)
    message = (
        f"{sum(search.scalings)} scalings by {factor} where "
        f"{(needed - growth.mean * SQUARES) / 2.0 / math.log(factor):.4g} are predicted"
    )
    return message, excess_of_sum(own, [(growth.cumulants, SQUARES)])
