"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, chapter 8: networks, weights."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from statistics import harmonic_mean
from types import SimpleNamespace

from flint import arb

from optcheck.reference.domains import Domain
from optcheck.reference.errata.exact import NUMBER, slope
from optcheck.reference.errata.record import Erratum, erratum, real, whether, whole

_FACTOR = Domain(-3.0, 3.0, (0.5, 2.0, 0.1, -1.5))
_UNITS = whole(1, 100, 1, 4, 100)


def _layers(case: SimpleNamespace, x: Fraction) -> Fraction:
    """A linear layer, and a squared one on top of it."""
    return Fraction(case.outer * (case.inner * x + case.bias) ** 2)


def _hidden(case: SimpleNamespace) -> Fraction:
    return Fraction(case.inner * case.x + case.bias)


erratum(
    Erratum(
        id="G09",
        status="confirmed",
        source="goodfellow:8.5",
        as_printed=r"f'=f_T'f_{T-1}'\dots,f_2'f_1",
        as_corrected=r"f'=f_T'f_{T-1}'\dots f_2'f_1'",
        why="the chain rule takes the derivative of the first function too, and not its value",
        equations=("jacobian-product-composition",),
        variables={"x": NUMBER, "inner": NUMBER, "bias": NUMBER, "outer": NUMBER},
        fact=lambda case: slope(lambda x: _layers(case, x), case.x),
        printed=lambda case: 2 * case.outer * _hidden(case) * _hidden(case),
        corrected=lambda case: 2 * case.outer * _hidden(case) * case.inner,
    )
)


def _within(case: SimpleNamespace) -> bool:
    """Whether a product of factors e and 1/e is between e^-sqrt(2T) and e^sqrt(2T) half the time.

    Its logarithm is a sum of T signs.
    """
    T = case.T
    sums = ((math.comb(T, ups), 2 * ups - T) for ups in range(T + 1))
    return bool(2 * sum(ways for ways, total in sums if total**2 <= 2 * T) >= 2**T)


erratum(
    Erratum(
        id="G41",
        status="qualification",
        source="goodfellow:sec 8.2.6",
        as_printed=r"\text{a product of }T\text{ random factors grows like }e^T",
        as_corrected=(
            r"\text{its size is typically }e^{O(\sqrt T)}\text{ or the inverse of it; "
            r"its standard deviation grows like }e^T"
        ),
        why="the logarithms add up like a random walk; rare large products make the deviation",
        equations=("random-product-lognormal-growth",),
        variables={"T": whole(1, 30, 1, 4, 9)},
        fact=lambda case: whether(_within(case), "within exp(+-sqrt(2T))"),
        printed=lambda case: whether(case.T**2 <= 2 * case.T, "within exp(+-sqrt(2T))"),
        # Chebyshev: the variance of the logarithm is T.
        corrected=lambda case: "within exp(+-sqrt(2T))",
    )
)


def _forgets(case: SimpleNamespace) -> bool:
    """Whether a disturbance along either axis is smaller after steps with diag(p, q)."""
    return all(abs(factor**5) < 1 for factor in (case.p, case.q))


erratum(
    Erratum(
        id="G42",
        status="qualification",
        source="goodfellow:sec 8.2.6",
        as_printed=(
            r"\text{the state is kept in an attractor iff }"
            r"\Big|\det\frac{\partial s_t}{\partial s_{t-1}}\Big|<1"
        ),
        as_corrected=(
            r"\text{iff }\rho\Big(\frac{\partial s_t}{\partial s_{t-1}}\Big)<1,"
            r"\text{ for which the determinant is necessary}"
        ),
        why="one direction that expands is enough to leave it",
        equations=("memory-storage-determinant-condition",),
        variables={"p": _FACTOR, "q": _FACTOR},
        fact=lambda case: whether(_forgets(case), "kept"),
        printed=lambda case: whether(abs(case.p * case.q) < 1, "kept"),
        corrected=lambda case: whether(max(abs(case.p), abs(case.q)) < 1, "kept"),
    )
)


