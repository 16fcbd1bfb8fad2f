"""Laws of implementation hygiene: what every rule owes its users, whatever its equation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import CountsSteps
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.strategies import (
    SEVERAL,
    VECTOR,
    Layout,
    extreme_gradients,
)
from optcheck.properties.trace import (
    Tracer,
    describe,
    end_of,
    run_case,
    under_test,
)
from optcheck.properties.update_rules import (
    compare,
    draw_case,
    final_position,
    is_elementwise,
    positions_of,
    stabilised,
    traced_from_the_plain_path,
    usual,
)
from optcheck.reference import FORMATS

# A count that is kept in the parameter's dtype stands still first where that is narrow.
_LOWEST_FIRST = ("bfloat16", "float16", "float32", "float64")

_EMPTY: Layout = ((0,), (0, 2))


@law(
    id="zero-gradients",
    title="Zero gradients for ever do no harm",
    statement=(
        "Under gradients that stay zero, no number becomes infinite or undefined, and the "
        "parameters stay where the equation leaves them."
    ),
    oracle="exact",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    one_dtype=True,
    share=0.05,
)
def zero_gradients(subject: Subject, data: st.DataObject) -> float:
    drawn = draw_case(subject, data, min_steps=12, max_steps=12, fixed=stabilised(subject))
    zeros = tuple(np.zeros_like(array) for array in drawn.parameters)
    case = replace(drawn, gradients=(zeros,) * drawn.steps)
    snapshot = end_of(subject, case)
    for name, values in snapshot.vectors.items():
        if not np.all(np.isfinite(values)):
            raise Deviation(
                f"{subject.name}: {name} is {values.tolist()} after {case.steps} zero gradients",
                counterexample=describe(case),
            )
    position = final_position(subject, case)
    return compare(subject, case, case.steps, snapshot, position, "all gradients zero")


@law(
    id="extreme-gradients",
    title="No number is undefined where the exact one is representable",
    statement=(
        "With usual hyper-parameters, and under gradients from the smallest number of the format "
        "up to 1/4096 of the largest (so that sums of them are representable), no parameter is "
        "NaN where its exact value is representable: a square that overflows is no reason."
    ),
    oracle="exact",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    one_dtype=True,
    share=0.2,
)
def no_undefined_numbers(subject: Subject, data: st.DataObject) -> float:
    layout = SEVERAL if subject.record.elementwise else VECTOR
    drawn = draw_case(
        subject, data, min_steps=3, max_steps=3, fixed=usual(subject), layouts=(layout,)
    )
    form = FORMATS[subject.dtype]
    rows = data.draw(extreme_gradients(form, layout, drawn.steps), label="gradients")
    case = replace(drawn, gradients=rows)
    for step, (snapshot, position) in enumerate(
        zip(run_case(subject, case), positions_of(subject, case), strict=True), start=1
    ):
        exact = position.parameter.expected()
        undefined = np.isnan(snapshot.parameter) & (np.abs(exact) <= form.largest)
        if np.any(undefined):
            worst = int(np.argmax(undefined))
            raise Deviation(
                f"{subject.name}: parameter {worst} is NaN after step {step}, "
                f"its exact value is {exact[worst]:.17g}",
                counterexample={**describe(case.until(step)), "coordinate": worst},
            )
    return 0.0


@law(
    id="nan-stays-put",
    title="One undefined gradient spoils one coordinate",
    statement=(
        "Where one coordinate of a gradient is NaN, all other coordinates end bit for bit where "
        "they end without it."
    ),
    oracle="identity",
    capability="update-rule",
    about=is_elementwise,
    excused=traced_from_the_plain_path,
    one_dtype=True,
    share=0.1,
)
def nan_stays_put(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=3, layouts=(VECTOR,))
    spoilt = data.draw(st.integers(0, 7), label="coordinate")
    first = case.gradients[0][0].copy()
    first[spoilt] = np.nan
    ill = replace(case, gradients=((first,), *case.gradients[1:]))
    others = np.arange(8) != spoilt
    well = end_of(subject, case).parameter[others]
    beside = end_of(subject, ill).parameter[others]
    if not np.array_equal(well, beside, equal_nan=True):
        raise Deviation(
            f"{subject.name}: a NaN in coordinate {spoilt} of the first gradient moves the other "
            f"coordinates from {well.tolist()} to {beside.tolist()}",
            counterexample={**describe(case), "coordinate": spoilt},
        )
    return 0.0


@law(
    id="empty-parameters",
    title="Parameters without elements are legal",
    statement="A rule that is given empty arrays alone takes its steps and keeps their shapes.",
    oracle="identity",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    one_dtype=True,
    share=0.05,
)
def empty_parameters(subject: Subject, data: st.DataObject) -> float:
    run_case(subject, draw_case(subject, data, min_steps=2, max_steps=2, layouts=(_EMPTY,)))
    return 0.0


def _counted(subject: Subject, data: st.DataObject, count: int) -> float:
    """Restore the count ``count`` after one step, take two more, and read it."""
    case = draw_case(subject, data, min_steps=3, max_steps=3, layouts=(VECTOR,))
    tracer = Tracer(subject, case)
    tracer.advance(case.gradients[0])
    run = tracer.run
    if not isinstance(run, CountsSteps):
        raise NotShown(f"{subject.backend.name} does not show its step count")
    with under_test(subject, lambda: describe(case)):
        if run.count() is None:
            raise NotShown(f"{subject.claim.method} keeps no step count here")
        run.set_count(count)
    for gradients in case.gradients[1:]:
        tracer.advance(gradients)
    after = run.count()
    if after != count + 2:
        raise Deviation(
            f"{subject.name}: two steps after count {count} the count is {after}, not {count + 2}",
            counterexample={**describe(case), "count": count},
        )
    return 0.0


@law(
    id="step-count-past-2048",
    title="The step count is exact past 2**11 steps",
    statement=(
        "Restored at 2047 or 2048 updates, where a count in half precision stands still, two more "
        "updates raise it by two."
    ),
    oracle="identity",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    one_dtype=True,
    dtypes=_LOWEST_FIRST,
    share=0.05,
)
def step_count_past_2048(subject: Subject, data: st.DataObject) -> float:
    return _counted(subject, data, data.draw(st.sampled_from([2047, 2048]), label="count"))


@law(
    id="step-count-past-2-24",
    title="The step count is exact past 2**24 steps",
    statement=(
        "Restored at 2**24 - 1 or 2**24 updates, where a count in single precision stands still, "
        "two more updates raise it by two."
    ),
    oracle="identity",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    every_path=False,
    one_dtype=True,
    dtypes=_LOWEST_FIRST,
    share=0.05,
)
def step_count_past_2_24(subject: Subject, data: st.DataObject) -> float:
    return _counted(subject, data, 2**24 - data.draw(st.sampled_from([0, 1]), label="before"))
