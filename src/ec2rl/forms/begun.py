"""Messages of which only the beginning is there: a screen, a pager or a copy cut the line."""

from __future__ import annotations

import re

from ec2rl.forms.mend import bare, undressed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LEAST, _TELLING = 8, 11
"""Letters of a message that are looked for, and that tell it from others where there are as many.
"""
_CUT = r"(?:\.{2,3}|…|>|\s)+\Z"
"""What journalctl and other programs end a line with that they cut, and less -S."""
_NARROWEST, _WIDEST, _ALIKE = 40, 400, 3
"""Characters of a line that a screen cut, and lines that differ and have the same width for that.
"""


def begun(text: str, words: Sequence[str], messages: Sequence[str]) -> Iterator[str]:
    """Yield the lines that may begin one of the messages, and have none of their words yet."""
    beginnings = "|".join({re.escape(message[:_LEAST]) for message in messages})
    for line in re.findall(rf"(?m)^.*(?:{beginnings}).*$", text) if beginnings else ():
        if not any(word in line for word in words) and any(_alike(_said(line), messages)):
            yield line


def completed(message: str, messages: Sequence[str]) -> Iterator[str]:
    """Yield which of the messages one may have been, of which this is the beginning."""
    said = _said(message)
    for whole in _alike(said, messages):
        for at in range(1, len(whole)):
            yield said + whole[at:]


def _said(text: str) -> str:
    return re.sub(_CUT, "", bare(undressed(text)))


def _alike(said: str, messages: Sequence[str]) -> Iterator[str]:
    if len(said) >= _LEAST:
        yield from (one for one in messages if one.startswith(said[:_TELLING]))


def cut_at(lines: Sequence[str]) -> int:
    """Tell at how many characters somebody cut these lines, 0 where nothing tells that.

    An ellipsis stands in no message of the kernel's.  Of lines that differ, several are the longest
    only where they were cut; numbers make no line another one.
    """
    width = max(map(len, lines), default=0)
    if any(line.endswith("…") for line in lines):
        return width
    widest = {re.sub(r"\b[\da-fx]+\b|\d+", "", line): line for line in lines if len(line) == width}
    is_marked = len(widest) > 1 and all(line.endswith((">", "...")) for line in widest.values())
    fits = _NARROWEST <= width <= _WIDEST
    return width if is_marked or (fits and len(widest) >= _ALIKE) else 0
