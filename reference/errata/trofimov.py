"""Misprints of Trofimov's slides: the methods. Those on initialisation are in a module apart."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb

from optcheck.reference.adagrad import ADAGRAD
from optcheck.reference.domains import Domain, count, open_interval, positive, unit_interval
from optcheck.reference.errata.record import Erratum, erratum, real, scalar, whether, whole
from optcheck.reference.errata.recursions import heavy_ball, nesterov
from optcheck.reference.minimizers.newton import hessian_bytes
from optcheck.reference.rmsprop import mean_square
from optcheck.reference.sampling.minibatches import of_mean, of_parts


def _parts(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Consecutive parts of that size; the last one may be shorter."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def _counts_of_parts(case: SimpleNamespace) -> tuple[int, int]:
    """How many parts there are where each has one example, and where one has all."""
    data = range(case.n)
    divisions = [_parts(data, size) for size in range(1, case.n + 1)]
    single = next(len(each) for each in divisions if all(len(part) == 1 for part in each))
    whole_data = next(len(each) for each in divisions if each == [data])
    return single, whole_data


erratum(
    Erratum(
        id="T01",
        status="confirmed",
        source="trofimov:slide 'Mini-Batch GD. Advantages and Disadvantages'",
        as_printed=r"P=1\Rightarrow\text{stochastic},\quad P=n\Rightarrow\text{batch}",
        as_corrected=r"P=n\Rightarrow\text{stochastic},\quad P=1\Rightarrow\text{batch}",
        why="the slide before has P count the minibatches; asked for is P of both",
        equations=("minibatch-count-limits",),
        variables={"n": count(2, 12)},
        fact=_counts_of_parts,
        printed=lambda case: (1, case.n),
        corrected=lambda case: (case.n, 1),
    )
)

erratum(
    Erratum(
        id="T02",
        status="qualification",
        source="trofimov:slide 'Newton's Method'",
        as_printed=r"10^6\text{ parameters: about }3725\text{ gigabytes}",
        as_corrected=r"3725\text{ GiB or }4000\text{ GB at 4 bytes an entry; twice that at 8}",
        why="unit and precision are not printed; whole gigabytes of 10^9 or 2^30 bytes are asked",
        equations=("hessian-memory-one-million-parameters",),
        variables={"bytes": whole(2, 8, 4, 8), "binary": whole(0, 1, 0)},
        fact=lambda case: (
            (len(range(10**6)) ** 2 * case.bytes) // (1 << 30 if case.binary else 10**9)
        ),
        printed=lambda case: 3725,
        corrected=lambda case: (
            hessian_bytes(10**6, case.bytes) // (1024**3 if case.binary else 1000**3)
        ),
    )
)


def _newton_end(case: SimpleNamespace) -> tuple[str, str]:
    """Where Newton's method on x^3/3 - x ends: x - (x^2 - 1)/(2 x), many times."""
    x = real(case.x0)
    for _ in range(20):
        x = x - (x * x - 1) / (2 * x)
    height = x**3 / 3 - x
    sides = [(x + h) ** 3 / 3 - (x + h) for h in (-0.125, 0.125)]
    return (
        whether(abs(x * x - 1) < 2.0**-40, "stationary"),
        whether(all(each > height for each in sides), "a minimum"),
    )


erratum(
    Erratum(
        id="T03",
        status="confirmed",
        source="trofimov:slide 'Newton's Method'",
        as_printed=r"\text{Newton's method converges to a local minimum}",
        as_corrected=r"\text{to a stationary point, which may be a saddle or a maximum}",
        why=(
            "every stationary point with a regular Hessian attracts the method; on x^3/3 - x the "
            "sign of the curvature at the start is that at the end"
        ),
        equations=("newton-convergence-far-start", "newton-attracted-to-saddles-and-maxima"),
        variables={"x0": whole(-5, 5, -2, 2)},
        fact=lambda case: _newton_end(case) if case.x0 else None,
        printed=lambda case: ("stationary", "a minimum") if case.x0 else None,
        corrected=lambda case: (
            ("stationary", whether(case.x0 > 0, "a minimum")) if case.x0 else None
        ),
    )
)


def _rate(slope: int, curvature: int, steps: int) -> arb:
    """The rate of AdaGrad after so many steps on slope w + curvature w^2/2, from 1."""
    w, squares = arb(1), arb(0)
    for _ in range(steps):
        gradient = slope + curvature * w
        squares += gradient**2
        w -= gradient / squares.sqrt() / 2
    return 1 / squares.sqrt()


