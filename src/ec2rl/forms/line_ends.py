"""Lines that may be one: a mail program or a terminal broke what a program printed as one."""

from __future__ import annotations

import re

from ec2rl.forms.mend import mended, undressed
from ec2rl.forms.parse import parse_record, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PARTS, _LONGEST = 5, 1000
"""Lines and characters that a message of the kernel's may have been broken into."""
_STAMP = (
    r"\[ *\+?\d{1,9}\.\d{6}(?: <[ +]*\d{1,9}\.\d{6}>)?\]"
    r"|\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\]|\[< *\d{1,9}\.\d{6}>\]"
)
"""What dmesg puts before a message: plain and with -d, -H; with -T; with the time between alone."""
_BEFORE_A_STAMP = " \t:>|])"
"""What a record's own stamp stands behind, where it does not begin its line."""
_AROUND = "> \t\r"
_BLANKS = dict.fromkeys(map(ord, _AROUND + "\n"))


def has_form(line: str) -> bool:
    """Tell whether a line is a record of a form that is known."""
    return parse_record(mended(line)) is not None


def broken(text: str, words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a text that may go on with those behind them, which have no form.

    One of these words stands in them: over a line end, or in the first, which has a form.  Any line
    without a form that holds a word whole is told as it is.  A tab may have been a line end.
    """
    whole = text.translate(_BLANKS)
    solid = {word: word.translate(_BLANKS) for word in words}
    yield from _cut_by_another(text, solid)
    solid = {word: one for word, one in solid.items() if one in whole}
    lines = [line for line in text.replace("\t", "\n").split("\n") if line.strip(_AROUND)]
    for line in lines if solid else ():
        packed = line.translate(_BLANKS)
        if any(one in packed and word not in line for word, one in solid.items()):
            yield _apart(line)
    for at in range(len(lines) - 1 if solid else 0):
        flat = "".join(lines[at : at + _PARTS]).translate(_BLANKS)
        if not any(one in flat for one in solid.values()):
            continue
        parts = tuple(_going_on(lines[at : at + _PARTS]))
        flat = "".join(parts).translate(_BLANKS)
        told = parts[_ends_with_a_record(parts[0]) :]
        if len(parts) > 1 and any(
            flat.count(one) > sum(part.count(word) for part in told) for word, one in solid.items()
        ):
            yield parts


def _cut_by_another(text: str, solid: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Yield records that another one's stamp cuts, each with lines below that it may go on with.

    Two that write on a console at once do that: `[ 1.5] BUG: soft lo[ 1.6] usb 1-1: new`.
    """
    looked_at = end = 0
    for stamp in re.finditer(_STAMP, text):
        begins = text.rfind("\n", 0, stamp.start()) + 1
        before = text[begins : stamp.start()]
        is_second = begins < end or before[-1:].strip(_BEFORE_A_STAMP) != "" or _is_within(before)
        end = stamp.end()
        if not is_second or begins < looked_at:
            continue
        first, *below = text[begins : begins + _PARTS * _LONGEST].split("\n")[:_PARTS]
        looked_at = begins + len(first)
        first, below = mended(first), list(map(_before_another, below))
        heads = [[part] for part in pieces(first, parse_record(first))[:-1]]
        if heads and parse_record(heads[0][0]) is None:  # it may have begun above
            heads.append([*_above(text, begins), *heads[0]])
        for head in heads:
            for at in range(len(below)):
                parts = tuple(_going_on([*head, *below[at:]]))
                flat = "".join(parts).translate(_BLANKS)
                named = [word for word, one in solid.items() if one in flat]
                if any(not any(word in one for one in parts) for word in named):
                    yield parts


def _above(text: str, begins: int) -> list[str]:
    """The lines above the one that begins here, from the last record on; [] where none is near."""
    lines = text[max(0, begins - _LONGEST) : begins].split("\n")[-_PARTS:-1]
    records = [at for at, line in enumerate(lines) if has_form(line)]
    return lines[records[-1] :] if records else []


def _is_within(before: str) -> bool:
    """Whether a record's message has begun where these words of it end."""
    found = parse_record(before) if before.strip() else None
    return found is not None and found.message.strip() != ""


def _before_another(line: str) -> str:
    """A line, or what stands in it before another one's stamp, where that cuts it."""
    stamp = re.search(_STAMP, line)
    before = "" if stamp is None else line[: stamp.start()]
    return before if before[-1:].strip(_BEFORE_A_STAMP) else line


def dressed(text: str, words: Sequence[str]) -> Iterator[str]:
    """Yield the lines in which a word stands but for marks and blanks in it, without those."""
    plain = undressed(text)
    if plain != text:
        for line, bare in zip(text.split("\n"), plain.split("\n")):
            if any(word in bare and word not in line for word in words):
                yield bare


def _apart(line: str) -> tuple[str, ...]:
    """The parts of a line between which more than one blank stands in its message."""
    text = mended(line)
    found = parse_record(text)
    begins = 0 if found is None else len(text) - found.tail
    first, *others = re.split(r" {2,}", text[begins:])
    return text[:begins] + first, *others


def joined(parts: Sequence[str]) -> Iterator[str]:
    """Yield lines as the one that they may be: each was broken between two words, or within one."""
    from itertools import product

    first, *others = parts
    stripped = [one.strip(_AROUND) for one in others]
    for between in product((" ", ""), repeat=len(others)):
        yield first.rstrip(_AROUND) + "".join(map("".join, zip(between, stripped)))


def _ends_with_a_record(line: str) -> bool:
    text = mended(line)
    return parse_record(pieces(text, parse_record(text))[-1]) is not None


def _going_on(parts: Sequence[str]) -> Iterator[str]:
    """As many of these lines as may be one message.

    Each of a text's records has the same around it; what only looks like a record has not.
    """
    first, *others = parts
    yield first
    head, size = parse_record(mended(first)), len(first)
    for part in others:
        found = parse_record(mended(part))
        size += len(part)
        is_next = found is not None and (head is None or found.around == head.around)
        if is_next or size > _LONGEST:
            return
        yield part
