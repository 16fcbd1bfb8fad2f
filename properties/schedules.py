"""Laws of learning-rate schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import EndsSchedule, Floats, ResumesSchedule
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.strategies import hyperparameters
from optcheck.properties.trace import require, under_test
from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.oracle import Quantity, namespace, schedule_rates
from optcheck.reference.schedules.record import ClosedForm, Schedule

# Past the longest usual decay, so that what follows the end is seen.
MAX_STEPS = 24
# Of a recursion that is asked whether it drifts.
MANY_STEPS = 2000


def _draw_settings(
    subject: Subject, data: st.DataObject, fixed: dict[str, float] | None = None
) -> dict[str, float]:
    record = subject.record
    legal = hyperparameters(record.hyperparameters, subject.claim, fixed, record.constraint)
    return data.draw(legal, label="hyperparameters")


def _oracle(subject: Subject, h: dict[str, float], steps: int) -> Quantity:
    return schedule_rates(subject.record, subject.claim.dialect, h, steps, subject.working)


def _until(subject: Subject, h: dict[str, float], steps: int) -> int:
    """So many updates, or as many as the library has rates for."""
    rule = subject.rule
    horizon = rule.horizon(h) if isinstance(rule, EndsSchedule) else None
    return steps if horizon is None else min(steps, horizon)


def _told(h: dict[str, float], steps: int, **more: Any) -> dict[str, Any]:
    return {"hyperparameters": h, "steps": steps, **more}


def _rates(subject: Subject, h: dict[str, float], steps: int) -> Floats:
    with under_test(subject, lambda: _told(h, steps)):
        return np.array(list(subject.rule.rates(h, steps)), dtype=np.float64)


def _require(
    subject: Subject, h: dict[str, float], quantity: Quantity, computed: Floats, what: str
) -> float:
    steps = len(computed)
    return require(
        quantity,
        computed,
        what=f"{subject.name}: {what}",
        counterexample=lambda: _told(h, steps),
        body=lambda: subject.rule.script(h, steps),
    )


@law(
    id="schedule-values",
    title="The learning rate at every step is the equation",
    statement=(
        "From step 0 to beyond its end, the schedule gives the exact value of its equation within "
        "the rounding budget of the form that it is computed in (closed form, or the recursion "
        "that libraries chain from step to step)."
    ),
    oracle="exact",
    capability="schedule",
    equations=("sgd-with-learning-rate-schedule",),
    share=0.5,
)
def schedule_values(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data)
    steps = _until(subject, h, data.draw(st.integers(1, MAX_STEPS), label="steps"))
    computed = _rates(subject, h, steps)
    what = f"rates at steps 0 to {steps - 1}"
    return _require(subject, h, _oracle(subject, h, steps), computed, what)


@law(
    id="schedule-starts-at-its-initial-rate",
    title="The first update uses the initial rate",
    statement=(
        "At step 0 a schedule that falls gives its initial rate: the count starts at 0, not at 1."
    ),
    oracle="exact",
    capability="schedule",
    equations=("sgd-with-learning-rate-schedule",),
    about=lambda subject: (
        "initial_rate" in subject.record.hyperparameters
        and subject.record.id != "bounded-exponential-schedule"
    ),
    share=0.2,
)
def schedule_start(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data)
    initial = Arithmetic.exact().array([h["initial_rate"]])
    start = Quantity(initial, _oracle(subject, h, 1).working)
    return _require(subject, h, start, _rates(subject, h, 1), "rate at step 0")


def _holds(subject: Subject) -> bool:
    return subject.record.end is not None


@law(
    id="schedule-holds-after-its-end",
    title="After its end a schedule gives the same rate for ever",
    statement=(
        "From the step where a schedule ends, the rate is its final value within the budget, and "
        "does not change by a single bit from there on."
    ),
    oracle="exact",
    capability="schedule",
    about=_holds,
    share=0.15,
)
def schedule_holds(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data)
    end = subject.record.end(h)
    steps = _until(subject, h, end + 4)
    computed, exact = _rates(subject, h, steps)[end:], _oracle(subject, h, steps)
    if np.any(computed != computed[0]):
        raise Deviation(
            f"{subject.name}: after its end at step {end} the rates are {computed.tolist()}",
            counterexample=_told(h, steps),
        )
    last = Quantity(
        Balls(exact.exact.balls[end:], exact.exact.arithmetic),
        Balls(exact.working.balls[end:], exact.working.arithmetic),
    )
    return require(
        last,
        computed,
        what=f"{subject.name}: rate after its end at step {end}",
        counterexample=lambda: _told(h, steps),
    )


@law(
    id="schedule-goes-one-way",
    title="A schedule that falls never rises, and one that rises never falls",
    statement=(
        "From step to step the rate moves towards where the schedule ends, or stays: it goes back "
        "by no more than what both rates may be off by rounding."
    ),
    oracle="identity",
    capability="schedule",
    about=lambda subject: bool(subject.record.monotone),
    share=0.15,
)
def schedule_goes_one_way(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data)
    steps = _until(subject, h, MAX_STEPS)
    exact = _oracle(subject, h, steps)
    values, allowed = exact.expected(), exact.allowed()
    way = float(np.sign(values[-1] - values[0]))
    computed = _rates(subject, h, steps)
    back = -way * np.diff(computed) if way else np.abs(np.diff(computed))
    room = allowed[1:] + allowed[:-1]
    if not np.all(np.isfinite(room)):
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(back > 0.0, back / room, 0.0)
    worst = int(np.argmax(excess))
    if not excess[worst] <= 1.0:
        raise Deviation(
            f"{subject.name}: the rate goes back from {computed[worst]:.17g} at step {worst} to "
            f"{computed[worst + 1]:.17g}, {excess[worst]:.3g} times what rounding explains",
            ratio=float(excess[worst]),
            counterexample=_told(h, steps),
        )
    return float(excess[worst])


@law(
    id="schedule-does-not-drift",
    title=f"A recursion is the closed form after {MANY_STEPS} steps",
    statement=(
        f"After each of {MANY_STEPS} steps a schedule that is chained from step to step is the "
        "value of its closed form within the budget of the recursion, whose rounding errors add "
        "up by its own factors: there is no drift beyond it."
    ),
    oracle="exact",
    capability="schedule",
    about=lambda subject: subject.claim.dialect == "recursive",
    share=0.05,
)
def schedule_does_not_drift(subject: Subject, data: st.DataObject) -> float:
    lengths = {name: float(MANY_STEPS // 3) for name in _LENGTHS}
    fixed = {name: lengths[name] for name in subject.record.hyperparameters if name in lengths}
    h = _draw_settings(subject, data, fixed)
    steps = _until(subject, h, MANY_STEPS)
    computed = _rates(subject, h, steps)
    return _require(subject, h, _oracle(subject, h, steps), computed, f"rates of {steps} steps")


_LENGTHS = ("decay_steps", "warm_up_steps", "first_milestone", "second_milestone")


def _resumes(way: str) -> Any:
    return lambda s: isinstance(s.rule, ResumesSchedule) and way in s.rule.ways


def _resumed(subject: Subject, h: dict[str, float], start: int, steps: int, way: str) -> Floats:
    with under_test(subject, lambda: _told(h, steps, start=start)):
        rates = subject.rule.resumed(h, start, steps, way)
        return np.array(list(rates), dtype=np.float64)


def _goes_on(subject: Subject, data: st.DataObject, way: str) -> float:
    h = _draw_settings(subject, data)
    steps = _until(subject, h, MAX_STEPS)
    start = data.draw(st.integers(0, steps - 1), label="resumed at")
    return _same(subject, h, steps, start, way)


def _same(subject: Subject, h: dict[str, float], steps: int, start: int, way: str) -> float:
    whole = _rates(subject, h, steps)[start:]
    resumed = _resumed(subject, h, start, steps - start, way)
    if not np.array_equal(whole, resumed):
        raise Deviation(
            f"{subject.name}: resumed at step {start} the rates are {resumed.tolist()}, and "
            f"without a break {whole.tolist()}",
            counterexample=_told(h, steps, start=start, way=way),
        )
    return 0.0


@law(
    id="schedule-resumes-from-its-state",
    title="A schedule goes on from its saved state",
    statement=(
        "Saved after any step with its optimizer, through bytes, and restored into new ones, a "
        "schedule gives the very rates that it gives without the break."
    ),
    oracle="identity",
    capability="schedule",
    about=_resumes("state"),
    share=0.15,
)
def schedule_resumes_from_its_state(subject: Subject, data: st.DataObject) -> float:
    return _goes_on(subject, data, "state")


@law(
    id="schedule-resumes-from-its-last-epoch",
    title="A schedule goes on from the number of its last step",
    statement=(
        "Made anew for the restored optimizer and told the number of its last step alone, a "
        "schedule gives the very rates that it gives without the break. Where periods grow by a "
        "factor, it is resumed in the third one too; where it warms up first, after that."
    ),
    oracle="identity",
    capability="schedule",
    about=_resumes("last-epoch"),
    share=0.15,
)
def schedule_resumes_from_its_last_epoch(subject: Subject, data: st.DataObject) -> float:
    if "period_factor" in subject.record.hyperparameters:
        grows = {"first_period": 2.0, "period_factor": 2.0}
        h = _draw_settings(subject, data, grows)
        _same(subject, h, 12, 7, "last-epoch")
    if {"warm_up_steps", "decay_steps"} <= subject.record.hyperparameters.keys():
        warms_up = {"warm_up_steps": 4.0, "decay_steps": 10.0, "final_rate": 0.0}
        _same(subject, _draw_settings(subject, data, warms_up), 10, 6, "last-epoch")
    return _goes_on(subject, data, "last-epoch")


@law(
    id="schedule-rises-from-0",
    title="A share of 0 to begin with is left, or refused",
    statement=(
        "A schedule that begins with a share of its rate, held for two steps, comes to the values "
        "of its closed form from a share of 0 too, or the library refuses that."
    ),
    oracle="exact",
    capability="schedule",
    about=lambda subject: 0.0 not in subject.record.hyperparameters.get("start_factor", (0.0,)),
    share=0.05,
)
def schedule_rises_from_0(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data, {"start_factor": 0.0, "warm_up_steps": 2.0})
    form, steps = subject.record.closed_form, 5
    quantity = Quantity(
        *(
            Balls([form(namespace(each, h, tau)).ball for tau in range(steps)], each)
            for each in (Arithmetic.exact(), subject.working)
        )
    )
    with under_test(subject, lambda: _told(h, steps)):
        try:
            computed = np.array(list(subject.rule.rates(h, steps)), dtype=np.float64)
        except ValueError as refusal:
            raise NotShown(f"{subject.name} refuses it: {refusal}") from None
    return _require(subject, h, quantity, computed, "rates from a share of 0")


@law(
    id="schedule-far-out",
    title="A schedule that is asked for a late step gives the rate of that step",
    statement=(
        "Asked for the rates about a step up to 100,000, with nothing of what was before, a "
        "schedule gives the exact values within the budget of its form: it counts steps, and not "
        "its calls. Warm restarts are asked where they restart: after 1 + m + ... + m^n steps."
    ),
    oracle="exact",
    capability="schedule",
    about=_resumes("count"),
    share=0.15,
)
def schedule_far_out(subject: Subject, data: st.DataObject) -> float:
    if "period_factor" in subject.record.hyperparameters:
        return _at_restarts(subject, data)
    h = _draw_settings(subject, data)
    near = _about(subject, h, data.draw(st.integers(0, 40), label="first step"))
    # Past the counts that 16 bits hold.
    far = _about(subject, h, data.draw(st.integers(2**15, 100_000), label="first late step"))
    return max(near, far)


def _at_restarts(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data, {"first_period": 1.0})
    worst = 0.0
    for factor in (2, 3, 5, 7, 10):
        settings, step = {**h, "period_factor": float(factor)}, 1
        for power in range(1, 7):
            worst = max(worst, _about(subject, settings, step))
            step += factor**power
    return worst


def _form(subject: Subject) -> ClosedForm:
    """The claimed form, or the closed one where a recursion has none."""
    record: Schedule = subject.record
    return record.forms.get(subject.claim.dialect, record.closed_form)


def _about(subject: Subject, h: dict[str, float], start: int) -> float:
    """The rates at three steps from ``start`` on."""
    form = _form(subject)
    steps = range(start, start + 3)
    quantity = Quantity(
        *(
            Balls([form(namespace(each, h, tau)).ball for tau in steps], each)
            for each in (Arithmetic.exact(), subject.working)
        )
    )
    return require(
        quantity,
        _resumed(subject, h, start, len(steps), "count"),
        what=f"{subject.name}: rates from step {start} on",
        counterexample=lambda: _told(h, len(steps), start=start),
    )


@law(
    id="schedule-without-a-rise",
    title="A schedule whose rise takes no steps starts at its full rate",
    statement=(
        "With a warm-up of 0 steps, or a cycle whose rise ends where it begins, the first update "
        "has the rate that the second one has after a rise of one step, or the library refuses it."
    ),
    oracle="exact",
    capability="schedule",
    about=lambda subject: subject.record.rises is not None,
    share=0.05,
)
def schedule_without_a_rise(subject: Subject, data: st.DataObject) -> float:
    drawn = _draw_settings(subject, data)
    none, one = ({**drawn, **settings} for settings in subject.record.rises)
    form = _form(subject)
    full = (
        Balls([form(namespace(each, one, 1)).ball], each)
        for each in (Arithmetic.exact(), subject.working)
    )
    with under_test(subject, lambda: _told(none, 2)):
        try:
            first = float(next(iter(subject.rule.rates(none, 2))))
        except ValueError as refusal:
            raise NotShown(f"{subject.name} refuses it: {refusal}") from None
    return require(
        Quantity(*full),
        np.array([first]),
        what=f"{subject.name}: rate at step 0 without a rise",
        counterexample=lambda: _told(none, 2),
        body=lambda: subject.rule.script(none, 2),
    )
