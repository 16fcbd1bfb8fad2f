"""LaTeX to MathML that is safe to put into a page."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

# Commands that the converter passes through as text instead of converting.
_LITERAL = {"\\arg": "arg", "\\|": "‖"}
_ELEMENTS = re.compile(
    "math|mrow|mi|mo|mn|mtext|mspace|msup|msub|msubsup|mfrac|msqrt|mroot|mover|munder|munderover"
    "|mmultiscripts|mprescripts|none|mtable|mtr|mtd|mstyle|mpadded|mphantom|menclose"
)
_ATTRIBUTES = re.compile(
    "display|accent|accentunder|stretchy|fence|form|separator|symmetric|largeop|movablelimits"
    "|minsize|maxsize|lspace|rspace|width|height|depth|linethickness|linebreak|mathvariant"
    "|columnalign|columnspacing|rowspacing|columnlines|rowlines|displaystyle|scriptlevel|notation"
)
_ALIGNED = re.compile(r"\\(begin|end)\{aligned\}")


def to_mathml(latex: str) -> Markup | None:
    """`latex` as a block of MathML, or None where the converter does not understand it.

    The converter copies text and attributes of its input unescaped; hence the tree is serialised
    here, with known elements and attributes only.
    """
    try:
        root = convert_to_element(_ALIGNED.sub(r"\\\1{align*}", latex), display="block")
        for element in root.iter():
            _clean(element)
    except Exception:  # a parser of free text: whatever it raises, the page shows the LaTeX
        return None
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _clean(element: ElementTree.Element) -> None:
    if not _ELEMENTS.fullmatch(element.tag):
        raise ValueError(f"unexpected element {element.tag}")
    for name in [name for name in element.attrib if not _ATTRIBUTES.fullmatch(name)]:
        del element.attrib[name]
    text = html.unescape(element.text or "")
    text = _LITERAL.get(text, text)
    if element.tag != "mtext" and text.startswith("\\"):
        raise ValueError(f"unknown command {text}")
    element.text = text
