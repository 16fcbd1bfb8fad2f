"""Update rules of optax: a transformation, the state that it carries, and the step."""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optcheck.backends.interface import Case, Claim, Hyperparameters
from optcheck.backends.jax.expressions import arrays, assignments, evaluate, heading, x64
from optcheck.backends.jax.table import (
    COMPILATION,
    COMPLEX,
    DTYPES,
    EVALUATION,
    ROWS,
    Row,
    option_sets,
    scalar_bits,
    state_names,
    wrapped,
)
from optcheck.backends.jax.transforms import TRANSFORMS

Update = Callable[[Any, Any, Any], tuple[Any, Any]]


class OptaxRun:
    """One optimization by an optax transformation; functional, so ``step`` rebinds."""

    def __init__(
        self,
        update: Update,
        parameters: Sequence[jax.Array],
        state: Any,
        names: Mapping[str, str],
    ) -> None:
        self._update = update
        self._parameters = list(parameters)
        self._state = state
        self._names = names
        self._dtype = str(parameters[0].dtype)
        self._places: dict[str, list[tuple[Any, ...]]] = {}

    def step(self, gradients: Sequence[jax.Array], **signals: Any) -> None:
        with x64(self._dtype):
            self._parameters, self._state = self._update(
                list(gradients), self._state, self._parameters
            )

    def parameters(self) -> Sequence[jax.Array]:
        return self._parameters

    def evaluation_point(self) -> Sequence[jax.Array]:
        return self._parameters

    def state(self) -> Mapping[str, Sequence[jax.Array]]:
        found = ((ours, self._find(theirs)) for theirs, ours in self._names.items())
        return {ours: _together(each) for ours, each in found if each}

    def _find(self, name: str) -> list[Any]:
        """All that optax calls ``name``: one for each group of parameters."""
        # A search of the whole state takes as long as a step; the places stay the same.
        if name not in self._places:
            found = optax.tree_utils.tree_get_all_with_path(self._state, name)
            self._places[name] = [path for path, _ in found]
        return [functools.reduce(_entry, path, self._state) for path in self._places[name]]

    def count(self) -> int | None:
        # With accumulation the counts are those of the updates, and not of the steps.
        counts = [] if self._find("mini_step") else self._find("count")
        return int(counts[0]) if counts else None

    def set_count(self, count: int) -> None:
        # optax.tree.set leaves out the counts below a state that has a count itself.
        def counted(path: tuple[Any, ...], leaf: Any) -> Any:
            return np.int32(count) if getattr(path[-1], "name", "") == "count" else leaf

        self._state = jax.tree_util.tree_map_with_path(counted, self._state)

    def save(self) -> bytes:
        return pickle.dumps(jax.tree.map(np.array, self._state))


def _entry(tree: Any, key: Any) -> Any:
    """What ``key``, a part of a path, stands for in ``tree``."""
    if isinstance(key, jax.tree_util.SequenceKey):
        return tree[key.idx]
    if isinstance(key, jax.tree_util.DictKey):
        return tree[key.key]
    return getattr(tree, key.name)


def _together(groups: Sequence[Sequence[Any]]) -> list[jax.Array]:
    """The state of all parameters, each from the group that has it."""
    return [
        next(array for array in each if not isinstance(array, optax.MaskedNode))
        for each in zip(*groups, strict=True)
    ]


def _transformation(
    expression: str,
    hyperparameters: Hyperparameters,
    learning_rates: Sequence[float] | None,
    dtype: str,
) -> Any:
    names: dict[str, Any] = {**hyperparameters, "dtype": dtype}
    if learning_rates is not None:
        table = jnp.asarray(learning_rates)
        names["learning_rate"] = lambda count: table[count]
    return evaluate(expression, names)


