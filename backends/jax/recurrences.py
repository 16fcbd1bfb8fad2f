"""Recurrent layers, forwards and backwards by jax."""

from __future__ import annotations

from optcheck.backends.layers import RecurrenceRule

RECURRENCES: tuple[RecurrenceRule, ...] = ()
