"""Wrong Nadam."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_adam_parts as adam
from wrong_adam_parts import MOMENTS, Form, Part, average, changed, correction, variant
from wrong_bias_corrections import corrections, counts, second_biased
from wrong_variants import RESUME, SEQUENCE, STEP, Family, Rule, Slip


def hat(n: SimpleNamespace) -> Any:
    return n.m / n.c1


def root(n: SimpleNamespace) -> Any:
    return np.sqrt(n.v / n.c2) + n.epsilon


# Where the root may go wrong.
ROOTS: tuple[tuple[str, str, Part], ...] = (
    ("inside-root", "epsilon inside the root", lambda n: np.sqrt(n.v / n.c2 + n.epsilon)),
    (
        "epsilon-corrected",
        "epsilon is corrected like the root",
        lambda n: (np.sqrt(n.v) + n.epsilon) / math.sqrt(n.c2),
    ),
    (
        "root-of-next",
        "the second moment is corrected with t + 1",
        lambda n: np.sqrt(n.v / correction(n.beta2, n.step + 1)) + n.epsilon,
    ),
)


@dataclass(frozen=True)
class Nesterov:
    """The direction of Nadam: what the next step makes of the moment, and this gradient."""

    ahead: Part = lambda n: n.beta1 * (n.m / correction(n.beta1, n.step + 1))
    now: Part = lambda n: (1.0 - n.beta1) * (n.g / n.c1)
    root: Part = root

    def __call__(self, n: SimpleNamespace) -> Any:
        return self.moment(n) / self.root(n)

    def moment(self, n: SimpleNamespace) -> Any:
        """In place of the corrected first moment."""
        return self.ahead(n) + self.now(n)


# (name, what it does, the parts of Nesterov)
MOMENT: tuple[tuple[str, str, dict[str, Part]], ...] = (
    (
        "corrected-alike",
        "the next moment is corrected as this one is",
        {"ahead": lambda n: n.beta1 * (n.m / n.c1)},
    ),
    (
        "two-ahead",
        "the next moment is corrected with t + 2",
        {"ahead": lambda n: n.beta1 * (n.m / correction(n.beta1, n.step + 2))},
    ),
    ("uncorrected-ahead", "the next moment is not corrected", {"ahead": lambda n: n.beta1 * n.m}),
    (
        "undecayed-ahead",
        "the next moment has not decayed",
        {"ahead": lambda n: n.m / correction(n.beta1, n.step + 1)},
    ),
    (
        "beta2-ahead",
        "beta2 in the next moment",
        {"ahead": lambda n: n.beta2 * (n.m / correction(n.beta2, n.step + 1))},
    ),
    (
        "gradient-ahead",
        "the gradient is corrected with t + 1",
        {"now": lambda n: (1.0 - n.beta1) * (n.g / correction(n.beta1, n.step + 1))},
    ),
    (
        "gradient-biased",
        "the gradient is not corrected",
        {"now": lambda n: (1.0 - n.beta1) * n.g},
    ),
    ("gradient-whole", "the gradient has weight 1", {"now": lambda n: n.g / n.c1}),
    ("gradient-forgotten", "the gradient is left out", {"now": lambda n: 0.0 * n.g}),
    (
        "weights-swapped",
        "the weights of moment and gradient are swapped",
        {
            "ahead": lambda n: (1.0 - n.beta1) * (n.m / correction(n.beta1, n.step + 1)),
            "now": lambda n: n.beta1 * (n.g / n.c1),
        },
    ),
    (
        "moment-twice",
        "the moment in place of the gradient",
        {"now": lambda n: (1.0 - n.beta1) * (n.m / n.c1)},
    ),
)


def _averages(form: Form) -> list[Slip]:
    return [
        *adam.epsilons(form),
        *adam.betas(form),
        *adam.first_moments(form),
        *adam.second_moments(form),
    ]


def _constant_nadam() -> Family:
    right = Nesterov()
    form = Form(right)

    def slip(name: str, what: str, direction: Part) -> Slip:
        return variant(form, name, what, STEP, direction=direction)

    slips = [
        slip("is-adam", "is Adam", lambda n: hat(n) / root(n)),
        slip("is-scheduled-momentum", "is the dialect scheduled-momentum", _as_in_torch),
        *(slip(name, what, replace(right, **parts)) for name, what, parts in MOMENT),
        *(slip(name, what, replace(right, root=part)) for name, what, part in ROOTS),
        *_averages(form),
        *corrections(form),
        second_biased(form),
    ]
    return adam.family("nadam", "constant-momentum", form, slips)


@dataclass(frozen=True)
class Schedule:
    """The direction of Nadam with scheduled momentum.

    ``mu`` is the momentum of a step, ``product`` that of all steps so far, made of the one before,
    and ``ahead`` and ``now`` are the factors of the moment and of the gradient.
    """

    mu: Callable[[SimpleNamespace, int], float] = lambda n, step: (
        n.beta1 * (1.0 - 0.5 * n.momentum_base ** (step * n.momentum_decay))
    )
    product: Callable[[float, float], float] = lambda before, mu: before * mu
    ahead: Part = lambda n: n.mu_next / (1.0 - n.product * n.mu_next)
    now: Part = lambda n: (1.0 - n.mu) / (1.0 - n.product)
    root: Part = root

    def __call__(self, n: SimpleNamespace) -> Any:
        n.mu, n.mu_next = self.mu(n, n.step), self.mu(n, n.step + 1)
        n.product = self.product(n.state.get("mu_product", 1.0), n.mu)
        n.state["mu_product"] = n.product
        return (self.ahead(n) * n.m + self.now(n) * n.g) / self.root(n)


def _as_in_torch(n: SimpleNamespace) -> Any:
    return Schedule()(changed(n, momentum_base=0.96, momentum_decay=0.004))


def _one_product(form: Form) -> Callable[[], Rule]:
    """The product is an attribute of the optimizer, and not of each parameter's state."""

    def make() -> Rule:
        shared: dict[str, float] = {}

        def product(before: float, mu: float) -> float:
            shared["product"] = shared.get("product", 1.0) * mu
            return shared["product"]

        return replace(form, direction=Schedule(product=product)).rule()

    return make


