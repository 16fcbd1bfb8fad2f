"""Laws of simulated annealing: which steps are taken, and what is returned."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.minimization import Iteration
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task
from optcheck.properties.minimizers.running import Task, deviation, minimize, worst
from optcheck.properties.statistics import FALSE_ALARM, excess
from optcheck.reference import trajectories
from optcheck.reference.minimizers.annealing import ANNEALINGS, Annealing
from optcheck.reference.problems import Elementary

RUNS = 2000
ITERATIONS = 3
START = 0.0625


def _is_annealing(subject: Subject) -> bool:
    return bool(subject.record.id == "simulated-annealing")


def _annealing(subject: Subject) -> Annealing:
    return ANNEALINGS[subject.claim.dialect]


def flicker(rise: float) -> Elementary:
    """0 in one of four cells of width 2**-30, and at the start, and ``rise`` in the others.

    Wherever a proposal with a density comes from, it leads to a cell of each kind as often as
    there are cells of the kind, but for the variation of the density over 2**-28.
    """
    return Elementary(
        (
            lambda f, x: f.where(f.floor(x * 2.0**30) % 4 > 0, 0 * x + rise, 0 * x),
            lambda f, x: 0 * x,
            lambda f, x: 0 * x,
        ),
        (f"{rise!r}*(x[0]*2**30//1 % 4 > 0)", "0.0*x[0]", "0.0*x[0]"),
        dimension=1,
    )


def _rise(annealing: Annealing, task: Task, place: int, chance: float) -> float:
    """The rise that is taken with probability ``chance`` by the proposal at ``place``."""
    h = task.hyperparameters
    temperature = annealing.temperature(place, 1, h)
    low, high = 0.0, 64 * temperature
    for _ in range(60):
        middle = (low + high) / 2
        if annealing.acceptance(middle, temperature, h) > chance:
            low = middle
        else:
            high = middle
    return low


@law(
    id="acceptance-follows-the-temperature",
    title="Steps upwards are accepted as often as their temperature says",
    statement=(
        "On a function that is 0 or a given rise at random, a proposal from 0 is level one time "
        "in four and else is accepted with the probability of the method at the temperature of "
        f"its place in the chain; a proposal from above is always accepted. {RUNS} chains with "
        f"{ITERATIONS} iterations each are counted at every temperature, and a count is further "
        "from its expectation than allowed with probability below 1e-15 (Chernoff). Metropolis at "
        "half or twice the temperature, acceptance of every step, of no step upwards or of rises "
        "below the temperature are rejected."
    ),
    oracle="statistic",
    false_alarm=1e-9,
    alternative="Metropolis at twice the temperature",
    capability="minimizer",
    equations=("simulated-annealing", "generalized-acceptance", "generalized-cooling"),
    about=_is_annealing,
    dtypes=("float64",),
    share=0.15,
)
def acceptance_follows_the_temperature(subject: Subject, data: st.DataObject) -> float:
    annealing = _annealing(subject)
    temperature = data.draw(st.sampled_from((1.0, 0.125, 8.0)), label="temperature")
    drawn = {
        "initial_temperature": temperature,
        "factor": data.draw(st.sampled_from((0.5, 1.0)), label="factor"),
        "proposal_width": 1.0,
        "reach": 8.0,
        "acceptance": data.draw(st.sampled_from((-5.0, -20.0)), label="acceptance"),
        "visit": data.draw(st.sampled_from((2.62, 2.0)), label="visit"),
        "seed": float(data.draw(st.integers(0, 2**31), label="seed")),
    }
    open_to_choice = set(subject.record.domains(subject.claim.dialect)) - set(subject.claim.fixed)
    fixed = {name: value for name, value in drawn.items() if name in open_to_choice}
    level = flicker(0.0)
    task = draw_task(subject, data, st.just(level), iterations=ITERATIONS, fixed=fixed)
    last = ITERATIONS * annealing.proposals(1) - 1
    # Late in the chain, where a wrong cooling shows most, more often than at its start.
    place = data.draw(st.sampled_from((last, last - 1, last // 2, 0)), label="place")
    chance = data.draw(st.sampled_from((0.4, 0.6, 0.2, 1.0)), label="chance at this place")
    rise = 0.0 if chance == 1.0 else _rise(annealing, task, place, chance)
    task = replace(task, objective=flicker(rise), start=np.array([START]))
    return _count(subject, task, annealing, rise)


def _count(subject: Subject, task: Task, annealing: Annealing, rise: float) -> float:
    """Count who stays, at each temperature, from below and from above."""
    trials: Counter[tuple[float, bool]] = Counter()
    stays: Counter[tuple[float, bool]] = Counter()
    for run in range(RUNS):
        h = {**task.hyperparameters, "seed": task.hyperparameters["seed"] + run}
        states = _states(subject, replace(task, hyperparameters=h))
        for k, (here, there) in enumerate(itertools.pairwise(states)):
            place = annealing.temperature(k, 1, h), here.value > 0.0
            trials[place] += 1
            stays[place] += np.array_equal(here.point, there.point)
    ratios = []
    for (temperature, above), count in trials.items():
        chance = 1.0 if above else annealing.acceptance(rise, temperature, task.hyperparameters)
        stayed = stays[temperature, above]
        ratio = excess(stayed, count, 0.75 * (1.0 - chance))
        if ratio > 1.0:
            start = "a step down or level" if above else f"a rise of {rise:.4g}, or a level step,"
            raise deviation(
                subject,
                task,
                f"{start} is rejected {stayed} times of {count} at temperature {temperature:.4g}; "
                f"expected {0.75 * (1.0 - chance) * count:.1f}",
                ratio,
            )
        ratios.append(ratio)
    return worst(ratios)


def _states(subject: Subject, task: Task) -> Sequence[Iteration]:
    """The start, and where the chain stood after each proposal."""
    trajectory = minimize(subject, task)
    expected = 1 + task.iterations * _annealing(subject).proposals(task.objective.dimension)
    states = trajectory.iterations[:-1]
    if len(states) != expected:
        raise deviation(subject, task, f"shows {len(states)} states of a chain of {expected}")
    return states


@law(
    id="a-cold-chain-goes-down",
    title="A step upwards that is all but impossible is not taken",
    statement=(
        "At temperatures near 0 annealing is greedy: no step of the chain goes up by so much that "
        "the method accepts it with probability below 1e-15."
    ),
    oracle="statistic",
    false_alarm=1e-9,
    alternative="acceptance of every step",
    capability="minimizer",
    equations=("simulated-annealing", "generalized-acceptance"),
    about=_is_annealing,
    share=0.25,
)
def a_cold_chain_goes_down(subject: Subject, data: st.DataObject) -> float:
    temperature = data.draw(st.sampled_from((2.0**-6, 2.0**-4)), label="temperature")
    task = draw_task(
        subject, data, iterations=8, fixed={"initial_temperature": temperature}, reach=2.0
    )
    annealing, n = _annealing(subject), task.objective.dimension
    states = _states(subject, task)
    values = [
        trajectories.value_at(task.objective, each.point, subject.working) for each in states
    ]
    ratios = [0.0]
    for k, (before, after) in enumerate(itertools.pairwise(values)):
        rise = float((after.exact - before.exact).balls[0].mid())
        rise -= float(before.allowed()[0] + after.allowed()[0])
        cold = annealing.temperature(k, n, task.hyperparameters)
        chance = annealing.acceptance(rise, cold, task.hyperparameters) if cold > 0 else rise <= 0
        ratio = math.log(chance) / math.log(FALSE_ALARM) if chance > 0 else math.inf
        if ratio > 1.0:
            raise deviation(
                subject,
                task,
                f"goes up by {rise:.4g} at temperature {cold:.4g}: {chance:.3g} likely",
                ratio,
            )
        ratios.append(ratio)
    return worst(ratios)


@law(
    id="annealing-returns-its-best",
    title="Annealing returns the best point of its chain",
    statement=(
        "The point that is returned is a state of the chain, and no state has a lower value: it "
        "is never above the start."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("simulated-annealing",),
    about=_is_annealing,
    share=0.25,
)
def annealing_returns_its_best(subject: Subject, data: st.DataObject) -> float:
    # Hot, so that the chain leaves its best point again.
    hot = data.draw(st.sampled_from((64.0, 1.0, 4096.0)), label="temperature")
    task = draw_task(subject, data, iterations=8, fixed={"initial_temperature": hot}, reach=2.0)
    trajectory = minimize(subject, task)
    states, end = trajectory.iterations[:-1], trajectory.end
    best = min(states, key=lambda each: each.value)
    if end.value > best.value:
        raise deviation(
            subject,
            task,
            f"returns a value of {end.value:.17g}; it has been at {best.point.tolist()}, "
            f"where it is {best.value:.17g}",
        )
    if not any(np.array_equal(end.point, each.point) for each in states):
        raise deviation(subject, task, f"returns {end.point.tolist()}, where it never was")
    return 0.0
