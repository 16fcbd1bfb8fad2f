"""``python -m optcheck``."""

from __future__ import annotations

from optcheck.cli import main

main()
