from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

ADAM = """
import numpy as np
from optcheck.backends import FunctionBackend

backend = FunctionBackend({name!r})

@backend.update_rule("adam", dialect="epsilon-outside-root")
def adam(w, g, state, *, learning_rate, beta1, beta2, epsilon):
    {slip}
    t = state["step"] = state.get("step", 0) + 1
    m = state["first_moment"] = beta1 * state.get("first_moment", 0) + (1 - beta1) * g
    v = state["second_moment"] = beta2 * state.get("second_moment", 0) + (1 - beta2) * g**2
    return w - learning_rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
"""


@pytest.fixture
def optcheck(tmp_path: Path) -> Command:
    """Run the console command in ``tmp_path``."""

    def run(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "optcheck", *arguments]
        environment = {**os.environ, "COLUMNS": "120", **options}
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    return run


@pytest.fixture
def adam_file(tmp_path: Path) -> Callable[[str], Path]:
    """Write a plug-in with Adam, with a slip in its first line."""

    def write(slip: str = "pass", name: str = "mine") -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(ADAM.format(name=name, slip=slip), encoding="utf-8")
        return path

    return write
