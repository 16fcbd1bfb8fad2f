"""Wrong Rprop, in all four dialects."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import CONTRACT, SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips

BOUNDS = (*SEQUENCE, "rprop-step-bounds")

Turn = Callable[[Any, SimpleNamespace], Any]


def _adapt(step: Any, product: Any, h: SimpleNamespace) -> Any:
    grown = np.minimum(step * h.eta_plus, h.step_size_max)
    shrunk = np.maximum(step * h.eta_minus, h.step_size_min)
    return np.where(product > 0.0, grown, np.where(product < 0.0, shrunk, step))


def _product(g: Any, h: SimpleNamespace) -> Any:
    return np.sign(g) * np.sign(h.gradient)


def _forward(step: Any, g: Any, h: SimpleNamespace) -> Any:
    return -(step * np.sign(g))


def _nothing(forward: Any, h: SimpleNamespace) -> Any:
    return 0.0 * forward


def _back(forward: Any, h: SimpleNamespace) -> Any:
    return -h.update


def _back_after_rise(forward: Any, h: SimpleNamespace) -> Any:
    return -h.update if h.rise > 0.0 else 0.0 * forward


@dataclass(frozen=True)
class Rprop:
    """Rprop in parts.

    ``h`` holds the hyper-parameters, the ``step``, ``gradient`` and ``update`` of the call before,
    and the ``rise`` of the loss since. ``turn`` is the update where the sign has changed, and
    ``keep`` the gradient that is remembered there. What is in ``lost`` stays as the first call
    leaves it.
    """

    turn: Turn
    keep: Callable[[Any], Any] = lambda g: 0.0 * g
    product: Callable[[Any, SimpleNamespace], Any] = _product
    adapt: Callable[[Any, Any, SimpleNamespace], Any] = _adapt
    forward: Callable[[Any, Any, SimpleNamespace], Any] = _forward
    remember: Callable[[Any, Any, Any], Any] = np.where
    loss: Callable[[float, float], float] = lambda before, now: now
    lost: tuple[str, ...] = ()

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(
            w: Any, g: Any, state: Any, *, learning_rate: float, loss: float = 0.0, **given: float
        ) -> Any:
            zeros = np.zeros_like(g)
            before = state.get("previous_loss", loss)
            h = SimpleNamespace(
                **given,
                step=state.get("step_size", zeros + learning_rate),
                gradient=state.get("previous_gradient", zeros),
                update=state.get("previous_update", zeros),
                rise=loss - before,
            )
            product = self.product(g, h)
            step = self.adapt(h.step, product, h)
            forward = self.forward(step, g, h)
            turned = product < 0.0
            update = np.where(turned, self.turn(forward, h), forward)
            after = {
                "step_size": step,
                "previous_gradient": self.remember(turned, self.keep(g), g),
                "previous_update": update,
                "previous_loss": self.loss(before, loss),
            }
            state.update({k: v for k, v in after.items() if k not in self.lost or k not in state})
            return w + update

        return rule


FORMS = {
    "rprop-minus": Rprop(lambda forward, h: forward, keep=lambda g: g),
    "irprop-minus": Rprop(_nothing),
    "rprop-plus": Rprop(_back),
    "irprop-plus": Rprop(_back_after_rise),
}


def _variant(
    form: Rprop, name: str, what: str, laws: tuple[str, ...], bug: str = "", **parts: Any
) -> Slip:
    return Slip(name, what, laws, fixed(replace(form, **parts).rule()), bug=bug)


def _alias(turned: Any, kept: Any, g: Any) -> Any:
    return np.where(turned, kept, g) if np.any(turned) else g


def _within(values: Any, h: SimpleNamespace) -> Any:
    return np.clip(values, h.step_size_min, h.step_size_max)


def _with(**changes: Callable[[SimpleNamespace], float]) -> Callable[..., Any]:
    """The right adaptation, with other hyper-parameters."""

    def adapt(step: Any, product: Any, h: SimpleNamespace) -> Any:
        changed = {name: change(h) for name, change in changes.items()}
        return _adapt(step, product, SimpleNamespace(**{**vars(h), **changed}))

    return adapt


def _steps(form: Rprop) -> list[Slip]:
    """Slips in the step size, which is shown."""
    slip = partial(_variant, form)
    return [
        slip(
            "etas-swapped",
            "grows by eta-minus and shrinks by eta-plus",
            SEQUENCE,
            adapt=_with(eta_plus=lambda h: h.eta_minus, eta_minus=lambda h: h.eta_plus),
        ),
        slip(
            "bounds-swapped",
            "never below the largest nor above the smallest step",
            SEQUENCE,
            adapt=_with(
                step_size_max=lambda h: h.step_size_min, step_size_min=lambda h: h.step_size_max
            ),
        ),
        slip(
            "no-maximum",
            "grows without bound",
            BOUNDS,
            adapt=_with(step_size_max=lambda h: math.inf),
        ),
        slip(
            "no-minimum",
            "shrinks without bound",
            BOUNDS,
            adapt=_with(step_size_min=lambda h: 0.0),
        ),
        slip(
            "bounds-of-update",
            "the bounds hold the update and not the step size",
            (*STEP, "rprop-step-bounds"),
            adapt=_with(step_size_max=lambda h: math.inf, step_size_min=lambda h: 0.0),
            forward=lambda step, g, h: _within(_forward(step, g, h), h),
        ),
        slip(
            "length-bounded",
            "the bounds hold the length of the update and not the step size",
            SEQUENCE,
            adapt=_with(step_size_max=lambda h: math.inf, step_size_min=lambda h: 0.0),
            forward=lambda step, g, h: _forward(_within(step, h), g, h),
        ),
        slip(
            "adds",
            "grows by addition, as in delta-bar-delta",
            SEQUENCE,
            adapt=lambda step, product, h: _adapt(
                np.where(product > 0.0, step / h.eta_plus + h.step_size_min, step), product, h
            ),
        ),
        slip(
            "zero-grows",
            "a product of zero counts as positive",
            STEP,
            adapt=lambda step, product, h: _adapt(step, np.where(product < 0.0, -1.0, 1.0), h),
        ),
        slip(
            "zero-shrinks",
            "a product of zero counts as negative in the step size",
            STEP,
            adapt=lambda step, product, h: _adapt(step, np.where(product > 0.0, 1.0, -1.0), h),
        ),
        slip(
            "step-lost",
            "the step size stays the initial one",
            SEQUENCE,
            lost=("step_size",),
        ),
        slip(
            "old-step",
            "moves by the step size of the call before",
            SEQUENCE,
            forward=lambda step, g, h: _forward(h.step, g, h),
        ),
    ]


def _signs(form: Rprop) -> list[Slip]:
    """Slips in what is multiplied, remembered and moved."""
    slip = partial(_variant, form)
    zeroed = form.keep(1.0) == 0.0
    return [
        slip(
            "product-of-update",
            "the product with the last update, whose sign is the other one",
            SEQUENCE,
            product=lambda g, h: np.sign(g) * np.sign(h.update),
        ),
        slip(
            "underflows",
            "the product of tiny gradients is zero",
            ("rprop-sees-tiny-signs",),
            product=lambda g, h: g * h.gradient,
        ),
        slip(
            "magnitude",
            "moves by the gradient times the step",
            (*STEP, "rprop-sign-invariance"),
            forward=lambda step, g, h: -(step * g),
        ),
        slip(
            "zero-is-positive",
            "a zero gradient moves down",
            STEP,
            forward=lambda step, g, h: -np.where(g < 0.0, -step, step),
        ),
        slip(
            "gradient-lost",
            "the gradient of the first call is the previous one for ever",
            SEQUENCE,
            lost=("previous_gradient",),
        ),
        slip(
            "gradient-never-stored",
            "the previous gradient stays zero",
            SEQUENCE,
            remember=lambda turned, kept, g: 0.0 * g,
        ),
        slip(
            "alias",
            "the previous gradient is the live one",
            CONTRACT,
            "jettify-diffgrad-alias",
            remember=_alias,
        ),
        slip(
            "keeps-gradient" if zeroed else "zeroes-gradient",
            f"a change of sign {'keeps' if zeroed else 'zeroes'} the gradient",
            SEQUENCE,
            keep=lambda g: g if zeroed else 0.0 * g,
        ),
    ]


def _turns(dialect: str, form: Rprop) -> list[Slip]:
    """Slips in what follows a change of sign; the other dialects are among them."""
    slip = partial(_variant, form)
    slips = [
        slip(
            f"is-{other}", f"is {other}", SEQUENCE, turn=FORMS[other].turn, keep=FORMS[other].keep
        )
        for other in FORMS
        # The one that reads the loss cannot be mistaken where there is none.
        if other not in (dialect, "irprop-plus")
    ]
    if dialect == "irprop-minus":
        return [
            *slips,
            slip(
                "one-call-late",
                "moves as it should have moved one call ago",
                STEP,
                forward=lambda step, g, h: _forward(h.step, h.gradient, h),
            ),
        ]
    if dialect.endswith("plus"):
        slips += _backtracking(dialect, form)
    if dialect == "irprop-plus":
        slips += [
            slip(
                "after-fall",
                "steps back where the loss has fallen",
                SEQUENCE,
                turn=lambda f, h: _back(f, h) if h.rise < 0.0 else _nothing(f, h),
            ),
            slip(
                "unless-fallen",
                "steps back where the loss is as before",
                SEQUENCE,
                turn=lambda f, h: _back(f, h) if h.rise >= 0.0 else _nothing(f, h),
            ),
            slip(
                "loss-lost",
                "the loss is compared with the first one",
                SEQUENCE,
                lost=("previous_loss",),
            ),
            slip("best-loss", "the loss is compared with the least so far", SEQUENCE, loss=min),
        ]
    return slips


def _backtracking(dialect: str, form: Rprop) -> list[Slip]:
    """Slips in the step that is taken back."""

    def slip(name: str, what: str, turn: Turn) -> Slip:
        def after_rise(forward: Any, h: SimpleNamespace) -> Any:
            return turn(forward, h) if h.rise > 0.0 else _nothing(forward, h)

        turns = after_rise if dialect == "irprop-plus" else turn
        return _variant(form, name, what, SEQUENCE, turn=turns)

    return [
        slip("goes-on", "repeats the last update", lambda forward, h: h.update),
        slip("halfway", "takes back half of it", lambda forward, h: -0.5 * h.update),
        slip("new-step", "takes back the step size after it shrank", lambda forward, h: forward),
        _variant(
            form,
            "update-for-gradient",
            "the last update stands for the previous gradient, after a step back too",
            SEQUENCE,
            product=lambda g, h: -np.sign(g) * np.sign(h.update),
        ),
    ]


def _family(dialect: str, form: Rprop) -> Family:
    right = form.rule()
    slips = [*_steps(form), *_signs(form), *_turns(dialect, form)]
    general = general_slips(right, None, stateful=True, scheduled=False)
    return Family("rprop", dialect, right, slips, general=general)


FAMILIES = [_family(dialect, form) for dialect, form in FORMS.items()]
