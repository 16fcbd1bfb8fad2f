"""How often statistical laws raise a false alarm, counted over many seeds.

``python -m optcheck.suites.statistics numpy torch --repetitions 1000`` asks every statistical law
of every implementation once for each seed. A deviation is a false alarm, unless it is declared.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from optcheck.backends import BackendError, load_backend
from optcheck.properties import LAWS, PROFILES, Unit, execute, units
from optcheck.properties.known import SHIPPED, judge, load_known

# Seeds that one job works through.
CHUNK = 50

Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Tally:
    """What came of asking one law, or one unit of it, so many times."""

    law: str
    asked: int
    alarms: tuple[str, ...]
    worst: float

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.law,
            self.asked + other.asked,
            self.alarms + other.alarms,
            max(self.worst, other.worst),
        )


@dataclass(frozen=True)
class Campaign:
    """What is asked: the statistical laws, of these backends, as far as ``select`` holds."""

    backends: tuple[str, ...]
    profile: str
    select: str


def run(campaign: Campaign, repetitions: int, jobs: int) -> list[Tally]:
    """Ask with the seeds 0 ... repetitions - 1.

    Raises
    ------
    BackendError
        A backend cannot be loaded.
    """
    keys = list(_asked(campaign))
    starts = range(0, repetitions, CHUNK)
    tasks = [
        (key, range(start, min(start + CHUNK, repetitions)))
        for start, key in itertools.product(starts, keys)
    ]
    totals: dict[str, Tally] = {}
    for tally in parallel(partial(_ask, campaign), tasks, jobs):
        known = totals.get(tally.law)
        totals[tally.law] = tally if known is None else known + tally
    return list(totals.values())


def parallel(
    function: Callable[[Job], Answer], tasks: Sequence[Job], jobs: int
) -> Iterable[Answer]:
    """The answers in the order of ``tasks``, from fresh processes; torch and JAX do not fork."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(function, tasks)


@cache
def _asked(campaign: Campaign) -> dict[str, Unit]:
    every = units([load_backend(spec) for spec in campaign.backends])
    return {
        unit.key: unit
        for unit in every
        if unit.law.oracle == "statistic"
        and unit.matches(campaign.select)
        and unit.subject is not None
        and not unit.subject.claim.thorough_only
    }


def _ask(campaign: Campaign, task: tuple[str, range]) -> Tally:
    key, seeds = task
    unit, known = _asked(campaign)[key], load_known([SHIPPED])
    profile = PROFILES[campaign.profile]
    alarms, worst = [], 0.0
    for seed in seeds:
        outcome = judge(unit, execute(unit, profile, seed), known)
        if outcome.verdict not in ("pass", "known", "unsupported"):
            alarms.append(f"{key} with seed {seed}: {outcome.message}")
        elif outcome.verdict == "pass":
            worst = max(worst, outcome.worst_ratio or 0.0)
    return Tally(unit.law.id, len(seeds), tuple(alarms), worst)


def table(tallies: Iterable[Tally]) -> Table:
    """One row a law; the last column is the worst measurement, as a share of what is allowed."""
    shown = Table("law", "false alarm", "times asked", "alarms", "worst ratio")
    for each in tallies:
        stated = LAWS[each.law].false_alarm or math.nan
        row = (f"{stated:.0e}", str(each.asked), str(len(each.alarms)), f"{each.worst:.3f}")
        shown.add_row(each.law, *row)
    return shown


def main(
    backends: Annotated[list[str], typer.Argument(help="Backends, as optcheck run takes them.")],
    repetitions: Annotated[int, typer.Option(help="Seeds for each implementation.")] = 1000,
    profile: Annotated[str, typer.Option(help="quick, default or thorough.")] = "default",
    select: Annotated[str, typer.Option(help="As optcheck run takes it.")] = "",
    jobs: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Count the false alarms of all statistical laws; exit 1 if there is one."""
    if profile not in PROFILES:
        sys.exit(f"--profile={profile} is not one of {', '.join(PROFILES)}")
    try:
        tallies = run(Campaign(tuple(backends), profile, select), repetitions, jobs)
    except BackendError as error:
        sys.exit(str(error))
    console = Console(width=100)
    console.print(table(tallies))
    alarms = [alarm for each in tallies for alarm in each.alarms]
    for alarm in alarms:
        console.print(alarm, markup=False)
    asked = sum(each.asked for each in tallies)
    console.print(f"{len(alarms)} alarms in {asked} runs of {len(tallies)} laws")
    raise typer.Exit(1 if alarms else 0)


if __name__ == "__main__":
    typer.run(main)
