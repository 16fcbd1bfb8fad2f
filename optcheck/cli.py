"""The command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

# Before any library that reads it: one thread a worker, the workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from optcheck import catalogue
from optcheck.backends import BackendError
from optcheck.console import console, refuse, say
from optcheck.forms import errata, identify, translate
from optcheck.properties import PROFILES, ClaimError
from optcheck.properties.known import KnownDeviationsError, load_known
from optcheck.reports import Report, ReportError, Result, Verdict, headline, write_report
from optcheck.runner import Request, run
from optcheck.skeletons import SHAPES, SkeletonError, write_skeleton

app = typer.Typer(
    name="optcheck",
    help="Checks optimizers: update rules, schedules and clipping, against the textbook.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(identify)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(translate)
app.command()(errata)


def main() -> None:
    """The console script."""
    app()


def _print_version(asked: bool) -> None:
    if asked:
        console.print(catalogue.version(), highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Checks optimizers: update rules, schedules and clipping, against the textbook."""


def _check_profile(profile: str) -> None:
    if profile not in PROFILES:
        refuse(f"--profile={profile} is not quick, default or thorough")


@app.command(name="run")
def run_command(
    backends: Annotated[
        list[str],
        typer.Argument(metavar="BACKEND...", help="Names, module:object or file.py:object."),
    ],
    out: Annotated[Path, typer.Option(help="Where the reports go.")] = Path("optcheck-report"),
    profile: Annotated[str, typer.Option(help="quick, default or thorough.")] = "default",
    select: Annotated[
        str, typer.Option(help="Words such as method:adam, dtype:float32, law:exact-step.")
    ] = "",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    seed: Annotated[int, typer.Option(help="Another seed draws other cases.")] = 0,
    known: Annotated[
        list[Path] | None, typer.Option(help="Declared deviations (TOML); repeatable.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
) -> None:
    """Run the laws and write report.json, report.html, report.md and junit.xml.

    Exits 0 when all that is implemented conforms, 1 when something does not, 2 when the run could
    not start.
    """
    _check_profile(profile)
    if device not in ("cpu", "cuda"):
        refuse(f"--device={device} is not cpu or cuda")
    files = tuple(known or ())
    request = Request(
        tuple(backends), profile, select, device, seed, files, jobs=jobs, resume=resume
    )
    try:
        load_known(files)
        with _Bar() as bar:
            report = run(request, out, bar)
        paths = write_report(report, out)
    except (BackendError, ClaimError, KnownDeviationsError, ReportError) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or out}: {error.strerror}; choose another --out")
    _print_report(report, paths)
    raise typer.Exit(0 if report.conforms else 1)


class _Bar:
    """Progress on a terminal; failures are printed as they come."""

    def __init__(self) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.task = self.progress.add_task("checks", total=None)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def started(self, total: int, done: int) -> None:
        """Show the bar, now that the run can start."""
        self.progress.start()
        self.progress.update(self.task, total=total, completed=done)

    def arrived(self, result: Result) -> None:
        """Move on; say at once what does not conform."""
        self.progress.advance(self.task)
        if not result.verdict.conforms:
            where = (
                f"{result.law} {result.backend} {result.method}/{result.dialect} {result.dtype}"
            )
            self.progress.console.print(f"{result.verdict}: {where}", markup=False)


def _print_report(report: Report, paths: dict[str, Path]) -> None:
    names = [name for name in Verdict if any(each.get(name) for each in report.summary.values())]
    table = Table()
    table.add_column("backend")
    table.add_column("library")
    for name in names:
        table.add_column(str(name), justify="right")
    for backend in report.backends:
        counts = report.summary.get(backend.name, {})
        cells = [str(counts.get(name, 0) or "-") for name in names]
        table.add_row(backend.name, f"{backend.library} {backend.version}".strip(), *cells)
    console.print(headline(report), style="bold", highlight=False, soft_wrap=True)
    console.print(table)
    for result in report.results:
        if not result.verdict.conforms:
            console.print(f"{result.verdict}: {result.message}", markup=False, soft_wrap=True)
    for line in [*report.vacuous(), *report.notes]:
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"report: {paths['html']}", markup=False, soft_wrap=True)


