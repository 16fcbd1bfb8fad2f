"""Slips around an equation: defaults, groups, missing gradients, complex numbers, other paths.

Most of them leave the equation alone, so that the exact laws, which give every hyper-parameter and
every gradient, do not see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_adam_variants
import wrong_rprop
from wrong_adam_parts import DIRECTIONS, Form, average, correction
from wrong_momentum import OUTSIDE, SHIFTED
from wrong_variants import Family, Handed, Rule, Slip, fixed

DEFAULTS = ("defaults",)
GROUPS = ("parameter-groups",)
MISSING = ("missing-gradients",)
COMPLEX = ("complex-parameters",)
PATHS = ("paths-agree",)

_OUTSIDE = Form(DIRECTIONS["epsilon-outside-root"])
_ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_ADAMW = {**_ADAM, "weight_decay": 0.01}
_RPROP = {
    "learning_rate": 0.01,
    "eta_minus": 0.5,
    "eta_plus": 1.2,
    "step_size_min": 1e-6,
    "step_size_max": 50.0,
}


def _defaulting(rule: Rule, defaults: Mapping[str, float], **other: float) -> Rule:
    """A rule with ``defaults``, some of which may be ``other`` than is documented."""
    values = {**defaults, **other}
    return lambda w, g, state, **h: rule(w, g, state, **{**values, **h})


def _in_pairs(rule: Rule) -> Rule:
    """A rule of real arrays that takes a complex one for an array of pairs."""

    def paired(w: Any, g: Any, state: Any, **h: float) -> Any:
        if not np.iscomplexobj(g):
            return rule(w, g, state, **h)
        return rule(w.view(w.real.dtype), g.view(w.real.dtype), state, **h).view(w.dtype)

    return paired


def _adam(form: Form = _OUTSIDE) -> Rule:
    return _defaulting(_in_pairs(form.rule()), _ADAM)


_RIGHT = _adam()


def _default(
    rule: Rule, defaults: Mapping[str, float], name: str, value: float, bug: str = ""
) -> Slip:
    wrong = _defaulting(rule, defaults, **{name: value})
    what = f"{name} is {value:g} where it is left out, not {defaults[name]:g}"
    return Slip(f"default-{name}-{value:g}", what, DEFAULTS, fixed(wrong), bug=bug)


# Groups: each is right as long as all parameters have the same hyper-parameters.


def _first_group(*names: str) -> Callable[[], Rule]:
    """The hyper-parameters ``names`` of the first parameter are those of all."""

    def make() -> Rule:
        known: dict[str, float] = {}

        def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
            return _RIGHT(w, g, state, **{**h, **{n: known.setdefault(n, h[n]) for n in names}})

        return _defaulting(wrong, _ADAM)

    return make


def _first_rate() -> Rule:
    """The rate of each step is that of the first parameter that takes it."""
    rates: dict[int, float] = {}

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        rate = rates.setdefault(state.get("step", 0), h["learning_rate"])
        return _RIGHT(w, g, state, **{**h, "learning_rate": rate})

    return _defaulting(wrong, _ADAM)


def _one_correction() -> Rule:
    """The bias corrections of each step are made once, for the betas that come first."""
    known: dict[tuple[str, int], float] = {}

    def once(name: str) -> Callable[[float, int], float]:
        return lambda decay, step: known.setdefault((name, step), correction(decay, step))

    return _adam(replace(_OUTSIDE, correction1=once("first"), correction2=once("second")))


_GROUPS = [
    Slip(
        "groups-betas",
        "all have the first betas",
        GROUPS,
        _first_group("beta1", "beta2"),
        per_run=True,
    ),
    Slip(
        "groups-epsilon",
        "all have the first epsilon",
        GROUPS,
        _first_group("epsilon"),
        per_run=True,
    ),
    Slip(
        "groups-rate",
        "all have the first rate",
        GROUPS,
        _first_rate,
        per_run=True,
        bug="torch-asgd-foreach-step",
    ),
    Slip(
        "groups-correction",
        "all share the bias corrections of the first",
        GROUPS,
        _one_correction,
        per_run=True,
        bug="jettify-radam-shared-buffer",
    ),
]

# Missing gradients: each is right as long as every parameter has one.


def _as_zeros(values: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
    return [np.zeros_like(w) if g is None else g for w, g in zip(values, gradients, strict=True)]


def _to_the_last(values: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
    present = [g for g in gradients if g is not None]
    return [*[None] * (len(values) - len(present)), *present]


def _all_or_nothing(values: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
    return [None] * len(values) if any(g is None for g in gradients) else list(gradients)


def _one_count() -> Rule:
    """Every parameter is at the step of the one that is furthest."""
    newest = [0]

    def count(earlier: int) -> int:
        newest[0] = max(newest[0], earlier + 1)
        return newest[0]

    return _adam(replace(_OUTSIDE, count=count))


def _missing(name: str, what: str, handed: Handed, bug: str = "") -> Slip:
    return Slip(f"missing-{name}", what, MISSING, fixed(_RIGHT), handed=handed, bug=bug)


_MISSING = [
    _missing("is-zero", "a missing gradient is a step with zeros", _as_zeros),
    _missing(
        "shifts-up",
        "those there are go to the last parameters",
        _to_the_last,
        "keras-grad-accum-mapping",
    ),
    _missing("stops-all", "no parameter moves where one gradient is missing", _all_or_nothing),
    Slip("missing-counts", "one step count for all parameters", MISSING, _one_count, per_run=True),
]

# Complex numbers: each is right on real ones.


def _real_part(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        return rule(w.real, g.real, state, **h).astype(w.dtype)

    return wrong


def _of_modulus(n: SimpleNamespace) -> Any:
    return average(n.v.real, (n.g * np.conj(n.g)).real, n.beta2)


_HAT = Form(DIRECTIONS["epsilon-hat"], second=_of_modulus)
_PAIRS = [
    Slip(
        "complex-modulus",
        "by the modulus, not in pairs",
        COMPLEX,
        fixed(_defaulting(replace(_OUTSIDE, second=_of_modulus).rule(), _ADAM)),
        bug="torch-adadelta-complex",
    ),
    Slip("complex-real", "the imaginary part is dropped", COMPLEX, fixed(_real_part(_RIGHT))),
]
_MODULUS = [
    Slip(
        "complex-square",
        "g^2 for |g|^2",
        COMPLEX,
        fixed(Form(DIRECTIONS["epsilon-hat"]).rule()),
        bug="optimisers-complex-square",
    ),
    Slip("complex-pairs", "in pairs, not by the modulus", COMPLEX, fixed(_in_pairs(_HAT.rule()))),
    Slip(
        "complex-conjugate",
        "moves along the conjugate",
        COMPLEX,
        fixed(replace(_HAT, gradient=lambda n: np.conj(n.g)).rule()),
    ),
    Slip("complex-real", "the imaginary part is dropped", COMPLEX, fixed(_real_part(_HAT.rule()))),
]

# A second path that is not the first.

_SHIFTED = SHIFTED.rule()


def _half_scalars(w: Any, g: Any, state: Any, **h: float) -> Any:
    return _SHIFTED(w, g, state, **{name: float(np.float16(value)) for name, value in h.items()})


def _velocity_twice(w: Any, v: Any, g: Any, h: SimpleNamespace) -> Any:
    return w - h.learning_rate * (1.0 + h.momentum) * v


_FUSED = [
    Slip("fused-ahead", "the fused path does not look ahead", PATHS, fixed(OUTSIDE.rule())),
    Slip(
        "fused-twice",
        "the fused path takes the velocity for the gradient",
        PATHS,
        fixed(replace(SHIFTED, move=_velocity_twice).rule()),
        bug="mxnet-nag-operator",
    ),
    Slip("fused-half", "the fused path takes its scalars in float16", PATHS, fixed(_half_scalars)),
]

_ADAMW_RIGHT = next(
    _defaulting(family.right, _ADAMW)
    for family in wrong_adam_variants.FAMILIES
    if (family.method, family.dialect) == ("adamw", "decoupled")
)
_RPROP_RIGHT = _defaulting(wrong_rprop.FORMS["rprop-minus"].rule(), _RPROP)

FAMILIES = [
    Family(
        "adam",
        "epsilon-outside-root",
        _RIGHT,
        [
            _default(_RIGHT, _ADAM, "learning_rate", 0.1, "optax-prodigy-default-lr"),
            _default(_RIGHT, _ADAM, "beta2", 0.99, "torchsharp-adam-beta2-default"),
            _default(_RIGHT, _ADAM, "epsilon", 1e-7),
            *_GROUPS,
            *_MISSING,
            *_PAIRS,
        ],
        claim={"defaults": _ADAM, "complex_numbers": "pairs"},
    ),
    Family("adam", "epsilon-hat", _HAT.rule(), _MODULUS, claim={"complex_numbers": "modulus"}),
    Family(
        "adamw",
        "decoupled",
        _ADAMW_RIGHT,
        [
            _default(_ADAMW_RIGHT, _ADAMW, "weight_decay", 0.0),
            _default(_ADAMW_RIGHT, _ADAMW, "weight_decay", 1e-4),
            Slip(
                "missing-decays",
                "a parameter without a gradient decays",
                MISSING,
                fixed(_ADAMW_RIGHT),
                handed=_as_zeros,
            ),
        ],
        claim={"defaults": _ADAMW},
    ),
    Family(
        "rprop",
        "rprop-minus",
        _RPROP_RIGHT,
        [
            _default(_RPROP_RIGHT, _RPROP, "step_size_max", 100.0),
            _default(_RPROP_RIGHT, _RPROP, "step_size_max", np.inf),
            _default(_RPROP_RIGHT, _RPROP, "step_size_min", 0.0),
            _default(_RPROP_RIGHT, _RPROP, "eta_plus", 1.25),
        ],
        claim={"defaults": _RPROP},
    ),
    Family("nesterov", "shifted", _SHIFTED, _FUSED, beside=_SHIFTED),
]
