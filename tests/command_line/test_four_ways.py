"""However a backend is named, the same laws are asked of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import optcheck
from optcheck.runner import Plan, Request

SOURCE = """
from optcheck.backends import FunctionBackend

backend = FunctionBackend("mine")


@backend.update_rule("gradient-descent", dialect="plain")
def descend(w, g, state, *, learning_rate):
    return w - learning_rate * g


@backend.clipping("clip-by-value", dialect="exact")
def clip(gradients, *, threshold):
    return [g.clip(-threshold, threshold) for g in gradients]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that is installed, with an entry point."""
    (tmp_path / "four_ways.py").write_text(SOURCE, encoding="utf-8")
    installed = tmp_path / "four_ways-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: four-ways\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[optcheck.backends]\nfour-ways = four_ways:backend\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "four_ways", raising=False)
    return tmp_path


def planned(backend: object) -> set[str]:
    return set(Plan(Request((backend,))).units)  # type: ignore[arg-type]


def collected(folder: Path, spec: str) -> set[str]:
    """What pytest would run; the names of tests are the keys of units."""
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "--collect-only", "-q"),
            *("--pyargs", "optcheck.properties", "--backend", spec),
        ],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if "::test_law[" in line]
    return {line.partition("[")[2].removesuffix("]") for line in lines}


def test_every_way_leads_to_the_same_laws(folder: Path) -> None:
    from four_ways import backend  # type: ignore[import-not-found]

    expected = planned(backend)
    assert sum("/gradient-descent/plain/" in key for key in expected) > 60
    for spec in ("four-ways", "four_ways:backend", f"{folder / 'four_ways.py'}:backend"):
        assert planned(spec) == expected, spec
    assert collected(folder, "four-ways") == expected

    law = "law:exact-step"
    wanted = {key for key in expected if key.startswith("exact-step/")}
    report = optcheck.check(backend, profile="quick", select=law)
    assert {result.key for result in report.results} == wanted
    tests = optcheck.each_law(backend, select=law).mark.args[1]
    keys = {test.values[0].unit.key for test in tests}
    assert keys == {key for key in wanted if "/gradient-descent/plain/" in key}
