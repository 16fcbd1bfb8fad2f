"""docs/plug-in.md, followed as a new user would: every block of code in it is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import optcheck
from optcheck.backends.discovery import ENTRY_POINT_GROUP
from optcheck.properties.known import load_known

TEXT = (Path(__file__).resolve().parent.parent / "docs/plug-in.md").read_text(encoding="utf-8")
# What stands between the fences, by its language; a file says its name in its first line.
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
FILES = {
    text.partition("\n")[0].removeprefix("# "): text
    for language, text in BLOCKS
    if language in ("python", "toml")
}
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
(FAILURE,) = (text for language, text in BLOCKS if not language)

PATH = ("mine_backend.py", "test_mine_backend.py", "test_all_of_mine.py")
OTHERS = [name for name in FILES if name.startswith("mine_") and name not in PATH]
SHAPES = ("mine_backend.py", "mine_transformation.py", "mine_optimizer.py", "mine_torch.py")


def follow(folder: Path, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a command that the page shows."""
    program, *arguments = command.split()
    start = {"optcheck": ["-P", "-m", "optcheck"], "python": []}[program]
    return subprocess.run(
        [sys.executable, *start, *arguments, *more],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {*PATH, *OTHERS, "deviations.toml", "pyproject.toml"} == set(FILES)
    assert COMMANDS == [
        "optcheck new-backend mine",
        "python -m pytest test_mine_backend.py",
        "optcheck run mine_backend.py:backend",
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_the_smallest_backends_have_fewer_than_15_lines(name: str) -> None:
    assert len(FILES[name].strip().splitlines()) < 15


def test_the_ten_minutes(tmp_path: Path) -> None:
    new, test, run = COMMANDS
    first = follow(tmp_path, new)
    assert first.returncode == 0, first.stderr
    for name in PATH:
        (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    tested = follow(tmp_path, test, "test_all_of_mine.py", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    done = follow(tmp_path, run, "--profile", "quick", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_failure_that_is_shown_is_what_the_slip_gives(tmp_path: Path) -> None:
    slip = FILES["mine_backend.py"].replace("np.sqrt(v_hat) + epsilon", "np.sqrt(v_hat + epsilon)")
    assert slip != FILES["mine_backend.py"]
    path = tmp_path / "mine_backend.py"
    path.write_text(slip, encoding="utf-8")
    with pytest.raises(AssertionError) as wrong:
        optcheck.check(f"{path}:backend", select="law:exact-step").raise_for_failures()
    assert " ".join(FAILURE.split()) in " ".join(str(wrong.value).split())


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_backends_conform(name: str, tmp_path: Path) -> None:
    if "torch" in name:
        pytest.importorskip("torch")
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    optcheck.check(f"{path}:backend", profile="quick").raise_for_failures()


def test_the_declarations_load(tmp_path: Path) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text(FILES["deviations.toml"], encoding="utf-8")
    (declared,) = load_known([path])
    assert (declared.law, declared.options) == ("contract", {"fused": True})
    points = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]
    assert points == {ENTRY_POINT_GROUP: {"mine": "mine_backend:backend"}}
