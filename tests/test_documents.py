"""What README and docs show is run here, as they show it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    every = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for name, block in every if name == language]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *command],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_the_plug_in_that_is_shown_conforms(tmp_path: Path) -> None:
    source = blocks("README.md", "python")[0]
    assert source.startswith("# mine.py\n")
    assert len(source.strip().splitlines()) <= 15
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    done = run(tmp_path, "-m", "optcheck", "run", "mine.py:backend", "--profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_failure_that_is_shown_is_what_swapped_betas_print(tmp_path: Path) -> None:
    shown = next(block for block in blocks("README.md", "") if block.startswith("fail: "))
    source = blocks("README.md", "python")[0]
    names = "beta1, beta2, epsilon):"
    swapped = source.replace(names, f"{names}\n    beta1, beta2 = beta2, beta1", 1)
    assert swapped != source
    (tmp_path / "mine.py").write_text(swapped, encoding="utf-8")
    done = run(tmp_path, "-m", "optcheck", "run", "mine.py:backend")
    assert done.returncode == 1
    assert " ".join(shown.split()) in " ".join(done.stdout.split())


def test_the_finding_in_torch_is_what_the_script_prints(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the finding is about torch, which is not installed")
    (tmp_path / "finding.py").write_text(blocks("docs/findings.md", "python")[0], encoding="utf-8")
    done = run(tmp_path, "finding.py")
    assert done.stdout.split()[-1] == "1.899999976158142", done.stdout + done.stderr


def test_the_laws_run_under_pytest_as_the_readme_says(tmp_path: Path) -> None:
    arguments = ("--pyargs", "optcheck.properties", "--backend", "numpy", "-k", "adam and float32")
    done = run(tmp_path, "-m", "pytest", "-q", "--optcheck-profile", "quick", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def test_other_pytest_runs_do_not_see_our_options(tmp_path: Path) -> None:
    """Somebody's conftest may well have a --backend of its own."""
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--backend')\n", encoding="utf-8"
    )
    (tmp_path / "test_theirs.py").write_text("def test_theirs(): pass\n", encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", "-q", "--backend", "theirs")
    assert done.returncode == 0, done.stdout + done.stderr


PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("document", PAGES)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / document).parent / target).exists(), target
