"""`optcheck new-backend`: what it writes works as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from optcheck.cli import app
from optcheck.skeletons import SHAPES

pytest_plugins = ("pytester",)


def new_backend(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new-backend", *arguments])


def test_its_tests_pass_for_each_shape(pytester: pytest.Pytester) -> None:
    for shape in SHAPES:
        done = new_backend(f"my_{shape}", str(pytester.path), "--shape", shape)
        assert done.exit_code == 0, done.output
    assert len(list(pytester.path.glob("*.py"))) == 2 * len(SHAPES)
    counts = pytester.runpytest_subprocess("-p", "no:cacheprovider").parseoutcomes()
    assert counts["passed"] > 30 * len(SHAPES) - 10
    assert set(counts) == {"passed", "skipped"}


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    done = new_backend("mine", str(folder))
    assert f"wrote {folder / 'mine_backend.py'}" in done.output
    assert f"python -m pytest {folder / 'test_mine_backend.py'}" in done.output
    assert f"optcheck run {folder / 'mine_backend.py'}:backend" in done.output


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("my-own",), "'my-own' is no Python name: use letters, digits and _"),
        (("class",), "'class' is no Python name"),
        (("torch",), "torch is a backend that ships with optcheck: choose another name"),
        (
            ("mine", "--shape", "round"),
            "--shape=round is not function, transformation or optimizer",
        ),
    ],
)
def test_what_it_refuses_is_one_line(
    arguments: tuple[str, ...], needle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = new_backend(*arguments)
    assert done.exit_code == 2
    assert needle in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mine_backend.py", "test_mine_backend.py"])
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("mine", encoding="utf-8")
    done = new_backend("mine", str(tmp_path))
    assert (done.exit_code, path.read_text(encoding="utf-8")) == (2, "mine")
    assert f"{path} exists: choose another name, or remove it" in done.output
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = new_backend("mine", str(tmp_path / "file" / "folder"))
    assert done.exit_code == 2
    assert "choose another DIR" in done.output
