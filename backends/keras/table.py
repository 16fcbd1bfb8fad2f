"""What Keras has: tables of claims, written against Keras 3.15.

Schedules, initial weights and layers are where they are run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optcheck.backends.keras.settings import ON
from optcheck.backends.rows import Row

# Elsewhere than on torch the second moment is averaged as v + (1 - beta_2) (g^2 - v), for which
# there is no dialect: it is not shown there.
_SECOND = {"second_moment": "_velocities"} if ON == "torch" else {}
_MOMENTS = {"first_moment": "_momentums", **_SECOND}

# The attributes of each optimizer that hold its state; a minus says that it has the other sign.
STATES: Mapping[str, Mapping[str, str]] = {
    "SGD": {"velocity": "momentums"},
    "RMSprop": {
        "second_moment": "_velocities",
        "first_moment": "_average_gradients",
        "velocity": "-_momentums",
    },
    "Adagrad": {"sum_of_squares": "_accumulators"},
    "Adadelta": {
        "second_moment": "_accumulated_grads",
        "update_second_moment": "_accumulated_delta_vars",
    },
    "Adamax": {"first_moment": "_m", "infinity_norm": "_u"},
    "Adam": _MOMENTS,
    "AdamW": _MOMENTS,
    "Nadam": _MOMENTS,
}

_RATE = {"learning_rate": "learning_rate"}
_DECAY = {"weight_decay": "weight_decay"}
_SGD = {**_RATE, "momentum": "momentum"}
_RMSPROP = {**_RATE, "rho": "decay", "epsilon": "epsilon"}
_ADAGRAD = {
    **_RATE,
    "initial_accumulator_value": "initial_accumulator",
    "epsilon": "epsilon",
}
_ADADELTA = {**_RATE, "rho": "decay", "epsilon": "epsilon"}
_BETAS = {**_RATE, "beta_1": "beta1", "beta_2": "beta2"}
_ADAM = {**_BETAS, "epsilon": "epsilon"}

_EPSILON = {"learning_rate": 0.001, "epsilon": 1e-7}
_RMSPROP_DEFAULTS = {**_EPSILON, "decay": 0.9}
_ADAM_DEFAULTS = {**_EPSILON, "beta1": 0.9, "beta2": 0.999}
_CENTERED = {"centered": True}
_MOMENTUM = {"momentum": "momentum"}


def _optimizer(
    method: str, dialect: str, name: str, keywords: Mapping[str, Any], **more: Any
) -> Row:
    decay = _DECAY if "decoupled" in dialect else {}
    return Row(method, dialect, name, {**keywords, **decay}, **more)


OPTIMIZERS = (
    _optimizer("gradient-descent", "plain", "SGD", _RATE, defaults={"learning_rate": 0.01}),
    _optimizer(
        "momentum",
        "learning-rate-inside",
        "SGD",
        _SGD,
        defaults={"learning_rate": 0.01, "momentum": 0.0},
    ),
    _optimizer("momentum", "learning-rate-inside+decoupled", "SGD", _SGD),
    _optimizer(
        "nesterov",
        "shifted+learning-rate-inside",
        "SGD",
        _SGD,
        defaults={"learning_rate": 0.01, "momentum": 0.0},
        given={"nesterov": True},
    ),
    _optimizer("rmsprop", "epsilon-inside-root", "RMSprop", _RMSPROP, defaults=_RMSPROP_DEFAULTS),
    _optimizer(
        "rmsprop",
        "epsilon-inside-root+centered",
        "RMSprop",
        _RMSPROP,
        defaults=_RMSPROP_DEFAULTS,
        given=_CENTERED,
    ),
    _optimizer(
        "rmsprop",
        "epsilon-inside-root+learning-rate-inside",
        "RMSprop",
        {**_RMSPROP, **_MOMENTUM},
        defaults={**_RMSPROP_DEFAULTS, "momentum": 0.0},
    ),
    _optimizer(
        "rmsprop",
        "epsilon-inside-root+centered+learning-rate-inside",
        "RMSprop",
        {**_RMSPROP, **_MOMENTUM},
        given=_CENTERED,
    ),
    _optimizer(
        "adagrad",
        "epsilon-inside-root",
        "Adagrad",
        _ADAGRAD,
        defaults={**_EPSILON, "initial_accumulator": 0.1},
    ),
    _optimizer("adagrad", "epsilon-inside-root+decoupled", "Adagrad", _ADAGRAD),
    _optimizer(
        "adadelta",
        "epsilon-inside-roots",
        "Adadelta",
        _ADADELTA,
        defaults={**_EPSILON, "decay": 0.95},
    ),
    _optimizer("adam", "epsilon-hat", "Adam", _ADAM, defaults=_ADAM_DEFAULTS),
    _optimizer("adam", "epsilon-hat+decoupled", "Adam", _ADAM),
    _optimizer(
        "adam",
        "epsilon-hat+decoupled",
        "AdamW",
        _ADAM,
        defaults={**_ADAM_DEFAULTS, "weight_decay": 0.004},
    ),
    _optimizer("adamax", "epsilon-added", "Adamax", _ADAM, defaults=_ADAM_DEFAULTS),
    _optimizer(
        "nadam",
        "scheduled-momentum",
        "Nadam",
        _ADAM,
        defaults=_ADAM_DEFAULTS,
        fixed={"momentum_decay": 1.0, "momentum_base": 0.96},
    ),
    _optimizer(
        "nadam",
        "scheduled-momentum+decoupled",
        "Nadam",
        _ADAM,
        fixed={"momentum_decay": 1.0, "momentum_base": 0.96},
    ),
)

# Methods whose scalars Keras computes in the format of the parameters: powers of the decays.
COUNTING = ("adam", "adamax", "nadam")


# The keyword of an optimizer that clips.
KEYWORDS = {
    "clip-by-global-norm": "global_clipnorm",
    "clip-by-value": "clipvalue",
}
