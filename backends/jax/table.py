"""What optax has: each dialect as an expression in the names of its hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from optcheck.backends.interface import Compilation, Evaluation, Option

DTYPES = ("float32", "float64", "bfloat16")
PATHS: tuple[dict[str, Option], ...] = ({"jit": False}, {"jit": True})

# Eager operations are compiled too, once for each shape and dtype.
COMPILATION: dict[bool, Compilation] = {False: "operations", True: "programs"}


@dataclass(frozen=True)
class Row:
    """One dialect of a method.

    ``short`` is the expression without what may be left out, and ``defaults`` are the values that
    the documentation gives for that. ``transform``: it is one of those that aliases are made of.
    """

    method: str
    dialect: str
    expression: str
    short: str | None = None
    defaults: Mapping[str, float] = field(default_factory=dict)
    transform: bool = False


ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_DECAYED_ADAM = {**ADAM, "weight_decay": 1e-4}
RMSPROP = {"decay": 0.9, "epsilon": 1e-8}
_ADADELTA = {"decay": 0.9, "epsilon": 1e-6}

ROWS = (
    Row("gradient-descent", "plain", "optax.sgd(learning_rate)"),
    Row(
        "momentum",
        "learning-rate-inside",
        "optax.chain(optax.scale_by_learning_rate(learning_rate), optax.trace(momentum))",
    ),
    Row("momentum", "learning-rate-outside", "optax.sgd(learning_rate, momentum)"),
    Row(
        "momentum",
        "averaged",
        "optax.chain(optax.ema(momentum, debias=False), "
        "optax.scale_by_learning_rate(learning_rate))",
    ),
    Row("nesterov", "shifted", "optax.sgd(learning_rate, momentum, nesterov=True)"),
    Row(
        "weight-decay",
        "coupled",
        "optax.chain(optax.add_decayed_weights(weight_decay), optax.trace(momentum), "
        "optax.scale_by_learning_rate(learning_rate))",
    ),
    Row(
        "weight-decay",
        "decoupled",
        "optax.chain(optax.trace(momentum), optax.add_decayed_weights(weight_decay), "
        "optax.scale_by_learning_rate(learning_rate))",
    ),
    Row(
        "maximize",
        "plain",
        "optax.chain(optax.trace(momentum), "
        "optax.scale_by_learning_rate(learning_rate, flip_sign=False))",
    ),
    Row(
        "maximize",
        "coupled",
        "optax.chain(optax.scale(-1.0), optax.add_decayed_weights(weight_decay), "
        "optax.trace(momentum), optax.scale_by_learning_rate(learning_rate))",
    ),
    Row("sign-descent", "sign", "optax.sign_sgd(learning_rate)"),
    Row("sign-descent", "normalised", "optax.adam(learning_rate, 0.0, 0.0, epsilon)"),
    Row(
        "adagrad",
        "epsilon-inside-root",
        "optax.adagrad(learning_rate, initial_accumulator, epsilon)",
        "optax.adagrad(learning_rate)",
        {"initial_accumulator": 0.1, "epsilon": 1e-7},
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root",
        "optax.rmsprop(learning_rate, decay, epsilon)",
        "optax.rmsprop(learning_rate)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-outside-root",
        "optax.rmsprop(learning_rate, decay, epsilon, eps_in_sqrt=False)",
        "optax.rmsprop(learning_rate, eps_in_sqrt=False)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+centered",
        "optax.rmsprop(learning_rate, decay, epsilon, centered=True)",
        "optax.rmsprop(learning_rate, centered=True)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-outside-root+centered",
        "optax.rmsprop(learning_rate, decay, epsilon, eps_in_sqrt=False, centered=True)",
        "optax.rmsprop(learning_rate, eps_in_sqrt=False, centered=True)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+learning-rate-inside",
        "optax.rmsprop(learning_rate, decay, epsilon, momentum=momentum)",
        "optax.rmsprop(learning_rate, momentum=momentum)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+centered+learning-rate-inside",
        "optax.rmsprop(learning_rate, decay, epsilon, centered=True, momentum=momentum)",
        "optax.rmsprop(learning_rate, centered=True, momentum=momentum)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+learning-rate-inside+nesterov",
        "optax.rmsprop(learning_rate, decay, epsilon, momentum=momentum, nesterov=True)",
        "optax.rmsprop(learning_rate, momentum=momentum, nesterov=True)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+initial-mean-square",
        "optax.rmsprop(learning_rate, decay, epsilon, initial_mean_square)",
        "optax.rmsprop(learning_rate)",
        {**RMSPROP, "initial_mean_square": 0.0},
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+corrected",
        "optax.rmsprop(learning_rate, decay, epsilon, bias_correction=True)",
        "optax.rmsprop(learning_rate, bias_correction=True)",
        RMSPROP,
    ),
    Row(
        "rmsprop",
        "epsilon-inside-root+centered+corrected",
        "optax.rmsprop(learning_rate, decay, epsilon, centered=True, bias_correction=True)",
        "optax.rmsprop(learning_rate, centered=True, bias_correction=True)",
        RMSPROP,
    ),
    # None for the learning rate is documented to be no scaling, as in the paper: 1.
    Row(
        "adadelta",
        "epsilon-inside-roots",
        "optax.adadelta(learning_rate, decay, epsilon)",
        "optax.adadelta()",
        {"learning_rate": 1.0, **_ADADELTA},
    ),
    Row(
        "adadelta",
        "epsilon-inside-roots+coupled",
        "optax.adadelta(learning_rate, decay, epsilon, weight_decay)",
        "optax.adadelta(learning_rate)",
        {**_ADADELTA, "weight_decay": 0.0},
    ),
    Row(
        "adam",
        "epsilon-outside-root",
        "optax.adam(learning_rate, beta1, beta2, epsilon)",
        "optax.adam(learning_rate)",
        ADAM,
    ),
    Row(
        "adam",
        "epsilon-inside-root",
        "optax.adam(learning_rate, beta1, beta2, eps=0.0, eps_root=epsilon)",
    ),
    Row(
        "adamw",
        "decoupled",
        "optax.adamw(learning_rate, beta1, beta2, epsilon, weight_decay=weight_decay)",
        "optax.adamw(learning_rate)",
        _DECAYED_ADAM,
    ),
    Row(
        "amsgrad",
        "maximum-of-corrected",
        "optax.amsgrad(learning_rate, beta1, beta2, epsilon)",
        "optax.amsgrad(learning_rate)",
        ADAM,
    ),
    Row(
        "amsgrad",
        "maximum-of-corrected+epsilon-inside-root",
        "optax.amsgrad(learning_rate, beta1, beta2, eps=0.0, eps_root=epsilon)",
    ),
    Row(
        "amsgrad",
        "first-corrected",
        "optax.amsgrad(learning_rate, beta1, beta2, epsilon, bias_correction_nu=False)",
        "optax.amsgrad(learning_rate, bias_correction_nu=False)",
        ADAM,
    ),
    Row(
        "amsgrad",
        "uncorrected",
        "optax.amsgrad(learning_rate, beta1, beta2, epsilon, "
        "bias_correction_mu=False, bias_correction_nu=False)",
        "optax.amsgrad(learning_rate, bias_correction_mu=False, bias_correction_nu=False)",
        ADAM,
    ),
    Row(
        "adamax",
        "epsilon-in-maximum",
        "optax.adamax(learning_rate, beta1, beta2, epsilon)",
        "optax.adamax(learning_rate)",
        ADAM,
    ),
    Row(
        "adamax",
        "epsilon-in-maximum+decoupled",
        "optax.adamaxw(learning_rate, beta1, beta2, epsilon, weight_decay)",
        "optax.adamaxw(learning_rate)",
        _DECAYED_ADAM,
    ),
    Row(
        "nadam",
        "constant-momentum",
        "optax.nadam(learning_rate, beta1, beta2, epsilon)",
        "optax.nadam(learning_rate)",
        ADAM,
    ),
    Row(
        "nadam",
        "constant-momentum+decoupled",
        "optax.nadamw(learning_rate, beta1, beta2, epsilon, weight_decay=weight_decay)",
        "optax.nadamw(learning_rate)",
        _DECAYED_ADAM,
    ),
    Row(
        "radam",
        "epsilon-outside-root",
        "optax.radam(learning_rate, beta1, beta2, epsilon, threshold=threshold)",
        "optax.radam(learning_rate)",
        {**ADAM, "threshold": 5.0},
    ),
    Row(
        "radam",
        "epsilon-outside-root+nesterov",
        "optax.radam(learning_rate, beta1, beta2, epsilon, threshold=threshold, nesterov=True)",
        "optax.radam(learning_rate, nesterov=True)",
        {**ADAM, "threshold": 5.0},
    ),
    Row(
        "yogi",
        "both-moments-given",
        "optax.chain(optax.scale_by_yogi(beta1, beta2, epsilon, "
        "initial_accumulator_value=initial_accumulator), "
        "optax.scale_by_learning_rate(learning_rate))",
        "optax.yogi(learning_rate)",
        {**ADAM, "epsilon": 1e-3, "initial_accumulator": 1e-6},
    ),
    Row(
        "rprop",
        "irprop-minus",
        "optax.rprop(learning_rate, eta_minus, eta_plus, step_size_min, step_size_max)",
        "optax.rprop(learning_rate)",
        {"eta_minus": 0.5, "eta_plus": 1.2, "step_size_min": 1e-6, "step_size_max": 50.0},
    ),
    # Sums in float32, unless told otherwise, would round the gradients of float64.
    Row(
        "gradient-accumulation",
        "mean",
        "optax.MultiSteps(optax.adam(learning_rate, beta1, beta2, epsilon), "
        "int(accumulation_steps), accumulator_dtype=dtype)",
        "optax.MultiSteps(optax.adam(learning_rate), int(accumulation_steps), "
        "accumulator_dtype=dtype)",
        ADAM,
    ),
    Row(
        "gradient-accumulation",
        "sum",
        "optax.MultiSteps(optax.adam(learning_rate, beta1, beta2, epsilon), "
        "int(accumulation_steps), use_grad_mean=False, accumulator_dtype=dtype)",
        "optax.MultiSteps(optax.adam(learning_rate), int(accumulation_steps), "
        "use_grad_mean=False, accumulator_dtype=dtype)",
        ADAM,
    ),
)

# optax's names of the state, and ours
_STATE = {
    "trace": "velocity",
    "ema": "first_moment",
    "mu": "first_moment",
    "nu": "second_moment",
    "nu_max": "largest_second_moment",
    "sum_of_squares": "sum_of_squares",
    "e_g": "second_moment",
    "e_x": "update_second_moment",
    "step_sizes": "step_size",
    "acc_grads": "accumulated_gradient",
}


def state_names(row: Row) -> Mapping[str, str]:
    """The names that optax gives the state of a rule, and ours."""
    if row.method == "adamax":
        return {"mu": "first_moment", "nu": "infinity_norm"}
    # Its trace is the velocity with the other sign.
    if (row.method, row.dialect) == ("maximize", "plain"):
        return {}
    return _STATE


# What is linear in the gradient takes complex numbers as pairs and by their modulus alike.
# rprop raises, adadelta averages g**2, which has a phase, and yogi's first moment starts at a real
# number whatever the phase of the gradients.
COMPLEX: Mapping[str, Literal["pairs", "modulus"]] = {
    **dict.fromkeys(("gradient-descent", "momentum", "nesterov"), "pairs"),
    **dict.fromkeys(("weight-decay", "maximize"), "pairs"),
    **dict.fromkeys(("adagrad", "rmsprop", "adam", "adamw"), "modulus"),
    **dict.fromkeys(("amsgrad", "adamax", "nadam", "radam"), "modulus"),
    "gradient-accumulation": "modulus",
}

# optax.scale_by_rss is where(t > 0, rsqrt(t + eps), 0).
EVALUATION: Mapping[str, frozenset[Evaluation]] = {"adagrad": frozenset({"zero-guard"})}

# Ways to build the same rule. inject_hyperparams keeps hyper-parameters as arrays in the state.
_WRAPPED: tuple[dict[str, Option], ...] = tuple(
    {"jit": True, "wrapper": name} for name in ("inject_hyperparams", "masked", "multi_transform")
)


def option_sets(row: Row) -> tuple[dict[str, Option], ...]:
    """The ways to run a rule that are checked."""
    if row.transform:
        return ({"jit": False, "transform": True},)
    # MultiSteps branches by lax.cond, which is compiled anew at every eager step.
    if row.method == "gradient-accumulation":
        return ({"jit": True},)
    if (row.method, row.dialect) == ("momentum", "learning-rate-outside"):
        return (*PATHS, *_WRAPPED)
    if (row.method, row.dialect) == ("adam", "epsilon-outside-root"):
        return (*PATHS, *_WRAPPED, {"jit": True, "donate": True})
    return PATHS


def scalar_bits(row: Row, options: Mapping[str, Option]) -> dict[str, tuple[int, int]]:
    """Hyper-parameters are Python floats until they meet an array, unless they are injected.

    The step count is an int32 array, so with x64 off decay**count is a float32.
    """
    bits = 24 if options.get("wrapper") == "inject_hyperparams" else 53
    float32 = {"float32": (bits, 24), "bfloat16": (bits, 24)}
    if row.method == "radam" and not options["jit"]:
        # Eager JAX multiplies out a power: n roundings, as many as n times that of a base which
        # is a bit shorter. What else depends on the count is jitted inside optax.
        return {**float32, "float64": (53, 52)}
    return float32


def wrapped(expression: str, options: Mapping[str, Option]) -> str:
    """The expression in the wrapper that the options ask for."""
    match options.get("wrapper"):
        case "inject_hyperparams":
            factory, _, arguments = expression.partition("(")
            return f"optax.inject_hyperparams({factory})({arguments}"
        case "masked":
            return f"optax.masked({expression}, lambda tree: [True for _ in tree])"
        case "multi_transform":
            labels = 'lambda tree: ["all" for _ in tree]'
            return f'optax.multi_transform({{"all": {expression}}}, {labels})'
        case _:
            return expression
