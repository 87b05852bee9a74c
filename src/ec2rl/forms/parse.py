"""A line of a log as the record that it is, by the table of forms."""

from __future__ import annotations

import re
from functools import lru_cache

from ec2rl.forms.mend import BEGINS
from ec2rl.forms.record import FACILITIES, KERNEL, Record
from ec2rl.forms.table import (
    FORMS,
    INNER,
    LEVEL,
    MIDDLE,
    MIDDLE_OF_LOG,
    MIDDLE_OF_RING,
    WRAPPERS,
    Kind,
)
from ec2rl.record import replace

_DEPTH = 3
_YEAR = r"(?<![\d.,])\d{4}(?!\d)|\d{9}"
"""What a time has that tells its year: that itself, or seconds since 1970."""
_REPEAT = r"message repeated (?P<n>\d{1,9}) times: \[ ?(?:\[ *\d+\.\d{6}\] ?)?(?P<msg>.*)\]"
_KERNELS = rf"kern(?:el)?(?:\.{LEVEL})?"
"""Its facility, where a log shows that instead of a name."""
# A message that has no name before it, and an object: it may tell of a name within.
_UNNAMED = rf" ?(?:\S+ )?(?:{BEGINS}|[^\s:]+: \{{\")"
_KINDS = {form.name: form.kind for form in FORMS}


@lru_cache(maxsize=1024)
def parse_record(text: str) -> Record | None:
    """Read a line; None for one in no form of the table.

    What recognises a text, puts its lines together and reads them asks for the same lines.
    """
    return _inside(text, _DEPTH)


def kind_of(one: Record) -> Kind:
    """Tell what kind of text a record's form is of; what another program passed on is a log."""
    return Kind.LOG if one.passed_on else _KINDS[one.form]


def _inside(text: str, depth: int) -> Record | None:
    for form in FORMS:
        match = re.fullmatch(form.pattern, text, re.DOTALL)
        if match is not None:
            return _record(form.name, match)
    for wrapper in WRAPPERS if depth else ():
        match = re.fullmatch(wrapper.pattern, text, re.DOTALL)
        found = None if match is None else _inside(match["rest"], depth - 1)
        if match is not None and found is not None:
            return replace(
                found,
                stamp=_dated(found.stamp, match.groupdict().get("at")),
                around=wrapper.name,
                passed_on=found.passed_on or wrapper.passed_on,
            )
    return None


def _dated(stamp: str, around: str | None) -> str:
    """A record's own time, or the one around it where that alone tells the year."""
    is_better = around is not None and re.search(_YEAR, around) and not re.search(_YEAR, stamp)
    return around if around is not None and is_better else stamp


def _record(name: str, match: re.Match[str]) -> Record | None:
    told = match.groupdict()
    said, who, pid = match["said"], told.get("who"), told.get("pid")
    tail = len(said)
    stamp, up = told.get("at") or "", told.get("up")
    if name.startswith("logcat"):
        who, pid = who and who.strip(), None if pid == "0" else pid
    if who is not None and pid in (None, "-"):
        who, said = _named(who, said, _facility(told) == 0 or name.startswith("logcat"))
        if who != KERNEL and re.match(_UNNAMED, match.string[match.end("at") if stamp else 0 :]):
            return None
    if who == KERNEL and pid in (None, "-"):
        inner = re.fullmatch(INNER, said, re.DOTALL)
        if inner is not None:
            said, up = inner["said"], inner["up"] or up
            tail = len(said)
    elif who is not None and pid:
        who = f"{who}[{pid}]"
    count = 1
    if who is not None:
        repeated = re.fullmatch(_REPEAT, said, re.DOTALL)
        if repeated is not None:
            said, count, up = repeated["msg"], int(repeated["n"]), None
    if name == "/dev/kmsg":
        said = re.sub(r"\\x([0-9a-f]{2})", lambda byte: chr(int(byte[1], 16)), said)
    microseconds = told.get("us") or (up and up.replace(".", ""))
    return Record(
        said,
        name,
        stamp,
        None if not microseconds else int(microseconds),
        _facility(told),
        who or "",
        count,
        repeats=float(told.get("plus") or 1) == 0,
        tail=tail,
    )


def _named(who: str, said: str, is_kernels: bool) -> tuple[str, str]:
    """Who says what: a daemon that got no name from the kernel takes the first word for one."""
    if re.fullmatch(_KERNELS, who):
        return KERNEL, said
    if is_kernels:
        return KERNEL, f"{who}: {said}" if who else said
    return who, said


def _facility(told: dict[str, str | None]) -> int | None:
    name, priority = told.get("facility"), told.get("pri")
    if name:
        return FACILITIES[name]
    return None if priority is None else int(priority) >> 3


@lru_cache(maxsize=1024)
def pieces(text: str, found: Record | None) -> tuple[str, ...]:
    """Give the records that a line holds, where another one's beginning stands within it.

    What looks like the ring buffer's within another program's words is what that program quotes.
    """
    if found is not None and found.count > 1:
        return (text,)
    begins = 1 if found is None else len(text) - found.tail
    middle = MIDDLE if " kernel: " in text else MIDDLE_OF_RING
    if found is not None and not found.is_kernels:
        middle = MIDDLE_OF_LOG
    starts = [match.start() for match in re.finditer(middle, text) if match.start() >= begins]
    ends = [*starts, len(text)]
    return tuple(text[start:end] for start, end in zip([0, *starts], ends))
