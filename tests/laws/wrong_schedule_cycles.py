"""Wrong cyclic schedules, wrong joined ones, and schedules that do not come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wrong_schedule_shapes import HOLDS, NO_RISE, H, common, instead, named, scaled
from wrong_schedules import VALUES, changed, exponential, linear, wrong
from wrong_variants import Family, Rule, Slip, Wrong, fixed

from optcheck.backends.numpy import schedules as own

DRIFT = "schedule-does-not-drift"
STATE, EPOCH = "schedule-resumes-from-its-state", "schedule-resumes-from-its-last-epoch"

_warm = named("learning_rate", "start_factor", "warm_up_steps")

_CYCLIC = [
    wrong(
        "no-cycle-factor",
        "peaks do not shrink from cycle to cycle",
        changed(own.cyclic_schedule, cycle_factor=lambda h: 1.0),
    ),
    wrong(
        "no-step-factor",
        "peaks do not shrink with time",
        changed(own.cyclic_schedule, step_factor=lambda h: 1.0),
    ),
    wrong(
        "even",
        "falls as fast as it rises",
        changed(own.cyclic_schedule, falling_steps=lambda h: h["rising_steps"]),
    ),
    wrong(
        "from-zero",
        "the peak is added to the base",
        changed(own.cyclic_schedule, peak_rate=lambda h: h["peak_rate"] + h["base_rate"]),
    ),
    wrong(
        "once",
        "has one cycle",
        instead(
            own.cyclic_schedule,
            lambda t, h: t > h["rising_steps"] + h["falling_steps"],
            lambda t, h: h["base_rate"],
        ),
    ),
]


_THREE = (own.one_cycle_cosine_of_three_phases, own.one_cycle_linear_of_three_phases)


def _no_rise(right: Rule) -> Slip:
    return wrong(
        "no-rise",
        "divides by the length of its rise",
        scaled(right, lambda t, h: 1 + 0 / (h["rising_share"] * h["total_steps"] - 1)),
        (NO_RISE,),
        raises=True,
    )


def _one_cycle(right: Rule, curve: Rule, phases: Rule) -> list[Slip]:
    slips = [
        wrong("other-curve", "the other curve", curve),
        wrong("other-phases", "another number of phases", phases),
        wrong(
            "longer",
            "ends one step late",
            changed(right, total_steps=lambda h: h["total_steps"] + 1),
        ),
        wrong(
            "from-the-peak",
            "the last rate is a share of the peak",
            changed(right, end_divisor=lambda h: h["end_divisor"] / h["start_divisor"]),
        ),
        wrong(
            "no-end",
            "ends where it began",
            changed(right, end_divisor=lambda h: 1.0),
            (*VALUES, HOLDS),
        ),
    ]
    return slips if right in _THREE else [*slips, _no_rise(right)]


_WHOLE = [
    wrong(
        "no-middle",
        "never comes back to its start",
        changed(
            own.one_cycle_in_whole_steps,
            falling_steps=lambda h: h["falling_steps"] + h["final_steps"],
        ),
    ),
    wrong(
        "no-end",
        "ends where it began",
        changed(own.one_cycle_in_whole_steps, end_divisor=lambda h: 1.0),
        (*VALUES, HOLDS),
    ),
    wrong(
        "from-the-peak",
        "the last rate is a share of the peak",
        changed(
            own.one_cycle_in_whole_steps,
            end_divisor=lambda h: h["end_divisor"] / h["start_divisor"],
        ),
    ),
    wrong(
        "late",
        "rises one step longer",
        changed(own.one_cycle_in_whole_steps, rising_steps=lambda h: h["rising_steps"] + 1),
    ),
]


def _joined(right: Rule, decay: Callable[[int, H], float]) -> list[Slip]:
    def steps(h: H) -> float:
        return h["warm_up_steps"]

    return [
        wrong(
            "one-count",
            "the decay counts the steps of the warm-up",
            instead(right, lambda t, h: t >= steps(h), lambda t, h: decay(t, h)),
        ),
        wrong("no-warm-up", "begins at the full rate", changed(right, start_factor=lambda h: 1.0)),
        wrong("from-zero", "begins at 0", changed(right, start_factor=lambda h: 0.0)),
        wrong("stays", "never falls", lambda tau, **h: own.linear_warm_up(tau, **_warm(h))),
        wrong(
            "tied",
            "the peak is what the first schedule left",
            changed(
                right, learning_rate=lambda h: h["learning_rate"] * (h["start_factor"] + 1) / 2
            ),
            bug="torch-sequentiallr-tensor-alias",
        ),
        wrong(
            "first-rate",
            "without a warm-up the first schedule still sets the first rate",
            instead(
                right,
                lambda t, h: steps(h) == 0,
                lambda t, h: h["learning_rate"] * h["start_factor"],
            ),
            (NO_RISE,),
            bug="torch-sequentiallr-milestone0",
        ),
    ]


def _then(decay: Rule, *names: str) -> Callable[[int, H], float]:
    return lambda t, h: decay(t, initial_rate=h["learning_rate"], **named(*names)(h))


_REPEATED = [
    wrong(
        "same-peak",
        "the second peak is the first",
        changed(own.repeated_warm_up_cosine, peak_factor=lambda h: 1.0),
    ),
    wrong(
        "once",
        "has one round",
        lambda tau, **h: own.repeated_warm_up_cosine(
            min(tau, int(h["warm_up_steps"] + h["decay_steps"]) - 1), **h
        ),
    ),
    wrong(
        "for-ever",
        "has rounds for ever",
        instead(
            own.repeated_warm_up_cosine,
            lambda t, h: t >= 2 * (h["warm_up_steps"] + h["decay_steps"]),
            lambda t, h: own.repeated_warm_up_cosine(
                int(t % (h["warm_up_steps"] + h["decay_steps"])), **h
            ),
        ),
        (HOLDS,),
    ),
    wrong(
        "no-warm-up",
        "begins at the full rate",
        changed(own.repeated_warm_up_cosine, start_factor=lambda h: 1.0),
    ),
    wrong("to-zero", "falls to 0", changed(own.repeated_warm_up_cosine, final_rate=lambda h: 0.0)),
]
_CHAINED = [
    wrong(
        "no-constant",
        "is the exponential alone",
        changed(own.chained_schedule, start_factor=lambda h: 1.0),
    ),
    wrong(
        "no-exponential",
        "is the warm-up alone",
        changed(own.chained_schedule, decay_factor=lambda h: 1.0),
    ),
    wrong(
        "late",
        "leaves one step late",
        changed(own.chained_schedule, warm_up_steps=lambda h: h["warm_up_steps"] + 1),
    ),
    wrong(
        "joined",
        "the exponential begins after the warm-up",
        instead(
            own.chained_schedule,
            lambda t, h: t >= h["warm_up_steps"],
            lambda t, h: (
                h["learning_rate"]
                * h["decay_factor"] ** ((t - h["warm_up_steps"]) / h["decay_steps"])
            ),
        ),
    ),
]
_END = ("decay_steps", "final_rate")

FAMILIES = [
    Family(method, "closed-form", right, slips, capability="schedule", general=common(right))
    for method, right, slips in (
        ("cyclic-schedule", own.cyclic_schedule, _CYCLIC),
        (
            "one-cycle-cosine",
            own.one_cycle_cosine,
            _one_cycle(
                own.one_cycle_cosine, own.one_cycle_linear, own.one_cycle_cosine_of_three_phases
            ),
        ),
        (
            "one-cycle-linear",
            own.one_cycle_linear,
            _one_cycle(
                own.one_cycle_linear, own.one_cycle_cosine, own.one_cycle_linear_of_three_phases
            ),
        ),
        (
            "one-cycle-cosine-of-three-phases",
            own.one_cycle_cosine_of_three_phases,
            _one_cycle(
                own.one_cycle_cosine_of_three_phases,
                own.one_cycle_linear_of_three_phases,
                own.one_cycle_cosine,
            ),
        ),
        (
            "one-cycle-linear-of-three-phases",
            own.one_cycle_linear_of_three_phases,
            _one_cycle(
                own.one_cycle_linear_of_three_phases,
                own.one_cycle_cosine_of_three_phases,
                own.one_cycle_linear,
            ),
        ),
        ("one-cycle-in-whole-steps", own.one_cycle_in_whole_steps, _WHOLE),
        (
            "warm-up-cosine-schedule",
            own.warm_up_cosine_schedule,
            _joined(
                own.warm_up_cosine_schedule,
                lambda t, h: own.cosine_schedule(
                    t, initial_rate=h["learning_rate"], exponent=1.0, **named(*_END)(h)
                ),
            ),
        ),
        (
            "warm-up-linear-schedule",
            own.warm_up_linear_schedule,
            _joined(own.warm_up_linear_schedule, _then(linear, *_END)),
        ),
        (
            "warm-up-exponential-schedule",
            own.warm_up_exponential_schedule,
            _joined(
                own.warm_up_exponential_schedule, _then(exponential, "decay_factor", "decay_steps")
            ),
        ),
        ("repeated-warm-up-cosine", own.repeated_warm_up_cosine, _REPEATED),
        ("chained-schedule", own.chained_schedule, _CHAINED),
    )
]


def _counts_calls(right: Rule) -> Callable[[], Rule]:
    def make() -> Rule:
        calls = [0]

        def schedule(tau: int, **h: float) -> float:
            calls[0] += 1
            return float(right(calls[0] - 1, **h))

        return schedule

    return make


def _tired(tau: Any, **h: float) -> float:
    """A recursion whose factor has lost its last digits."""
    factor = round(h["decay_factor"] ** (1 / h["decay_steps"]), 12)
    return float(h["initial_rate"] * factor**tau)


def _restored(law: str, way: str) -> Wrong:
    slip = Slip(
        f"unsaved-{way}",
        "counts its calls, and saves no count",
        (law,),
        _counts_calls(exponential),
    )
    return Wrong("schedule", "exponential-schedule", "recursive", slip, {"ways": (way,)})


WRONG = [
    _restored(STATE, "state"),
    _restored(EPOCH, "last-epoch"),
    Wrong(
        "schedule",
        "exponential-schedule",
        "recursive",
        Slip("tired", "its factor is rounded", (DRIFT,), fixed(_tired)),
    ),
]
