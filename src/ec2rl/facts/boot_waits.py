"""What a boot waited for, and how long: from a journal's times, or from a console.

src/core/job.c and manager.c, manager_print_jobs_in_progress() (systemd 219 to 257);
format_timespan() writes times as `1min 30s`.
"""

from __future__ import annotations

from ec2rl.facts.proc import parse_number
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONG = 30.0
"""Seconds from which on a wait is told."""
_LINES, _MOST = 50_000, 64
_RESUME = "Gave up waiting for suspend/resume device"
_UNITS = {"y": 31557600.0, "month": 2629800.0, "w": 604800.0, "d": 86400.0, "h": 3600.0,
          "min": 60.0, "s": 1.0, "ms": 0.001, "us": 0.0}  # fmt: skip
RESUME = "resume="


@record(frozen=True)
class Wait:
    """A unit that a boot waited for, `seconds` long at least; `is_endless` without a limit.

    `is_last` is whether nothing was told behind it, and the boot had not come up.
    """

    unit: str
    seconds: float
    is_endless: bool = False
    is_last: bool = False
    text: str = ""
    number: int = 0


def seconds_of(shown: str) -> float | None:
    """Give the seconds of a time as systemd writes it, None for another text."""
    import re

    words = re.findall(r"(\d{1,9}(?:\.\d{1,6})?)(month|min|ms|us|y|w|d|h|s)(?: |$)", shown.strip())
    if not words or "".join(n + unit for n, unit in words) != shown.replace(" ", ""):
        return None
    return sum(float(n) * _UNITS[unit] for n, unit in words)


def of_journal(text: str) -> tuple[tuple[Wait, ...], float | None]:
    """Give what took long by the times of systemd's words, and how long all of it took."""
    import re

    starts = re.compile(r"(?:Starting|Mounting|Activating swap) (.{1,250}?)\.\.\.")
    ends = re.compile(r"(?:Started|Finished|Mounted|Activated swap|Failed to start|Failed to mount|"
                      r"Failed to activate swap) (.{1,250}?)\.?")  # fmt: skip
    device = re.compile(r"Timed out waiting for device (.{1,250}?)\.?")
    began: dict[str, float] = {}
    waits: dict[str, Wait] = {}
    whole = None
    for line in text.split("\n")[:_LINES]:
        stamp, _, words = line.partition(" ")
        number = parse_number(stamp)
        if number is None:
            continue
        at = number / 1e6
        if met := starts.fullmatch(words):
            began.setdefault(met[1], at)
        elif (met := ends.fullmatch(words)) and met[1] in began:
            took = at - began.pop(met[1])
            if took >= LONG and took > _known(waits, met[1]):
                waits[met[1]] = Wait(_unit(met[1]), took, text=words)
        elif met := device.fullmatch(words):
            waits[met[1]] = Wait(_unit(met[1]), max(LONG, min(at, 90.0)), text=words)
        elif words.startswith("Startup finished in "):
            whole = seconds_of(words.rpartition(" = ")[2].rstrip("."))
    return tuple(sorted(waits.values(), key=lambda one: -one.seconds))[:_MOST], whole


def of_console(text: str) -> tuple[tuple[Wait, ...], bool]:
    """Give what the last boot of a console waited for, and whether it came up."""
    from ec2rl.facts.boot.story import read_boots
    from ec2rl.facts.boot.wording import Stage

    boots = [one for one in read_boots(text) if not one.is_crash_kernel]
    if not boots:
        return (), False
    boot = boots[-1]
    is_up = boot.stage is Stage.REACHED
    waits: dict[str, Wait] = {}
    events = sorted((*boot.passed, *boot.events), key=lambda one: one.line.number)
    last = boot.last.number if boot.last is not None else 0
    for one in events:
        if one.kind == "device timeout":
            unit = one.values["device"].rstrip(".")
            waits.setdefault(
                unit, Wait(_unit(unit), 90.0, text=one.line.text, number=one.line.number)
            )
        if one.kind != "waits":
            continue
        took, unit = seconds_of(one.values["time"]), one.values["unit"]
        is_last = not is_up and last - one.line.number <= 1
        if took is not None and (took >= LONG or is_last) and took >= _known(waits, unit):
            is_endless = one.values["limit"] == "no limit"
            waits[unit] = Wait(
                _unit(unit), took, is_endless, is_last, one.line.text, one.line.number
            )
    if _RESUME in text.rpartition("Linux version ")[2]:
        waits[RESUME] = Wait(RESUME, LONG, text=_RESUME)
    found = sorted(waits.values(), key=lambda one: (not one.is_last, -one.seconds))
    return tuple(found)[:_MOST], is_up


def _known(waits: dict[str, Wait], unit: str) -> float:
    return waits[unit].seconds if unit in waits else 0.0


def _unit(shown: str) -> str:
    """The unit's own name, where its description stands behind it."""
    name, found, _ = shown.partition(" - ")
    return name if found and "." in name else shown


def jobs_of(lines: Iterable[str]) -> tuple[str, ...]:
    """Give the units that are being started now, of lines `job UNIT TYPE STATE`."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[0] == "job" and words[2:] == ["start", "running"]:
            found.append(words[1])
    return tuple(found)
