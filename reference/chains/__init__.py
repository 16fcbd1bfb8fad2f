"""Long products of Jacobians: recurrent networks, and deep ones; each module registers its own."""

from __future__ import annotations

from optcheck.reference.chains import gradients as _gradients
from optcheck.reference.chains import growth as _growth
from optcheck.reference.chains import recurrences as _recurrences

del _gradients, _growth, _recurrences
