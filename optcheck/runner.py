"""`optcheck run`: the laws under pytest in worker processes, results written as they come."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pytest

import optcheck.properties
from optcheck.backends import Backend, BackendError, UnavailableError, load_backend
from optcheck.backends.discovery import check_backend
from optcheck.properties import LAWS, PROFILES, Unit, implementations, units
from optcheck.properties.gate import FOLDER, NOT_ASKED, Gate, after_crash
from optcheck.properties.known import SHIPPED, load_known
from optcheck.reference import EQUATIONS
from optcheck.reports import (
    JOURNAL,
    EquationEntry,
    Figure,
    Journal,
    LawEntry,
    Report,
    Result,
    Verdict,
    read_journal,
)
from optcheck.reports import Backend as BackendEntry
from optcheck.reports.view import format_options, plural
from optcheck.suites import figures


@dataclass(frozen=True)
class Request:
    """What to run, and how."""

    backends: tuple[str | Backend | type[Backend], ...]
    profile: str = "default"
    select: str = ""
    device: str = "cpu"
    seed: int = 0
    known: tuple[Path, ...] = ()
    jobs: int = 2
    resume: bool = False


class Progress(Protocol):
    """Hears of the run as it goes on."""

    def started(self, total: int, done: int) -> None:
        """``total`` results are expected; ``done`` of them come from an earlier run."""

    def arrived(self, result: Result) -> None:
        """One more result."""


class Silent:
    """No progress."""

    def started(self, total: int, done: int) -> None:
        """Say nothing."""

    def arrived(self, result: Result) -> None:
        """Say nothing."""


class Plan:
    """The backends that could be loaded, their units, and a record of those that could not."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.loaded: dict[str, Backend] = {}
        self.absent: dict[str, str] = {}
        for given in request.backends:
            if not isinstance(given, str):
                made = check_backend(_name_of(given), given, request.device)
                self.loaded[made.name] = made
                continue
            try:
                self.loaded[given] = load_backend(given, request.device)
            except UnavailableError as error:
                self.absent[given] = str(error)
        if not self.loaded:
            raise BackendError("; ".join(self.absent.values()) or "name at least one backend")
        self._unique_names()
        every = units(self.loaded.values(), request.device)
        self.units = {unit.key: unit for unit in every if unit.matches(request.select)}
        if not self.units:
            raise BackendError(f"nothing matches --select {request.select!r}; see `optcheck list`")
        # Units and results are the same things under two keys; a result's key outlives the run.
        self.result_keys = {
            key: to_result(unit, {"verdict": "pass"}).key for key, unit in self.units.items()
        }

    def _unique_names(self) -> None:
        names = [backend.name for backend in self.loaded.values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BackendError(f"two backends are called {', '.join(twice)}: rename one of them")

    def backend_entries(self) -> list[BackendEntry]:
        """What the report says of each backend."""
        entries = [self._entry(backend) for backend in self.loaded.values()]
        entries += [
            BackendEntry(name=name, version="not available", device=self.request.device)
            for name in self.absent
        ]
        return entries

    def _entry(self, backend: Backend) -> BackendEntry:
        library, release = backend.library()
        selected = [unit for unit in self.units.values() if unit.backend == backend.name]
        declared = [
            rule.claim
            for rules in implementations(backend).values()
            for rule in rules
            if any(_is_about(unit, rule.claim) for unit in selected)
            # What is slow to build is said to be unsupported in the other profiles.
            and (self.request.profile == "thorough" or not rule.claim.thorough_only)
        ]
        return BackendEntry(
            name=backend.name,
            library=library,
            version=release,
            device=self.request.device,
            implementations=len(declared),
            methods=tuple(dict.fromkeys(claim.method for claim in declared)),
            environment=dict(backend.environment()),
        )

    def unsupported(self) -> Iterable[Result]:
        """Units that nobody needs to run, each with its reason."""
        for unit in self.units.values():
            if unit.subject is None:
                yield to_result(unit, {"verdict": "unsupported", "message": unit.unsupported})
        for name, reason in self.absent.items():
            yield Result(
                law="contract",
                backend=name,
                method="",
                dtype="",
                device=self.request.device,
                verdict=Verdict.UNSUPPORTED,
                message=reason,
            )


def _name_of(given: Any) -> str:
    """What to call an object that may be no backend."""
    return str(getattr(given, "name", None) or repr(given))


def _is_about(unit: Unit, claim: Any) -> bool:
    ours = (unit.method, unit.dialect, dict(unit.options))
    return ours == (claim.method, claim.dialect, dict(claim.options))


def to_result(unit: Unit, outcome: dict[str, Any]) -> Result:
    """The record of one unit."""
    return Result(
        law=unit.law.id,
        equations=unit.equations,
        backend=unit.backend,
        method=unit.method,
        dialect=unit.dialect,
        options=dict(unit.options),
        dtype=unit.dtype,
        device=unit.device,
        **{**outcome, "verdict": Verdict(outcome["verdict"])},
    )


def run(request: Request, directory: Path, progress: Progress | None = None) -> Report:
    """Run all units of ``request``; results go to a journal in ``directory`` as they come.

    Raises
    ------
    BackendError
        Nothing can be run; the message says what to do.
    """
    plan = Plan(request)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / JOURNAL
    _sign(request, directory)
    if not request.resume:
        path.unlink(missing_ok=True)
    results = _earlier(path, plan)
    watch = progress or Silent()
    watch.started(len(plan.units) + len(plan.absent), len(results))
    notes: list[str] = []
    with Journal(path) as journal:

        def arrived(result: Result) -> None:
            results[result.key] = result
            journal.append(result)
            watch.arrived(result)

        for result in plan.unsupported():
            if result.key not in results:
                arrived(result)
        with _figures(plan) as measurement:
            notes += _run_pytest(plan, set(results), directory, arrived)
            found, problems = measurement.result() if measurement else ([], [])
    report = build_report(plan, list(results.values()), notes + problems)
    report.figures = [Figure.from_dict(each) for each in found]
    return report


def _figures(plan: Plan) -> AbstractContextManager[figures.Measurement | None]:
    """Figures of what is selected, if there are any."""
    if any(unit.law.id in figures.FIGURES and unit.subject for unit in plan.units.values()):
        request = plan.request
        return figures.Measurement(list(plan.loaded), request.select, request.device)
    return nullcontext()


def _sign(request: Request, directory: Path) -> None:
    """Write down what results depend on beside their units; refuse to mix two such runs."""
    signature = {
        "profile": request.profile,
        "seed": request.seed,
        "device": request.device,
        "known": [str(path) for path in request.known],
        "optcheck": version("optcheck"),
    }
    path = directory / "run.json"
    if request.resume and path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BackendError(f"{path} is corrupt: run again without --resume") from error
        if before != signature:
            raise BackendError(
                f"{directory} holds another run ({before}): repeat its options, or leave --resume"
            )
    path.write_text(json.dumps(signature), encoding="utf-8")


def _earlier(path: Path, plan: Plan) -> dict[str, Result]:
    """Results of an interrupted run that this run would compute again."""
    wanted = set(plan.result_keys.values())
    found = {result.key: result for result in read_journal(path)}
    return {key: result for key, result in found.items() if key in wanted}


class _Collector:
    """A pytest plugin: turns test reports into results."""

    def __init__(self, plan: Plan, gates: Path, arrived: Any) -> None:
        self.units = plan.units
        self.gates = gates
        self.arrived = arrived
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A unit is done, or its worker died."""
        unit = self.units.get(report.nodeid.partition("[")[2].removesuffix("]"))
        recorded = dict(report.user_properties).get("optcheck")
        if unit is None:
            return
        if report.when == "call" and isinstance(recorded, str):
            self.arrived(to_result(unit, json.loads(recorded)))
        elif report.failed and recorded is None:
            # xdist reports the death of a worker as a failure outside of all phases.
            if str(report.when) not in ("setup", "call", "teardown"):
                outcome = after_crash(unit, self.gates).to_dict()
            else:
                last = (str(report.longrepr).strip().splitlines() or ["no message"])[-1]
                outcome = {"verdict": "error", "message": last}
            self.arrived(to_result(unit, outcome))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Collection failed: nothing can run."""
        if report.failed:
            self.problems.append(str(report.longrepr).strip().splitlines()[-1])

    def pytest_internalerror(self, excrepr: object) -> None:
        """The harness itself failed."""
        self.problems.append(f"internal error: {str(excrepr).strip().splitlines()[-1]}")


def _run_pytest(plan: Plan, done: set[str], directory: Path, arrived: Any) -> list[str]:
    """Run what is left under pytest, its own output in a log file; return notes."""
    log = directory / "pytest.log"
    # Hypothesis keeps caches in the working folder otherwise; that folder is the user's.
    os.environ.setdefault(
        "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "optcheck-hypothesis")
    )
    skip = directory / "done.json"
    with (
        log.open("w", encoding="utf-8") as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
        tempfile.TemporaryDirectory(prefix="optcheck-") as temporary,
    ):
        shared = Path(temporary) / "pytest"
        collector = _Collector(plan, shared / FOLDER, arrived)
        arguments = [*_arguments(plan, done, skip), f"--basetemp={shared}"]
        code = pytest.main(arguments, plugins=[collector])
    skip.unlink(missing_ok=True)
    notes = list(collector.problems)
    if code == pytest.ExitCode.INTERRUPTED:
        notes.append("the run was interrupted; --resume goes on from here")
    elif code not in (0, 1, pytest.ExitCode.NO_TESTS_COLLECTED) and not notes:
        notes.append(f"pytest ended with {code!r}; see {log}")
    return notes


def _arguments(plan: Plan, done: set[str], skip: Path) -> list[str]:
    request = plan.request
    folder = Path(optcheck.properties.__file__).parent
    # For what is in nobody's power to interrupt: the gate of another process, its own, the law.
    limit = 4 * PROFILES[request.profile].seconds
    finished = [key for key, result_key in plan.result_keys.items() if result_key in done]
    skip.write_text(json.dumps(finished), encoding="utf-8")
    return [
        *("--pyargs", "optcheck.properties", "-c", str(folder / "pytest.ini")),
        *("--import-mode=importlib", "--noconftest", "-q"),
        *("-p", "no:cacheprovider", "-p", "no:benchmark"),
        *("-n", str(request.jobs), "--dist", "worksteal", f"--timeout={limit}"),
        *("--timeout-method=thread", "-W", "ignore"),
        *(f"--backend={spec}" for spec in plan.loaded),
        f"--optcheck-profile={request.profile}",
        f"--optcheck-select={request.select}",
        f"--optcheck-device={request.device}",
        f"--optcheck-seed={request.seed}",
        *(f"--optcheck-known={path}" for path in request.known),
        f"--optcheck-skip={skip}",
    ]


def run_here(request: Request) -> Report:
    """Run all units in this process, one after the other; without isolation."""
    plan = Plan(request)
    known = load_known([*request.known, *SHIPPED])
    gate = Gate(PROFILES[request.profile], request.seed, known)
    results = list(plan.unsupported())
    for unit in plan.units.values():
        if unit.subject is not None:
            results.append(to_result(unit, gate.ask(unit).to_dict()))
    return build_report(plan, results, [])


def build_report(plan: Plan, results: Sequence[Result], notes: Sequence[str]) -> Report:
    """The report: results in the order of the plan, with all that a reader needs to know."""
    order = {key: number for number, key in enumerate(plan.result_keys.values())}
    used = {name for result in results for name in result.equations}
    return Report(
        optcheck=version("optcheck"),
        profile=plan.request.profile,
        seed=plan.request.seed,
        machine=machine(plan.request),
        backends=plan.backend_entries(),
        results=sorted(results, key=lambda result: order.get(result.key, len(order))),
        equations={
            name: EquationEntry(
                id=name,
                title=entry.title,
                formula=entry.formula,
                sources=entry.sources,
                erratum=entry.erratum,
            )
            for name, entry in EQUATIONS.items()
            if name in used
        },
        laws={
            law.id: LawEntry(
                id=law.id,
                title=law.title,
                statement=law.statement,
                oracle=law.oracle,
                equations=law.equations,
            )
            for law in LAWS.values()
        },
        notes=[*notes, *_not_asked(results)],
    )


def _not_asked(results: Sequence[Result]) -> list[str]:
    """A line for each implementation that was not asked more than the first law."""
    counts = Counter(
        (f"{each.backend} {each.method}/{each.dialect}", format_options(each), each.message)
        for each in results
        if each.message.startswith(NOT_ASKED)
    )
    return [
        f"{name}{f' ({options})' if options else ''}: {plural(number, 'check')} {message}"
        for (name, options, message), number in counts.items()
    ]


def machine(request: Request) -> dict[str, Any]:
    """The environment of the run."""
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "device": request.device,
        "jobs": request.jobs,
        "threads a job": os.environ.get("OMP_NUM_THREADS", "library default"),
        "command": " ".join(["optcheck", *sys.argv[1:]]),
        **{name: version(name) for name in ("hypothesis", "numpy", "python-flint", "scipy")},
    }
