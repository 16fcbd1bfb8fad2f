"""Laws about gradient descent, momentum and Nesterov; each module registers its own."""

from __future__ import annotations

from optcheck.properties.descent import acceleration as _acceleration
from optcheck.properties.descent import adam as _adam
from optcheck.properties.descent import adaptive_rates as _adaptive_rates
from optcheck.properties.descent import averages as _averages
from optcheck.properties.descent import convergence as _convergence
from optcheck.properties.descent import momentum as _momentum
from optcheck.properties.descent import nesterov as _nesterov
from optcheck.properties.descent import quadratics as _quadratics
from optcheck.properties.descent import regimes as _regimes
from optcheck.properties.descent import searches as _searches
from optcheck.properties.descent import signs as _signs
from optcheck.properties.descent import stability as _stability
from optcheck.properties.descent import steps as _steps

del (
    _acceleration,
    _adam,
    _adaptive_rates,
    _averages,
    _convergence,
    _momentum,
    _nesterov,
    _quadratics,
    _regimes,
    _searches,
    _signs,
    _stability,
    _steps,
)
