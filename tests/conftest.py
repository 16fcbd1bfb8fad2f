from __future__ import annotations

from hypothesis import settings

# The tests of optcheck itself decide the same on every machine and in every run.
settings.register_profile("optcheck-tests", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("optcheck-tests")