def _vanishes(alpha: Fraction) -> bool:
    """Whether each power is smaller than the one before it, or all are 0."""
    powers = [abs(alpha**T) for T in range(1, 10)]
    return alpha == 0 or all(after < before for before, after in itertools.pairwise(powers))


erratum(
    Erratum(
        id="G43",
        status="notation",
        source="goodfellow:sec 8.2.6",
        as_printed=r"\alpha^T\to0\text{ if }\alpha<1",
        as_corrected=r"\alpha^T\to0\text{ if }|\alpha|<1",
        why="factors may be negative",
        equations=("scalar-power-growth",),
        variables={"alpha": _FACTOR},
        fact=lambda case: whether(_vanishes(case.alpha), "vanishing"),
        printed=lambda case: whether(case.alpha < 1, "vanishing"),
        corrected=lambda case: whether(abs(case.alpha) < 1, "vanishing"),
    )
)


def _unit(case: SimpleNamespace, alpha: Fraction) -> Fraction:
    """A rectified unit, entered with ``alpha`` times its weight and left with a part of it."""
    return Fraction(case.v / alpha * max(Fraction(0), alpha * case.w * case.x))


erratum(
    Erratum(
        id="G44",
        status="qualification",
        source="goodfellow:sec 8.2.2",
        as_printed=r"\tfrac1\alpha v\,\phi(\alpha w x)=v\,\phi(w x)",
        as_corrected=r"\tfrac1\alpha v\,\phi(\alpha w x)=v\,\phi(w x),\quad\alpha>0",
        why="a rectifier commutes with positive factors alone",
        equations=("relu-rescaling-symmetry",),
        variables={"alpha": _FACTOR, "v": NUMBER, "w": NUMBER, "x": NUMBER},
        fact=lambda case: _unit(case, Fraction(1)),
        printed=lambda case: _unit(case, case.alpha) if case.alpha else None,
        corrected=lambda case: _unit(case, case.alpha) if case.alpha > 0 else None,
    )
)


def _arrangements(case: SimpleNamespace) -> int:
    """Of the units of all layers, each layer's in its own order, one by one."""
    orders = list(itertools.permutations(range(case.n)))
    return len(set(itertools.product(orders, repeat=case.m)))


erratum(
    Erratum(
        id="G46",
        status="transcription-doubtful",
        source="goodfellow:sec 8.2.2",
        as_printed=r"i\text{ layers with }i\text{ units each}:\ i\text{ arrangements}",
        as_corrected=r"m\text{ layers with }n\text{ units each}:\ (n!)^m\text{ arrangements}",
        why="every layer has n! orders of its own",
        equations=("weight-space-symmetry-permutation-count",),
        variables={"m": whole(1, 3, 1, 2), "n": whole(1, 4, 1, 2)},
        fact=_arrangements,
        printed=lambda case: case.m if case.m == case.n else None,
        corrected=lambda case: math.factorial(case.n) ** case.m,
        doubt="different symbols have become one in the transcription; the next sentence has two",
    )
)

erratum(
    Erratum(
        id="G36",
        status="confirmed",
        source="goodfellow:sec 8.7.2",
        as_printed=r"W_{i,j}\sim\mathcal U\Big(-\frac1{\sqrt m},\frac1{\sqrt n}\Big)",
        as_corrected=r"W_{i,j}\sim\mathcal U\Big(-\frac1{\sqrt m},\frac1{\sqrt m}\Big)",
        why="with unequal bounds the mean of the weights is not zero",
        equations=("fan-in-uniform-heuristic",),
        variables={"m": _UNITS, "n": _UNITS},
        # Before the first example nothing tells a weight from its negative.
        fact=lambda case: 0,
        printed=lambda case: (_inverse_root(case.n) - _inverse_root(case.m)) / 2,
        corrected=lambda case: (_inverse_root(case.m) - _inverse_root(case.m)) / 2,
        doubt="one letter for the other may be a slip of the transcription",
    )
)


def _inverse_root(units: int) -> arb:
    return 1 / arb(units).sqrt()


