"""Every misprint is refuted by a case, and its correction holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optcheck.properties.errata import NotRefutedError, confirm, refute
from optcheck.reference import EQUATIONS
from optcheck.reference.errata import ERRATA, Erratum

CHECKABLE = [entry for entry in ERRATA.values() if entry.checkable]


@pytest.mark.parametrize("entry", CHECKABLE, ids=lambda entry: entry.id)
def test_the_printed_form_is_refuted_and_the_corrected_one_holds(entry: Erratum) -> None:
    found = refute(entry)
    assert found.printed is not None
    assert str(found)
    assert confirm(entry) > 0


@pytest.mark.parametrize("entry", CHECKABLE, ids=lambda entry: entry.id)
def test_a_right_form_is_not_refuted_and_a_wrong_one_does_not_hold(entry: Erratum) -> None:
    with pytest.raises(NotRefutedError):
        refute(replace(entry, printed=entry.corrected), examples=100)
    with pytest.raises(NotRefutedError):
        confirm(replace(entry, corrected=entry.printed), examples=1000)


@pytest.mark.parametrize("entry", ERRATA.values(), ids=lambda entry: entry.id)
def test_an_erratum_says_what_it_is_about(entry: Erratum) -> None:
    assert entry.as_printed != entry.as_corrected
    assert all(name in EQUATIONS for name in entry.equations)
    assert (entry.status == "transcription-doubtful") <= (entry.doubt is not None)
