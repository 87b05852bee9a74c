"""A line of a text log, as syslog daemons write what the kernel says."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from ec2rl.facts.log import LogLine
from ec2rl.facts.spoilt import bare, is_anothers, mended
from ec2rl.facts.trust import Grade, grades
from ec2rl.host import Line, Phrase
from ec2rl.record import replace

_STAMP = r"\[ *(?P<up>\d{1,9}\.\d{6})\] ?"
_CALLER = r"(?:\[ *[TC]\d{1,10}\] ?)?"
"""CONFIG_PRINTK_CALLER: the thread or the CPU that said it."""
# rsyslog's forms, and those of `journalctl -o short`, short-iso, short-full and short-unix.
_SYSLOG = (
    r"(?:<\d{1,3}>)?"
    r"(?P<ts>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?=[. ])"
    r"|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?"
    r"|[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]{3,5}"
    r"|\d{9,11}\.\d{6}(?= ))(?:\.\d{1,6})?"
    r" \S+ (?:kern\.\w+ )?kernel:(?: |$)(?:" + _STAMP + r")?" + _CALLER + r"(?P<msg>.*)"
)
_MONOTONIC = _STAMP + r"[\w.-]+ kernel: (?P<msg>.*)(?P<ts>)"
# dmesg, dmesg -x, -r, -T and --time-format iso.
_DMESG = (
    r"(?:<\d{1,3}>)?(?:\w+ *: *\w+ *: )?(?:"
    + _STAMP.rstrip("? ")
    + r"|\[[A-Z][a-z]{2} (?P<ts>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\]"
    + r"|(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d)(?= ))"
    + r" ?"
    + _CALLER
    + "(?P<msg>.*)"
)
_REPEAT = r"message repeated (?P<n>\d{1,9}) times: \[ ?(?:\[ *\d+\.\d{6}\] ?)?(?P<msg>.*)\]"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAY = 86400
_OTHER_FORM = "a line in another form than the text around it, as anybody could have added"
_ODD = "not understood who said it, and when"
_QUOTED = 3


def parse_line(text: str) -> tuple[str, str | None, int | None, int] | None:
    """Split a line into (message, time stamp, µs since boot, times repeated).

    None for a line that does not say that the kernel wrote it: another program that quotes the
    kernel, or a process that calls itself `kernel[123]`.
    """
    matched = _match(text)
    return None if matched is None else _parsed(*matched)


def _parsed(match: re.Match[str], is_dmesg: bool) -> tuple[str, str | None, int | None, int]:
    stamp: str | None = match["ts"] or (match["iso"] if is_dmesg else None) or None
    uptime = None if match["up"] is None else int(match["up"].replace(".", ""))
    message = match["msg"]
    repeated = re.fullmatch(_REPEAT, message, re.DOTALL)
    if repeated is not None:
        return repeated["msg"], stamp, None, int(repeated["n"])
    return message, stamp, uptime, 1


def _match(text: str) -> tuple[re.Match[str], bool] | None:
    """How a line's form matches, and whether that is one of dmesg's own."""
    for form in (_SYSLOG, _MONOTONIC, _DMESG):
        match = re.fullmatch(form, text, re.DOTALL)
        if match is not None:
            return match, form is _DMESG
    return None


def hits_of(lines: Sequence[Line], phrases: Sequence[Phrase]) -> tuple[Line, ...]:
    """The same lines, those that hold one of these phrases as hits and no others."""
    words = [phrase.text.decode() for phrase in phrases]
    return tuple(replace(line, hit=any(word in line.text for word in words)) for line in lines)


def parse_lines(
    path: str,
    lines: Sequence[Line],
    modified: float,
    booted: float | None,
    grade: Grade = Grade.UNVERIFIED,
    is_dmesg: bool = False,
    is_saved: bool = False,
) -> list[LogLine]:
    """The kernel's lines of one text log whose mtime is `modified` (seconds since the epoch).

    `grade` is what its lines are but for those that show that they are less.  Text of another form
    than its own (dmesg's or journalctl's) came in from elsewhere, and is hearsay; so is, in what
    somebody saved, a line in no form: left out it would be silence where there was none.
    """
    found: list[LogLine] = []
    doubts: dict[str, str] = {}
    if is_saved:
        lines = [replace(line, text=mended(line.text)) for line in lines]
    # A text log holds millions of lines, and only a priority could make less of hearsay.
    is_plain = grade is Grade.UNVERIFIED and not any(line.text[:1] == "<" for line in lines)
    graded = [(grade, "")] * len(lines) if is_plain else grades(lines, grade)
    # A stamp without a year is the latest that is no later than what stands below it in the file.
    latest = modified + _DAY
    for position in range(len(lines) - 1, -1, -1):
        text, (told, doubt) = lines[position].text, graded[position]
        matched = _match(text) if lines[position].hit else None
        if matched is not None:
            message, stamp, uptime, count = _parsed(*matched)
            if told is Grade.TEXT and matched[1] is not is_dmesg:
                told, doubt = Grade.UNVERIFIED, _OTHER_FORM
        elif lines[position].hit and is_saved and not is_anothers(text):
            message, stamp, uptime, count = bare(text), None, None, 1
            if told is not Grade.FORGED:
                told, doubt = Grade.UNVERIFIED, _no_form(doubts, message, text)
        else:
            continue
        when = None if stamp is None else epoch(stamp, latest)
        if when is not None:
            latest = min(latest, when + _DAY)
        context = []
        below = position + 1
        while below < len(lines) and not lines[below].hit:
            # What other programs say comes between the lines of a trace.
            behind = parse_line(lines[below].text)
            if behind is not None:
                context.append(behind[0])
            below += 1
        this_boot = None if when is None or booted is None else when >= booted - 2
        found.append(
            LogLine(
                message,
                (path,),
                when,
                uptime,
                None,
                this_boot,
                told,
                count,
                tuple(context),
                doubt,
            )
        )
    return found[::-1]


def _no_form(doubts: dict[str, str], message: str, text: str) -> str:
    """Why a line is in doubt, with a quotation for the first few that differ."""
    if message not in doubts and len(doubts) >= _QUOTED:
        return _ODD
    return doubts.setdefault(message, f"{_ODD}: {text[:160]}")


def epoch(stamp: str, latest: float) -> float | None:
    """A log's time stamp in seconds since the epoch; None for one that is no time.

    A stamp without a zone is local time; one without a year (RFC 3164) is the latest that is not
    after `latest`; dmesg -T has the year at the end.
    """
    from datetime import datetime

    if stamp[:9].isdigit():
        return float(stamp)
    if stamp[3] == " " and stamp[4:8].isdigit():
        stamp = stamp[4:23]  # without the weekday, and the name of the zone
    if stamp[0].isdigit():
        text = stamp.replace(",", ".").replace("Z", "+00:00")
        text = re.sub(r"\.(\d{1,6})\d*", lambda match: "." + match[1].ljust(6, "0"), text)
        text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    try:
        month = _MONTHS.index(stamp[:3]) + 1
        day, hour, minute, second = (
            int(stamp[a:b]) for a, b in ((4, 6), (7, 9), (10, 12), (13, 15))
        )
        year = time.localtime(latest).tm_year
        years: Sequence[int] = range(year, year - 5, -1)
        if stamp[16:]:
            years, latest = (int(stamp[16:]),), float("inf")
    except (ValueError, OverflowError, OSError):
        return None
    for candidate in years:
        try:
            when = datetime(candidate, month, day, hour, minute, min(second, 59)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue  # 29 February, in most years
        if when <= latest:
            return when
    return None