erratum(
    Erratum(
        id="T06",
        status="qualification",
        source="trofimov:slide 'AdaGrad'",
        as_printed=r"\text{the learning rate converges to zero}",
        as_corrected=r"\text{if }\textstyle\sum_\tau g(\tau)^2=\infty\text{, else to a limit}>0",
        why=(
            "gradients that fall fast have a finite sum of squares; here g w + h w^2/2, which "
            "has no minimum for h = 0. Asked for is whether 200 steps halve the rate of 50 nearly"
        ),
        equations=("adagrad-learning-rate-monotone-decay",),
        variables={"g": whole(1, 3, 1), "h": whole(0, 3, 1)},
        fact=lambda case: whether(
            _rate(case.g, case.h, 200) < 0.6 * _rate(case.g, case.h, 50), "falling for ever"
        ),
        printed=lambda case: "falling for ever",
        corrected=lambda case: whether(case.h == 0, "falling for ever"),
    )
)

erratum(
    Erratum(
        id="T07",
        status="history",
        source="trofimov:slide 'BFGS (Broyden-Fletcher-Goldfarb-Shanno)'",
        as_printed=r"\text{BFGS (1983)}",
        as_corrected=r"\text{BFGS (1970)}",
        why="the four papers that the method is named after are of 1970",
        equations=("bfgs-inverse-update-product-form",),
        unchecked="a year of publication cannot be computed",
    )
)

erratum(
    Erratum(
        id="T08",
        status="history",
        source="trofimov:slide 'RProp (Resilient Propagation)'",
        as_printed=r"\text{PRProp+, PRProp-, iPRProp+, iPRProp-}",
        as_corrected=r"\text{Rprop+, Rprop-, iRprop+, iRprop-}",
        why="the names that Igel and Huesken gave the four variants",
        equations=("rprop-plus", "rprop-minus", "irprop-plus", "irprop-minus"),
        unchecked="names cannot be computed; the four rules are in the reference and are checked",
    )
)


def _values(case: SimpleNamespace) -> list[Fraction]:
    return [Fraction(each) for each in (case.x1, case.x2, case.x3)]


def _means(case: SimpleNamespace) -> list[Fraction]:
    return [of_mean(part) for part in _parts(_values(case), case.B)]


erratum(
    Erratum(
        id="T09",
        status="qualification",
        source="trofimov:slide 'Mini-Batch Gradient Descent'",
        as_printed=r"E=\frac1P\sum_pE_p,\quad E_p=\frac1{|D_p|}\sum_{i\in D_p}E^{(i)}",
        as_corrected=r"E=\sum_p\frac{|D_p|}nE_p",
        why="a shorter last batch weighs too much; here three values in batches of B",
        equations=("minibatch-gd-partition-update",),
        variables={
            "x1": whole(-3, 3, 0),
            "x2": whole(-3, 3, 0),
            "x3": whole(-3, 3, 1),
            "B": whole(1, 3, 2),
        },
        fact=lambda case: sum(_values(case), Fraction(0)) / 3,
        printed=lambda case: of_mean(_means(case)),
        corrected=lambda case: of_parts(
            _means(case), [len(part) for part in _parts(_values(case), case.B)]
        ),
    )
)

erratum(
    Erratum(
        id="T10",
        status="qualification",
        source="trofimov:slide 'Gradient Descent with Momentum'",
        as_printed=r"\mu>0",
        as_corrected=r"0\le\mu<1",
        why=(
            "at 1 heavy-ball momentum on w^2/2 turns for ever, above it grows; asked for is what "
            "becomes of heavy-ball and of Nesterov momentum"
        ),
        equations=("momentum-parameter-range", "momentum-update-heavy-ball"),
        variables={"mu": Domain(0.0, 4.0, (1.0, 0.5, 2.0, 0.0)), "eta": open_interval(0.5, 0.1)},
        fact=lambda case: (heavy_ball(case.eta, case.mu), nesterov(case.eta, case.mu)),
        printed=lambda case: ("convergent", "convergent") if case.mu > 0 else None,
        # Above 1, Nesterov momentum may converge on one curvature.
        corrected=lambda case: (
            ("convergent", "convergent") if case.mu < 1 else ("not convergent", None)
        ),
    )
)


