"""Long lines, for a terminal."""

from __future__ import annotations

import textwrap

from ec2rl.report.escape import one_line

_WIDTH = 80


def wrapped(indent: str, text: str, more: str = "") -> list[str]:
    """Give a line for a terminal; what does not fit goes on below, further in."""
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent) + more,
        break_long_words=False,
        break_on_hyphens=False,
    )
