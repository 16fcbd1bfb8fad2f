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
    hyperparameters,
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
    traced_from_the_plain_path,
)
from optcheck.reference.oracle import Bound


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
    case = draw_case(subject, data, min_steps=3, max_steps=3, layouts=(VECTOR,))
    record, claim = subject.record, subject.claim
    strategy = hyperparameters(record.domains(claim.dialect), claim, constraint=record.constraint)
    other = replace(case, hyperparameters=data.draw(strategy, label="of the other group"))
    tracer = Tracer(subject, _together(case, other))
    with under_test(subject, lambda: describe(case)):
        tracer.run = subject.rule.start_groups(
            [(tracer.native(each.parameters), each.hyperparameters) for each in (case, other)]
        )
    for gradients in case.gradients:
        ends = tracer.step((*gradients, *gradients)).parameter
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
        "A parameter whose gradient is missing in the first step keeps its value bit for bit, and "
        "then runs as if the second step were its first; the other parameters do not notice."
    ),
    oracle="identity",
    capability="update-rule",
    excused=_needs_every_gradient,
    one_dtype=True,
    share=0.1,
)
def missing_gradients(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=3, max_steps=4, layouts=(VECTOR + VECTOR,))
    alone = [_alone(case, 0, 0), _alone(case, 1, 1)]
    tracer = Tracer(subject, case)
    after = tracer.step((case.gradients[0][0], None)).parameter[8:]
    if not np.array_equal(after, case.parameters[1]):
        raise Deviation(
            f"{subject.name}: a parameter without a gradient moves from "
            f"{case.parameters[1].tolist()} to {after.tolist()}",
            counterexample=describe(case),
        )
    for gradients in case.gradients[1:]:
        end = tracer.step(gradients)
    worst = 0.0
    for index, each in enumerate(alone):
        ratio = require(
            Bound(end_of(subject, each).parameter, _allowed(subject, each)),
            end.parameter[8 * index : 8 * index + 8],
            what=f"{subject.name}: parameter {index}, where parameter 1 has no first gradient",
            counterexample=lambda: describe(case),
        )
        worst = larger(worst, ratio)
    return worst


def _alone(case: Case, index: int, skipped: int) -> Case:
    """One parameter of ``case``, which starts ``skipped`` steps later."""

    def of(signals: Mapping[str, Any]) -> dict[str, Any]:
        return {name: (v[index],) if isinstance(v, tuple) else v for name, v in signals.items()}

    return replace(
        case,
        parameters=(case.parameters[index],),
        gradients=tuple((each[index],) for each in case.gradients[skipped:]),
        signals=tuple(of(each) for each in case.signals[skipped:]),
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
    case = draw_case(subject, data, min_steps=1, max_steps=3, layouts=(VECTOR,), from_zero=True)
    if subject.claim.complex_numbers == "pairs":
        rows = [each[0][:4] + 1j * each[0][4:] for each in case.gradients]
        real = case
    else:
        # Twenty bits are kept, so that 3h, 4h and 5h are exact in float32.
        kept = [_shortened(each[0]) for each in case.gradients]
        rows = [(3 + 4j) * each for each in kept]
        real = replace(case, gradients=tuple((5 * each,) for each in kept))
    position = final_position(subject, real)
    end = _complex_end(subject, case, rows)
    pairs = subject.claim.complex_numbers == "pairs"
    quantity, computed = position.parameter, np.concatenate([end.real, end.imag])
    if not pairs:
        # From zero, both parts are the same multiple of the modulus: it is read off both.
        computed = (0.6 * end.real + 0.8 * end.imag).astype(np.float64)
    return require(
        quantity,
        computed,
        what=f"{subject.name}: complex parameters as {subject.claim.complex_numbers}",
        counterexample=lambda: describe(real),
    )


def _shortened(values: Floats) -> Floats:
    significand, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(significand, 20)), exponent - 20)


def _complex_end(subject: Subject, case: Case, rows: Sequence[Any]) -> Any:
    backend = subject.backend
    with under_test(subject, lambda: describe(case)):
        start = backend.asarray(np.zeros_like(rows[0]), "complex64")
        run = subject.rule.start([start], case.hyperparameters)
        for row in rows:
            run.step([backend.asarray(row, "complex64")])
        return backend.to_numpy(run.parameters()[0]).ravel()
