"""Slips in the step count and in the bias corrections, of Adam and its descendants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from wrong_adam_parts import Form, correction, variant
from wrong_variants import CONTRACT, RESUME, SEQUENCE, STEP, Rule, Slip


class HalfWhenLoaded(int):
    """A step count that comes back from a checkpoint in half precision."""

    def __reduce__(self) -> tuple[Any, ...]:
        return np.float16, (int(self),)


def counts(form: Form, laws: tuple[str, ...] = STEP) -> list[Slip]:
    """Slips in the step count."""

    def counted_by_calls() -> Rule:
        calls = [0]

        def count(earlier: int) -> int:
            calls[0] += 1
            return calls[0]

        return replace(form, count=count).rule()

    return [
        variant(form, "from-2", "the count starts at 2", laws, count=lambda t: max(t, 1) + 1),
        variant(form, "stopped", "the count stays at 1", SEQUENCE, count=lambda t: 1),
        variant(
            form, "by-two", "the count goes up by two", SEQUENCE, count=lambda t: t + 1 + (t > 0)
        ),
        variant(
            form,
            "half-count",
            "the count is kept in float16",
            ("step-count-past-2048",),
            count=lambda t: int(np.float16(t) + np.float16(1)),
        ),
        variant(
            form,
            "single-count",
            "the count is kept in float32",
            ("step-count-past-2-24",),
            count=lambda t: int(np.float32(t) + np.float32(1)),
        ),
        variant(
            form,
            "count-promoted",
            "a float64 count makes the result float64",
            CONTRACT,
            says="dtype float64",
            bug="flax-adam-step-promotion",
            count=lambda t: np.float64(t + 1),
        ),
        variant(
            form,
            "count-cast",
            "the count is cast to float16 when it is loaded",
            RESUME,
            says="resumed",
            bug="torch-load-state-step-cast",
            count=lambda t: HalfWhenLoaded(t + 1) if isinstance(t, int) else t + 1,
        ),
        Slip(
            "shared-count",
            "one count for all parameters, one up at every call",
            ("permuting-and-splitting", "exact-step"),
            counted_by_calls,
            per_run=True,
            bug="deepspeed-fusedadam-step",
        ),
    ]


def _never(decay: float, step: int) -> float:
    return 1.0


def _from_zero(decay: float, step: int) -> float:
    return correction(decay, step - 1)


def corrections(form: Form, laws: tuple[str, ...] = STEP) -> list[Slip]:
    """Slips in the step count, and in the correction of the first moment."""

    def kept() -> Callable[[float, int], float]:
        known: dict[int, float] = {}
        return lambda decay, step: known.setdefault(step, correction(decay, step))

    def cached() -> Rule:
        return replace(form, correction1=kept(), correction2=kept()).rule()

    return [
        *counts(form, laws),
        variant(
            form,
            "saturates",
            "the count stops at 256, as in bfloat16",
            ("late-steps",),
            count=lambda t: min(t + 1, 256),
        ),
        variant(
            form, "first-biased", "the first moment is not corrected", laws, correction1=_never
        ),
        Slip(
            "from-0",
            "the count starts at 0",
            laws,
            replace(form, correction1=_from_zero, correction2=_from_zero).rule,
            raises=True,
        ),
        variant(
            form,
            "wrong-power",
            "1 - (1 - beta)^2 for 1 - beta^t",
            laws,
            bug="luatorch-adam-square",
            correction1=lambda b, t: 1.0 - (1.0 - b) ** 2,
            correction2=lambda b, t: 1.0 - (1.0 - b) ** 2,
        ),
        variant(
            form,
            "linear",
            "beta t for beta^t",
            SEQUENCE,
            correction1=lambda b, t: abs(1.0 - b * t),
        ),
        variant(
            form,
            "promoted",
            "a float64 correction makes the result float64",
            CONTRACT,
            says="dtype float64",
            bug="jax-adam-promotion",
            correction1=lambda b, t: np.float64(1.0 - b**t),
        ),
        Slip("cached", "the corrections are cached for the betas of the first run", STEP, cached),
        Slip(
            "cached-for-all",
            "the corrections are cached for the betas of the first group",
            ("parameter-groups",),
            cached,
            per_run=True,
            bug="jettify-radam-shared-buffer",
        ),
    ]


def second_biased(form: Form, laws: tuple[str, ...] = STEP) -> Slip:
    """The second moment is taken as it is."""
    return variant(form, "second-biased", "the second is not corrected", laws, correction2=_never)
