"""Laws about how a rule is constructed: its defaults, and its other paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.strategies import (
    SEVERAL,
    VECTOR,
    Gradients,
)
from optcheck.properties.trace import (
    Tracer,
    describe,
    end_of,
    require,
)
from optcheck.properties.update_rules import (
    compare,
    draw_case,
    final_position,
    larger,
    positions_of,
    traced_from_the_plain_path,
)
from optcheck.reference.oracle import Bound


def _states_no_defaults(subject: Subject) -> str | None:
    if subject.claim.defaults is None:
        return "the adapter states no documented defaults"
    return traced_from_the_plain_path(subject)


@law(
    id="defaults",
    title="What is left out takes its documented value",
    statement=(
        "Constructed without the hyper-parameters that have defaults, the rule is the equation "
        "with the documented ones, over steps enough to reach every limit among them."
    ),
    oracle="exact",
    capability="update-rule",
    excused=_states_no_defaults,
    with_modifiers=True,
    one_dtype=True,
    share=0.2,
)
def defaults(subject: Subject, data: st.DataObject) -> float:
    documented = dict(subject.claim.defaults or {})
    # A step size that starts at 0.01 and grows by 1.2 meets its limit of 50 after 47 steps.
    steps = 8 if subject.record.scheduled else 60
    case = draw_case(
        subject,
        data,
        fixed=documented,
        min_steps=steps,
        max_steps=steps,
        gradients=Gradients(("constant", "alternating"), noise=False),
        layouts=(SEVERAL,) if subject.record.elementwise else (VECTOR,),
    )
    given = {name: v for name, v in case.hyperparameters.items() if name not in documented}
    tracer = Tracer(subject, case, given)
    worst = 0.0
    for step, position in enumerate(positions_of(subject, case), start=1):
        snapshot = tracer.step(case.gradients[step - 1])
        how = f"constructed with {given or 'nothing'}; documented: {documented}"
        worst = larger(worst, compare(subject, case, step, snapshot, position, how))
    return worst


def _is_not_the_plain_path(subject: Subject) -> bool:
    return bool(_plain(subject).claim != subject.claim)


def _plain(subject: Subject) -> Any:
    """The first implementation of the same method in the same dialect."""
    claim = subject.claim
    return next(
        rule
        for rule in subject.backend.update_rules()  # type: ignore[attr-defined]
        if (rule.claim.method, rule.claim.dialect) == (claim.method, claim.dialect)
        and subject.dtype in rule.claim.dtypes
    )


@law(
    id="paths-agree",
    title="All paths of one rule agree",
    statement=(
        "Foreach, fused, capturable, differentiable, compiled and jitted paths and wrappers end "
        "where the plain path of the same library ends, to within the two budgets."
    ),
    oracle="identity",
    capability="update-rule",
    about=_is_not_the_plain_path,
    with_modifiers=True,
    one_dtype=True,
    share=0.1,
)
def paths_agree(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=1, max_steps=4)
    other = replace(subject, rule=_plain(subject))
    if other.claim.limits(case.hyperparameters) is not None:
        return float("nan")
    here, there = (final_position(each, case).parameter.allowed() for each in (subject, other))
    return require(
        # Each end lies within half its allowance of the exact one.
        Bound(end_of(other, case).parameter, (here + there) / 2),
        end_of(subject, case).parameter,
        what=f"{subject.name}: against {other.claim.name}",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )
