"""Running an implementation on a case, and recording all that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import Case, Floats, Hyperparameters, Run, Signals
from optcheck.properties.law import Deviation, ImplementationError, NotShown, Subject
from optcheck.reference import watch_calls
from optcheck.reference.oracle import Bound, Quantity


@dataclass(frozen=True)
class Snapshot:
    """Flat float64 vectors by name: ``parameter`` and the state that the library exposes."""

    vectors: Mapping[str, Floats]

    @property
    def parameter(self) -> Floats:
        """The parameters, one after the other."""
        return self.vectors["parameter"]


@contextmanager
def under_test(
    subject: Subject, counterexample: Callable[[], Mapping[str, Any]]
) -> Iterator[None]:
    """Run an implementation: its exceptions are its own, and it may not ask the reference."""
    # NumPy's warnings about overflow are no verdict: the laws judge the numbers.
    with watch_calls() as calls, np.errstate(all="ignore"):
        try:
            yield
        except (Deviation, ImplementationError, NotShown):
            raise
        except Exception as error:
            first = (str(error).strip().splitlines() or ["no message"])[0]
            raise ImplementationError(
                f"{subject.name} raised {type(error).__name__}: {first}", counterexample()
            ) from error
    if calls:
        raise Deviation(
            f"{subject.name} calls optcheck.reference ({calls[0]}): it agrees with the equation "
            "because it asks it; implement the rule in the library under test",
            counterexample=counterexample(),
        )


class Tracer:
    """One optimization, step by step, in flat float64 vectors."""

    def __init__(self, subject: Subject, case: Case, given: Hyperparameters | None = None) -> None:
        """Start; ``given`` are the hyper-parameters that the library is told, if not all."""
        self.subject = subject
        self.case = case
        self.shapes = [array.shape for array in case.parameters]
        self.last_gradients: list[Any] = []
        self.steps = 0
        if case.learning_rates is not None and not subject.claim.scheduled:
            raise NotShown(f"the learning rate of {subject.claim.name} cannot change in a run")
        with under_test(subject, lambda: describe(case)):
            self.run: Run = subject.rule.start(
                self.native(case.parameters),
                case.hyperparameters if given is None else given,
                case.learning_rates,
            )

    def native(self, arrays: Sequence[Floats | None]) -> list[Any]:
        """The arrays in the library's own type, in the case's dtype and storage."""
        backend, case = self.subject.backend, self.case
        return [
            None if a is None else backend.asarray(a, case.dtype, transposed=case.transposed)
            for a in arrays
        ]

    def describe(self) -> dict[str, Any]:
        """The case as plain data."""
        return describe(self.case)

    def step(self, gradients: Sequence[Floats | None]) -> Snapshot:
        """One update, and all that it shows."""
        self.advance(gradients)
        return self.snapshot()

    def advance(self, gradients: Sequence[Floats | None]) -> None:
        """One update."""
        native = self.native(gradients)
        with under_test(self.subject, self.describe):
            self.run.step(native, **self.signals())
            self.subject.backend.synchronize(self.run.parameters())
        self.last_gradients = native
        self.steps += 1

    def signals(self) -> dict[str, Any]:
        """What the rule is told at this step; native where it is an array."""
        if not self.case.signals:
            return {}
        return {
            name: self.native(value) if isinstance(value, tuple) else value
            for name, value in self.case.signals[self.steps].items()
        }

    def snapshot(self) -> Snapshot:
        """Parameters and exposed state; shapes and dtypes must be those of the parameters."""
        with under_test(self.subject, self.describe):
            parameters = list(self.run.parameters())
            self._check("parameter", parameters)
            vectors = {"parameter": self._flat(parameters)}
            for name, arrays in self.run.state().items():
                vectors[name] = self._flat(arrays)
        return Snapshot(vectors)

    def parameter(self) -> Floats:
        """The parameters alone, flat: for long runs, which no state is asked of."""
        with under_test(self.subject, self.describe):
            return self._flat(list(self.run.parameters()))

    def evaluation_point(self) -> Floats:
        """Where the next gradient is to be taken, flat."""
        with under_test(self.subject, self.describe):
            point = list(self.run.evaluation_point())
            self._check("evaluation point", point)
            return self._flat(point)

    def _flat(self, arrays: Sequence[Any]) -> Floats:
        to_numpy = self.subject.backend.to_numpy
        return np.concatenate([to_numpy(array).ravel() for array in arrays])

    def _check(self, what: str, arrays: Sequence[Any]) -> None:
        backend, case = self.subject.backend, self.case
        shapes = [backend.to_numpy(array).shape for array in arrays]
        dtypes = {backend.dtype(array) for array in arrays}
        if shapes != self.shapes:
            problem = f"shapes {shapes} for parameters of shapes {self.shapes}"
        elif dtypes != {case.dtype}:
            problem = f"dtype {', '.join(sorted(dtypes))} for {case.dtype} parameters"
        else:
            return
        raise Deviation(
            f"{self.subject.name} returns a {what} with {problem}", counterexample=describe(case)
        )


def run_case(subject: Subject, case: Case) -> list[Snapshot]:
    """All updates of ``case``, a snapshot after each."""
    tracer = Tracer(subject, case)
    return [tracer.step(gradients) for gradients in case.gradients]


def end_of(subject: Subject, case: Case) -> Snapshot:
    """What is shown after the last update of ``case``."""
    tracer = Tracer(subject, case)
    for gradients in case.gradients:
        tracer.advance(gradients)
    return tracer.snapshot()


def flat(arrays: Sequence[Floats]) -> Floats:
    """The arrays one after the other."""
    return np.concatenate([array.ravel() for array in arrays])


def describe(case: Case) -> dict[str, Any]:
    """The case as plain data for a report."""
    return {
        "hyperparameters": dict(case.hyperparameters),
        "learning_rates": None if case.learning_rates is None else list(case.learning_rates),
        "dtype": case.dtype,
        "parameters": [array.tolist() for array in case.parameters],
        "gradients": [[array.tolist() for array in each] for each in case.gradients],
        "transposed": case.transposed,
        **({"signals": [_plain(each) for each in case.signals]} if case.signals else {}),
    }


def _plain(signals: Signals) -> dict[str, Any]:
    return {
        name: [array.tolist() for array in value] if isinstance(value, tuple) else value
        for name, value in signals.items()
    }


def signals_at(case: Case, step: int) -> dict[str, Any]:
    """What the rule is told at update ``step`` (from 0), flat, as the oracle takes it."""
    if not case.signals:
        return {}
    return {
        name: flat(value) if isinstance(value, tuple) else value
        for name, value in case.signals[step].items()
    }


def require(
    quantity: Quantity | Bound,
    computed: Floats,
    *,
    what: str,
    counterexample: Callable[[], Mapping[str, Any]],
    body: Callable[[], str] | None = None,
) -> float:
    """Raise at the worst ratio above 1; return the worst one, NaN where nothing is decided.

    ``body`` gives the source that computes the quantity on the library alone.
    """
    ratios = quantity.judge(computed)
    decided = ratios[~np.isnan(ratios)]
    ratio = float(decided.max()) if decided.size else float("nan")
    if not ratio > 1.0:
        return ratio
    worst = int(np.nanargmax(ratios))
    expected, allowed = quantity.expected(), quantity.allowed()
    c, e, a = float(computed[worst]), float(expected[worst]), float(allowed[worst])
    details = {"coordinate": worst, "computed": c, "expected": e, "allowed": a}
    raise Deviation(
        f"{what}: computed {c:.17g}, expected {e:.17g}, "
        f"{ratio:.3g} times the allowed deviation of {a:.3g}",
        ratio=ratio,
        counterexample={**counterexample(), **details},
        script=None if body is None else lambda: script(what, body(), expected, allowed),
    )


def script(what: str, body: str, expected: Floats, allowed: Floats) -> str:
    """A program of the library alone: ``body`` computes, the rest compares and exits 1."""
    return f'''"""{what}

Needs the library alone. Prints the exact value of the equation beside what the library computes,
and exits with 1 where the two are further apart than rounding explains.
"""

{body}
nan, inf = float("nan"), float("inf")
expected = {expected.tolist()!r}
allowed = {allowed.tolist()!r}
deviates = False
for i, (e, c, a) in enumerate(zip(expected, computed, allowed)):
    if e != e or a == inf:  # the equation is undefined here, or the format overflows
        continue
    wrong = not abs(c - e) <= a
    deviates = deviates or wrong
    mark = "DEVIATES" if wrong else "conforms"
    print(f"{{i}}: expected {{e!r}}, computed {{c!r}}, off by {{abs(c - e):.3g}}, "
          f"allowed {{a:.3g}}: {{mark}}")
raise SystemExit(1 if deviates else 0)
'''