def _update(transformation: Any, options: Mapping[str, Any]) -> Update:
    def update(gradients: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        updates, state = transformation.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    if not options["jit"]:
        return update
    jitted: Update = jax.jit(update, donate_argnums=(1, 2) if options.get("donate") else ())
    return jitted


@functools.lru_cache(maxsize=128)
def _prepared(
    expression: str,
    hyperparameters: tuple[tuple[str, float], ...],
    learning_rates: tuple[float, ...] | None,
    options: tuple[tuple[str, Any], ...],
    dtype: str,
) -> tuple[Any, Update]:
    """Cached, so that a second run with the same settings does not compile again."""
    transformation = _transformation(expression, dict(hyperparameters), learning_rates, dtype)
    return transformation, _update(transformation, dict(options))


def _rates_of_updates(
    learning_rates: Sequence[float] | None, hyperparameters: Hyperparameters
) -> tuple[float, ...] | None:
    """The rates that a schedule is asked for: with accumulation it counts updates, not steps."""
    if learning_rates is None:
        return None
    every = int(hyperparameters.get("accumulation_steps", 1))
    return tuple(learning_rates[every - 1 :: every]) or (learning_rates[-1],)


@dataclass(frozen=True)
class OptaxRule:
    """An optax expression in one option set."""

    claim: Claim
    row: Row

    @property
    def implementation(self) -> str:
        """The optax expression."""
        return wrapped(self.row.expression, self.claim.options)

    def call(self, hyperparameters: Hyperparameters) -> str:
        names = "|".join(hyperparameters)
        # A keyword keeps its name; only what is given to it becomes a number.
        return re.sub(
            rf"\b({names})\b(?!=)",
            lambda match: repr(hyperparameters[match[0]]),
            self._expression(hyperparameters),
        )

    def _expression(self, given: Iterable[str]) -> str:
        """The expression in the hyper-parameters that are given."""
        left_out = set(self.row.defaults) - set(given)
        if not left_out:
            return wrapped(self.row.expression, self.claim.options)
        if self.row.short is None or left_out != set(self.row.defaults):
            raise TypeError(f"leave out all of {', '.join(self.row.defaults)} or none")
        return wrapped(self.row.short, self.claim.options)

    def _prepared(
        self,
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None,
        dtype: str,
    ) -> tuple[Any, Update]:
        return _prepared(
            self._expression(hyperparameters),
            tuple(hyperparameters.items()),
            _rates_of_updates(learning_rates, hyperparameters),
            tuple(self.claim.options.items()),
            dtype,
        )

    def start(
        self,
        parameters: Sequence[jax.Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> OptaxRun:
        dtype = str(parameters[0].dtype)
        with x64(dtype):
            transformation, update = self._prepared(hyperparameters, learning_rates, dtype)
            state = transformation.init(list(parameters))
        return OptaxRun(update, parameters, state, state_names(self.row))

    def resume(
        self, saved: bytes, parameters: Sequence[jax.Array], hyperparameters: Hyperparameters
    ) -> OptaxRun:
        dtype = str(parameters[0].dtype)
        with x64(dtype):
            _, update = self._prepared(hyperparameters, None, dtype)
            state = jax.tree.map(jnp.asarray, pickle.loads(saved))
        return OptaxRun(update, parameters, state, state_names(self.row))

    def start_groups(
        self, groups: Sequence[tuple[Sequence[jax.Array], Hyperparameters]]
    ) -> OptaxRun:
        parameters = [array for arrays, _ in groups for array in arrays]
        labels = [index for index, (arrays, _) in enumerate(groups) for _ in arrays]
        dtype = str(parameters[0].dtype)
        with x64(dtype):
            transformation = optax.multi_transform(
                {
                    index: _transformation(self._expression(h), h, None, dtype)
                    for index, (_, h) in enumerate(groups)
                },
                labels,
            )
            state = transformation.init(parameters)
        update = _update(transformation, self.claim.options)
        return OptaxRun(update, parameters, state, state_names(self.row))

    def script(self, case: Case, quantity: str) -> str:
        gradients = "".join(f"    {arrays(each)},\n" for each in case.gradients)
        return f"""{heading(case.dtype)}{assignments(case.hyperparameters)}{self._schedule(case)}\
parameters = {arrays(case.parameters)}
gradients = [
{gradients}]
optimizer = {self._expression(case.hyperparameters)}
state = optimizer.init(parameters)


def update(gradient, state, parameters):
    updates, state = optimizer.update(gradient, state, parameters)
    return optax.apply_updates(parameters, updates), state

{self._jitted()}
for gradient in gradients:
    parameters, state = update(gradient, state, parameters)
computed = [float(x) for array in {self._shown(quantity)} for x in np.ravel(array)]
"""

    def _schedule(self, case: Case) -> str:
        rates = _rates_of_updates(case.learning_rates, case.hyperparameters)
        if rates is None:
            return ""
        return f"""learning_rates = jnp.asarray({list(rates)!r})
learning_rate = lambda count: learning_rates[count]
"""

    def _jitted(self) -> str:
        if not self.claim.options["jit"]:
            return ""
        donated = ", donate_argnums=(1, 2)" if self.claim.options.get("donate") else ""
        return f"\nupdate = jax.jit(update{donated})"

    def _shown(self, quantity: str) -> str:
        if quantity == "parameter":
            return "parameters"
        theirs = [name for name, ours in state_names(self.row).items() if ours == quantity]
        return f"[a for k in {theirs!r} for a in optax.tree.get(state, k) or []]"


def update_rules(*, flushes_subnormals: bool) -> list[OptaxRule]:
    """All rules, one for each option set."""
    return [
        OptaxRule(
            Claim(
                row.method,
                row.dialect,
                options,
                DTYPES,
                scalar_bits(row, options),
                flushes_subnormals=flushes_subnormals,
                evaluation=EVALUATION.get(row.method, frozenset()),
                compilation=COMPILATION[bool(options["jit"])],
                defaults=row.defaults or None,
                complex_numbers=COMPLEX.get(row.method),
            ),
            row,
        )
        for row in (*ROWS, *TRANSFORMS)
        for options in option_sets(row)
    ]