def _second_step(case: SimpleNamespace) -> Any:
    """Of AdaGrad with epsilon outside the root, run through two gradients, with alpha = 1."""
    form = ADAGRAD.dialect("epsilon-outside-root")
    h = SimpleNamespace(
        learning_rate=scalar(1), epsilon=scalar(case.epsilon), evaluation=frozenset()
    )
    between, state = form.update(scalar(0), scalar(case.g1), {"sum_of_squares": scalar(0)}, h)
    after, _ = form.update(between, scalar(case.g2), state, h)
    return (between - after).ball


erratum(
    Erratum(
        id="T12",
        status="dialect",
        source="trofimov:slides 'AdaGrad', 'RMSProp', 'Adam'",
        as_printed=r"\frac{\alpha}{\sqrt{G+\varepsilon}}",
        as_corrected=r"\frac{\alpha}{\sqrt{G}+\varepsilon}",
        why=(
            "both are dialects, and not one formula: the other texts and the paper on Adam have "
            "epsilon outside, where 1e-4 acts like 1e-8 inside. Asked for is the second of two "
            "steps of AdaGrad as those texts have it, in units of alpha"
        ),
        equations=(
            "adagrad-update-epsilon-inside",
            "adagrad-update-epsilon-outside",
            "rmsprop-update-epsilon-inside",
            "adam-update-epsilon-inside",
        ),
        variables={
            "epsilon": positive(1e-8, 1e-3),
            "g1": positive(1e-4, 1.0),
            "g2": positive(1e-4, 1.0),
        },
        fact=_second_step,
        printed=lambda case: real(case.g2) / real(case.g1**2 + case.g2**2 + case.epsilon).sqrt(),
        corrected=lambda case: (
            real(case.g2) / (real(case.g1**2 + case.g2**2).sqrt() + real(case.epsilon))
        ),
    )
)


def _first_step(case: SimpleNamespace) -> arb:
    """Of RMSProp without epsilon, in units of alpha, from a mean square of 0."""
    return real(case.g) / real(mean_square(Fraction(0), case.g, case.rho)).sqrt()


erratum(
    Erratum(
        id="T13",
        status="dialect",
        source="trofimov:slide 'RMSProp (Root Mean Square Propagation)'",
        as_printed=r"G(0)=g(0)^2",
        as_corrected=r"G(-1)=0,\quad G(0)=(1-\rho)\,g(0)^2",
        why=(
            "both are dialects, and not one start: from zero the first step is longer by "
            "1/sqrt(1 - rho). Asked for is that step as other texts have it, in units of alpha"
        ),
        equations=(
            "rmsprop-update-epsilon-inside-first-gradient-init",
            "rmsprop-update-epsilon-inside",
        ),
        variables={"rho": unit_interval(0.9, 0.5, 0.0), "g": positive(1.0, 0.1)},
        fact=_first_step,
        printed=lambda case: 1,
        corrected=lambda case: 1 / real(1 - case.rho).sqrt(),
    )
)


def _last_step(case: SimpleNamespace) -> str:
    """The eighth velocity against the last gradient."""
    velocity, gradient = Fraction(0), case.slope
    for step in range(8):
        gradient = -case.slope if case.alternating and step % 2 else case.slope
        velocity = case.mu * velocity + gradient
    return whether(abs(velocity) > abs(gradient), "faster")


erratum(
    Erratum(
        id="T14",
        status="qualification",
        source="trofimov:slide 'Gradient Descent with Momentum'",
        as_printed=r"\text{faster on flat areas, slower on steep ones}",
        as_corrected=r"\text{faster where the gradient is steady, slower where it alternates}",
        why=(
            "the factor 1/(1 - mu) does not depend on the slope; asked for is whether momentum "
            "is faster than gradient descent, where flat is a slope below 1"
        ),
        equations=(
            "momentum-effective-rate-constant-gradient",
            "momentum-effective-rate-oscillating-gradient",
        ),
        variables={
            "mu": open_interval(0.9, 0.5),
            "slope": positive(1000.0, 0.001),
            "alternating": whole(0, 1, 0),
        },
        fact=_last_step,
        printed=lambda case: None if case.slope == 1 else whether(case.slope < 1, "faster"),
        corrected=lambda case: whether(not case.alternating, "faster"),
    )
)
