"""Drawing batches and layers, running a normaliser on them, and judging what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import NormalizerRun
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.strategies import hyperparameters, representable
from optcheck.properties.trace import require, under_test
from optcheck.reference import FORMATS
from optcheck.reference.normalization.normalizers import NormalizerForm, NormalizerOracle, Setting
from optcheck.reference.oracle import Bound, Quantity

# Where the values of a feature lie, in units of their spread, and that spread.
_LOCATIONS = (0.0, 1.0, -3.0, 6.0)
_SPREADS = (1.0, 0.01, 30.0, 1e3)
_GAINS = (1.0, -2.0, 0.5, 1.7, -0.3)
_SHIFTS = (0.0, 1.0, -0.25, 3.3)
# The one shape of a batch where each is compiled for.
_COMPILED = (4, (3,))


@dataclass(frozen=True)
class Case:
    """A layer, and the batches that it sees one after the other."""

    setting: Setting
    batches: tuple[Floats, ...]

    def describe(self) -> dict[str, Any]:
        """The case as plain data."""
        learned = {"gain": self.setting.gain, "shift": self.setting.shift}
        return {
            "hyperparameters": dict(self.setting.hyperparameters),
            **{name: each.tolist() for name, each in learned.items() if each is not None},
            "batches": [batch.tolist() for batch in self.batches],
        }

    def of(self, *batches: Floats) -> Case:
        """The same layer with other batches."""
        return replace(self, batches=batches)


def form_of(subject: Subject) -> NormalizerForm:
    """The dialect that the subject claims."""
    form: NormalizerForm = subject.record.dialects[subject.claim.dialect]
    return form


def is_data(subject: Subject) -> bool:
    """Whether data are normalised, before all training."""
    return bool(subject.record.id == "data-normalization")


def is_layer(subject: Subject) -> bool:
    """Whether examples are normalised, each for itself."""
    return bool(subject.record.id == "layer-normalization")


def is_batch(subject: Subject) -> bool:
    """Whether batches are."""
    return bool(subject.record.id == "batch-normalization")


def oracle(subject: Subject, case: Case) -> NormalizerOracle:
    """The equations of the dialect for this layer."""
    return NormalizerOracle(form_of(subject), case.setting, subject.working)


def draw_shape(subject: Subject, data: st.DataObject) -> tuple[int, tuple[int, ...]]:
    """The number of examples and the shape of one; a group has two values at least."""
    if subject.claim.compilation != "none":
        return _COMPILED
    count = data.draw(st.integers(2, 7), label="examples")
    width = data.draw(st.integers(2 if is_layer(subject) else 1, 4), label="features")
    places = () if is_data(subject) else data.draw(st.sampled_from(((), (), (2,), (2, 3))))
    return count, (width, *places)


def draw_layer(
    subject: Subject,
    data: st.DataObject,
    features: tuple[int, ...],
    *,
    affine: bool = True,
    **fixed: float,
) -> Setting:
    """Legal hyper-parameters; gain and shift, unless they are 1 and 0 or there are none."""
    domains = subject.record.domains(subject.claim.dialect)
    drawn = data.draw(hyperparameters(domains, subject.claim, fixed), label="hyperparameters")
    shape = form_of(subject).learned(features)
    if is_data(subject):
        return Setting(features, drawn)
    # A library that compiles does so once more without them.
    compiled = subject.claim.compilation != "none"
    if compiled and not affine:
        return Setting(features, drawn, np.ones(shape), np.zeros(shape))
    if not (compiled or (affine and data.draw(st.integers(0, 3), label="learned"))):
        return Setting(features, drawn)
    gain, shift = (
        representable(_sampled(data, sizes, shape, name), FORMATS[subject.dtype])
        for name, sizes in (("gain", _GAINS), ("shift", _SHIFTS))
    )
    return Setting(features, drawn, gain, shift)


def draw_epsilon(subject: Subject, data: st.DataObject, *values: float) -> float:
    """One of ``values`` that the library takes."""
    fixed = subject.claim.fixed.get("epsilon")
    legal = [each for each in values if subject.claim.limits({"epsilon": each}) is None]
    return data.draw(st.sampled_from(legal if fixed is None else [fixed]), label="delta")


def _sampled(
    data: st.DataObject, sizes: Sequence[float], shape: tuple[int, ...], label: str
) -> Floats:
    count = int(np.prod(shape))
    sampled = st.lists(st.sampled_from(sizes), min_size=count, max_size=count)
    return np.array(data.draw(sampled, label=label)).reshape(shape)


def draw_batch(
    subject: Subject, data: st.DataObject, count: int, features: tuple[int, ...]
) -> Floats:
    """Gaussians, each feature with a mean and a spread of its own."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="noise"))
    values = random.normal(size=(count, *features))
    per_feature = (features[0], *[1] * (len(features) - 1))
    means = _sampled(data, _LOCATIONS, per_feature, "means")
    spread = data.draw(st.sampled_from(_SPREADS), label="spread")
    return representable((means + values) * spread, FORMATS[subject.dtype])


