"""junit.xml: a test suite per backend and a test case per result."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from . import view
from .model import Report, Result, Verdict

COVERAGE = "coverage"
_ELEMENTS = {
    Verdict.FAIL: "failure",
    Verdict.FIXED: "failure",
    Verdict.ERROR: "error",
    Verdict.TIMEOUT: "error",
    Verdict.CRASH: "error",
    Verdict.UNSUPPORTED: "skipped",
}


def render_junit(report: Report) -> str:
    """The report as JUnit XML.

    fail and fixed are failures; error, timeout and crash are errors; unsupported is skipped with
    its reason; known passes with a line of output. A further suite, "coverage", has one failure
    for each gap in what was checked, so that a vacuous run is red here as well.
    """
    root = Element("testsuites", name="optcheck")
    suites = {name: _suite(root, name, report.created) for name in report.summary}
    for result in report.results:
        _case(suites[result.backend], result)
    gaps = report.vacuous()
    if gaps:
        coverage = _suite(root, COVERAGE, report.created)
        for line in gaps:
            case = SubElement(coverage, "testcase", classname=COVERAGE, name=view.printable(line))
            case.set("time", "0")
            SubElement(case, "failure", message=view.printable(line), type="vacuous")
    for element in (root, *root):
        _count(element)
    ElementTree.indent(root, " ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(root: Element, name: str, created: str) -> Element:
    timestamp = created.removesuffix("Z").removesuffix("+00:00")
    return SubElement(root, "testsuite", name=view.printable(name), timestamp=timestamp)


def _case(suite: Element, result: Result) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=view.printable(f"{result.backend}.{result.law}"),
        name=view.printable(view.describe(result)),
        time=f"{result.seconds:.3f}",
    )
    message = view.printable(result.message)
    tag = _ELEMENTS.get(result.verdict)
    if tag is not None:
        first = message.strip().split("\n")[0] or f"{result.verdict}: no reason given"
        outcome = SubElement(case, tag, message=first, type=result.verdict.value)
        outcome.text = message
    elif result.verdict is Verdict.KNOWN:
        SubElement(case, "system-out").text = f"known deviation: {message}"
    if result.reproduce is not None and tag in ("failure", "error"):
        SubElement(case, "system-out").text = view.printable(result.reproduce)


def _count(element: Element) -> None:
    counts = Counter(node.tag for node in element.iter())
    seconds = sum(float(case.get("time", 0)) for case in element.iter("testcase"))
    element.set("tests", str(counts["testcase"]))
    element.set("failures", str(counts["failure"]))
    element.set("errors", str(counts["error"]))
    element.set("skipped", str(counts["skipped"]))
    element.set("time", f"{seconds:.3f}")
