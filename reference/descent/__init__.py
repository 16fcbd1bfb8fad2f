"""What theory promises of descent with momentum or without; each module registers its own."""

from __future__ import annotations

from optcheck.reference.descent import adam as _adam
from optcheck.reference.descent import convergence as _convergence
from optcheck.reference.descent import gradient_descent as _gradient_descent
from optcheck.reference.descent import momentum as _momentum
from optcheck.reference.descent import nesterov as _nesterov
from optcheck.reference.descent import recurrences as _recurrences
from optcheck.reference.descent import searches as _searches

del _adam, _convergence, _gradient_descent, _momentum, _nesterov, _recurrences, _searches
