"""Laws about parameters: groups of them, missing gradients, complex numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats, HasGroups
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import (
    VECTOR,
)
from optcheck.properties.trace import (
    Tracer,
    describe,
    end_of,
    require,
    under_test,
)
from optcheck.properties.update_rules import (
    draw_case,
    final_position,
    is_elementwise,
    larger,
    stabilised,
    traced_from_the_plain_path,
)
from optcheck.reference.oracle import Bound, Quantity


def _takes_no_groups(subject: Subject) -> str | None:
    if not isinstance(subject.rule, HasGroups):
        return f"{subject.backend.name} takes no groups of parameters here"
    return traced_from_the_plain_path(subject)


@law(
    id="parameter-groups",
    title="Groups of parameters do not share anything",
    statement=(
        "Two groups of parameters with different hyper-parameters in one optimizer end where two "
        "optimizers, one for each, end, up to the rounding budget."
    ),
    oracle="identity",
    capability="update-rule",
    excused=_takes_no_groups,
    one_dtype=True,
    share=0.1,
)
def parameter_groups(subject: Subject, data: st.DataObject) -> float:
    usual, others = _two_settings(subject)
    # Long enough for RAdam to become adaptive.
    case = draw_case(subject, data, min_steps=7, max_steps=7, layouts=(VECTOR,), fixed=usual)
    other = replace(
        case,
        hyperparameters=others,
        gradients=tuple((-each[0],) for each in case.gradients),
    )
    tracer = Tracer(subject, _together(case, other))
    with under_test(subject, lambda: describe(case)):
        tracer.run = subject.rule.start_groups(
            [(tracer.native(each.parameters), each.hyperparameters) for each in (case, other)]
        )
    for ours, theirs in zip(case.gradients, other.gradients, strict=True):
        ends = tracer.step((*ours, *theirs)).parameter
    worst = 0.0
    for each, end in zip((case, other), np.split(ends, 2), strict=True):
        ratio = require(
            Bound(end_of(subject, each).parameter, _allowed(subject, each)),
            end,
            what=f"{subject.name}: in a group of its own, against an optimizer of its own",
            counterexample=lambda: {
                **describe(case),
                "other group": dict(other.hyperparameters),
            },
        )
        worst = larger(worst, ratio)
    return worst


def _two_settings(subject: Subject) -> list[dict[str, float]]:
    """Two settings of usual values, which differ in everything that can be chosen."""
    domains = subject.record.domains(subject.claim.dialect).items()
    settings = ({name: each.typical[:2][which] for name, each in domains} for which in (0, -1))
    return [{**each, **subject.claim.fixed} for each in settings]


def _together(case: Case, other: Case) -> Case:
    signals = tuple(
        {name: (*v, *v) if isinstance(v, tuple) else v for name, v in each.items()}
        for each in case.signals
    )
    return replace(case, parameters=(*case.parameters, *other.parameters), signals=signals)


def _allowed(subject: Subject, case: Case) -> Floats:
    return final_position(subject, case).parameter.allowed()


def _needs_every_gradient(subject: Subject) -> str | None:
    if not subject.claim.missing_gradients:
        return f"{subject.backend.name} takes a gradient for every parameter"
    return traced_from_the_plain_path(subject)


@law(
    id="missing-gradients",
    title="A parameter without a gradient waits",
    statement=(
        "A parameter whose gradient is missing in the first and in the third step keeps its value "
        "there bit for bit, and runs as if those steps had not been; the other does not notice."
    ),
    oracle="identity",
    capability="update-rule",
    excused=_needs_every_gradient,
    one_dtype=True,
    share=0.1,
)
def missing_gradients(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=4, max_steps=5, layouts=(VECTOR + VECTOR,))
    waits = data.draw(st.integers(0, 1), label="the parameter that waits")
    tracer, before = Tracer(subject, case), case.parameters[waits]
    for step, gradients in enumerate(case.gradients):
        given: list[Floats | None] = list(gradients)
        if step in _MISSING:
            given[waits] = None
        ends = np.split(tracer.step(given).parameter, 2)
        if step in _MISSING and not np.array_equal(ends[waits], before, equal_nan=True):
            raise Deviation(
                f"{subject.name}: a parameter without a gradient moves from {before.tolist()} to "
                f"{ends[waits].tolist()} in step {step + 1}",
                counterexample={**describe(case), "waits": waits},
            )
        before = ends[waits]
    worst = 0.0
    for index, end in enumerate(ends):
        alone = _alone(case, index, missing=_MISSING if index == waits else ())
        ratio = require(
            Bound(end_of(subject, alone).parameter, _allowed(subject, alone)),
            end,
            what=f"{subject.name}: parameter {index}, where parameter {waits} lacks gradients",
            counterexample=lambda: {**describe(case), "waits": waits},
        )
        worst = larger(worst, ratio)
    return worst


_MISSING = (0, 2)


def _alone(case: Case, index: int, missing: Sequence[int]) -> Case:
    """One parameter of ``case``, without the steps in which it has no gradient."""

    def of(signals: Mapping[str, Any]) -> dict[str, Any]:
        return {name: (v[index],) if isinstance(v, tuple) else v for name, v in signals.items()}

    kept = [step for step in range(case.steps) if step not in missing]
    return replace(
        case,
        parameters=(case.parameters[index],),
        gradients=tuple((case.gradients[step][index],) for step in kept),
        signals=tuple(of(case.signals[step]) for step in kept) if case.signals else (),
    )


def _is_real_only(subject: Subject) -> str | None:
    if subject.claim.complex_numbers is None:
        return f"{subject.backend.name} claims no complex parameters here"
    return traced_from_the_plain_path(subject)


@law(
    id="complex-parameters",
    title="Complex parameters are pairs of reals, or are taken by their modulus",
    statement=(
        "Claimed as pairs: real and imaginary parts run like real parameters of their own. "
        "Claimed by modulus: gradients (3 + 4i) h move a parameter from zero by (3 + 4i)/5 of "
        "what the real gradients 5h do."
    ),
    oracle="exact",
    capability="update-rule",
    about=is_elementwise,
    excused=_is_real_only,
    one_dtype=True,
    dtypes=("float32",),
    share=0.1,
)
def complex_parameters(subject: Subject, data: st.DataObject) -> float:
    # A zero part of a complex number is no 0/0: what complex multiplication makes of NaN is
    # nobody's promise.
    case = draw_case(
        subject,
        data,
        min_steps=1,
        max_steps=3,
        layouts=(VECTOR,),
        from_zero=True,
        fixed=stabilised(subject),
    )
    pairs = subject.claim.complex_numbers == "pairs"
    if pairs:
        rows = [each[0][:4] + 1j * each[0][4:] for each in case.gradients]
        real = case
    else:
        # Twenty bits are kept, so that 3h, 4h and 5h are exact in float32.
        kept = [_shortened(each[0]) for each in case.gradients]
        rows = [(3 + 4j) * each for each in kept]
        real = replace(case, gradients=tuple((5 * each,) for each in kept))
    quantity, end = final_position(subject, real).parameter, _complex_end(subject, case, rows)
    what = f"{subject.name}: complex parameters as {subject.claim.complex_numbers}"

    def judge(expected: Quantity | Bound, computed: Any) -> float:
        return require(expected, computed, what=what, counterexample=lambda: describe(real))

    if pairs:
        return judge(quantity, np.concatenate([end.real, end.imag]))
    # In the direction of 3 + 4i it goes as far as the real ones do, and across it nowhere.
    along, across = 0.6 * end.real + 0.8 * end.imag, 0.8 * end.real - 0.6 * end.imag
    return larger(
        judge(quantity, along), judge(Bound(np.zeros_like(across), quantity.allowed()), across)
    )


def _shortened(values: Floats) -> Floats:
    significand, exponent = np.frexp(values)
    kept: Floats = np.ldexp(np.round(np.ldexp(significand, 20)), exponent - 20)
    return kept


def _complex_end(subject: Subject, case: Case, rows: Sequence[Any]) -> Any:
    backend = subject.backend
    with under_test(subject, lambda: describe(case)):
        start = backend.asarray(np.zeros_like(rows[0]), "complex64")
        run = subject.rule.start([start], case.hyperparameters)
        for row in rows:
            run.step([backend.asarray(row, "complex64")])
        return backend.to_numpy(run.parameters()[0]).ravel()
