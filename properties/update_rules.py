"""The generic laws of update rules: written once, run over every method, dialect and path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import SCALARS, SEVERAL, cases, split
from optcheck.properties.trace import (
    Snapshot,
    Tracer,
    describe,
    end_of,
    flat,
    require,
    run_case,
    signals_at,
    under_test,
)
from optcheck.reference.balls import Balls
from optcheck.reference.oracle import Bound, Position, UpdateOracle

MAX_STEPS = 12

# Judged from the start as well. What follows is proved by its single steps: each starts from all
# of the state, so that errors are what rounding made of them and nothing else.
FROM_THE_START = 4


def draw_case(subject: Subject, data: st.DataObject, **options: Any) -> Case:
    """A case from the domains of the subject's method; ``options`` are those of ``cases``."""
    key = repr(options)
    if key not in subject.strategies:
        subject.strategies[key] = cases(subject.record, subject.claim, subject.dtype, **options)
    case: Case = data.draw(subject.strategies[key], label="case")
    return case


def usual(subject: Subject) -> dict[str, float]:
    """The simplest of the usual values of every hyper-parameter."""
    domains = subject.record.domains(subject.claim.dialect)
    return {name: domain.typical[0] for name, domain in domains.items()}


def stabilised(subject: Subject) -> dict[str, float]:
    """Hyper-parameters with which a zero gradient divides nothing by zero."""
    return {name: value for name, value in usual(subject).items() if name == "epsilon"}


def refuses(subject: Subject, values: Mapping[str, float]) -> str | None:
    """Why the library does not take exactly these hyper-parameters, if it does not."""
    chosen = [name for name in values if name in subject.claim.fixed]
    if chosen:
        return f"{subject.backend.name} lets nobody choose {', '.join(chosen)} here"
    return subject.claim.limits(values)


def oracle_for(subject: Subject, case: Case) -> UpdateOracle:
    """The oracle of the dialect that the subject claims."""
    claim = subject.claim
    return UpdateOracle(
        subject.record, claim.dialect, case.hyperparameters, subject.working, claim.evaluation
    )


def positions_of(subject: Subject, case: Case) -> Iterator[Position]:
    """The oracle's position after each update of ``case``."""
    oracle = oracle_for(subject, case)
    position = oracle.start(flat(case.parameters))
    for step, gradients in enumerate(case.gradients):
        position = oracle.advance(
            position, flat(gradients), case.rate(step), signals_at(case, step)
        )
        yield position


def final_position(subject: Subject, case: Case) -> Position:
    """The oracle's position after the last update of ``case``."""
    *_, last = positions_of(subject, case)
    return last


def compare(
    subject: Subject, case: Case, step: int, snapshot: Snapshot, position: Position, how: str
) -> float:
    """Every vector that the library shows against the oracle's, after update ``step``."""
    worst = float("nan")
    for name, computed in snapshot.vectors.items():
        if name in position.vectors and isinstance(position.vectors[name].exact, Balls):
            ratio = require(
                position.vectors[name],
                computed,
                what=f"{subject.name}: {name} after step {step} ({how})",
                counterexample=lambda name=name: _until(case, step, name),  # type: ignore[misc]
                body=lambda name=name: subject.rule.script(case.until(step), name),  # type: ignore[misc]
            )
            worst = larger(worst, ratio)
    return worst


def _until(case: Case, step: int, quantity: str) -> dict[str, Any]:
    return {**describe(case.until(step)), "quantity": quantity, "step": step}


def larger(first: float, second: float) -> float:
    """The larger of two ratios; one that decided nothing (NaN) does not count."""
    return float(np.fmax(first, second))


def traced_from_the_plain_path(subject: Subject) -> str | None:
    """Why a compiled path is not asked what its plain path is asked."""
    if subject.claim.compilation == "programs":
        return "compiled from the plain path, which is asked; each case would compile anew"
    return None


