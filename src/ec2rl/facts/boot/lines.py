"""What boots printed, as lines: who said them, and whole again where a terminal broke them."""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence
    from typing import Callable

KERNEL, STATUS, OTHER = "kernel", "status", "other"
"""Who said a line: one with the kernel's stamp, systemd's status on the console, anything else."""

PID_1 = "systemd[1]: "
"""Begins what the first program writes to /dev/kmsg."""
# Colours of which somebody lost the ESC (EC2's API does for some).
_COLOUR = r"\x1b?\[[\d;:]{0,20}m"
# The stamp that printk gives, also behind what user space had not ended with a line end.
STAMP = r"(?:<\d{1,3}>)?\[ {0,4}(\d{1,9}\.\d{6})\](?: ?\[ *[TC]\d{1,10}\])? ?"
# src/shared/show-status? src/core/unit.c and job.c, job_done_message_data (systemd 219 to 257);
# the blanks between the brackets are six or fewer in old ones.
_STATUS = r"\[ {0,2}(OK|FAILED|DEPEND|TIME|SKIP|WARN|INFO|ABRT|UNSUPP) {0,2}\] (.*)"
_WHO = r"(?:<(?P<code>\d{1,3})>|(?P<name>[a-z]{1,8}\d?) *:[a-z]{1,8} *: ?)"
"""Tells in front of a stamp whose a line is: a number (syslog(2)), or the words of dmesg -x."""
_WIDTHS = (79, 80, 99, 100, 119, 120, 131, 132, 159, 160)
"""Characters of a line that a terminal or GRUB's own one may have broken."""

_ELLIPSIS = r"\u2026|\xe2\x80\xa6|\xe2\u20ac\xa6|\\xe2\\x80\\xa6"
"""What systemd puts for the middle of a name: EC2's console shows its bytes as Latin-1."""

CUT = "..."
"""Stands for the middle of a name that systemd shortened."""


@record(frozen=True)
class BootLine:
    """A line of a console; `state` is systemd's word of status, `number` counts from 1."""

    number: int
    by: str
    text: str
    state: str = ""
    stamp: float | None = None


def boot_lines(text: str, is_known: Callable[[str], bool]) -> Iterator[BootLine]:
    """Give the lines; `is_known` tells whether a text by itself says something.

    Such a text is not put behind the line above it.
    """
    import re

    text = re.sub(_COLOUR, "", text).replace("\x1f", "")
    if not text.isascii():
        text = re.sub(_ELLIPSIS, CUT, text)
    raw = text.split("\n")
    at = 0
    while at < len(raw):
        line, number = raw[at], at + 1
        while len(line) - len(line.rpartition("\r")[0]) in _WIDTHS and at + 1 < len(raw):
            below = raw[at + 1]
            if not below.strip() or re.match(rf"\s*\[|{STAMP}", below) or is_known(below):
                break
            line, at = line + below, at + 1
        yield from _pieces(number, line)
        at += 1


def _pieces(number: int, line: str) -> Iterator[BootLine]:
    """The parts of a line that several wrote into: user space, and behind a stamp the kernel."""
    import re

    if "[" not in line:
        if line.strip():
            yield BootLine(number, OTHER, line.strip())
        return
    stamped = re.search(STAMP, line)
    who = re.match(_WHO, line)
    if who is not None and not _is_kernels(who) and f"] {PID_1}" not in line:
        yield BootLine(number, OTHER, line.strip())
        return
    before = line[: stamped.start()] if stamped else line
    if before.strip():
        status = re.search(_STATUS, before)
        if status is None:
            yield BootLine(number, OTHER, before.strip())
        else:
            yield BootLine(number, STATUS, status[2].strip(), status[1])
    if stamped is not None:
        # What stands behind a second stamp may be a string of a user's that the kernel quotes.
        yield BootLine(number, KERNEL, line[stamped.end() :].strip(), stamp=float(stamped[1]))


def _is_kernels(who: re.Match[str]) -> bool:
    """Tell by its facility whether a line is the kernel's: others write to /dev/kmsg, as PID 1."""
    return int(who["code"]) < 8 if who["code"] else who["name"] == "kern"


def has_stamps(lines: Sequence[BootLine]) -> bool:
    """Tell whether the kernel of these lines stamps what it says (printk.time)."""
    return any(line.by == KERNEL for line in lines)


def names_match(shown: str, name: str) -> bool:
    """Tell whether a name that systemd may have shortened in its middle can be this one.

    src/basic/string-util.c, ellipsize(): a head, an ellipsis, a tail (systemd 219 to 257).
    """
    head, cut, tail = shown.partition(CUT)
    if not cut:
        return shown == name
    return len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)


_TAIL = 12
"""Characters by whose end a name is known."""


def is_shown(shown: str, unit: str, path: str) -> bool:
    """Tell whether systemd may show this unit, of this path, so: by either name, or by both.

    Where the middle was cut within a colour's sequence, the head went with that.
    """
    names = (f"{unit} - {path}", unit, path)
    is_tail = len(shown) >= _TAIL and any(name.endswith(shown) for name in names)
    return is_tail or any(names_match(shown, name) for name in names)
