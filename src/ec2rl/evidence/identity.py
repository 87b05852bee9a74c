"""Whose a file is and of when, as far as its beginning says: what contradicts another file."""

from __future__ import annotations

import re
from zlib import crc32

from ec2rl.evidence.kinds import HEAD, Kind, Use, plain
from ec2rl.forms.parse import parse_record
from ec2rl.forms.times import epoch
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES = 1000
_TRIED, _NEAR = 40, 4096
"""Lines at each end of a log that may tell its time; bytes that such a line has at most."""
_RELEASE = rb"Linux version ([\w.+~-]{1,64})"
_NOBODY = ("", "localhost", "(none)", "kernel", "-")
_APART = 86400.0
"""Seconds between the times of two files that are not of one moment: a copy keeps them, or not."""

_STAMPED = (
    rb"(?m)^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ][\d:.,]+\S*)"
    rb" ([A-Za-z0-9][\w.-]{0,63}) [\w./@-]{1,64}(?:\[\d+\])?: "
)
_RFC_5424 = rb"(?m)^<\d{1,3}>1 \d{4}-\d\d-\d\dT\S{8,40} ([A-Za-z0-9][\w.-]{0,63}) \S"
_PREFIX = rb"(?m)^([A-Za-z][\w.-]{0,63}) +\| +(?=[\[<\dA-Z])"
"""What stands before each line where somebody asked many hosts, or docker compose its services."""
_PROMPT = rb"(?m)^([A-Za-z0-9][\w.-]{0,63}) login: ?"
"""util-linux, term-utils/agetty.c: what a console shows of the machine's name."""
_INSTANCE = (
    rb'\A\s*(i-[0-9a-f]{3,17})\t|(?:"InstanceId"\s*:\s*"|<instanceId>)(i-[0-9a-f]{3,17})[<"]'
    rb'|"selfLink"\s*:\s*"[^"]{0,300}/instances/([\w-]{1,63})/'
)
"""Whose console it is, as the cloud says: EC2's command line and API, Google Compute Engine's."""
_SET = rb"(?:Set hostname to|Hostname set to) <([\w.-]{1,64})>"
"""systemd, src/core/main.c and hostname-setup.c: what it says through the kernel's log, too."""
_RING = (
    rb"(?m)^(?:<\d{1,3}>|\w+ *: *\w+ *: )?"
    rb"\[ *(\d{1,9}\.\d{6})\](?:\[ *[TC]\d{1,10}\])? ([^\n]*)\n"
)


@record(frozen=True)
class Identity:
    """What a file says of where it is from; "" for what it does not say.

    `lines` are those of a ring buffer, or of a console's last boot, each its seconds since boot and
    a number made of both: two boots have few in common.  `instance` is whose console it is, as
    the cloud says.  `modified` is its file's time in seconds since the epoch, of what tells one
    moment, else None; `first` and `last` are a log's own times, or when a console was fetched.
    """

    host: str = ""
    machine: str = ""
    boot: str = ""
    release: str = ""
    lines: tuple[tuple[float, int], ...] = ()
    modified: float | None = None
    instance: str = ""
    first: float | None = None
    last: float | None = None

    @property
    def is_named(self) -> bool:
        """Whether it says which machine it is of."""
        return bool(self.host or self.machine or self.boot or self.instance)

    def is_linked(self, other: Identity) -> bool:
        """Tell whether both say the same of which machine they are of."""
        return any(
            mine == theirs != ""
            for mine, theirs in (
                (_short(self.host), _short(other.host)),
                (self.machine, other.machine),
                (self.boot, other.boot),
                (self.instance, other.instance),
            )
        )


def contradiction(one: Identity, other: Identity) -> str:
    """Say why two files are not of one machine at one moment, "" where nothing says so."""
    for what, mine, theirs in (
        ("instances", one.instance, other.instance),
        ("hosts", _short(one.host), _short(other.host)),
        ("machine ids", one.machine, other.machine),
        ("boots", one.boot, other.boot),
        ("kernels", one.release, other.release),
    ):
        if mine and theirs and mine != theirs:
            return f"they name the {what} {mine} and {theirs}"
    if _are_two_boots(one.lines, other.lines):
        return "they tell of two different boots"
    times = one.modified, other.modified
    if times[0] is not None and times[1] is not None and abs(times[0] - times[1]) > _APART:
        return "their files are of two moments, more than a day apart"
    return ""


def apart_in_time(one: Identity, other: Identity) -> bool:
    """Tell whether a log ends more than a day before another one begins."""
    return any(
        before.last is not None and after.first is not None and after.first - before.last > _APART
        for before, after in ((one, other), (other, one))
    )


