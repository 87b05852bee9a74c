"""Long lines, for a terminal."""

from __future__ import annotations

from ec2rl.report.escape import TIED, one_line, untied

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_WIDTH = 80


def wrapped(indent: str, text: str, more: str = "", width: int = _WIDTH) -> list[str]:
    """Give a line for a terminal; what does not fit goes on below, further in."""
    return filled(indent, text, " " * len(indent) + more, width)


def filled(first: str, text: str, rest: str, width: int) -> list[str]:
    """Fill lines with words, the first one behind `first`, the others behind `rest`.

    A word that is wider than that stays whole, and begins further to the left where it then fits.
    """
    lines, line, is_empty = [], first, True
    for word in one_line(text).split(" "):
        longer = line + word if is_empty else f"{line} {word}"
        if len(longer) <= width or not line.strip():
            line = longer
        else:
            lines.append(line)
            line = rest[: max(0, width - len(word))] + word
        is_empty = is_empty and not word
    return [untied(one.rstrip()) for one in (*lines, line)]


def filled_page(text: str, width: int) -> str:
    """Fill the paragraphs and items of a page in Markdown; commands, titles and tables stay."""
    import re

    lines: list[str] = []
    parts: list[str] = []

    def end() -> None:
        if parts:
            first = re.match(r"(- |\d+\. )?", parts[0])[0]  # type: ignore[index]
            words = re.sub("`[^`]*`", _tied, " ".join(parts)[len(first) :])
            lines.extend(filled(first, words, " " * len(first), width))
            parts.clear()

    for line in text.split("\n"):
        if not line or line.startswith(("    ", "#", "|")):
            end()
            lines.append(line)
            continue
        if re.match(r"- |\d+\. ", line):
            end()
        parts.append(line.strip())
    end()
    return "\n".join(lines)


def _tied(match: re.Match[str]) -> str:
    return match[0].replace(" ", TIED)
