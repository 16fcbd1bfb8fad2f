"""Laws of normalisation of data and of activations; each module registers its own."""

from __future__ import annotations

from optcheck.properties.normalization import conditioning as _conditioning
from optcheck.properties.normalization import edges as _edges
from optcheck.properties.normalization import gradients as _gradients
from optcheck.properties.normalization import inference as _inference
from optcheck.properties.normalization import noise as _noise
from optcheck.properties.normalization import transforms as _transforms

del _conditioning, _edges, _gradients, _inference, _noise, _transforms
