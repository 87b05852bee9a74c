"""The picture of README: a screen of `ec2rl demo`, with its colours, as SVG.

`PYTHONPATH=src python -m building.picture` writes it; a test tells when it is no longer current.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.sax.saxutils import escape

from ec2rl.commands.demo import demo, screens
from ec2rl.facts.zone import InZone
from ec2rl.report.text import Much, View

PICTURE = Path(__file__).resolve().parents[1] / "docs/full-table.svg"
_COLUMNS = 100
_WIDE, _HIGH, _MARGIN, _BAR = 8.4, 19, 16, 30
"""Of a character, a line, the edge and the bar above, in pixels at 14 pixels a letter."""
_COLOURS = {"31": "#ff6b68", "32": "#7ec77b", "33": "#e5c07b", "35": "#c792ea"}
_INK, _PAPER, _FAINT = "#d7dae0", "#1d2026", "#8b909b"
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def picture() -> str:
    """Draw the first screen of the full table, below the command that a person types."""
    with InZone("UTC"):
        typed, text = next(iter(screens(demo("full-table"), View(Much.SHORT, True, _COLUMNS))))
    lines = [f"\x1b[1m$ {typed}\x1b[0m", "", *text.rstrip("\n").split("\n")]
    width = round(_COLUMNS * _WIDE + 2 * _MARGIN)
    height = _BAR + len(lines) * _HIGH + 2 * _MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        "<title>ec2rl demo full-table</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{_PAPER}"/>',
        *(
            f'<circle cx="{18 + 18 * number}" cy="16" r="5" fill="{colour}"/>'
            for number, colour in enumerate(("#ff6b68", "#e5c07b", "#7ec77b"))
        ),
        f'<g font-family="{_FONT}" font-size="14" fill="{_INK}" xml:space="preserve">',
        f'<text x="{width // 2}" y="21" text-anchor="middle" fill="{_FAINT}">'
        "a recording: ec2rl demo full-table</text>",
    ]
    for number, line in enumerate(lines):
        drawn += _drawn(line, _BAR + _MARGIN + number * _HIGH + 14)
    return "\n".join([*drawn, "</g>", "</svg>"]) + "\n"


def _drawn(line: str, y: int) -> list[str]:
    """Draw each run of letters of one colour at its column, as wide as it is on a terminal."""
    found, column, style = [], 0, ""
    for escapes, words in re.findall(r"((?:\x1b\[[\d;]*m)*)([^\x1b]*)", line):
        if escapes:
            style = _style(re.findall(r"\x1b\[([\d;]*)m", escapes)[-1])
        text = words.lstrip(" ")
        if text:
            x = _MARGIN + (column + len(words) - len(text)) * _WIDE
            length = f'textLength="{len(text) * _WIDE:.1f}" lengthAdjust="spacingAndGlyphs"'
            found.append(f'<text x="{x:.1f}" y="{y}" {length}{style}>{escape(text)}</text>')
        column += len(words)
    return found


def _style(codes: str) -> str:
    parts = codes.split(";")
    colour = next((f' fill="{_COLOURS[part]}"' for part in parts if part in _COLOURS), "")
    return colour + (' font-weight="bold"' if "1" in parts else "")


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
