"""The registry: complete entries, no duplicates, refusals in one line, and noticed calls."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator, Mapping

import latex2mathml.converter
import numpy as np
import pytest
from drawn_cases import JOINED, PAIRS, in_order, told, usual
from exact_numbers import EXACT

from optcheck.reference import (
    CLIPPINGS,
    EQUATIONS,
    FORMATS,
    METHODS,
    MODIFIERS,
    PROCEDURES,
    SCHEDULES,
    Domain,
    DomainError,
    Method,
    Procedure,
    check_hyperparameters,
    equation,
    method,
    statement,
    watch_calls,
)
from optcheck.reference import domains as make
from optcheck.reference.oracle import UpdateOracle, clipped, schedule_rates
from optcheck.reference.procedures import procedure
from optcheck.reference.registry import modifier

# A place in a text or in a library's documentation; a paper may be named as a whole.
SOURCE = re.compile(
    r"(bishop|goodfellow|prince|slides|trofimov|nocedal-wright|optax|optimistix|scipy|torch)\b.*:.+"
    r"|(Cauchy-Schwarz|cohen|dozat|graves|igel-huesken|johnson-zhang|keskar-socher|kingma-ba|liu"
    r"|loshchilov-hutter|polyak|reddi|zaheer)(:.+)?"
)


def typical(domains: Mapping[str, Domain]) -> dict[str, float]:
    return {name: domain.typical[0] for name, domain in domains.items()}


# Equations.


@pytest.mark.parametrize("identifier", EQUATIONS)
def test_an_equation_has_title_formula_and_sources(identifier: str) -> None:
    entry = EQUATIONS[identifier]
    assert entry.id == identifier
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", identifier)
    assert entry.title == entry.title.strip() != ""
    assert entry.sources
    assert all(SOURCE.fullmatch(source) for source in entry.sources), entry.sources
    assert entry.erratum is None or entry.erratum.strip()
    markup = latex2mathml.converter.convert(entry.formula)
    assert markup.startswith("<math")
    # What the converter does not know it leaves as a command.
    assert "\\" not in markup


def claimed() -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in MODIFIERS.values():
        yield each.id, each.equations
    for record in (*METHODS.values(), *PROCEDURES.values()):
        for name, dialect in record.dialects.items():
            yield f"{record.id}/{name}", dialect.equations
    for record in (*SCHEDULES.values(), *CLIPPINGS.values()):
        yield record.id, record.equations


@pytest.mark.parametrize(("owner", "equations"), list(claimed()), ids=[n for n, _ in claimed()])
def test_the_equations_of_a_record_exist(owner: str, equations: tuple[str, ...]) -> None:
    assert equations
    assert len(set(equations)) == len(equations)
    assert set(equations) <= set(EQUATIONS)


@pytest.mark.parametrize(("method_id", "dialect"), PAIRS)
def test_a_dialect_says_what_it_is(method_id: str, dialect: str) -> None:
    record = METHODS[method_id]
    assert record.id == method_id
    assert record.dialect(dialect).summary
    assert set(record.extra) <= set(record.dialects)
    assert set(record.dialect(dialect).signals) <= {"loss", "snapshot_gradient", "full_gradient"}
    assert SOURCE.fullmatch(record.source)
    assert record.title
    assert record.family


@pytest.mark.parametrize("record", PROCEDURES.values(), ids=lambda record: record.id)
def test_a_procedure_says_what_it_is(record: Procedure) -> None:
    assert all(form.summary for form in record.dialects.values())
    assert set(record.extra) <= set(record.dialects)
    assert SOURCE.fullmatch(record.source)
    assert record.title
    own = {"minimizer", "line-search", "interpolation", "curriculum", "pretraining"}
    assert (record.family == "minimizers") == (record.capability in own)


def test_ids_are_taken_once() -> None:
    taken = next(iter(EQUATIONS))
    before = dict(EQUATIONS)
    entry = {"title": "t", "formula": "x", "sources": ("bishop:1",)}
    with pytest.raises(ValueError, match=f"equation '{taken}' is registered twice"):
        statement(taken, **entry)
    with pytest.raises(ValueError, match=f"equation '{taken}' is registered twice"):
        equation(taken, **entry)(lambda x: x)
    assert before == EQUATIONS
    with pytest.raises(ValueError, match="method 'adam' is registered twice"):
        method(METHODS["adam"])
    with pytest.raises(ValueError, match="modifier 'coupled' is registered twice"):
        modifier(MODIFIERS["coupled"])
    with pytest.raises(ValueError, match="procedure 'steepest-descent' is registered twice"):
        procedure(PROCEDURES["steepest-descent"])


@pytest.mark.parametrize(
    "record",
    [*METHODS.values(), *SCHEDULES.values(), *CLIPPINGS.values(), *PROCEDURES.values()],
)
def test_usual_values_lie_in_their_domain(record: Method) -> None:
    domains = dict(record.hyperparameters)
    for extra in getattr(record, "extra", {}).values():
        domains.update(extra)
    for each in MODIFIERS.values():
        domains.update(each.hyperparameters)
    for name, domain in domains.items():
        assert domain.typical, name
        assert all(value in domain for value in domain.typical), name


# Domains.


@pytest.mark.parametrize(
    ("domain", "text", "inside", "outside"),
    [
        (make.positive(1.0), "(0, inf)", (5e-324, 1, 1e308), (0.0, -1.0, math.inf, math.nan)),
        (make.non_negative(1.0), "[0, inf)", (0.0, -0.0, 3), (-5e-324, math.inf, math.nan)),
        (make.unit_interval(0.5), "[0, 1)", (0.0, 0, 1 - 2**-53), (1.0, 1, -1e-9)),
        (make.open_unit_interval(0.5), "(0, 1]", (1.0, 1, 1e-300), (0.0, 1 + 2**-52)),
        (make.open_interval(0.5), "(0, 1)", (5e-324, 1 - 2**-53), (0.0, 1.0, 0, 1)),
        (make.above(1.0, 1.2), "(1, inf)", (1 + 2**-52, 1e300), (1.0, 1, 0.5, math.inf)),
        (make.at_least(4.0, 5.0), "[4, inf)", (4.0, 4, 1e300), (4 - 2**-50, math.inf)),
        (make.negative(-1.0), "(-inf, 0)", (-5e-324, -7), (0.0, -math.inf, 1.0)),
        (make.count(1), "the integers in [1, inf)", (1, 1.0, 10**9), (0, 1.5, -1, math.inf)),
        (make.constant(1e-6), "[1e-06, 1e-06]", (1e-6,), (0.0, 1.1e-6)),
    ],
)
def test_domains(
    domain: Domain, text: str, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    assert str(domain) == text
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)
    assert not any(value in domain for value in (True, None, "0.5", 0.5 + 0j))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"decay": 0.5, "rate": 0.1},
            "thing has no hyper-parameter 'rate'; it has decay (book:1)",
        ),
        ({}, "thing needs decay in [0, 1) (book:1)"),
        ({"decay": 1.0}, "decay=1.0 is outside [0, 1) (thing; book:1)"),
        ({"decay": math.nan}, "decay=nan is outside [0, 1) (thing; book:1)"),
        ({"decay": True}, "decay=True is outside [0, 1) (thing; book:1)"),
    ],
)
def test_refusals_name_value_domain_and_source(values: dict[str, float], message: str) -> None:
    with pytest.raises(DomainError) as caught:
        check_hyperparameters("thing", "book:1", {"decay": make.unit_interval(0.9)}, values)
    assert str(caught.value) == message


# Calls of the reference.


@pytest.mark.parametrize(("method_id", "dialect"), [*PAIRS, *JOINED])
def test_a_call_of_a_dialect_is_noticed(method_id: str, dialect: str) -> None:
    """In two updates, since accumulation does not compute anything in the first."""
    record = METHODS[method_id]
    h = in_order(usual(record, dialect))
    array, state = np.ones(2), None
    signals = told(record, dialect, np.random.default_rng(0), (2,))
    with watch_calls() as calls:
        for _ in range(2):
            _, state = record.step(dialect, array, array, state, signals, **h)
    assert set(calls) <= set(EQUATIONS)
    assert calls
    with watch_calls() as calls:
        oracle = UpdateOracle(record, dialect, h, EXACT)
        position = oracle.start(array)
        for _ in range(2):
            position = oracle.advance(position, array, signals=signals)
    assert calls


@pytest.mark.parametrize("name", MODIFIERS)
def test_a_call_of_a_modifier_is_noticed(name: str) -> None:
    record = METHODS["gradient-descent"]
    h = usual(record, f"plain+{name}")
    with watch_calls() as calls:
        record.step(f"plain+{name}", np.ones(2), np.ones(2), **h)
    assert {*MODIFIERS[name].equations, "gradient-descent-update"} == set(calls)


@pytest.mark.parametrize(
    ("schedule", "dialect"),
    [(record.id, dialect) for record in SCHEDULES.values() for dialect in record.dialects],
)
def test_a_call_of_a_schedule_is_noticed(schedule: str, dialect: str) -> None:
    record = SCHEDULES[schedule]
    with watch_calls() as calls:
        schedule_rates(record, dialect, typical(record.hyperparameters), 2, EXACT)
    assert set(record.equations) <= set(calls)


@pytest.mark.parametrize(
    ("clipping", "dialect"),
    [(record.id, dialect) for record in CLIPPINGS.values() for dialect in record.dialects],
)
def test_a_call_of_a_clipping_rule_is_noticed(clipping: str, dialect: str) -> None:
    record = CLIPPINGS[clipping]
    with watch_calls() as calls:
        clipped(record, dialect, typical(record.domains(dialect)), [np.ones(2)], EXACT)
    assert calls
    assert set(calls) <= set(record.equations)


def test_calls_outside_the_block_are_not_noticed() -> None:
    descend = EQUATIONS["gradient-descent-update"].function
    assert descend is not None
    descend(1.0, 1.0, 0.1)
    with watch_calls() as calls:
        pass
    descend(1.0, 1.0, 0.1)
    assert calls == []
    with pytest.raises(TypeError), watch_calls() as calls:
        descend(1.0, None, 0.1)
    descend(1.0, 1.0, 0.1)
    assert calls == ["gradient-descent-update"]


def test_blocks_nest() -> None:
    descend = EQUATIONS["gradient-descent-update"].function
    assert descend is not None
    with watch_calls() as outer:
        with watch_calls() as inner:
            descend(1.0, 1.0, 0.1)
        descend(1.0, 1.0, 0.1)
    assert inner == ["gradient-descent-update"]
    # What a block inside notices happened inside the outer one too.
    assert outer == ["gradient-descent-update"] * 2


def test_a_call_from_another_thread_is_noticed() -> None:
    descend = EQUATIONS["gradient-descent-update"].function
    assert descend is not None
    with watch_calls() as calls:
        thread = threading.Thread(target=descend, args=(1.0, 1.0, 0.1))
        thread.start()
        thread.join()
    assert calls == ["gradient-descent-update"]


def test_a_watched_function_keeps_its_name_and_documentation() -> None:
    function = EQUATIONS["adam-bias-correction"].function
    assert function is not None
    assert function.__name__ == "bias_correction"
    assert function.__doc__
    assert function(0.5, 2) == 0.75


# Formats.


@pytest.mark.parametrize(
    ("name", "kind"),
    [("float16", np.float16), ("float32", np.float32), ("float64", np.float64)],
)
def test_formats_are_numpys(name: str, kind: type) -> None:
    form, info = FORMATS[name], np.finfo(kind)
    assert form.name == name
    assert form.bits == info.nmant + 1
    assert form.smallest_normal == float(info.smallest_normal)
    assert form.smallest_subnormal == float(info.smallest_subnormal)
    assert form.largest == float(info.max)


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    form, wide = FORMATS["bfloat16"], FORMATS["float32"]
    assert form.bits == wide.bits - 16
    assert form.smallest_normal == wide.smallest_normal
    bits = np.array([0x7F7F0000, 0x00010000], dtype=np.uint32).view(np.float32)
    assert [form.largest, form.smallest_subnormal] == bits.tolist()