def _overwrites_beta(form: Form) -> Rule:
    """The momentum of a step becomes the base of the next one's."""
    right = Schedule()

    def direction(n: SimpleNamespace) -> Any:
        base = n.state.get("base", n.beta1)
        scheduled = changed(n, beta1=base)
        n.state["base"] = right.mu(scheduled, n.step)
        return right(scheduled)

    return replace(form, direction=direction).rule()


def _scheduled_nadam() -> Family:
    right = Schedule()
    form = Form(right)

    def slip(
        name: str, what: str, laws: tuple[str, ...] = STEP, bug: str = "", **parts: Any
    ) -> Slip:
        return variant(form, name, what, laws, bug, direction=replace(right, **parts))

    def with_mu(name: str, what: str, mu: Callable[[SimpleNamespace, int], float]) -> Slip:
        return slip(name, what, mu=mu)

    slips = [
        variant(form, "is-adam", "is Adam", STEP, direction=lambda n: hat(n) / root(n)),
        variant(
            form,
            "is-constant-momentum",
            "is the dialect constant-momentum",
            STEP,
            direction=Nesterov(),
        ),
        slip(
            "product-twice",
            "the momentum of this step is in the next product twice",
            bug="torch-nadam-mu-product",
            ahead=lambda n: n.mu_next / (1.0 - n.product * n.mu * n.mu_next),
        ),
        slip(
            "product-of-now",
            "the next product lacks the next momentum",
            ahead=lambda n: n.mu_next / (1.0 - n.product),
        ),
        slip(
            "product-of-next",
            "the product of the gradient has the next momentum in it",
            now=lambda n: (1.0 - n.mu) / (1.0 - n.product * n.mu_next),
        ),
        slip(
            "product-lost",
            "the product is the momentum of this step",
            SEQUENCE,
            product=lambda before, mu: mu,
        ),
        slip(
            "product-stands",
            "the product stays that of the first step",
            SEQUENCE,
            product=lambda before, mu: mu if before == 1.0 else before,
        ),
        slip(
            "product-single",
            "the product is kept in float32",
            SEQUENCE,
            product=lambda before, mu: float(np.float32(before) * np.float32(mu)),
        ),
        slip(
            "power",
            "a power of this momentum for the product",
            SEQUENCE,
            ahead=lambda n: n.mu_next / (1.0 - n.mu_next ** (n.step + 1)),
            now=lambda n: (1.0 - n.mu) / (1.0 - n.mu**n.step),
        ),
        slip(
            "next-for-now",
            "the next momentum in the weight of the gradient",
            now=lambda n: (1.0 - n.mu_next) / (1.0 - n.product),
        ),
        slip(
            "now-for-next",
            "this momentum in the weight of the moment",
            ahead=lambda n: n.mu / (1.0 - n.product * n.mu_next),
        ),
        slip("gradient-whole", "the gradient has weight 1", now=lambda n: 1.0 / (1.0 - n.product)),
        slip("gradient-forgotten", "the gradient is left out", now=lambda n: 0.0),
        slip(
            "uncorrected",
            "neither is corrected",
            ahead=lambda n: n.mu_next,
            now=lambda n: 1.0 - n.mu,
        ),
        with_mu(
            "no-psi",
            "the schedule is not slowed down",
            lambda n, step: right.mu(changed(n, momentum_decay=1.0), step),
        ),
        with_mu(
            "own-psi",
            "the schedule is slowed down by 0.004 whatever was asked",
            lambda n, step: right.mu(changed(n, momentum_decay=0.004), step),
        ),
        with_mu(
            "psi-outside",
            "the power is multiplied, not the exponent",
            lambda n, step: n.beta1 * (1.0 - 0.5 * n.momentum_decay * n.momentum_base**step),
        ),
        with_mu(
            "base-0.9",
            "the base is 0.9",
            lambda n, step: right.mu(changed(n, momentum_base=0.9), step),
        ),
        with_mu(
            "no-half",
            "the momentum starts near 0",
            lambda n, step: n.beta1 * (1.0 - n.momentum_base ** (step * n.momentum_decay)),
        ),
        with_mu(
            "bracket",
            "a misplaced bracket: half of the difference",
            lambda n, step: 0.5 * n.beta1 * (1.0 - n.momentum_base ** (step * n.momentum_decay)),
        ),
        with_mu(
            "falls",
            "the momentum falls from 3/2 beta1",
            lambda n, step: n.beta1 * (1.0 + 0.5 * n.momentum_base ** (step * n.momentum_decay)),
        ),
        slip(
            "from-next",
            "the schedule is read one step ahead",
            bug="optax-schedule-free-step",
            mu=lambda n, step: right.mu(n, step + 1),
        ),
        slip(
            "from-0",
            "the schedule is read one step late",
            mu=lambda n, step: right.mu(n, step - 1),
        ),
        variant(
            form,
            "scheduled-average",
            "the first moment is averaged with the momentum of the step",
            MOMENTS,
            first=lambda n: average(n.m, n.g, right.mu(n, n.step)),
        ),
        Slip(
            "one-product",
            "one product for all parameters, which is not saved",
            ("permuting-and-splitting", *STEP, *RESUME),
            _one_product(form),
            per_run=True,
        ),
        Slip(
            "beta-overwritten",
            "the momentum of a step is the base of the next one's",
            SEQUENCE,
            lambda: _overwrites_beta(form),
            bug="diffusers-ema-decay-overwrite",
        ),
        *(slip(name, what, root=part) for name, what, part in ROOTS),
        *_averages(form),
        *counts(form),
        second_biased(form),
    ]
    return adam.family("nadam", "scheduled-momentum", form, slips)


FAMILIES = [_constant_nadam(), _scheduled_nadam()]
