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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Any, TypeVar
from unittest import mock

import typer
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from optcheck.backends import BackendError, load_backend
from optcheck.properties import LAWS, PROFILES, Subject, Unit, execute, units
from optcheck.properties.known import SHIPPED, judge, load_known

# Seeds that one job works through.
CHUNK = 50

Check = Callable[[Subject, st.DataObject], float]
Draw = Callable[[st.SearchStrategy[Any], object], Any]
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


def run(campaign: Campaign, seeds: range, jobs: int) -> Iterator[tuple[range, list[Tally]]]:
    """Some of the seeds and what all laws said of them, then the next.

    Raises
    ------
    BackendError
        A backend cannot be loaded.
    """
    keys = list(_asked(campaign))
    blocks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    tasks = [(key, block) for block, key in itertools.product(blocks, keys)]
    answers = parallel(partial(_ask, campaign), tasks, jobs)
    for block in blocks:
        yield block, list(itertools.islice(answers, len(keys)))


def parallel(
    function: Callable[[Job], Answer], tasks: Sequence[Job], jobs: int
) -> Iterator[Answer]:
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


class _SimplestOnce:
    """A check whose simplest example, the first one with every seed, is computed once.

    It is the same for all seeds: a pass is remembered, with what was drawn for it.
    """

    def __init__(self, check: Check) -> None:
        self.check = check
        self.is_first = True
        self._drawn: list[tuple[st.SearchStrategy[Any], object]] = []
        self._ratio: float | None = None

    def __call__(self, subject: Subject, data: st.DataObject) -> float:
        first, self.is_first = self.is_first, False
        if not first:
            return self.check(subject, data)
        if self._ratio is not None:
            # Hypothesis has to see the draws: it goes on from them.
            for strategy, label in self._drawn:
                data.draw(strategy, label)
            return self._ratio
        self._drawn.clear()
        with mock.patch.object(data, "draw", partial(self._draw, data.draw)):
            ratio = self.check(subject, data)
        self._ratio = ratio
        return ratio

    def _draw(self, draw: Draw, strategy: st.SearchStrategy[Any], label: object = None) -> Any:
        self._drawn.append((strategy, label))
        return draw(strategy, label)


def _ask(campaign: Campaign, task: tuple[str, range]) -> Tally:
    key, seeds = task
    unit, known = _asked(campaign)[key], load_known(SHIPPED)
    profile = PROFILES[campaign.profile]
    check = _SimplestOnce(unit.law.check)
    asked = replace(unit, law=replace(unit.law, check=check))
    alarms, worst = [], 0.0
    for seed in seeds:
        check.is_first = True
        outcome = judge(unit, execute(asked, profile, seed), known)
        if outcome.verdict not in ("pass", "known", "unsupported"):
            alarms.append(f"{key} with seed {seed}: {outcome.message}")
        elif outcome.verdict == "pass":
            worst = max(worst, outcome.worst_ratio or 0.0)
    return Tally(unit.law.id, len(seeds), tuple(alarms), worst)


def _add(totals: dict[str, Tally], tallies: Iterable[Tally]) -> None:
    for each in tallies:
        known = totals.get(each.law)
        totals[each.law] = each if known is None else known + each


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
    first_seed: Annotated[int, typer.Option(help="Go on from here.")] = 0,
    profile: Annotated[str, typer.Option(help="quick, default or thorough.")] = "default",
    select: Annotated[str, typer.Option(help="As optcheck run takes it.")] = "",
    jobs: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Count the false alarms of all statistical laws; exit 1 if there is one.

    What was asked before Ctrl-C is shown.
    """
    if profile not in PROFILES:
        sys.exit(f"--profile={profile} is not one of {', '.join(PROFILES)}")
    campaign = Campaign(tuple(backends), profile, select)
    totals: dict[str, Tally] = {}
    seeds = range(first_seed, first_seed + repetitions)
    try:
        for block, tallies in run(campaign, seeds, jobs):
            _add(totals, tallies)
            alarms = [alarm for each in tallies for alarm in each.alarms]
            print(f"seeds {block[0]} to {block[-1]}: {len(alarms)} alarms", *alarms, sep="\n")
    except BackendError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("interrupted; what was asked until now:")
    console = Console(width=100)
    console.print(table(totals.values()))
    false = sum(len(each.alarms) for each in totals.values())
    asked = sum(each.asked for each in totals.values())
    console.print(f"{false} alarms in {asked} runs of {len(totals)} laws")
    raise typer.Exit(1 if false else 0)


if __name__ == "__main__":
    typer.run(main)
