"""The initializers: which distributions they draw from, and what else they promise."""

from __future__ import annotations

import math
from collections.abc import Mapping

from optcheck.reference.domains import Domain, count, positive
from optcheck.reference.procedures import Form, Procedure, procedure

_HE = ("he-initialisation", "weight-init-distributions")
_GLOROT = ("glorot-variance", "glorot-initialisation-linear-tanh")
_GAINS = positive(math.sqrt(2.0), 1.0, 4.0)
_HE_GAINS = positive(math.sqrt(2.0), 1.0)
_SCALES = positive(0.01, 1.0, 0.1)
_REALS = Domain(-math.inf, math.inf, (0.0, 0.1, 1.0), low_included=False, high_included=False)


def _record(
    identifier: str,
    title: str,
    source: str,
    dialects: Mapping[str, Form],
    **hyperparameters: Domain,
) -> Procedure:
    return procedure(
        Procedure(
            id=identifier,
            title=title,
            source=source,
            capability="initializer",
            family="initialisation",
            dialects=dialects,
            hyperparameters=hyperparameters,
        )
    )


_record(
    "uniform",
    "Uniform initial values",
    "bishop:sec 7.2.5",
    {
        "symmetric": Form(
            "between minus the scale and the scale",
            ("weight-init-distributions", "uniform-distribution-variance"),
        ),
        "from-zero": Form("between zero and the scale", ("uniform-distribution-variance",)),
    },
    scale=_SCALES,
)
_record(
    "normal",
    "Gaussian initial values",
    "bishop:sec 7.2.5",
    {
        "standard-deviation": Form(
            "the scale is the standard deviation", ("weight-init-distributions",)
        )
    },
    scale=_SCALES,
)
procedure(
    Procedure(
        id="truncated-normal",
        title="Gaussian initial values without tails",
        source="trofimov:slide 'Network Weights Initialization'",
        capability="initializer",
        family="initialisation",
        dialects={
            "two-deviations": Form(
                "cut at twice the scale, which is the standard deviation before the cut",
                ("truncated-normal-distribution",),
            ),
            "absolute-bounds": Form(
                "cut at two bounds, whatever mean and scale are",
                ("truncated-normal-distribution",),
            ),
        },
        hyperparameters={"scale": _SCALES},
        extra={"absolute-bounds": {"mean": _REALS, "lower": _REALS, "upper": _REALS}},
    )
)
_record(
    "he-normal",
    "He's initialisation, Gaussian",
    "bishop:7.23",
    {
        "fan-in": Form(
            "the variance is the square of the gain over the fan-in",
            (*_HE, "fan-in-variance-condition"),
        ),
        "fan-out": Form(
            "the variance is the square of the gain over the fan-out",
            (*_HE, "fan-out-variance-condition"),
        ),
        "fan-in+truncated": Form(
            "the same variance as with the fan-in, after a cut at two deviations",
            (*_HE, "fan-in-variance-condition", "truncated-normal-distribution"),
        ),
    },
    gain=_HE_GAINS,
)
_record(
    "he-uniform",
    "He's initialisation, uniform",
    "bishop:7.23",
    {
        "fan-in": Form(
            "the variance is the square of the gain over the fan-in",
            (*_HE, "fan-in-variance-condition", "uniform-distribution-variance"),
        ),
        "fan-out": Form(
            "the variance is the square of the gain over the fan-out",
            (*_HE, "fan-out-variance-condition", "uniform-distribution-variance"),
        ),
    },
    gain=_HE_GAINS,
)
_record(
    "glorot-normal",
    "Glorot's initialisation, Gaussian",
    "trofimov:slide 'Xavier/Glorot Weight Initialization Method'",
    {
        "harmonic-mean": Form(
            "the harmonic mean of the variances that both fans ask for", _GLOROT
        ),
        "harmonic-mean+truncated": Form(
            "the same variance, after a cut at two deviations",
            (*_GLOROT, "truncated-normal-distribution"),
        ),
    },
    gain=_GAINS,
)
_record(
    "glorot-uniform",
    "Glorot's initialisation, uniform",
    "goodfellow:sec 8.7.2",
    {
        "harmonic-mean": Form(
            "the harmonic mean of the variances that both fans ask for",
            (*_GLOROT, "glorot-initialisation-uniform-goodfellow"),
        ),
        "geometric-mean": Form(
            "the geometric mean of the variances that both fans ask for",
            ("fan-in-variance-condition", "fan-out-variance-condition"),
        ),
    },
    gain=_GAINS,
)
_record(
    "fan-scaled-uniform",
    "Uniform up to one over a root",
    "goodfellow:sec 8.7.2",
    {
        "fan-in": Form(
            "of the fan-in",
            ("fan-in-uniform-heuristic", "inverse-root-scaling-drawback"),
        ),
        "hidden-units": Form(
            "of the number of hidden units, whatever the number of inputs is",
            ("fan-in-uniform-heuristic", "inverse-root-scaling-drawback"),
        ),
    },
)
_record(
    "orthogonal",
    "Orthogonal initial weights",
    "goodfellow:sec 8.7.2",
    {
        "haar": Form(
            "rows or columns, whichever are fewer, are orthonormal and evenly distributed",
            ("orthogonal-initialisation", "gram-schmidt-initialisation"),
        )
    },
    gain=_GAINS,
)
_record(
    "sparse",
    "Sparse initial weights",
    "goodfellow:sec 8.7.2",
    {
        "per-unit": Form("so many inputs of every unit", ("sparse-initialisation",)),
        "per-input": Form("so many units of every input", ("sparse-initialisation",)),
    },
    nonzeros=count(3, 1, 8),
    scale=_SCALES,
)
_record(
    "constant-bias",
    "Constant initial biases",
    "goodfellow:sec 8.7.2",
    {
        "all-units": Form(
            "all biases are the same",
            ("bias-initialisation-zero", "bias-initialisation-small-positive"),
        ),
        "forget-gate": Form(
            "the biases of the forget gates are set, all others are zero",
            ("forget-gate-bias-one",),
        ),
    },
    value=_REALS,
)
_record(
    "marginal-bias",
    "Initial biases from the frequencies of the classes",
    "goodfellow:sec 8.7.2",
    {
        "logarithms": Form(
            "the logarithms of the frequencies", ("output-bias-marginal-initialisation",)
        )
    },
)
