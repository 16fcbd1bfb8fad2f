"""The script of a failure shows it on the library alone, and falls silent when it is mended."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from optcheck.backends import Backend, load_backend
from optcheck.properties import Profile, Unit, execute, units

SMALL = Profile("small", 6, 1, 30, 100)
SHRINKING = Profile("shrinking", 20, 1, 60, 300)


def unit_of(backend: Backend, law: str, dtype: str = "float32") -> Unit:
    return next(
        unit
        for unit in units([backend])
        if unit.subject is not None and unit.law.id == law and unit.dtype == dtype
    )


PLUGIN = """\
import numpy as np
from optcheck.backends import FunctionBackend

backend = FunctionBackend("mine")


@backend.update_rule("momentum", dialect="learning-rate-outside")
def rule(w, g, state, *, learning_rate, momentum):
    state["velocity"] = momentum * state.get("velocity", np.zeros_like(g)) {sign} g
    return w - learning_rate * state["velocity"]


@backend.schedule("inverse-time-schedule")
def schedule(tau, *, initial_rate, decay_rate):
    return initial_rate / (1.0 {sign} decay_rate * tau)


@backend.clipping("clip-by-global-norm", dialect="exact")
def clip(gradients, *, threshold):
    norm = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients))
    return [g * float(min(1.0, threshold / norm)) if norm else 1.0 * g for g in gradients]
"""

CASES = [
    ("exact-step", "float32"),
    ("exact-sequence", "float32"),
    ("exact-sequence", "float64"),
    ("momentum-rate-on-a-slope", "float64"),
    ("schedule-values", "float64"),
    ("clip-values", "float32"),
]


def alone(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as its reader would: from a file, in another folder."""
    path = folder / "reproduce.py"
    path.write_text(script)
    checkout = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("law", "dtype"), CASES)
def test_the_script_of_a_failure_runs_alone(law: str, dtype: str, tmp_path: Path) -> None:
    source = tmp_path / f"mine_{law.replace('-', '_')}_{dtype}.py"
    source.write_text(PLUGIN.format(sign="-"))
    if law == "clip-values":
        source.write_text(source.read_text().replace("min(", "max("))
    unit = unit_of(load_backend(f"{source}:backend"), law, dtype)
    outcome = execute(unit, SMALL, seed=0)
    assert outcome.verdict == "fail", outcome.message
    assert outcome.reproduce is not None
    ast.parse(outcome.reproduce)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    wrong = alone(outcome.reproduce, elsewhere)
    assert "DEVIATES" in wrong.stdout, wrong.stderr
    assert wrong.returncode == 1

    source.write_text(PLUGIN.format(sign="+"))
    corrected = alone(outcome.reproduce, elsewhere)
    assert corrected.returncode == 0, corrected.stdout + corrected.stderr
    assert "DEVIATES" not in corrected.stdout


def test_the_script_of_a_failure_keeps_the_storage(tmp_path: Path) -> None:
    source = tmp_path / "storage.py"
    head = PLUGIN[: PLUGIN.index("@backend")]
    source.write_text(
        f"{head}@backend.update_rule('gradient-descent', dialect='plain')\n"
        "def rule(w, g, state, *, learning_rate):\n"
        "    g = g.ravel(order='K').reshape(g.shape)\n"
        "    return w - learning_rate * g\n"
    )
    outcome = execute(unit_of(load_backend(f"{source}:backend"), "exact-step"), SHRINKING, seed=0)
    assert outcome.verdict == "fail"
    assert outcome.reproduce is not None
    assert alone(outcome.reproduce, tmp_path).returncode == 1
