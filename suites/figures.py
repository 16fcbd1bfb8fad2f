"""What the figures of a report show: rates measured on the implementations, and theory.

``optcheck run`` measures them beside the laws, in a process of their own:
``python -m optcheck.suites.figures numpy torch`` prints them as JSON. A figure belongs to a law,
and shows the implementations of which that law is asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
import typer

from optcheck.backends import load_backend
from optcheck.properties import Subject, units
from optcheck.properties.descent.acceleration import curves
from optcheck.properties.descent.modes import companion
from optcheck.properties.descent.running import descend
from optcheck.properties.law import Deviation, ImplementationError, NotShown
from optcheck.properties.sampling.floors import floors as floors_of
from optcheck.properties.sampling.noisy import TRIALS
from optcheck.reference.rates import largest_stable_rate
from optcheck.reference.sampling.rates import floor

Floats = npt.NDArray[np.float64]
Subjects = Sequence[Subject]
Of = Callable[[str], Subjects]
Data = dict[str, Any]

# A run does not wait longer for its figures, when all laws are done.
SECONDS = 120
# A factor per step that no stable rule has; larger ones are not told apart.
FAR = 4.0


class Measurement:
    """All figures of ``specs``, measured in a process of their own while the laws run.

    Use it as a context manager: what is left of it ends with the block.
    """

    def __init__(self, specs: Sequence[str], select: str, device: str) -> None:
        command = (
            *(sys.executable, "-P", "-m", "optcheck.suites.figures", *specs),
            *("--select", select, "--device", device),
        )
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def result(self) -> tuple[list[Data], list[str]]:
        """The figures, and why there are none.

        No result of a law depends on a figure, so what goes wrong here is a note and no error.
        """
        try:
            found, problems = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return [], [f"no figures: they were not measured {SECONDS} s after the laws"]
        if self._process.returncode:
            last = (problems.strip().splitlines() or ["no message"])[-1]
            return [], [f"no figures: measuring them ended with {last}"]
        return json.loads(found), []


def figures(specs: Sequence[str], select: str = "", device: str = "cpu") -> list[Data]:
    """All figures that have something to show of ``specs``, as plain data."""
    every = units([load_backend(spec, device) for spec in specs], device)
    asked = [unit for unit in every if unit.subject is not None and unit.matches(select)]

    def of(law: str, method: str) -> Subjects:
        """The first implementation of each backend of which a law is asked."""
        first: dict[str, Subject] = {}
        for unit in asked:
            if (unit.law.id, unit.method) == (law, method) and unit.subject is not None:
                first.setdefault(unit.backend, unit.subject)
        return list(first.values())

    drawn = ((law, draw(partial(of, law))) for law, draw in FIGURES.items())
    return [{"law": law, **figure} for law, figure in drawn if figure is not None]


def contraction(of: Of) -> Data | None:
    """The factor per step of a mode of a quadratic, by learning rate times curvature."""
    steps = 10
    grid = np.linspace(0.05, 2.2, 44)

    def one(subject: Subject) -> Floats:
        path = _on_a_quadratic(subject, {"learning_rate": 1.0}, grid, steps)
        factors: Floats = np.abs(path[-1] / path[0]) ** (1.0 / steps)
        return factors

    if not (lines := _measured(of("gradient-descent"), grid, one)):
        return None
    fine = np.linspace(0.0, 2.2, 111)
    lines.append(_line("|1 − ηλ|", "theory", fine, np.abs(1.0 - fine)))
    return {
        "id": "contraction",
        "title": "Contraction of gradient descent by mode",
        "caption": (
            f"The factor by which {steps} steps on a quadratic change a mode, per step. Below 1 "
            "the mode converges: the largest stable learning rate is 2/λ."
        ),
        "x_label": "learning rate × curvature",
        "y_label": "factor per step",
        "panels": [_panel("", lines)],
    }


def stability(of: Of) -> Data | None:
    """Where momentum converges, by momentum and learning rate times curvature."""
    titles = {"momentum": "Momentum", "nesterov": "Nesterov momentum"}
    drawn = (_stability_panel(of(method), title) for method, title in titles.items())
    if not (panels := [panel for panel in drawn if panel is not None]):
        return None
    return {
        "id": "stability",
        "title": "Where momentum is stable",
        "caption": (
            "Marks are the largest learning rates on a grid that were found stable; the line is "
            "theory. The darker the ground, the smaller the factor per step that the first "
            "backend comes to (below 0.5, 0.7, 0.8, 0.9, 0.95 and 1)."
        ),
        "x_label": "momentum",
        "y_label": "learning rate × curvature",
        "panels": panels,
    }


def _stability_panel(subjects: Subjects, title: str) -> Data | None:
    curvatures = np.linspace(0.04, 4.2, 105)
    coefficients = np.linspace(0.05, 0.95, 19)
    maps: list[Floats] = []

    def one(subject: Subject) -> Floats:
        settings = [_momentum(subject, float(each)) for each in coefficients]
        paths = [_on_a_quadratic(subject, h, curvatures, 3) for h in settings]
        maps.append(np.array([_spectral_radii(path) for path in paths]))
        # The curvature before the first one that is unstable.
        stable = [int(np.argmax([*(row >= 1.0), True])) for row in maps[-1]]
        return np.array([curvatures[count - 1] if count else np.nan for count in stable])

    if not (lines := _measured(subjects, coefficients, one)):
        return None
    first = subjects[0]
    method, dialect = first.record.id, first.claim.dialect
    theory = [
        largest_stable_rate(method, dialect, _momentum(first, float(each)), 1.0)
        for each in coefficients
    ]
    lines.append(_line("theory", "theory", coefficients, np.array(theory)))
    ground = np.minimum(maps[0].T, FAR)
    return _panel(title, lines, {"x": coefficients, "y": curvatures, "values": ground})


def _momentum(subject: Subject, coefficient: float) -> dict[str, float]:
    domains = subject.record.domains(subject.claim.dialect)
    given = {"learning_rate": 1.0, "momentum": coefficient, "dampening": 0.0}
    return {name: value for name, value in given.items() if name in domains}


def acceleration(of: Of) -> Data | None:
    """The excess error on the chain of quadratics, by step, with and without momentum."""
    nodes, steps = 101, 50
    # What looks ahead by itself, or else what can be given the gradient ahead.
    fastest = {each.backend.name: each for each in [*of("momentum"), *of("nesterov")]}
    counts = np.arange(1.0, steps + 1.0)
    marked = np.unique(np.geomspace(1.0, steps, 16).astype(int)) - 1
    slow, fast, theory = [], [], []
    for name, nesterov in fastest.items():
        descent = companion(nesterov, "gradient-descent")
        if descent is None:
            continue
        with suppress(Deviation, ImplementationError, NotShown):
            found = curves(nesterov, descent, nodes=nodes, steps=steps)
            slow.append(_line(name, "measured", counts[marked], found.descent[marked]))
            fast.append(_line(name, "measured", counts[marked], found.nesterov[marked]))
            theory = [
                _line("L R²/(2k)", "bound", counts, found.descent_bound),
                _line("2 L R²/(k + 1)²", "bound", counts, found.nesterov_bound),
                _line("no method is lower", "theory", counts, found.floor),
            ]
    if not slow:
        return None
    return {
        "id": "acceleration",
        "title": "Nesterov's momentum against gradient descent",
        "caption": (
            f"Excess error on a chain of {nodes} quadratics, at the rate 1/L. Each stays below "
            "its bound, and no method that follows gradients comes below the line."
        ),
        "x_label": "step k",
        "y_label": "excess error",
        "x_scale": "log",
        "y_scale": "log",
        "panels": [
            _panel("Gradient descent", [*slow, theory[0], theory[2]]),
            _panel("Nesterov's method", [*fast, theory[1], theory[2]]),
        ],
    }


def floors(of: Of) -> Data | None:
    """The stationary variance of stochastic gradient descent, by learning rate."""
    rates = np.geomspace(0.02, 1.0, 7)

    def one(subject: Subject) -> Floats:
        return np.array([each.measured for each in floors_of(subject, rates.tolist())])

    if not (lines := _measured(of("gradient-descent"), rates, one)):
        return None
    fine = np.geomspace(0.02, 1.0, 50)
    lines.append(_line("η/(2 − η)", "theory", fine, np.array([floor(x, 1.0) for x in fine])))
    return {
        "id": "floors",
        "title": "The floor of stochastic gradient descent",
        "caption": (
            f"Mean square distance from the minimum of {TRIALS} runs on a quadratic of curvature "
            "1 with noise of variance 1 in every gradient, when it no longer changes."
        ),
        "x_label": "learning rate",
        "y_label": "mean square distance",
        "x_scale": "log",
        "y_scale": "log",
        "panels": [_panel("", lines)],
    }


def _on_a_quadratic(
    subject: Subject, hyperparameters: dict[str, float], curvatures: Floats, steps: int
) -> Floats:
    start = np.ones_like(curvatures)
    return descend(subject, hyperparameters, start, lambda w: curvatures * w, steps)


def _spectral_radii(path: Floats) -> Floats:
    """The factor per step that each coordinate comes to, from its first four points.

    Momentum makes of a mode a sequence ``x'' = a x' + b x``; two of its steps tell a and b.
    """
    radii = []
    for x0, x1, x2, x3 in path.T:
        determinant = x1 * x1 - x0 * x2
        if determinant == 0.0:
            radii.append(abs(x1 / x0))
            continue
        a, b = (x1 * x2 - x0 * x3) / determinant, (x1 * x3 - x2 * x2) / determinant
        radii.append(float(np.max(np.abs(np.roots([1.0, -a, -b])))))
    return np.array(radii)


def _measured(subjects: Subjects, x: Floats, measure: Callable[[Subject], Floats]) -> list[Data]:
    """A line for each subject that can be measured; of the others the laws say what is wrong."""
    lines = []
    for subject in subjects:
        with suppress(Deviation, ImplementationError, NotShown):
            lines.append(_line(subject.backend.name, "measured", x, measure(subject)))
    return lines


def _line(label: str, role: str, x: Floats, y: Floats) -> Data:
    return {"label": label, "role": role, "x": x, "y": y}


def _panel(title: str, lines: Sequence[Data], ground: Data | None = None) -> Data:
    return {"title": title, "lines": list(lines), "map": ground}


FIGURES: dict[str, Callable[[Of], Data | None]] = {
    "quadratic-mode-contraction": contraction,
    "noise-floor": floors,
    "largest-stable-learning-rate": stability,
    "nesterov-convex-rate": acceleration,
}


def main(
    backends: Annotated[list[str], typer.Argument(help="Backends, as optcheck run takes them.")],
    select: Annotated[str, typer.Option(help="As optcheck run takes it.")] = "",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Print the data of the figures as JSON."""
    json.dump(figures(backends, select, device), sys.stdout, default=lambda array: array.tolist())


if __name__ == "__main__":
    typer.run(main)
