"""Laws of Adam on a quadratic, with its second moment all but frozen."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, CountsSteps, Floats
from optcheck.properties.descent.modes import FLOAT64
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.trace import Tracer, under_test
from optcheck.properties.update_rules import refuses
from optcheck.reference.descent.adam import largest_stable_curvature

# 1 - beta2 is exact. Over STEPS steps the second moment loses 2^-12 of itself, and the gradients
# of the run, below 2^-10 of the one that made it, add less.
BETA2 = 1.0 - 2.0**-20
STEPS = 200
# Past this many steps the bias corrections are 1, but for exp(-16).
RESTORED = 2**24
# Curvatures over the threshold. The slowest of them, without momentum, falls to 0.96^200 < 1e-3
# of its start or grows to 1.04^200 > 1e3 times of it.
BELOW, ABOVE = (0.3, 0.7, 0.9, 0.98), (1.02, 1.1, 1.5, 2.0)
GROWN = 1e3
START = 1e-6
# The gradient that makes the second moment.
LARGE = 1.0


@law(
    id="adam-largest-stable-curvature",
    title="Adam is stable up to a preconditioned curvature of 38 over the learning rate",
    statement=(
        "With its second moment frozen, Adam is averaged momentum with a preconditioner: on a "
        "quadratic it converges where curvature over sqrt(v) is below "
        "2 (1 + beta1)/((1 - beta1) eta), and diverges above; asked at 0.98 and 1.02 of that, and "
        "further away. The second moment is made by one large gradient, and the step count "
        "restored so far on that bias corrections are 1."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("adam-largest-stable-curvature",),
    about=lambda s: s.record.id == "adam",
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def adam_largest_stable_curvature(subject: Subject, data: st.DataObject) -> float:
    h = {
        "learning_rate": data.draw(st.sampled_from((1.0, 0.125, 0.01)), label="learning rate"),
        "beta1": data.draw(st.sampled_from((0.9, 0.5, 0.0, 0.95)), label="beta1"),
        "beta2": BETA2,
        "epsilon": 0.0,
    }
    if (reason := refuses(subject, h)) is not None:
        raise NotShown(reason)
    shares = np.array([*BELOW, *ABOVE])
    preconditioner, tracer = _frozen(subject, h, len(shares))
    threshold = largest_stable_curvature(h["beta1"], h["learning_rate"])
    curvatures = shares * threshold * preconditioner
    start = START * h["learning_rate"]
    center = tracer.parameter() - start
    sizes = []
    for _ in range(STEPS):
        # A mode that has grown is left where it is, before it moves the second moment.
        sizes.append(np.abs(tracer.parameter() - center))
        grown = np.max(sizes, axis=0) > GROWN * start
        tracer.advance((np.where(grown, 0.0, curvatures * (tracer.parameter() - center)),))
    return _decide(subject, h, shares, np.array(sizes) / start)


def _frozen(subject: Subject, h: dict[str, float], count: int) -> tuple[float, Tracer]:
    """The root of the second moment, and a run that has it and no first moment."""
    tracer = Tracer(subject, Case(h, (np.zeros(count),), (), subject.dtype))
    tracer.advance((np.full(count, LARGE),))
    tracer.advance((np.full(count, -h["beta1"] * LARGE),))
    second = (1.0 - BETA2) * (BETA2 + h["beta1"] ** 2) * LARGE**2
    if subject.claim.dialect != "uncorrected":
        if not isinstance(tracer.run, CountsSteps) or tracer.run.count() is None:
            raise NotShown(f"{subject.backend.name} does not show the step count of adam")
        with under_test(subject, tracer.describe):
            tracer.run.set_count(RESTORED)
    return float(np.sqrt(second)), tracer


def _decide(subject: Subject, h: dict[str, float], shares: Floats, sizes: Floats) -> float:
    """Modes below the threshold end smaller than they started, and modes above have grown."""
    grown, fallen = np.max(sizes, axis=0) > GROWN, sizes[-1] < 1.0
    wrong = np.where(shares < 1.0, grown | ~fallen, ~grown)
    if np.any(wrong):
        share = float(shares[np.argmax(wrong)])
        raise Deviation(
            f"{subject.name}: at {share:g} of the largest stable curvature a mode "
            f"{'does not fall' if share < 1.0 else 'does not grow'}, with beta1 = {h['beta1']:g}",
            counterexample={"hyperparameters": h, "share": share},
        )
    return float(np.max(sizes[-1][shares < 1.0]))
