"""Laws of the rules that read signs: sign descent and the Rprop family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.bounds import moves_of, require_at_most
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import VECTOR, Gradients
from optcheck.properties.trace import describe, end_of, flat, require, run_case
from optcheck.properties.update_rules import draw_case, final_position
from optcheck.reference import FORMATS
from optcheck.reference.oracle import Quantity
from optcheck.reference.rates import normalised_distances


def _is_rprop(subject: Subject) -> bool:
    return bool(subject.record.id == "rprop")


def _rescaled_alike(subject: Subject, data: st.DataObject, low: int, high: int) -> float:
    """Gradients scaled by a power of two for each coordinate leave the trace as it is."""
    drawn = draw_case(subject, data, min_steps=3, max_steps=8, layouts=(VECTOR,))
    rows = [_of_size_one(row[0]) for row in drawn.gradients]
    exponents = data.draw(
        st.lists(st.integers(low, high), min_size=8, max_size=8), label="log2 of the scales"
    )
    scales = 2.0 ** np.array(exponents)
    case = replace(drawn, gradients=tuple((row,) for row in rows))
    scaled = replace(drawn, gradients=tuple((scales * row,) for row in rows))
    plain, other = end_of(subject, case).parameter, end_of(subject, scaled).parameter
    if not np.array_equal(plain, other):
        at = int(np.argmax(plain != other))
        raise Deviation(
            f"{subject.name}: with gradients scaled by 2**{exponents[at]} coordinate {at} ends at "
            f"{other[at]:.17g} and not at {plain[at]:.17g}, though no sign has changed",
            counterexample={**describe(scaled), "scales": scales.tolist(), "coordinate": at},
        )
    return 0.0


def _of_size_one(values: Floats) -> Floats:
    """The signs of the gradients, with sizes of 1, 1.5 or 2."""
    return np.sign(values) * (1 + np.abs(np.frexp(values)[1]) % 3 / 2)


@law(
    id="rprop-sign-invariance",
    title="Rprop does not see the size of a gradient",
    statement=(
        "Gradients scaled by a positive power of two for each coordinate, between 2**-40 and "
        "2**40, give bit for bit the same parameters."
    ),
    oracle="identity",
    capability="update-rule",
    equations=("rprop-sign-invariance",),
    about=_is_rprop,
    every_path=False,
    dtypes=("float32", "float64"),
    share=0.3,
)
def rprop_sign_invariance(subject: Subject, data: st.DataObject) -> float:
    return _rescaled_alike(subject, data, -40, 40)


@law(
    id="rprop-sees-tiny-signs",
    title="Rprop sees the sign of a tiny gradient",
    statement=(
        "Gradients scaled by 2**-104 to 2**-96, normal numbers in float32 whose products "
        "underflow, give bit for bit the same parameters."
    ),
    oracle="identity",
    capability="update-rule",
    equations=("rprop-sign-invariance",),
    about=_is_rprop,
    every_path=False,
    dtypes=("float32",),
    share=0.3,
)
def rprop_sees_tiny_signs(subject: Subject, data: st.DataObject) -> float:
    return _rescaled_alike(subject, data, -104, -96)


@law(
    id="rprop-step-bounds",
    title="No step of Rprop is longer than its largest step size",
    statement=(
        "While the sign persists the steps grow to step_size_max, where it alternates they "
        "shrink to step_size_min, and no further."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("rprop-update",),
    about=_is_rprop,
    every_path=False,
    one_dtype=True,
    share=0.2,
)
def rprop_step_bounds(subject: Subject, data: st.DataObject) -> float:
    steps = 40
    case = draw_case(
        subject,
        data,
        min_steps=steps,
        max_steps=steps,
        gradients=Gradients(("constant", "alternating"), noise=False),
        layouts=(VECTOR,),
        from_zero=True,
    )
    largest = case.hyperparameters["step_size_max"]
    snapshots = run_case(subject, case)
    for step, snapshot in enumerate(snapshots, start=1):
        if "step_size" in snapshot.vectors and not _within(case, snapshot.vectors["step_size"]):
            raise Deviation(
                f"{subject.name}: after step {step} the step sizes are "
                f"{snapshot.vectors['step_size'].tolist()}, outside "
                f"[{case.hyperparameters['step_size_min']:g}, {largest:g}]",
                counterexample=describe(case.until(step)),
            )
    limits = np.full(steps, largest)
    return require_at_most(subject, case, "step", moves_of(subject, case, snapshots), limits)


def _within(case: Case, sizes: Floats) -> bool:
    """Between the bounds, as the format rounds them."""
    unit = 2.0 ** -FORMATS[case.dtype].bits
    low, high = case.hyperparameters["step_size_min"], case.hyperparameters["step_size_max"]
    return bool(np.all(sizes >= low * (1 - unit)) and np.all(sizes <= high * (1 + unit)))


@law(
    id="sign-descent-fixed-distance",
    title="Sign descent moves by the learning rate, whatever the size of the gradient",
    statement=(
        "A coordinate moves against the sign of its gradient by the learning rate times "
        "abs(g)/(abs(g) + epsilon): the whole of it far above epsilon, half of it at epsilon, "
        "nothing at zero."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("sign-descent-fixed-distance", "sign-normalised-gradient-update"),
    about=lambda s: s.record.id == "sign-descent",
    every_path=False,
    share=0.3,
)
def sign_descent_fixed_distance(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, from_zero=True)
    h, gradient = case.hyperparameters, flat(case.gradients[0])
    position = final_position(subject, case)
    exact = normalised_distances(h["learning_rate"], gradient, h.get("epsilon", 0.0))
    return require(
        Quantity(exact, position.parameter.working),
        run_case(subject, case)[0].parameter,
        what=f"{subject.name}: distance moved in one step",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )
