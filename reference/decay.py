"""What can be joined to any update rule: weight decay, a falling rate, maximising.

Weight decay has two forms that are one rule for plain gradient descent alone. *Coupled* adds
``weight_decay * w`` to the gradient, so that momentum and adaptive scaling act on it too;
*decoupled* shrinks the parameter beside the update (Loshchilov and Hutter).
"""

from __future__ import annotations

from copy import copy
from typing import Any

from optcheck.reference.balls import Balls
from optcheck.reference.domains import non_negative, positive, unit_interval
from optcheck.reference.momentum import MOMENTUM
from optcheck.reference.registry import Dialect, Method, Modifier, equation, method, modifier


@equation(
    "weight-decay-decoupled",
    title="Decoupled weight decay",
    formula=r"\mathbf w\leftarrow\mathbf w-\eta\,\big(\mathbf d+\lambda\mathbf w\big)",
    sources=("prince:Notes SGD vs. Adam", "loshchilov-hutter:Alg 2"),
)
def decoupled_decay(w: Any, weight_decay: Any, learning_rate: Any) -> Any:
    """What decoupled decay takes off: ``learning_rate * (weight_decay * w)``."""
    return learning_rate * (weight_decay * w)


@equation(
    "weight-decay-coupled",
    title="Coupled weight decay: the gradient of an L2 penalty",
    formula=r"\mathbf g\leftarrow\mathbf g+\lambda\mathbf w",
    sources=("prince:Notes SGD vs. Adam", "loshchilov-hutter:Alg 1"),
)
def coupled_gradient(w: Any, g: Any, weight_decay: Any) -> Any:
    """``g + weight_decay * w``."""
    return g + weight_decay * w


@equation(
    "inverse-time-rate",
    title="A learning rate that falls with the step number, inside the rule",
    formula=r"\eta_t=\frac{\eta}{1+(t-1)\,d}",
    sources=("torch:optim.Adagrad",),
)
def inverse_time_rate(learning_rate: Any, rate_decay: Any, step: Any) -> Any:
    """``learning_rate / (1 + (step - 1) * rate_decay)``."""
    return learning_rate / (1 + (step - 1) * rate_decay)


@equation(
    "gradient-ascent-update",
    title="Maximising: the gradient changes its sign, and nothing else does",
    formula=r"\mathbf g\leftarrow-\nabla E(\mathbf w)",
    sources=("goodfellow:8.3", "torch:optim"),
    erratum="G49: the text maximises J in (8.1) to (8.3) and minimises it elsewhere.",
)
def ascent_gradient(g: Any) -> Any:
    """``-g``, before weight decay is added: decay shrinks the parameter all the same."""
    return -g


def _decoupled(update: Any) -> Any:
    def decayed(w: Any, g: Any, state: Any, h: Any) -> Any:
        if "decay-factor" in h.evaluation:
            return update(w * (1 - h.learning_rate * h.weight_decay), g, state, h)
        new, after = update(w, g, state, h)
        return shrunk(w, new, decoupled_decay(w, h.weight_decay, h.learning_rate)), after

    return decayed


def shrunk(w: Any, new: Any, decay: Any) -> Any:
    """``new - decay``, or ``w - ((w - new) + decay)``: taken off one by one or at once."""
    result = new - decay
    return result.reordered(w - new, decay) if isinstance(result, Balls) else result


def _coupled(update: Any) -> Any:
    return lambda w, g, state, h: update(w, coupled_gradient(w, g, h.weight_decay), state, h)


def _rate_decay(update: Any) -> Any:
    def slowed(w: Any, g: Any, state: Any, h: Any) -> Any:
        now = copy(h)
        now.learning_rate = inverse_time_rate(h.learning_rate, h.rate_decay, h.step)
        return update(w, g, state, now)

    return slowed


def _maximize(update: Any) -> Any:
    return lambda w, g, state, h: update(w, ascent_gradient(g), state, h)


_DECAY = {"weight_decay": non_negative(0.01, 0.1, 1.0, 0.0)}

DECOUPLED = modifier(
    Modifier(
        id="decoupled",
        summary="the parameter shrinks by eta lambda w beside the update",
        equations=("weight-decay-decoupled",),
        wrap=_decoupled,
        hyperparameters=_DECAY,
    )
)
COUPLED = modifier(
    Modifier(
        id="coupled",
        summary="g + lambda w for g",
        equations=("weight-decay-coupled",),
        wrap=_coupled,
        hyperparameters=_DECAY,
    )
)
RATE_DECAY = modifier(
    Modifier(
        id="rate-decay",
        summary="eta / (1 + (t - 1) d) for eta",
        equations=("inverse-time-rate",),
        wrap=_rate_decay,
        hyperparameters={"rate_decay": non_negative(0.1, 0.01, 1.0, 0.0)},
    )
)
# The last one wraps all others: the sign changes before decay is added.
MAXIMIZE = modifier(
    Modifier(
        id="maximize",
        summary="-g for g",
        equations=("gradient-ascent-update",),
        wrap=_maximize,
    )
)

_momentum = MOMENTUM.dialects["learning-rate-outside"]

WEIGHT_DECAY = method(
    Method(
        id="weight-decay",
        title="Momentum with weight decay",
        family="weight-decay",
        source="prince:Notes SGD vs. Adam",
        hyperparameters={
            "learning_rate": positive(0.1, 1.0, 0.001),
            "momentum": unit_interval(0.9, 0.5, 0.99, 0.0),
            **_DECAY,
        },
        dialects={
            "coupled": Dialect(
                update=_coupled(_momentum.update),
                equations=("weight-decay-coupled", "momentum-update-velocity"),
                summary="v = mu v + (g + lambda w); w - eta v",
                initial_state=_momentum.initial_state,
            ),
            "decoupled": Dialect(
                update=_decoupled(_momentum.update),
                equations=("weight-decay-decoupled", "momentum-update-velocity"),
                summary="v = mu v + g; w - eta (v + lambda w)",
                initial_state=_momentum.initial_state,
            ),
        },
    )
)

MAXIMIZING = method(
    Method(
        id="maximize",
        title="Gradient ascent, with momentum",
        family="maximize",
        source="goodfellow:8.3",
        hyperparameters={
            "learning_rate": positive(0.1, 1.0, 0.001),
            "momentum": unit_interval(0.9, 0.5, 0.99, 0.0),
        },
        extra={"coupled": _DECAY},
        dialects={
            "plain": Dialect(
                update=_maximize(_momentum.update),
                equations=("gradient-ascent-update", "momentum-update-velocity"),
                summary="v = mu v - g; w - eta v",
                initial_state=_momentum.initial_state,
            ),
            "coupled": Dialect(
                update=_maximize(_coupled(_momentum.update)),
                equations=("gradient-ascent-update", "weight-decay-coupled"),
                summary="v = mu v + (-g + lambda w): the decay still shrinks; w - eta v",
                initial_state=_momentum.initial_state,
            ),
        },
    )
)
