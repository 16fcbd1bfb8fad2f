"""Schedules that fall: linear, power law, exponential, inverse time, in steps."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import negative, non_negative
from optcheck.reference.functions import exp, floor, minimum
from optcheck.reference.registry import equation, statement
from optcheck.reference.schedules.record import FACTOR, RATE, STEPS, Schedule, schedule


@equation(
    "linear-learning-rate-schedule",
    title="Linear decay to a final rate, constant afterwards",
    formula=(
        r"\eta^{(\tau)}=(1-\tau/K)\,\eta^{(0)}+(\tau/K)\,\eta^{(K)}\ (\tau\le K),"
        r"\qquad\eta^{(\tau)}=\eta^{(K)}\ (\tau>K)"
    ),
    sources=("bishop:7.36", "goodfellow:8.14"),
)
def linear(h: Any) -> Any:
    """The rate at ``h.step``."""
    fraction = minimum(h.step, h.decay_steps) / h.decay_steps
    return (1 - fraction) * h.initial_rate + fraction * h.final_rate


@equation(
    "power-law-learning-rate-schedule",
    title="Power law",
    formula=r"\eta^{(\tau)}=\eta^{(0)}(1+\tau/s)^{c},\quad c<0",
    sources=("bishop:7.37",),
    erratum="B12: the sign of c is not given; only c < 0 decays.",
)
def power_law(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * (1 + h.step / h.decay_steps) ** h.exponent


@equation(
    "exponential-learning-rate-schedule-base",
    title="Exponential decay",
    formula=r"\eta^{(\tau)}=\eta^{(0)}c^{\tau/s},\quad0<c<1",
    sources=("bishop:7.38",),
    erratum="B12: the range of c is not given; only 0 < c < 1 decays.",
)
def exponential(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * h.decay_factor ** (h.step / h.decay_steps)


@equation(
    "exponential-learning-rate-schedule-rate",
    title="Exponential decay with a rate",
    formula=r"\alpha(\tau)=\alpha_0e^{-k\tau}",
    sources=("trofimov:slide 'Annealing the Learning Rate'",),
)
def exponential_rate(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * exp(-(h.decay_rate * h.step))


@equation(
    "inverse-time-learning-rate-schedule",
    title="Inverse-time decay",
    formula=r"\alpha(\tau)=\frac{\alpha_0}{1+k\tau}",
    sources=("trofimov:slide 'Annealing the Learning Rate'",),
)
def inverse_time(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate / (1 + h.decay_rate * h.step)


@equation(
    "step-decay-learning-rate-schedule",
    title="Step decay",
    formula=r"\alpha(e)=\alpha_0\,\gamma^{\lfloor e/N\rfloor}",
    sources=("trofimov:slide 'Annealing the Learning Rate'", "prince:sec 6.2.2"),
)
def step_decay(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * h.decay_factor ** floor(h.step / h.decay_steps)


def linear_offset(h: Any) -> Any:
    """The same, as what remains above the final rate."""
    remaining = 1 - minimum(h.step, h.decay_steps) / h.decay_steps
    return (h.initial_rate - h.final_rate) * remaining + h.final_rate


def linear_factor(h: Any) -> Any:
    """The same, as a factor of the initial rate."""
    change = h.final_rate / h.initial_rate - 1
    return h.initial_rate * (1 + change * minimum(h.step, h.decay_steps) / h.decay_steps)


def linear_recursion(previous: Any, tau: int, h: Any) -> Any:
    """The rate at ``tau`` from that before."""
    if tau > h.given["decay_steps"]:
        return previous
    slope = h.final_rate / h.initial_rate - 1
    return previous * (1 + slope / (h.decay_steps + (tau - 1) * slope))


def exponential_recursion(previous: Any, tau: int, h: Any) -> Any:
    """The rate at ``tau`` from that before."""
    return previous * h.decay_factor ** (1 / h.decay_steps)


def _exponential_root(h: Any) -> Any:
    return h.initial_rate * (h.decay_factor ** (1 / h.decay_steps)) ** h.step


def _exponential_rate_power(h: Any) -> Any:
    return h.initial_rate * exp(-h.decay_rate) ** h.step


def _exponential_rate_recursion(previous: Any, tau: int, h: Any) -> Any:
    return previous * exp(-h.decay_rate)


def _step_recursion(previous: Any, tau: int, h: Any) -> Any:
    return previous if tau % int(h.given["decay_steps"]) else previous * h.decay_factor


statement(
    "sgd-with-learning-rate-schedule",
    title="Gradient descent with a scheduled rate; the first update uses the rate at 0",
    formula=(
        r"\mathbf{w}^{(\tau)}=\mathbf{w}^{(\tau-1)}"
        r"-\eta^{(\tau-1)}\nabla E_n(\mathbf{w}^{(\tau-1)})"
    ),
    sources=("bishop:7.35",),
)

schedule(
    Schedule(
        id="linear-schedule",
        title="Linear schedule",
        source="bishop:7.36",
        hyperparameters={
            "initial_rate": RATE,
            "final_rate": non_negative(0.01, 0.0, 0.001),
            "decay_steps": STEPS,
        },
        equations=("linear-learning-rate-schedule",),
        closed_form=linear,
        recursion=linear_recursion,
        forms={"offset-form": linear_offset, "factor-form": linear_factor},
        end=lambda h: int(h["decay_steps"]),
        monotone=True,
    )
)
schedule(
    Schedule(
        id="power-law-schedule",
        title="Power-law schedule",
        source="bishop:7.37",
        hyperparameters={
            "initial_rate": RATE,
            "decay_steps": STEPS,
            "exponent": negative(-0.5, -1.0, -0.75, -2.0),
        },
        equations=("power-law-learning-rate-schedule",),
        closed_form=power_law,
        monotone=True,
    )
)
schedule(
    Schedule(
        id="exponential-schedule",
        title="Exponential schedule",
        source="bishop:7.38",
        hyperparameters={
            "initial_rate": RATE,
            "decay_factor": FACTOR,
            "decay_steps": STEPS,
        },
        equations=("exponential-learning-rate-schedule-base",),
        closed_form=exponential,
        recursion=exponential_recursion,
        forms={"root-form": _exponential_root},
        monotone=True,
    )
)
schedule(
    Schedule(
        id="exponential-rate-schedule",
        title="Exponential schedule given by its rate",
        source="trofimov:slide 'Annealing the Learning Rate'",
        hyperparameters={
            "initial_rate": RATE,
            "decay_rate": non_negative(0.1, 1.0, 0.01, 0.0),
        },
        equations=("exponential-learning-rate-schedule-rate",),
        closed_form=exponential_rate,
        recursion=_exponential_rate_recursion,
        forms={"power-form": _exponential_rate_power},
        monotone=True,
    )
)
schedule(
    Schedule(
        id="inverse-time-schedule",
        title="Inverse-time schedule",
        source="trofimov:slide 'Annealing the Learning Rate'",
        hyperparameters={
            "initial_rate": RATE,
            "decay_rate": non_negative(0.1, 1.0, 0.01, 0.0),
        },
        equations=("inverse-time-learning-rate-schedule",),
        closed_form=inverse_time,
        monotone=True,
    )
)
schedule(
    Schedule(
        id="step-schedule",
        title="Step schedule",
        source="prince:sec 6.2.2",
        hyperparameters={
            "initial_rate": RATE,
            "decay_factor": FACTOR,
            "decay_steps": STEPS,
        },
        equations=("step-decay-learning-rate-schedule",),
        closed_form=step_decay,
        recursion=_step_recursion,
        monotone=True,
    )
)
