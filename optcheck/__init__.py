"""optcheck checks optimizers: update rules, schedules and clipping against the textbook."""

from __future__ import annotations

from pathlib import Path

# In a source checkout the sub-packages lie beside this folder, not in it. With the checkout on
# sys.path (`python -m pytest` in its root) this folder shadows the installed package, so look
# for them there too.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "reference" / "registry.py").is_file():
    __path__.append(str(_checkout))
