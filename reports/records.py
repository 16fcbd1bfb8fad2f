"""The records that a report is made of: verdicts, results, catalogue entries, backends.

All records are keyword-only, frozen dataclasses holding plain JSON values, so that a record read
back from a file equals the record that was written. Constructors coerce what producers hand in
(NumPy scalars and arrays, tuples, non-finite floats) with `plain`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeAlias
from urllib.parse import quote

Scalar: TypeAlias = str | int | float | bool | None


class Verdict(StrEnum):
    """What became of one law on one implementation."""

    PASS = "pass"
    FAIL = "fail"
    KNOWN = "known"
    FIXED = "fixed"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    TIMEOUT = "timeout"
    CRASH = "crash"

    @property
    def ran(self) -> bool:
        """Whether the law was really evaluated."""
        return self in (Verdict.PASS, Verdict.FAIL, Verdict.KNOWN, Verdict.FIXED)

    @property
    def conforms(self) -> bool:
        """Whether a run may exit 0 with this verdict in it."""
        return self in (Verdict.PASS, Verdict.KNOWN, Verdict.UNSUPPORTED)


def plain(value: Any) -> Any:
    """The strict-JSON value closest to `value`.

    Non-finite floats become "inf", "-inf" or "nan"; tuples and sets become lists; arrays and
    array scalars go through their `tolist()`; keys and anything unknown become strings.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [plain(item) for item in sorted(value, key=repr)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


def _encode(text: str) -> str:
    return quote(text, safe=":+", errors="surrogatepass")


def _encode_option(value: Scalar) -> str:
    """JSON, but strings bare, except those that would then read as another JSON value."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            return _encode(value)
    return _encode(json.dumps(value))


class Record:
    """What all records share: the way to JSON and back."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """A dict of strict-JSON values that satisfies the schema."""
        return {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, for a document that satisfies the schema."""
        return cls(**document)

    def _coerce(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class Result(Record):
    """One law on one implementation, dtype and device.

    `seconds` is wall-clock time. `worst_ratio` is the largest |computed - exact| / allowed seen
    (dimensionless; above 1 breaks the law); None when the law has no such ratio. It may be inf or
    nan; JSON has neither, so they are written as the strings "inf" and "nan".
    Raises ValueError for negative or non-finite counts, times and ratios.
    """

    law: str
    equations: tuple[str, ...] = ()
    backend: str
    method: str
    dialect: str = ""
    options: dict[str, Scalar] = field(default_factory=dict)
    dtype: str
    device: str = "cpu"
    verdict: Verdict
    examples: int = 0
    worst_ratio: float | None = None
    seconds: float = 0.0
    message: str = ""
    counterexample: dict[str, Any] | None = None
    reproduce: str | None = None

    def __post_init__(self) -> None:
        ratio = None if self.worst_ratio is None else float(self.worst_ratio)
        if ratio is not None and math.isnan(ratio):
            ratio = math.nan  # one object, so that equal records compare equal
        self._coerce(
            equations=tuple(self.equations),
            options=plain(self.options),
            verdict=Verdict(self.verdict),
            examples=int(self.examples),
            worst_ratio=ratio,
            seconds=float(self.seconds),
            counterexample=plain(self.counterexample),
        )
        if self.examples < 0 or (ratio is not None and ratio < 0):
            raise ValueError(f"{self.law}: examples and worst_ratio must not be negative")
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"{self.law}: seconds must be finite and not negative")
        if any(isinstance(value, (dict, list)) for value in self.options.values()):
            raise ValueError(f"{self.law}: option values must be JSON scalars")

    @property
    def key(self) -> str:
        """The id `law/backend/method/dialect/k=v,k=v/dtype/device`, stable between runs."""
        options = ",".join(
            f"{_encode(name)}={_encode_option(value)}"
            for name, value in sorted(self.options.items())
        )
        head = (self.law, self.backend, self.method, self.dialect)
        return "/".join([*map(_encode, head), options, _encode(self.dtype), _encode(self.device)])

    @property
    def implementation(self) -> tuple[str, str, str]:
        """(method, dialect, options as JSON): what `Backend.implementations` counts."""
        return self.method, self.dialect, json.dumps(self.options, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class EquationEntry(Record):
    """One equation of the catalogue; `formula` is LaTeX, `erratum` what a source misprints."""

    id: str
    title: str
    formula: str = ""
    sources: tuple[str, ...] = ()
    erratum: str | None = None

    def __post_init__(self) -> None:
        self._coerce(sources=tuple(self.sources))


@dataclass(frozen=True, kw_only=True)
class LawEntry(Record):
    """One law; reports group laws by `oracle`, one word: exact, rate or statistic."""

    id: str
    title: str
    statement: str = ""
    oracle: str = ""
    equations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._coerce(equations=tuple(self.equations))


@dataclass(frozen=True, kw_only=True)
class Backend(Record):
    """One adapter as it took part in a run.

    `implementations` counts the distinct (method, dialect, option set) that it declares for this
    run, `methods` names their methods; `environment` holds versions, threads, x64, TF32 and so on.
    """

    name: str
    library: str = ""
    version: str = ""
    device: str = "cpu"
    implementations: int = 0
    methods: tuple[str, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._coerce(
            implementations=int(self.implementations),
            methods=tuple(self.methods),
            environment=plain(self.environment),
        )
        if self.implementations < 0:
            raise ValueError(f"{self.name}: implementations must not be negative")


@dataclass(frozen=True, kw_only=True)
class Figure(Record):
    """What was measured on the backends, over what theory says.

    `law` judges the same thing. A panel is a dict of `title`, `lines` and `map`; a line one of
    `label`, `role` (measured, theory or bound), `x` and `y`; a map, if there is one, has factors
    per step `values` for rows `y` and columns `x`.
    """

    id: str
    title: str
    caption: str
    law: str
    x_label: str
    y_label: str
    x_scale: str = "linear"
    y_scale: str = "linear"
    panels: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        self._coerce(panels=tuple(plain(panel) for panel in self.panels))