def draw_case(
    subject: Subject,
    data: st.DataObject,
    *,
    batches: int = 1,
    affine: bool = True,
    **fixed: float,
) -> Case:
    """A layer and its batches, all of one shape."""
    count, features = draw_shape(subject, data)
    setting = draw_layer(subject, data, features, affine=affine, **fixed)
    drawn = (draw_batch(subject, data, count, features) for _ in range(batches))
    return Case(setting, tuple(drawn))


@contextmanager
def running(subject: Subject, case: Case) -> Iterator[NormalizerRun]:
    """A new normaliser; what it raises is its own."""
    setting = case.setting
    with under_test(subject, case.describe):
        yield subject.rule.start(
            setting.features,
            setting.hyperparameters,
            dtype=subject.dtype,
            gain=setting.gain,
            shift=setting.shift,
        )


def trained(subject: Subject, case: Case) -> Floats:
    """What the last batch becomes in training."""
    with running(subject, case) as run:
        for batch in case.batches:
            output = run.train(batch)
    return shaped(subject, case, output)


def shaped(subject: Subject, case: Case, output: Floats, count: int | None = None) -> Floats:
    """The output, if it has the shape of the last batch."""
    expected = case.batches[-1].shape if count is None else (count, *case.setting.features)
    if output.shape != expected:
        raise deviation(subject, case, f"returns shape {output.shape} for {expected}")
    return output


def deviation(
    subject: Subject, case: Case, message: str, ratio: float = float("inf"), **more: Any
) -> Deviation:
    """A deviation with its case and a script."""
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample={**case.describe(), **more},
        script=lambda: script_of(subject, case, title),
    )


def judge(
    subject: Subject, case: Case, quantity: Quantity | Bound, computed: Floats, what: str
) -> float:
    """As :func:`require`, for numbers in the order of the quantity."""
    try:
        return require(
            quantity,
            np.ravel(computed),
            what=f"{subject.name}: {what}",
            counterexample=case.describe,
        )
    except Deviation as found:
        title = str(found)
        found.script = lambda: script_of(subject, case, title)
        raise


def judge_output(
    subject: Subject, case: Case, quantity: Quantity | Bound, output: Floats, what: str
) -> float:
    """The same for an array of the shape of a batch."""
    return judge(subject, case, quantity, form_of(subject).groups(output), what)


def worst(*ratios: float) -> float:
    """The largest ratio that decided something; NaN where none did."""
    decided = [ratio for ratio in ratios if not np.isnan(ratio)]
    return max(decided) if decided else float("nan")


def script_of(subject: Subject, case: Case, title: str) -> str:
    """A program of the library alone that trains on all batches but the last."""
    setting = case.setting
    text: str = subject.rule.script(
        case.batches,
        setting.hyperparameters,
        dtype=subject.dtype,
        gain=setting.gain,
        shift=setting.shift,
    )
    return f'"""{title}"""\n\n{text}'


def shown(run: NormalizerRun) -> Mapping[str, Floats]:
    """A copy of what a run shows of itself."""
    return {name: np.array(each) for name, each in run.state().items()}
