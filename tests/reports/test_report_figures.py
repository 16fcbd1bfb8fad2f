"""Figures: their records, and the SVG that is made of them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from optcheck.reports import Figure, Report, ReportError
from optcheck.reports.figures import to_svg

from .conftest import HOSTILE, build_figure


@pytest.mark.parametrize("text", ["", HOSTILE, "$x^{", "\\frac{1}{", "日本語"])
def test_svg_is_well_formed_and_holds_no_markup_of_others(text: str) -> None:
    svg = to_svg(build_figure(text), ["numpy"])
    clean = "".join(c for c in svg if c.isprintable() or c == "\n")
    root = ElementTree.fromstring(clean)
    assert root.tag.endswith("svg")
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "image", "foreignObject", "a"}


def test_svg_takes_the_colour_of_the_page_and_is_the_same_every_time() -> None:
    svg = to_svg(build_figure(), ["numpy", "torch"])
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert svg == to_svg(build_figure(), ["numpy", "torch"])
    assert "factor per step" in svg


def test_a_backend_looks_the_same_in_all_figures() -> None:
    both = to_svg(build_figure(), ["numpy", "torch"])
    assert both == to_svg(build_figure(), ["numpy", "torch", "jax"])
    assert both != to_svg(build_figure(), ["torch", "numpy"])


def test_logarithmic_axes_have_plain_numbers() -> None:
    figure = Figure(**{**build_figure().to_dict(), "x_scale": "log", "y_scale": "log"})
    svg = to_svg(figure, ["numpy"])
    assert "mathdefault" not in svg
    assert ">0.1<" in svg


def test_figures_survive_json(report: Report) -> None:
    again = Report.from_json(report.to_json())
    assert again.figures == report.figures


def test_a_report_without_figures_is_read(report: Report) -> None:
    document = report.to_dict()
    del document["figures"]
    assert Report.from_json(json.dumps(document)).figures == []


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [("x_scale", "cubic", "x_scale"), ("panels", [], "panels"), ("law", 3, "law")],
)
def test_a_wrong_figure_is_refused(report: Report, field: str, value: object, where: str) -> None:
    document = report.to_dict()
    document["figures"] = [{**build_figure().to_dict(), field: value}]
    with pytest.raises(ReportError, match=where):
        Report.from_json(json.dumps(document))


def test_panels_are_plain() -> None:
    figure = build_figure()
    assert Figure.from_dict(figure.to_dict()) == figure
    assert figure.panels[1]["map"]["values"][2][1] == "inf"
