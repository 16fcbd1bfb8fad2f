"""identify, translate and errata, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from optcheck.cli import app

FOO = """
import numpy as np

def FooOpt(w, g, state, *, learning_rate, decay, epsilon, momentum):
    r = state["r"] = decay * state.get("r", 0) + (1 - decay) * g**2
    v = state["v"] = momentum * state.get("v", 0) + g / (np.sqrt(r) + epsilon)
    return w - learning_rate * v

def odd(w, g, state, *, pace):
    return w - pace * g
"""
CLAIMED = """
from optcheck.backends import FunctionBackend

backend = FunctionBackend("mine")

@backend.update_rule("momentum", dialect="averaged")
def momentum(w, g, state, *, learning_rate, momentum):
    v = state["velocity"] = momentum * state.get("velocity", 0) + g
    return w - learning_rate * v
"""


def optcheck(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def foo(tmp_path: Path) -> str:
    path = tmp_path / "foo.py"
    path.write_text(FOO)
    return str(path)


def test_a_plain_function_is_identified_without_a_claim(foo: str) -> None:
    code, out, _ = optcheck("identify", f"{foo}:FooOpt")
    assert code == 0
    assert "FooOpt in float64" in out
    assert "is rmsprop/epsilon-outside-root+learning-rate-outside" in out
    assert "one input refutes" in out


def test_a_wrong_claim_is_said_to_be_wrong(tmp_path: Path) -> None:
    path = tmp_path / "claimed.py"
    path.write_text(CLAIMED)
    code, out, _ = optcheck("identify", f"{path}:backend", "momentum")
    assert code == 1
    assert "is momentum/learning-rate-outside" in out
    assert "is not momentum/averaged, which it claims to be" in out
    code, out, _ = optcheck("identify", f"{path}:backend", "--json")
    (found,) = json.loads(out)
    assert found["survivors"] == ["momentum/learning-rate-outside"]
    assert found["agrees"] is False
    assert all(each["factor"] > 1 for each in found["refuted"])
    assert {"hyperparameters", "gradients", "step"} <= set(found["refuted"][0])


def test_several_implementations_are_a_table() -> None:
    code, out, _ = optcheck("identify", "numpy", "adam")
    assert code == 0
    assert "4 of 4 implementations are what they claim to be" in out


def test_hyperparameters_are_options_of_translate() -> None:
    code, out, _ = optcheck(
        *("translate", "momentum", "--from", "numpy", "--to", "torch", "--dialect", "averaged"),
        *("--learning-rate", "0.5", "--momentum=0.75"),
    )
    assert code == 0
    assert "torch.optim.SGD(lr=0.125, momentum=0.75, foreach=False)" in out
    assert "the same update: both are momentum" in out


def test_what_has_no_translation_says_how_far_off_it_is() -> None:
    given = ("--learning-rate", "0.001", "--beta1", "0.9", "--beta2", "0.999", "--epsilon", "1e-7")
    where = ("--from", "numpy", "--to", "torch", "--dialect", "epsilon-hat")
    code, out, _ = optcheck("translate", "adam", *where, *given)
    assert code == 1
    assert "no hyper-parameters make them the same update" in out
    assert "update 1 of a gradient of 1e-06" in out
    code, out, _ = optcheck("translate", "adam", *where, *given, "--json")
    found: dict[str, Any] = json.loads(out)
    assert found["exact"] is False
    assert found["first"]["1e-06"] > found["steady"]["1e-06"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("identify", "torchh"), "unknown backend 'torchh'"),
        (("identify", "numpy", "nope"), "numpy has no nope"),
        (("translate", "adam", "--from", "numpy", "--to", "torch", "--pace", "1"), "has no pace"),
        (
            ("translate", "adam", "--from", "numpy", "--to", "torch", "--beta1", "x"),
            "is no number",
        ),
        (("translate", "adam", "--from", "numpy", "--to", "torch", "--beta1"), "has no value"),
        (("translate", "adam", "--from", "numpy", "--to", "nowhere"), "unknown backend 'nowhere'"),
    ],
)
def test_what_cannot_be_asked_gets_one_line(arguments: tuple[str, ...], line: str) -> None:
    code, _, error = optcheck(*arguments)
    assert code == 2
    assert line in error
    assert len(error.strip().splitlines()) == 1


def test_a_function_with_names_of_its_own_is_told_the_names(foo: str) -> None:
    code, _, error = optcheck("identify", f"{foo}:odd")
    assert code == 2
    assert "odd takes pace; hyper-parameters are called" in error


def test_every_erratum_is_listed_with_its_counterexample() -> None:
    code, out, _ = optcheck("errata", "--json")
    assert code == 0
    found = {row["id"]: row for row in json.loads(out)}
    assert len(found) == 106
    assert found["B04"]["counterexample"]
    assert all(row["counterexample"] or row["unchecked"] for row in found.values())
