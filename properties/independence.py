"""Whether an implementation is made of the reference that it is judged by.

Read from its code: what its functions name, and what they import when they run, down to the
functions of its own package that they name. Calls are watched as well, where it runs
(:func:`optcheck.reference.watch_calls`). Neither sees a name that is put together at run time, a
reference that other packages hand over, nor a copy of its source.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_REFERENCE = "optcheck.reference"


def parts_of_the_reference(rule: Any) -> list[str]:
    """What the implementation ``rule`` names of the reference, sorted."""
    # A plain function is what its rule is made of; other rules are their own code.
    function = getattr(rule, "function", None)
    made_of: Any = function if callable(function) else type(rule)
    return list(_found(made_of))


@functools.lru_cache(maxsize=1024)
def _found(implementation: Any) -> tuple[str, ...]:
    found: set[str] = set()
    package = _package(implementation)
    waiting = list(_functions(implementation))
    seen: set[FunctionType] = set()
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        for name in _names(function.__code__):
            if _is_module(name):
                found.add(name)
        for value in _values(function):
            part = _name_of_part(value)
            if part:
                found.add(part)
            elif _package(value) == package:
                waiting += _functions(value)
    return tuple(sorted(found))


def _functions(thing: Any) -> Iterator[FunctionType]:
    """The functions that ``thing`` is made of: itself, or the methods of a class."""
    thing = inspect.unwrap(thing.func if isinstance(thing, functools.partial) else thing)
    if isinstance(thing, FunctionType):
        yield thing
    elif inspect.isclass(thing):
        for value in vars(thing).values():
            value = value.fget if isinstance(value, property) else value
            value = getattr(value, "__func__", value)
            if isinstance(value, FunctionType):
                yield value
    elif callable(thing) and not isinstance(thing, ModuleType):
        yield from _functions(type(thing))


def _names(code: CodeType) -> Iterator[str]:
    """What code imports or gets by a name, functions inside it included."""
    names = list(code.co_names)
    yield from names
    # `from optcheck import reference` and `optcheck.reference`
    if "optcheck" in names and "reference" in names:
        yield _REFERENCE
    for constant in code.co_consts:
        if isinstance(constant, str) and constant.replace(".", "").isidentifier():
            yield constant
        elif isinstance(constant, CodeType):
            yield from _names(constant)


def _values(function: FunctionType) -> Iterator[Any]:
    """What the names in a function stand for, where that is known before it runs."""
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            continue


def _global_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _name_of_part(value: Any) -> str | None:
    """The name in the reference of a module, function, class, record or table of it."""
    if isinstance(value, ModuleType):
        return value.__name__ if _is_module(value.__name__) else None
    if isinstance(value, dict):
        return _tables().get(id(value))
    kind = value if isinstance(value, FunctionType) or inspect.isclass(value) else type(value)
    if _is_module(getattr(kind, "__module__", None) or ""):
        return f"{kind.__module__}.{kind.__qualname__}"
    return None


@functools.cache
def _tables() -> dict[int, str]:
    """The dictionaries of the reference by what is theirs alone."""
    modules = [module for name, module in sys.modules.items() if _is_module(name)]
    return {
        id(value): f"{_REFERENCE}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, dict) and not name.startswith("__")
    }


def _is_module(name: str) -> bool:
    return name == _REFERENCE or name.startswith(f"{_REFERENCE}.")


def _package(thing: Any) -> str | None:
    """The file or top-level package that a function or class is in."""
    module = getattr(thing, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else None