def _traced_in_this_dtype(subject: Subject) -> str | None:
    first = subject.dtype == subject.claim.dtypes[0]
    return None if first else traced_from_the_plain_path(subject)


@law(
    id="exact-step",
    title="One step is the equation",
    statement=(
        "From a fresh start, one update gives the exact value of the claimed dialect's equation, "
        "within the rounding that a correct implementation may do on this very input; so does "
        "the state that the library shows."
    ),
    oracle="exact",
    capability="update-rule",
    every_path=False,
    with_modifiers=True,
)
def exact_step(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data)
    position = final_position(subject, case)
    snapshot = run_case(subject, case)[0]
    return compare(subject, case, 1, snapshot, position, "from a fresh start")


@law(
    id="exact-sequence",
    title="A sequence of steps is the equation, step by step and in sum",
    statement=(
        f"Over up to {MAX_STEPS} updates, with a constant or a changing learning rate, each "
        "single step, judged from the state that the implementation was in, stays within the "
        f"budget of one step. Up to step {FROM_THE_START}, and all the way where the state is not "
        "shown, the parameters stay within the accumulated budget of the equation too. The "
        "gradient is taken where the dialect says."
    ),
    oracle="exact",
    capability="update-rule",
    excused=_traced_in_this_dtype,
    with_modifiers=True,
    share=0.6,
)
def exact_sequence(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=MAX_STEPS, scheduled=True)
    oracle = oracle_for(subject, case)
    tracer = Tracer(subject, case)
    position = oracle.start(flat(case.parameters))
    before: Snapshot | None = None
    worst = 0.0
    for step, gradients in enumerate(case.gradients, start=1):
        own = position
        if before is not None and set(before.vectors) >= set(position.vectors):
            # The oracle restarts from the implementation's own state: local error alone.
            own = oracle.at(step - 1, before.vectors)
        worst = larger(worst, _evaluation_point(subject, case, tracer, oracle, own, step))
        snapshot = tracer.step(gradients)
        told = (flat(gradients), case.rate(step - 1), signals_at(case, step - 1))
        local = position
        if own is not position:
            local = oracle.advance(own, *told)
            ratio = compare(subject, case, step, snapshot, local, "from its own state before it")
            worst = larger(worst, ratio)
        if own is position or step <= FROM_THE_START:
            position = oracle.advance(position, *told)
            ratio = compare(subject, case, step, snapshot, position, "from the start")
            worst = larger(worst, ratio)
        else:
            position = local
        before = snapshot
    return worst


def _evaluation_point(
    subject: Subject,
    case: Case,
    tracer: Tracer,
    oracle: UpdateOracle,
    position: Position,
    step: int,
) -> float:
    if oracle.form.evaluation_point is None:
        return 0.0
    return require(
        oracle.evaluation_point(position, case.rate(step - 1)),
        tracer.evaluation_point(),
        what=f"{subject.name}: point of evaluation for step {step}",
        counterexample=lambda: _until(case, step, "evaluation point"),
    )


def is_elementwise(subject: Subject) -> bool:
    """Whether the rule treats every coordinate alone."""
    return bool(subject.record.elementwise)


@law(
    id="permuting-and-splitting",
    title="Permuting or splitting the parameters changes nothing",
    statement=(
        "The rule works coordinate by coordinate: parameters given as a few arrays, or one by one "
        "in reverse order, end at the same values up to the rounding budget."
    ),
    oracle="identity",
    capability="update-rule",
    about=is_elementwise,
    excused=traced_from_the_plain_path,
    one_dtype=True,
    share=0.2,
)
def permuting_and_splitting(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=1, max_steps=4, layouts=(SEVERAL,))
    position = final_position(subject, case)
    singly = _singly(case)
    together = end_of(subject, case).parameter
    apart = end_of(subject, singly).parameter[::-1]
    # Both results lie in one ball, so they are at most its diameter apart.
    return require(
        Bound(together, position.parameter.allowed()),
        apart,
        what=f"{subject.name}: one by one in reverse, against arrays of shapes "
        f"{[array.shape for array in case.parameters]}",
        counterexample=lambda: describe(case),
    )


