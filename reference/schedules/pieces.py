"""Schedules made of pieces: constant, in milestones, polynomial, interpolated, and bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optcheck.reference.domains import non_negative, open_interval, positive
from optcheck.reference.functions import maximum, minimum, power
from optcheck.reference.registry import equation
from optcheck.reference.schedules.cosine import half_wave
from optcheck.reference.schedules.record import (
    FACTOR,
    RATE,
    STEPS,
    WHOLE,
    Schedule,
    schedule,
)

Curve = Callable[[Any, Any, Any], Any]


@equation(
    "constant-learning-rate",
    title="Constant rate",
    formula=r"\eta^{(\tau)}=\eta",
    sources=("optax:constant_schedule",),
)
def constant(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.learning_rate


@equation(
    "multi-step-learning-rate-schedule",
    title="Decay at milestones",
    formula=r"\eta^{(\tau)}=\eta^{(0)}\gamma^{n(\tau)},\quad n(\tau)=\#\{i:\tau_i\le\tau\}",
    sources=("torch:optim.lr_scheduler.MultiStepLR", "optax:piecewise_constant_schedule"),
)
def multi_step(h: Any) -> Any:
    """The rate at ``h.step``."""
    passed = sum(h.count >= milestone for milestone in _milestones(h.given))
    return h.initial_rate * h.decay_factor**passed


def _milestones(given: Any) -> tuple[int, int]:
    return int(given["first_milestone"]), int(given["second_milestone"])


def _multi_step_recursion(previous: Any, tau: int, h: Any) -> Any:
    here = _milestones(h.given).count(tau)
    return previous * h.decay_factor**here if here else previous


@equation(
    "polynomial-learning-rate-schedule",
    title="Polynomial decay to a final rate, constant before and afterwards",
    formula=(
        r"\eta^{(\tau)}=\eta^{(K)}+(\eta^{(0)}-\eta^{(K)})"
        r"\Big(1-\frac{\min(\max(\tau-b,0),K)}{K}\Big)^{p}"
    ),
    sources=("torch:optim.lr_scheduler.PolynomialLR", "optax:polynomial_schedule"),
)
def polynomial(h: Any) -> Any:
    """The rate at ``h.step``."""
    remaining = 1 - minimum(_held(h), h.decay_steps) / h.decay_steps
    return (h.initial_rate - h.final_rate) * power(remaining, h.exponent) + h.final_rate


def _held(h: Any) -> Any:
    """The steps since the rate was let go."""
    return h.at(max(h.count - int(h.given["hold_steps"]), 0)).step


def _polynomial_recursion(previous: Any, tau: int, h: Any) -> Any:
    done = tau - int(h.given["hold_steps"])
    if not 0 < done <= h.given["decay_steps"]:
        return previous
    now, before = (1 - h.at(each).step / h.decay_steps for each in (done, done - 1))
    return (previous - h.final_rate) * power(now / before, h.exponent) + h.final_rate


@equation(
    "bounded-exponential-schedule",
    title="Exponential decay that begins late and stops at a bound",
    formula=r"\eta^{(\tau)}=\max\big(\eta^{(0)}c^{\max(\tau-b,0)/s},\ \eta_{\min}\big)",
    sources=("optax:exponential_decay",),
)
def bounded_exponential(h: Any) -> Any:
    """The rate at ``h.step``."""
    fallen = h.initial_rate * h.decay_factor ** (_held(h) / h.decay_steps)
    return maximum(fallen, h.final_rate)


def straight(start: Any, end: Any, share: Any) -> Any:
    """Between two values on a line."""
    return (end - start) * share + start


def curved(start: Any, end: Any, share: Any) -> Any:
    """Between two values along half a wave of a cosine."""
    return end + (start - end) * half_wave(share)


def along(h: Any, lengths: Sequence[int], levels: Sequence[Any], curve: Curve) -> Any:
    """The value at ``h.step`` of curves of so many steps from level to level; the last stays."""
    begin = 0
    for length, start, end in zip(lengths, levels, levels[1:], strict=False):
        if h.count < begin + length:
            return curve(start, end, (h.step - begin) / h.at(length).step)
        begin += length
    return levels[-1]


def _pieces(h: Any, curve: Curve) -> Any:
    first = h.initial_rate * h.first_scale
    lengths = [int(h.given[name]) for name in ("first_steps", "second_steps")]
    return along(h, lengths, [h.initial_rate, first, first * h.second_scale], curve)


@equation(
    "piecewise-linear-schedule",
    title="Lines between values at boundaries, each a multiple of the one before",
    formula=(
        r"\eta^{(\tau)}=v_i+(v_{i+1}-v_i)\frac{\tau-b_i}{b_{i+1}-b_i}\ "
        r"(b_i\le\tau<b_{i+1}),\quad v_{i+1}=s_iv_i"
    ),
    sources=("optax:piecewise_interpolate_schedule",),
)
def piecewise_linear(h: Any) -> Any:
    """The rate at ``h.step``."""
    return _pieces(h, straight)


@equation(
    "piecewise-cosine-schedule",
    title="Half waves between values at boundaries, each a multiple of the one before",
    formula=(
        r"\eta^{(\tau)}=v_{i+1}+\frac{v_i-v_{i+1}}{2}"
        r"\Big(1+\cos\frac{\pi(\tau-b_i)}{b_{i+1}-b_i}\Big)\ "
        r"(b_i\le\tau<b_{i+1}),\quad v_{i+1}=s_iv_i"
    ),
    sources=("optax:piecewise_interpolate_schedule",),
)
def piecewise_cosine(h: Any) -> Any:
    """The rate at ``h.step``."""
    return _pieces(h, curved)


_FINAL = non_negative(0.01, 0.0, 0.001)
_FALL = {"initial_rate": RATE, "final_rate": _FINAL, "decay_steps": STEPS, "hold_steps": WHOLE}
_PIECES = {
    "initial_rate": RATE,
    "first_steps": STEPS,
    "first_scale": positive(10.0, 2.0, 0.5),
    "second_steps": STEPS,
    "second_scale": positive(0.1, 0.5, 2.0),
}

schedule(
    Schedule(
        id="constant-schedule",
        title="Constant rate",
        source="optax:constant_schedule",
        hyperparameters={"learning_rate": RATE},
        equations=("constant-learning-rate",),
        closed_form=constant,
        end=lambda h: 0,
    )
)
schedule(
    Schedule(
        id="multi-step-schedule",
        title="Decay at milestones",
        source="torch:optim.lr_scheduler.MultiStepLR",
        hyperparameters={
            "initial_rate": RATE,
            "first_milestone": STEPS,
            "second_milestone": STEPS,
            "decay_factor": FACTOR,
        },
        equations=("multi-step-learning-rate-schedule",),
        closed_form=multi_step,
        recursion=_multi_step_recursion,
        end=lambda h: max(_milestones(h)),
        monotone=True,
    )
)
schedule(
    Schedule(
        id="polynomial-schedule",
        title="Polynomial schedule",
        source="torch:optim.lr_scheduler.PolynomialLR",
        hyperparameters={**_FALL, "exponent": positive(1.0, 2.0, 0.5)},
        equations=("polynomial-learning-rate-schedule",),
        closed_form=polynomial,
        recursion=_polynomial_recursion,
        end=lambda h: int(h["hold_steps"] + h["decay_steps"]),
        monotone=True,
    )
)
schedule(
    Schedule(
        id="bounded-exponential-schedule",
        title="Exponential schedule that begins late and is bounded",
        source="optax:exponential_decay",
        hyperparameters={**_FALL, "decay_factor": open_interval(0.5, 0.1, 0.9)},
        equations=("bounded-exponential-schedule",),
        closed_form=bounded_exponential,
        monotone=True,
    )
)
for _name, _curve, _form in (
    ("linear", "lines", piecewise_linear),
    ("cosine", "half waves", piecewise_cosine),
):
    schedule(
        Schedule(
            id=f"piecewise-{_name}-schedule",
            title=f"Piecewise schedule of {_curve}",
            source="optax:piecewise_interpolate_schedule",
            hyperparameters=_PIECES,
            equations=(f"piecewise-{_name}-schedule",),
            closed_form=_form,
            end=lambda h: int(h["first_steps"] + h["second_steps"]),
        )
    )
