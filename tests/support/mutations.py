"""What happens to texts of logs on their way: cut, glued, interleaved, recoded, wrapped."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import re
from typing import Callable

from support.log_forms import EVENTS, STRONG, WEAK, records, wrapped

FORMS = {**STRONG, **WEAK}
PACKED = ("gzip", "xz", "bzip2")
CODED = ("UTF-16", "UTF-16 BE, no mark", "UTF-16 LE, no mark", "old line ends")
_OTHERS = (
    "[  OK  ] Started sshd.service - OpenSSH server.",
    "web-1 login: ",
    "Sep 21 14:15:00 web-1 sshd[123]: Accepted publickey for root from 10.0.0.1",
    "[   98.000000] systemd[1]: Reached target Network.",
    '[  131.000000] audit: type=1400 audit(1.1:1): apparmor="DENIED"',
    "something that is no log at all",
    "",
    "> a quotation, and another",
    "\x1b[31mred\x1b[0m",
    "         Starting Network Manager...",
    "2026-09-21T14:15:00.000Z a line of another log",
)


def _cut(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[at:] if dice.random() < 0.5 else text[:at]


def _cut_a_line(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    number = dice.randrange(len(lines))
    at = dice.randrange(len(lines[number]) + 1)
    lines[number] = lines[number][at:] if dice.random() < 0.5 else lines[number][:at]
    return "\n".join(lines)


def _glue(text: str, dice: random.Random) -> str:
    ends = [match.start() for match in re.finditer("\n", text)]
    for end in sorted(dice.sample(ends, min(len(ends), dice.randrange(1, 3))), reverse=True):
        text = text[:end] + dice.choice(("", "", " ", "\r", "\t")) + text[end + 1 :]
    return text


def _interleave(text: str, dice: random.Random) -> str:
    other = dice.choice(_OTHERS)
    at = dice.randrange(len(text) + 1)
    if dice.random() < 0.6:  # between two lines, or right at the beginning of one
        at = text.rfind("\n", 0, at) + 1
        other += "\n" if dice.random() < 0.6 else ""
    return text[:at] + other + text[at:]


def _two_writers(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    number = dice.randrange(len(lines))
    at = dice.randrange(len(lines[number]) + 1)
    other = dice.choice(_OTHERS)
    lines[number : number + 1] = [lines[number][:at] + other, lines[number][at:]]
    return "\n".join(lines)


def _wrap(text: str, dice: random.Random) -> str:
    if dice.random() < 0.7:
        return wrapped(text.encode(), dice.randrange(60, 110)).decode()
    width = dice.choice((80, 100, 120))
    return "\n".join(
        "\n".join(line[at : at + width] for at in range(0, len(line) or 1, width))
        for line in text.split("\n")
    )


def _around(text: str, dice: random.Random) -> str:
    before = dice.choice(("> ", ">> ", "  ", "\t", "    ", "| ", "12:", "2026-09-21 14:00:00 "))
    return "\n".join(before + line for line in text.split("\n"))


def _spoil(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    spoilt = dice.choice(("\r", "\x00", "\x1b[0m", "\x1b[1;31m", "\ufeff", "\u200b"))
    return text[:at] + spoilt + text[at:]


_TYPESET = ((" ", "\u00a0"), ("  ", " \u00a0"), (" - ", " \u2013 "), ("'", "\u2019"))


def _typeset(text: str, dice: random.Random) -> str:
    """What a word processor or a page makes of blanks and dashes."""
    return text.replace(*dice.choice(_TYPESET))


def _shuffle(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    number = dice.randrange(len(lines))
    lines.insert(dice.randrange(len(lines)), lines.pop(number))
    return "\n".join(lines)


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    _cut, _cut_a_line, _glue, _interleave, _two_writers, _wrap, _around, _spoil, _typeset, _shuffle,
)  # fmt: skip

CODINGS: tuple[Callable[[str], bytes], ...] = (
    str.encode, str.encode, str.encode, str.encode,
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-16-le"),
    lambda text: text.encode("utf-8-sig"),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: gzip.compress(text.encode(), 1),
    lambda text: lzma.compress(text.encode(), preset=0),
    lambda text: bz2.compress(text.encode()),
)  # fmt: skip


def mutated(dice: random.Random) -> tuple[str, str, str, bytes]:
    """One text that something happened to: its form, its event's name, what it shows, its bytes."""
    form = dice.choice([name for name in FORMS if name not in PACKED and name not in CODED])
    event = dice.choice(list(EVENTS))
    text = FORMS[form](records(EVENTS[event][1])).decode()
    for _ in range(dice.randrange(1, 4)):
        text = dice.choice(MUTATIONS)(text, dice)
    return form, event, text, dice.choice(CODINGS)(text)


# Another program's words: what stands behind its name is what it says, whatever that is.
_QUOTED = r"(?:sshd|systemd)\[\d+\]: [^\n]*|audit: [^\n]*"
_SHOWN = r"\x1b\[[0-9;]*m|[\r\x00\ufeff\u200b]"


def still_says(text: str, message: str) -> bool:
    """Whether a text has a message whole, for who reads it: over the end of a line, too."""
    shown = re.sub(_SHOWN, "", text)
    for old, new in _TYPESET:
        shown = shown.replace(new, old)
    if re.search(_QUOTED + re.escape(message), shown):
        return False
    return message in re.sub(r"\s+", " ", shown)