def _singly(case: Case) -> Case:
    """The same coordinates in reverse order, each an array of its own."""

    def reversed_scalars(arrays: Sequence[Floats]) -> tuple[Floats, ...]:
        return split(flat(arrays)[::-1], SCALARS)

    signals = tuple(
        {
            name: reversed_scalars(value) if isinstance(value, tuple) else value
            for name, value in each.items()
        }
        for each in case.signals
    )
    return replace(
        case,
        parameters=reversed_scalars(case.parameters),
        gradients=tuple(reversed_scalars(each) for each in case.gradients),
        transposed=False,
        signals=signals,
    )


@law(
    id="resume",
    title="Resuming from saved state equals not stopping",
    statement=(
        "Saved by the library's own means in the middle of a run and restored into a new "
        "optimizer, the run ends at bit for bit the same parameters as one that never stopped."
    ),
    oracle="identity",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    one_dtype=True,
    share=0.2,
)
def resume(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=6)
    stop = data.draw(st.integers(1, case.steps - 1), label="stop after")
    whole = end_of(subject, case).parameter

    first = Tracer(subject, case)
    for gradients in case.gradients[:stop]:
        first.step(gradients)
    backend = subject.backend
    with under_test(subject, lambda: describe(case)):
        saved = first.run.save()
        # float64 holds the values of every dtype, so this copy is exact.
        copies = [
            backend.asarray(backend.to_numpy(array), case.dtype)
            for array in first.run.parameters()
        ]
        first.run = subject.rule.resume(saved, copies, case.hyperparameters)
    for gradients in case.gradients[stop:]:
        first.step(gradients)
    resumed = first.snapshot().parameter
    if not np.array_equal(whole, resumed, equal_nan=True):
        raise Deviation(
            f"{subject.name}: stopped after step {stop} of {case.steps} and resumed, it ends at "
            f"{resumed.tolist()}, without stopping at {whole.tolist()}",
            counterexample={**describe(case), "stop": stop},
        )
    return 0.0


@law(
    id="contract",
    title="The adapter keeps its contract",
    statement=(
        "Shapes and dtypes of the parameters are kept, gradients come back unchanged and are not "
        "kept by reference, two equal runs give bit for bit equal results, and the implementation "
        "does not ask the reference."
    ),
    oracle="identity",
    capability="update-rule",
    excused=traced_from_the_plain_path,
    with_modifiers=True,
    one_dtype=True,
    share=0.1,
)
def contract(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=3, layouts=(SEVERAL,))
    first, second = end_of(subject, case), _watched(subject, case)
    if not np.array_equal(first.parameter, second.parameter, equal_nan=True):
        raise Deviation(
            f"{subject.name}: two runs on one input end at {first.parameter.tolist()} and, with "
            f"the gradients overwritten after each step, at {second.parameter.tolist()}",
            counterexample=describe(case),
        )
    return 0.0


def _watched(subject: Subject, case: Case) -> Snapshot:
    """The last snapshot of a run whose gradients must come back as they were given.

    After each step they are overwritten, as training loops do that reuse their buffers: a rule
    that kept a reference instead of a copy ends elsewhere.
    """
    tracer = Tracer(subject, case)
    for gradients in case.gradients:
        snapshot = tracer.step(gradients)
        for given, array in zip(gradients, tracer.last_gradients, strict=True):
            after = subject.backend.to_numpy(array)
            if not np.array_equal(given, after):
                raise Deviation(
                    f"{subject.name} changes the gradient that it is given, "
                    f"from {given.tolist()} to {after.tolist()}",
                    counterexample=describe(case),
                )
            _overwrite(array)
    return snapshot


def _overwrite(array: Any) -> None:
    try:
        array[...] = 7.0
    except TypeError:
        return  # immutable: nobody can change it behind the rule's back
