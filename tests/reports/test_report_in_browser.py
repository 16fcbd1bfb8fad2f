"""The report in a real browser: it opens offline, and a link opens the cell that it names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from optcheck.reports import Report, write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

# No network at all: the page must not need it, and the browser must not wait for it.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=3000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def dom(page: str, profile: Path) -> str:
    """The document after scripts have run."""
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


@pytest.mark.skipif(
    not BROWSER and not os.environ.get("CI"),
    reason="no Chromium on this machine: install your system's chromium package",
)
def test_the_report_opens_and_a_link_opens_its_cell(report: Report, tmp_path: Path) -> None:
    assert BROWSER, "CI has no Chromium"
    page = write_report(report, tmp_path)["html"].resolve().as_uri()
    plain = dom(page, tmp_path / "profile")
    assert "<h1" in plain
    assert "<math" in plain
    links = re.findall(r'<details[^>]*\bid="([^"]+)"', plain)
    assert links, "cells have anchors"
    assert not re.search(rf'<details[^>]*\bid="{re.escape(links[0])}"[^>]*\bopen', plain)
    opened = dom(f"{page}#{links[0]}", tmp_path / "profile")
    tag = re.search(rf'<details[^>]*\bid="{re.escape(links[0])}"[^>]*>', opened)
    assert tag is not None
    assert re.search(r"\bopen\b", tag[0])
