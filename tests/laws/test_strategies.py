"""The strategies reach the branches of an update rule on purpose, within the default budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from optcheck.backends import Case, Claim
from optcheck.properties import PROFILES
from optcheck.properties.strategies import (
    PATTERNS,
    Gradients,
    cases,
    gradient_sequence,
    hyperparameter,
    hyperparameters,
    representable,
    split,
)
from optcheck.properties.trace import flat
from optcheck.reference import CLIPPINGS, FORMATS, METHODS, SCHEDULES, Domain

EXAMPLES = PROFILES["default"].examples
# A user runs a law over many methods, dialects and dtypes; what one unit misses another meets.
UNITS = 12


def drawn(strategy: st.SearchStrategy[Any], count: int, seed: int) -> list[Any]:
    """What Hypothesis draws in one run of ``count`` examples."""
    collected: list[Any] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        collected.append(value)

    collect()
    return collected


@cache
def adam_cases(dtype: str) -> tuple[Case, ...]:
    claim = Claim("adam", "epsilon-outside-root")
    strategy = cases(METHODS["adam"], claim, dtype, min_steps=2, max_steps=20, scheduled=True)
    return tuple(case for seed in range(UNITS) for case in drawn(strategy, EXAMPLES, seed))


def gradients_of(case: Case) -> Any:
    """Shape (steps, coordinates)."""
    return np.array([flat(each) for each in case.gradients])


def _magnitudes(case: Case) -> Any:
    return np.abs(gradients_of(case))


def _of_size(case: Case, size: float) -> bool:
    return bool(size and np.any((_magnitudes(case) > size / 2) & (_magnitudes(case) < 2 * size)))


def _near_epsilon(case: Case) -> bool:
    return _of_size(case, case.hyperparameters["epsilon"])


def _near_root_of_epsilon(case: Case) -> bool:
    return _of_size(case, math.sqrt(case.hyperparameters["epsilon"]))


def _flips(case: Case) -> bool:
    g = gradients_of(case)
    return bool(np.any(np.sign(g[1:]) * np.sign(g[:-1]) < 0))


def _alternates(case: Case) -> bool:
    g = gradients_of(case)
    return len(g) > 2 and bool(np.any(np.all(np.sign(g[1:]) * np.sign(g[:-1]) < 0, axis=0)))


def _shrinks(case: Case) -> bool:
    sizes = _magnitudes(case)
    return len(sizes) > 2 and bool(np.any(np.all(sizes[1:] < 0.9 * sizes[:-1], axis=0)))


def _grows(case: Case) -> bool:
    sizes = _magnitudes(case)
    return len(sizes) > 2 and bool(np.any(np.all(sizes[1:] > sizes[:-1], axis=0)))


def _impulse(case: Case) -> bool:
    sizes = _magnitudes(case)
    return bool(np.any((sizes[0] > 0) & np.all(sizes[1:] == 0, axis=0)))


def _late(case: Case) -> bool:
    sizes = _magnitudes(case)
    return len(sizes) > 2 and bool(np.any((sizes[0] == 0) & (sizes[-1] > 0)))


def _zero(case: Case) -> bool:
    g = gradients_of(case)
    return bool(np.any((g == 0) & ~np.signbit(g)))


def _negative_zero(case: Case) -> bool:
    g = gradients_of(case)
    return bool(np.any((g == 0) & np.signbit(g)))


def _subnormal(case: Case) -> bool:
    sizes = _magnitudes(case)
    return bool(np.any((sizes > 0) & (sizes < FORMATS[case.dtype].smallest_normal)))


def _huge(case: Case) -> bool:
    return bool(np.any(_magnitudes(case) > math.sqrt(FORMATS[case.dtype].largest) / 1e3))


def _spread(case: Case) -> bool:
    sizes = _magnitudes(case)[0]
    sizes = sizes[sizes > 0]
    return bool(sizes.size and sizes.max() > 1e6 * sizes.min())


def _from_zero(case: Case) -> bool:
    return not np.any(flat(case.parameters))


def _large_parameter(case: Case) -> bool:
    return bool(np.any(np.abs(flat(case.parameters)) > 1e3))


def _rates(case: Case) -> tuple[float, ...]:
    return case.learning_rates or ()


def _shapes(case: Case) -> list[tuple[int, ...]]:
    return [array.shape for array in case.parameters]


def _equals(name: str, *values: float) -> Callable[[Case], bool]:
    return lambda case: case.hyperparameters[name] in values


BRANCHES: dict[str, Callable[[Case], bool]] = {
    "gradient about epsilon": _near_epsilon,
    "gradient about the root of epsilon": _near_root_of_epsilon,
    "sign flips": _flips,
    "alternating signs": _alternates,
    "shrinking gradient": _shrinks,
    "growing gradient": _grows,
    "impulse": _impulse,
    "gradient that starts late": _late,
    "zero": _zero,
    "negative zero": _negative_zero,
    "subnormal": _subnormal,
    "huge": _huge,
    "sizes apart in one step": _spread,
    "two steps": lambda case: case.steps == 2,
    "more than 5 steps": lambda case: case.steps > 5,
    "more than 15 steps": lambda case: case.steps > 15,
    "constant rate": lambda case: case.learning_rates is None,
    "falling rate": lambda case: bool(_rates(case)) and _rates(case)[-1] < _rates(case)[0],
    "rising rate": lambda case: bool(_rates(case)) and _rates(case)[-1] > _rates(case)[0],
    "beta1 is 0": _equals("beta1", 0.0),
    "beta2 is 0": _equals("beta2", 0.0),
    "epsilon is 0": _equals("epsilon", 0.0),
    "beta1 close to 1": lambda case: case.hyperparameters["beta1"] > 0.998,
    "beta2 close to 1": lambda case: case.hyperparameters["beta2"] > 0.998,
    "beta1 above beta2": lambda case: (
        case.hyperparameters["beta1"] > case.hyperparameters["beta2"]
    ),
    "tiny rate": lambda case: case.hyperparameters["learning_rate"] < 1e-3,
    "large epsilon": lambda case: case.hyperparameters["epsilon"] >= 0.1,
    "0-d": lambda case: () in _shapes(case),
    "size 0": lambda case: any(0 in shape for shape in _shapes(case)),
    "a matrix": lambda case: any(len(shape) == 2 for shape in _shapes(case)),
    "several parameters": lambda case: len(_shapes(case)) > 1,
    "one coordinate": lambda case: flat(case.parameters).size == 1,
    "transposed": lambda case: case.transposed and any(len(s) == 2 for s in _shapes(case)),
    "starts at zero": _from_zero,
    "starts far away": _large_parameter,
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("branch", BRANCHES)
def test_the_branch_is_met(branch: str, dtype: str) -> None:
    met = sum(map(BRANCHES[branch], adam_cases(dtype)))
    # Not by luck once in a run, but in one of sixty examples: every few units.
    assert met >= len(adam_cases(dtype)) / 60, f"{met} of {len(adam_cases(dtype))} cases"


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_cases_are_consistent(dtype: str) -> None:
    form = FORMATS[dtype]
    for case in adam_cases(dtype)[:120]:
        shapes = _shapes(case)
        assert all([g.shape for g in each] == shapes for each in case.gradients)
        assert case.learning_rates is None or len(case.learning_rates) == case.steps
        for values in (flat(case.parameters), gradients_of(case)):
            assert np.all(np.isfinite(values))
            assert np.array_equal(representable(values, form), values)


def test_learning_rates_are_float32_numbers() -> None:
    rates = [rate for case in adam_cases("float32") for rate in _rates(case)]
    assert rates
    assert all(rate > 0 and float(np.float32(rate)) == rate for rate in rates)


def test_until_cuts_gradients_and_rates() -> None:
    case = next(c for c in adam_cases("float32") if c.learning_rates and c.steps > 3)
    head = case.until(2)
    assert head.steps == 2
    assert head.learning_rates == case.learning_rates[:2]  # type: ignore[index]


# Every sign, every exponent from below the subnormals to above the largest, and exact ties.
def awkward(dtype: str) -> Any:
    form = FORMATS[dtype]
    rng = np.random.default_rng(5)
    exponents = rng.uniform(
        form.minimum_exponent - form.bits - 3, form.maximum_exponent + 2, 20_000
    )
    with np.errstate(over="ignore"):
        spread = rng.choice([-1.0, 1.0], exponents.shape) * np.exp2(exponents.clip(-1074, 1023.9))
    unit = form.smallest_subnormal
    ties = np.array([0.5, 1.5, 2.5, 3.5, 0.75, 1.0]) * unit if unit > 5e-324 else np.array([unit])
    one = 2.0 ** (1 - form.bits)
    halves = 1.0 + one * np.array([0.5, 1.5, 2.5, -0.25, -0.75]) if form.bits < 52 else [1.0]
    edges = np.array([0.0, -0.0, form.smallest_normal, form.largest, -form.largest])
    return np.concatenate([spread, ties, -ties, halves, edges])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_representable_rounds_as_numpy_does(dtype: str) -> None:
    form, values = FORMATS[dtype], awkward(dtype)
    with np.errstate(over="ignore", under="ignore"):
        cast = values.astype(dtype).astype(np.float64)
    expected = np.clip(cast, -form.largest, form.largest)
    found = representable(values, form)
    assert np.array_equal(found, expected)
    assert np.array_equal(np.signbit(found), np.signbit(expected))


def test_representable_rounds_as_torch_does() -> None:
    torch = pytest.importorskip("torch", reason="bfloat16 is compared with torch's")
    form = FORMATS["bfloat16"]
    # Through float32, as torch does; values that float32 holds are rounded once.
    with np.errstate(over="ignore"):
        values = awkward("bfloat16").astype(np.float32).astype(np.float64)
    values = values[np.isfinite(values)]
    cast = torch.tensor(values).to(torch.bfloat16).double().numpy()
    expected = np.clip(cast, -form.largest, form.largest)
    assert np.array_equal(representable(values, form), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_formats_are_numpys(dtype: str) -> None:
    form, info = FORMATS[dtype], np.finfo(dtype)
    assert form.largest == float(info.max)
    assert form.smallest_normal == float(info.smallest_normal)
    assert form.smallest_subnormal == float(info.smallest_subnormal)
    assert form.bits == info.nmant + 1


def all_domains() -> dict[str, Domain]:
    found = {}
    for method in METHODS.values():
        for dialect in method.dialects:
            found |= {f"{method.id}.{n}": d for n, d in method.domains(dialect).items()}
    for schedule in SCHEDULES.values():
        found |= {f"{schedule.id}.{n}": d for n, d in schedule.hyperparameters.items()}
    for clipping in CLIPPINGS.values():
        for dialect in clipping.dialects:
            found |= {f"{clipping.id}.{n}": d for n, d in clipping.domains(dialect).items()}
    return found


@pytest.mark.parametrize("name", all_domains())
def test_drawn_hyperparameters_lie_in_their_domain(name: str) -> None:
    domain = all_domains()[name]
    values = drawn(hyperparameter(domain), 100, 1)
    assert all(value in domain for value in values)
    assert set(domain.typical) <= set(values)
    if domain.low != domain.high:
        assert len(set(values)) > 20


@pytest.mark.parametrize(
    "name", [name for name, domain in all_domains().items() if str(domain) == "[0, 1)"]
)
def test_both_ends_of_an_interval_are_drawn(name: str) -> None:
    values = drawn(hyperparameter(all_domains()[name]), 100, 2)
    assert 0.0 in values
    assert max(values) >= 1.0 - 2.0**-10


def test_limits_of_a_library_are_respected() -> None:
    domains = METHODS["momentum"].domains("dampened")
    claim = Claim(
        "momentum", "dampened", limits=lambda h: None if h["momentum"] > 0 else "needs momentum"
    )
    drawn_values = drawn(hyperparameters(domains, claim), 60, 1)
    assert all(h["momentum"] > 0 for h in drawn_values)
    assert all(set(h) == set(domains) for h in drawn_values)


def test_fixed_hyperparameters_stay_fixed() -> None:
    domains = METHODS["adam"].domains("epsilon-hat")
    claim = Claim("adam", "epsilon-hat")
    assert {
        h["epsilon"] for h in drawn(hyperparameters(domains, claim, {"epsilon": 0.25}), 30, 1)
    } == {0.25}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_finite_and_not_zero(pattern: str) -> None:
    for steps in (1, 3, 20):
        rows = gradient_sequence((0, [(pattern, -1.0, 1.0)]), steps, 1e-3, FORMATS["float32"])
        assert rows.shape == (steps, 1)
        assert np.all(np.isfinite(rows))
    assert np.any(rows)


def test_gradients_without_noise_repeat() -> None:
    plain = Gradients(("constant",), noise=False)
    for value in drawn(plain.strategy(3), 30, 1):
        rows = gradient_sequence(value, 5, 1e-3, FORMATS["float32"])
        assert rows.shape == (5, 3)
        assert np.all(rows == rows[0])


def test_split_undoes_flat() -> None:
    layout = ((3,), (2, 2), (), (0,))
    arrays = split(np.arange(8.0), layout)
    assert [array.shape for array in arrays] == list(layout)
    assert np.array_equal(flat(arrays), np.arange(8.0))
