"""Drawing initial values from a library, and what they should be distributed like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Layer, TakesSomeLayers
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.trace import under_test
from optcheck.reference.balls import Arithmetic
from optcheck.reference.initialization.distributions import (
    DISTRIBUTIONS,
    Counts,
    Distribution,
)
from optcheck.reference.initialization.fans import fans

# All have 4096 or 8192 values. Few shapes: some libraries compile for each.
ORDINARY = (
    Layer(16, 32, "convolution", (4, 4)),
    Layer(128, 64),
    Layer(32, 64, "convolution", (4,)),
    Layer(8, 16, "convolution", (4, 4, 4)),
    Layer(64, 128, "recurrent", gates=4),
    Layer(64, 96, "recurrent", gates=3),
    Layer(64, 128, "recurrent", gates=1),
    Layer(32, 4096, parameter="bias"),
    Layer(4, 4096, "convolution", (3,), parameter="bias"),
    Layer(2, 4096, "convolution", (3, 3), parameter="bias"),
    Layer(1, 4096, "convolution", (3, 3, 3), parameter="bias"),
    Layer(16, 8192, "recurrent", parameter="bias", gates=4),
    Layer(16, 4096, "recurrent", parameter="bias", gates=1),
)
GROUPED = (
    Layer(32, 128, "convolution", (4,), 2),
    Layer(16, 64, "convolution", (4, 4), 4),
    Layer(16, 32, "convolution", (2, 2, 4), 2),
)
# Weights that some libraries keep with the input first.
TRANSPOSED = (
    Layer(128, 64, "embedding"),
    Layer(16, 32, "transposed-convolution", (4, 4)),
    Layer(32, 64, "transposed-convolution", (4,)),
    Layer(8, 16, "transposed-convolution", (4, 4, 4)),
)

_SCALED = ("he-normal", "he-uniform", "glorot-normal", "glorot-uniform", "fan-scaled-uniform")

# (mean, scale, lower, upper): no cut to speak of, one near the mean, in a tail, at two deviations.
_BOUNDS = (
    (0.5, 0.02, -2.0, 2.0),
    (0.5, 0.5, 0.25, 2.0),
    (0.0, 1.0, 0.5, 2.0),
    (0.0, 1.0, -2.0, 2.0),
    (-0.25, 1.0, -0.75, 0.5),
)


def is_random(subject: Subject) -> bool:
    """Whether all values are drawn independently from one distribution."""
    return (subject.record.id, subject.claim.dialect) in DISTRIBUTIONS


def scales_with_fans(subject: Subject) -> bool:
    """Whether the distribution depends on how the units are connected."""
    return subject.record.id in _SCALED and subject.claim.dialect != "hidden-units"


def taken(subject: Subject, layers: Sequence[Layer]) -> list[Layer]:
    """Those of ``layers`` that the library has this initializer for."""
    rule = subject.rule
    return [each for each in layers if not isinstance(rule, TakesSomeLayers) or rule.takes(each)]


def ordinary(subject: Subject) -> list[Layer]:
    """Layers whose shape says what their fans are, or all where that does not matter."""
    return taken(subject, ORDINARY if scales_with_fans(subject) else (*ORDINARY, *TRANSPOSED))


@dataclass(frozen=True)
class Plan:
    """What is asked of an initializer."""

    layer: Layer
    hyperparameters: Mapping[str, float]
    seed: int
    count: int = 1

    def describe(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "layer": asdict(self.layer),
            "hyperparameters": dict(self.hyperparameters),
            "seed": self.seed,
            "count": self.count,
        }


def seeds() -> st.SearchStrategy[int]:
    """Seeds of 31 bits, which every library takes, and their successors."""
    return st.integers(0, 2**31 - 2)


def draw_plan(
    subject: Subject, data: st.DataObject, layers: Sequence[Layer], **given: float
) -> Plan:
    """One of ``layers`` with usual hyper-parameters; ``given`` are told."""
    if subject.claim.compilation != "none":
        # One shape has to do: each takes a second, one with a window more.
        layers = (min(layers, key=lambda layer: len(layer.kernel)),)
    layer = data.draw(st.sampled_from(layers), label="layer")
    return Plan(layer, _hyperparameters(subject, data, given), data.draw(seeds(), label="seed"))


def _hyperparameters(
    subject: Subject, data: st.DataObject, given: Mapping[str, float]
) -> dict[str, float]:
    claim, domains = subject.claim, subject.record.domains(subject.claim.dialect)
    if "lower" in domains:
        names = ("mean", "scale", "lower", "upper")
        drawn = data.draw(st.sampled_from(_BOUNDS), label="bounds")
        return dict(zip(names, drawn, strict=True))
    fixed = {**given, **claim.fixed}
    usual = st.fixed_dictionaries(
        {
            name: st.just(fixed[name]) if name in fixed else st.sampled_from(domain.typical)
            for name, domain in domains.items()
        }
    )
    return dict(
        data.draw(usual.filter(lambda h: claim.limits(h) is None), label="hyper-parameters")
    )


def draw(subject: Subject, plan: Plan) -> Floats:
    """The draws of ``plan``, shape ``(count, *layer.shape)``, all finite."""
    with under_test(subject, plan.describe):
        drawn: Floats = subject.rule.draw(
            plan.layer,
            plan.hyperparameters,
            seed=plan.seed,
            count=plan.count,
            dtype=subject.dtype,
        )
    expected = (plan.count, *plan.layer.shape)
    if drawn.shape != expected:
        raise deviation(subject, plan, f"draws values of shape {drawn.shape} for {expected}")
    if not np.isfinite(drawn).all():
        raise deviation(subject, plan, "draws values that are not finite")
    return drawn


def repeated(plan: Plan, count: int) -> Plan:
    """The same plan, drawn so often."""
    return replace(plan, count=count)


def distribution(
    subject: Subject, plan: Plan, arithmetic: Arithmetic | None = None
) -> Distribution:
    """What a value should be distributed like, in doubles or in balls."""
    layer = plan.layer
    fan_in, fan_out = fans(layer.inputs, layer.outputs, layer.kernel, layer.groups)
    counts = Counts(fan_in, fan_out, layer.outputs // layer.gates)
    values: dict[str, Any] = {**plan.hyperparameters, "one": 1.0}
    if arithmetic is not None:
        values = {name: arithmetic.scalar(value) for name, value in values.items()}
    make = DISTRIBUTIONS[subject.record.id, subject.claim.dialect]
    return make(counts, SimpleNamespace(**values))


def deviation(
    subject: Subject, plan: Plan, message: str, ratio: float = float("inf"), **more: Any
) -> Deviation:
    """A deviation of an initializer, with its plan and a script."""
    title = f"{subject.name}: {message}"

    def script() -> str:
        source: str = subject.rule.script(
            plan.layer,
            plan.hyperparameters,
            seed=plan.seed,
            count=plan.count,
            dtype=subject.dtype,
        )
        return f'"""{title}"""\n\n{source}'

    return Deviation(title, ratio=ratio, counterexample={**plan.describe(), **more}, script=script)


def require(subject: Subject, plan: Plan, ratio: float, message: str, **more: Any) -> float:
    """The ratio, which must not be above 1."""
    if ratio > 1.0:
        raise deviation(subject, plan, message, ratio, **more)
    return ratio
