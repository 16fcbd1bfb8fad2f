"""Normalisation against plain evaluations of the texts, and what is said about it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from optcheck.reference import EQUATIONS, FORMATS, PROCEDURES, procedures
from optcheck.reference.balls import Arithmetic
from optcheck.reference.normalization.claims import noise, standardised_condition
from optcheck.reference.normalization.normalizers import NormalizerForm, NormalizerOracle, Setting
from optcheck.reference.normalization.transforms import one_pass, two_pass

WORKING = Arithmetic.working(
    FORMATS["float64"], scalar_bits=53, step_bits=53, flushes_subnormals=False
)
RANDOM = np.random.default_rng(7)
BATCH = RANDOM.normal(2.0, 3.0, size=(5, 4, 2))
SLOPES = RANDOM.normal(size=BATCH.shape)
DIALECTS = [
    (key, name) for key, each in procedures("normalizer").items() for name in each.dialects
]


def _form(method: str, dialect: str) -> NormalizerForm:
    form = PROCEDURES[method].dialects[dialect]
    assert isinstance(form, NormalizerForm)
    return form


def _oracle(method: str, dialect: str, features: tuple[int, ...]) -> NormalizerOracle:
    form = _form(method, dialect)
    given = {"epsilon": 0.5, "momentum": 0.9}
    names = PROCEDURES[method].domains(dialect)
    shape = form.learned(features)
    gain, shift = np.linspace(-2, 1.7, math.prod(shape)), np.linspace(1, 3, math.prod(shape))
    learned = (gain.reshape(shape), shift.reshape(shape))
    setting = Setting(features, {name: given[name] for name in names}, *learned)
    return NormalizerOracle(form, setting, WORKING)


def _axes(form: NormalizerForm) -> tuple[int, ...]:
    return {"feature": (0, 2), "last-axis": (2,), "example": (1, 2)}[form.group]


def _facing(learned: np.ndarray[Any, Any], form: NormalizerForm) -> np.ndarray[Any, Any]:
    return learned[:, None] if form.group == "feature" else learned


def _textbook(
    oracle: NormalizerOracle, batch: np.ndarray[Any, Any], free: int = 0
) -> np.ndarray[Any, Any]:
    """With 50 digits, element by element."""
    form, setting = oracle.form, oracle.setting
    assert setting.gain is not None
    assert setting.shift is not None
    wide = np.vectorize(mpmath.mpf, otypes=[object])(batch)
    axes = _axes(form)
    count = math.prod(batch.shape[axis] for axis in axes)
    centre = wide.sum(axis=axes, keepdims=True) / count
    variance = ((wide - centre) ** 2).sum(axis=axes, keepdims=True) / (count - free)
    root = np.vectorize(mpmath.sqrt, otypes=[object])(variance + mpmath.mpf(0.5))
    return (wide - centre) / root * _facing(setting.gain, form) + _facing(setting.shift, form)


@pytest.mark.parametrize(("method", "dialect"), DIALECTS)
def test_training_output_against_fifty_digits(method: str, dialect: str) -> None:
    with mpmath.workdps(50):
        oracle = _oracle(method, dialect, BATCH.shape[1:])
        free = 1 if dialect == "two-pass+unbiased" else 0
        expected = oracle.form.groups(_textbook(oracle, BATCH, free).astype(float)).ravel()
    quantity = oracle.training(BATCH)
    assert quantity.expected() == pytest.approx(expected, rel=1e-14)
    # Two pass stays within some tens of roundings; one pass pays for the square of the mean.
    largest = 400 if oracle.form.moments is one_pass else 150
    assert np.all(quantity.allowed() < largest * 2.0**-53 * (1 + np.abs(expected)))


@pytest.mark.parametrize(
    ("method", "dialect"), [case for case in DIALECTS if case[0] != "data-normalization"]
)
def test_gradients_against_differences_of_fifty_digits(method: str, dialect: str) -> None:
    oracle = _oracle(method, dialect, BATCH.shape[1:])
    gradients = oracle.gradients(BATCH, SLOPES)
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -15
        for index in [(0, 0, 0), (3, 2, 1)]:
            wide = np.vectorize(mpmath.mpf, otypes=[object])(BATCH)
            ends = []
            for sign in (1, -1):
                moved = wide.copy()
                moved[index] += sign * h
                ends.append(np.sum(_textbook(oracle, moved) * SLOPES))
            expected = float((ends[0] - ends[1]) / (2 * h))
            numbers = oracle.form.groups(np.arange(BATCH.size).reshape(BATCH.shape)).ravel()
            place = int(np.flatnonzero(numbers == np.ravel_multi_index(index, BATCH.shape))[0])
            assert gradients["batch"].expected()[place] == pytest.approx(expected, rel=1e-12)
    gain, shift = oracle.setting.gain, oracle.setting.shift
    assert gain is not None
    assert shift is not None
    axes = (0, 2) if oracle.form.group == "feature" else tuple(range(3 - gain.ndim))
    output = _textbook(oracle, BATCH).astype(float)
    normal = (output - _facing(shift, oracle.form)) / _facing(gain, oracle.form)
    in_gain, in_shift = np.sum(SLOPES * normal, axis=axes), np.sum(SLOPES, axis=axes)
    assert gradients["gain"].expected() == pytest.approx(in_gain.ravel(), rel=1e-12)
    assert gradients["shift"].expected() == pytest.approx(in_shift.ravel(), rel=1e-12)


def test_one_pass_derives_the_same_in_another_order() -> None:
    chained = _oracle("batch-normalization", "kept-share+one-pass", BATCH.shape[1:])
    plain = _oracle("batch-normalization", "kept-share", BATCH.shape[1:])
    found, expected = (each.gradients(BATCH, SLOPES)["batch"] for each in (chained, plain))
    assert found.expected() == pytest.approx(expected.expected(), rel=1e-13)


@pytest.mark.parametrize(
    ("dialect", "kept"),
    [
        ("kept-share", 0.9),
        ("kept-share+one-pass", 0.9),
        ("kept-share+deviation", 0.9),
        ("new-share+unbiased", 0.1),
        ("new-share+unbiased+folded", 0.1),
        ("cumulative+unbiased+folded", 2 / 3),
    ],
)
def test_running_averages(dialect: str, kept: float) -> None:
    oracle = _oracle("batch-normalization", dialect, BATCH.shape[1:])
    spread = oracle.form.spread
    before = {"mean": np.array([1.0, -2.0, 0.5, 4.0]), spread: np.array([1.0, 2.0, 3.0, 0.5])}
    after = oracle.averages(before, BATCH, 3)
    free = 1 if "unbiased" in dialect else 0
    new = np.var(BATCH, axis=(0, 2), ddof=free)
    new = np.sqrt(new) if spread == "deviation" else new
    mean = kept * before["mean"] + (1 - kept) * BATCH.mean(axis=(0, 2))
    assert after["mean"].expected() == pytest.approx(mean, rel=1e-13)
    expected = kept * before[spread] + (1 - kept) * new
    assert after[spread].expected() == pytest.approx(expected, rel=1e-13)


def test_a_mask_leaves_the_statistics_of_the_others() -> None:
    oracle = _oracle("batch-normalization", "kept-share", BATCH.shape[1:])
    mask = np.array([True, False, True, True, False])
    masked = oracle.form.groups(BATCH)
    kept = oracle.training(BATCH, mask).expected().reshape(masked.shape)
    alone = oracle.training(BATCH[mask]).expected().reshape(len(masked), -1)
    assert kept[:, np.repeat(mask, 2)] == pytest.approx(alone, rel=1e-13)


def test_the_average_of_deviations_is_too_small() -> None:
    # As bishop:7.57 is printed: sigma = 2 and batches of 8.
    samples = 2.0 * np.random.default_rng(0).normal(size=(200_000, 8))
    of_deviations = np.std(samples, axis=1).mean() ** 2
    of_variances = np.var(samples, axis=1).mean()
    c4 = math.sqrt(2 / 8) * math.gamma(8 / 2) / math.gamma(7 / 2)
    assert (2 * c4) ** 2 == pytest.approx(3.259, abs=1e-3)
    assert of_deviations == pytest.approx((2 * c4) ** 2, abs=0.02)
    assert of_variances == pytest.approx(4 * 7 / 8, abs=0.02)
    assert of_deviations < of_variances
    assert EQUATIONS["batch-normalisation-running-averages"].erratum


def test_the_scale_is_not_the_deviation() -> None:
    # B24: gamma = -2, delta = 1e-5 and sigma^2 = 9.1e-5.
    values = math.sqrt(9.1e-5) * np.array([1.0, -1.0, 1.0, -1.0])
    output = -2 * values / math.sqrt(9.1e-5 + 1e-5)
    assert np.std(output) == pytest.approx(1.898, abs=1e-3)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_noise_of_batch_statistics(size: int) -> None:
    of_mean, of_variance = noise(size)
    # The moments of a chi-squared variable of size - 1 degrees, over size.
    assert of_mean == Fraction(1, size)
    assert of_variance == Fraction(2 * (size - 1)) / size**2
    samples = np.random.default_rng(size).normal(size=(200_000, size))
    assert np.var(samples.mean(axis=1)) == pytest.approx(float(of_mean), rel=0.02)
    assert np.var(samples.var(axis=1)) == pytest.approx(float(of_variance), rel=0.05)


def test_heights_and_platelets() -> None:
    # bishop:7.4.1: metres against some hundred thousand a microlitre.
    random = np.random.default_rng(3)
    spread = np.stack([0.1 * random.normal(size=500), 5e4 * random.normal(size=500)], axis=1)
    inputs = spread + np.array([1.8, 3e5])
    centred = inputs - inputs.mean(axis=0)
    before = np.linalg.cond(centred) ** 2
    ratio = (centred[:, 1].std() / centred[:, 0].std()) ** 2
    rho = float(np.corrcoef(inputs.T)[0, 1])
    assert ratio <= before * (1 + 1e-6)
    assert before <= ratio * standardised_condition(rho) * (1 + 1e-6)
    standard = centred / centred.std(axis=0)
    after = float(np.linalg.cond(standard.T @ standard))
    assert after == pytest.approx(standardised_condition(rho), rel=1e-9)


def test_one_pass_loses_the_square() -> None:
    values = 2.0**20 + np.array([0.0, 1.0, 2.0, 3.0])
    radii = [
        float(moments(WORKING.array(values))[1].ball.rad()) for moments in (two_pass, one_pass)
    ]
    assert radii[1] > 2.0**15 * radii[0]
    for moments in (two_pass, one_pass):
        assert float(moments(Arithmetic.exact().array(values))[1].ball.mid()) == 1.25


@pytest.mark.parametrize(
    "identifier",
    [
        "input-standardisation",
        "standardised-moments",
        "input-scale-curvature-anisotropy",
        "batch-normalisation-transform",
        "batch-normalisation-affine",
        "batch-normalisation-running-averages",
        "batch-normalisation-inference",
        "batch-normalisation-invariance",
        "batch-normalisation-differentiable",
        "batch-statistics-noise-small-batch",
        "layer-normalisation-transform",
        "layer-normalisation-same-in-inference",
    ],
)
def test_registered(identifier: str) -> None:
    assert EQUATIONS[identifier].unchecked is None


def test_explanations_are_not_checked() -> None:
    assert EQUATIONS["internal-covariate-shift-explanation"].unchecked
