"""The generic laws of update rules: written once, run over every method, dialect and path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import SCALARS, SEVERAL, cases, split
from optcheck.properties.trace import (
    Snapshot,
    Tracer,
    describe,
    flat,
    require,
    run_case,
    under_test,
)
from optcheck.reference import METHODS
from optcheck.reference.oracle import Bound, Position, UpdateOracle

MAX_STEPS = 20


def draw_case(subject: Subject, data: st.DataObject, **options: Any) -> Case:
    """A case from the domains of the subject's method; ``options`` are those of ``cases``."""
    key = repr(options)
    if key not in subject.strategies:
        domains = subject.record.domains(subject.claim.dialect)
        subject.strategies[key] = cases(domains, subject.claim, subject.dtype, **options)
    case: Case = data.draw(subject.strategies[key], label="case")
    return case


def oracle_for(subject: Subject, case: Case) -> UpdateOracle:
    """The oracle of the dialect that the subject claims."""
    claim = subject.claim
    return UpdateOracle(
        subject.record, claim.dialect, case.hyperparameters, subject.working, claim.evaluation
    )


def compare(
    subject: Subject, case: Case, step: int, snapshot: Snapshot, position: Position, how: str
) -> float:
    """Every vector that the library shows against the oracle's, after update ``step``."""
    worst = float("nan")
    for name, computed in snapshot.vectors.items():
        if name in position.vectors:
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
)
def exact_step(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data)
    oracle = oracle_for(subject, case)
    position = oracle.advance(oracle.start(flat(case.parameters)), flat(case.gradients[0]))
    snapshot = run_case(subject, case)[0]
    return compare(subject, case, 1, snapshot, position, "from a fresh start")


@law(
    id="exact-sequence",
    title="A sequence of steps is the equation, step by step and in sum",
    statement=(
        f"Over up to {MAX_STEPS} updates, with a constant or a changing learning rate, the "
        "parameters stay within the accumulated budget of the equation; and each single step, "
        "judged from the state that the implementation itself was in, stays within the budget of "
        "one step. The gradient is taken where the dialect says."
    ),
    oracle="exact",
    capability="update-rule",
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
        rate, gradient = case.rate(step - 1), flat(gradients)
        worst = larger(worst, _evaluation_point(subject, case, tracer, oracle, position, step))
        snapshot = tracer.step(gradients)
        if before is not None and set(before.vectors) >= set(position.vectors):
            # The oracle restarts from the implementation's own state: local error alone.
            local = oracle.advance(oracle.at(step - 1, before.vectors), gradient, rate)
            ratio = compare(subject, case, step, snapshot, local, "from its own state before it")
            worst = larger(worst, ratio)
        position = oracle.advance(position, gradient, rate)
        ratio = compare(subject, case, step, snapshot, position, "from the start")
        worst = larger(worst, ratio)
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
    point = oracle.evaluation_point(position, case.rate(step - 1))
    computed = tracer.evaluation_point()
    return require(
        point,
        computed,
        what=f"{subject.name}: point of evaluation for step {step}",
        counterexample=lambda: _until(case, step, "evaluation point"),
    )


def _traced_from_the_plain_path(subject: Subject) -> str | None:
    if subject.claim.compilation == "programs":
        return "compiled from the plain path, which is asked; each split would compile anew"
    return None


@law(
    id="permuting-and-splitting",
    title="Permuting or splitting the parameters changes nothing",
    statement=(
        "The rule works coordinate by coordinate: parameters given as a few arrays, or one by one "
        "in reverse order, end at the same values up to the rounding budget."
    ),
    oracle="identity",
    capability="update-rule",
    excused=_traced_from_the_plain_path,
    share=0.4,
)
def permuting_and_splitting(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=1, max_steps=4, layouts=(SEVERAL,))
    singly = replace(
        case,
        parameters=split(flat(case.parameters)[::-1], SCALARS),
        gradients=tuple(split(flat(each)[::-1], SCALARS) for each in case.gradients),
        transposed=False,
    )
    oracle = oracle_for(subject, case)
    position = oracle.start(flat(case.parameters))
    for gradients in case.gradients:
        position = oracle.advance(position, flat(gradients))
    together = run_case(subject, case)[-1].parameter
    apart = run_case(subject, singly)[-1].parameter[::-1]
    # Both results lie in one ball, so they are at most its diameter apart.
    return require(
        Bound(together, position.parameter.allowed()),
        apart,
        what=f"{subject.name}: one by one in reverse, against arrays of shapes "
        f"{[array.shape for array in case.parameters]}",
        counterexample=lambda: describe(case),
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
    share=0.4,
)
def resume(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=6)
    stop = data.draw(st.integers(1, case.steps - 1), label="stop after")
    whole = run_case(subject, case)[-1].parameter

    first = Tracer(subject, replace(case, gradients=case.gradients[:stop]))
    for gradients in first.case.gradients:
        first.step(gradients)
    backend = subject.backend
    with under_test(subject, describe(case)):
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
    share=0.2,
)
def contract(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=3, layouts=(SEVERAL,))
    first, second = run_case(subject, case)[-1], _watched(subject, case)
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


def _has_momentum(subject: Subject) -> bool:
    return "momentum" in subject.record.hyperparameters


def _refuses_zero_momentum(subject: Subject) -> str | None:
    domains = subject.record.domains(subject.claim.dialect)
    typical = {name: domain.typical[0] for name, domain in domains.items()}
    return subject.claim.limits({**typical, "momentum": 0.0})


@law(
    id="zero-momentum-is-gradient-descent",
    title="With momentum 0 the rule is gradient descent",
    statement="With momentum 0 (and no dampening) every form of momentum is gradient descent.",
    oracle="exact",
    capability="update-rule",
    equations=("gradient-descent-update",),
    about=_has_momentum,
    excused=_refuses_zero_momentum,
    share=0.4,
)
def zero_momentum(subject: Subject, data: st.DataObject) -> float:
    fixed = {"momentum": 0.0}
    if "dampening" in subject.record.domains(subject.claim.dialect):
        fixed["dampening"] = 0.0
    case = draw_case(subject, data, min_steps=1, max_steps=5, fixed=fixed)
    rate = {"learning_rate": case.hyperparameters["learning_rate"]}
    oracle = UpdateOracle(METHODS["gradient-descent"], "plain", rate, subject.working)
    position = oracle.start(flat(case.parameters))
    worst = 0.0
    for step, snapshot in enumerate(run_case(subject, case), start=1):
        position = oracle.advance(position, flat(case.gradients[step - 1]))
        ratio = compare(subject, case, step, snapshot, position, "against gradient descent")
        worst = larger(worst, ratio)
    return worst
