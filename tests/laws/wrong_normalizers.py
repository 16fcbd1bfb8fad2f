"""Wrong normalisers: of data, of batches and of examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from normalizer_parts import Parts, Wide, mean, one_pass, two_pass, unbiased
from wrong_variants import Family, Slip

EXACT = ("normalised-batch-is-exact",)
FAR = ("normalisation-holds-far-from-zero",)
MOMENTS = ("normalised-moments",)
MOVED = ("normalisation-ignores-shift-and-scale",)
INFERENCE = ("inference-uses-running-averages",)
TRAINING = ("training-ignores-running-averages",)
AVERAGES = ("running-averages-by-recurrence",)
TEST = ("test-data-use-training-statistics",)
ALONE = ("layer-normalisation-knows-one-example",)
SLOPE = ("normaliser-gradients-are-exact",)
ORTHOGONAL = ("gradient-orthogonal-to-the-weights",)
CONSTANT = ("constant-feature-becomes-the-shift",)
SINGLE = ("batch-of-one-is-the-shift-or-refused",)
EMPTY = ("empty-batch-leaves-no-trace",)
MASK = ("masked-examples-count-for-nothing",)
CONDITION = ("standardising-conditions-the-hessian",)
NOISE = ("statistics-of-small-batches-are-noisy",)


def slip(name: str, what: str, laws: tuple[str, ...], wrong: Parts, **more: Any) -> Slip:
    return Slip(name, what, laws, wrong.rule, **more)


def _outside(rows: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    return (rows - centre) / (np.sqrt(variance) + epsilon)


def _uncentred(rows: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    return rows / np.sqrt(variance + epsilon)


def _without_epsilon(rows: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    return (rows - centre) / np.sqrt(variance)


def _over_range(rows: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    return (rows - centre) / np.maximum(np.ptp(rows, axis=1, keepdims=True), epsilon)


def _over_all(rows: Any) -> Any:
    centre, variance = two_pass(rows.reshape(1, -1))
    return np.repeat(centre, len(rows), 0), np.repeat(variance, len(rows), 0)


def _of_half(rows: Any) -> Any:
    return two_pass(rows[:, : max(1, rows.shape[1] // 2)])


def _in_working_precision(parts: Parts) -> Parts:
    """The variance by the mean of the squares, in float32 throughout."""

    def moments(rows: Any) -> Any:
        return tuple(each.astype(Wide) for each in one_pass(rows.astype(np.float32)))

    return replace(parts, moments=moments)


def _detached(rows: Any, slopes: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    return slopes / np.sqrt(variance + epsilon)


def _through_the_mean(rows: Any, slopes: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    return (slopes - mean(slopes)) / np.sqrt(variance + epsilon)


def common_slips(right: Parts) -> list[Slip]:
    """Slips of any normaliser."""
    other = two_pass if right.moments is unbiased else unbiased
    return [
        slip(
            "other-divisor",
            "divides the sum of squares by the other number",
            (*EXACT, *MOMENTS),
            replace(right, moments=other),
        ),
        slip(
            "epsilon-outside",
            "adds epsilon to the root",
            EXACT,
            replace(right, normal=_outside),
        ),
        slip(
            "squares",
            "takes the mean of the squares less the square of the mean, in float32",
            FAR,
            _in_working_precision(right),
        ),
        slip(
            "uncentred",
            "divides without subtracting the mean",
            (*EXACT, *MOMENTS, *MOVED),
            replace(right, normal=_uncentred),
        ),
        slip(
            "over-all",
            "has one mean and one variance for all groups",
            EXACT,
            replace(right, moments=_over_all),
        ),
        slip(
            "float16",
            "computes in float16",
            EXACT,
            replace(right, dtype=np.float16),
            bug="keras-ln-half",
        ),
    ]


def learning_slips(right: Parts) -> list[Slip]:
    """Slips of what has a scale, a shift and a derivative."""
    return [
        slip("affine-first", "scales before it normalises", EXACT, replace(right, after=False)),
        slip(
            "detached",
            "takes the statistics for constants in the derivative",
            (*SLOPE, *ORTHOGONAL),
            replace(right, derivative=_detached),
            bug="tinygrad-bn-detached-stats",
        ),
        slip(
            "constant-variance",
            "takes the variance for a constant in the derivative",
            (*SLOPE, *ORTHOGONAL),
            replace(right, derivative=_through_the_mean),
        ),
        slip(
            "no-epsilon",
            "forgets epsilon: 0/0 where all values are equal",
            CONSTANT,
            replace(right, normal=_without_epsilon),
        ),
    ]


def averaging_slips(right: Parts) -> list[Slip]:
    """Slips of running averages, and of whose statistics are used when."""
    bessel = right.least == 2
    kept, spread = right.kept, right.spread
    assert kept is not None
    return [
        slip(
            "other-running-divisor",
            "averages the variance of the other divisor",
            (*AVERAGES, *NOISE),
            replace(right, spread=_biased if bessel else _corrected),
            bug="mlx-batchnorm-running-var" if bessel else "fastnn-bn-cpu-gpu",
        ),
        slip(
            "other-share",
            "takes the share of the old for that of the new",
            AVERAGES,
            replace(right, kept=lambda m, t: 0.5 * kept(m, t) if t > 1 else 1 - kept(m, t)),
        ),
        slip(
            "other-average",
            "averages the deviation for the variance, or the reverse",
            (*AVERAGES, *NOISE),
            replace(
                right,
                spread=lambda v, n: (
                    spread(v, n) ** 2 if right.deviation else np.sqrt(spread(v, n))
                ),
            ),
        ),
        slip(
            "with-epsilon",
            "averages the variance with epsilon, twice",
            AVERAGES,
            replace(right, spread=lambda v, n: spread(v + 2e-5, n)),
            bug="flaggems-instancenorm-runvar-eps",
        ),
        slip("from-zero", "starts with the variance 0", AVERAGES, replace(right, start=0.0)),
        slip(
            "inference-by-batch",
            "normalises by the batch in inference",
            INFERENCE,
            replace(right, inference="batch"),
        ),
        slip(
            "inference-by-start",
            "normalises by 0 and 1 in inference",
            INFERENCE,
            replace(right, inference="start"),
            bug="tinygrad-bn-no-tracking",
        ),
        slip(
            "learning-in-inference",
            "updates its averages in inference",
            INFERENCE,
            replace(right, learns_in_inference=True),
        ),
        slip(
            "training-by-averages",
            "normalises by the averages in training",
            (*TRAINING, *EXACT),
            replace(right, training="averages"),
        ),
        slip(
            "single-value",
            "divides by n - 1 = 0 and goes on",
            SINGLE,
            replace(right, least=0, spread=_corrected),
            bug="flux-batchnorm-single-value",
        ),
        slip(
            "mean-of-nothing",
            "takes the mean of no values into its averages",
            EMPTY,
            replace(right, least=0),
        ),
        slip(
            "mask-ignored",
            "takes the statistics of all examples",
            MASK,
            replace(right, counted=lambda rows, mask: rows),
        ),
        slip(
            "mask-counted-once",
            "counts an example of the mask once, not at every place",
            MASK,
            replace(right, once=True),
            bug="keras-bn-masked-moments",
        ),
        slip(
            "half-a-batch",
            "takes the statistics of half of the batch",
            (*EXACT, *NOISE),
            replace(right, moments=_of_half),
        ),
    ]


def _biased(variance: Any, count: int) -> Any:
    return variance


def _corrected(variance: Any, count: int) -> Any:
    return variance * np.divide(count, count - 1)


def _deviations(variance: Any, count: int) -> Any:
    return np.sqrt(variance)


def _kept(momentum: float, number: int) -> float:
    return momentum


def _new(momentum: float, number: int) -> float:
    return 1 - momentum


def _all_alike(momentum: float, number: int) -> float:
    return (number - 1) / number


DATA = {
    "two-pass": Parts("feature"),
    "two-pass+unbiased": Parts("feature", moments=unbiased),
    "one-pass": Parts("feature", moments=one_pass),
}
BATCH = {
    "kept-share": Parts("feature", kept=_kept),
    "kept-share+one-pass": Parts("feature", kept=_kept, moments=one_pass),
    "kept-share+deviation": Parts("feature", kept=_kept, spread=_deviations, deviation=True),
    "new-share+unbiased": Parts("feature", kept=_new, spread=_corrected, least=2),
    "new-share+unbiased+folded": Parts("feature", kept=_new, spread=_corrected, least=2),
    "cumulative+unbiased+folded": Parts("feature", kept=_all_alike, spread=_corrected, least=2),
}
LAYER = {
    "last-axis": Parts("last-axis"),
    "last-axis+one-pass": Parts("last-axis", moments=one_pass),
    "all-axes": Parts("example"),
}


def _data_slips(right: Parts) -> list[Slip]:
    return [
        slip(
            "leaking",
            "normalises test data by their own statistics",
            TEST,
            replace(right, inference="batch"),
        ),
        slip(
            "over-range",
            "divides by the range",
            (*EXACT, *CONDITION),
            replace(right, normal=_over_range),
        ),
    ]


def _layer_slips(right: Parts) -> list[Slip]:
    return [
        slip(
            "over-examples",
            "takes the statistics over the batch",
            (*EXACT, *ALONE),
            replace(right, group="batch"),
        ),
    ]


def _family(method: str, dialect: str, right: Parts, slips: list[Slip]) -> Family:
    return Family(method, dialect, right.rule(), slips, capability="normalizer")


FAMILIES = [
    *(
        _family("data-normalization", dialect, right, [*common_slips(right), *_data_slips(right)])
        for dialect, right in DATA.items()
    ),
    *(
        _family(
            "batch-normalization",
            dialect,
            right,
            [*common_slips(right), *learning_slips(right), *averaging_slips(right)],
        )
        for dialect, right in BATCH.items()
    ),
    *(
        _family(
            "layer-normalization",
            dialect,
            right,
            [*common_slips(right), *learning_slips(right), *_layer_slips(right)],
        )
        for dialect, right in LAYER.items()
    ),
]
