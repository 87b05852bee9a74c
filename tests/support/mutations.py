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


_JOURNAL = "_TRANSPORT"
"""Stands in the journal's own forms, where a record has one message whole."""
_STAMPED = (
    "[  600.300000] usb 1-1: new full-speed USB device number 2 using xhci_hcd\n",
    "[  600.300000] systemd[1]: Reached target Network.\n",
)


def _cut_by_a_stamp(text: str, dice: random.Random) -> str:
    """As two print on a console: the one's line ends the other's, which goes on below it."""
    at = dice.randrange(len(text) + 1)
    return text if _JOURNAL in text else text[:at] + dice.choice(_STAMPED) + text[at:]


_BEFORE = (
    "systemd[1]: Started a.",
    "audit: type=1400 ",
    "[UFW BLOCK] IN=eth0 OUT= MAC=",
    "nf_conntrack: default automatic helper assignment has been turned off ",
)


def _begin_twice(text: str, dice: random.Random) -> str:
    """Put the beginning of a message, or another's words, right before a message in its line."""
    messages = [message for _, message in EVENTS.values()]
    message = next((one for one in messages if one in text), "")
    other = dice.choice((message, message, *messages))
    before = dice.choice((other[: dice.randrange(len(other) + 1)], *_BEFORE))
    is_glued = message and _JOURNAL not in text
    return text.replace(message, before + message, 1) if is_glued else text


def _far_in(text: str, dice: random.Random) -> str:
    """Put a line as far in as the inside of the record above it."""
    lines = text.split("\n")
    number = dice.randrange(len(lines))
    lines[number] = " " * dice.randrange(8, 40) + lines[number]
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
    _cut_by_a_stamp, _begin_twice, _far_in,
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


# What stands behind the name of a program that a log shows is what it says, whatever that is, and
# so is what stands farther in below it.
_QUOTED = r"\w{3} [ \d]\d [\d:]{8} \S+ sshd\[\d+\]: [^\n]*(?:\n[ \t]+[^\n]*)?"
_SHOWN = r"\x1b\[[0-9;]*m|[\r\x00\ufeff\u200b]"


def still_says(text: str, message: str) -> bool:
    """Whether a text has a message whole, for who reads it: over the end of a line, too."""
    shown = re.sub(_SHOWN, "", text)
    for old, new in _TYPESET:
        shown = shown.replace(new, old)
    if re.search(_QUOTED + r"\s+".join(map(re.escape, message.split())), shown):
        return False
    for other in _STAMPED:  # a line of one's own within another one
        shown = re.sub(rf"(?<=\S){re.escape(other)}", "", shown)
    return message in re.sub(r"\s+", " ", shown)
