"""How two texts differ, for a person who decides by it: nothing hidden, whoever wrote them."""

from __future__ import annotations

from ec2rl.report.escape import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES, _MOST_LINES = 64 << 10, 2000
"""Of both texts together: difflib takes the square of it, or more."""


def difference(before: str, after: str, most: int | None = None, whole: bool = False) -> list[str]:
    """Give the lines of a unified diff, without its head, each cut at `most` characters.

    `whole` gives every line of texts that are too large to be compared as well.
    """
    old, new = _lines(before), _lines(after)
    if whole and len(old) + len(new) > _MOST_LINES:
        return [_shown(line, most) for line in every_line(old, new)]
    if len(old) + len(new) > _MOST_LINES or len(before) + len(after) > _MOST_BYTES:
        return [_shown(line, most) for line in _replaced(old, new)]
    try:
        from difflib import unified_diff
    except ImportError:  # python3-minimal has none
        return [_shown(line, most) for line in every_line(old, new)]
    return [_shown(line, most) for line in [*unified_diff(old, new)][2:]]


def _replaced(old: list[str], new: list[str]) -> Iterator[str]:
    yield f"@@ too large to be compared, replaced whole: {len(old)} lines become {len(new)} @@\n"
    for sign, lines in (("-", old), ("+", new)):
        yield from (sign + line for line in lines[:1])
        if len(lines) > 2:
            yield f" ... {len(lines) - 2} more lines\n"
        yield from (sign + line for line in lines[1:][-1:])


def every_line(old: list[str], new: list[str]) -> list[str]:
    """Give a diff of one hunk that takes no line for the same: all of one, then of the other."""
    before, after = ({0: "0,0", 1: "1"}.get(len(t), f"1,{len(t)}") for t in (old, new))
    head = f"@@ -{before} +{after} @@\n"
    return [head, *(f"-{line}" for line in old), *(f"+{line}" for line in new)]


def _lines(text: str) -> list[str]:
    """Split where the kernel's tools do: at newlines, and at nothing else that looks like one."""
    *whole, rest = text.split("\n")
    return [line + "\n" for line in whole] + ([rest] if rest else [])


def _shown(line: str, most: int | None) -> str:
    """Show blanks at the end of a line, an end that lacks its newline, and what is cut."""
    text = line.removesuffix("\n")
    bare = text[:1] + text[1:].rstrip(" \t")
    ends = text[len(bare) :].replace(" ", "\\x20").replace("\t", "\\x09")
    shown = one_line(bare) + ends
    if most is not None and len(shown) > most:
        shown = f"{shown[:most]} ... {len(shown) - most} more characters"
    return shown if line.endswith("\n") else f"{shown}  (no newline at the end)"
