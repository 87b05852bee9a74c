"""Long lines, for a terminal."""

from __future__ import annotations

from ec2rl.report.escape import TIED, one_line

_WIDTH = 80


def wrapped(indent: str, text: str, more: str = "", width: int = _WIDTH) -> list[str]:
    """Give a line for a terminal; what does not fit goes on below, further in."""
    return filled(indent, text, " " * len(indent) + more, width)


def filled(first: str, text: str, rest: str, width: int) -> list[str]:
    """Fill lines with words, the first one behind `first`, the others behind `rest`.

    A word that is wider than a line stays whole.
    """
    lines, line, is_empty = [], first, True
    for word in one_line(text).split(" "):
        longer = line + word if is_empty else f"{line} {word}"
        if len(longer) <= width or not line.strip():
            line = longer
        else:
            lines.append(line)
            line = rest + word
        is_empty = is_empty and not word
    return [one.rstrip().replace(TIED, " ") for one in (*lines, line)]
