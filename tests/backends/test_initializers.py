"""Initializers: scripts that print what is drawn, layouts, and what laws do not see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from printed_numbers import printed_numbers

from optcheck.backends import load_backend
from optcheck.backends.layers import Layer, ShowsFans
from optcheck.reference.procedures import PROCEDURES

LAYERS = (
    Layer(4, 3),
    Layer(4, 6, "convolution", (2,)),
    Layer(4, 6, "convolution", (3, 2), 2),
    Layer(4, 3, "transposed-convolution", (2, 3)),
    Layer(4, 3, "embedding"),
    Layer(3, 8, "recurrent", gates=4),
    Layer(3, 6, "recurrent", gates=3),
    Layer(3, 8, "recurrent", parameter="bias", gates=4),
    Layer(4, 3, parameter="bias", frequencies=(0.5, 0.25, 0.25)),
)


def usual(rule: Any) -> dict[str, float]:
    domains = PROCEDURES[rule.claim.method].domains(rule.claim.dialect)
    values = {name: domain.typical[-1] for name, domain in domains.items()}
    if "lower" in values:
        values |= {"lower": -0.5, "upper": 1.5}
    if "nonzeros" in values:
        values["nonzeros"] = 2
    return {**values, **rule.claim.fixed}


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_scripts_print_what_is_drawn(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for rule in load_backend(name).initializers():
        # Which of its weights are zero, torch draws from another generator.
        layers = [layer for layer in LAYERS if rule.takes(layer)][:2]
        for layer in layers if rule.claim.method != "sparse" or name == "numpy" else ():
            values = usual(rule)
            script = rule.script(layer, values, seed=5, count=2, dtype="float64")
            numbers = printed_numbers(script, capsys, "float64")
            drawn = rule.draw(layer, values, seed=5, count=2, dtype="float64")
            assert drawn.shape == (2, *layer.shape)
            # A transposed array has the same numbers in another order.
            assert sorted(numbers) == sorted(drawn.ravel().tolist())


def test_torch_leaves_its_own_generator_alone() -> None:
    import torch

    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    for rule in load_backend("torch").initializers():
        if rule.shared:
            for layer in filter(rule.takes, LAYERS):
                rule.draw(layer, usual(rule), seed=2, dtype="float32")
    assert torch.equal(torch.rand(3), expected)


def test_torch_layers_start_as_their_modules_do() -> None:
    import torch

    layer = Layer(4, 6, "transposed-convolution", (3,), 2)
    rule = next(
        rule
        for rule in load_backend("torch").initializers()
        if rule.claim.options.get("layer") == "ConvTranspose1d"
    )
    drawn = rule.draw(layer, {}, seed=3, dtype="float32")[0]
    torch.manual_seed(3)
    weight = torch.nn.ConvTranspose1d(4, 6, 3, groups=2).weight.detach().numpy()
    # Input channel 3 is the second of the second group, output channel 5 the third of it.
    assert drawn[5, 1].tolist() == weight[3, 2].tolist()
    assert drawn[0, 1].tolist() == weight[1, 0].tolist()


def test_torch_recommends_other_gains_than_the_slide() -> None:
    import torch

    gain = torch.nn.init.calculate_gain
    assert gain("relu") == math.sqrt(2.0)
    assert (gain("tanh"), gain("sigmoid"), gain("linear")) == (5 / 3, 1, 1)


def test_jax_layouts_have_the_output_first() -> None:
    from optcheck.backends.jax.initializers import arranged, stored_shape

    layer = Layer(4, 6, "convolution", (3, 5), 2)
    for layout in ("last", "groups", "first"):
        shape = stored_shape(layer, layout)
        places = np.arange(math.prod(shape), dtype=float).reshape(1, *shape)
        found = arranged(places, layer, layout)[0]
        assert found.shape == layer.shape
        # Output 4 is the second of the second group; then an input and a place.
        where = {"last": (2, 1, 1, 4), "first": (4, 1, 2, 1), "groups": (1, 2, 1, 1, 1)}
        assert found[4, 1, 2, 1] == places[0][where[layout]]


def test_jax_counts_groups_by_an_axis_of_their_own() -> None:
    layer = Layer(4, 6, "convolution", (3,), 2)
    counted = {
        rule.fans(layer)
        for rule in load_backend("jax").initializers()
        if isinstance(rule, ShowsFans) and rule.counts_fans and rule.takes(layer)
    }
    assert counted == {(6.0, 9.0)}
