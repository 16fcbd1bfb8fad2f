"""The pytest plugin that runs the laws: ``pytest --pyargs optcheck.properties --backend NAME``.

The plugin is loaded wherever optcheck is installed, so it stays out of the way: its options exist
only in a run that names ``optcheck.properties``.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TARGET = "optcheck.properties"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Add the options to a run of the laws, and to no other."""
    if any(TARGET in arg for arg in args):
        _add_options(parser)


def _add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("optcheck", "optcheck: laws of optimizers")
    group.addoption(
        "--backend",
        action="append",
        default=[],
        metavar="BACKEND",
        help="numpy, torch, jax, a plug-in's name, module:object or file.py:object; repeatable",
    )
    group.addoption(
        "--optcheck-profile",
        default="default",
        choices=("quick", "default", "thorough"),
        help="how many examples each law draws",
    )
    group.addoption(
        "--optcheck-select", default="", help="words such as method:adam, or exact-step"
    )
    group.addoption("--optcheck-device", default="cpu", help="cpu or cuda")
    group.addoption(
        "--optcheck-seed", type=int, default=0, help="base seed (or --hypothesis-seed)"
    )
    group.addoption(
        "--optcheck-known",
        action="append",
        default=[],
        metavar="FILE",
        help="a TOML file of declared deviations, beside the one that ships",
    )
    group.addoption(
        "--optcheck-skip",
        default=None,
        metavar="FILE",
        help="a JSON list of the keys of units that are done",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each unit."""
    if metafunc.function.__module__.endswith("test_laws") and "unit" in metafunc.fixturenames:
        config = metafunc.config
        found = _units(
            tuple(config.getoption("--backend") or ["numpy"]),
            config.getoption("--optcheck-device"),
            config.getoption("--optcheck-select"),
            config.getoption("--optcheck-skip"),
        )
        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        ordered = _in_shares(found, workers)
        metafunc.parametrize("unit", ordered, ids=[unit.key for unit in ordered])


def _in_shares(found: list[Any], workers: int) -> list[Any]:
    """The units in the order in which ``--dist worksteal`` cuts them into equal shares.

    What compiles the same things comes together, so that one worker compiles them and not all;
    what compiles nothing fills the shares.
    """
    groups: dict[str, list[Any]] = {}
    rest = []
    for unit in found:
        compilation = "none" if unit.subject is None else unit.subject.claim.compilation
        if compilation == "none":
            rest.append(unit)
        else:
            groups.setdefault(f"{unit.backend}/{unit.dtype}/{compilation}", []).append(unit)
    shares: list[list[Any]] = [[] for _ in range(workers)]
    for group in sorted(groups.values(), key=len, reverse=True):
        min(shares, key=len).extend(group)
    for share in shares:
        room = max(math.ceil(len(found) / workers) - len(share), 0)
        share.extend(rest[:room])
        rest = rest[room:]
    return [unit for share in shares for unit in share] + rest


@cache
def _units(specs: tuple[str, ...], device: str, select: str, skip: str | None) -> list[Any]:
    from optcheck.backends import BackendError, load_backend
    from optcheck.properties import ClaimError, units

    try:
        found = units([load_backend(spec, device) for spec in specs], device)
    except (BackendError, ClaimError) as error:
        raise pytest.UsageError(str(error)) from error
    done = set(json.loads(Path(skip).read_text(encoding="utf-8"))) if skip else set()
    return [unit for unit in found if unit.matches(select) and unit.key not in done]


@pytest.fixture(scope="session")
def optcheck_profile(request: pytest.FixtureRequest) -> Any:
    """How much to spend on each law."""
    from optcheck.properties import PROFILES

    return PROFILES[request.config.getoption("--optcheck-profile")]


@pytest.fixture(scope="session")
def optcheck_seed(request: pytest.FixtureRequest) -> int:
    """The base seed; Hypothesis' own option wins where it is given."""
    given = request.config.getoption("--hypothesis-seed", None)
    if given is not None and str(given).isdigit():
        return int(given)
    seed: int = request.config.getoption("--optcheck-seed")
    return seed


@pytest.fixture(scope="session")
def optcheck_known(request: pytest.FixtureRequest) -> Any:
    """Declared deviations: those that ship and those of the given files."""
    from optcheck.properties.known import SHIPPED, KnownDeviationsError, load_known

    files = [Path(name) for name in request.config.getoption("--optcheck-known")]
    try:
        # A file that is given comes first: it may restate what ships.
        return load_known([*files, *SHIPPED])
    except KnownDeviationsError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def optcheck_gate(
    optcheck_profile: Any,
    optcheck_seed: int,
    optcheck_known: Any,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """What asks the laws; the workers of one run share what they find out first."""
    from optcheck.properties.gate import FOLDER, Gate

    folder = None
    if hasattr(request.config, "workerinput"):
        folder = tmp_path_factory.getbasetemp().parent / FOLDER
        folder.mkdir(exist_ok=True)
    return Gate(optcheck_profile, optcheck_seed, optcheck_known, folder)