def _uniform_variance(bound: arb) -> arb:
    return bound**2 / 3


erratum(
    Erratum(
        id="G37",
        status="confirmed",
        source="goodfellow:sec 8.7.2",
        as_printed=(r"W_{i,j}\sim\mathcal U\Big(-\frac6{\sqrt{m+n}},\frac6{\sqrt{m+n}}\Big)"),
        as_corrected=(r"W_{i,j}\sim\mathcal U\Big(-\sqrt{\frac6{m+n}},\sqrt{\frac6{m+n}}\Big)"),
        why="the variance is a third of the squared bound and must be 2/(m + n), between the 1/m "
        "that keeps signals and the 1/n that keeps gradients",
        equations=("glorot-initialisation-uniform-goodfellow",),
        variables={"m": _UNITS, "n": _UNITS},
        fact=lambda case: harmonic_mean([Fraction(1, case.m), Fraction(1, case.n)]),
        printed=lambda case: _uniform_variance(6 * _inverse_root(case.m + case.n)),
        corrected=lambda case: _uniform_variance(arb(6).sqrt() * _inverse_root(case.m + case.n)),
    )
)


def _limit(case: SimpleNamespace) -> Fraction:
    """The slope to which ((p, 0), (q, r)) turns a signal, from three layers.

    Slopes m become (q + r m) / p, so that their changes are a geometric series.
    """
    signal, slopes = (Fraction(1), Fraction(0)), []
    for _ in range(3):
        slopes.append(signal[1] / signal[0])
        signal = (case.p * signal[0], case.q * signal[0] + case.r * signal[1])
    first, second, third = slopes
    return first + (second - first) ** 2 / ((second - first) - (third - second))


def _singular_slopes(case: SimpleNamespace) -> tuple[arb, arb]:
    """Of the right and the left principal singular vector, eigenvectors of W'W and of WW'."""
    p, q, r = case.p, case.q, case.r
    trace, determinant = p**2 + q**2 + r**2, (p * r) ** 2
    largest = (trace + arb(trace**2 - 4 * determinant).sqrt()) / 2
    return (largest - p**2 - q**2) / (q * r), (largest - p**2) / (p * q)


def _eigen_slope(case: SimpleNamespace) -> Fraction:
    """Of the vector that the matrix multiplies by p, its larger eigenvalue."""
    return Fraction(case.q, case.p - case.r)


def _closest_singular_slope(case: SimpleNamespace) -> arb:
    limit = real(_limit(case))
    return min(_singular_slopes(case), key=lambda each: float(abs(each - limit)))


erratum(
    Erratum(
        id="G38",
        status="confirmed",
        source="goodfellow:sec 8.7.2",
        as_printed=(
            r"\mathbf W^t\mathbf x\text{ turns to the principal singular vector of }\mathbf W"
        ),
        as_corrected=(
            r"\mathbf W^t\mathbf x\text{ turns to the dominant eigenvector of }\mathbf W,\ "
            r"(\mathbf W^T)^t\mathbf x\text{ to the left one}"
        ),
        why=(
            "it is W that is applied again and again, and not W'W; the two vectors are the same "
            "for normal matrices alone"
        ),
        equations=("feedforward-versus-recurrent-power-method",),
        variables={"p": whole(4, 6, 4), "q": whole(1, 3, 1, 2), "r": whole(1, 3, 1, 2)},
        fact=_limit,
        printed=_closest_singular_slope,
        corrected=_eigen_slope,
    )
)

erratum(
    Erratum(
        id="G45",
        status="transcription-doubtful",
        source="goodfellow:sec 8.7.2",
        as_printed=r"\text{(illegible)}",
        as_corrected=r"\mathrm{softmax}(\mathbf b)=\mathbf c",
        why="the sentence around it asks for biases that give the frequencies of the classes",
        equations=("output-bias-marginal-initialisation",),
        unchecked="what is printed is no formula and claims nothing",
        doubt="in the place of the equation the transcription has noise",
    )
)
