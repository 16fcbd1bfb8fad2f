"""Laws of exponential averages: how far back they look, and what they lack at first."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, CountsSteps, Floats
from optcheck.properties.bounds import moves_of
from optcheck.properties.descent.adaptive_rates import WIDTH, asked_with, draw_gradients
from optcheck.properties.descent.modes import FLOAT64
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.trace import (
    Snapshot,
    Tracer,
    describe,
    flat,
    require,
    run_case,
    under_test,
)
from optcheck.properties.update_rules import larger, oracle_for, positions_of
from optcheck.reference.adam import steps_until_within
from optcheck.reference.oracle import Bound
from optcheck.reference.rmsprop import summed_ages, weight_so_far

_ROOTS = ("epsilon-outside-root", "epsilon-inside-root")
# What the laws compute themselves are sums of 8 numbers and a few products.
_OWN = 16 * 2.0**-53
# The averages of a method: state, decay, and the power of the gradient.
_AVERAGES = {
    "adam": (("first_moment", "beta1"), ("second_moment", "beta2")),
    "rmsprop": (("second_moment", "decay"),),
    "momentum": (("first_moment", "momentum"),),
}


def _shown(subject: Subject, snapshot: Snapshot, name: str) -> Floats:
    if name not in snapshot.vectors:
        raise NotShown(f"{subject.backend.name} does not show the {name} of {subject.record.id}")
    return snapshot.vectors[name]


def _repeated(subject: Subject, h: dict[str, float], rows: list[Floats]) -> Case:
    return Case(h, (np.zeros(WIDTH),), tuple((row,) for row in rows), subject.dtype)


def _averages(subject: Subject) -> bool:
    method, dialect = subject.record.id, subject.claim.dialect
    return (method, dialect) == ("momentum", "averaged") or (
        method in ("adam", "rmsprop") and dialect in _ROOTS
    )


@law(
    id="an-average-looks-back-as-far-as-its-decay-says",
    title="An exponential average looks back 1/(1 - rho) steps",
    statement=(
        "Impulses at eight steps, one in each coordinate, leave their weights in the averages "
        "that are shown, of gradients or of squares. The last 1/(1 - rho) steps have the weight "
        "1 - rho^(1/(1 - rho)), from 3/4 at rho = 1/2 down to 1 - 1/e; the ages times their "
        "weights add up to rho/(1 - rho), less the tail that is not yet there."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("exponential-average-length-scale",),
    about=_averages,
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def an_average_looks_back(subject: Subject, data: st.DataObject) -> float:
    window = data.draw(st.integers(2, 6), label="1/(1 - rho)")
    rho = 1.0 - 1.0 / window
    kept = _AVERAGES[subject.record.id]
    h = asked_with(subject, **{decay: rho for _, decay in kept})
    case = _repeated(subject, h, list(np.eye(WIDTH)))
    snapshot, (*_, position) = run_case(subject, case)[-1], positions_of(subject, case)
    ages = np.arange(WIDTH)[::-1]
    recent, decay = ages < window, Fraction(rho)
    exact = [1 - decay**window, summed_ages(decay, WIDTH)]
    worst = float("nan")
    for name, _ in kept:
        weights = _shown(subject, snapshot, name)
        found = np.array([weights[recent].sum(), ages @ weights])
        off = position.vectors[name].allowed()
        allowed = np.array([off[recent].sum(), ages @ off]) + _OWN * np.abs(found)
        ratio = require(
            Bound(np.array([float(each) for each in exact]), allowed),
            found,
            what=f"{subject.name}: weight of the last {window} steps, and mean age, in {name}",
            counterexample=lambda: describe(case),
        )
        worst = larger(worst, ratio)
    return worst


def _from_zero(subject: Subject) -> str:
    """The dialect but for how its mean square starts or is corrected."""
    return subject.claim.dialect.removesuffix("+first-square").removesuffix("+corrected")


@law(
    id="rmsprop-starts-with-too-small-a-mean-square",
    title="RMSProp's mean square starts too small, and its steps too long",
    statement=(
        "On gradients whose mean square is the same at each step (eight sizes that go round eight "
        "coordinates) the mean of r_t is 1 - rho^t of it, at every t, or all of it where r starts "
        "at the first square; and with epsilon 0 step t under a constant gradient is "
        "eta/sqrt(1 - rho^t) long, the first one eta/sqrt(1 - rho), or eta where r starts there "
        "or is corrected."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("rmsprop-initial-bias",),
    about=lambda s: s.record.id == "rmsprop" and _from_zero(s) in _ROOTS,
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def rmsprop_starts_too_small(subject: Subject, data: st.DataObject) -> float:
    rho = data.draw(st.sampled_from((0.9, 0.5, 0.99, 0.75)), label="rho")
    (row,), steps = draw_gradients(data, 1), 5
    h = asked_with(subject, learning_rate=1.0, decay=rho, epsilon=0.0)
    around = _repeated(subject, h, [np.roll(row, step) for step in range(steps)])
    worst, mean = float("nan"), float(np.mean(row**2))
    pairs = zip(run_case(subject, around), positions_of(subject, around), strict=True)
    at_once = subject.claim.dialect.endswith("+first-square")
    for step, (snapshot, position) in enumerate(pairs, start=1):
        squares = _shown(subject, snapshot, "second_moment")
        expected = mean * (1.0 if at_once else float(weight_so_far(Fraction(rho), step)))
        allowed = position.vectors["second_moment"].allowed().mean() + _OWN * expected
        ratio = require(
            Bound(np.array([expected]), np.array([allowed])),
            np.array([squares.mean()]),
            what=f"{subject.name}: mean of the mean squares after step {step}",
            counterexample=lambda: describe(around),
        )
        worst = larger(worst, ratio)
    return larger(worst, _long_at_first(subject, _repeated(subject, h, [row] * steps), rho))


def _long_at_first(subject: Subject, case: Case, rho: float) -> float:
    """The steps under a constant gradient."""
    worst, even = float("nan"), _from_zero(subject) != subject.claim.dialect
    for step, (move, slack) in enumerate(
        moves_of(subject, case, run_case(subject, case)), start=1
    ):
        size = 1.0 if even else float(weight_so_far(Fraction(rho), step)) ** -0.5
        ratio = require(
            Bound(np.full(WIDTH, size), slack + _OWN * size),
            np.abs(move),
            what=f"{subject.name}: length of step {step} under a constant gradient",
            counterexample=lambda: describe(case),
        )
        worst = larger(worst, ratio)
    return worst


# How near to 1 a correction has to be.
WITHIN = 0.01
# So slow that its correction fades only after thousands of steps.
_SLOW = 0.999
_LAST = steps_until_within(_SLOW, WITHIN)
_CORRECTED = (*_ROOTS, "epsilon-hat")


@law(
    id="bias-corrections-fade",
    title="Adam's bias corrections fall to 1, to within a hundredth at a step that beta tells",
    statement=(
        "With one of the decays 0 and epsilon 0, each step under a constant gradient tells by "
        "what factor the other moment, as shown, is corrected: 1/(1 - beta^t), which falls with "
        "t and is within 1/100 of 1 from step ln(1/101)/ln(beta) on, rounded up, and not before: "
        "7 for 0.5, 44 for 0.9; and 4613 for 0.999, where the count can be set."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-bias-correction-vanishes",),
    about=lambda s: s.record.id == "adam" and s.claim.dialect in _CORRECTED,
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def bias_corrections_fade(subject: Subject, data: st.DataObject) -> float:
    which = data.draw(st.sampled_from(("beta2", "beta1")), label="the other decay")
    decay = data.draw(st.sampled_from((0.9, 0.5, 0.75)), label="its value")
    betas = {"beta1": 0.0, "beta2": 0.0}
    h = asked_with(subject, learning_rate=1.0, epsilon=0.0, **{**betas, which: decay})
    (row,) = draw_gradients(data, 1)
    run = _Corrections(subject, _repeated(subject, h, [row]), which)
    last = steps_until_within(decay, WITHIN)
    factors = [run.factor(step) for step in range(1, last + 1)]
    run.require(all(np.all(b < a) for a, b in pairwise(factors)), "the correction does not fall")
    run.require_within(factors[-2:], last)
    slow = {**h, which: _SLOW}
    late = _Corrections(subject, _repeated(subject, asked_with(subject, **slow), [row]), which)
    if late.goes_on_from(_LAST - 2):
        late.require_within([late.factor(_LAST - 1), late.factor(_LAST)], _LAST)
    return larger(run.worst, late.worst)


class _Corrections:
    """A run of Adam under a constant gradient, and by what a moment is corrected in it."""

    def __init__(self, subject: Subject, case: Case, which: str) -> None:
        self.subject, self.case, self.which = subject, case, which
        self.decay = case.hyperparameters[which]
        self.tracer, self.oracle = Tracer(subject, case), oracle_for(subject, case)
        self.before = self.tracer.snapshot()
        self.worst = float("nan")

    def goes_on_from(self, count: int) -> bool:
        """Whether the run, after one update, goes on as if after so many."""
        self.before = self.tracer.step(self.case.gradients[0])
        run = self.tracer.run
        with under_test(self.subject, self.tracer.describe):
            if not isinstance(run, CountsSteps) or run.count() is None:
                return False
            run.set_count(count)
        return True

    def factor(self, step: int) -> Floats:
        """What update ``step`` corrects the moment by: its length tells."""
        before, after = self.before, self.tracer.step(self.case.gradients[0])
        self.before = after
        gradient, length = flat(self.case.gradients[0]), np.abs(after.parameter - before.parameter)
        if self.which == "beta1":
            moment = _shown(self.subject, after, "first_moment")
            found = length * np.abs(gradient) / np.abs(moment)
        else:
            found = gradient**2 / (length**2 * _shown(self.subject, after, "second_moment"))
        expected = float(1 / weight_so_far(Fraction(self.decay), step))
        # The oracle is dear, and what is asked is how the correction begins and where it fades.
        if step < 4 or expected - 1.0 < 2.0 * WITHIN:
            off = self._slack(step, before) / length
            # The length enters squared at most.
            ratio = require(
                Bound(np.full(WIDTH, expected), expected * (4.0 * off + _OWN)),
                found,
                what=f"{self.subject.name}: correction for {self.which} at step {step}",
                counterexample=lambda: describe(self.case),
            )
            self.worst = larger(self.worst, ratio)
        return found

    def _slack(self, step: int, before: Snapshot) -> Floats:
        """How far off rounding may put one update."""
        start = self.oracle.start(flat(self.case.parameters))
        there = start if step == 1 else self.oracle.at(step - 1, before.vectors)
        local = self.oracle.advance(there, flat(self.case.gradients[0]))
        return local.parameter.allowed()

    def require_within(self, factors: list[Floats], step: int) -> None:
        """The second last correction is further than a hundredth from 1, the last one is not."""
        limit = 1.0 + WITHIN
        self.require(
            bool(np.all(factors[0] > limit) and np.all(factors[1] <= limit)),
            f"the correction is not within {WITHIN:g} of 1 from step {step} on",
        )

    def require(self, holds: bool, message: str) -> None:
        """A deviation unless it holds."""
        if not holds:
            raise Deviation(f"{self.subject.name}: {message}", counterexample=describe(self.case))
