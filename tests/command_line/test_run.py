"""`optcheck run` from the outside: exit statuses, one-line refusals, and nothing lost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from optcheck.reports import Verdict, load_report

from .conftest import Command

SWAP = "beta1, beta2 = beta2, beta1"


def report_of(folder: Path) -> dict[str, str]:
    """Verdicts by key."""
    report = load_report(folder / "report.json")
    return {result.key: str(result.verdict) for result in report.results}


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("nosuch",), "unknown backend 'nosuch'; known: numpy (installed)"),
        (("numpy", "--profile", "fast"), "--profile=fast is not quick, default or thorough"),
        (("numpy", "--device", "tpu"), "--device=tpu is not cpu or cuda"),
        (("numpy", "--device", "cuda"), "NumPy runs on the CPU alone; use --device cpu"),
        (("numpy", "--select", "zzz"), "nothing matches --select 'zzz'"),
        (("numpy", "--known", "missing.toml"), "missing.toml cannot be read"),
        (("missing.py:backend",), "no file missing.py"),
        (("json:dumps",), "'json:dumps' is not a backend: it lacks name"),
        (("json:nothing",), "does not load: AttributeError"),
    ],
)
def test_what_cannot_start_says_so_in_one_line(
    optcheck: Command, arguments: tuple[str, ...], needle: str
) -> None:
    done = optcheck("run", *arguments)
    assert done.returncode == 2
    assert needle in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout.strip() == ""


def test_an_unknown_backend_line_says_how_to_install_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from optcheck.backends import BackendError, discovery, load_backend

    missing = {**discovery.SHIPPED, "torch": ("optcheck.backends.torch", "X", "no_such", "torch")}
    monkeypatch.setattr(discovery, "SHIPPED", missing)
    with pytest.raises(BackendError, match=re.escape('torch (pip install "optcheck[torch]")')):
        load_backend("nosuch")


def test_swapped_betas_exit_1_and_the_script_shows_the_deviation(
    optcheck: Command, adam_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = adam_file(SWAP)
    done = optcheck("run", f"{path}:backend", "--profile", "quick")
    assert done.returncode == 1, done.stdout + done.stderr
    report = load_report(tmp_path / "optcheck-report" / "report.json")
    failed = [result for result in report.results if result.verdict is Verdict.FAIL]
    assert "exact-sequence" in {result.law for result in failed}
    script = next(result.reproduce for result in failed if result.reproduce)
    alone = tmp_path / "alone.py"
    alone.write_text(script, encoding="utf-8")

    shown = subprocess.run(
        [sys.executable, "-P", str(alone)], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 1, shown.stderr
    assert "expected" in shown.stdout
    assert "DEVIATES" in shown.stdout

    adam_file()  # the same file without the slip: the same script is content
    again = subprocess.run(
        [sys.executable, "-P", str(alone)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout


def test_a_correct_plug_in_exits_0_and_writes_four_reports(
    optcheck: Command, adam_file: Callable[..., Path], tmp_path: Path
) -> None:
    done = optcheck("run", f"{adam_file()}:backend", "--profile", "quick", "--out", "here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "report: here/report.html" in done.stdout
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert {"report.json", "report.html", "report.md", "junit.xml"} <= names


def test_a_crash_is_a_verdict_and_the_rest_goes_on(
    optcheck: Command, adam_file: Callable[..., Path], tmp_path: Path
) -> None:
    slip = "import os; g.ndim == 2 and state.get('step', 0) == 2 and os._exit(3)"
    done = optcheck("run", f"{adam_file(slip)}:backend", "--profile", "quick", "--jobs", "1")
    assert done.returncode == 1
    verdicts = report_of(tmp_path / "optcheck-report")
    assert "crash" in verdicts.values()
    assert "pass" in verdicts.values()


def test_an_adapter_that_raises_is_an_error_that_names_it(
    optcheck: Command, adam_file: Callable[..., Path], tmp_path: Path
) -> None:
    slip = "raise RuntimeError('no kernel for this')"
    done = optcheck("run", f"{adam_file(slip)}:backend", "--profile", "quick")
    assert done.returncode == 1
    assert "mine adam/epsilon-outside-root" in done.stdout
    assert "raised RuntimeError: no kernel for this" in done.stdout
    assert "error" in report_of(tmp_path / "optcheck-report").values()


def test_resume_goes_on_where_the_run_stopped(optcheck: Command, tmp_path: Path) -> None:
    arguments = ("run", "numpy", "--profile", "quick", "--select", "method:adam dtype:float32")
    assert optcheck(*arguments).returncode == 0
    folder = tmp_path / "optcheck-report"
    whole = report_of(folder)
    journal = folder / "results.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    # An interrupted run: some results, and a line cut in the middle.
    journal.write_text("".join(lines[:5]) + lines[5][:40], encoding="utf-8")
    kept = [json.loads(line)["seconds"] for line in lines[:5]]

    assert optcheck(*arguments, "--resume").returncode == 0
    assert report_of(folder) == whole
    seconds = {result.seconds for result in load_report(folder / "report.json").results}
    assert seconds.issuperset(kept), "results that were there are not computed again"

    other = optcheck(*arguments, "--resume", "--seed", "1")
    assert other.returncode == 2
    assert "holds another run" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1


def test_the_number_of_jobs_changes_no_verdict(optcheck: Command, tmp_path: Path) -> None:
    select = ("--profile", "quick", "--select", "numpy method:momentum")
    results = []
    for jobs in ("1", "3"):
        assert optcheck("run", "numpy", *select, "--jobs", jobs, "--out", jobs).returncode == 0
        report = load_report(tmp_path / jobs / "report.json")
        results.append({r.key: (r.verdict, r.worst_ratio, r.examples) for r in report.results})
    assert results[0] == results[1]


def test_declared_deviations_are_known_and_stale_ones_fail(
    optcheck: Command, adam_file: Callable[..., Path], tmp_path: Path
) -> None:
    declaration = tmp_path / "known.toml"
    entry = '[[deviation]]\nlaw = "{}"\nbackend = "mine"\nmethod = "adam"\nreason = "we swap"\n'
    run = ("run", f"{adam_file(SWAP)}:backend", "--profile", "quick", "--known", str(declaration))

    done = optcheck("run", f"{tmp_path / 'mine.py'}:backend", "--profile", "quick")
    report = load_report(tmp_path / "optcheck-report" / "report.json")
    failing = {result.law for result in report.results if result.verdict is Verdict.FAIL}
    assert done.returncode == 1
    assert "exact-sequence" in failing

    declaration.write_text("".join(entry.format(law) for law in failing), encoding="utf-8")
    assert optcheck(*run).returncode == 0
    assert "known" in report_of(tmp_path / "optcheck-report").values()

    adam_file()
    assert optcheck(*run).returncode == 1
    assert "fixed" in report_of(tmp_path / "optcheck-report").values()


def test_an_unavailable_backend_has_its_column_and_is_not_a_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from optcheck import runner
    from optcheck.backends import discovery

    missing = {**discovery.SHIPPED, "torch": ("optcheck.backends.torch", "X", "no_such", "torch")}
    monkeypatch.setattr(discovery, "SHIPPED", missing)
    request = runner.Request(("numpy", "torch"), "quick", "clip-values", jobs=1)
    report = runner.run_here(request)
    columns = {backend.name: backend.version for backend in report.backends}
    assert columns["torch"] == "not available"
    messages = [result.message for result in report.results if result.backend == "torch"]
    assert any('pip install "optcheck[torch]"' in message for message in messages)
    assert not report.conforms
