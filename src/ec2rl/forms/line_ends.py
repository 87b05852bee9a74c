"""Lines that may be one: a mail program or a terminal broke what a program printed as one."""

from __future__ import annotations

from ec2rl.forms.mend import mended
from ec2rl.forms.parse import parse_record, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PARTS, _LONGEST = 8, 1000
"""Lines and characters that a message of the kernel's may have been broken into."""
_AROUND = "> \t\r"


def has_form(line: str) -> bool:
    """Whether a line is a record of a form that is known."""
    return parse_record(mended(line)) is not None


def broken(text: str, words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The lines of a text that may go on with those behind them, which have no form.

    One of these words stands in them: over a line end, or in the first, which has a form.  Any line
    without a form that holds a word whole is told as it is.
    """
    lines = [line for line in text.split("\n") if line.strip(_AROUND)]
    flats = joined(lines) if lines else ()
    words = [word for word in words if any(word in flat for flat in flats)]
    for at in range(len(lines) - 1 if words else 0):
        parts = lines[at : at + _PARTS]
        if not any(word in flat for flat in joined(parts) for word in words):
            continue
        parts = list(_going_on(parts))
        alone = parts[_ends_with_a_record(parts[0]) :]
        if len(parts) > 1 and any(
            flat.count(word) > sum(part.count(word) for part in alone)
            for flat in joined(parts)
            for word in words
        ):
            yield tuple(parts)


def _ends_with_a_record(line: str) -> bool:
    text = mended(line)
    return parse_record(pieces(text, parse_record(text))[-1]) is not None


def joined(parts: Sequence[str]) -> tuple[str, str]:
    """Lines as the one that they may be: broken between two words, or anywhere."""
    first, *others = parts
    return " ".join((first.rstrip(_AROUND), *(one.strip(_AROUND) for one in others))), "".join(
        parts
    )


def _going_on(parts: Sequence[str]) -> Iterator[str]:
    """As many of these lines as may be one message."""
    size = 0
    for number, part in enumerate(parts):
        size += len(part)
        if number and (size > _LONGEST or has_form(part)):
            return
        yield part
