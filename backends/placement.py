"""Rules on a device: the arrays that they make themselves are made there."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

Rule = TypeVar("Rule")
Place = Callable[[], AbstractContextManager[Any]]


def placed(rule: Rule, place: Place, heading: str) -> Rule:
    """A copy of ``rule`` whose methods run inside ``place()``, as do those of what it starts.

    ``heading`` are the lines with which a script does the same.
    """
    moved = copy.copy(rule)
    for name in dir(type(rule)):
        if name[0] != "_" and inspect.isfunction(inspect.getattr_static(type(rule), name)):
            method = getattr(rule, name)
            wrap = (
                _headed(method, heading) if name == "script" else _within(method, place, heading)
            )
            # Past the class: some rules are frozen.
            object.__setattr__(moved, name, wrap)
    return moved


def _headed(script: Callable[..., str], heading: str) -> Callable[..., str]:
    @functools.wraps(script)
    def headed(*arguments: Any, **keywords: Any) -> str:
        return f"{heading}\n{script(*arguments, **keywords)}"

    return headed


def _within(method: Callable[..., Any], place: Place, heading: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def inside(*arguments: Any, **keywords: Any) -> Any:
        with place():
            result = method(*arguments, **keywords)
        return placed(result, place, heading) if method.__name__ == "start" else result

    return inside