def identity_of(kind: Kind, head: bytes, modified: float | None = None) -> Identity:
    """Read what a file's beginning says of where it is from."""
    text = plain(head)
    if kind.use is Use.SETTINGS:
        return Identity(
            host=_name(_setting(text, "hostname")),
            boot=_setting(text, r"random\.boot_id"),
            release=_setting(text, "osrelease"),
            modified=modified,
        )
    if kind.use is Use.RELEASE:
        words = text.decode("utf-8", "backslashreplace").split()
        return Identity(host=_name(words[1]), release=words[2])
    if kind.use is Use.LOG and kind.part:  # a document: what it quotes is not of where it is from
        return Identity()
    if kind.use is Use.LOG and kind.name == "console":
        return _of_a_console(head)
    if kind.use is Use.LOG:
        return _of_a_log(kind, head, text)
    return Identity(modified=modified if kind.use in (Use.TEXT, Use.STREAM) else None)


def _of_a_log(kind: Kind, head: bytes, text: bytes) -> Identity:
    if kind.name == "journal file":
        # systemd, journal-def.h: file_id, machine_id.
        return Identity(machine=head[40:56].hex() if len(head) >= 56 else "")
    if kind.name in ("journal export", "journal as JSON"):
        return Identity(
            host=_name(_field(text, rb"_HOSTNAME", rb"[\w.-]{1,64}")),
            machine=_field(text, rb"_MACHINE_ID", rb"[0-9a-f]{32}"),
        )
    said = re.findall(_SET, text)
    if kind.name != "dmesg":
        names = (*re.findall(_STAMPED, text), *re.findall(_RFC_5424, text))
        first, last = _times(text)
        is_whole = len(head) < HEAD
        host = _last((*said, *names)) or _prefix(text)
        return Identity(host=host, first=first, last=last if is_whole else None)
    return replace(_of_a_boot(text), host=_last(said) or _prefix(text))


def _of_a_console(head: bytes) -> Identity:
    """Whose a console is: as the cloud says, or as the machine's own prompt does."""
    from ec2rl.host.console import cleaned, document_text, is_document

    named, text, when = None, head, None
    if is_document(head):
        named = re.search(_INSTANCE, head)
        try:
            text, when = document_text(head)
        except ValueError:
            text = b""  # cut, or in an odd form
    text = cleaned(plain(text))
    names = (*re.findall(_SET, text), *re.findall(_PROMPT, text))
    return replace(
        _of_a_boot(text),
        host=_last(names),
        instance="" if named is None else (named[1] or named[2] or named[3]).decode(),
        first=when,
        last=when,
    )


def _of_a_boot(text: bytes) -> Identity:
    """The kernel, and the lines, of the last boot that a text has."""
    begins = [found.start() for found in re.finditer(_RELEASE, text)]
    text = text[begins[-1] :] if begins else text
    release = re.match(_RELEASE, text)
    lines = re.findall(_RING, text)[:_LINES]
    return Identity(
        release="" if release is None else release[1].decode(),
        lines=tuple((float(at), crc32(at + words.rstrip())) for at, words in lines if float(at)),
    )


def _last(names: Sequence[bytes]) -> str:
    """The last name that is one: a machine is given its name while it starts."""
    known = [name for name in names if _name(name.decode())]
    return known[-1].decode() if known else ""


def _prefix(text: bytes) -> str:
    """The one name that stands before each line; several are many hosts', or services'."""
    names = set(re.findall(_PREFIX, text))
    return _name(names.pop().decode()) if len(names) == 1 else ""


def _times(text: bytes) -> tuple[float | None, float | None]:
    """The first and the last time of a log that say their year, in seconds since the epoch."""
    lines = text.split(b"\n")
    return _time(lines[:_TRIED]), _time(lines[-_TRIED:][::-1])


def _time(lines: Sequence[bytes]) -> float | None:
    for line in lines:
        found = parse_record(line.decode("utf-8", "replace")) if len(line) < _NEAR else None
        if found is not None and re.search(r"\d{4}", found.stamp) is not None:
            return epoch(found.stamp, 0.0)
    return None


def _are_two_boots(
    one: tuple[tuple[float, int], ...], other: tuple[tuple[float, int], ...]
) -> bool:
    """Whether they tell of the same seconds in other words."""
    if not one or not other:
        return False
    start, end = max(min(one)[0], min(other)[0]), min(max(one)[0], max(other)[0])
    mine, theirs = ({mark for at, mark in all_ if start <= at <= end} for all_ in (one, other))
    return 2 * len(mine & theirs) < min(len(mine), len(theirs))


def _setting(text: bytes, name: str) -> str:
    found = re.search(rf"(?m)^kernel\.{name} = ([\w.+~-]{{1,64}})\s*$".encode(), text)
    return "" if found is None else found[1].decode()


def _field(text: bytes, name: bytes, value: bytes) -> str:
    found = re.search(rb'"?%s"?\s*[=:]\s*"?(%s)"?' % (name, value), text)
    return "" if found is None else found[1].decode()


def _name(host: str) -> str:
    return "" if host.lower() in _NOBODY or host.startswith("localhost.") else host


def _short(host: str) -> str:
    return host.partition(".")[0].lower()