@app.command(name="new-backend")
def new_backend(
    name: Annotated[str, typer.Argument(help="What to call it, as a Python name.")],
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write it.")] = Path(),
    shape: Annotated[
        str, typer.Option(help=f"What your code is like: {', '.join(SHAPES)}.")
    ] = SHAPES[0],
) -> None:
    """Write NAME_backend.py, a backend that works, and its test; fill in your own rule.

    A function returns the new parameter, a transformation the updates of all (as in optax), an
    optimizer is an object that steps in place (as in torch.optim).
    """
    try:
        module, test = write_skeleton(name, folder, shape)
    except SkeletonError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or folder}: {error.strerror}; choose another DIR")
    for line in (
        f"wrote {module}: put your own rule in place of momentum",
        f"wrote {test}: its tests pass; run them with",
        f"    python -m pytest {test}",
        "see what a rule is called, and its dialects, with",
        "    optcheck list methods",
        "and write the report with",
        f"    optcheck run {module}:backend",
    ):
        say(line)


@app.command(name="list")
def list_command(
    what: Annotated[str, typer.Argument(help="equations, laws, methods, backends or problems.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List equations, laws, methods, backends or problems."""
    if what not in catalogue.LISTS:
        refuse(f"cannot list {what!r}; choose from {', '.join(catalogue.LISTS)}")
    rows = catalogue.LISTS[what]()
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table()
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, dict) and "dialect" in value:
        return str(value["dialect"])
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_cell(each)}" for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(dict.fromkeys(_cell(each) for each in value))
    return str(value)


@app.command()
def explain(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An equation, law or method.")],
) -> None:
    """Explain one equation, law or method: formula, sources, assumptions, who checks it."""
    try:
        lines = catalogue.explain(identifier)
    except LookupError as error:
        refuse(str(error.args[0]))
    for line in lines:
        say(line)


@app.command()
def bench(
    backends: Annotated[list[str], typer.Argument(metavar="BACKEND...")],
    out: Annotated[Path, typer.Option(help="Where the timings go.")] = Path("optcheck-report"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Time one update of every rule; print ratios measured in this one run."""
    from optcheck.suites import steps

    try:
        table = steps.measure(backends, device, out)
    except BackendError as error:
        refuse(str(error))
    except subprocess.CalledProcessError as error:
        refuse(f"the benchmark ended with status {error.returncode}; see {out}/bench.log")
    console.print(table)


@app.command()
def coverage(
    backends: Annotated[list[str], typer.Argument(metavar="BACKEND...")],
    profile: Annotated[str, typer.Option(help="quick, default or thorough.")] = "quick",
    seed: Annotated[int, typer.Option(help="Another seed draws other cases.")] = 0,
) -> None:
    """List the lines of the libraries' own optimizer modules that no law enters."""
    from optcheck.suites.coverage import measure, ranges

    _check_profile(profile)
    try:
        functions = measure(backends, profile, seed)
    except (BackendError, ClaimError) as error:
        refuse(str(error))
    except LookupError as error:
        refuse(str(error.args[0]))
    table = Table("module", "function", "lines", "entered", "lines that no law enters")
    for each in functions:
        if each.entered:
            done = f"{each.lines - len(each.missed)}"
            table.add_row(each.module, each.name, str(each.lines), done, ranges(each.missed))
    console.print(table)
    never = [f"{each.module}.{each.name}" for each in functions if not each.entered]
    console.print(f"never entered: {', '.join(never) or 'none'}", markup=False, soft_wrap=True)
    inside = [each for each in functions if each.entered]
    lines, missed = (sum(each.lines for each in inside), sum(len(e.missed) for e in inside))
    console.print(f"{lines - missed} of {lines} lines of the functions that a law enters")
