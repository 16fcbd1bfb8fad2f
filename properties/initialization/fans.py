"""Laws of fans: how many inputs and outputs a library counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from optcheck.backends.layers import Kind, Layer, ShowsFans
from optcheck.properties.initialization.drawing import Plan, deviation, taken
from optcheck.properties.law import Subject, law
from optcheck.properties.trace import under_test
from optcheck.reference.initialization.fans import fans

_SIZES = st.integers(1, 12)
_KERNELS = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


def _dense() -> st.SearchStrategy[Layer]:
    return st.builds(Layer, _SIZES, _SIZES)


def _convolution() -> st.SearchStrategy[Layer]:
    return st.builds(Layer, _SIZES, _SIZES, st.just("convolution"), _KERNELS)


def _grouped() -> st.SearchStrategy[Layer]:
    """More than one group."""

    def build(groups: int, inputs: int, outputs: int, kernel: tuple[int, ...]) -> Layer:
        return Layer(groups * inputs, groups * outputs, "convolution", kernel, groups)

    return st.builds(build, st.integers(2, 4), _SIZES, _SIZES, _KERNELS)


def _input_first() -> st.SearchStrategy[Layer]:
    """More inputs than outputs, so that the order matters."""

    def build(kind: Kind, outputs: int, more: int, kernel: tuple[int, ...]) -> Layer:
        return Layer(outputs + more, outputs, kind, () if kind == "embedding" else kernel)

    kinds = st.sampled_from(("embedding", "transposed-convolution"))
    return st.builds(build, kinds, _SIZES, _SIZES, _KERNELS)


# One layer of each kind says whether a library takes such layers, of any number of axes.
_DENSE = (Layer(2, 3),)
_CONVOLUTIONS = tuple(Layer(2, 3, "convolution", (2,) * axes) for axes in (1, 2, 3))
_GROUPED = tuple(Layer(4, 6, "convolution", (2,) * axes, 2) for axes in (1, 2, 3))
_INPUT_FIRST = (
    Layer(4, 3, "embedding"),
    *(Layer(4, 3, "transposed-convolution", (2,) * axes) for axes in (1, 2, 3)),
)


def _shows(subject: Subject, layers: tuple[Layer, ...]) -> bool:
    return isinstance(subject.rule, ShowsFans) and any(
        subject.rule.fans(each) is not None for each in taken(subject, layers)
    )


def _about(*layers: Layer) -> Callable[[Subject], bool]:
    return lambda subject: _shows(subject, layers)


_EXACT: dict[str, Any] = {
    "oracle": "exact",
    "capability": "initializer",
    "dtypes": ("float32", "float64"),
    "one_dtype": True,
    "share": 0.25,
}
_EQUATIONS = ("fan-in-variance-condition", "fan-out-variance-condition", "glorot-variance")


@law(
    id="fans-count-connections",
    title="Fans are the numbers of connections of an output and of an input",
    statement=(
        "A dense layer has its inputs and outputs; a convolution has each of them times the size "
        "of its window. The library says exactly these numbers."
    ),
    equations=_EQUATIONS,
    about=_about(*_DENSE, *_CONVOLUTIONS),
    **_EXACT,
)
def fans_count_connections(subject: Subject, data: st.DataObject) -> float:
    return _counted(subject, data, st.one_of(_dense(), _convolution()))


@law(
    id="fans-of-grouped-layers",
    title="Groups divide both fans",
    statement=(
        "An output of a convolution with g groups sees inputs / g channels through its window, "
        "and an input reaches outputs / g of them. The library says exactly these numbers."
    ),
    equations=_EQUATIONS,
    about=_about(*_GROUPED),
    **_EXACT,
)
def fans_of_grouped_layers(subject: Subject, data: st.DataObject) -> float:
    return _counted(subject, data, _grouped())


@law(
    id="fans-of-weights-kept-input-first",
    title="Transposed convolutions and embeddings have the fans of their inputs and outputs",
    statement=(
        "The fan-in counts inputs and the fan-out outputs, whichever comes first in the array "
        "of the weights. The library says exactly these numbers."
    ),
    equations=_EQUATIONS,
    about=_about(*_INPUT_FIRST),
    **_EXACT,
)
def fans_of_weights_kept_input_first(subject: Subject, data: st.DataObject) -> float:
    return _counted(subject, data, _input_first())


def _counted(subject: Subject, data: st.DataObject, layers: st.SearchStrategy[Layer]) -> float:
    allowed = layers.filter(lambda layer: bool(taken(subject, [layer])))
    layer = data.draw(allowed, label="layer")
    plan = Plan(layer, {}, 0)
    with under_test(subject, plan.describe):
        counted = subject.rule.fans(layer)
    expected = fans(layer.inputs, layer.outputs, layer.kernel, layer.groups)
    if counted is None or tuple(counted) != expected:
        raise deviation(subject, plan, f"counts the fans {counted} for {expected}")
    return 0.0
